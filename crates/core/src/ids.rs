//! Identifiers as types. Those of ours are derived, not drawn: the same delivery and workflow file always give the same run
//! and the same jobs, so that a repeated step writes the same rows.

use crate::limits;
use crate::schedule::Timing;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// A text that is not an id of the kind it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct InvalidId {
    text: String,
    expected: &'static str,
}

impl InvalidId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.chars().take(80).collect(),
            expected,
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::new(text, $expected)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// Ids are sorted and looked for as their texts.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// GitHub's `X-GitHub-Delivery`: the same on a redelivery. A UUID on github.com; emulators use other short texts.
    DeliveryId,
    "a delivery id (1 to 100 letters, digits, '-', '_' or '.')",
    |t| (1..=100).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
);

text_id!(
    /// A full commit id: 40 hexadecimal digits in lower case.
    CommitSha,
    "a commit id (40 hexadecimal digits)",
    |t| t.len() == 40 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

text_id!(
    /// A user's or App's login, such as `octocat` or `dependabot[bot]`.
    Login,
    "a login",
    |t| (1..=100).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_[].".contains(&b))
);

text_id!(
    /// The key of a job in its workflow file. GitHub: letters, digits, `-` and `_`, beginning with a letter or `_`. Of a job of a
    /// called workflow: the call ([`CallKey`]), `/`, and the key in the called file.
    JobKey,
    "a job key (letters, digits, '-' and '_', beginning with a letter or '_')",
    |t| {
        let (call, own) = t.rsplit_once('/').map_or((None, t), |(call, own)| (Some(call), own));
        is_own_key(own) && call.is_none_or(is_call_key)
    }
);

text_id!(
    /// One call of a workflow: the key of the job that calls it; of a leg of that job's matrix also `.` and 8 hexadecimal
    /// digits.
    CallKey,
    "a call (a job key, for a leg of a matrix '.' and 8 hexadecimal digits)",
    is_call_key
);

text_id!(
    /// One evaluation of one workflow file for one delivery: 16 hexadecimal digits.
    RunId,
    "a run id (16 hexadecimal digits)",
    |t| is_hex(t, 16)
);

text_id!(
    /// One job of a run, a matrix leg being a job of its own: the run's id, `-`, and 8 hexadecimal digits. The run can be
    /// read off it, so a job is found without an index.
    JobId,
    "a job id (a run id, '-', 8 hexadecimal digits)",
    |t| t.split_once('-').is_some_and(|(run, leg)| is_hex(run, 16) && is_hex(leg, 8))
);

text_id!(
    /// One Checkmill among those that may share a cluster or an account: 8 hexadecimal digits. What runs there carries it, so
    /// that a deployment takes no other's jobs for leftovers of its own.
    DeploymentId,
    "a deployment id (8 hexadecimal digits)",
    |t| is_hex(t, 8)
);

text_id!(
    /// One job key and matrix leg of one workflow file: 32 hexadecimal digits. With its repository it names what was learned.
    HistoryId,
    "a history id (32 hexadecimal digits)",
    |t| is_hex(t, 32)
);

text_id!(
    /// One concurrency group of a repository, whatever the case of its name: 32 hexadecimal digits.
    GroupId,
    "a group id (32 hexadecimal digits)",
    |t| is_hex(t, 32)
);

text_id!(
    /// One workflow file of a repository, by its path: 32 hexadecimal digits.
    WorkflowId,
    "a workflow id (32 hexadecimal digits)",
    |t| is_hex(t, 32)
);

number_id!(
    /// A GitHub App's installation.
    InstallationId
);
number_id!(
    /// A user's or organisation's number, which stays when it is renamed.
    AccountId
);
number_id!(
    /// A repository's number, which stays when it is renamed.
    RepositoryId
);
number_id!(
    /// A check run on GitHub.
    CheckRunId
);

/// The key of a job in its own file.
fn is_own_key(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// The way down through the workflows that call each other.
fn is_call_key(text: &str) -> bool {
    let is_step = |step: &str| match step.split_once('.') {
        Some((key, leg)) => is_own_key(key) && is_hex(leg, 8),
        None => is_own_key(step),
    };
    text.split('/').count() < limits::WORKFLOW_LEVELS && text.split('/').all(is_step)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The first `digits` hexadecimal digits of a SHA-256 over the parts, each preceded by its length so that no two lists of
/// parts give the same bytes.
fn derive(parts: &[&str], digits: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(digits);
    text
}

impl CommitSha {
    /// GitHub's placeholder for "no commit": `before` of a new branch, `after` of a deleted one.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|b| b == b'0')
    }

    /// The first seven digits, as GitHub shows commits.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl DeliveryId {
    /// The delivery of one time of a repository's schedule.
    #[must_use]
    pub fn of_schedule(repository: RepositoryId, timing: &Timing, at: UnixMillis) -> Self {
        let timezone = timing.timezone.as_deref().unwrap_or_default();
        let name = derive(&["schedule", &timing.cron, timezone], 12);
        Self(format!("schedule-{repository}-{name}-{}", at.0 / 60_000))
    }
}

impl DeliveryId {
    /// The delivery that tells of a run's end, after so many attempts of its jobs.
    #[must_use]
    pub fn of_ended_run(run: &RunId, attempts: u64) -> Self {
        Self(format!("run-{run}-{attempts}"))
    }
}

impl DeploymentId {
    /// The deployment that this text names like no other: an ARN, random digits.
    #[must_use]
    pub fn derive(name: &str) -> Self {
        Self(derive(&["deployment", name], 8))
    }
}

impl RunId {
    /// The run of a workflow file for a delivery.
    #[must_use]
    pub fn derive(delivery: &DeliveryId, workflow_path: &str) -> Self {
        Self(derive(&["run", delivery.as_str(), workflow_path], 16))
    }
}

impl JobKey {
    /// The call that this job belongs to; none of a job of the run's own file.
    #[must_use]
    pub fn call(&self) -> Option<CallKey> {
        let (call, _) = self.0.rsplit_once('/')?;
        Some(CallKey(call.to_owned()))
    }

    /// The job by its name in its own file.
    #[must_use]
    pub fn own(&self) -> Self {
        let own = self.0.rsplit_once('/').map_or(self.as_str(), |(_, own)| own);
        Self(own.to_owned())
    }

    /// The jobs that call the workflow of this one, the nearest first.
    pub fn callers(&self) -> impl Iterator<Item = Self> + use<> {
        let caller = |key: &Self| key.call().map(|call| call.caller());
        std::iter::successors(caller(self), caller)
    }
}

impl CallKey {
    /// The call that a job makes, or one leg of its matrix by its values in their canonical text.
    #[must_use]
    pub fn derive(caller: &JobKey, leg: &str) -> Self {
        match leg {
            "" => Self(caller.0.clone()),
            leg => Self(format!("{caller}.{}", derive(&["call", leg], 8))),
        }
    }

    /// Whether a job is one of the called workflow, or of one that it calls in its turn.
    #[must_use]
    pub fn has(&self, key: &JobKey) -> bool {
        key.0
            .strip_prefix(&self.0)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The job that makes it.
    #[must_use]
    pub fn caller(&self) -> JobKey {
        let step = self.0.rfind('/').map_or(0, |slash| slash + 1);
        let end = self.0[step..].find('.').map_or(self.0.len(), |dot| step + dot);
        JobKey(self.0[..end].to_owned())
    }

    /// A job of the called workflow; none past [`limits::WORKFLOW_LEVELS`].
    #[must_use]
    pub fn job(&self, own: &JobKey) -> Option<JobKey> {
        format!("{self}/{own}").parse().ok()
    }
}

impl JobId {
    /// The job with this key and, for a matrix, the leg's values in their canonical text.
    #[must_use]
    pub fn derive(run: &RunId, key: &JobKey, leg: &str) -> Self {
        Self(format!("{run}-{}", derive(&["job", key.as_str(), leg], 8)))
    }

    #[must_use]
    pub fn run(&self) -> RunId {
        RunId(self.0[..16].to_owned())
    }
}

impl HistoryId {
    /// What is learned of this job key and leg of a workflow file.
    #[must_use]
    pub fn derive(workflow_path: &str, key: &JobKey, leg: &str) -> Self {
        Self(derive(&["history", workflow_path, key.as_str(), leg], 32))
    }
}

impl GroupId {
    /// The group of this name. GitHub docs: "The concurrency group name is case insensitive."
    #[must_use]
    pub fn derive(name: &str) -> Self {
        Self(derive(&["group", &name.to_lowercase()], 32))
    }
}

impl WorkflowId {
    /// The file with this path.
    #[must_use]
    pub fn derive(path: &str) -> Self {
        Self(derive(&["workflow", path], 32))
    }
}

/// What somebody chose, in few digits.
pub(crate) fn choices_id<'a>(choices: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let mut parts = vec!["choices"];
    parts.extend(
        choices
            .into_iter()
            .flat_map(|(name, value)| [name.as_str(), value.as_str()]),
    );
    derive(&parts, 8)
}

/// The id of a failure, from the step and the normalised error line that tell it from others.
pub(crate) fn failure_id(step: Option<&str>, line: &str) -> String {
    derive(&["failure", step.unwrap_or_default(), line], 12)
}

/// `owner/name` of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoName {
    owner: String,
    name: String,
}

impl RepoName {
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for RepoName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let part = |p: &str| {
            (1..=100).contains(&p.len())
                && p != "."
                && p != ".."
                && p.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(InvalidId::new(text, "a repository (owner/name)")),
        }
    }
}

