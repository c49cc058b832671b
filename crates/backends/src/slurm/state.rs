//! From Slurm's states to the port's.

use super::wire::{ExitCode, Job};
use crate::port::{BackendEnd, BackendState};

/// What a job's record says. A job that Slurm has started a second time is lost: whether it is tried again is decided by its
/// policy, and the second start does nothing ([`super::script`]).
pub(super) fn of(job: &Job) -> BackendState {
    if job.restart_cnt > 0 || is(job, &["REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"]) {
        return lost(
            job,
            "it lost its node, and Slurm would run it again from its beginning",
        );
    }
    // The flags first: an end counts when the node has let the job go.
    if is(job, &["COMPLETING", "STAGE_OUT", "SIGNALING", "UPDATE_DB"]) {
        return BackendState::Running;
    }
    if is(job, &["LAUNCH_FAILED"]) {
        return lost(job, "its node could not start it");
    }
    let (code, signal) = job.exit_code.as_ref().map_or((0, 0), ExitCode::parts);
    for state in &job.job_state {
        return match state.as_str() {
            "PENDING" => BackendState::Pending,
            "CONFIGURING" | "RESV_DEL_HOLD" | "POWER_UP_NODE" => continue,
            "RUNNING" | "SUSPENDED" | "STOPPED" | "RESIZING" => BackendState::Running,
            "COMPLETED" => BackendState::Ended(BackendEnd::Exited { code: 0 }),
            "FAILED" if signal != 0 => BackendState::Ended(BackendEnd::Signalled { signal }),
            // A script that never ran, such as for want of its directory, has no code.
            "FAILED" if code == 0 => lost(job, "it failed before its script ran"),
            "FAILED" => BackendState::Ended(BackendEnd::Exited { code }),
            "CANCELLED" => BackendState::Ended(BackendEnd::Cancelled),
            "TIMEOUT" => BackendState::Ended(BackendEnd::TimedOut),
            "DEADLINE" => lost(job, "it did not start in time"),
            "NODE_FAIL" => lost(job, "its node failed"),
            "BOOT_FAIL" | "RECONFIG_FAIL" => lost(job, "its node did not boot"),
            "OUT_OF_MEMORY" => lost(job, "it ran out of the memory that it was given"),
            "PREEMPTED" => lost(job, "it was preempted"),
            "REVOKED" => lost(job, "it was revoked: another cluster of the federation has it"),
            other => {
                tracing::warn!(
                    job = job.job_id,
                    state = other,
                    "a state of Slurm that is not known here"
                );
                continue;
            }
        };
    }
    // Nothing but flags: it is there, and has not ended.
    if is(job, &["CONFIGURING", "POWER_UP_NODE"]) {
        return BackendState::Running;
    }
    BackendState::Pending
}

/// Whether the record says that the script came to its own end, so that the agent's word may say more. One that died of a signal
/// did not, or had no directory of its own.
pub(super) fn is_of_script(job: &Job) -> bool {
    let (_, signal) = job.exit_code.as_ref().map_or((0, 0), ExitCode::parts);
    is(job, &["COMPLETED", "FAILED"]) && job.restart_cnt == 0 && signal == 0
}

pub(super) const fn is_live(state: &BackendState) -> bool {
    matches!(state, BackendState::Pending | BackendState::Running)
}

/// Whether Slurm still has something to do for it, whatever the port is told of it: all but what is known to be over.
pub(super) fn is_queued(job: &Job) -> bool {
    const OVER: [&str; 13] = [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "COMPLETING",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    ];
    is(job, &["REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"]) || !is(job, &OVER)
}

fn is(job: &Job, states: &[&str]) -> bool {
    job.job_state.iter().any(|state| states.contains(&state.as_str()))
}

