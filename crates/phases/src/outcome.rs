//! What a phase answers the state machine, from the row alone.

use checkmill_backends::registry::Backends;
use checkmill_core::execution::{ExecutionInput, Next, PhaseOutput};
use checkmill_core::limits::{POLL_INTERVAL_MAX, POLL_INTERVAL_MIN, TURNS_PER_EXECUTION, USUAL_WAIT_MAX};
use checkmill_core::{Job, JobState, Millis, UnixMillis};

/// How a deployment waits for its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitSettings {
    /// Jobs can reach us; those whose backend calls back are awaited with a task token.
    pub callback: bool,
    /// How long a running job's callback is awaited before a poll makes sure. Costs 4 transitions each time it runs out.
    pub callback_patience: Millis,
}

/// One of GitHub's servers may not know yet what another has just taken, and a function may have taken a minute to get here:
/// what is not found is looked for this long.
pub(crate) const OUT_OF_REACH: Millis = Millis::from_secs(90);

impl WaitSettings {
    /// As they are for a job: one whose backend can't call back is polled.
    #[must_use]
    pub fn of(self, job: &Job, backends: &Backends) -> Self {
        let backend = job.handle().and_then(|handle| backends.by_name(&handle.backend));
        let callback = self.callback && backend.is_some_and(|backend| backend.capabilities().callback);
        Self { callback, ..self }
    }
}

/// Whether a newer attempt or execution has taken the job over.
#[must_use]
pub fn is_superseded(job: &Job, input: &ExecutionInput) -> bool {
    job.attempt != input.attempt || job.generation > input.generation
}

/// Nothing left to do for this execution.
#[must_use]
pub fn done(input: &ExecutionInput) -> PhaseOutput {
    output(input, 0, Next::Done, Millis(0))
}

/// For an execution whose history is full and whose successor the row already names: it may not have been started yet.
#[must_use]
pub fn hands_over(job: &Job, input: &ExecutionInput, turn: u32) -> bool {
    job.attempt == input.attempt && job.generation == input.generation + 1 && turn >= TURNS_PER_EXECUTION
}

/// The answer of an execution that hands over to its successor.
#[must_use]
pub fn hand_over(input: &ExecutionInput, turn: u32) -> PhaseOutput {
    output(input, turn, Next::Continue, Millis(0))
}

/// Where the execution goes from here, after `turn` turns of the wait loop.
#[must_use]
pub fn next(
    job: &Job,
    input: &ExecutionInput,
    turn: u32,
    now: UnixMillis,
    wait: &WaitSettings,
) -> PhaseOutput {
    let (next, span) = match job.state {
        JobState::Ended { .. } => (Next::Results, Millis(0)),
        // A waiting job has no execution of its own yet; a queued one gets a new one from whoever queued it, and so does one
        // that waits for a concurrency group.
        JobState::Concluded { .. } | JobState::Waiting | JobState::Parked { .. } => (Next::Done, Millis(0)),
        _ if turn >= TURNS_PER_EXECUTION => (Next::Continue, Millis(0)),
        JobState::Queued | JobState::Claimed { .. } => (Next::Wait, POLL_INTERVAL_MIN),
        JobState::Submitted { since, .. } => waiting(job, now.since(since), now, wait, false),
        JobState::Running { since, .. } => waiting(job, now.since(since), now, wait, true),
    };
    output(input, turn, next, span)
}

/// The wait starts at [`POLL_INTERVAL_MIN`] and grows with a tenth of the elapsed time, so an end is noticed within a tenth
/// of what the job took; no wait goes past a deadline.
fn waiting(
    job: &Job,
    elapsed: Millis,
    now: UnixMillis,
    wait: &WaitSettings,
    running: bool,
) -> (Next, Millis) {
    let adaptive = Millis(elapsed.0 / 10).clamp(POLL_INTERVAL_MIN, POLL_INTERVAL_MAX);
    let patient = wait.callback && running && job.stop.is_none();
    let span = if patient {
        adaptive.max(wait.callback_patience)
    } else {
        adaptive
    };
    let span = if job.stop.is_some() {
        POLL_INTERVAL_MIN.min(span)
    } else {
        span
    };
    let until_deadline = job.deadline().map_or(span, |(at, _)| at.since(now));
    let next = if wait.callback { Next::Await } else { Next::Wait };
    (next, span.min(until_deadline))
}

/// The first wait for a job that has just been seen running, on a backend that can't call back: until it usually ends, at most
/// [`USUAL_WAIT_MAX`], and never past a deadline. From there on the waits are those of [`next`].
///
/// A long one is a wait for a task token that no agent knows: it runs out like any other, and somebody who stops the job ends it
/// at once.
#[must_use]
pub fn until_usual_end(job: &Job, output: PhaseOutput, now: UnixMillis, usual_end: Millis) -> PhaseOutput {
    let JobState::Running { since, .. } = job.state else {
        return output;
    };
    let left = Millis(usual_end.0.saturating_sub(now.since(since).0)).min(USUAL_WAIT_MAX);
    let until_deadline = job.deadline().map_or(left, |(at, _)| at.since(now));
    let wait_seconds = left.min(until_deadline).as_secs_ceil();
    if output.next != Next::Wait || job.stop.is_some() || wait_seconds <= output.wait_seconds {
        return output;
    }
    let wakes = wait_seconds > POLL_INTERVAL_MAX.as_secs_ceil();
    PhaseOutput {
        next: if wakes { Next::Await } else { Next::Wait },
        wait_seconds,
        ..output
    }
}

fn output(input: &ExecutionInput, turn: u32, next: Next, span: Millis) -> PhaseOutput {
    let successor = ExecutionInput {
        generation: input.generation + 1,
        ..input.clone()
    };
    PhaseOutput {
        job: input.job.clone(),
        attempt: input.attempt,
        generation: input.generation,
        turn,
        next,
        wait_seconds: span.as_secs_ceil().max(1),
        next_execution: successor.name(),
        next_generation: successor.generation,
    }
}
