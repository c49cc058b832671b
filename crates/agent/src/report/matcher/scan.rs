//! A problem matcher at work: a message of several lines is matched line by line, each pattern right after the one before.

use super::Matched;
use super::definition::{Groups, Matcher, level};
use crate::commands::Annotation;
use regex_lite::Captures;

/// For each pattern but the last, what the lines up to it have said, where they matched.
#[derive(Debug, Default)]
pub(super) struct State(Vec<Option<Said>>);

impl State {
    pub(super) fn new(patterns: usize) -> Self {
        Self(
            std::iter::repeat_with(|| None)
                .take(patterns.saturating_sub(1))
                .collect(),
        )
    }
}

/// What the lines of a message have said so far.
#[derive(Debug, Clone, Default)]
struct Said {
    file: Option<String>,
    from_path: Option<String>,
    line: Option<String>,
    column: Option<String>,
    severity: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    fn and(mut self, captures: &Captures<'_>, groups: Groups) -> Self {
        let take = |field: &mut Option<String>, group: Option<usize>| {
            let found = group.and_then(|group| captures.get(group));
            if let Some(found) = found {
                *field = Some(found.as_str().trim().to_owned());
            }
        };
        take(&mut self.file, groups.file);
        take(&mut self.from_path, groups.from_path);
        take(&mut self.line, groups.line);
        take(&mut self.column, groups.column);
        take(&mut self.severity, groups.severity);
        take(&mut self.code, groups.code);
        take(&mut self.message, groups.message);
        self
    }
}

impl Matcher {
    /// Takes a line; what a message says that ends with it.
    pub(super) fn line(&mut self, line: &str) -> Option<Matched> {
        // From the last pattern back, so that no line serves two of them in a row.
        for at in (0..self.patterns.len()).rev() {
            let before = match at.checked_sub(1) {
                Some(before) => match &self.state.0[before] {
                    Some(said) => said.clone(),
                    None => continue,
                },
                None => Said::default(),
            };
            let pattern = &self.patterns[at];
            let said = pattern
                .regex
                .captures(line)
                .map(|captures| before.clone().and(&captures, pattern.groups));
            let last = at + 1 == self.patterns.len();
            match said {
                Some(said) if last => {
                    let again = pattern.repeats.then_some(before);
                    self.reset();
                    if let (Some(again), Some(state)) = (again, self.state.0.last_mut()) {
                        *state = Some(again);
                    }
                    return self.matched(said);
                }
                None if last => {
                    if let Some(state) = self.state.0.last_mut() {
                        *state = None;
                    }
                }
                said => self.state.0[at] = said,
            }
        }
        None
    }

    /// Forgets the message that was under way.
    pub(super) fn reset(&mut self) {
        self.state.0.fill(None);
    }

    fn matched(&self, said: Said) -> Option<Matched> {
        let message = said.message.filter(|message| !message.is_empty())?;
        let number = |text: Option<String>| {
            text.and_then(|text| text.parse().ok())
                .filter(|number| *number > 0)
        };
        let severity = said.severity.filter(|word| !word.is_empty());
        Some(Matched {
            annotation: Annotation {
                // A word that is no severity: what the matcher has as its own.
                level: severity.and_then(|word| level(&word)).unwrap_or(self.severity),
                message,
                title: said.code.filter(|code| !code.is_empty()),
                file: said.file.filter(|file| !file.is_empty()),
                line: number(said.line),
                end_line: None,
                column: number(said.column),
                end_column: None,
            },
            from_path: said.from_path.filter(|path| !path.is_empty()),
        })
    }
}
