//! The table of a job's steps, and what the failing one said last.

use super::cut::cut_line;
use super::escape::inline;
use super::fence::fenced;
use super::log::clean;
use super::span::{grouped, span};
use checkmill_core::{Millis, limits};

/// Rows of the table. A check's summary holds 65,535 characters; a job may have a thousand steps.
const ROWS: usize = 100;
/// Of a step's name in the table.
const NAME_BYTES: usize = 120;
/// Of the last lines together.
const TAIL_BYTES: usize = 12_000;

/// One step as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    pub name: &'a str,
    pub mark: StepMark,
    pub duration: Millis,
    pub exit_code: Option<i32>,
    /// The last lines it printed, masked; of a step that failed or was stopped.
    pub tail: &'a [String],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepMark {
    Success,
    Failure,
    /// It failed, and `continue-on-error` lets the job go on.
    FailureAllowed,
    Cancelled,
    Skipped,
}

impl StepMark {
    const fn icon(self) -> &'static str {
        match self {
            Self::Success => "✅",
            Self::Failure => "❌",
            Self::FailureAllowed => "⚠️",
            Self::Cancelled => "🚫",
            Self::Skipped => "⏭️",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::FailureAllowed => "failure, allowed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

/// The step that made the job fail: the first failure that is not allowed.
pub(super) fn failing<'a, 's>(steps: &'s [Step<'a>]) -> Option<&'s Step<'a>> {
    steps.iter().find(|step| step.mark == StepMark::Failure)
}

/// The step that a time limit of the job ended.
pub(super) fn stopped<'a, 's>(steps: &'s [Step<'a>]) -> Option<&'s Step<'a>> {
    steps.iter().find(|step| step.mark == StepMark::Cancelled)
}

/// The table, ending in a newline; nothing for no steps.
pub(super) fn table(steps: &[Step<'_>]) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut out = String::from("| | Step | Result | Duration |\n|---|---|---|---:|\n");
    for step in steps.iter().take(ROWS) {
        let code = match step.exit_code {
            Some(code) if code != 0 => format!(" (exit code {code})"),
            _ => String::new(),
        };
        let duration = if step.mark == StepMark::Skipped {
            String::new()
        } else {
            span(step.duration)
        };
        out.push_str(&format!(
            "| {} | {} | {}{code} | {duration} |\n",
            step.mark.icon(),
            inline(&cut_line(step.name, NAME_BYTES)),
            step.mark.word(),
        ));
    }
    if let Some(more) = steps.len().checked_sub(ROWS).filter(|more| *more > 0) {
        out.push_str(&format!(
            "\n*… and {} more steps; the log has them all.*\n",
            grouped(more)
        ));
    }
    out
}

/// A heading and the last lines of the step, ending in a newline; nothing where there are none.
pub(super) fn last_lines(step: Option<&Step<'_>>) -> String {
    let Some(step) = step.filter(|step| !step.tail.is_empty()) else {
        return String::new();
    };
    let mut room = TAIL_BYTES;
    let mut lines: Vec<String> = Vec::new();
    for line in step.tail.iter().rev().take(limits::FAILURE_TAIL_LINES) {
        let line = clean(line).into_owned();
        let Some(left) = room.checked_sub(line.len() + 1) else {
            break;
        };
        room = left;
        lines.push(line);
    }
    lines.reverse();
    format!(
        "#### Last lines of {}\n\n{}",
        inline(&cut_line(step.name, NAME_BYTES)),
        fenced(&lines.join("\n"))
    )
}
