//! What known tools print: compilers' messages, and tests that fail. On by default, so each form is one that nothing else
//! prints by accident, and a file that is not there ends the matter (see [`super::paths`]).

mod cargo;
mod compiler;
mod go;
mod go_json;
mod panic;
mod pytest;
mod rustc;

use super::{Message, TestRun};
use crate::commands::Annotation;
use crate::report::place::Place;
use checkmill_workflow::job::ResultLevel;

pub(super) use go::entries as go_entries;
pub(super) use panic::in_text as panic_in_text;

/// The output of one step, read line by line.
#[derive(Debug, Default)]
pub struct Console {
    rustc: rustc::Rustc,
    cargo: cargo::Cargo,
    pytest: pytest::Pytest,
    go: go::Go,
    go_json: go_json::GoJson,
}

impl Console {
    /// Takes a line without terminal controls; what it says about the code, its files as the tool names them.
    pub fn line(&mut self, line: &str) -> Vec<Annotation> {
        if self.go_json.line(line) {
            return self
                .go_json
                .built()
                .iter()
                .filter_map(|line| compiler::line(line))
                .collect();
        }
        let mut found = Vec::new();
        self.cargo.line(line, &mut found);
        self.pytest.line(line);
        self.go.line(line);
        found.extend(self.rustc.line(line).or_else(|| compiler::line(line)));
        found
    }

    /// Nothing will follow: the tests that ran, and what was still open.
    #[must_use]
    pub fn finish(self) -> (Vec<TestRun>, Vec<Annotation>) {
        let mut found = Vec::new();
        let mut runs = self.cargo.finish(&mut found);
        runs.extend(self.pytest.finish());
        runs.extend([self.go.finish(), self.go_json.finish()]);
        runs.retain(|run| !run.is_empty());
        (runs, found)
    }
}

/// A message about a line.
fn diagnostic(
    level: ResultLevel,
    place: &Place,
    column: Option<u32>,
    title: Option<&str>,
    message: &str,
) -> Annotation {
    Annotation {
        level,
        message: message.trim().to_owned(),
        title: title.map(str::to_owned),
        file: Some(place.file.clone()),
        line: place.line,
        end_line: None,
        column,
        end_column: None,
    }
}

#[cfg(test)]
mod tests;
