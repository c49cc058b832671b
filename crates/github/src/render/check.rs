//! A job's check at each stage of its life.

use super::cut::{cut, cut_line};
use super::escape::{code, inline};
use super::fence::{fenced, shorten_runs};
use super::log::excerpt;
use super::notes::{Note, in_title, notes};
use super::span::{grouped, span};
use super::steps::{Step, failing, last_lines, stopped, table};
use super::tests_table::Tests;
use super::translations::{Translated, translations};
use crate::forge::{Annotation, CheckState, CheckStatus};
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::event::ButtonAction;
use checkmill_core::{AttemptNumber, End, Login, MicroDollars, Millis, Reason, UnixMillis, limits};

/// Of a check's text, what the log has at the least where the steps' own summaries are long; else it has what they leave.
const LOG_BYTES: usize = 8_000;
/// Of a check's summary, what the diagnostics of a broken file may take.
const DIAGNOSTICS_BYTES: usize = 30_000;
/// Of the steps' own summaries in a check's text.
pub const SUMMARY_HEADING: &str = "### Summary";
/// Of the log in a check's text.
pub const LOG_HEADING: &str = "### Log";
/// Headings and fences around the parts of a check's text.
const FRAME_BYTES: usize = 600;

/// Of a job that passed all the same.
const FAILED_TESTS_ADVICE: &str = "The step that ran the tests has not failed, or has `continue-on-error`: the failed tests don't \
                                   stand in the way of a merge.";

/// What is the same at every stage of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    pub number: AttemptNumber,
    /// `runs-on`.
    pub labels: &'a [String],
    /// The backend's name, once it is known where the job runs.
    pub backend: Option<&'a str>,
    /// The job's own page.
    pub details_url: Option<&'a str>,
}

/// Everything that is known of an attempt when it ends. Texts are masked, of any length, and from anybody.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    pub attempt: Attempt<'a>,
    pub end: &'a End,
    pub started_at: Option<UnixMillis>,
    /// From queued to running, or to the end where it never ran.
    pub queued_for: Millis,
    /// None where it never ran.
    pub ran_for: Option<Millis>,
    /// Where its backend knows.
    pub cost: Option<MicroDollars>,
    pub steps: &'a [Step<'a>],
    pub tests: Tests<'a>,
    /// What earlier attempts teach about this one.
    pub notes: &'a [Note<'a>],
    /// What the workflow calls the run: anybody's text.
    pub run_name: Option<&'a str>,
    /// Scripts of a language model that stand for steps, or may.
    pub translated: &'a [Translated<'a>],
    /// What is wrong with the workflow file or the policy: Markdown of ours, with quoted lines in fences.
    pub diagnostics: Option<&'a str>,
    /// Plain text.
    pub log: Option<&'a str>,
    /// `GITHUB_STEP_SUMMARY` of all steps: Markdown of the job's.
    pub step_summary: &'a str,
    /// The most important first; those past [`limits::ANNOTATIONS`] are not shown.
    pub annotations: Vec<Annotation>,
}

/// A check that waits for compute, with the scripts of a language model that its job may run.
#[must_use]
pub fn queued(attempt: &Attempt<'_>, translated: &[Translated<'_>]) -> CheckState {
    let labels: Vec<_> = attempt.labels.iter().map(|label| code(label)).collect();
    let wanted = if labels.is_empty() {
        String::new()
    } else {
        format!(" with {}", labels.join(", "))
    };
    CheckState {
        status: CheckStatus::Queued,
        title: "Queued".to_owned(),
        summary: paragraphs(vec![
            format!("Waiting for compute{wanted}.\n"),
            footer(attempt, None, None, None),
        ]),
        text: Some(translations(translated)).filter(|text| !text.is_empty()),
        annotations: Vec::new(),
        details_url: attempt.details_url.map(str::to_owned),
        buttons: vec![ButtonAction::Cancel],
    }
}

