//! The repository's policy: `.checkmill/config.yml` of the default branch, and of that branch only, so that a pull request
//! can't change the rules it is judged by. Parsed in `checkmill-workflow`.

use crate::limits;
use crate::retry::RetryCounts;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The most that a job's token may do, by permission; a job asks for its share with `permissions`.
    pub permissions: TokenPermissions,
    /// Pull requests from forks.
    pub forks: ForkPolicy,
    /// Runs of `pull_request_target`.
    #[serde(default, skip_serializing_if = "TargetPolicy::is_default")]
    pub pull_request_target: TargetPolicy,
    /// The comment on a pull request.
    pub comment: CommentPolicy,
    /// Which actions steps may use.
    #[serde(default)]
    pub actions: AllowedActions,
    /// How much of their machine the containers of jobs may reach.
    #[serde(default, skip_serializing_if = "ContainerPolicy::is_default")]
    pub containers: ContainerPolicy,
    /// How often a failure that is not the code's is retried.
    #[serde(default)]
    pub retry: RetryCounts,
    /// What a language model may do.
    #[serde(default, skip_serializing_if = "ModelPolicy::is_default")]
    pub model: ModelPolicy,
    /// Where jobs may deploy to, by name; no others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environments: BTreeMap<String, EnvironmentRule>,
    /// The `vars` context.
    pub vars: BTreeMap<String, String>,
    /// Whether the files of `.github/workflows` are Checkmill's too.
    #[serde(default)]
    pub actions_workflows: bool,
    pub queue_timeout: Millis,
    /// The longest `timeout-minutes` that a job may ask for.
    pub run_timeout_max: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            permissions: TokenPermissions::read_only(),
            forks: ForkPolicy::Approval,
            pull_request_target: TargetPolicy::default(),
            comment: CommentPolicy::OnFailure,
            actions: AllowedActions::All,
            containers: ContainerPolicy::Restricted,
            retry: RetryCounts::POLICY_DEFAULT,
            model: ModelPolicy::NEVER,
            environments: BTreeMap::new(),
            vars: BTreeMap::new(),
            actions_workflows: false,
            queue_timeout: limits::QUEUE_TIMEOUT_DEFAULT,
            run_timeout_max: limits::RUN_TIMEOUT_MAX,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkPolicy {
    /// Each commit needs the approval of somebody with write permission.
    Approval,
    /// They never run.
    Never,
}

/// What runs of `pull_request_target` may do. Their files are the default branch's, and anybody who may open a pull request
/// starts them, and chooses what they are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPolicy {
    /// Those that a fork's pull request starts.
    pub forks: TargetForks,
    /// The most that a job's token may do, in the place of [`Policy::permissions`].
    pub permissions: TokenPermissions,
    /// Whether jobs get secrets.
    pub secrets: bool,
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self {
            forks: TargetForks::Run,
            permissions: TokenPermissions::read_only(),
            secrets: false,
        }
    }
}

impl TargetPolicy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetForks {
    /// At once, and none of their jobs checks out what the fork holds.
    Run,
    /// Each commit of a fork needs an approval, after which jobs may check it out.
    Approval,
    /// They never run.
    Never,
}

/// The actions that steps may use. Built-in ones and the repository's own (`./path`) may always be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum AllowedActions {
    #[default]
    All,
    /// No others.
    Builtin,
    /// Patterns: `owner/*`, `owner/repository`, either with `@ref`, or `docker://image`; a `*` at an end is any rest.
    Only(Vec<String>),
}

/// What `container` and `services` of a job may ask the container engine for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum ContainerPolicy {
    /// Nothing that reaches out of the container: no paths of the machine, devices, privileges or namespaces of it, nor the
    /// engine's socket. GitHub's machines are thrown away after a job, others are not.
    #[default]
    Restricted,
    /// All that GitHub lets them ask for.
    Any,
}

impl ContainerPolicy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_default(&self) -> bool {
        *self == Self::Restricted
    }
}

/// From which refs jobs may use an environment; from all of them where neither is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct EnvironmentRule {
    /// Patterns, as in `branches` of `on.push`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<String>>,
    /// As in `tags` of `on.push`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommentPolicy {
    Always,
    OnFailure,
    Never,
}

/// What a language model may do for the repository's jobs. Nothing, unless the policy says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPolicy {
    /// Translating steps that the machine can't run into scripts.
    pub translate: TranslatePolicy,
    /// Whether that goes for actions that run in a container, too: their scripts run outside of one, so they see what a `run`
    /// step sees, and the action did not.
    #[serde(default)]
    pub containers: bool,
    /// Whether that goes for `run` steps that assume GitHub's image, too: their text is sent to whoever runs the model, and a
    /// step that would have failed half-way does not begin.
    #[serde(default)]
    pub run_steps: bool,
}

impl ModelPolicy {
    pub const NEVER: Self = Self {
        translate: TranslatePolicy::Never,
        containers: false,
        run_steps: false,
    };

    fn is_default(&self) -> bool {
        *self == Self::NEVER
    }

    /// The retries of a policy, with those that follow a translation.
    #[must_use]
    pub const fn retries(&self, retry: RetryCounts) -> RetryCounts {
        let translated = match self.translate {
            TranslatePolicy::Always => limits::TRANSLATION_RETRIES,
            TranslatePolicy::Never | TranslatePolicy::Review => 0,
        };
        RetryCounts { translated, ..retry }
    }
}

impl Default for ModelPolicy {
    fn default() -> Self {
        Self::NEVER
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslatePolicy {
    Never,
    /// A translation is shown, and used once somebody who may write has read it and runs the job again.
    Review,
    /// It is shown, and used at once.
    Always,
}

/// Access that a token has, by GitHub's permission name (`contents`, `checks`, `packages`, …). Absent means none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct TokenPermissions(pub BTreeMap<String, Access>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Read,
    Write,
}

impl TokenPermissions {
    /// What a job gets when nobody says anything: it can read the code, nothing else.
    #[must_use]
    pub fn read_only() -> Self {
        Self(BTreeMap::from([("contents".to_owned(), Access::Read)]))
    }

    /// The same without the right to write anything. GitHub gives a fork's runs no more, approved or not.
    #[must_use]
    pub fn reading(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), Access::Read)).collect())
    }

    /// What both allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let both = self
            .0
            .iter()
            .filter_map(|(name, mine)| Some((name.clone(), *mine.min(other.0.get(name)?))));
        Self(both.collect())
    }
}
