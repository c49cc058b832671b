//! What a check shows beside its verdict, as it would on GitHub.

use checkmill_github::render::{LOG_HEADING, SUMMARY_HEADING};
use checkmill_testkit::CheckRun;
use checkmill_workflow::job::JobResult;
use serde::Serialize;
use std::fmt::Write as _;

/// Annotations and failed tests of one check that people see in the terminal; the rest is counted.
const LINES: usize = 10;
/// Of a message in the terminal.
const LINE_CHARS: usize = 200;

/// All that a check's page has.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Shown {
    pub(crate) title: String,
    /// Markdown.
    pub(crate) summary: String,
    /// Markdown: scripts of a language model, the steps' own summaries, the log's most important part.
    pub(crate) text: String,
    pub(crate) annotations: Vec<Annotation>,
    /// Failed tests that have no place in the code, and therefore no annotation.
    #[serde(skip)]
    pub(crate) tests: Vec<String>,
    /// What a language model has to do with it, in the summary's words.
    #[serde(skip)]
    pub(crate) model: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Annotation {
    pub(crate) path: String,
    pub(crate) start_line: u64,
    pub(crate) end_line: u64,
    /// `notice`, `warning` or `failure`.
    pub(crate) level: String,
    pub(crate) title: Option<String>,
    pub(crate) message: String,
}

impl Shown {
    pub(crate) fn new(check: &CheckRun, result: Option<&JobResult>) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let annotation = |of: &checkmill_testkit::Annotation| Annotation {
            path: of.path.clone(),
            start_line: of.start_line,
            end_line: of.end_line,
            level: of.level.clone(),
            title: of.title.clone(),
            message: of.message.clone(),
        };
        let failures = result.iter().flat_map(|result| &result.tests.failures);
        let placeless = failures.filter(|test| test.path.is_none());
        Self {
            title: text(&check.output.title),
            summary: text(&check.output.summary),
            text: text(&check.output.text),
            annotations: check.annotations.iter().map(annotation).collect(),
            tests: placeless
                .map(|test| said(&[&test.suite, &test.name, &test.message]))
                .collect(),
            model: if result.is_some_and(|result| !result.wanted.is_empty()) {
                model(&text(&check.output.summary), &text(&check.output.text))
            } else {
                Vec::new()
            },
        }
    }

    /// What people want to know of a check that did not pass, one thing a line: where it failed, as far as the last lines of
    /// its log don't say so with the place.
    pub(crate) fn lines(&self, tail: &[String]) -> Vec<String> {
        let failures = self.annotations.iter().filter(|of| of.level == "failure");
        let news = failures.filter(|of| {
            let message = of.message.lines().next().unwrap_or_default();
            !tail
                .iter()
                .any(|line| line.contains(&of.path) && line.contains(message))
        });
        let placed = news.map(|of| {
            let title = of.title.as_deref().unwrap_or_default();
            format!("{}:{}: {}", of.path, of.start_line, said(&[title, &of.message]))
        });
        let mut lines: Vec<_> = placed.chain(self.tests.iter().cloned()).collect();
        if lines.len() > LINES {
            let more = lines.len() - LINES;
            lines.truncate(LINES);
            lines.push(format!("and {more} more: see --json or --keep-logs"));
        }
        lines
    }

    /// The page as one Markdown text, under the check's name.
    pub(crate) fn page(&self, name: &str) -> String {
        let mut page = format!("# {name}\n\n{}\n\n{}\n", self.title, self.summary.trim_end());
        if !self.annotations.is_empty() {
            page.push_str("\n## Annotations\n\n");
            for of in &self.annotations {
                let title = of.title.iter().map(|title| format!(" **{title}**"));
                let _ = writeln!(
                    page,
                    "- {} `{}:{}`{} {}",
                    of.level,
                    of.path,
                    of.start_line,
                    title.collect::<String>(),
                    of.message.trim().replace('\n', "\n  ")
                );
            }
        }
        if !self.text.is_empty() {
            let _ = write!(page, "\n{}\n", self.text.trim_end());
        }
        page
    }
}

/// Why no model helped, or what it wrote: of the summary the lines that say so, of the text what stands above all else.
fn model(summary: &str, text: &str) -> Vec<String> {
    let notes = summary.lines().filter(|line| line.contains("language model"));
    let scripts = [SUMMARY_HEADING, LOG_HEADING].iter().fold(text, |text, heading| {
        text.split(heading).next().unwrap_or_default()
    });
    let lines = notes.chain(scripts.trim_end().lines());
    lines.map(str::to_owned).collect()
}

/// The first lines of what is not empty, in one line.
fn said(parts: &[&str]) -> String {
    let first = parts.iter().filter_map(|part| part.trim().lines().next());
    let line = first.collect::<Vec<_>>().join(": ");
    match line.char_indices().nth(LINE_CHARS) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}
