//! Properties of filter patterns.

use checkmill_workflow::filter::{PATTERN_CHARS, PatternList};
use proptest::prelude::*;

fn special(c: char) -> bool {
    matches!(c, '*' | '?' | '+' | '[' | '\\' | '!')
}

fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "*", "**", "/", "?", "+", "[", "]", "-", "!", "\\", "a", "b", "Z", "0", "é", ".", "(", "|",
    ]);
    prop::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat())
}

/// The language by its definition, by trying everything: exponential, for short names only. Knows `*`, `**`, `**/`, `?`,
/// `+` and plain characters.
fn matches_slowly(pattern: &[char], begins_part: bool, name: &[char]) -> bool {
    let splits = |within: fn(&char) -> bool, rest: &[char], begins: bool| {
        let longest = name.iter().take_while(|c| within(c)).count();
        (0..=longest).any(|length| matches_slowly(rest, begins, &name[length..]))
    };
    match pattern {
        [] => name.is_empty(),
        ['*', '*', '/', rest @ ..] if begins_part => {
            let directory =
                (0..name.len()).any(|end| name[end] == '/' && matches_slowly(rest, true, &name[end + 1..]));
            directory || matches_slowly(rest, true, name)
        }
        ['*', '*', rest @ ..] => splits(|_| true, rest, false),
        ['*', rest @ ..] => splits(|c| *c != '/', rest, false),
        [c, '?', rest @ ..] => {
            let begins = *c == '/';
            matches_slowly(rest, begins, name)
                || name.first() == Some(c) && matches_slowly(rest, begins, &name[1..])
        }
        [c, '+', rest @ ..] => {
            let run = name.iter().take_while(|n| *n == c).count();
            (1..=run).any(|length| matches_slowly(rest, *c == '/', &name[length..]))
        }
        [c, rest @ ..] => name.first() == Some(c) && matches_slowly(rest, *c == '/', &name[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_a_pattern_or_an_error(pattern in any::<String>(), name in any::<String>()) {
        match PatternList::parse(std::slice::from_ref(&pattern)) {
            Ok(list) => { let _ = list.matches(&name); }
            Err(error) => {
                prop_assert!(pattern.is_char_boundary(error.offset));
                prop_assert_eq!(&error.pattern, &pattern);
            }
        }
    }

    #[test]
    fn any_mixture_is_a_pattern_or_an_error(patterns in prop::collection::vec(soup(), 0..4), name in soup()) {
        match PatternList::parse(&patterns) {
            Ok(list) => { let _ = list.matches(&name); }
            Err(error) => {
                prop_assert_eq!(&error.pattern, &patterns[error.index]);
                prop_assert!(error.pattern.is_char_boundary(error.offset));
            }
        }
    }

    #[test]
    fn a_name_matches_itself(name in "\\PC{1,60}", other in "\\PC{1,60}") {
        let list = PatternList::parse(&[escaped(&name)]).expect("an escaped name");
        prop_assert!(list.matches(&name));
        prop_assert_eq!(list.matches(&other), name == other);
    }

    #[test]
    fn two_stars_match_everything_and_one_star_what_has_no_slash(name in any::<String>()) {
        let list = |pattern: &str| PatternList::parse(&[pattern.to_owned()]).expect("a pattern");
        prop_assert!(list("**").matches(&name));
        prop_assert_eq!(list("*").matches(&name), !name.contains('/'));
    }

    #[test]
    fn the_last_match_decides(names in prop::collection::vec(("[ab]", any::<bool>()), 1..6)) {
        let patterns: Vec<String> =
            names.iter().map(|(name, negative)| format!("{}{name}", if *negative { "!" } else { "" })).collect();
        let list = PatternList::parse_ignore(&patterns).expect("patterns");
        let last = names.iter().rev().find(|(name, _)| name == "a");
        prop_assert_eq!(list.matches("a"), last.is_some_and(|(_, negative)| !negative));
    }

    #[test]
    fn the_language_is_what_its_definition_says(
        pattern in "[ab/](\\*{0,2}([ab][?+]?|/)){0,4}\\*{0,2}",
        leading in prop::sample::select(vec!["", "**/", "*", "**"]),
        name in "[ab/]{0,7}",
    ) {
        let pattern = format!("{leading}{pattern}");
        let list = PatternList::parse(std::slice::from_ref(&pattern)).expect("a pattern");
        let characters: Vec<char> = pattern.chars().collect();
        let expected = matches_slowly(&characters, true, &name.chars().collect::<Vec<_>>());
        prop_assert_eq!(list.matches(&name), expected, "{} {}", pattern, name);
    }
}

/// Patterns that take a backtracking matcher longer than the world lasts.
#[test]
fn no_pattern_is_slow() {
    let name = format!("{}b", "a".repeat(4000));
    for pattern in [
        "a*".repeat(PATTERN_CHARS / 2),
        "**a".repeat(PATTERN_CHARS / 3),
        "a?".repeat(PATTERN_CHARS / 2),
    ] {
        let list = PatternList::parse(&[pattern]).expect("a pattern");
        let _ = list.matches(&name);
    }
}
