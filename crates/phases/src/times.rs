//! When an attempt really started, from the two who can tell: the backend, seen by a poll, and the agent, whose steps took
//! their time.

use checkmill_core::{Job, Millis, UnixMillis};
use checkmill_workflow::job::JobResult;

/// When the attempt started; none where it never ran. A poll sees a job some time after it started, and may see a short one
/// not at all: then what its steps took says more.
#[must_use]
pub fn started_at(job: &Job, result: Option<&JobResult>) -> Option<UnixMillis> {
    let end = job.end()?.at;
    let steps = result.map(|result| Millis(result.steps.iter().map(|step| step.duration_ms).sum()));
    let by_steps = steps.map(|steps| (end - steps).max(job.compute_wanted_at()));
    match (job.running_at, by_steps) {
        (Some(seen), Some(computed)) => Some(seen.min(computed)),
        (seen, computed) => seen.or(computed),
    }
}
