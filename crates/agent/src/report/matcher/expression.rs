//! Regular expressions as JavaScript writes them, on an engine whose time grows with the text and no faster.
//!
//! The engine is `regex-lite`: like JavaScript (without the `u` flag) it knows `\d`, `\w` and `\b` as ASCII, and it never
//! backtracks, so no line of a job's output can hold the agent up. It has no look-around and no backreferences: a pattern
//! with these is refused.

use regex_lite::{Regex, RegexBuilder};

/// A compiled pattern. Real ones have some KiB; it bounds the time that each character of a line takes.
const COMPILED_BYTES: usize = 256 * 1024;

/// Compiles a JavaScript pattern.
///
/// # Errors
/// What is wrong with it, or not supported.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern))
        .size_limit(COMPILED_BYTES)
        .build()
        .map_err(|error| error.to_string())
}

/// The pattern in the engine's syntax, where the same signs mean something else.
fn translate(pattern: &str) -> String {
    let signs: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut in_class = false;
    let mut at = 0;
    while let Some(&sign) = signs.get(at) {
        let rest = &signs[at..];
        let taken = match sign {
            '\\' => escape(rest, in_class, &mut out),
            '[' if !in_class => {
                in_class = true;
                class_start(rest, &mut in_class, &mut out)
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
                1
            }
            // Inside a class these are nothing special in JavaScript.
            '[' | '&' | '~' if in_class => {
                out.push('\\');
                out.push(sign);
                1
            }
            // A brace that begins no count is itself.
            '{' if !in_class && !is_count(rest) => {
                out.push_str("\\{");
                1
            }
            _ => {
                out.push(sign);
                1
            }
        };
        at += taken;
    }
    out
}

/// `[`, `[^`, and the two that only JavaScript has: `[^]` is any character, `[]` none.
fn class_start(rest: &[char], in_class: &mut bool, out: &mut String) -> usize {
    match rest {
        [_, '^', ']', ..] => {
            *in_class = false;
            out.push_str("(?s:.)");
            3
        }
        [_, ']', ..] => {
            *in_class = false;
            out.push_str("[^\\x00-\\x{10FFFF}]");
            2
        }
        [_, '^', ..] => {
            out.push_str("[^");
            2
        }
        _ => {
            out.push('[');
            1
        }
    }
}

/// An escape; how many signs it has. A letter that means nothing stands for itself in JavaScript.
fn escape(rest: &[char], in_class: bool, out: &mut String) -> usize {
    const KNOWN: &str = "dDsSwWfnrtvbBxuk";
    match rest {
        [_, '0', ..] if !rest.get(2).is_some_and(char::is_ascii_digit) => {
            out.push_str("\\x00");
            2
        }
        [_, 'b', ..] if in_class => {
            out.push_str("\\x08");
            2
        }
        [_, 'c', letter, ..] if letter.is_ascii_alphabetic() => {
            let control = u32::from(letter.to_ascii_uppercase()) - u32::from('@');
            out.push_str(&format!("\\x{control:02X}"));
            3
        }
        [_, sign, ..] if sign.is_ascii_alphabetic() && !KNOWN.contains(*sign) => {
            out.push(*sign);
            2
        }
        [_, sign, ..] if !sign.is_ascii() => {
            out.push(*sign);
            2
        }
        // JavaScript has no escape for these; the engine reads them as borders of words.
        [_, '<' | '>', ..] => {
            out.push(rest[1]);
            2
        }
        [_, sign, ..] => {
            out.push('\\');
            out.push(*sign);
            2
        }
        _ => {
            out.push('\\');
            1
        }
    }
}

/// Whether `{2}`, `{2,}` or `{2,3}` stands here.
fn is_count(rest: &[char]) -> bool {
    let Some(end) = rest.iter().position(|sign| *sign == '}') else {
        return false;
    };
    let inner: String = rest[1..end].iter().collect();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn javascript_patterns_mean_what_they_mean_there() {
        let table = [
            (r"^(.+\.js):(\d+)$", "a.js:3", true),
            (r"\/x\/", "/x/", true),
            (r"[[\]]+", "[]", true),
            (r"^[^[]+$", "a[", false),
            (r"^[&&]$", "&", true),
            (r"^[a~~b]$", "~", true),
            (r"a{", "a{", true),
            (r"a{,2}", "a{,2}", true),
            (r"^a{2,3}$", "aaa", true),
            (r"[^]", "\n", true),
            (r"[]", "a", false),
            (r"^[\b]$", "\u{8}", true),
            (r"\bx\b", "a x b", true),
            (r"^\cI$", "\t", true),
            (r"^\0$", "\0", true),
            (r"\-\e\_\<", "-e_<", true),
            (r"^\u0041\x42$", "AB", true),
            (r"(?<name>a)", "a", true),
            (r"^\d$", "٣", false),
            (r"\ü", "ü", true),
            ("\\s*([^\\s].*)", " é", true),
        ];
        for (pattern, text, expected) in table {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.is_match(text), expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn what_can_not_be_had_in_linear_time_is_refused() {
        let table = [
            (r"a(?=b)", "look-around is not supported"),
            (r"(?<!a)b", "look-around is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            (r"\p{L}", "p{L}"),
            (r"(", "closing"),
            (r"(((a{100}){100}){100})", "size limit"),
        ];
        for (pattern, expected) in table {
            match compile(pattern) {
                Err(error) => assert!(error.contains(expected), "{pattern}: {error}"),
                // Without the `u` flag JavaScript reads \p as p.
                Ok(regex) => assert!(regex.is_match(expected), "{pattern}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_pattern_compiles_or_is_refused(pattern in "[\\\\\\[\\]^&~{}()|?*+.,0-9a-zä-]{0,24}") {
            let _ = compile(&pattern);
        }
    }
}
