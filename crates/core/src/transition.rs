//! The life of an attempt, as one total function.
//!
//! | event ╲ state     | Waiting | Parked    | Queued  | Claimed  | Submitted | Running | Ended     | Concluded |
//! |-------------------|---------|-----------|---------|----------|-----------|---------|-----------|-----------|
//! | `Release`         | Queued  | –         | start   | –        | –         | –       | –         | –         |
//! | `Claim`           | illegal | –         | Claimed | Claimed¹ | –         | –       | –         | –         |
//! | `ClaimLost`       | –       | –         | –       | Queued   | –         | –       | –         | –         |
//! | `Parked`          | illegal | –         | –       | Parked⁸  | –         | –       | –         | –         |
//! | `Placed`          | –       | Queued⁹   | start   | –        | –         | –       | –         | –         |
//! | `Submitted`       | illegal | Submitted⁷| Submitted²⁷| Submitted²| –        | –       | stop it   | stop it   |
//! | `Refused`         | Ended   | Ended     | Ended   | Ended    | –         | –       | –         | –         |
//! | `Abandoned`       | Ended   | –         | Ended   | Ended¹   | Ended     | Ended   | –         | –         |
//! | `SeenRunning`     | illegal | –         | –       | –        | Running   | –       | –         | –         |
//! | `Reported`        | illegal | –         | –       | kept     | Ended     | Ended   | –         | –         |
//! | `SeenEnded`       | illegal | –         | –       | –        | Ended     | Ended   | –         | –         |
//! | `StopRequested`   | Ended   | Ended⁹    | Ended   | kept     | stop it   | stop it | –         | –         |
//! | `Awaiting`        | illegal | –         | –       | –        | token     | token   | –         | –         |
//! | `NewGeneration`   | –       | –         | newer   | newer    | newer     | newer   | newer     | –         |
//! | `CheckReleased`   | –       | –         | –       | –        | –         | freed   | freed     | –         |
//! | `ReportClaim`     | illegal | illegal   | illegal | illegal  | illegal   | illegal | report⁴   | –         |
//! | `Settled`         | illegal | illegal   | illegal | illegal  | illegal   | illegal | settled⁵  | –         |
//! | `Retry`           | –       | –         | –       | –        | –         | –       | Queued⁶   | –         |
//! | `Closed`          | illegal | illegal   | illegal | illegal  | illegal   | illegal | Concluded | –         |
//! | `Rerun`           | –       | –         | –       | –        | –         | –       | –         | Waiting³  |
//! | `RerunAs`         | –       | –         | –       | –        | –         | –       | –         | Waiting³  |
//!
//! "–": late or a duplicate, nothing to do. ¹ only when the first claim has run out. ² or Ended, where the agent's report
//! or the wish to stop came first. ³ as the next attempt; the graph releases it. ⁴ only while no other phase is about to
//! write the check. ⁵ where the end may be retried ([`Job::may_be_retried`]), and –, where not. ⁶ likewise, as the next
//! attempt; it has kept its place under `max-parallel`. ⁷ the claim was taken for lost while its submit was under way.
//! ⁸ or Ended, where the wish to stop came first. ⁹ under the next generation: the execution of this one has ended.

use crate::conclusion::{End, Reason};
use crate::ids::CheckRunId;
use crate::job::{BackendHandle, Job, JobState, Stop};
use crate::limits;
use crate::retry::{Retries, RetryCause};
use crate::time::UnixMillis;

