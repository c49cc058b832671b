//! From GitHub's JSON to [`Event`]: first the event's name, which the header gives, then the few fields that this event
//! needs.
//!
//! | event | action | answer |
//! |---|---|---|
//! | `ping` | | [`Parsed::Ping`] |
//! | `push` | | event, for branches and tags, created and deleted ones included; other refs ignored |
//! | `pull_request` | any | event: which activity types matter is the workflow's to say |
//! | `merge_group` | `checks_requested` | event |
//! | `merge_group` | others | ignored: the group is gone |
//! | `check_run` | `rerequested`, `requested_action` | event, where the check is one of our jobs |
//! | `check_run` | `created`, `completed` | event, where the check is another App's: ours reports what we did ourselves |
//! | `check_suite` | `rerequested` | event, where the suite is ours |
//! | `check_suite` | `completed` | event, where the suite is another App's |
//! | `workflow_dispatch` | | event |
//! | `release` | any | event; drafts that are created, edited or deleted are ignored, as GitHub's own workflows do |
//! | `issue_comment` | `created`, `edited`, `deleted` | event, unless our App made the comment |
//! | [`RepositoryEventName::ALL`] | those of its row | event; see [`repository`] |
//! | any other | | ignored |
//!
//! Ignored is an answer of its own (202 with the reason), an error is not: it says that GitHub, or somebody with the
//! secret, sent what GitHub's documentation does not allow (400).

use super::need::Need;
use super::wire;
use checkmill_core::event::{
    ButtonAction, CheckRef, Comment, GitRef, Issue, IssueComment, MergeGroup, PullRequest, PullRequestHead,
    Push, Release, Repository, RepositoryEventName, WorkflowDispatch,
};
use checkmill_core::{
    AccountId, CheckRunId, CommitSha, DeliveryId, Event, EventKind, InstallationId, JobId, Login,
    RepositoryId, UnixMillis, limits,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// GitHub's stand-in for a user whose account is gone.
const GHOST: &str = "ghost";
/// Labels of one pull request that are kept. GitHub docs: an issue or pull request has at most 100.
const LABELS: usize = 100;

/// What a delivery is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// GitHub tries the webhook out; nothing to do but to answer.
    Ping,
    Event(Box<Event>),
    /// Nothing for Checkmill to do; why, in a sentence.
    Ignored {
        reason: String,
    },
}

/// A payload that can't be read. Answer 400: GitHub would send the same bytes again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the header X-GitHub-Delivery is wrong: {detail}")]
    Delivery { detail: String },
    #[error("the body of the event `{event}` is not the JSON that GitHub documents: {detail}")]
    Json { event: &'static str, detail: String },
    #[error("the body of the event `{event}` has no `{field}`")]
    Missing {
        event: &'static str,
        field: &'static str,
    },
    #[error("the body of the event `{event}` has an unusable `{field}`: {detail}")]
    Invalid {
        event: &'static str,
        field: &'static str,
        detail: String,
    },
}

/// Whether a delivery of this name and action may be one for us, as the table above has it; what is in its body may still
/// say otherwise. For a list of deliveries, which has no bodies, and where what comes in masses would stand before the rest: it
/// is none.
#[must_use]
pub fn may_concern_us(event_name: &str, action: Option<&str>) -> bool {
    match event_name {
        "push" | "pull_request" | "workflow_dispatch" | "release" | "issue_comment" => true,
        "merge_group" => action == Some("checks_requested"),
        "check_run" => matches!(action, Some("rerequested" | "requested_action")),
        "check_suite" => action == Some("rerequested"),
        other => RepositoryEventName::parse(other)
            .is_some_and(|name| name.starts_on(action) && !name.comes_in_masses()),
    }
}

