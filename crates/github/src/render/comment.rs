//! The comment of a run on its pull request: one a run, updated in place, found again by a hidden marker.

use super::cut::{cut, cut_line};
use super::escape::inline;
use super::span::{grouped, span};
use checkmill_core::{CommitSha, Conclusion, Millis, Reason, RunId};

/// GitHub refuses comments of more than 65,536 characters.
const COMMENT_BYTES: usize = 65_535;
/// Rows of the table.
const ROWS: usize = 100;
/// Of a job's name.
const NAME_BYTES: usize = 200;
/// Of what happened to a job.
const DETAIL_BYTES: usize = 200;

#[derive(Debug, Clone)]
pub struct RunComment<'a> {
    pub run: &'a RunId,
    pub workflow: &'a str,
    /// What the workflow calls this run: anybody's text.
    pub title: Option<&'a str>,
    pub sha: &'a CommitSha,
    pub jobs: Vec<JobRow<'a>>,
}

#[derive(Debug, Clone)]
pub struct JobRow<'a> {
    /// The check's name.
    pub name: &'a str,
    pub state: JobRowState<'a>,
    /// The check's page.
    pub url: Option<String>,
}

#[derive(Debug, Clone)]
pub enum JobRowState<'a> {
    /// Waiting for other jobs or for compute.
    Queued,
    Running,
    Ended {
        reason: &'a Reason,
        detail: &'a str,
        ran_for: Option<Millis>,
    },
}

/// The line by which the comment is found again. An HTML comment: nobody sees it.
#[must_use]
pub fn comment_marker(run: &RunId) -> String {
    format!("<!-- checkmill:run:{run} -->")
}

/// The comment, Markdown, with the marker of its run.
#[must_use]
pub fn comment(run: &RunComment<'_>) -> String {
    let mut out = format!(
        "{}\n### {} {}: {}\n\n",
        comment_marker(run.run),
        icon(verdict(&run.jobs)),
        inline(&cut_line(run.workflow, NAME_BYTES)),
        headline(&run.jobs),
    );
    if let Some(title) = run.title {
        out.push_str(&format!("{}\n\n", inline(&cut_line(title, NAME_BYTES))));
    }
    out.push_str("| | Job | Result | Duration |\n|---|---|---|---:|\n");
    for row in shown(&run.jobs) {
        out.push_str(&line(row));
    }
    if let Some(more) = run.jobs.len().checked_sub(ROWS).filter(|more| *more > 0) {
        out.push_str(&format!(
            "\n*… and {} more jobs; the checks have them all.*\n",
            grouped(more)
        ));
    }
    out.push_str(&format!("\nCommit {}\n", run.sha));
    cut(&out, COMMENT_BYTES)
}

fn line(row: &JobRow<'_>) -> String {
    let name = inline(&cut_line(row.name, NAME_BYTES));
    let name = match &row.url {
        Some(url) => format!("[{name}](<{}>)", url.replace(['<', '>', '\n', '|', ' '], "")),
        None => name,
    };
    let (result, duration) = match &row.state {
        JobRowState::Queued => ("queued".to_owned(), None),
        JobRowState::Running => ("running".to_owned(), None),
        JobRowState::Ended {
            reason,
            detail,
            ran_for,
        } => {
            let word = match reason.conclusion() {
                Conclusion::Success => "success".to_owned(),
                _ => reason.class().replace('_', " "),
            };
            let detail = match reason {
                Reason::Success => String::new(),
                _ => inline(&cut_line(detail, DETAIL_BYTES)),
            };
            let text = if detail.is_empty() {
                word
            } else {
                format!("**{word}**: {detail}")
            };
            (text, *ran_for)
        }
    };
    let duration = duration.map(span).unwrap_or_default();
    format!(
        "| {} | {name} | {result} | {duration} |\n",
        icon(row.state.conclusion())
    )
}

impl JobRowState<'_> {
    const fn conclusion(&self) -> Option<Conclusion> {
        match self {
            Self::Queued | Self::Running => None,
            Self::Ended { reason, .. } => Some(reason.conclusion()),
        }
    }

    fn is_failed(&self) -> bool {
        self.conclusion().is_some_and(|conclusion| !conclusion.passes())
    }
}

const fn icon(conclusion: Option<Conclusion>) -> &'static str {
    match conclusion {
        None => "⏳",
        Some(Conclusion::Success) => "✅",
        Some(Conclusion::Failure | Conclusion::TimedOut) => "❌",
        Some(Conclusion::Neutral) => "⚠️",
        Some(Conclusion::Cancelled) => "🚫",
        Some(Conclusion::Skipped) => "⏭️",
        Some(Conclusion::ActionRequired) => "✋",
    }
}

/// The run's own verdict: the worst of its jobs', open as long as one is.
fn verdict(jobs: &[JobRow<'_>]) -> Option<Conclusion> {
    let rank = |conclusion: &Option<Conclusion>| match conclusion {
        Some(Conclusion::Failure | Conclusion::TimedOut) => 5,
        Some(Conclusion::ActionRequired) => 4,
        None => 3,
        Some(Conclusion::Cancelled) => 2,
        Some(Conclusion::Success | Conclusion::Neutral) => 1,
        Some(Conclusion::Skipped) => 0,
    };
    jobs.iter()
        .map(|row| row.state.conclusion())
        .max_by_key(rank)
        .unwrap_or(Some(Conclusion::Success))
}

fn headline(jobs: &[JobRow<'_>]) -> String {
    let count = |test: fn(&JobRow<'_>) -> bool| jobs.iter().filter(|row| test(row)).count();
    let total = grouped(jobs.len());
    let noun = if jobs.len() == 1 { "job" } else { "jobs" };
    let failed = count(|row| row.state.is_failed());
    let open = count(|row| row.state.conclusion().is_none());
    match (failed, open) {
        (0, 0) => format!("{total} {noun} passed"),
        (0, open) => format!("{} of {total} {noun} under way", grouped(open)),
        (failed, 0) => format!("{} of {total} {noun} did not pass", grouped(failed)),
        (failed, open) => {
            format!(
                "{} of {total} {noun} did not pass, {} under way",
                grouped(failed),
                grouped(open)
            )
        }
    }
}

/// The rows that are shown, in the run's order: where there are too many, those that did not pass come first.
fn shown<'a, 'j>(jobs: &'a [JobRow<'j>]) -> Vec<&'a JobRow<'j>> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|at| !jobs[*at].state.is_failed());
    order.truncate(ROWS);
    order.sort_unstable();
    order.into_iter().map(|at| &jobs[at]).collect()
}

#[cfg(test)]
mod tests;