/// A check that waits for a place in a concurrency group. `waits`: for which, and who has it; anybody's words.
#[must_use]
pub fn parked(attempt: &Attempt<'_>, waits: &str) -> CheckState {
    CheckState {
        title: cut_line(waits, limits::CHECK_TITLE_CHARS),
        summary: paragraphs(vec![
            format!("{}\n", inline(waits)),
            "No compute is used meanwhile, and no time limit runs.\n".to_owned(),
            footer(attempt, None, None, None),
        ]),
        ..queued(attempt, &[])
    }
}

/// A check whose job runs.
#[must_use]
pub fn in_progress(attempt: &Attempt<'_>, started_at: UnixMillis, queued_for: Millis) -> CheckState {
    CheckState {
        status: CheckStatus::InProgress { started_at },
        title: "Running".to_owned(),
        summary: paragraphs(vec![
            "The job runs.\n".to_owned(),
            footer(attempt, Some(queued_for), None, None),
        ]),
        text: None,
        annotations: Vec::new(),
        details_url: attempt.details_url.map(str::to_owned),
        buttons: vec![ButtonAction::Cancel],
    }
}

/// A check whose job has ended, for whatever reason.
#[must_use]
pub fn completed(ended: &Ended<'_>) -> CheckState {
    let Ended { attempt, end, .. } = ended;
    let buttons = match end.reason {
        Reason::ApprovalRequired => vec![ButtonAction::Approve],
        _ => Vec::new(),
    };
    let mut annotations = ended.annotations.clone();
    annotations.truncate(limits::ANNOTATIONS);
    CheckState {
        status: CheckStatus::Completed {
            conclusion: end.reason.conclusion(),
            started_at: ended.started_at,
            completed_at: end.at,
        },
        title: cut_line(&full_title(ended), limits::CHECK_TITLE_CHARS),
        summary: cut(&summary(ended), limits::CHECK_TEXT_CHARS),
        text: text(ended),
        annotations,
        details_url: attempt.details_url.map(str::to_owned),
        buttons,
    }
}

/// The check of an attempt that waited for an approval: who gave it, and what follows. Its conclusion stays.
#[must_use]
pub fn approved(attempt: &Attempt<'_>, end: &End, by: &Login, next: AttemptNumber) -> CheckState {
    CheckState {
        status: CheckStatus::Completed {
            conclusion: end.reason.conclusion(),
            started_at: None,
            completed_at: end.at,
        },
        title: format!("Approved by {by}; runs as attempt {next}"),
        summary: paragraphs(vec![
            format!(
                "**Not run in this attempt** ({}): it waited for an approval, which {} gave.\n",
                code(end.reason.class()),
                inline(&by.to_string())
            ),
            format!("Attempt {next} runs the commit. It has a check of its own.\n"),
            footer(attempt, None, None, None),
        ]),
        text: None,
        annotations: Vec::new(),
        details_url: attempt.details_url.map(str::to_owned),
        buttons: Vec::new(),
    }
}

/// The line beside the check's name. Plain text.
fn full_title(ended: &Ended<'_>) -> String {
    match in_title(ended.notes) {
        Some(note) => format!("{}; {note}", title(ended)),
        None => title(ended),
    }
}