/// What a phase found out or wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEvent {
    /// The graph lets it start.
    Release,
    /// A start phase wants its slot.
    Claim,
    /// The claim's owner is known to be dead (the process was restarted).
    ClaimLost,
    /// A concurrency group has no place for it; its check says so.
    Parked { check: CheckRunId },
    /// It has the place that it waited for.
    Placed,
    /// The check run exists and the backend has the job.
    Submitted {
        check: CheckRunId,
        handle: BackendHandle,
    },
    /// It can't or need not run.
    Refused { check: Option<CheckRunId>, end: End },
    /// Its execution failed under it and can't go on.
    Abandoned { end: End },
    /// The backend or the agent says that it runs.
    SeenRunning,
    /// The agent's verdict.
    Reported { end: End },
    /// The backend's verdict.
    SeenEnded { end: End },
    /// Somebody, or a deadline, wants it stopped.
    StopRequested { reason: Reason, detail: String },
    /// An execution waits for the callback under this token.
    Awaiting { token: String },
    /// The wait loop continues as new, or the sweep restarts it.
    NewGeneration,
    /// Whoever was about to write the check has done so, or has failed to.
    CheckReleased,
    /// A results phase wants to complete the check.
    ReportClaim,
    /// The end could have been retried and is not: others may build on it.
    Settled,
    /// The end is not the code's, and the policy allows another try. It has been reported on its check.
    Retry {
        cause: RetryCause,
        check: Option<CheckRunId>,
    },
    /// Everything about the end has been reported.
    Closed { check: Option<CheckRunId> },
    /// A person wants it again.
    Rerun,
    /// It runs again because what it needs does, and is what this row says: the one before may be of a job that was not even
    /// evaluated.
    RerunAs { planned: Box<Job> },
}

/// What the caller must do after the new row is written. Each is safe to do again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    StartExecution,
    /// Create the check run (looking for one first when `check_uncertain`) and submit to the backend.
    CreateCheckAndSubmit,
    /// Then [`JobEvent::CheckReleased`].
    MarkInProgress,
    /// Complete the check, looking for one first where none is known.
    Report,
    CancelOnBackend,
    /// Answer the task token, so that the execution goes on at once.
    WakeExecution,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Write this row (its version is already the next one), then do the effects.
    Moved { job: Box<Job>, effects: Vec<Effect> },
    /// Nothing to write; the effects may still be owed.
    Unchanged { effects: Vec<Effect> },
    /// No order of honest events leads here.
    Illegal(IllegalTransition),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event} is illegal for a job that is {state}")]
pub struct IllegalTransition {
    pub event: &'static str,
    pub state: &'static str,
}

/// The table above.
#[must_use]
pub fn apply(job: &Job, event: &JobEvent, now: UnixMillis) -> Outcome {
    match event {
        JobEvent::Release => release(job, now),
        JobEvent::Claim => claim(job, now),
        JobEvent::ClaimLost => claim_lost(job),
        JobEvent::Parked { check } => parked(job, *check, now),
        JobEvent::Placed => placed(job, now),
        JobEvent::Submitted { check, handle } => submitted(job, *check, handle, now),
        JobEvent::Refused { check, end } => refused(job, *check, end),
        JobEvent::Abandoned { end } => abandoned(job, end, now),
        JobEvent::SeenRunning => seen_running(job, now),
        JobEvent::Reported { end } => reported(job, end),
        JobEvent::SeenEnded { end } => seen_ended(job, end),
        JobEvent::StopRequested { reason, detail } => stop_requested(job, reason, detail, now),
        JobEvent::Awaiting { token } => awaiting(job, token),
        JobEvent::NewGeneration => new_generation(job, now),
        JobEvent::CheckReleased => check_released(job),
        JobEvent::ReportClaim => report_claim(job, now),
        JobEvent::Settled => settled(job),
        JobEvent::Retry { cause, check } => retry(job, *cause, *check, now),
        JobEvent::Closed { check } => closed(job, *check),
        JobEvent::Rerun => rerun(job, None, now),
        JobEvent::RerunAs { planned } => rerun(job, Some(planned), now),
    }
}

const LATE: Outcome = Outcome::Unchanged { effects: Vec::new() };

fn moved(job: &Job, effects: impl Into<Vec<Effect>>, change: impl FnOnce(&mut Job)) -> Outcome {
    let mut next = job.clone();
    change(&mut next);
    next.version += 1;
    Outcome::Moved {
        job: Box::new(next),
        effects: effects.into(),
    }
}

fn illegal(job: &Job, event: &JobEvent) -> Outcome {
    Outcome::Illegal(IllegalTransition {
        event: event.name(),
        state: job.state.name(),
    })
}

fn release(job: &Job, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Waiting => moved(job, [Effect::StartExecution], |next| {
            next.state = JobState::Queued;
            next.queued_at = now;
        }),
        JobState::Queued => Outcome::Unchanged {
            effects: vec![Effect::StartExecution],
        },
        _ => LATE,
    }
}

