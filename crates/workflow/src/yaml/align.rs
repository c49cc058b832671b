//! From a place in a scalar's text to the place in the file: quotes, escapes, indentation and folding lie between.

use crate::source::{Source, Span, floor_char_boundary};

/// The byte of the file at which byte `offset` of the scalar's `text` is written.
///
/// Both are read side by side: what the file has more (indentation, quotes, the line ends that folding ate) is passed over.
pub(crate) fn offset_in_source(source: &Source, span: Span, text: &str, offset: usize) -> usize {
    let written = source.slice(span);
    let offset = floor_char_boundary(text, offset);
    let double_quoted = written.starts_with('"');
    let mut at = usize::from(double_quoted || written.starts_with('\''));
    for wanted in text[..offset].chars() {
        at = after(written, at, wanted, double_quoted);
    }
    if let Some(next) = text[offset..].chars().next() {
        at = begin(written, at, next, double_quoted);
    }
    span.start + at.min(written.len())
}

/// The byte behind the next `wanted`, from `at`.
fn after(written: &str, at: usize, wanted: char, double_quoted: bool) -> usize {
    let at = begin(written, at, wanted, double_quoted);
    let rest = &written[at..];
    if double_quoted && rest.starts_with('\\') {
        return at + escape_length(rest);
    }
    if rest.starts_with("''") && wanted == '\'' {
        return at + 2;
    }
    at + rest.chars().next().map_or(0, char::len_utf8)
}

/// The byte at which the next `wanted` begins, from `at`; `at` itself where there is none.
fn begin(written: &str, at: usize, wanted: char, double_quoted: bool) -> usize {
    let rest = &written[at..];
    let mut escaped_until = 0;
    for (offset, c) in rest.char_indices() {
        if offset < escaped_until {
            continue;
        }
        if double_quoted && c == '\\' {
            let length = escape_length(&rest[offset..]);
            let line_end = rest[offset + 1..].starts_with(['\n', '\r']);
            if !line_end {
                // Every escape stands for one character: this one.
                return at + offset;
            }
            escaped_until = offset + length;
        } else if c == wanted || (wanted.is_whitespace() && c.is_whitespace()) {
            return at + offset;
        }
    }
    at
}

/// Bytes of the escape that the text begins with.
fn escape_length(text: &str) -> usize {
    let digits = match text.as_bytes().get(1) {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        _ => 0,
    };
    let kind = text[1..].chars().next().map_or(0, char::len_utf8);
    floor_char_boundary(text, 1 + kind + digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Value, parse};

    /// The place of `needle` in the value of `a`, as line and column of the file.
    fn place(file: &str, needle: &str) -> (usize, usize) {
        let source = Source::new("a.yml", file);
        let node = parse(&source).unwrap();
        let value = node.get("a").unwrap();
        let Value::Text(text) = &value.value else {
            panic!("not a text: {value:?}")
        };
        let offset = text.find(needle).unwrap();
        source.position(offset_in_source(&source, value.span, text, offset))
    }

    #[test]
    fn every_style_of_scalar() {
        for (file, needle, expected) in [
            ("a: plain X", "X", (1, 10)),
            ("a: plain\n   goes X on", "X", (2, 9)),
            ("a: 'it''s X'", "X", (1, 11)),
            ("a: \"tab\\tü \\u00e9X\"", "X", (1, 18)),
            ("a: \"one \\\n    two X\"", "X", (2, 9)),
            ("a: |\n  one\n    ${{ X }}\n", "X", (3, 9)),
            ("a: |-\n  - x\n  - X\n", "X", (3, 5)),
            ("a: >\n  one\n  two\n\n  X\n", "X", (5, 3)),
            ("b: &anchor the X\na: *anchor\n", "X", (1, 16)),
        ] {
            assert_eq!(place(file, needle), expected, "{file:?}");
        }
    }

    #[test]
    fn a_place_past_the_end_stays_inside() {
        let source = Source::new("a.yml", "a: x");
        assert_eq!(offset_in_source(&source, Span::new(3, 4), "x", 99), 4);
        assert_eq!(offset_in_source(&source, Span::new(3, 3), "not there", 5), 3);
    }
}
