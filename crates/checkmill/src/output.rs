//! What the commands print on standard output.

use std::io::Write as _;
use std::path::Path;

/// Prints a text.
///
/// # Errors
/// When standard output can't be written to.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// What is said of a repository without a workflow file that counts.
pub(crate) fn no_workflow(root: &Path, dirs: &[&str]) -> String {
    format!(
        "{} has no workflow file. Looked for *.yml and *.yaml in {}.",
        root.display(),
        dirs.join(" and ")
    )
}