/// Reads a delivery: `event_name` is `X-GitHub-Event`, `delivery` is `X-GitHub-Delivery`, `body` is verified.
///
/// # Errors
/// See [`PayloadError`].
pub fn parse(
    event_name: &str,
    delivery: &str,
    body: &[u8],
    received_at: UnixMillis,
) -> Result<Parsed, PayloadError> {
    parse_for_app(event_name, delivery, body, received_at, None)
}

/// As [`parse`]; checks and suites that carry another App's number are ignored too.
///
/// # Errors
/// See [`PayloadError`].
pub fn parse_for_app(
    event_name: &str,
    delivery: &str,
    body: &[u8],
    received_at: UnixMillis,
    app_id: Option<u64>,
) -> Result<Parsed, PayloadError> {
    let delivery: DeliveryId = delivery.parse().map_err(|error| PayloadError::Delivery {
        detail: format!("{error}"),
    })?;
    let reader = Reader {
        body,
        app_id,
        received_at,
        delivery,
    };
    match event_name {
        "ping" => Ok(Parsed::Ping),
        "push" => reader.read("push", Reader::push),
        "pull_request" => reader.read("pull_request", Reader::pull_request),
        "merge_group" => reader.read("merge_group", Reader::merge_group),
        "check_run" => reader.read("check_run", Reader::check_run),
        "check_suite" => reader.read("check_suite", Reader::check_suite),
        "workflow_dispatch" => reader.read("workflow_dispatch", Reader::workflow_dispatch),
        "release" => reader.read("release", Reader::release),
        "issue_comment" => reader.read("issue_comment", Reader::issue_comment),
        "" => Ok(ignored("the header X-GitHub-Event is empty")),
        other => match RepositoryEventName::parse(other) {
            Some(name) => reader.read(name.as_str(), Reader::repository_event),
            None => Ok(ignored(format!(
                "Checkmill does not act on the event `{}`",
                shown(other)
            ))),
        },
    }
}

/// The kind of an event, or why there is none.
type Kind = Result<EventKind, String>;

struct Reader<'a> {
    body: &'a [u8],
    app_id: Option<u64>,
    received_at: UnixMillis,
    delivery: DeliveryId,
}

