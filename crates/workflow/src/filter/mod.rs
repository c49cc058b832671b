//! Filter patterns of `branches`, `tags` and `paths`, as GitHub Actions defines them ("Filter pattern cheat sheet").
//!
//! | | |
//! |---|---|
//! | `*` | any characters but `/`, or none |
//! | `**` | any characters, or none; `**/` where a path's part begins is also no directory at all |
//! | `?` | the character before it, or not |
//! | `+` | the character before it, once or more |
//! | `[a-z05]` | one of these characters |
//! | `!` | first in a pattern: what matches is taken out again |
//! | `\` | the next character as it is |
//!
//! A pattern must match the whole name, in its case. Of a list, the last pattern that matches decides.
//!
//! # Where GitHub's documentation is silent
//! We follow `nektos/act` where it is as good a reading: `?` and `+` first in a pattern stand for themselves, `]` without
//! `[` too, and `[A-z]` is a range. We differ from it here:
//! - `**/` in the middle of a path's part (`a**/b`) is `**` and a `/`: it matches `a/b`, which act refuses.
//! - `?` and `+` after `*` or `**` change nothing (act: `*+` is no pattern); the same one twice is one; `?` and `+` in a
//!   row are refused, for they could mean two things (act: `+?` is `+`).
//! - A class may list any character but `[`, `\` and a first `!` or `^` (act: letters, digits and the six characters
//!   between `Z` and `a`); `-` first or last in it stands for itself (act refuses it).
//! - In an ignore list, too, order counts and the last match decides (act: every pattern by itself, so that `!a` ignores
//!   everything but `a`).
//! - Without a changed file, `paths-ignore` doesn't hold a workflow back (act: it does).

mod names;
mod pattern;

pub use names::NameList;
use pattern::Pattern;
use std::fmt;

/// Characters of one pattern. Ours: four times what Git hosts allow a name, and enough for a matcher of bounded size.
pub const PATTERN_CHARS: usize = 1024;
/// Bytes of all patterns of one list, so that the time to match a name is bounded. GitHub has no such limit.
pub const LIST_BYTES: usize = 64 * 1024;

/// A filter's patterns in their order.
#[derive(Debug, Clone)]
pub struct PatternList {
    patterns: Vec<Pattern>,
}

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
        const SHOWN_CHARS: usize = 100;
        let mut shown: String = self.pattern.chars().take(SHOWN_CHARS).collect();
        if shown.len() < self.pattern.len() {
            shown.push('…');
        }
        let before = self.pattern.get(..self.offset).unwrap_or_default();
        write!(
            f,
            "{}, at position {} of the pattern `{shown}`",
            self.message,
            before.chars().count() + 1
        )
    }
}

impl std::error::Error for PatternError {}

impl PatternList {
    /// The patterns of `branches`, `tags` or `paths`. One of them must say what is wanted: GitHub refuses a list in which
    /// every pattern starts with `!`. An empty list is fine and matches nothing.
    pub fn parse(patterns: &[String]) -> Result<Self, PatternError> {
        let list = Self::parse_ignore(patterns)?;
        match patterns.first() {
            Some(first) if list.patterns.iter().all(Pattern::is_negative) => Err(PatternError {
                index: 0,
                pattern: first.clone(),
                offset: 0,
                message: "at least one pattern must not start with `!`; to leave names out, use the `-ignore` filter"
                    .to_owned(),
            }),
            _ => Ok(list),
        }
    }

    /// The patterns of `branches-ignore`, `tags-ignore` or `paths-ignore`. A pattern with `!` takes names out of those
    /// that earlier ones ignore.
    pub fn parse_ignore(patterns: &[String]) -> Result<Self, PatternError> {
        let mut left = LIST_BYTES;
        let mut parsed = Vec::with_capacity(patterns.len());
        for (index, text) in patterns.iter().enumerate() {
            let error = |(offset, message)| PatternError {
                index,
                pattern: text.clone(),
                offset,
                message,
            };
            left = left.checked_sub(text.len()).ok_or_else(|| {
                error((
                    0,
                    format!("the patterns of this list are longer than {LIST_BYTES} bytes together"),
                ))
            })?;
            parsed.push(Pattern::parse(text).map_err(error)?);
        }
        Ok(Self { patterns: parsed })
    }

    /// Whether the last pattern that matches the name (a branch or tag without `refs/heads/`, or a file's path from the
    /// repository's root) is one without `!`. For a filter: the name is wanted. For an ignore list: it is ignored.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.decisive(name).is_some_and(|pattern| !pattern.is_negative())
    }

    /// The pattern that decides about a name, as written: the last one that matches; none where none does.
    #[must_use]
    pub fn deciding(&self, name: &str) -> Option<&str> {
        self.decisive(name).map(Pattern::as_str)
    }

    fn decisive(&self, name: &str) -> Option<&Pattern> {
        self.patterns.iter().rev().find(|pattern| pattern.matches(name))
    }

    /// The patterns as written, in their order.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::as_str)
    }

    /// `paths`: whether at least one of the changed files is wanted.
    pub fn any_match<'a>(&self, changed: impl IntoIterator<Item = &'a str>) -> bool {
        changed.into_iter().any(|path| self.matches(path))
    }

    /// `paths-ignore`: whether every changed file is ignored, so that the workflow doesn't run. Not without any file.
    pub fn all_match<'a>(&self, changed: impl IntoIterator<Item = &'a str>) -> bool {
        let mut files = changed.into_iter().peekable();
        files.peek().is_some() && files.all(|path| self.matches(path))
    }
}
