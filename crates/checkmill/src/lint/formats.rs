//! The report for people, for programs, and as GitHub's workflow commands.

use super::Report;
use crate::output::count;
use checkmill_workflow::{Diagnostic, Severity};
use serde::Serialize;
use std::fmt::Write as _;

/// As the check of a broken file shows it, and a line that counts.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for one in &report.diagnostics {
        let _ = writeln!(text, "{one}\n");
    }
    if report.left_out > 0 {
        let _ = writeln!(text, "… and {} more\n", report.left_out);
    }
    let files = count(report.files.len(), "file");
    let found: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .map(|severity| (report.count(severity), severity.as_str()))
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| count(number, what))
        .collect();
    let _ = match found.as_slice() {
        [] => writeln!(text, "{files}, no mistakes"),
        _ => writeln!(text, "{} in {files}", found.join(", ")),
    };
    text
}

/// The object of `--format json`.
#[derive(Serialize)]
struct Object<'a> {
    files: &'a [String],
    errors: usize,
    warnings: usize,
    notes: usize,
    left_out: usize,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    rule: &'static str,
    severity: &'static str,
    path: &'a str,
    line: u32,
    column: u32,
    end_column: u32,
    message: &'a str,
    hint: Option<&'a str>,
    snippet: &'a str,
}

fn entry(one: &Diagnostic) -> Entry<'_> {
    Entry {
        rule: one.rule.id(),
        severity: one.severity().as_str(),
        path: &one.path,
        line: one.line,
        column: one.column,
        end_column: one.end_column,
        message: &one.message,
        hint: one.hint.as_deref(),
        snippet: &one.snippet,
    }
}

pub(super) fn json(report: &Report) -> anyhow::Result<String> {
    let object = Object {
        files: &report.files,
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        notes: report.count(Severity::Note),
        left_out: report.left_out,
        diagnostics: report.diagnostics.iter().map(entry).collect(),
    };
    Ok(serde_json::to_string(&object)? + "\n")
}

/// GitHub docs, "Workflow commands": an annotation for each.
pub(super) fn github(report: &Report) -> String {
    let mut text = String::new();
    for one in &report.diagnostics {
        let command = match one.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let message = match &one.hint {
            Some(hint) => format!("{}\n{hint}", one.message),
            None => one.message.clone(),
        };
        let _ = writeln!(
            text,
            "::{command} file={},line={},col={},endColumn={},title={}::{}",
            property(&one.path),
            one.line,
            one.column,
            one.end_column,
            one.rule.id(),
            data(&message)
        );
    }
    text
}

/// GitHub's `@actions/core`: what would end the message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same, and what would end a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(data("50% of a\r\nb: c, d"), "50%25 of a%0D%0Ab: c, d");
        assert_eq!(property("a:b,c%.yml"), "a%3Ab%2Cc%25.yml");
    }
}
