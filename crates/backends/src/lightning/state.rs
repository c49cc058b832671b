//! From Lightning's states to the port's. `complete` and `completed`, `fail` and `failed`, `stop` and `stopped` differ by tense:
//! the first of each is on its way, and its log may not be all there.

use super::wire::Job;
use crate::attempt::AttemptEnd;
use crate::inline::frames::Report;
use crate::port::{BackendEnd, BackendState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Pending,
    Running,
    /// It ended because it was told to.
    Stopped,
    /// Its command ended.
    Finished,
    /// It is being removed, with all that there is of it.
    Gone,
}

impl Phase {
    pub(super) fn of(job: &Job) -> Self {
        match job.state.as_str() {
            "pending" | "creating" | "unknown" => Self::Pending,
            "running" | "restarting" | "stopping" | "stop" | "complete" | "fail" => Self::Running,
            "stopped" => Self::Stopped,
            "completed" | "failed" => Self::Finished,
            "delete" | "deleted" => Self::Gone,
            other => {
                tracing::warn!(
                    job = job.id,
                    state = other,
                    "a state of Lightning that is not known here"
                );
                Self::Pending
            }
        }
    }

    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::Finished | Self::Gone)
    }
}

/// Lightning began it a second time, after its machine was lost: whether it is tried again is decided by its policy.
pub(super) fn is_second_start(job: &Job) -> bool {
    job.was_restarted || job.state == "restarting"
}

pub(super) fn second_start(job: &Job) -> BackendState {
    lost(
        job,
        "it lost its machine, and Lightning would run it again from its beginning",
    )
}

/// Of a job that never had a machine when it should have.
pub(super) fn too_late(job: &Job) -> BackendState {
    lost(job, "no machine was free for it in time")
}

/// Of a job that was told to stop: by us, by its machine's owner, or by somebody at Lightning. The agent is told at the same time,
/// so that what it says of its end is no news.
pub(super) fn stopped(job: &Job) -> BackendState {
    if is_second_start(job) {
        return second_start(job);
    }
    if job.was_interrupted {
        return interrupted(job);
    }
    let waited = job.latest_start().zip(job.ended_at());
    if job.started_at.is_none() && waited.is_some_and(|(latest, ended)| ended >= latest) {
        return too_late(job);
    }
    BackendState::Ended(BackendEnd::Cancelled)
}

fn interrupted(job: &Job) -> BackendState {
    lost(job, "its interruptible machine was taken away")
}

/// Of a job whose command ended, with what was printed.
pub(super) fn finished(job: &Job, report: &Report) -> BackendState {
    match report.end() {
        Some(end @ AttemptEnd::Exited { .. }) => BackendState::Ended(end.clone().into()),
        _ if is_second_start(job) => second_start(job),
        _ if job.was_interrupted => interrupted(job),
        Some(end) => BackendState::Ended(end.clone().into()),
        None => {
            let others = report.others();
            let said: Vec<&str> = others.lines().rev().take(SAID_LINES).collect();
            let said: Vec<&str> = said.into_iter().rev().collect();
            let why = match said[..] {
                [] => "it ended without a word of its agent".to_owned(),
                _ => format!(
                    "it ended without a word of its agent; it printed: {}",
                    said.join(" / ")
                ),
            };
            lost(job, &why)
        }
    }
}

/// Whether the agent's result counts: not where the end is not the job's own.
pub(super) fn is_of_agent(job: &Job, report: &Report) -> bool {
    let by_itself = matches!(report.end(), Some(AttemptEnd::Exited { .. }));
    Phase::of(job) == Phase::Finished && (by_itself || !(job.was_interrupted || is_second_start(job)))
}

/// Of what was printed instead of an end.
const SAID_LINES: usize = 3;
/// Of a reason, in characters.
const SAID_CHARS: usize = 600;

