//! `checkmill lint`: all that is wrong with a repository's workflow files, its policy and its own actions, without running
//! anything.

mod files;
mod formats;
mod refusals;
mod sarif;

use crate::cli::{LintArgs, LintFormat};
use crate::output::print;
use checkmill_workflow::{Diagnostic, Diagnostics, Severity};
use files::Files;
use std::process::ExitCode;

/// When errors were found.
const ERRORS: u8 = 1;

/// What was found.
pub(crate) struct Report {
    /// Paths of the files that were read, the policy and actions among them.
    files: Vec<String>,
    /// By file, and in the order of each file.
    diagnostics: Vec<Diagnostic>,
    /// How many more there are.
    left_out: usize,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        let of = self.diagnostics.iter().filter(|one| one.severity() == severity);
        of.count()
    }
}

/// Reads and reports. The exit code says whether there are errors; warnings and notes are none.
///
/// # Errors
/// Wrong input: no such directory, no workflow file in it.
pub(crate) fn lint(args: &LintArgs) -> anyhow::Result<ExitCode> {
    let report = report(&Files::read(&args.path, args.all)?);
    let text = match args.format {
        LintFormat::Text => formats::text(&report),
        LintFormat::Json => formats::json(&report)?,
        LintFormat::Sarif => sarif::sarif(&report)?,
        LintFormat::Github => formats::github(&report),
    };
    print(&text)?;
    Ok(match report.count(Severity::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(ERRORS),
    })
}

fn report(files: &Files) -> Report {
    let mut report = Report {
        files: Vec::new(),
        diagnostics: Vec::new(),
        left_out: 0,
    };
    let mut add = |path: &str, found: Option<Diagnostics>| {
        report.files.push(path.to_owned());
        if let Some(found) = found {
            report.left_out += found.left_out();
            report.diagnostics.extend(found.as_slice().iter().cloned());
        }
    };
    if let Some(file) = &files.policy {
        add(
            &file.path,
            file.judged(|path, text| checkmill_workflow::parse_policy(path, text).err()),
        );
    }
    // Many may call one file, and see the same there.
    let mut between: Vec<Diagnostic> = Vec::new();
    for file in &files.workflows {
        let found = file.calling(&files.workflows, &files.rules.actions);
        let new = found.into_iter().filter(|one| !between.contains(one));
        between.extend(new.collect::<Vec<_>>());
    }
    for file in &files.workflows {
        let own = file.judged(checkmill_workflow::lint);
        let own = file.refused(own, &files.rules, files.has_policy());
        let is_told = |one: &Diagnostic| {
            let told = own.as_ref().map_or(&[][..], Diagnostics::as_slice);
            told.iter().any(|other| {
                (other.line, other.column, &other.message) == (one.line, one.column, &one.message)
            })
        };
        let of_calls = between
            .iter()
            .filter(|one| one.path == file.path && !is_told(one));
        let of_calls = of_calls.cloned().collect();
        add(&file.path, Diagnostics::joined(own, of_calls));
    }
    for file in &files.actions {
        add(
            &file.path,
            file.judged(|path, text| checkmill_workflow::parse_action(path, text).err()),
        );
    }
    report
}
