//! The text of a file, and places in it.

use std::sync::Arc;

/// A piece of a file, in bytes. Empty where only its beginning is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A file of the repository: path and text. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    path: String,
    text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self(Arc::new(Inner {
            path: path.to_owned(),
            text: text.to_owned(),
        }))
    }

    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.text
    }

    /// The bytes of a span; empty when the span doesn't fit the text.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text().get(span.start..span.end).unwrap_or("")
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let text = self.text();
        let offset = floor_char_boundary(text, offset);
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        // A byte order mark takes no column.
        let column = before[line_start..]
            .trim_start_matches('\u{feff}')
            .chars()
            .count()
            + 1;
        (line, column)
    }

    /// The byte at a line and column (both from 1), as far as the text goes.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let text = self.text();
        let mut start = 0;
        for _ in 1..line {
            match text[start..].find('\n') {
                Some(newline) => start += newline + 1,
                None => return text.len(),
            }
        }
        let rest = text[start..].trim_start_matches('\u{feff}');
        let start = text.len() - rest.len();
        rest.char_indices()
            .take_while(|(_, c)| *c != '\n')
            .map(|(at, _)| start + at)
            .nth(column.saturating_sub(1))
            .unwrap_or_else(|| start + rest.find('\n').unwrap_or(rest.len()))
    }

    /// The line (from 1) without its end.
    pub(crate) fn line(&self, line: usize) -> &str {
        let line = self.text().split('\n').nth(line.saturating_sub(1)).unwrap_or("");
        line.trim_end_matches('\r').trim_start_matches('\u{feff}')
    }
}

/// The last character boundary at or before `offset`.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_go_both_ways() {
        let source = Source::new("a.yml", "a: ä\r\nübel: 1\n\nx");
        for (offset, position) in [
            (0, (1, 1)),
            (3, (1, 4)),
            (5, (1, 5)),
            (7, (2, 1)),
            (12, (2, 5)),
            (17, (4, 1)),
        ] {
            assert_eq!(source.position(offset), position, "{offset}");
            assert_eq!(source.offset(position.0, position.1), offset, "{position:?}");
        }
        assert_eq!(source.position(4), (1, 4), "inside the ä");
        assert_eq!(source.position(999), (4, 2));
        assert_eq!(source.offset(99, 99), 18);
        assert_eq!(source.line(1), "a: ä");
        assert_eq!(source.line(99), "");
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let source = Source::new("a.yml", "\u{feff}on: push");
        assert_eq!(source.position(3), (1, 1));
        assert_eq!(source.offset(1, 1), 3);
        assert_eq!(source.line(1), "on: push");
    }
}
