//! From what the backend and the agent say to how the attempt ended. A job that gave no verdict never passes.

use crate::mask::mask;
use checkmill_backends::port::BackendEnd;
use checkmill_core::{End, Job, Reason, UnixMillis};
use checkmill_workflow::job::{JobResult, JobVerdict};

/// Reads the agent's result; an unreadable one counts as none.
#[must_use]
pub(crate) fn parse(job: &Job, bytes: &[u8]) -> Option<JobResult> {
    serde_json::from_slice(bytes)
        .map(masked)
        .inspect_err(|error| tracing::warn!(job = %job.id, %error, "a job's result can't be read"))
        .ok()
}

/// All its texts without anything that looks like a token: they go to the check and to other jobs.
fn masked(mut result: JobResult) -> JobResult {
    let tails = result.steps.iter_mut().flat_map(|step| &mut step.tail);
    let annotations = result.annotations.iter_mut();
    let annotations = annotations.flat_map(|a| a.title.iter_mut().chain(std::iter::once(&mut a.message)));
    let outputs = result.outputs.values_mut();
    let tests = result.tests.failures.iter_mut();
    let tests = tests.flat_map(|test| [&mut test.suite, &mut test.name, &mut test.message]);
    let single = [&mut result.summary, &mut result.detail, &mut result.machine];
    for text in tails.chain(annotations).chain(tests).chain(outputs).chain(single) {
        *text = mask(text);
    }
    result
}

/// The end that the agent's own result gives.
#[must_use]
pub(crate) fn of_result(job: &Job, result: &JobResult, now: UnixMillis) -> End {
    let reason = match result.conclusion {
        JobVerdict::Success => Reason::Success,
        JobVerdict::Failure => Reason::Test,
        JobVerdict::Configuration => Reason::Configuration,
        JobVerdict::Infrastructure => Reason::Infrastructure,
        JobVerdict::TimedOut => Reason::RunTimeout,
        // Nobody asked us to stop it, so whoever stopped the agent was the compute. Our own stop overrides this reason.
        JobVerdict::Cancelled => Reason::Infrastructure,
    };
    let detail = match reason {
        // In the words of whoever notices it first otherwise.
        Reason::RunTimeout => crate::view::timeout(job, &reason),
        _ => crate::mask::mask(&result.detail),
    };
    let mut end = End::new(reason, detail, now);
    end.exit_code = result.exit_code;
    allow_failure(job, end)
}

/// The end from the backend's word, and the agent's where there is one.
#[must_use]
pub(crate) fn of(job: &Job, end: &BackendEnd, result: Option<&JobResult>, now: UnixMillis) -> End {
    if let Some(result) = result {
        return of_result(job, result, now);
    }
    let (reason, detail, exit_code) = match end {
        BackendEnd::Exited { code: 0 } => {
            let detail = "The job ended without a verdict: its process succeeded and left no result.";
            (Reason::Infrastructure, detail.to_owned(), Some(0))
        }
        BackendEnd::Exited { code } => {
            let detail = format!("The job ended without a verdict: its process exited with code {code}.");
            (Reason::Infrastructure, detail, Some(*code))
        }
        BackendEnd::Signalled { signal } => {
            let detail =
                format!("The job's process was killed by signal {signal}, which Checkmill did not send.");
            (Reason::Infrastructure, detail, None)
        }
        BackendEnd::Cancelled => (
            Reason::Infrastructure,
            "The job was cancelled on its backend by somebody else.".to_owned(),
            None,
        ),
        BackendEnd::TimedOut => (
            Reason::RunTimeout,
            "The backend's own time limit ended the job.".to_owned(),
            None,
        ),
        BackendEnd::Lost { detail } => (
            Reason::Infrastructure,
            format!("The job was lost: {detail}"),
            None,
        ),
    };
    let mut end = End::new(reason, detail, now);
    end.exit_code = exit_code;
    allow_failure(job, end)
}

/// `continue-on-error`: a failure of the job's own is shown and does not block; anything else stays what it is.
fn allow_failure(job: &Job, end: End) -> End {
    if job.continue_on_error && end.reason == Reason::Test {
        let detail = format!("Allowed to fail (continue-on-error): {}", end.detail);
        return End {
            exit_code: end.exit_code,
            ..End::new(Reason::Neutral, detail, end.at)
        };
    }
    end
}