impl TryFrom<String> for RepoName {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RepoName> for String {
    fn from(repo: RepoName) -> Self {
        repo.to_string()
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Which try of a job this is, from 1. A re-run by a person or a policy is the next attempt of the same job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptNumber(pub u32);

impl AttemptNumber {
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_inputs_give_the_same_ids() {
        let delivery: DeliveryId = "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap();
        let run = RunId::derive(&delivery, ".checkmill/workflows/ci.yml");
        assert_eq!(run, RunId::derive(&delivery, ".checkmill/workflows/ci.yml"));
        assert_ne!(run, RunId::derive(&delivery, ".checkmill/workflows/ci.yaml"));
        let job = JobId::derive(&run, &"test".parse().unwrap(), r#"{"os":"linux"}"#);
        assert_eq!(job.run(), run);
        assert_eq!(job.to_string().parse::<JobId>().unwrap(), job);
    }

    #[test]
    fn a_called_job_knows_its_way_up() {
        let build: JobKey = "build".parse().unwrap();
        let call = CallKey::derive(&build, r#"{"os":"linux"}"#);
        assert_ne!(call, CallKey::derive(&build, r#"{"os":"mac"}"#));
        let test = call.job(&"test".parse().unwrap()).unwrap();
        let lint = CallKey::derive(&test, "").job(&"lint".parse().unwrap()).unwrap();
        assert_eq!(lint.to_string(), format!("{call}/test/lint"));
        assert_eq!(lint.own().as_str(), "lint");
        assert_eq!(lint.call().unwrap().caller(), test);
        assert_eq!(lint.callers().collect::<Vec<_>>(), [test, build.clone()]);
        assert_eq!((build.call(), build.own()), (None, build.clone()));
        assert_eq!(build.callers().count(), 0);
    }

    #[test]
    fn a_way_down_has_an_end() {
        for (text, expected) in [
            ("a/b", true),
            ("a.0123abcd/b", true),
            ("a/b.0123abcd", false),
            ("a.123/b", false),
            ("a//b", false),
            ("/b", false),
            ("a/", false),
            ("1/a", false),
        ] {
            assert_eq!(text.parse::<JobKey>().is_ok(), expected, "{text}");
        }
        let deepest = ["a"; limits::WORKFLOW_LEVELS].join("/");
        let job: JobKey = deepest.parse().unwrap();
        assert_eq!(job.callers().count() + 1, limits::WORKFLOW_LEVELS);
        assert_eq!(CallKey::derive(&"a".parse().unwrap(), "").job(&job), None);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(derive(&["ab", "c"], 16), derive(&["a", "bc"], 16));
    }

    #[test]
    fn malformed_ids_are_refused_with_what_was_expected() {
        assert_eq!(
            "../x".parse::<RepoName>().unwrap_err().to_string(),
            r#""../x" is not a repository (owner/name)"#
        );
        assert!("HEAD".parse::<CommitSha>().is_err());
        assert!("1job".parse::<JobKey>().is_err());
        assert!("0123456789abcdef-0123".parse::<JobId>().is_err());
    }
}