/// How the attempt ended.
fn title(ended: &Ended<'_>) -> String {
    let end = ended.end;
    let ran = span(ended.ran_for.unwrap_or_default());
    match &end.reason {
        Reason::Success => match ended.tests.failed() {
            Some(failed) => format!("Passed in {ran}, though {failed}"),
            None => format!("Passed in {ran}"),
        },
        Reason::Test => {
            let step = match failing(ended.steps) {
                Some(Step {
                    name,
                    exit_code: Some(code),
                    ..
                }) => format!("Step \"{}\" failed with exit code {code}", cut_line(name, 120)),
                Some(step) => format!("Step \"{}\" failed", cut_line(step.name, 120)),
                None => format!("Failed after {ran}"),
            };
            match ended.tests.failed() {
                Some(failed) => format!("{failed}. {step}"),
                None => step,
            }
        }
        Reason::Configuration => "Can't run as it is written".to_owned(),
        Reason::Infrastructure => "No verdict: the infrastructure failed".to_owned(),
        Reason::QueueTimeout => format!("No compute within {}", span(ended.queued_for)),
        Reason::RunTimeout => match stopped(ended.steps) {
            Some(step) => format!(
                "Stopped at its time limit after {ran}, in step \"{}\"",
                cut_line(step.name, 120)
            ),
            None => format!("Stopped at its time limit after {ran}"),
        },
        Reason::Cancelled {
            by: CancelledBy::User(login),
        } => format!("Cancelled by {login}"),
        Reason::Cancelled {
            by: CancelledBy::FailFast,
        } => "Cancelled: another leg failed".to_owned(),
        Reason::Cancelled {
            by: CancelledBy::Concurrency,
        } => "Cancelled in its concurrency group".to_owned(),
        Reason::Cancelled {
            by: CancelledBy::Uninstalled,
        } => "Cancelled: the App lost its access".to_owned(),
        Reason::Skipped => "Skipped".to_owned(),
        Reason::Neutral => format!(
            "{}, which continue-on-error allows",
            ended.tests.failed().unwrap_or_else(|| "Failed".to_owned())
        ),
        Reason::ApprovalRequired => "Waits for an approval".to_owned(),
        Reason::ForkRefused => "Commits of forks don't run here".to_owned(),
    }
}

/// Verdict, reason class and detail; then what helps most for this reason; then the steps.
fn summary(ended: &Ended<'_>) -> String {
    let end = ended.end;
    let verdict = match &end.reason {
        Reason::Success => "Passed",
        Reason::Test => "Failed",
        Reason::Configuration if ended.steps.is_empty() => "Not run",
        Reason::Configuration => "Stopped",
        Reason::Infrastructure => "No verdict",
        Reason::QueueTimeout | Reason::RunTimeout => "Timed out",
        Reason::Cancelled { .. } => "Cancelled",
        Reason::Skipped => "Skipped",
        Reason::Neutral => "Failed, allowed",
        Reason::ApprovalRequired => "Not run yet",
        Reason::ForkRefused => "Not run",
    };
    let mut parts = vec![match inline(&end.detail) {
        detail if detail.is_empty() => format!("**{verdict}** ({})\n", code(end.reason.class())),
        detail => format!("**{verdict}** ({}): {detail}\n", code(end.reason.class())),
    }];
    let told = match &end.reason {
        Reason::RunTimeout => stopped(ended.steps),
        _ => None,
    };
    if let Some(step) = told {
        parts.push(format!(
            "The step **{}** had been running for {}.\n",
            inline(&cut_line(step.name, 120)),
            span(step.duration)
        ));
    }
    if end.reason == Reason::Success && ended.tests.failed().is_some() {
        parts.push(format!("{FAILED_TESTS_ADVICE}\n"));
    }
    if let Some(advice) = advice(&end.reason, !ended.steps.is_empty()) {
        parts.push(format!("{advice}\n"));
    }
    parts.push(notes(ended.notes));
    if let Some(diagnostics) = ended.diagnostics.filter(|text| !text.trim().is_empty()) {
        parts.push(format!("{}\n", cut(diagnostics.trim_end(), DIAGNOSTICS_BYTES)));
    }
    parts.push(table(ended.steps));
    parts.push(ended.tests.section());
    parts.push(last_lines(told.or_else(|| failing(ended.steps))));
    if ended.annotations.len() > limits::ANNOTATIONS {
        parts.push(format!(
            "*Of {} annotations {} are shown: those on changed lines first, then those in changed files.*\n",
            grouped(ended.annotations.len()),
            limits::ANNOTATIONS
        ));
    }
    parts.push(footer(
        &ended.attempt,
        Some(ended.queued_for),
        ended.ran_for,
        ended.cost,
    ));
    if let Some(name) = ended.run_name {
        parts.push(format!(
            "Run: {}\n",
            inline(&cut_line(name, limits::RUN_NAME_CHARS))
        ));
    }
    paragraphs(parts)
}

