//! An action's own file, `action.yml`, read and checked.

use crate::job::StepDescription;
use std::collections::BTreeMap;

/// What `action.yml` says. Built by [`crate::parse_action`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionManifest {
    /// `name`; only for people.
    pub name: Option<String>,
    /// In the order of the file.
    pub inputs: Vec<ActionInput>,
    pub runs: Runs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionInput {
    pub name: String,
    pub required: bool,
    /// Unevaluated; see [`crate::expr::Place::ActionInputDefault`].
    pub default: Option<String>,
    /// `deprecationMessage`.
    pub deprecation: Option<String>,
}

/// `runs`.
#[derive(Debug, Clone, PartialEq)]
pub enum Runs {
    Composite {
        /// At least one.
        steps: Vec<StepDescription>,
        /// Of the action, unevaluated.
        outputs: BTreeMap<String, String>,
    },
    JavaScript {
        /// Such as `node20`.
        using: String,
        main: String,
        pre: Option<Hook>,
        post: Option<Hook>,
    },
    Docker(DockerRuns),
}

/// A program before or after the steps of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// A file of the action, or a container's entrypoint.
    pub program: String,
    /// `pre-if` or `post-if`; none is `always()`.
    pub condition: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerRuns {
    pub image: DockerImage,
    pub entrypoint: Option<String>,
    /// Unevaluated; see [`crate::expr::Place::DockerRuns`].
    pub args: Vec<String>,
    /// Unevaluated as well.
    pub env: BTreeMap<String, String>,
    pub pre: Option<Hook>,
    pub post: Option<Hook>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerImage {
    /// `docker://image`.
    Registry(String),
    /// The path of a Dockerfile in the action's directory.
    File(String),
}

/// What is needed to know of an action before any of its steps runs.
impl ActionManifest {
    /// The steps of a composite action; none of the others.
    #[must_use]
    pub fn steps(&self) -> &[StepDescription] {
        match &self.runs {
            Runs::Composite { steps, .. } => steps,
            Runs::JavaScript { .. } | Runs::Docker(_) => &[],
        }
    }

    /// `pre` or `pre-entrypoint`.
    #[must_use]
    pub const fn pre(&self) -> Option<&Hook> {
        match &self.runs {
            Runs::Composite { .. } => None,
            Runs::JavaScript { pre, .. } => pre.as_ref(),
            Runs::Docker(docker) => docker.pre.as_ref(),
        }
    }

    /// `post` or `post-entrypoint`.
    #[must_use]
    pub const fn post(&self) -> Option<&Hook> {
        match &self.runs {
            Runs::Composite { .. } => None,
            Runs::JavaScript { post, .. } => post.as_ref(),
            Runs::Docker(docker) => docker.post.as_ref(),
        }
    }
}
