//! Making the error lines of two attempts comparable: what differs from run to run is replaced.

use super::cut;
use crate::limits::HISTORY_LINE_BYTES;

/// Of a line, what is looked at: a longer one is data, not a message.
const LOOKED_AT_BYTES: usize = 2000;
/// A word of hexadecimal digits from this length on is an id; shorter ones are words such as `add` or `feed`.
const HEX_ID: usize = 7;
/// A word that mixes letters and digits from this length on is an id.
const MIXED_ID: usize = 16;
/// What may stand around a word without being part of it.
const AROUND: &[char] = &[
    '(', ')', '[', ']', '{', '}', '"', '\'', '`', ',', ';', ':', '.', '!', '?',
];
/// Words that an error line has.
const TELLING: [&str; 22] = [
    "error",
    "errors",
    "failed",
    "failure",
    "fail",
    "fatal",
    "panicked",
    "exception",
    "traceback",
    "cannot",
    "can't",
    "couldn't",
    "unable",
    "denied",
    "refused",
    "abort",
    "aborted",
    "killed",
    "undefined",
    "unresolved",
    "invalid",
    "missing",
];
/// Phrases that an error line has.
const TELLING_PHRASES: [&str; 4] = ["not found", "no such", "timed out", "could not"];

/// The first of a failing step's last lines that tells an error; where none does, the last that says anything.
#[must_use]
pub fn error_line<S: AsRef<str>>(lines: &[S]) -> Option<&str> {
    let saying = || {
        lines
            .iter()
            .map(|line| line.as_ref().trim())
            .filter(|line| !line.is_empty() && !line.starts_with("##["))
    };
    saying()
        .find(|line| tells_error(line))
        .or_else(|| saying().last())
}

fn tells_error(line: &str) -> bool {
    let line = cut(line, LOOKED_AT_BYTES).to_ascii_lowercase();
    // `ModuleNotFoundError`, `AssertionError:`: the names of exceptions end so.
    let word = |word: &str| {
        TELLING.contains(&word)
            || (word.len() > 5 && (word.ends_with("error") || word.ends_with("exception")))
    };
    !tells_of_none(&line)
        && (line
            .split(|c: char| !(c.is_alphanumeric() || c == '\''))
            .any(word)
            || TELLING_PHRASES.iter().any(|phrase| line.contains(phrase)))
}

/// "0 errors" tells that there is none; "10 errors" does not.
fn tells_of_none(line: &str) -> bool {
    let phrases = ["0 errors", "0 failed", "no errors", "0 failures"];
    phrases.iter().any(|phrase| {
        let mut places = line.match_indices(phrase);
        places.any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | ',')))
    })
}

/// The line without what differs from run to run: numbers, ids, directories, addresses, colours. At most
/// [`HISTORY_LINE_BYTES`] long; normalising it again changes nothing.
#[must_use]
pub fn normalised(line: &str) -> String {
    let line = without_controls(&line[..line.floor_char_boundary(LOOKED_AT_BYTES)]);
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    cut(&words.join(" "), HISTORY_LINE_BYTES).trim_end().to_owned()
}

fn word(word: &str) -> String {
    if word.contains("://") {
        return "<url>".to_owned();
    }
    let core = word.trim_matches(AROUND);
    let start = word.len() - word.trim_start_matches(AROUND).len();
    let end = (start + core.len()).min(word.len());
    let (before, after) = (&word[..start.min(end)], &word[end..]);
    // Of a path the file is kept: it tells errors apart, and the directories above it may be a job's own.
    let core = match core.rsplit_once(['/', '\\']) {
        Some((_, file)) => format!("<path>/{}", scrubbed(file)),
        None => scrubbed(core),
    };
    format!("{}{core}{}", scrubbed(before), scrubbed(after))
}

/// Numbers and ids replaced.
fn scrubbed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                .len();
        if run == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (run, after) = rest.split_at(run);
        if is_id(run) {
            out.push_str("<id>");
        } else {
            numbers(run, &mut out);
        }
        rest = after;
        // `1.5` is one number, and so is `1.2.3`.
        while run.ends_with(|c: char| c.is_ascii_digit())
            && let Some(fraction) = rest.strip_prefix('.')
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    out
}

/// Every run of digits as one `N`.
fn numbers(run: &str, out: &mut String) {
    let mut in_number = false;
    for sign in run.chars() {
        let digit = sign.is_ascii_digit();
        if !digit {
            out.push(sign);
        } else if !in_number {
            out.push('N');
        }
        in_number = digit;
    }
}

/// Commit ids, UUIDs, addresses in memory, random names. Plain numbers are none: they only differ in length.
fn is_id(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let letters = run.bytes().filter(u8::is_ascii_alphabetic).count();
    let hex = run.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let address = run
        .strip_prefix("0x")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit()));
    address
        || (digits > 0
            && letters > 0
            && ((hex && run.len() >= HEX_ID) || (run.len() >= MIXED_ID && digits >= 3 && !run.contains('_'))))
}

/// Without ANSI escape sequences (`ESC [` up to its final byte) and other controls; a tab separates words.
fn without_controls(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\u{1b}' => {
                if signs.next() == Some('[') {
                    signs.find(|c| ('@'..='~').contains(c));
                }
            }
            _ if sign.is_whitespace() => out.push(' '),
            _ if sign.is_control() => {}
            _ => out.push(sign),
        }
    }
    out
}