fn claim(job: &Job, now: UnixMillis) -> Outcome {
    let take = |uncertain: bool| {
        moved(job, [Effect::CreateCheckAndSubmit], |next| {
            next.state = JobState::Claimed {
                until: now + limits::CLAIM,
            };
            next.check_uncertain = uncertain;
        })
    };
    match job.state {
        JobState::Waiting => illegal(job, &JobEvent::Claim),
        JobState::Queued => take(job.check_uncertain),
        JobState::Claimed { until } if until <= now => take(true),
        _ => LATE,
    }
}

fn claim_lost(job: &Job) -> Outcome {
    match job.state {
        JobState::Claimed { .. } => moved(job, [Effect::StartExecution], |next| {
            next.state = JobState::Queued;
            next.check_uncertain = true;
        }),
        _ => LATE,
    }
}

fn parked(job: &Job, check: CheckRunId, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Waiting => illegal(job, &JobEvent::Parked { check }),
        JobState::Claimed { .. } => moved(job, [], |next| {
            next.check = Some(check);
            next.check_uncertain = false;
            next.state = match &job.stop {
                Some(stop) => JobState::Ended {
                    handle: None,
                    end: End::new(stop.reason.clone(), &stop.detail, now),
                },
                None => JobState::Parked { since: now },
            };
        }),
        _ => LATE,
    }
}

fn placed(job: &Job, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Parked { .. } => moved(job, [Effect::StartExecution], |next| {
            next.state = JobState::Queued;
            next.placed_at = Some(now);
            next_execution(next, now);
        }),
        JobState::Queued => Outcome::Unchanged {
            effects: vec![Effect::StartExecution],
        },
        _ => LATE,
    }
}

/// The execution before has come to its end.
fn next_execution(job: &mut Job, now: UnixMillis) {
    job.generation += 1;
    job.revived_at = Some(now);
    job.task_token = None;
}

fn submitted(job: &Job, check: CheckRunId, handle: &BackendHandle, now: UnixMillis) -> Outcome {
    let event = || JobEvent::Submitted {
        check,
        handle: handle.clone(),
    };
    match &job.state {
        JobState::Waiting => illegal(job, &event()),
        JobState::Parked { .. } | JobState::Queued | JobState::Claimed { .. } => {
            let stopping = job.stop.is_some() && job.early_report.is_none();
            let effects = if stopping {
                vec![Effect::CancelOnBackend]
            } else {
                Vec::new()
            };
            moved(job, effects, |next| {
                next.check = Some(check);
                next.check_uncertain = false;
                next.state = match next.early_report.take() {
                    Some(end) => JobState::Ended {
                        handle: Some(handle.clone()),
                        end: with_stop(end, job.stop.as_ref()),
                    },
                    None => JobState::Submitted {
                        handle: handle.clone(),
                        since: now,
                    },
                };
            })
        }
        JobState::Submitted { .. } | JobState::Running { .. } => LATE,
        // A deadline ended the attempt while its submit was under way: what the backend has now must not run on.
        JobState::Ended { handle: None, .. } => moved(job, [Effect::CancelOnBackend], |next| {
            next.check = next.check.or(Some(check));
            next.check_uncertain = false;
            if let JobState::Ended { handle: known, .. } = &mut next.state {
                *known = Some(handle.clone());
            }
        }),
        JobState::Concluded { handle: None, .. } => moved(job, [Effect::CancelOnBackend], |next| {
            if let JobState::Concluded { handle: known, .. } = &mut next.state {
                *known = Some(handle.clone());
            }
        }),
        JobState::Ended { .. } | JobState::Concluded { .. } => LATE,
    }
}

fn refused(job: &Job, check: Option<CheckRunId>, end: &End) -> Outcome {
    match job.state {
        JobState::Waiting | JobState::Parked { .. } | JobState::Queued | JobState::Claimed { .. } => {
            moved(job, [], |next| {
                next.check = check.or(next.check);
                next.check_uncertain &= check.is_none();
                next.state = JobState::Ended {
                    handle: None,
                    end: end.clone(),
                };
            })
        }
        _ => LATE,
    }
}

