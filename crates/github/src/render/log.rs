//! The part of a log that a check shows: its beginning and its end.

use super::escape::turns_direction;
use super::span::grouped;
use std::borrow::Cow;

/// A longer line is cut: one line must not use up what all lines have.
const LINE_BYTES: usize = 1000;
/// Room for the line that says how much is missing.
const NOTICE_BYTES: usize = 100;

/// At most `limit` bytes of whole lines of `log`: a quarter from its start, the rest from its end, and between them how many
/// lines are missing. Colours and other terminal controls are taken out; of a line that a progress bar wrote over, the last
/// state is kept.
pub(super) fn excerpt(log: &str, limit: usize) -> String {
    let Some(limit) = limit.checked_sub(NOTICE_BYTES) else {
        return String::new();
    };
    let mut lines = log.lines();
    let mut head = Vec::new();
    let mut room = limit / 4;
    let mut tail = Vec::new();
    take(&mut room, &mut head, || lines.next());
    let mut room = limit - limit / 4;
    take(&mut room, &mut tail, || lines.next_back());
    let (count, bytes) = lines.fold((0, 0), |(count, bytes), line| (count + 1, bytes + line.len() + 1));
    let mut out = head.concat();
    if count > 0 {
        out.push_str(&format!(
            "[… {} lines, {} bytes left out …]\n",
            grouped(count),
            grouped(bytes)
        ));
    }
    out.extend(tail.iter().rev().map(String::as_str));
    out
}

/// Takes lines while they fit into `room`.
fn take<'a>(room: &mut usize, into: &mut Vec<String>, mut next: impl FnMut() -> Option<&'a str>) {
    while *room > LINE_BYTES + 64 {
        let Some(line) = next() else { return };
        let mut line = clean(line).into_owned();
        line.push('\n');
        *room -= line.len();
        into.push(line);
    }
}

/// The line as a terminal would leave it, without escape sequences and controls, cut to [`LINE_BYTES`] with a note.
pub(super) fn clean(line: &str) -> Cow<'_, str> {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    let plain = |c: char| c == '\t' || !(c.is_control() || turns_direction(c));
    let line: Cow<'_, str> = if line.chars().all(plain) {
        Cow::Borrowed(line)
    } else {
        Cow::Owned(without_escapes(line).chars().filter(|c| plain(*c)).collect())
    };
    if line.len() <= LINE_BYTES {
        return line;
    }
    let mut end = LINE_BYTES;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!(
        "{} [… {} bytes left out]",
        &line[..end],
        grouped(line.len() - end)
    ))
}

/// Without ANSI escape sequences (ECMA-48): `ESC [` up to its final byte, `ESC ]` up to BEL or `ESC \`, other `ESC x`.
fn without_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        if sign != '\u{1b}' {
            out.push(sign);
            continue;
        }
        match signs.next() {
            Some('[') => {
                signs.find(|c| ('@'..='~').contains(c));
            }
            Some(']') => {
                signs.find(|c| matches!(c, '\u{7}' | '\u{1b}'));
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_as_a_terminal_leaves_them() {
        let table = [
            ("plain\tline", "plain\tline"),
            ("windows\r", "windows"),
            (" 10%\r 50%\r100%", "100%"),
            ("\u{1b}[1;31merror\u{1b}[0m: no", "error: no"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("bell\u{7} null\u{0}", "bell null"),
            ("\u{1b}[", ""),
        ];
        for (line, expected) in table {
            assert_eq!(clean(line), expected);
        }
        let long = clean(&"é".repeat(600)).into_owned();
        assert_eq!(long, format!("{} [… 200 bytes left out]", "é".repeat(500)));
    }

    #[test]
    fn a_short_log_is_whole() {
        assert_eq!(excerpt("a\nb\nc\n", 10_000), "a\nb\nc\n");
        assert_eq!(excerpt("", 10_000), "");
    }

    #[test]
    fn of_a_long_log_the_middle_is_left_out() {
        let log: String = (1..=3000).map(|n| format!("line {n}\n")).collect();
        let cut = excerpt(&log, 10_000);
        assert!(cut.len() <= 10_000);
        assert!(cut.starts_with("line 1\nline 2\n"));
        assert!(cut.ends_with("line 2999\nline 3000\n"));
        assert!(
            cut.contains("\n[… 2,194 lines, 21,110 bytes left out …]\n"),
            "{cut}"
        );
    }

    proptest! {
        #[test]
        fn never_over_the_limit(log in "([a-zé\u{1b}\\[\r`]{0,300}\n){0,200}|.{0,4000}", limit in 0_usize..20_000) {
            prop_assert!(excerpt(&log, limit).len() <= limit);
        }
    }
}
