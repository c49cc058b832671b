//! What slurmrestd answers, in the forms of all its versions: plain numbers and `{"set", "infinite", "number"}`, one state and a
//! list of them, a raw wait status and an exit code in words.

use super::client::Fault;
use crate::port::SubmitKey;
use serde::{Deserialize, Deserializer};

/// Before the key in the name of each job of ours. With the key it is the tag.
pub(super) const NAME_PREFIX: &str = "checkmill-";

/// The part of every answer that says what went wrong.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problems {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) errors: Vec<Problem>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    /// Of slurm_errno.h; older versions have it as `error_code` where the request itself is wrong.
    #[serde(default, alias = "error_code", deserialize_with = "nullable")]
    pub(super) error_number: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) error: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Jobs {
    #[serde(default, deserialize_with = "nullable")]
    jobs: Vec<serde_json::Value>,
}

impl Jobs {
    /// Those that may be ours, by their names. What form the others have is none of our business.
    ///
    /// # Errors
    /// One of ours that is not understood.
    pub(super) fn ours(self) -> Result<Vec<Job>, Fault> {
        let name =
            |job: &serde_json::Value| job.get("name").and_then(|name| name.as_str()).map(str::to_owned);
        let ours = self
            .jobs
            .into_iter()
            .filter(|job| name(job).is_some_and(|name| name.starts_with(NAME_PREFIX)));
        let read = ours.map(|job| {
            Job::deserialize(&job).map_err(|error| {
                let name = name(&job).unwrap_or_default();
                Fault::Transient(format!(
                    "what slurmrestd says of {name} is not understood: {error}"
                ))
            })
        });
        read.collect()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    /// 0.0.36 to 0.0.44 have it here; in later ones of these it is in `result`, too.
    #[serde(default)]
    pub(super) job_id: Option<Number>,
    #[serde(default)]
    pub(super) result: Option<SubmittedResult>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SubmittedResult {
    #[serde(default)]
    job_id: Option<Number>,
}

impl Submitted {
    pub(super) fn id(&self) -> Option<u32> {
        let inner = self.result.as_ref().and_then(|result| result.job_id.as_ref());
        let number = self.job_id.as_ref().or(inner)?.get()?;
        u32::try_from(number).ok().filter(|number| *number > 0)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Pings {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) pings: Vec<Ping>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ping {
    #[serde(default, deserialize_with = "nullable")]
    ping: String,
    #[serde(default, deserialize_with = "nullable")]
    pinged: String,
    #[serde(default)]
    responding: Option<bool>,
}

impl Ping {
    /// 0.0.36 to 0.0.38 say `ping`, 0.0.39 and later `pinged`, and `responding` beside it from 0.0.41 on.
    pub(super) fn is_up(&self) -> bool {
        self.responding
            .unwrap_or_else(|| self.ping == "UP" || self.pinged == "UP")
    }
}

/// A job as slurmctld has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Job {
    pub(super) job_id: u32,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) user_name: String,
    #[serde(default, deserialize_with = "words")]
    pub(super) job_state: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) state_reason: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) state_description: String,
    #[serde(default)]
    pub(super) exit_code: Option<ExitCode>,
    #[serde(default)]
    submit_time: Option<Number>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) restart_cnt: i64,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) comment: String,
}

impl Job {
    /// Whose job it is; none for any that is not ours.
    pub(super) fn key(&self) -> Option<SubmitKey> {
        self.name.strip_prefix(NAME_PREFIX)?.parse().ok()
    }

    /// Of several jobs with one key the first counts. Numbers begin anew when they have run out, so the time comes before them.
    pub(super) fn order(&self) -> (u64, u32) {
        let time = self.submit_time.as_ref().and_then(Number::get).unwrap_or(0);
        (time, self.job_id)
    }
}

/// A number that may be absent, in both forms.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Plain(i64),
    Set {
        #[serde(default = "yes")]
        set: bool,
        #[serde(default)]
        infinite: bool,
        #[serde(default)]
        number: i64,
    },
    Absent(()),
}

const fn yes() -> bool {
    true
}

impl Number {
    pub(super) fn get(&self) -> Option<u64> {
        match *self {
            Self::Plain(number)
            | Self::Set {
                set: true,
                infinite: false,
                number,
            } => u64::try_from(number).ok(),
            Self::Set { .. } | Self::Absent(()) => None,
        }
    }
}

/// How a job's script ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum ExitCode {
    /// As wait(2) has it.
    Raw(i64),
    Verbose {
        #[serde(default)]
        return_code: Option<Number>,
        #[serde(default)]
        signal: Option<SignalOf>,
    },
    Absent(()),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct SignalOf {
    /// `signal_id` before 0.0.40.
    #[serde(default, alias = "signal_id")]
    id: Option<Number>,
}

impl ExitCode {
    /// Exit code and signal.
    pub(super) fn parts(&self) -> (i32, i32) {
        let small = |number: Option<u64>| number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
        match self {
            Self::Raw(status) => {
                let status = i32::try_from(*status).unwrap_or(0);
                ((status >> 8) & 0xff, status & 0x7f)
            }
            Self::Verbose { return_code, signal } => (
                small(return_code.as_ref().and_then(Number::get)),
                small(signal.as_ref().and_then(|signal| signal.id.as_ref()?.get())),
            ),
            Self::Absent(()) => (0, 0),
        }
    }
}

