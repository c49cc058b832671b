//! Which events of a repository are planned at all: not what the App itself has made, and of those that come in masses only what
//! the default branch waits for. And what is not known before the repository is asked: whose commit it is that is deployed.

use crate::error::PhaseError;
use crate::ports::Schedules;
use checkmill_core::event::{GitRef, Origin, RepositoryEvent, RepositoryEventName, Subject};
use checkmill_core::{CommitSha, Event, EventKind};
use checkmill_github::forge::{Forge, ForgeError, RepoRef};

/// Behind the login of every App. GitHub: a person's has no brackets.
const BOT: &str = "[bot]";
/// Whom GitHub names for what a workflow of GitHub Actions does with its token.
const ACTIONS: &str = "github-actions[bot]";

/// Whether the App has made the event, or a job with its token. GitHub docs: events that a workflow's token causes start no
/// workflows. Without that, one could start itself.
///
/// # Errors
/// The forge's.
pub(crate) async fn is_our_own(forge: &dyn Forge, event: &Event) -> Result<bool, ForgeError> {
    Ok(event.sender.as_str().ends_with(BOT) && event.sender == forge.own_login().await?)
}

pub(crate) struct Admission<'a> {
    pub(crate) schedules: &'a dyn Schedules,
    pub(crate) forge: &'a dyn Forge,
}

impl Admission<'_> {
    /// The event as it is to be planned; none where nothing follows from it.
    ///
    /// # Errors
    /// The ports'.
    pub(crate) async fn of(
        &self,
        event: &Event,
        other: &RepositoryEvent,
        repo: &RepoRef,
    ) -> Result<Option<Event>, PhaseError> {
        if let Some(why) = self.refuses(event, other).await? {
            tracing::info!(delivery = %event.delivery, event = event.name(), why, "an event starts nothing");
            return Ok(None);
        }
        let Subject::Deployed { sha, written, .. } = &other.subject else {
            return Ok(Some(event.clone()));
        };
        let origin = self.origin(event, repo, sha, written).await?;
        let subject = Subject::Deployed {
            sha: sha.clone(),
            written: written.clone(),
            origin,
        };
        let other = RepositoryEvent {
            subject,
            ..other.clone()
        };
        Ok(Some(Event {
            kind: EventKind::Repository(other),
            ..event.clone()
        }))
    }

    async fn refuses(
        &self,
        event: &Event,
        other: &RepositoryEvent,
    ) -> Result<Option<&'static str>, PhaseError> {
        if other.name.comes_in_masses() {
            let kept = self.schedules.load(event.repository.id).await?;
            if kept.is_none_or(|kept| !kept.events.contains(&other.name)) {
                return Ok(Some("no workflow of the default branch waits for it"));
            }
        }
        // GitHub docs, "Triggering a workflow from a workflow": but for the two kinds of dispatch.
        if event.sender.as_str() == ACTIONS && other.name != RepositoryEventName::RepositoryDispatch {
            return Ok(Some(
                "a workflow of GitHub Actions has made it, which starts no other one",
            ));
        }
        Ok(match is_our_own(self.forge, event).await? {
            true => Some("Checkmill or one of its jobs has made it: a workflow must not start itself"),
            false => None,
        })
    }

    /// GitHub knows the commits of all forks by their ids, so an id alone says nothing about whose commit it is: other Apps
    /// deploy what is in pull requests.
    async fn origin(
        &self,
        event: &Event,
        repo: &RepoRef,
        sha: &CommitSha,
        written: &str,
    ) -> Result<Origin, PhaseError> {
        if written.parse::<CommitSha>().is_ok() {
            let head = self.forge.resolve_ref(repo, &event.default_branch()).await?;
            return Ok(match head.as_ref() == Some(sha) {
                true => Origin::DefaultBranch,
                false => Origin::Unknown,
            });
        }
        let candidates = match (GitRef::parse(written), written.starts_with("refs/")) {
            (Some(git_ref), _) => vec![git_ref],
            // Such as a pull request's, which may be a fork's.
            (None, true) => Vec::new(),
            (None, false) => vec![
                GitRef::Branch(written.to_owned()),
                GitRef::Tag(written.to_owned()),
            ],
        };
        for git_ref in candidates {
            if self.forge.resolve_ref(repo, &git_ref).await?.is_some() {
                return Ok(Origin::Ref { git_ref });
            }
        }
        Ok(Origin::Unknown)
    }
}
