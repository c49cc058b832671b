//! The file of a problem matcher.

use super::expression;
use super::scan::State;
use checkmill_core::limits::PROBLEM_MATCHER_PATTERNS;
use checkmill_workflow::job::ResultLevel;
use regex_lite::Regex;
use serde::Deserialize;

/// One problem matcher and how far it has come in the output.
#[derive(Debug)]
pub struct Matcher {
    owner: String,
    pub(super) severity: ResultLevel,
    /// One for each line of a message, at least one.
    pub(super) patterns: Vec<Pattern>,
    pub(super) state: State,
}

impl Matcher {
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

/// What one line of a message looks like. The numbers are those of groups.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) groups: Groups,
    /// The last line may come again and again.
    pub(super) repeats: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Groups {
    pub(super) file: Option<usize>,
    pub(super) from_path: Option<usize>,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    pub(super) severity: Option<usize>,
    pub(super) code: Option<usize>,
    pub(super) message: Option<usize>,
}

impl Groups {
    const fn named(self) -> [(&'static str, Option<usize>); 7] {
        [
            ("file", self.file),
            ("fromPath", self.from_path),
            ("line", self.line),
            ("column", self.column),
            ("severity", self.severity),
            ("code", self.code),
            ("message", self.message),
        ]
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileText {
    problem_matcher: Vec<MatcherText>,
}

#[derive(Deserialize)]
struct MatcherText {
    owner: String,
    #[serde(default)]
    severity: String,
    pattern: Vec<PatternText>,
}

#[derive(Deserialize)]
struct PatternText {
    regexp: String,
    #[serde(flatten)]
    groups: Groups,
    #[serde(default, rename = "loop")]
    repeats: bool,
}

/// Reads a file of matchers. One that can't be used leaves the others; its problem is a sentence's rest that names it.
///
/// # Errors
/// When the file as a whole is not understood.
pub fn parse(text: &str) -> Result<(Vec<Matcher>, Vec<String>), String> {
    let text = text.trim_start_matches('\u{feff}');
    let file: FileText = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut matchers = Vec::new();
    let mut problems = Vec::new();
    for matcher in file.problem_matcher {
        let owner = matcher.owner.clone();
        match Matcher::of(matcher) {
            Ok(matcher) => matchers.push(matcher),
            Err(problem) => problems.push(format!("the matcher {owner:?} is left out: {problem}")),
        }
    }
    Ok((matchers, problems))
}

impl Matcher {
    fn of(text: MatcherText) -> Result<Self, String> {
        if text.owner.trim().is_empty() {
            return Err("it has no owner".to_owned());
        }
        let severity = match text.severity.as_str() {
            "" => ResultLevel::Error,
            severity => level(severity)
                .ok_or_else(|| format!("its severity {severity:?} is none of error, warning, notice"))?,
        };
        let count = text.pattern.len();
        if count == 0 || count > PROBLEM_MATCHER_PATTERNS {
            return Err(format!(
                "it has {count} patterns, not 1 to {PROBLEM_MATCHER_PATTERNS}"
            ));
        }
        let mut patterns = Vec::new();
        for (at, pattern) in text.pattern.into_iter().enumerate() {
            let regexp = pattern.regexp.clone();
            let pattern = Pattern::of(pattern).and_then(|pattern| pattern.fits(at, count, &patterns));
            patterns.push(pattern.map_err(|problem| format!("pattern {} ({regexp}): {problem}", at + 1))?);
        }
        Ok(Self {
            owner: text.owner,
            severity,
            state: State::new(count),
            patterns,
        })
    }
}

impl Pattern {
    fn of(text: PatternText) -> Result<Self, String> {
        let regex = expression::compile(&text.regexp)?;
        for (name, group) in text.groups.named() {
            if let Some(group) = group.filter(|group| *group >= regex.captures_len()) {
                return Err(format!(
                    "{name} is group {group}, which the pattern does not have"
                ));
            }
        }
        Ok(Self {
            regex,
            groups: text.groups,
            repeats: text.repeats,
        })
    }

    /// The rules of the toolkit's documentation on which pattern may have what.
    fn fits(self, at: usize, count: usize, before: &[Self]) -> Result<Self, String> {
        let last = at + 1 == count;
        if self.repeats && (!last || count == 1) {
            return Err("only the last of several patterns can loop".to_owned());
        }
        if last && self.groups.message.is_none() {
            return Err("the last pattern must have a message".to_owned());
        }
        for (name, group) in self.groups.named() {
            let twice = before.iter().any(|pattern| {
                pattern
                    .groups
                    .named()
                    .iter()
                    .any(|(other, set)| *other == name && set.is_some())
            });
            if group.is_some() && twice {
                return Err(format!("{name} is in an earlier pattern, too"));
            }
        }
        Ok(self)
    }
}

/// The severity of a word, in any case.
pub(super) fn level(word: &str) -> Option<ResultLevel> {
    match word.trim().to_ascii_lowercase().as_str() {
        "error" => Some(ResultLevel::Error),
        "warning" => Some(ResultLevel::Warning),
        "notice" => Some(ResultLevel::Notice),
        _ => None,
    }
}
