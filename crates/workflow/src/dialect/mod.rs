//! The languages of workflow files. Each is a module with a `parse`; which one reads a file is decided by its path.

pub(crate) mod actions;
pub(crate) mod lightning;

pub use actions::{Written, WrittenAction, WrittenStep};

use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::manifest::ActionManifest;
use crate::model::Workflow;
use crate::source::{Source, Span};
use crate::uses::LocalAction;

/// The directories that workflow files are in (`*.yml` and `*.yaml`), one for each language.
pub const DIRECTORIES: [&str; 2] = [".checkmill/workflows", LIGHTNING];

const LIGHTNING: &str = ".lightning/workflows";

/// Reads a workflow file: Borda/GH-app-bot's language (`docs/lightning-workflows.md`) in `.lightning/workflows`, GitHub
/// Actions' syntax as far as this version has it (`docs/workflow-syntax.md`) elsewhere.
///
/// `path` is the file's path in the repository; it is the workflow's name where the file gives none.
///
/// # Errors
/// Everything that is wrong with the file, several mistakes at once; only a YAML syntax error stands alone.
pub fn parse(path: &str, text: &str) -> Result<Workflow, Diagnostics> {
    if is_link(text) {
        let source = Source::new(path, text);
        let message = format!(
            "the file is a symbolic link to `{}`, it seems: that name is all it holds",
            quoted(text)
        );
        let hint = "GitHub does not follow links; put the file itself here, or call it: `uses: ./.checkmill/workflows/FILE.yml`";
        return Err(Diagnostic::new(&source, Span::new(0, text.len()), message)
            .with_hint(hint)
            .into());
    }
    match Dialect::of(path) {
        Dialect::Lightning => lightning::parse(path, text),
        Dialect::Actions => actions::parse(path, text),
    }
}

/// Whether it is what git keeps of a symbolic link to a workflow file: the other file's path, and no end of a line.
fn is_link(text: &str) -> bool {
    (text.ends_with(".yml") || text.ends_with(".yaml"))
        && !text.contains(|c: char| c.is_whitespace() || c == ':')
}

/// Reads the file of an action, `action.yml` or `action.yaml`.
///
/// `path` is for messages: where the file was found.
///
/// # Errors
/// As [`parse`].
pub fn parse_action(path: &str, text: &str) -> Result<ActionManifest, Diagnostics> {
    actions::parse_action(path, text)
}

/// All that can be said about a workflow file without an event: what [`parse`] says, and what runs but was hardly meant so.
/// None where there is nothing to say.
#[must_use]
pub fn lint(path: &str, text: &str) -> Option<Diagnostics> {
    let errors = parse(path, text).err();
    let notices = match Dialect::of(path) {
        Dialect::Lightning => Vec::new(),
        Dialect::Actions => actions::notices(path, text),
    };
    Diagnostics::joined(errors, notices)
}

/// The directories of the repository whose actions the steps of a workflow file, or of an action's own file, use: those that
/// can be read off the text. None where it is no YAML, which [`lint`] says.
#[must_use]
pub fn local_actions(path: &str, text: &str) -> Vec<LocalAction> {
    match Dialect::of(path) {
        Dialect::Lightning => Vec::new(),
        Dialect::Actions => actions::local_actions(path, text),
    }
}

/// What the steps of a workflow file say before anything runs, in the order of the file; as far as it can be read. Scripts of
/// the Lightning dialect can't be refused.
#[must_use]
pub fn written_steps(path: &str, text: &str) -> Vec<WrittenStep> {
    match Dialect::of(path) {
        Dialect::Lightning => Vec::new(),
        Dialect::Actions => actions::written_steps(path, text),
    }
}

/// What a path says about the language.
enum Dialect {
    Lightning,
    /// Whatever else we are given.
    Actions,
}

impl Dialect {
    fn of(path: &str) -> Self {
        let in_lightning = path
            .strip_prefix(LIGHTNING)
            .is_some_and(|rest| rest.starts_with('/'));
        if in_lightning {
            Self::Lightning
        } else {
            Self::Actions
        }
    }
}
