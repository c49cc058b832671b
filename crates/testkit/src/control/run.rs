//! Carries out the control API's commands.

use super::command::{Command, Edit, FaultName, RoleName, Until};
use super::{refused, report};
use crate::actions::pulls::{NewPullRequest, PullEdit};
use crate::actions::push::{NewCommit, Onto};
use crate::actions::setup::NewRepository;
use crate::clock::TimeSource;
use crate::error::FakeError;
use crate::server::fault::{Fault, Selector};
use crate::server::reply::Reply;
use crate::server::route::Route;
use crate::shared::{Delivering, Shared};
use crate::state::State;
use crate::state::check::Conclusion;
use crate::state::delivery::Outcome;
use crate::state::repository::Role;
use crate::wait;
use checkmill_core::{CheckRunId, CommitSha, DeliveryId, InstallationId, Millis};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long `wait` waits unless told otherwise.
const WAIT: Duration = Duration::from_secs(60);

pub(super) async fn run(shared: &Arc<Shared>, command: Command) -> Reply {
    let result = match command {
        Command::DeliverTo { url } => {
            shared.set_delivering(url.map_or(Delivering::ByHand, Delivering::To));
            Ok(json!({}))
        }
        Command::Fault { route, fault } => selector(route).map(|selector| {
            shared.add_fault(selector, fault.into());
            json!({})
        }),
        Command::Wait { until, limit_ms } => return wait_until(shared, until, limit_ms).await,
        other => shared.change(|state| change(state, other)),
    };
    match result {
        Ok(answer) => Reply::ok(&answer),
        Err(error) => refused(422, &error.to_string()),
    }
}

fn selector(route: Option<String>) -> Result<Selector, FakeError> {
    match route {
        None => Ok(Selector::Any),
        Some(name) => name
            .parse::<Route>()
            .map(Selector::Route)
            .map_err(|()| FakeError::Malformed(name, "a route such as \"GET /app\"")),
    }
}

/// Commands that only change the state.
fn change(state: &mut State, command: Command) -> Result<Value, FakeError> {
    let done = |_| json!({});
    match command {
        Command::Fork { parent, by } => state.fork(&parent, &by).map(|id| json!({ "id": id.0 })),
        Command::Role { repo, login, role } => state.set_role(&repo, &login, role.map(Role::from)).map(done),
        Command::UpdateRef {
            repo,
            git_ref,
            sha,
            by,
        } => state.update_ref(&repo, &git_ref, sha, &by).map(done),
        Command::AnnotatedTag {
            repo,
            name,
            sha,
            message,
            by,
        } => state
            .push_annotated_tag(&repo, &name, &sha, &message, &by)
            .map(|()| sha_json(sha)),
        Command::EditPullRequest {
            repo,
            number,
            edit,
            by,
        } => state.edit_pull_request(&repo, number, edit.into(), &by).map(done),
        Command::MergePullRequest { repo, number, by } => {
            state.merge_pull_request(&repo, number, &by).map(sha_json)
        }
        Command::Comment {
            repo,
            number,
            by,
            body,
        } => state
            .comment(&repo, number, &by, &body)
            .map(|id| json!({ "id": id })),
        Command::Click {
            check,
            identifier,
            by,
        } => state
            .click_button(CheckRunId(check), &identifier, &by)
            .map(guid_json),
        Command::RerequestCheck { check, by } => state.rerequest_check(CheckRunId(check), &by).map(guid_json),
        Command::RerequestSuite { repo, sha, by } => state
            .rerequest_suite(&repo, &sha, &by)
            .map(|guids| guid_json(guids.into_iter().next())),
        Command::Dispatch {
            repo,
            workflow,
            git_ref,
            inputs,
            by,
        } => {
            let inputs: Vec<(&str, &str)> = inputs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            state
                .dispatch_workflow(&repo, &workflow, &git_ref, &inputs, &by)
                .map(guid_json)
        }
        Command::MergeGroup { repo, branch, base } => {
            state.request_merge_group(&repo, &branch, &base).map(guid_json)
        }
        Command::Redeliver { guid } => redeliver(state, &guid),
        Command::Advance { ms } => advance(state, Millis(ms)),
        Command::Ping {} | Command::Uninstall { .. } | Command::Suspend { .. } => owner(state, command),
        other => make(state, other),
    }
}

/// Commands that make a thing from many fields.
fn make(state: &mut State, command: Command) -> Result<Value, FakeError> {
    match command {
        Command::Repository {
            name,
            private,
            default_branch,
            clone_url,
            files,
            collaborators,
            installed,
        } => {
            let new = NewRepository {
                private,
                default_branch,
                clone_url,
                files: files.into_iter().map(|(p, t)| (p, t.into_bytes())).collect(),
                collaborators: collaborators.into_iter().map(|(l, r)| (l, r.into())).collect(),
                installed,
                ..NewRepository::new(&name)
            };
            add_repository(state, new)
        }
        Command::Push {
            repo,
            branch,
            message,
            by,
            files,
            onto,
            sha,
        } => {
            let mut commit = NewCommit::new(&message).by(&by);
            for (path, text) in files {
                commit = match text {
                    Some(text) => commit.write(&path, text),
                    None => commit.delete(&path),
                };
            }
            if let Some(sha) = sha {
                commit = commit.with_sha(sha);
            }
            let onto = onto.map_or(Onto::Head, Onto::Commit);
            state.push(&repo, &branch, onto, vec![commit]).map(sha_json)
        }
        other => open_pull_request(state, other),
    }
}