/// A claim that still holds belongs to a start phase that may be about to create the check: an end now would get another.
fn abandoned(job: &Job, end: &End, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Claimed { until } if until > now => LATE,
        // Its execution has nothing to do any more, however it ended.
        JobState::Parked { .. } | JobState::Ended { .. } | JobState::Concluded { .. } => LATE,
        _ => ended(job, end, []),
    }
}

fn seen_running(job: &Job, now: UnixMillis) -> Outcome {
    match &job.state {
        JobState::Waiting => illegal(job, &JobEvent::SeenRunning),
        JobState::Submitted { handle, .. } => moved(job, [Effect::MarkInProgress], |next| {
            next.state = JobState::Running {
                handle: handle.clone(),
                since: now,
            };
            next.running_at = Some(now);
            // What this phase is about to say of the check must not come after its end.
            next.check_busy_until = next.check.map(|_| now + limits::CLAIM);
        }),
        _ => LATE,
    }
}

fn reported(job: &Job, end: &End) -> Outcome {
    match &job.state {
        JobState::Waiting => illegal(job, &JobEvent::Reported { end: end.clone() }),
        JobState::Claimed { .. } if job.early_report.is_none() => {
            moved(job, [], |next| next.early_report = Some(end.clone()))
        }
        JobState::Submitted { .. } | JobState::Running { .. } => ended(job, end, [Effect::WakeExecution]),
        _ => LATE,
    }
}

fn seen_ended(job: &Job, end: &End) -> Outcome {
    match &job.state {
        JobState::Waiting => illegal(job, &JobEvent::SeenEnded { end: end.clone() }),
        JobState::Submitted { .. } | JobState::Running { .. } => ended(job, end, []),
        _ => LATE,
    }
}

fn ended(job: &Job, end: &End, effects: impl Into<Vec<Effect>>) -> Outcome {
    moved(job, effects, |next| {
        next.state = JobState::Ended {
            handle: job.handle().cloned(),
            end: with_stop(end.clone(), job.stop.as_ref()),
        };
    })
}

/// A job that was asked to stop ended because of that, whatever its last words were.
fn with_stop(end: End, stop: Option<&Stop>) -> End {
    match stop {
        Some(stop) => End {
            reason: stop.reason.clone(),
            detail: stop.detail.clone(),
            ..end
        },
        None => end,
    }
}

fn stop_requested(job: &Job, reason: &Reason, detail: &str, now: UnixMillis) -> Outcome {
    let end = || End::new(reason.clone(), detail, now);
    let stop = || {
        Some(Stop {
            reason: reason.clone(),
            detail: detail.to_owned(),
            at: now,
        })
    };
    match &job.state {
        JobState::Waiting | JobState::Parked { .. } | JobState::Queued => {
            moved(job, [Effect::StartExecution], |next| {
                if matches!(job.state, JobState::Parked { .. }) {
                    next_execution(next, now);
                }
                next.state = JobState::Ended {
                    handle: None,
                    end: end(),
                };
            })
        }
        JobState::Claimed { .. } if job.stop.is_none() => moved(job, [], |next| next.stop = stop()),
        JobState::Submitted { .. } | JobState::Running { .. } if job.stop.is_none() => {
            moved(job, [Effect::CancelOnBackend, Effect::WakeExecution], |next| {
                next.stop = stop()
            })
        }
        JobState::Submitted { .. } | JobState::Running { .. } => Outcome::Unchanged {
            effects: vec![Effect::CancelOnBackend],
        },
        _ => LATE,
    }
}

fn awaiting(job: &Job, token: &str) -> Outcome {
    match &job.state {
        JobState::Waiting => illegal(job, &JobEvent::Awaiting { token: String::new() }),
        JobState::Submitted { .. } | JobState::Running { .. } if job.task_token.as_deref() != Some(token) => {
            moved(job, [], |next| next.task_token = Some(token.to_owned()))
        }
        _ => LATE,
    }
}

fn new_generation(job: &Job, now: UnixMillis) -> Outcome {
    match &job.state {
        JobState::Waiting | JobState::Parked { .. } | JobState::Concluded { .. } => LATE,
        _ => moved(job, [Effect::StartExecution], |next| next_execution(next, now)),
    }
}

fn check_released(job: &Job) -> Outcome {
    match job.state {
        JobState::Running { .. } | JobState::Ended { .. } if job.check_busy_until.is_some() => {
            moved(job, [], |next| next.check_busy_until = None)
        }
        _ => LATE,
    }
}

