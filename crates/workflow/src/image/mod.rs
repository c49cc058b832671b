//! When a `run` step assumes GitHub's image: by its text alone, before it runs, and by rules. Where they can't tell, the answer
//! is no, and the step runs as it is. docs/model.md has them in words.

mod calls;
mod lex;
mod names;
#[cfg(test)]
mod tests;

pub use names::{IMAGE_PROGRAMS, image_program, is_image_variable};

use crate::expr::references;
use checkmill_core::limits::MODEL_FILE_BYTES;
use std::collections::BTreeSet;

/// What a shell script takes from GitHub's image, wherever it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assumption {
    /// Programs of the image that the script comes to call whatever happens, and neither looks for nor brings.
    pub programs: BTreeSet<&'static str>,
    /// Variables of the image that it comes to read, and neither sets nor asks about.
    pub variables: BTreeSet<String>,
    /// Programs of the image that it calls at all.
    pub calls: BTreeSet<&'static str>,
}

impl Assumption {
    /// Of a script for `bash -e` or `sh -e`, with its expressions unfilled. Nothing for one that can't be read, or is longer than
    /// [`MODEL_FILE_BYTES`].
    #[must_use]
    pub fn of(run: &str) -> Self {
        if run.len() > MODEL_FILE_BYTES {
            return Self::default();
        }
        let Ok(survey) = calls::survey(&unfilled(run)) else {
            return Self::default();
        };
        let is_its_own = |name: &str| survey.own.contains(name);
        let called = |calls: &mut dyn Iterator<Item = &calls::Use>| -> BTreeSet<&'static str> {
            let known = calls.filter_map(|call| image_program(&call.name));
            known.filter(|name| !is_its_own(name)).collect()
        };
        let certain = survey.calls.iter().filter(|call| call.is_certain);
        let programs = called(&mut certain.filter(|call| !survey.named.contains(&call.name)));
        let reads = survey.reads.iter().filter(|read| read.is_certain);
        let variables = reads
            .map(|read| &read.name)
            .filter(|name| is_image_variable(name) && !is_its_own(name));
        Self {
            programs,
            variables: variables.cloned().collect(),
            calls: called(&mut survey.calls.iter()),
        }
    }
}

/// Each expression as the value of a variable that nobody knows.
fn unfilled(run: &str) -> String {
    let mut text = String::with_capacity(run.len());
    let mut rest = 0;
    for span in references(run) {
        text.push_str(&run[rest..span.range.start]);
        text.push_str("${EXPRESSION}");
        rest = span.range.end;
    }
    text.push_str(&run[rest..]);
    text
}