fn open_pull_request(state: &mut State, command: Command) -> Result<Value, FakeError> {
    match command {
        Command::OpenPullRequest {
            repo,
            head_repo,
            branch,
            base,
            title,
            by,
            draft,
        } => {
            let head_repo = head_repo.unwrap_or_else(|| repo.clone());
            let mut new = NewPullRequest::from_fork(&repo, &head_repo, &branch).by(&by);
            new.base_branch = base;
            new.draft = draft;
            if let Some(title) = title {
                new.title = title;
            }
            state
                .open_pull_request(new)
                .map(|number| json!({ "number": number }))
        }
        // Every other command is carried out above.
        other => Err(FakeError::Malformed(
            format!("{other:?}"),
            "a command that changes the state",
        )),
    }
}

/// What the owner of an App or an installation does.
fn owner(state: &mut State, command: Command) -> Result<Value, FakeError> {
    match command {
        Command::Ping {} => state.ping(crate::fake::APP_ID).map(guid_json),
        Command::Uninstall { installation } => state.uninstall(InstallationId(installation)).map(guid_json),
        Command::Suspend {
            installation,
            suspended,
        } => state
            .set_suspended(InstallationId(installation), suspended)
            .map(guid_json),
        other => Err(FakeError::Malformed(format!("{other:?}"), "what an owner does")),
    }
}

fn add_repository(state: &mut State, new: NewRepository) -> Result<Value, FakeError> {
    let id = state.add_repository(new)?;
    let repo = state.repo_by_id(id);
    let installation = state.installations.values().find(|i| state.covers(i, repo));
    Ok(json!({
        "id": id.0,
        "installation": installation.map(|i| i.id.0),
        "sha": repo.branch(&repo.default_branch).map(CommitSha::as_str),
    }))
}

fn redeliver(state: &mut State, guid: &str) -> Result<Value, FakeError> {
    let newest = state
        .deliveries
        .iter()
        .rev()
        .find(|d| d.guid.as_str() == guid)
        .map(|d| d.id);
    let id = newest.ok_or_else(|| FakeError::NoDelivery(guid.to_owned()))?;
    state.redeliver_attempt(id).map(|id| json!({ "id": id }))
}

fn advance(state: &State, by: Millis) -> Result<Value, FakeError> {
    match &state.time {
        TimeSource::Fake(clock) => Ok(json!({ "now_ms": clock.advance(by).0 })),
        TimeSource::System => Err(FakeError::Malformed(
            "system".to_owned(),
            "a clock that can be moved: start with \"clock\": \"fake\"",
        )),
    }
}

fn sha_json(sha: CommitSha) -> Value {
    json!({ "sha": sha.as_str() })
}

fn guid_json(guid: Option<DeliveryId>) -> Value {
    json!({ "guid": guid.as_ref().map(DeliveryId::as_str) })
}

async fn wait_until(shared: &Arc<Shared>, until: Until, limit_ms: Option<u64>) -> Reply {
    let limit = limit_ms.map_or(WAIT, Duration::from_millis);
    let what = format!("{until:?}");
    match wait::until(shared, &what, limit, |state| holds(state, &until).then_some(())).await {
        Ok(()) => Reply::ok(&shared.read(report::state)),
        Err(expired) => refused(408, &expired.to_string()),
    }
}

fn holds(state: &State, until: &Until) -> bool {
    let of_repo = |name: &str| {
        let id = name
            .parse()
            .ok()
            .and_then(|name| state.repository(&name))
            .map(|r| r.id);
        state
            .check_runs
            .values()
            .filter(move |run| Some(run.repository) == id)
    };
    match until {
        Until::ChecksCompleted { repo, count } => {
            of_repo(repo).count() >= *count && of_repo(repo).all(|run| run.conclusion.is_some())
        }
        Until::Check { repo, name, is } => of_repo(repo).any(|run| {
            run.name == *name
                && (run.status.as_str() == is || run.conclusion.map(Conclusion::as_str) == Some(is))
        }),
        Until::DeliveriesSettled {} => !state
            .deliveries
            .iter()
            .any(|d| matches!(d.outcome, Outcome::Pending | Outcome::Sending)),
        Until::Requests { route, count } => {
            let route = route.parse::<Route>().ok();
            state.history.requests().filter(|r| r.route == route).count() >= *count
        }
        Until::Comment {
            repo,
            number,
            contains,
        } => state.comments.values().any(|comment| {
            let name = state.repo_by_id(comment.repository).name.to_string();
            name == *repo && comment.number == *number && comment.body.contains(contains)
        }),
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Read => Self::Read,
            RoleName::Triage => Self::Triage,
            RoleName::Write => Self::Write,
            RoleName::Maintain => Self::Maintain,
            RoleName::Admin => Self::Admin,
        }
    }
}

impl From<Edit> for PullEdit {
    fn from(edit: Edit) -> Self {
        match edit {
            Edit::Title(title) => Self::Title(title),
            Edit::Label(name) => Self::Label(name),
            Edit::Unlabel(name) => Self::Unlabel(name),
            Edit::ConvertToDraft => Self::ConvertToDraft,
            Edit::ReadyForReview => Self::ReadyForReview,
            Edit::Close => Self::Close,
            Edit::Reopen => Self::Reopen,
        }
    }
}

impl From<FaultName> for Fault {
    fn from(name: FaultName) -> Self {
        match name {
            FaultName::Status(status) => Self::Status(status),
            FaultName::DropAnswerAfterEffect => Self::DropAnswerAfterEffect,
            FaultName::DropBeforeEffect => Self::DropBeforeEffect,
            FaultName::GarbledAnswerAfterEffect => Self::GarbledAnswerAfterEffect,
            FaultName::PrimaryRateLimit { resets_in_secs } => Self::PrimaryRateLimit { resets_in_secs },
            FaultName::SecondaryRateLimit {
                status,
                retry_after_secs,
            } => Self::SecondaryRateLimit {
                status,
                retry_after_secs,
            },
        }
    }
}