/// The parts that say something, a blank line between them. Each part ends in a newline.
fn paragraphs(mut parts: Vec<String>) -> String {
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What the reader can do now, where it is not plain.
const fn advice(reason: &Reason, has_run: bool) -> Option<&'static str> {
    match reason {
        Reason::Configuration if has_run => {
            Some("Correct what is said here, and push or start the workflow again.")
        }
        Reason::Configuration => {
            Some("Nothing was run: correct what is said here, and push or start the workflow again.")
        }
        Reason::Infrastructure => Some(
            "The fault is not in the code under test as far as Checkmill can tell. **Re-run** starts the job again.",
        ),
        Reason::QueueTimeout => Some(
            "No backend took the job in time: it may be full, or down, or none may have these labels. **Re-run** \
             queues the job again; `queue-timeout-minutes` in `.checkmill/config.yml` sets the limit.",
        ),
        Reason::RunTimeout => Some(
            "The job was stopped and its log kept. `timeout-minutes` (`timeout` in `.lightning/workflows`) sets the limit.",
        ),
        Reason::Neutral => {
            Some("The job has `continue-on-error`, so it does not stand in the way of a merge.")
        }
        Reason::ApprovalRequired => Some(
            "Somebody with write permission can press **Approve and run**. It runs exactly this commit, once; a later \
             push needs an approval of its own. Look at the changes first: they run with this repository's token.",
        ),
        Reason::ForkRefused => Some(
            "Somebody with write permission who has looked at the changes can push them to a branch of this repository: \
             there they run.",
        ),
        Reason::Success | Reason::Test | Reason::Cancelled { .. } | Reason::Skipped => None,
    }
}

/// Attempt, times and place, on one line; nothing where nothing is known.
fn footer(
    attempt: &Attempt<'_>,
    queued_for: Option<Millis>,
    ran_for: Option<Millis>,
    cost: Option<MicroDollars>,
) -> String {
    let facts = [
        (attempt.number > AttemptNumber::FIRST).then(|| format!("attempt {}", attempt.number)),
        queued_for.map(|queued| format!("queued {}", span(queued))),
        ran_for.map(|ran| format!("ran {}", span(ran))),
        attempt.backend.map(|backend| format!("on {}", code(backend))),
        cost.map(|cost| format!("cost {cost}")),
    ];
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    let line = facts.join(" · ");
    match line.chars().next() {
        Some(first) => format!("{}{}\n", first.to_uppercase(), &line[first.len_utf8()..]),
        None => String::new(),
    }
}

/// What a model wrote, always in full; then the steps' own summaries and the log.
fn text(ended: &Ended<'_>) -> Option<String> {
    let mut out = translations(ended.translated);
    let log = ended.log.filter(|log| !log.trim().is_empty());
    if !ended.step_summary.trim().is_empty() {
        let room = (limits::CHECK_TEXT_CHARS - FRAME_BYTES).saturating_sub(out.len());
        let room = room.saturating_sub(log.map_or(0, |_| LOG_BYTES));
        // Shortened and closed, so that a fence left open in it does not swallow the log.
        let summary = cut(ended.step_summary.trim_end(), room);
        out.push_str(&format!(
            "{SUMMARY_HEADING}\n\n{}\n\n",
            shorten_runs(&summary, super::fence::LONGEST_FENCE)
        ));
    }
    if let Some(log) = log {
        let room = (limits::CHECK_TEXT_CHARS - FRAME_BYTES).saturating_sub(out.len());
        out.push_str(&format!("{LOG_HEADING}\n\n{}", fenced(&excerpt(log, room))));
    }
    (!out.is_empty()).then(|| cut(out.trim_end(), limits::CHECK_TEXT_CHARS))
}

#[cfg(test)]
mod tests;
