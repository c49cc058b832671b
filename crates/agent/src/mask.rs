//! Hiding secrets in text: the values themselves and the forms in which tools print them.

use crate::step_output::strip_ansi;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::collections::BTreeSet;
use std::ops::Range;

/// What stands where a secret was.
pub const MASK: &str = "***";
/// A line of a secret of several lines is hidden by itself when it has this many bytes; shorter ones (`}`, `--`) would hide
/// half the log and tell nothing.
const LINE_BYTES_MIN: usize = 4;
/// Of a base64 text the first or last digit may come from a neighbour; so few bytes aren't worth hiding.
const BASE64_BYTES_MIN: usize = 6;
/// What is shorter is hidden where it stands alone. Inside words it is nobody's secret, and hiding it there would take half the
/// log away (and tell what it is, by what is missing).
const ANYWHERE_BYTES_MIN: usize = 4;
/// A control sequence of a terminal is no longer than this, in bytes.
const ESCAPE_BYTES_MAX: usize = 32;

/// The values to hide. Longer ones are looked for first, so that a secret inside another does not betray the rest of it.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    needles: BTreeSet<Needle>,
}

/// Sorted by length, longest first.
#[derive(Clone, PartialEq, Eq)]
struct Needle(String);

impl std::fmt::Debug for Needle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Ord for Needle {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other
            .0
            .len()
            .cmp(&self.0.len())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Needle {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Masks {
    /// Hides `value` from now on: as it is, each of its lines, and in base64, JSON, percent-encoding and shell quotes.
    /// White space at its ends isn't part of it; an empty value is none. One of fewer than [`ANYWHERE_BYTES_MIN`] bytes is hidden
    /// only where no letter or digit goes on with it.
    pub fn add(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        self.add_forms(value);
        if value.contains(['\n', '\r']) {
            for line in value
                .split(['\n', '\r'])
                .map(str::trim)
                .filter(|line| line.len() >= LINE_BYTES_MIN)
            {
                self.add_forms(line);
            }
        }
    }

    fn add_forms(&mut self, value: &str) {
        let mut forms = vec![
            value.to_owned(),
            json_form(value),
            percent_form(value),
            value.replace('\'', r"'\''"),
        ];
        if value.len() >= BASE64_BYTES_MIN {
            forms.extend(base64_forms(value.as_bytes()));
        }
        self.needles.extend(forms.into_iter().map(Needle));
    }

    /// The text without the secrets.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut rest = 0;
        for range in self.found(text) {
            masked.push_str(&text[rest..range.start]);
            masked.push_str(MASK);
            rest = range.end;
        }
        masked.push_str(&text[rest..]);
        masked
    }

    /// Whether the text is made with a secret, however short and wherever in it.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.needles.iter().any(|Needle(needle)| text.contains(needle))
    }

    /// Whether something of the text would be hidden.
    #[must_use]
    pub fn hides(&self, text: &str) -> bool {
        !self.found(text).is_empty()
    }

    /// Where a text of unknown continuation may be cut, at or before `wanted`, so that no secret that is whole in the text
    /// or may become so lies across the cut.
    #[must_use]
    pub fn safe_cut(&self, text: &str, wanted: usize) -> usize {
        let longest = self.needles.first().map_or(0, |needle| needle.0.len());
        let mut cut = wanted.min(text.len().saturating_sub(longest.saturating_sub(1)));
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        self.found(text)
            .iter()
            .find(|range| range.contains(&cut))
            .map_or(cut, |range| range.start)
    }

    /// Where secrets are, in order, those that touch or overlap as one.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        // Setting up a search costs more than most lines are worth.
        for Needle(needle) in self.needles.iter().filter(|needle| needle.0.len() <= text.len()) {
            let mut from = 0;
            while let Some(at) = text[from..].find(needle.as_str()) {
                let start = from + at;
                let end = start + needle.len();
                if needle.len() >= ANYWHERE_BYTES_MIN || stands_alone(text, start..end) {
                    found.push(start..end);
                }
                // Occurrences may overlap each other: `aba` twice in `ababa`.
                from = start + needle.chars().next().map_or(1, char::len_utf8);
            }
        }
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, kept| {
            let joined = next.start <= kept.end;
            if joined {
                kept.end = kept.end.max(next.end);
            }
            joined
        });
        found
    }
}

/// Whether what is there is a word of its own.
fn stands_alone(text: &str, at: Range<usize>) -> bool {
    let (before, word, after) = (&text[..at.start], &text[at.clone()], &text[at.end..]);
    let ends = |edge: Option<char>, next: Option<char>| match (edge, next) {
        (Some(edge), Some(next)) if edge.is_alphanumeric() => !next.is_alphanumeric(),
        (_, Some(next)) => next.is_whitespace() || matches!(next, '"' | '\'' | '`' | '\u{1b}'),
        (_, None) => true,
    };
    let begins = ends(word.chars().next(), before.chars().next_back()) || ends_in_escape(before);
    begins && ends(word.chars().next_back(), after.chars().next())
}

