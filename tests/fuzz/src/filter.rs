//! Filter patterns: a list of them, a line each, and behind an empty line the names to try.

use checkmill_workflow::filter::PatternList;

/// Parses the lines as patterns and matches names. The last pattern that matches decides, which is held against each
/// pattern alone.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (patterns, names) = text.split_once("\n\n").unwrap_or((text, "src/lib.rs"));
    let patterns: Vec<String> = patterns.lines().map(str::to_owned).collect();
    let list = match PatternList::parse_ignore(&patterns) {
        Ok(list) => list,
        Err(error) => {
            assert_eq!(error.pattern, patterns[error.index]);
            assert!(error.pattern.is_char_boundary(error.offset), "{error:?}");
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for name in names.lines().take(20) {
        let mut decisive = None;
        for pattern in &patterns {
            let positive = pattern.strip_prefix('!').unwrap_or(pattern).to_owned();
            // What stands behind `!` is a pattern of its own, unless it begins with another one.
            let Ok(alone) = PatternList::parse_ignore(&[positive]) else {
                return;
            };
            if alone.patterns().any(|pattern| pattern.starts_with('!')) {
                return;
            }
            if alone.matches(name) {
                decisive = Some(pattern.as_str());
            }
        }
        assert_eq!(list.deciding(name), decisive, "{patterns:?} and {name:?}");
        let wanted = decisive.is_some_and(|pattern| !pattern.starts_with('!'));
        assert_eq!(list.matches(name), wanted, "{patterns:?} and {name:?}");
    }
}
