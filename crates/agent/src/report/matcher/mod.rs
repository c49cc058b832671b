//! Problem matchers: regular expressions that a job registers with `::add-matcher::FILE` to turn lines of its output into
//! annotations (the Actions toolkit's documentation: "Problem Matchers").

mod definition;
mod expression;
mod scan;

pub use definition::{Matcher, parse};

use crate::commands::Annotation;
use checkmill_core::limits::PROBLEM_MATCHERS;

/// A message that a matcher has found, its file as the tool names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub annotation: Annotation,
    /// The file that the message's file is relative to, such as a project's.
    pub from_path: Option<String>,
}

/// The matchers that are registered: those of a step last to the end of the job.
#[derive(Debug, Default)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// Registers matchers; one of the same owner gives way. The newest are asked first.
    ///
    /// # Errors
    /// When there are too many of them.
    pub fn add(&mut self, matchers: Vec<Matcher>) -> Result<(), String> {
        for matcher in matchers {
            self.remove(matcher.owner());
            if self.0.len() >= PROBLEM_MATCHERS {
                return Err(format!(
                    "a job can have {PROBLEM_MATCHERS} problem matchers at most"
                ));
            }
            self.0.insert(0, matcher);
        }
        Ok(())
    }

    /// Removes the matcher of this owner; whether there was one.
    pub fn remove(&mut self, owner: &str) -> bool {
        let before = self.0.len();
        self.0
            .retain(|matcher| !matcher.owner().eq_ignore_ascii_case(owner));
        self.0.len() < before
    }

    /// Takes a line without terminal controls. The first matcher that a message ends for has it; the others begin anew.
    pub fn line(&mut self, line: &str) -> Option<Matched> {
        let (at, matched) = self
            .0
            .iter_mut()
            .enumerate()
            .find_map(|(at, matcher)| Some((at, matcher.line(line)?)))?;
        for (other, matcher) in self.0.iter_mut().enumerate() {
            if other != at {
                matcher.reset();
            }
        }
        Some(matched)
    }

    /// The next step's output has nothing to do with this one's.
    pub fn reset(&mut self) {
        self.0.iter_mut().for_each(Matcher::reset);
    }
}

#[cfg(test)]
mod tests;
