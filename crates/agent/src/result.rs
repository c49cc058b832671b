//! Results as a whole.

use checkmill_workflow::job::{JobResult, JobVerdict, TestSummary};
use std::collections::BTreeMap;

/// What the agent's process exits with: the failing step's code where there is one, so that a backend that knows nothing
/// else knows this.
#[must_use]
pub fn exit_code(result: &JobResult) -> u8 {
    let step = result
        .exit_code
        .and_then(|code| u8::try_from(code).ok())
        .filter(|code| *code != 0);
    match result.conclusion {
        JobVerdict::Success => 0,
        JobVerdict::Failure => step.unwrap_or(1),
        // sysexits(3): EX_CONFIG, EX_TEMPFAIL. timeout(1): 124. Shells: 128 and SIGTERM.
        JobVerdict::Configuration => 78,
        JobVerdict::Infrastructure => 75,
        JobVerdict::TimedOut => 124,
        JobVerdict::Cancelled => 143,
    }
}

/// What this machine calls itself.
#[must_use]
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A result that says nothing but how the job ended.
#[must_use]
pub fn without_steps(conclusion: JobVerdict, detail: &str) -> JobResult {
    JobResult {
        conclusion,
        detail: detail.to_owned(),
        exit_code: None,
        steps: Vec::new(),
        outputs: BTreeMap::new(),
        annotations: Vec::new(),
        tests: TestSummary::default(),
        summary: String::new(),
        wanted: Vec::new(),
        translated: Vec::new(),
        machine: machine(),
        log_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let code = |conclusion, exit_code| {
            super::exit_code(&JobResult {
                exit_code,
                ..without_steps(conclusion, "")
            })
        };
        let table = [
            (JobVerdict::Success, Some(3), 0),
            (JobVerdict::Failure, Some(3), 3),
            (JobVerdict::Failure, Some(0), 1),
            (JobVerdict::Failure, Some(256), 1),
            (JobVerdict::Failure, Some(-1), 1),
            (JobVerdict::Failure, None, 1),
            (JobVerdict::Configuration, None, 78),
            (JobVerdict::Infrastructure, None, 75),
            (JobVerdict::TimedOut, None, 124),
            (JobVerdict::Cancelled, None, 143),
        ];
        for (conclusion, exit, expected) in table {
            assert_eq!(code(conclusion, exit), expected, "{conclusion:?} {exit:?}");
        }
    }
}
