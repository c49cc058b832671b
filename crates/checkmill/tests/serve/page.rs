//! A check as its page on GitHub shows it, without what differs from run to run.

use checkmill_testkit::state::check::Annotation;
use checkmill_testkit::{CheckRun, Comment};
use regex_lite::Regex;

/// Name, conclusion, title, summary, text, annotations and buttons.
pub(crate) fn page(check: &CheckRun) -> String {
    let output = &check.output;
    let mut page = format!(
        "{}\n{}\n\n",
        check.line(),
        output.title.as_deref().unwrap_or_default()
    );
    page.push_str(output.summary.as_deref().unwrap_or_default());
    if let Some(text) = &output.text {
        page.push_str(&format!("\n\n{text}"));
    }
    for annotation in &check.annotations {
        page.push_str(&format!("\n{}", line(annotation)));
    }
    for action in &check.actions {
        page.push_str(&format!("\n[{}]: {}", action.label, action.description));
    }
    steady(
        &page
            .replace(check.head_sha.as_str(), "SHA")
            .replace(check.head_sha.short(), "SHA"),
    )
}

/// The first lines only: name and conclusion, title, verdict.
pub(crate) fn verdict(check: &CheckRun) -> String {
    page(check)
        .lines()
        .filter(|line| !line.is_empty())
        .take(3)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A comment, without what differs from run to run.
pub(crate) fn comment(comment: &Comment) -> String {
    steady(&comment.body)
}

pub(crate) fn line(of: &Annotation) -> String {
    let title = of
        .title
        .as_deref()
        .map(|title| format!("{title}: "))
        .unwrap_or_default();
    let column = of
        .start_column
        .map(|column| format!(":{column}"))
        .unwrap_or_default();
    format!(
        "{}:{}{column}: {}: {title}{}",
        of.path, of.start_line, of.level, of.message
    )
}

/// Times, durations, ids and paths of this run, each replaced by a word.
fn steady(text: &str) -> String {
    let words = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ", ""),
        (r"\b\d+(\.\d)? (s|min)\b( \d+ s\b)?", "TIME"),
        (r"(##\[endstep\]\w+) \d+", "$1 TIME"),
        (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
        (r"\b[0-9a-f]{40}\b", "SHA"),
        (r"checkmill:run:[0-9a-f]+", "checkmill:run:RUN"),
        (r"/runs/\d+", "/runs/CHECK"),
        (r"/tmp/\.tmp\w+", "/TMP"),
    ];
    let mut text = text.to_owned();
    for (pattern, word) in words {
        text = Regex::new(pattern)
            .expect("the pattern is one")
            .replace_all(&text, word)
            .into_owned();
    }
    text
}
