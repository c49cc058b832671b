//! How an attempt ended, from how its worker did.

use checkmill_backends::attempt::AttemptEnd;
use checkmill_workflow::job::{JobResult, JobVerdict};
use rustix::process::Signal;

/// How the worker's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEnd {
    Exited(i32),
    Signalled(i32),
}

/// What we did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Nothing,
    /// Somebody told us to stop, and we it.
    Stop,
    /// The process that we work for is gone, and we told it to stop.
    Abandoned,
    /// It ran into the backstop.
    Backstop,
}

/// `result` is what the worker left, `cancelled` whether a cancel is noted in the attempt's directory, `said` what the agent
/// printed, masked.
#[must_use]
pub fn attempt_end(
    worker: WorkerEnd,
    result: Option<&JobResult>,
    told: Told,
    cancelled: bool,
    said: &str,
) -> AttemptEnd {
    let stopped = || {
        if cancelled {
            AttemptEnd::Cancelled
        } else {
            AttemptEnd::Signalled {
                signal: Signal::TERM.as_raw(),
            }
        }
    };
    match (result, told, worker) {
        // It finished before the cancel reached it: its verdict stands.
        (Some(result), ..) if result.conclusion != JobVerdict::Cancelled => AttemptEnd::Exited {
            code: crate::result::exit_code(result).into(),
        },
        (_, Told::Abandoned, _) => AttemptEnd::Lost {
            detail: "the process that had started it ended before it did".to_owned(),
        },
        (Some(_), ..) => stopped(),
        (None, Told::Backstop, _) => AttemptEnd::TimedOut,
        (None, Told::Stop, _) => stopped(),
        (None, Told::Nothing, WorkerEnd::Signalled(signal)) => AttemptEnd::Signalled { signal },
        (None, Told::Nothing, WorkerEnd::Exited(code)) => {
            let said = if said.is_empty() {
                "it printed nothing".to_owned()
            } else {
                format!("it printed: {said}")
            };
            AttemptEnd::Lost {
                detail: format!("its agent failed with exit code {code} and left no result; {said}"),
            }
        }
    }
}

/// The result to report for a worker that left none.
#[must_use]
pub fn substitute(end: &AttemptEnd) -> JobResult {
    let (conclusion, detail) = match end {
        AttemptEnd::Cancelled => (JobVerdict::Cancelled, "The job was cancelled".to_owned()),
        AttemptEnd::TimedOut => (
            JobVerdict::TimedOut,
            "The job did not end within its time limit".to_owned(),
        ),
        AttemptEnd::Signalled { signal } => (
            JobVerdict::Infrastructure,
            format!("The agent was killed by signal {signal}"),
        ),
        AttemptEnd::Lost { detail } => (JobVerdict::Infrastructure, format!("The job was lost: {detail}")),
        AttemptEnd::Exited { code } => (
            JobVerdict::Infrastructure,
            format!("The agent ended with exit code {code} and left no result"),
        ),
    };
    crate::result::without_steps(conclusion, &detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::without_steps;

    #[test]
    fn every_way_to_end() {
        use AttemptEnd::{Cancelled, Exited, Signalled, TimedOut};
        use WorkerEnd::Exited as Exit;
        let verdict = |verdict| Some(without_steps(verdict, ""));
        let success = verdict(JobVerdict::Success);
        let stopped = verdict(JobVerdict::Cancelled);
        let table = [
            (Exit(0), &success, Told::Nothing, false, Exited { code: 0 }),
            (Exit(0), &success, Told::Stop, true, Exited { code: 0 }),
            (
                WorkerEnd::Signalled(9),
                &success,
                Told::Nothing,
                false,
                Exited { code: 0 },
            ),
            (
                Exit(1),
                &verdict(JobVerdict::Failure),
                Told::Nothing,
                false,
                Exited { code: 1 },
            ),
            (
                Exit(124),
                &verdict(JobVerdict::TimedOut),
                Told::Nothing,
                true,
                Exited { code: 124 },
            ),
            (Exit(143), &stopped, Told::Stop, true, Cancelled),
            (Exit(143), &stopped, Told::Stop, false, Signalled { signal: 15 }),
            (WorkerEnd::Signalled(9), &None, Told::Stop, true, Cancelled),
            (WorkerEnd::Signalled(9), &None, Told::Backstop, false, TimedOut),
            (
                WorkerEnd::Signalled(9),
                &None,
                Told::Nothing,
                false,
                Signalled { signal: 9 },
            ),
        ];
        for (worker, result, told, cancelled, expected) in table {
            let end = attempt_end(worker, result.as_ref(), told, cancelled, "");
            assert_eq!(end, expected, "{worker:?} {told:?} {cancelled}");
        }
        for result in [&stopped, &None] {
            let alone = attempt_end(Exit(143), result.as_ref(), Told::Abandoned, false, "");
            assert!(matches!(alone, AttemptEnd::Lost { .. }), "{alone:?}");
        }
        let lost = attempt_end(Exit(101), None, Told::Nothing, false, "panicked");
        let AttemptEnd::Lost { detail } = &lost else {
            panic!("{lost:?}")
        };
        assert!(
            detail.contains("101") && detail.contains("it printed: panicked"),
            "{detail}"
        );
        assert_eq!(substitute(&lost).conclusion, JobVerdict::Infrastructure);
        assert_eq!(substitute(&Cancelled).conclusion, JobVerdict::Cancelled);
    }
}
