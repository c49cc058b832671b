//! What else happens in a repository and may start workflows: issues, labels, reviews, deployments, stars. One kind for all of
//! them: a name of the table below, an activity type, the commit whose files it is for, and the payload.
//!
//! Source: GitHub docs, "Events that trigger workflows".

use super::{GitRef, PullRequest};
use crate::ids::CommitSha;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryEvent {
    pub name: RepositoryEventName,
    /// The activity type, such as `opened`; of `repository_dispatch` what its sender chose. None where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub subject: Subject,
    /// A JSON object: the webhook's payload without what every event has. At most
    /// [`crate::limits::EVENT_PAYLOAD_BYTES`].
    pub payload: String,
}

/// The commit whose files an event is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    /// The default branch's present one.
    DefaultBranch,
    /// The present one of a ref.
    Ref { git_ref: GitRef },
    /// The one that is deployed.
    Deployed {
        sha: CommitSha,
        /// The ref as whoever deploys has given it, which may be a commit's id.
        written: String,
        origin: Origin,
    },
    /// The head of a pull request, which may be a fork's.
    PullRequest { pull: PullRequest },
}

/// What the repository knows of a commit that is deployed. GitHub finds the commits of forks by their ids, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Origin {
    /// Nothing, or nobody has asked it yet.
    Unknown,
    /// It was given by its id, and is the default branch's.
    DefaultBranch,
    /// It was given as a branch or tag that is there.
    Ref { git_ref: GitRef },
}

/// The activity types that an event can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activities {
    /// None: a workflow can't choose.
    None,
    /// These; a workflow that names none is started by each.
    Types(&'static [&'static str]),
    /// Whatever the sender chooses.
    Custom,
}

macro_rules! names {
    ($($variant:ident $name:literal $activities:expr,)*) => {
        /// The events of this kind, by GitHub's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RepositoryEventName {
            $($variant,)*
        }

        impl RepositoryEventName {
            /// All of them, in the order of the alphabet.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in workflow files, and in the header of its webhook.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            #[must_use]
            pub const fn activities(self) -> Activities {
                match self {
                    $(Self::$variant => $activities,)*
                }
            }
        }
    };
}

use Activities::{Custom, None as Without, Types};

names! {
    BranchProtectionRule "branch_protection_rule" Types(&["created", "edited", "deleted"]),
    CheckRun "check_run" Types(&["created", "rerequested", "completed", "requested_action"]),
    CheckSuite "check_suite" Types(&["completed"]),
    Create "create" Without,
    Delete "delete" Without,
    Deployment "deployment" Without,
    DeploymentStatus "deployment_status" Without,
    Discussion "discussion" Types(&[
        "created", "edited", "deleted", "transferred", "pinned", "unpinned", "labeled", "unlabeled", "locked", "unlocked",
        "category_changed", "answered", "unanswered",
    ]),
    DiscussionComment "discussion_comment" Types(&["created", "edited", "deleted"]),
    Fork "fork" Without,
    Gollum "gollum" Without,
    Issues "issues" Types(&[
        "opened", "edited", "deleted", "transferred", "pinned", "unpinned", "closed", "reopened", "assigned", "unassigned",
        "labeled", "unlabeled", "locked", "unlocked", "milestoned", "demilestoned", "field_added", "field_removed", "typed",
        "untyped",
    ]),
    Label "label" Types(&["created", "edited", "deleted"]),
    Milestone "milestone" Types(&["created", "closed", "opened", "edited", "deleted"]),
    PageBuild "page_build" Without,
    Public "public" Without,
    PullRequestReview "pull_request_review" Types(&["submitted", "edited", "dismissed"]),
    PullRequestReviewComment "pull_request_review_comment" Types(&["created", "edited", "deleted"]),
    RegistryPackage "registry_package" Types(&["published", "updated"]),
    RepositoryDispatch "repository_dispatch" Custom,
    Status "status" Without,
    Watch "watch" Types(&["started"]),
}

impl RepositoryEventName {
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == name)
    }

    /// Whether an activity type of a webhook can start workflows. Where workflows can't choose, any does: GitHub's webhooks
    /// have some there, too.
    #[must_use]
    pub fn starts_on(self, action: Option<&str>) -> bool {
        match (self.activities(), action) {
            (Types(types), Some(action)) => types.contains(&action),
            (Types(_), None) => false,
            (Without | Custom, _) => true,
        }
    }

    /// Whether other programs make it in such numbers, with each push, that GitHub is asked for files only where it is known
    /// that a workflow of the default branch waits for it ([`crate::schedule::Waits`]). The App gets these without having
    /// asked for them, or for a purpose of its own.
    #[must_use]
    pub const fn comes_in_masses(self) -> bool {
        matches!(self, Self::CheckRun | Self::CheckSuite | Self::Status)
    }
}

impl RepositoryEvent {
    /// The pull request that it is about.
    #[must_use]
    pub const fn pull_request(&self) -> Option<&PullRequest> {
        match &self.subject {
            Subject::PullRequest { pull } => Some(pull),
            _ => None,
        }
    }

    /// Whether nobody knows whose commit it is for.
    #[must_use]
    pub const fn is_of_an_unknown_commit(&self) -> bool {
        matches!(
            &self.subject,
            Subject::Deployed {
                origin: Origin::Unknown,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_their_rows() {
        for name in RepositoryEventName::ALL {
            assert_eq!(RepositoryEventName::parse(name.as_str()), Some(*name));
        }
        assert_eq!(RepositoryEventName::parse("push"), None);
        let sorted = RepositoryEventName::ALL
            .windows(2)
            .all(|pair| pair[0].as_str() < pair[1].as_str());
        assert!(sorted, "the documentation lists them in this order");
    }

    #[test]
    fn what_starts_workflows() {
        use RepositoryEventName as Name;
        for (name, action, expected) in [
            (Name::Issues, Some("opened"), true),
            (Name::Issues, Some("assembled"), false),
            (Name::Issues, None, false),
            (Name::CheckSuite, Some("completed"), true),
            (Name::CheckSuite, Some("requested"), false),
            (Name::Deployment, Some("created"), true),
            (Name::Fork, None, true),
            (Name::RepositoryDispatch, Some("anything at all"), true),
        ] {
            assert_eq!(name.starts_on(action), expected, "{name:?} {action:?}");
        }
    }
}
