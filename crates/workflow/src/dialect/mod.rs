//! The languages of workflow files. Each is a module with a `parse`; which one reads a file is decided by its path.

pub(crate) mod actions;

use crate::diagnostic::Diagnostics;
use crate::model::Workflow;

/// Reads a workflow file: GitHub Actions' syntax as far as this version has it (`docs/workflow-syntax.md`).
///
/// `path` is the file's path in the repository; it is the workflow's name where the file gives none.
///
/// # Errors
/// Everything that is wrong with the file, several mistakes at once; only a YAML syntax error stands alone.
pub fn parse(path: &str, text: &str) -> Result<Workflow, Diagnostics> {
    match Dialect::of(path) {
        Dialect::Actions => actions::parse(path, text),
    }
}

/// All that can be said about a workflow file without an event: what [`parse`] says, and what runs but was hardly meant so.
/// None where there is nothing to say.
#[must_use]
pub fn lint(path: &str, text: &str) -> Option<Diagnostics> {
    let errors = parse(path, text).err();
    let notices = match Dialect::of(path) {
        Dialect::Actions => actions::notices(path, text),
    };
    Diagnostics::with_notices(errors, notices)
}

/// What a path says about the language.
enum Dialect {
    /// `.checkmill/workflows/*.yml` and `*.yaml`, and whatever else we are given.
    Actions,
}

impl Dialect {
    const fn of(_path: &str) -> Self {
        Self::Actions
    }
}
