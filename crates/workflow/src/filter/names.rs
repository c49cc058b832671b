//! Names of branches that may be patterns, as `.lightning/workflows` has them.

use super::{PatternError, PatternList};
use std::fmt;

/// Names, each of which is also a pattern. A name that is written out is wanted whatever its characters mean in a pattern
/// (`c++` is a branch), for files from before there were patterns; of the patterns, the last one that matches decides.
#[derive(Debug, Clone)]
pub struct NameList {
    written: Vec<String>,
    patterns: PatternList,
}

impl NameList {
    /// # Errors
    /// As [`PatternList::parse`].
    pub fn parse(written: Vec<String>) -> Result<Self, PatternError> {
        Ok(Self {
            patterns: PatternList::parse(&written)?,
            written,
        })
    }

    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.written.iter().any(|written| written == name) || self.patterns.matches(name)
    }
}

impl fmt::Display for NameList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.written.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_patterns_are_patterns() {
        for (written, name, expected) in [
            (&["main"][..], "main", true),
            (&["main"], "maintenance", false),
            (&["main"], "Main", false),
            (&["a.b"], "axb", false),
            (&["c++"], "c++", true),
            (&["release/*"], "release/1", true),
            (&["release/*"], "release/1/fix", false),
            (&["**", "!wip/**"], "wip/x", false),
            (&["**", "!wip/**"], "x", true),
            (&[], "main", false),
        ] {
            let list = NameList::parse(written.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(list.unwrap().matches(name), expected, "{written:?} {name}");
        }
    }
}