impl Reader<'_> {
    fn read(
        self,
        event: &'static str,
        kind: fn(&Self, Need, &wire::Payload) -> Result<Kind, PayloadError>,
    ) -> Result<Parsed, PayloadError> {
        let need = Need { event };
        let payload: wire::Payload = self.json(need)?;
        let Some(installation) = payload.installation.as_ref() else {
            return Ok(ignored(
                "the delivery names no installation: it comes from a repository's or an organisation's webhook, not \
                 from the GitHub App's",
            ));
        };
        let installation = need.value(installation.id, "installation.id")?;
        let kind = match kind(&self, need, &payload)? {
            Ok(kind) => kind,
            Err(reason) => return Ok(Parsed::Ignored { reason }),
        };
        Ok(Parsed::Event(Box::new(Event {
            delivery: self.delivery,
            installation: InstallationId(installation),
            repository: repository(need, payload.repository)?,
            sender_id: payload
                .sender
                .as_ref()
                .and_then(|sender| sender.id)
                .map(AccountId),
            sender: login(need, payload.sender, "sender.login")?,
            received_at: self.received_at,
            kind,
        })))
    }

    fn json<T: DeserializeOwned>(&self, need: Need) -> Result<T, PayloadError> {
        serde_json::from_slice(self.body).map_err(|error| PayloadError::Json {
            event: need.event,
            detail: error.to_string(),
        })
    }

    fn push(&self, need: Need, _: &wire::Payload) -> Result<Kind, PayloadError> {
        let push: wire::Push = self.json(need)?;
        let full_ref = need.text(push.git_ref, "ref")?;
        let Some(git_ref) = GitRef::parse(&full_ref) else {
            return Ok(Err(format!(
                "`{}` is neither a branch nor a tag",
                shown(&full_ref)
            )));
        };
        let commit = |sha: CommitSha| (!sha.is_zero()).then_some(sha);
        let head = push.head_commit.unwrap_or_default();
        let after = commit(need.id(push.after, "after")?);
        // For an annotated tag `after` is the tag object, which no check run can be about; the commit is in `head_commit`.
        let after = match (&git_ref, head.id.parse()) {
            (GitRef::Tag(_), Ok(tagged)) => after.map(|_| tagged),
            _ => after,
        };
        Ok(Ok(EventKind::Push(Push {
            git_ref,
            before: commit(need.id(push.before, "before")?),
            after,
            forced: push.forced,
            first: push
                .commits
                .and_then(|commits| commits.into_iter().next()?.id.parse().ok()),
            message: cut(head.message, limits::COMMIT_MESSAGE_CHARS),
        })))
    }

    fn pull_request(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        Ok(Ok(EventKind::PullRequest(self.pull(need, action)?)))
    }

    fn pull(&self, need: Need, action: String) -> Result<PullRequest, PayloadError> {
        let body: wire::PullRequestPayload = self.json(need)?;
        let pr = need.value(body.pull_request, "pull_request")?;
        let head = need.value(pr.head, "pull_request.head")?;
        let base = need.value(pr.base, "pull_request.base")?;
        let head_repository = match head.repo {
            Some(repo) => Some(need.id(repo.full_name, "pull_request.head.repo.full_name")?),
            None => None,
        };
        Ok(PullRequest {
            action,
            number: need.value(pr.number.or(body.number), "pull_request.number")?,
            title: cut(pr.title.unwrap_or_default(), limits::TITLE_CHARS),
            author: login(need, pr.user, "pull_request.user.login")?,
            draft: pr.draft.unwrap_or(false),
            labels: label_names(pr.labels),
            head: PullRequestHead {
                git_ref: need.text(head.git_ref, "pull_request.head.ref")?,
                sha: need.id(head.sha, "pull_request.head.sha")?,
                repository: head_repository,
            },
            base_ref: need.text(base.git_ref, "pull_request.base.ref")?,
            base_sha: need.id(base.sha, "pull_request.base.sha")?,
        })
    }

    fn merge_group(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        if action != "checks_requested" {
            return Ok(Err(format!(
                "nothing follows from a merge group that is `{}`",
                shown(&action)
            )));
        }
        let body: wire::MergeGroupPayload = self.json(need)?;
        let group = need.value(body.merge_group, "merge_group")?;
        let head = need.text(group.head_ref, "merge_group.head_ref")?;
        let base = need.text(group.base_ref, "merge_group.base_ref")?;
        let (Some(head_ref), Some(base_ref)) = (GitRef::parse(&head), GitRef::parse(&base)) else {
            return Ok(Err(format!(
                "`{}` or `{}` is no branch",
                shown(&head),
                shown(&base)
            )));
        };
        Ok(Ok(EventKind::MergeGroup(MergeGroup {
            head_ref,
            head_sha: need.id(group.head_sha, "merge_group.head_sha")?,
            base_ref,
            base_sha: need.id(group.base_sha, "merge_group.base_sha")?,
            message: cut(
                group.head_commit.unwrap_or_default().message,
                limits::COMMIT_MESSAGE_CHARS,
            ),
        })))
    }

    fn check_run(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        let body: wire::CheckRunPayload = self.json(need)?;
        let run = need.value(body.check_run, "check_run")?;
        if !matches!(action.as_str(), "rerequested" | "requested_action") {
            return self.report_of(run.app.as_ref(), need, payload);
        }
        if self.is_foreign(run.app.as_ref()) {
            return Ok(Err("the check run belongs to another App".to_owned()));
        }
        let Ok(job) = run.external_id.unwrap_or_default().parse::<JobId>() else {
            return Ok(Err(
                "the check run is not one of a Checkmill job (by its external id)".to_owned(),
            ));
        };
        let check = CheckRef {
            id: CheckRunId(need.value(run.id, "check_run.id")?),
            head_sha: need.id(run.head_sha, "check_run.head_sha")?,
            job: Some(job),
        };
        if action == "rerequested" {
            return Ok(Ok(EventKind::CheckRunRerequested(check)));
        }
        let requested = need.value(body.requested_action, "requested_action")?;
        let identifier = need.text(requested.identifier, "requested_action.identifier")?;
        Ok(match ButtonAction::from_identifier(&identifier) {
            Some(action) => Ok(EventKind::RequestedAction { action, check }),
            None => Err(format!("Checkmill has no button `{}`", shown(&identifier))),
        })
    }

    fn check_suite(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        let body: wire::CheckSuitePayload = self.json(need)?;
        let suite = need.value(body.check_suite, "check_suite")?;
        if action != "rerequested" {
            return self.report_of(suite.app.as_ref(), need, payload);
        }
        if self.is_foreign(suite.app.as_ref()) {
            return Ok(Err("the check suite belongs to another App".to_owned()));
        }
        Ok(Ok(EventKind::CheckSuiteRerequested {
            head_sha: need.id(suite.head_sha, "check_suite.head_sha")?,
        }))
    }

    /// What an App reports by its checks. Our own start nothing, or each of them would start the next; of a payload that does
    /// not say whose it is, nobody can know. Without an App of ours (a kept payload) it is another's.
    fn report_of(
        &self,
        app: Option<&wire::Numbered>,
        need: Need,
        payload: &wire::Payload,
    ) -> Result<Kind, PayloadError> {
        if app.and_then(|app| app.id) == Some(ACTIONS_APP) {
            return Ok(Err(
                "the check is GitHub Actions' own, which starts no workflow".to_owned()
            ));
        }
        if self.app_id.is_none() || self.is_foreign(app) {
            return self.repository_event(need, payload);
        }
        Ok(Err(
            "the check is one of Checkmill's own: a workflow must not answer itself".to_owned(),
        ))
    }

    fn workflow_dispatch(&self, need: Need, _: &wire::Payload) -> Result<Kind, PayloadError> {
        let body: wire::WorkflowDispatch = self.json(need)?;
        let full_ref = need.text(body.git_ref, "ref")?;
        // GitHub docs: the ref may be given short, and is a branch then.
        let git_ref = if full_ref.starts_with("refs/") {
            GitRef::parse(&full_ref)
        } else {
            Some(GitRef::Branch(full_ref.clone()))
        };
        let Some(git_ref) = git_ref else {
            return Ok(Err(format!(
                "`{}` is neither a branch nor a tag",
                shown(&full_ref)
            )));
        };
        Ok(Ok(EventKind::WorkflowDispatch(WorkflowDispatch {
            workflow: need.text(body.workflow, "workflow")?,
            git_ref,
            sha: None,
            inputs: inputs(body.inputs.unwrap_or_default()),
        })))
    }

    fn release(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        let body: wire::ReleasePayload = self.json(need)?;
        let release = need.value(body.release, "release")?;
        let draft = release.draft.unwrap_or(false);
        if draft && matches!(action.as_str(), "created" | "edited" | "deleted") {
            return Ok(Err("nothing follows from a draft of a release".to_owned()));
        }
        Ok(Ok(EventKind::Release(Release {
            action,
            id: need.value(release.id, "release.id")?,
            tag: need.text(release.tag_name, "release.tag_name")?,
            name: cut(release.name.unwrap_or_default(), limits::TITLE_CHARS),
            body: cut(release.body.unwrap_or_default(), limits::BODY_CHARS),
            target: release.target_commitish.unwrap_or_default(),
            draft,
            prerelease: release.prerelease.unwrap_or(false),
            author: login(need, release.author, "release.author.login")?,
            html_url: release.html_url.unwrap_or_default(),
        })))
    }

    fn issue_comment(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let action = need.text(payload.action.clone(), "action")?;
        let body: wire::IssueCommentPayload = self.json(need)?;
        let issue = need.value(body.issue, "issue")?;
        let comment = need.value(body.comment, "comment")?;
        let by_app = comment.performed_via_github_app.and_then(|app| app.id);
        if by_app.is_some() && by_app == self.app_id {
            return Ok(Err(
                "the comment is one of Checkmill's own, or of its jobs: a workflow must not answer itself"
                    .to_owned(),
            ));
        }
        Ok(Ok(EventKind::IssueComment(IssueComment {
            action,
            issue: Issue {
                number: need.value(issue.number, "issue.number")?,
                title: cut(issue.title.unwrap_or_default(), limits::TITLE_CHARS),
                state: issue.state.unwrap_or_default(),
                author: login(need, issue.user, "issue.user.login")?,
                labels: label_names(issue.labels),
                is_pull_request: issue.pull_request.is_some(),
                html_url: issue.html_url.unwrap_or_default(),
            },
            comment: Comment {
                id: need.value(comment.id, "comment.id")?,
                body: cut(comment.body.unwrap_or_default(), limits::BODY_CHARS),
                author: login(need, comment.user, "comment.user.login")?,
                association: comment.author_association.unwrap_or_default(),
                html_url: comment.html_url.unwrap_or_default(),
            },
        })))
    }

    /// Whether the payload says that this is another App's. GitHub sends a re-run to the App that owns the check only;
    /// emulators and forwarders are not always so careful.
    fn is_foreign(&self, app: Option<&wire::Numbered>) -> bool {
        let theirs = app.and_then(|app| app.id);
        matches!((self.app_id, theirs), (Some(ours), Some(theirs)) if ours != theirs)
    }
}