fn report_claim(job: &Job, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Ended { .. } if job.check_busy_until.is_some_and(|until| until > now) => LATE,
        JobState::Ended { .. } => moved(job, [Effect::Report], |next| {
            next.check_busy_until = Some(now + limits::CLAIM);
        }),
        JobState::Concluded { .. } => LATE,
        _ => illegal(job, &JobEvent::ReportClaim),
    }
}

fn closed(job: &Job, check: Option<CheckRunId>) -> Outcome {
    match &job.state {
        JobState::Ended { handle, end } => moved(job, [], |next| {
            next.check = check.or(next.check);
            next.check_uncertain = false;
            next.check_busy_until = None;
            next.task_token = None;
            next.state = JobState::Concluded {
                handle: handle.clone(),
                end: end.clone(),
            };
        }),
        JobState::Concluded { .. } => LATE,
        _ => illegal(job, &JobEvent::Closed { check }),
    }
}

fn settled(job: &Job) -> Outcome {
    match &job.state {
        JobState::Ended { .. } if job.may_be_retried() => moved(job, [], |next| next.retries.settled = true),
        JobState::Ended { .. } | JobState::Concluded { .. } => LATE,
        _ => illegal(job, &JobEvent::Settled),
    }
}

fn retry(job: &Job, cause: RetryCause, check: Option<CheckRunId>, now: UnixMillis) -> Outcome {
    if !job.may_be_retried_for(cause) {
        return LATE;
    }
    moved(job, [Effect::StartExecution], |next| {
        next.check = check.or(next.check);
        next_attempt(next, now);
        next.state = JobState::Queued;
        next.retries.used = next.retries.used.and(cause);
    })
}

fn rerun(job: &Job, planned: Option<&Job>, now: UnixMillis) -> Outcome {
    match job.state {
        JobState::Concluded { .. } if !job.is_exhausted() => moved(job, [], |next| {
            next_attempt(next, now);
            if let Some(planned) = planned {
                next.name.clone_from(&planned.name);
                next.runs_on.clone_from(&planned.runs_on);
                next.continue_on_error = planned.continue_on_error;
                next.run_timeout = planned.run_timeout;
                next.concurrency.clone_from(&planned.concurrency);
            }
            next.retries = Retries::allowed(next.retries.allowed);
        }),
        _ => LATE,
    }
}

/// The row of the attempt after this one.
fn next_attempt(job: &mut Job, now: UnixMillis) {
    job.attempt = job.attempt.next();
    job.generation = 0;
    job.revived_at = None;
    job.state = JobState::Waiting;
    job.queued_at = now;
    job.placed_at = None;
    job.running_at = None;
    job.stop = None;
    job.early_report = None;
    job.previous_check = job.check.max(job.previous_check);
    job.check = None;
    job.check_uncertain = false;
    job.check_busy_until = None;
    job.task_token = None;
    job.retries.settled = false;
}

impl JobEvent {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Claim => "claim",
            Self::ClaimLost => "claim lost",
            Self::Parked { .. } => "parked",
            Self::Placed => "placed",
            Self::Submitted { .. } => "submitted",
            Self::Refused { .. } => "refused",
            Self::Abandoned { .. } => "abandoned",
            Self::SeenRunning => "seen running",
            Self::Reported { .. } => "reported",
            Self::SeenEnded { .. } => "seen ended",
            Self::StopRequested { .. } => "stop requested",
            Self::Awaiting { .. } => "awaiting",
            Self::NewGeneration => "new generation",
            Self::CheckReleased => "check released",
            Self::ReportClaim => "report claim",
            Self::Settled => "settled",
            Self::Retry { .. } => "retry",
            Self::Closed { .. } => "closed",
            Self::Rerun => "rerun",
            Self::RerunAs { .. } => "rerun as",
        }
    }
}

impl JobState {
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Parked { .. } => "parked",
            Self::Queued => "queued",
            Self::Claimed { .. } => "claimed",
            Self::Submitted { .. } => "submitted",
            Self::Running { .. } => "running",
            Self::Ended { .. } => "ended",
            Self::Concluded { .. } => "concluded",
        }
    }
}
