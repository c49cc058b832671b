//! From the bytes that a process prints to lines.

use crate::mask::Masks;

/// A longer line is cut into pieces. Nobody reads such lines, and they must not fill our memory.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// A line without its end, or a piece of an overlong one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    /// Not the beginning of its line, so it is no command whatever it looks like.
    pub continued: bool,
}

/// Collects bytes until a line is whole. Bytes that are no UTF-8 become U+FFFD.
#[derive(Debug, Default)]
pub struct Lines {
    pending: Vec<u8>,
    continued: bool,
}

impl Lines {
    /// The lines that `bytes` completes. `masks` says where an overlong line may be cut.
    pub fn push(&mut self, bytes: &[u8], masks: &Masks) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.cut(masks, &mut lines);
            self.complete(&mut lines);
        }
        self.pending.extend_from_slice(rest);
        self.cut(masks, &mut lines);
        lines
    }

    /// The last line, where it has no end.
    pub fn finish(&mut self) -> Option<Line> {
        let mut lines = Vec::new();
        if !self.pending.is_empty() {
            self.complete(&mut lines);
        }
        lines.pop()
    }

    fn complete(&mut self, lines: &mut Vec<Line>) {
        let bytes = std::mem::take(&mut self.pending);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes).into_owned();
        lines.push(Line {
            text,
            continued: std::mem::take(&mut self.continued),
        });
    }

    fn cut(&mut self, masks: &Masks, lines: &mut Vec<Line>) {
        while self.pending.len() > LINE_BYTES_MAX {
            let whole = self.pending.len() - unfinished_char(&self.pending);
            let text = String::from_utf8_lossy(&self.pending[..whole]).into_owned();
            let mut cut = masks.safe_cut(&text, LINE_BYTES_MAX);
            if cut == 0 {
                // One secret after the other from the beginning on: all of it is hidden, so any cut is as good.
                cut = (1..=LINE_BYTES_MAX)
                    .rev()
                    .find(|at| text.is_char_boundary(*at))
                    .unwrap_or(text.len());
            }
            let mut rest = text.as_bytes()[cut..].to_vec();
            rest.extend_from_slice(&self.pending[whole..]);
            lines.push(Line {
                text: text[..cut].to_owned(),
                continued: self.continued,
            });
            self.continued = true;
            self.pending = rest;
        }
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished_char(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let start = tail.iter().rposition(|byte| *byte >= 0xC0);
    match start.map(|start| &tail[start..]) {
        Some(last) if std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none()) => last.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(lines: Vec<Line>) -> Vec<String> {
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn line_ends_and_broken_bytes() {
        let mut lines = Lines::default();
        let pushed = lines.push(b"a\r\nb\n\nc\xff\n\rd", &Masks::default());
        assert_eq!(texts(pushed), ["a", "b", "", "c\u{fffd}"]);
        assert_eq!(lines.finish().unwrap().text, "\rd");
        assert_eq!(lines.finish(), None);
    }

    #[test]
    fn an_overlong_line_is_cut_between_characters_and_around_secrets() {
        let mut masks = Masks::default();
        masks.add("SECRETSECRET");
        let mut lines = Lines::default();
        let text = format!(
            "{}SECRETSECRET{}\nnext\n",
            "ü".repeat(LINE_BYTES_MAX / 2 - 3),
            "€".repeat(LINE_BYTES_MAX)
        );
        let mut pieces = Vec::new();
        for chunk in text.as_bytes().chunks(1000) {
            pieces.extend(lines.push(chunk, &masks));
        }
        assert_eq!(
            pieces.last().unwrap(),
            &Line {
                text: "next".into(),
                continued: false
            }
        );
        pieces.pop();
        let flags: Vec<_> = pieces.iter().map(|line| line.continued).collect();
        assert!(
            !flags[0] && flags[1..].iter().all(|continued| *continued) && flags.len() > 2,
            "{flags:?}"
        );
        assert!(
            pieces
                .iter()
                .all(|line| line.text.len() <= LINE_BYTES_MAX && !line.text.contains('\u{fffd}'))
        );
        assert_eq!(
            pieces
                .iter()
                .filter(|line| line.text.contains("SECRETSECRET"))
                .count(),
            1
        );
        assert_eq!(texts(pieces).concat(), text.lines().next().unwrap());
    }

    #[test]
    fn a_line_of_nothing_but_secrets_still_ends() {
        let mut masks = Masks::default();
        masks.add("aaaaaa");
        let mut lines = Lines::default();
        let pieces = lines.push("a".repeat(3 * LINE_BYTES_MAX).as_bytes(), &masks);
        assert!(pieces.iter().all(|line| masks.apply(&line.text) == "***"));
        assert!(pieces.len() >= 2);
    }

    proptest! {
        #[test]
        fn where_reads_end_does_not_matter(text in "[aü€😀\n]{0,60}", sizes in proptest::collection::vec(1usize..7, 1..80)) {
            let mut lines = Lines::default();
            let mut pushed = Vec::new();
            let mut rest = text.as_bytes();
            for size in sizes.into_iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, after) = rest.split_at(size.min(rest.len()));
                pushed.extend(lines.push(chunk, &Masks::default()));
                rest = after;
            }
            pushed.extend(lines.finish());
            prop_assert_eq!(texts(pushed), text.lines().map(str::to_owned).collect::<Vec<_>>());
        }
    }
}
