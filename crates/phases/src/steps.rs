//! The steps of an ended attempt, from whoever can still tell of them.

use checkmill_core::{End, Reason};
use checkmill_workflow::job::{JobResult, StepResult, StepStatus};

/// What the agent said of its steps. Where it was killed at a time limit before it could say anything, what its log has (masked)
/// is what there is.
#[must_use]
pub fn steps(end: &End, result: Option<&JobResult>, log: Option<&str>) -> Vec<StepResult> {
    match result {
        Some(result) if !result.steps.is_empty() => result.steps.clone(),
        _ if end.reason == Reason::RunTimeout => {
            checkmill_workflow::log::steps(log.unwrap_or_default(), end.at)
        }
        _ => Vec::new(),
    }
}

/// The step that a reader wants to hear of first: the one that the job's time limit has stopped, or the first that failed.
#[must_use]
pub fn telling<'a>(end: &End, steps: &'a [StepResult]) -> Option<&'a StepResult> {
    let first = |outcome| steps.iter().find(|step| step.outcome == outcome);
    let stopped = first(StepStatus::Cancelled).filter(|_| end.reason == Reason::RunTimeout);
    stopped.or_else(|| first(StepStatus::Failure))
}