fn lost(job: &Job, why: &str) -> BackendState {
    let mut detail = format!("Slurm's job {}: {why}", job.job_id);
    for said in [&job.state_reason, &job.state_description] {
        if !matches!(said.as_str(), "" | "None") {
            detail.push_str(&format!(" ({said})"));
        }
    }
    BackendState::Ended(BackendEnd::Lost { detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(states: serde_json::Value, exit_code: serde_json::Value) -> BackendState {
        let job = json!({"job_id": 7, "job_state": states, "exit_code": exit_code, "state_reason": "Why"});
        of(&serde_json::from_value(job).unwrap())
    }

    #[test]
    fn each_state_has_its_meaning() {
        let ended = BackendState::Ended;
        let lost = |why: &str| {
            ended(BackendEnd::Lost {
                detail: format!("Slurm's job 7: {why} (Why)"),
            })
        };
        let table = [
            ("PENDING", 0, BackendState::Pending),
            ("CONFIGURING", 0, BackendState::Running),
            ("RUNNING", 0, BackendState::Running),
            ("SUSPENDED", 0, BackendState::Running),
            ("COMPLETING", 768, BackendState::Running),
            ("COMPLETED", 0, ended(BackendEnd::Exited { code: 0 })),
            ("FAILED", 768, ended(BackendEnd::Exited { code: 3 })),
            ("FAILED", 9, ended(BackendEnd::Signalled { signal: 9 })),
            ("FAILED", 0, lost("it failed before its script ran")),
            ("CANCELLED", 15, ended(BackendEnd::Cancelled)),
            ("TIMEOUT", 15, ended(BackendEnd::TimedOut)),
            ("DEADLINE", 0, lost("it did not start in time")),
            ("NODE_FAIL", 0, lost("its node failed")),
            ("BOOT_FAIL", 0, lost("its node did not boot")),
            (
                "OUT_OF_MEMORY",
                9,
                lost("it ran out of the memory that it was given"),
            ),
            ("PREEMPTED", 0, lost("it was preempted")),
            ("LAUNCH_FAILED", 0, lost("its node could not start it")),
            (
                "REQUEUED",
                0,
                lost("it lost its node, and Slurm would run it again from its beginning"),
            ),
            ("WHATEVER", 0, BackendState::Pending),
        ];
        for (state, code, expected) in table {
            assert_eq!(said(json!(state), json!(code)), expected, "{state} alone");
            assert_eq!(said(json!([state]), json!(code)), expected, "{state} in a list");
        }
        assert_eq!(
            said(json!(["CANCELLED", "COMPLETING"]), json!(0)),
            BackendState::Running
        );
        assert_eq!(
            said(json!(["RUNNING", "CONFIGURING"]), json!(0)),
            BackendState::Running
        );
        assert_eq!(said(json!([]), json!(null)), BackendState::Pending);
    }

    /// What may still use compute can be cancelled.
    #[test]
    fn what_lives_is_queued() {
        for state in [
            "PENDING",
            "CONFIGURING",
            "RUNNING",
            "SUSPENDED",
            "STOPPED",
            "RESIZING",
            "SIGNALING",
            "STAGE_OUT",
            "RESV_DEL_HOLD",
            "POWER_UP_NODE",
            "REQUEUED",
            "REQUEUE_FED",
            "REQUEUE_HOLD",
            "SPECIAL_EXIT",
            "WHATEVER",
        ] {
            let job = json!({"job_id": 7, "job_state": [state]});
            assert!(is_queued(&serde_json::from_value(job).unwrap()), "{state}");
        }
        for states in [
            json!(["CANCELLED", "COMPLETING"]),
            json!(["FAILED"]),
            json!(["TIMEOUT"]),
        ] {
            let job = json!({"job_id": 7, "job_state": states});
            assert!(!is_queued(&serde_json::from_value(job).unwrap()), "{states}");
        }
    }

    #[test]
    fn a_second_start_is_no_start() {
        let job = json!({"job_id": 7, "job_state": "PENDING", "restart_cnt": 1});
        let job = serde_json::from_value(job).unwrap();
        assert!(matches!(of(&job), BackendState::Ended(BackendEnd::Lost { .. })) && is_queued(&job));
    }
}