/// GitHub Actions' on github.com. GitHub docs, "check_run" and "check_suite": what it reports triggers no workflows, or they would
/// start each other.
const ACTIONS_APP: u64 = 15_368;

fn ignored(reason: impl Into<String>) -> Parsed {
    Parsed::Ignored {
        reason: reason.into(),
    }
}

fn repository(need: Need, repository: Option<wire::Repository>) -> Result<Repository, PayloadError> {
    let repository = need.value(repository, "repository")?;
    let html_url = need.text(repository.html_url, "repository.html_url")?;
    Ok(Repository {
        id: RepositoryId(need.value(repository.id, "repository.id")?),
        name: need.id(repository.full_name, "repository.full_name")?,
        default_branch: need.text(repository.default_branch, "repository.default_branch")?,
        owner_id: repository.owner.and_then(|owner| owner.id).map(AccountId),
        private: need.value(repository.private, "repository.private")?,
        internal: repository
            .visibility
            .is_some_and(|visibility| visibility == "internal"),
        clone_url: repository.clone_url.unwrap_or_else(|| format!("{html_url}.git")),
        html_url,
    })
}

/// The login of a user; `null` stands for a deleted account.
fn login(need: Need, user: Option<wire::User>, field: &'static str) -> Result<Login, PayloadError> {
    match user {
        Some(user) => need.id(user.login, field),
        None => need.id(Some(GHOST.to_owned()), field),
    }
}

fn label_names(labels: Vec<wire::Label>) -> Vec<String> {
    labels.into_iter().map(|label| label.name).take(LABELS).collect()
}

fn inputs(inputs: BTreeMap<String, wire::Input>) -> BTreeMap<String, String> {
    let text = |input| match input {
        wire::Input::Text(text) => Some(text),
        wire::Input::Flag(flag) => Some(flag.to_string()),
        wire::Input::Number(number) => Some(number.to_string()),
        wire::Input::Null(()) => None,
    };
    inputs
        .into_iter()
        .filter_map(|(name, input)| Some((name, text(input)?)))
        .collect()
}

/// The first `chars` characters.
fn cut(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => text[..at].to_owned(),
        None => text,
    }
}

/// Text from outside, short and on one line, for a reason that is logged and answered.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

mod repository;

#[cfg(test)]
mod tests;