/// Whether a terminal shows nothing for the last characters, the colour of what follows.
fn ends_in_escape(text: &str) -> bool {
    let near = text.ceil_char_boundary(text.len().saturating_sub(ESCAPE_BYTES_MAX));
    let escape = text[near..].rfind('\u{1b}').map(|at| &text[near + at..]);
    escape.is_some_and(|escape| strip_ansi(escape).is_empty())
}

/// Inside a JSON text, without the quotes around it.
pub(crate) fn json_form(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As in a URL: all but letters, digits and `-_.~` as `%XX`.
fn percent_form(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The base64 digits that are the same whatever stands before and after the value: for each of the three positions at which
/// it can begin in a group of three bytes.
fn base64_forms(value: &[u8]) -> Vec<String> {
    let mut forms = vec![STANDARD.encode(value)];
    for before in 0..3 {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let digits = STANDARD_NO_PAD.encode(&bytes);
        let first = (before * 8).div_ceil(6);
        let last = bytes.len() * 8 / 6;
        forms.push(digits[first..last].to_owned());
    }
    let url_safe: Vec<_> = forms
        .iter()
        .map(|form| form.replace('+', "-").replace('/', "_"))
        .collect();
    forms.extend(url_safe);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masks(values: &[&str]) -> Masks {
        let mut masks = Masks::default();
        values.iter().for_each(|value| masks.add(value));
        masks
    }

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let secret = "pa'ss \"word/ü\n";
        let masks = masks(&[secret]);
        let secret = secret.trim();
        let table = [
            secret.to_owned(),
            serde_json::to_string(secret).unwrap(),
            percent_form(secret),
            format!("'{}'", secret.replace('\'', r"'\''")),
            STANDARD.encode(secret),
            STANDARD.encode(format!("x-access-token:{secret}")),
            STANDARD.encode(format!("u:{secret}:rest")),
            base64::engine::general_purpose::URL_SAFE.encode(format!("ab{secret}")),
        ];
        for text in table {
            let masked = masks.apply(&format!("before {text} after"));
            assert!(
                masked.contains(MASK) && !masked.contains("word"),
                "{text} became {masked}"
            );
            assert!(
                masked.starts_with("before ") && masked.ends_with(" after"),
                "{masked}"
            );
        }
    }

    #[test]
    fn lines_of_a_key_are_hidden_one_by_one_and_its_short_ones_are_not() {
        let masks = masks(&["{\n  \"key\": \"abcdef\"\n}\n"]);
        assert_eq!(masks.apply("\"key\": \"abcdef\""), "***");
        assert_eq!(masks.apply("fn main() {\n}"), "fn main() {\n}");
    }

    #[test]
    fn secrets_that_overlap_or_contain_each_other_leave_nothing() {
        let masks = masks(&["abcd", "cdef", "token", "tokenlonger"]);
        assert_eq!(
            masks.apply("xabcdefx tokenlonger token abcdcdef"),
            "x***x *** *** ***"
        );
        assert_eq!(masks.apply("nothing"), "nothing");
        assert_eq!(Masks::default().apply("nothing"), "nothing");
    }

    #[test]
    fn a_short_secret_is_hidden_where_it_stands_alone() {
        let masks = masks(&["d", "the", "42", "-x", "/"]);
        let table = [
            ("d", "***"),
            ("password: d", "password: ***"),
            ("PASSWORD=d; KEY='the'", "PASSWORD=***; KEY='***'"),
            ("https://u:d@host", "https://u:***@host"),
            ("\u{1b}[31md\u{1b}[0m.", "\u{1b}[31m***\u{1b}[0m."),
            (r#"{"pin":42}"#, r#"{"pin":***}"#),
            ("sed -x \"-x\"", "sed *** \"***\""),
            ("and done, other 142 429 ü42", "and done, other 142 429 ü42"),
            ("dd --x a/b", "dd --x a/b"),
        ];
        for (text, expected) in table {
            assert_eq!(masks.apply(text), expected);
        }
        assert!(masks.holds("and") && !masks.hides("and") && masks.hides("a d"));
    }

    #[test]
    fn an_empty_or_blank_value_hides_nothing() {
        assert_eq!(masks(&["", " \n"]).apply(" a \n"), " a \n");
    }

    #[test]
    fn debug_output_tells_nothing() {
        assert!(!format!("{:?}", masks(&["hunter2"])).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn text_that_is_cut_safely_hides_as_much_as_text_in_one_piece(
            before in "[ab]{0,20}", after in "[ab]{0,20}", wanted in 1usize..30,
        ) {
            let masks = masks(&["abba", "babab"]);
            let text = format!("{before}abba{after}");
            let whole = masks.apply(&text);
            let cut = masks.safe_cut(&text, wanted);
            prop_assert!(cut <= wanted.min(text.len()));
            let pieces = format!("{}{}", masks.apply(&text[..cut]), masks.apply(&text[cut..]));
            prop_assert_eq!(pieces.replace("******", "***"), whole.replace("******", "***"));
        }
    }
}