fn lost(job: &Job, why: &str) -> BackendState {
    let mut detail = format!("Lightning's job {}: {why}", job.id);
    for said in [&job.message, &job.server_error] {
        if !said.is_empty() {
            detail.push_str(&format!(" ({said})"));
        }
    }
    let detail = detail
        .chars()
        .filter(|c| !c.is_control())
        .take(SAID_CHARS)
        .collect();
    BackendState::Ended(BackendEnd::Lost { detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inline::frames::ending;
    use serde_json::{Value, json};

    const NAME: &str = "checkmill-0a1b2c3d-0123456789abcdef-01234567-1-q60s";

    fn job(fields: Value) -> Job {
        let mut job = json!({"id": "j1", "name": NAME, "createdAt": "2026-01-01T00:00:00Z", "startedAt": "2026-01-01T00:00:09Z"});
        job.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    fn report(end: Option<&AttemptEnd>) -> Report {
        let mut report = Report::default();
        let lines = end.map_or("one\ntwo\nthree\nfour".to_owned(), |end| {
            ending(0, end, Some(b"{}"))
        });
        lines.lines().for_each(|line| report.line(line));
        report
    }

    fn why(why: &str) -> BackendState {
        BackendState::Ended(BackendEnd::Lost {
            detail: format!("Lightning's job j1: {why}"),
        })
    }

    #[test]
    fn tenses_differ_in_finality() {
        for (state, phase, is_final) in [
            ("pending", Phase::Pending, false),
            ("creating", Phase::Pending, false),
            ("unknown", Phase::Pending, false),
            ("WHATEVER", Phase::Pending, false),
            ("", Phase::Pending, false),
            ("running", Phase::Running, false),
            ("restarting", Phase::Running, false),
            ("stopping", Phase::Running, false),
            ("stop", Phase::Running, false),
            ("complete", Phase::Running, false),
            ("fail", Phase::Running, false),
            ("stopped", Phase::Stopped, true),
            ("completed", Phase::Finished, true),
            ("failed", Phase::Finished, true),
            ("delete", Phase::Gone, true),
            ("deleted", Phase::Gone, true),
        ] {
            let found = Phase::of(&job(json!({"state": state})));
            assert_eq!((found, found.is_final()), (phase, is_final), "{state}");
        }
    }

    #[test]
    fn a_stop_is_told_by_whose_it_was() {
        let cancelled = BackendState::Ended(BackendEnd::Cancelled);
        let restarted = "it lost its machine, and Lightning would run it again from its beginning";
        for (fields, expected) in [
            (json!({}), cancelled.clone()),
            (json!({"stoppedAt": "2026-01-01T01:00:00Z"}), cancelled.clone()),
            (
                json!({"startedAt": null, "stoppedAt": "2026-01-01T00:01:59Z"}),
                cancelled,
            ),
            (
                json!({"startedAt": null, "stoppedAt": "2026-01-01T00:02:00Z"}),
                why("no machine was free for it in time"),
            ),
            (
                json!({"interruptionNoticeReceived": true, "message": "spot"}),
                why("its interruptible machine was taken away (spot)"),
            ),
            (json!({"restartCount": 1}), why(restarted)),
        ] {
            assert_eq!(stopped(&job(fields.clone())), expected, "{fields}");
        }
    }

    #[test]
    fn the_agent_tells_the_end_and_not_the_service() {
        let (three, term) = (
            AttemptEnd::Exited { code: 3 },
            AttemptEnd::Signalled { signal: 15 },
        );
        let exited = BackendState::Ended(BackendEnd::Exited { code: 3 });
        let signalled = BackendState::Ended(BackendEnd::Signalled { signal: 15 });
        let taken = why("its interruptible machine was taken away");
        let interrupted = json!({"state": "failed", "interruptionNoticeReceived": true});
        let silent = why("it ended without a word of its agent; it printed: two / three / four (no image)");
        for (fields, end, expected, counts) in [
            (json!({"state": "completed"}), Some(&three), exited.clone(), true),
            (json!({"state": "failed"}), Some(&three), exited.clone(), true),
            (json!({"state": "failed"}), Some(&term), signalled, true),
            (interrupted.clone(), Some(&three), exited, true),
            (interrupted.clone(), Some(&term), taken.clone(), false),
            (interrupted, None, taken, false),
            (
                json!({"state": "failed", "serverError": "no image"}),
                None,
                silent,
                true,
            ),
        ] {
            let (job, report) = (job(fields), report(end));
            assert_eq!(finished(&job, &report), expected, "{end:?} {job:?}");
            assert_eq!(is_of_agent(&job, &report), counts, "{end:?} {job:?}");
        }
        assert!(!is_of_agent(
            &job(json!({"state": "stopped"})),
            &report(Some(&three))
        ));
    }
}