/// The answer of the accounting database.
#[derive(Debug, Deserialize)]
pub(super) struct Accounted {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) jobs: Vec<AccountedJob>,
}

/// A job as slurmdbd has it: the same, in other words.
#[derive(Debug, Deserialize)]
pub(super) struct AccountedJob {
    job_id: u32,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    user: String,
    #[serde(default)]
    state: AccountedState,
    #[serde(default)]
    exit_code: Option<ExitCode>,
    #[serde(default)]
    time: AccountedTime,
    #[serde(default, deserialize_with = "nullable")]
    restart_cnt: i64,
}

#[derive(Debug, Default, Deserialize)]
struct AccountedState {
    #[serde(default, deserialize_with = "words")]
    current: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    reason: String,
}

#[derive(Debug, Default, Deserialize)]
struct AccountedTime {
    #[serde(default)]
    submission: Option<Number>,
}

impl From<AccountedJob> for Job {
    fn from(job: AccountedJob) -> Self {
        Self {
            job_id: job.job_id,
            name: job.name,
            user_name: job.user,
            job_state: job.state.current,
            state_reason: job.state.reason,
            state_description: String::new(),
            exit_code: job.exit_code,
            submit_time: job.time.submission,
            restart_cnt: job.restart_cnt,
            comment: String::new(),
        }
    }
}

/// A null where a value is meant is the value that stands for none.
fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One word, or a list of them.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Many(Vec<String>),
        None(()),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::One(word) => vec![word],
        Words::Many(words) => words,
        Words::None(()) => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_of_all_versions() {
        let table = [
            ("768", (3, 0)),
            ("9", (0, 9)),
            ("137", (0, 9)),
            ("null", (0, 0)),
            (r#"{"status":"ERROR","return_code":3}"#, (3, 0)),
            (
                r#"{"status":"SIGNALED","return_code":0,"signal":{"signal_id":9,"name":"KILL"}}"#,
                (0, 9),
            ),
            (
                r#"{"status":["ERROR"],"return_code":{"set":true,"infinite":false,"number":3},"signal":{"id":{"set":false,"infinite":false,"number":0},"name":""}}"#,
                (3, 0),
            ),
            (
                r#"{"status":["SIGNALED"],"return_code":{"set":false,"infinite":false,"number":0},"signal":{"id":{"set":true,"infinite":false,"number":9},"name":"KILL"}}"#,
                (0, 9),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(
                serde_json::from_str::<ExitCode>(text).unwrap().parts(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn jobs_of_others_may_have_any_form() {
        let jobs = |text: &str| serde_json::from_str::<Jobs>(text).unwrap().ours();
        let foreign =
            r#"{"jobs":[{"job_id":"8","name":"train"},{"job_id":9},{"job_id":7,"name":"checkmill-x"}]}"#;
        assert_eq!(jobs(foreign).unwrap().len(), 1);
        assert!(matches!(
            jobs(r#"{"jobs":[{"job_id":"8","name":"checkmill-x"}]}"#),
            Err(Fault::Transient(_))
        ));
    }

    #[test]
    fn jobs_of_all_versions() {
        let key = "0a1b2c3d-0123456789abcdef-01234567-1";
        let old = format!(
            r#"{{"job_id":7,"name":"checkmill-{key}","user_name":"ci","job_state":"FAILED","exit_code":768,"submit_time":12,"state_reason":"NonZeroExitCode","state_description":"","restart_cnt":0,"comment":null,"time_limit":3}}"#
        );
        let new = format!(
            r#"{{"job_id":7,"name":"checkmill-{key}","user_name":"ci","job_state":["FAILED"],"exit_code":{{"status":["ERROR"],"return_code":{{"set":true,"infinite":false,"number":3}}}},"submit_time":{{"set":true,"infinite":false,"number":12}},"state_reason":"NonZeroExitCode","restart_cnt":0}}"#
        );
        for text in [old, new] {
            let job: Job = serde_json::from_str(&text).unwrap();
            assert_eq!(job.key().unwrap().to_string(), key);
            assert_eq!(
                (job.order(), job.job_state.as_slice()),
                ((12, 7), ["FAILED".to_owned()].as_slice())
            );
            assert_eq!(job.exit_code.unwrap().parts(), (3, 0));
        }
        let foreign: Job =
            serde_json::from_str(r#"{"job_id":8,"name":"checkmill-of-ann","submit_time":{"set":false}}"#)
                .unwrap();
        assert!(foreign.key().is_none() && foreign.order() == (0, 8));
        let submitted = |text: &str| serde_json::from_str::<Submitted>(text).unwrap().id();
        assert_eq!(submitted(r#"{"job_id":7,"step_id":"BATCH"}"#), Some(7));
        assert_eq!(submitted(r#"{"result":{"job_id":7,"error":null}}"#), Some(7));
        assert_eq!(submitted("{}"), None);
    }
}
