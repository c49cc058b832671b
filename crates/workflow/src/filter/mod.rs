//! Filter patterns for branches, tags and paths, as GitHub Actions defines them.

use std::fmt;

/// A filter's patterns in their order.
#[derive(Debug, Clone)]
pub struct PatternList {}

/// A pattern that isn't one, or a list that can't match anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Index of the pattern in its list.
    pub index: usize,
    /// The pattern as written.
    pub pattern: String,
    /// Byte offset of the culprit in the pattern.
    pub offset: usize,
    /// One sentence without the full stop.
    pub message: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {} of pattern `{}`)", self.message, self.offset, self.pattern)
    }
}

impl std::error::Error for PatternError {}

impl PatternList {
    /// For `branches`, `tags`, `paths`: at least one pattern must not start with `!`.
    pub fn parse(patterns: &[String]) -> Result<Self, PatternError> {
        let _ = patterns;
        Ok(Self {})
    }

    /// For `branches-ignore`, `tags-ignore`, `paths-ignore`: `!` is refused, GitHub's docs allow it only in the others.
    pub fn parse_ignore(patterns: &[String]) -> Result<Self, PatternError> {
        let _ = patterns;
        Ok(Self {})
    }

    /// `branches`, `tags`: the name is selected. For `*-ignore`: the name is to be ignored.
    pub fn matches(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// `paths`: at least one changed file is selected.
    pub fn any_match<'a>(&self, changed: impl IntoIterator<Item = &'a str>) -> bool {
        changed.into_iter().any(|path| self.matches(path))
    }

    /// `paths-ignore`: every changed file is ignored, so that the workflow doesn't run. False without any file.
    pub fn all_match<'a>(&self, changed: impl IntoIterator<Item = &'a str>) -> bool {
        let mut files = changed.into_iter().peekable();
        files.peek().is_some() && files.all(|path| self.matches(path))
    }
}
