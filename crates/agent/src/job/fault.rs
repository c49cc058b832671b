//! Why a step did not succeed, and what that makes of the job.

use super::control::StopReason;
use checkmill_workflow::job::{JobVerdict, StepStatus};

/// Why a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its program ended with this code, not 0.
    Exit(i32),
    /// Its own time limit.
    TimedOut { minutes: String },
    /// It, or what it wrote, is wrong; a sentence.
    Failed(String),
    /// It can't be run as written; a sentence.
    Configuration(String),
    /// What surrounds it is broken; a sentence.
    Infrastructure(String),
    /// It was ended together with the job.
    Stopped,
}

impl Fault {
    #[must_use]
    pub const fn status(&self) -> StepStatus {
        match self {
            Self::Stopped => StepStatus::Cancelled,
            _ => StepStatus::Failure,
        }
    }

    /// What the log says about it.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Exit(code) => format!("Process completed with exit code {code}."),
            Self::TimedOut { minutes } => format!("The step has timed out after {minutes} minutes."),
            Self::Failed(sentence) | Self::Configuration(sentence) | Self::Infrastructure(sentence) => {
                sentence.clone()
            }
            Self::Stopped => "The step was stopped.".to_owned(),
        }
    }

    /// What it makes of a job that this step fails.
    #[must_use]
    pub fn verdict(&self, step: &str) -> Verdict {
        let (conclusion, detail) = match self {
            Self::Exit(code) => (
                JobVerdict::Failure,
                format!("Step \"{step}\" failed with exit code {code}"),
            ),
            Self::TimedOut { minutes } => (
                JobVerdict::Failure,
                format!("Step \"{step}\" timed out after {minutes} minutes"),
            ),
            Self::Failed(sentence) => (JobVerdict::Failure, in_step(step, "failed", sentence)),
            Self::Configuration(sentence) => {
                (JobVerdict::Configuration, in_step(step, "can't be run", sentence))
            }
            Self::Infrastructure(sentence) => (
                JobVerdict::Infrastructure,
                in_step(step, "could not be run", sentence),
            ),
            Self::Stopped => (JobVerdict::Cancelled, format!("Step \"{step}\" was stopped")),
        };
        let exit_code = if let Self::Exit(code) = self {
            Some(*code)
        } else {
            None
        };
        Verdict {
            conclusion,
            detail,
            exit_code,
        }
    }
}

fn in_step(step: &str, what: &str, sentence: &str) -> String {
    format!("Step \"{step}\" {what}: {}", sentence.trim_end_matches('.'))
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub conclusion: JobVerdict,
    /// One sentence for people, without the full stop.
    pub detail: String,
    /// Of the step that failed.
    pub exit_code: Option<i32>,
}

impl Verdict {
    #[must_use]
    pub fn new(conclusion: JobVerdict, detail: impl Into<String>) -> Self {
        Self {
            conclusion,
            detail: detail.into(),
            exit_code: None,
        }
    }

    /// As the log has it.
    #[must_use]
    pub const fn name(verdict: JobVerdict) -> &'static str {
        match verdict {
            JobVerdict::Success => "success",
            JobVerdict::Failure => "failure",
            JobVerdict::Configuration => "configuration",
            JobVerdict::Infrastructure => "infrastructure",
            JobVerdict::TimedOut => "timed_out",
            JobVerdict::Cancelled => "cancelled",
        }
    }

    /// Of a job that was stopped.
    #[must_use]
    pub fn stopped(reason: StopReason, limit_ms: u64) -> Self {
        match reason {
            StopReason::Cancelled => Self::new(JobVerdict::Cancelled, "The job was cancelled"),
            StopReason::TimedOut => {
                let detail = format!("The job ran longer than its limit of {}", minutes(limit_ms));
                Self::new(JobVerdict::TimedOut, detail)
            }
        }
    }
}

/// `5 minutes`, or seconds where it isn't whole minutes.
fn minutes(ms: u64) -> String {
    match ms {
        60_000 => "1 minute".to_owned(),
        _ if ms.is_multiple_of(60_000) => format!("{} minutes", ms / 60_000),
        _ => format!("{} s", ms.div_ceil(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_verdict() {
        let table = [
            (
                Fault::Exit(3),
                "Failure Some(3) Step \"Test\" failed with exit code 3",
            ),
            (
                Fault::Exit(256),
                "Failure Some(256) Step \"Test\" failed with exit code 256",
            ),
            (
                Fault::TimedOut { minutes: "5".into() },
                "Failure None Step \"Test\" timed out after 5 minutes",
            ),
            (
                Fault::Failed("No.".into()),
                "Failure None Step \"Test\" failed: No",
            ),
            (
                Fault::Configuration("No.".into()),
                "Configuration None Step \"Test\" can't be run: No",
            ),
            (
                Fault::Infrastructure("No.".into()),
                "Infrastructure None Step \"Test\" could not be run: No",
            ),
            (Fault::Stopped, "Cancelled None Step \"Test\" was stopped"),
        ];
        for (fault, expected) in table {
            let verdict = fault.verdict("Test");
            assert_eq!(
                format!(
                    "{:?} {:?} {}",
                    verdict.conclusion, verdict.exit_code, verdict.detail
                ),
                expected
            );
        }
        let timeout = |ms| Verdict::stopped(StopReason::TimedOut, ms).detail;
        assert_eq!(timeout(60_000), "The job ran longer than its limit of 1 minute");
        assert_eq!(timeout(300_000), "The job ran longer than its limit of 5 minutes");
        assert_eq!(timeout(1_500), "The job ran longer than its limit of 2 s");
    }
}
