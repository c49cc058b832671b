//! The contexts of expressions that are known before a job starts, with GitHub's names.
//!
//! Source: GitHub docs, "Contexts". Where ours differ is in `docs/workflow-syntax.md`.

use crate::model::Workflow;
use crate::text::number_text;
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{
    EndedRun, Event, EventKind, GitRef, IssueComment, MergeGroup, Origin, PullRequest, Push, Release,
    Repository, Subject, WorkflowDispatch,
};
use checkmill_core::{AccountId, AttemptNumber, CallKey, CommitSha, JobKey, Login, RunId};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// What the `github` context is made of.
#[derive(Debug, Clone, Copy)]
pub struct RunContext<'a> {
    pub event: &'a Event,
    /// The commit that the run is about.
    pub sha: &'a CommitSha,
    pub workflow: &'a Workflow,
    pub run: &'a RunId,
    /// Which run of its file it is; `github.run_number` is empty without.
    pub number: Option<u64>,
    pub attempt: AttemptNumber,
    /// Who asked for this attempt; who caused the event where nobody did.
    pub triggering_actor: &'a Login,
    /// Whether its jobs get what people keep for the repository.
    pub has_secrets: bool,
    /// GitHub's REST API, such as `https://api.github.com`.
    pub api_url: &'a str,
    /// The `inputs` context, from [`crate::inputs()`].
    pub inputs: &'a Map<String, Json>,
}

/// How a job that another one needs has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsJob {
    pub result: NeedsResult,
    /// Of a matrix: those of all legs together, later legs winning. None of a job that calls a workflow: they are made of
    /// those of its jobs.
    pub outputs: BTreeMap<String, String>,
    /// Of a job that called a workflow, in the order of its legs.
    pub calls: Vec<CallKey>,
}

/// The `github` context. It holds no token: the agent adds it, with what only the machine knows.
#[must_use]
pub fn github_context(run: &RunContext<'_>) -> Map<String, Json> {
    let event = run.event;
    let repository = &event.repository;
    let git = refs(event);
    let server = server_url(event);
    let workflow_ref = format!("{}/{}@{}", repository.name, run.workflow.path(), git.full);
    let graphql = match run.api_url.strip_suffix("/v3") {
        Some(enterprise) => format!("{enterprise}/graphql"),
        None => format!("{}/graphql", run.api_url),
    };
    let id = |id: Option<AccountId>| id.map(|id| id.to_string());
    let mut fields = object(json!({
        "actor": event.sender.as_str(),
        "actor_id": id(event.sender_id),
        "api_url": run.api_url,
        "base_ref": git.base,
        "event": payload(run),
        "event_name": event.name(),
        "graphql_url": graphql,
        "head_ref": git.head,
        "ref": git.full,
        "ref_name": git.name,
        "ref_type": git.kind,
        "repository": repository.name.to_string(),
        "repository_id": repository.id.to_string(),
        "repository_owner": repository.name.owner(),
        "repository_owner_id": id(repository.owner_id),
        "repository_visibility": visibility(repository),
        "repositoryUrl": git_url(&repository.clone_url),
        "run_attempt": run.attempt.to_string(),
        "run_id": run.run.as_str(),
        "run_number": run.number.map(|number| number.to_string()),
        "secret_source": if run.has_secrets { "Actions" } else { "None" },
        "server_url": server,
        "sha": run.sha.as_str(),
        "triggering_actor": run.triggering_actor.as_str(),
        "workflow": run.workflow.name(),
        "workflow_ref": workflow_ref,
        "workflow_sha": run.sha.as_str(),
    }));
    // What is not known is not there, rather than there and null.
    fields.retain(|_, value| !value.is_null());
    fields
}

/// GitHub's word for who sees a repository.
const fn visibility(repository: &Repository) -> &'static str {
    match repository {
        Repository { internal: true, .. } => "internal",
        Repository { private: true, .. } => "private",
        Repository { .. } => "public",
    }
}

/// GitHub docs: `git://github.com/octocat/hello-world.git`.
fn git_url(clone_url: &str) -> String {
    match clone_url.strip_prefix("https://") {
        Some(rest) => format!("git://{rest}"),
        None => clone_url.to_owned(),
    }
}

/// The full ref that an event's jobs check out: `refs/pull/N/head` for a pull request, whose head commit they run.
#[must_use]
pub fn full_ref(event: &Event) -> String {
    refs(event).full
}

/// `vars`, from the policy.
#[must_use]
pub fn vars_context(vars: &BTreeMap<String, String>) -> Map<String, Json> {
    vars.iter()
        .map(|(name, value)| (name.clone(), Json::String(value.clone())))
        .collect()
}

/// `needs`, of the jobs that are needed directly.
pub(crate) fn needs_context(needs: &[JobKey], results: &BTreeMap<JobKey, NeedsJob>) -> Map<String, Json> {
    let known = needs.iter().filter_map(|key| Some((key, results.get(key)?)));
    known.map(ended).collect()
}

/// `jobs`, of a called workflow.
pub(crate) fn jobs_context(results: &BTreeMap<JobKey, NeedsJob>) -> Map<String, Json> {
    results.iter().map(ended).collect()
}

fn ended((key, job): (&JobKey, &NeedsJob)) -> (String, Json) {
    (
        key.to_string(),
        json!({ "result": job.result.as_str(), "outputs": job.outputs }),
    )
}

/// `strategy` of one leg.
pub(crate) fn strategy_context(
    fail_fast: bool,
    index: usize,
    total: usize,
    max_parallel: Option<u32>,
) -> Json {
    json!({
        "fail-fast": fail_fast,
        "job-index": index,
        "job-total": total,
        "max-parallel": max_parallel.map_or(Json::from(total), Json::from),
    })
}

struct Refs {
    full: String,
    name: String,
    kind: &'static str,
    head: String,
    base: String,
}

fn refs(event: &Event) -> Refs {
    let none = String::new;
    let nothing = || Refs {
        full: none(),
        name: none(),
        kind: "branch",
        head: none(),
        base: none(),
    };
    let of = |git_ref: &GitRef| Refs {
        full: git_ref.to_string(),
        name: git_ref.short().to_owned(),
        kind: match git_ref {
            GitRef::Branch(_) => "branch",
            GitRef::Tag(_) => "tag",
        },
        head: none(),
        base: none(),
    };
    match &event.kind {
        EventKind::Push(Push { git_ref, .. })
        | EventKind::WorkflowDispatch(WorkflowDispatch { git_ref, .. })
        | EventKind::MergeGroup(MergeGroup {
            head_ref: git_ref, ..
        }) => of(git_ref),
        EventKind::Release(release) => of(&GitRef::Tag(release.tag.clone())),
        EventKind::Schedule(_) | EventKind::IssueComment(_) | EventKind::WorkflowRun(_) => {
            of(&event.default_branch())
        }
        EventKind::PullRequestTarget(pull) => Refs {
            head: pull.head.git_ref.clone(),
            base: pull.base_ref.clone(),
            ..of(&event.default_branch())
        },
        EventKind::PullRequest(pull) => of_pull_request(pull),
        EventKind::Repository(other) => match &other.subject {
            Subject::DefaultBranch => of(&event.default_branch()),
            Subject::Ref { git_ref } => of(git_ref),
            Subject::Deployed { origin, .. } => match origin {
                Origin::Ref { git_ref } => of(git_ref),
                // GitHub docs: "empty if created with a commit SHA".
                Origin::Unknown | Origin::DefaultBranch => nothing(),
            },
            Subject::PullRequest { pull } => of_pull_request(pull),
        },
        EventKind::CheckRunRerequested(_)
        | EventKind::CheckSuiteRerequested { .. }
        | EventKind::RequestedAction { .. } => nothing(),
    }
}

fn of_pull_request(pull: &PullRequest) -> Refs {
    Refs {
        full: format!("refs/pull/{}/head", pull.number),
        name: format!("{}/head", pull.number),
        kind: "branch",
        head: pull.head.git_ref.clone(),
        base: pull.base_ref.clone(),
    }
}

/// The repository's page without its name.
fn server_url(event: &Event) -> String {
    let page = event.repository.html_url.trim_end_matches('/');
    let name = format!("/{}", event.repository.name);
    page.strip_suffix(&name).unwrap_or(page).to_owned()
}

/// `github.event`: what we keep of GitHub's payload, with its names.
fn payload(of: &RunContext<'_>) -> Json {
    let event = of.event;
    let mut fields = match &event.kind {
        EventKind::Push(push) => push_payload(push),
        EventKind::PullRequest(pull) | EventKind::PullRequestTarget(pull) => {
            pull_request_payload(pull, event)
        }
        EventKind::MergeGroup(group) => object(json!({
            "action": "checks_requested",
            "merge_group": {
                "head_ref": group.head_ref.to_string(),
                "head_sha": group.head_sha.as_str(),
                "base_ref": group.base_ref.to_string(),
                "base_sha": group.base_sha.as_str(),
                "head_commit": { "id": group.head_sha.as_str(), "message": group.message },
            },
        })),
        EventKind::WorkflowDispatch(dispatch) => object(json!({
            // GitHub gives them here as texts, and in `inputs` in their types.
            "inputs": of.inputs.iter().map(|(name, value)| (name.clone(), as_text(value))).collect::<Map<_, _>>(),
            "ref": dispatch.git_ref.to_string(),
            "workflow": dispatch.workflow,
        })),
        EventKind::Schedule(run) => object(json!({
            "schedule": run.timing.cron,
            "workflow": of.workflow.path(),
        })),
        EventKind::Release(release) => release_payload(release),
        EventKind::IssueComment(comment) => issue_comment_payload(comment),
        EventKind::WorkflowRun(ended) => workflow_run_payload(ended, event),
        EventKind::Repository(other) => serde_json::from_str(&other.payload).unwrap_or_default(),
        EventKind::CheckRunRerequested(_)
        | EventKind::CheckSuiteRerequested { .. }
        | EventKind::RequestedAction { .. } => Map::new(),
    };
    let repository = &event.repository;
    fields.extend(object(json!({
        "installation": { "id": event.installation.0 },
        "repository": {
            "id": repository.id.0,
            "name": repository.name.name(),
            "full_name": repository.name.to_string(),
            "owner": account(repository.name.owner(), repository.owner_id),
            "private": repository.private,
            "visibility": visibility(repository),
            "default_branch": repository.default_branch,
            "clone_url": repository.clone_url,
            "html_url": repository.html_url,
        },
        "sender": account(event.sender.as_str(), event.sender_id),
    })));
    Json::Object(fields)
}

fn account(login: &str, id: Option<AccountId>) -> Json {
    match id {
        Some(id) => json!({ "login": login, "id": id.0 }),
        None => json!({ "login": login }),
    }
}

/// GitHub: "no commit" in `before` and `after`.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

fn push_payload(push: &Push) -> Map<String, Json> {
    let sha = |sha: &Option<CommitSha>| sha.as_ref().map_or(NO_COMMIT, CommitSha::as_str).to_owned();
    let head = push
        .after
        .as_ref()
        .map(|after| json!({ "id": after.as_str(), "message": push.message }));
    object(json!({
        "ref": push.git_ref.to_string(),
        "before": sha(&push.before),
        "after": sha(&push.after),
        "created": push.before.is_none(),
        "deleted": push.after.is_none(),
        "forced": push.forced,
        "head_commit": head,
    }))
}

fn pull_request_payload(pull: &PullRequest, event: &Event) -> Map<String, Json> {
    let labels: Vec<Json> = pull.labels.iter().map(|name| json!({ "name": name })).collect();
    let head_repository = pull.head.repository.as_ref().map(|name| {
        json!({ "full_name": name.to_string(), "fork": event.is_from_fork(), "owner": { "login": name.owner() } })
    });
    object(json!({
        "action": pull.action,
        "number": pull.number,
        "pull_request": {
            "number": pull.number,
            "title": pull.title,
            "draft": pull.draft,
            "user": { "login": pull.author.as_str() },
            "labels": labels,
            "head": { "ref": pull.head.git_ref, "sha": pull.head.sha.as_str(), "repo": head_repository },
            "base": {
                "ref": pull.base_ref,
                "sha": pull.base_sha.as_str(),
                "repo": { "full_name": event.repository.name.to_string() },
            },
        },
    }))
}

fn release_payload(release: &Release) -> Map<String, Json> {
    object(json!({
        "action": release.action,
        "release": {
            "id": release.id,
            "tag_name": release.tag,
            "name": release.name,
            "body": release.body,
            "target_commitish": release.target,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "author": { "login": release.author.as_str() },
            "html_url": release.html_url,
        },
    }))
}

fn issue_comment_payload(of: &IssueComment) -> Map<String, Json> {
    let IssueComment {
        action,
        issue,
        comment,
    } = of;
    let labels: Vec<Json> = issue.labels.iter().map(|name| json!({ "name": name })).collect();
    let mut payload = object(json!({
        "action": action,
        "issue": {
            "number": issue.number,
            "title": issue.title,
            "state": issue.state,
            "user": { "login": issue.author.as_str() },
            "labels": labels,
            "html_url": issue.html_url,
        },
        "comment": {
            "id": comment.id,
            "body": comment.body,
            "user": { "login": comment.author.as_str() },
            "author_association": comment.association,
            "html_url": comment.html_url,
        },
    }));
    // Of an issue that is none, GitHub sends no such field: a condition asks for it.
    if issue.is_pull_request
        && let Some(Json::Object(fields)) = payload.get_mut("issue")
    {
        fields.insert("pull_request".to_owned(), json!({ "html_url": issue.html_url }));
    }
    payload
}

fn workflow_run_payload(ended: &EndedRun, event: &Event) -> Map<String, Json> {
    let pulls = ended.pull_request.map(|number| json!({ "number": number }));
    let head = ended.head_repository.as_ref();
    let head = head.map(|name| {
        json!({
            "full_name": name.to_string(),
            "fork": *name != event.repository.name,
            "owner": { "login": name.owner() },
        })
    });
    object(json!({
        "action": "completed",
        "workflow": { "name": ended.workflow_name, "path": ended.workflow_path },
        "workflow_run": {
            "id": ended.run.as_str(),
            "name": ended.workflow_name,
            "path": ended.workflow_path,
            "display_title": ended.title.as_ref().unwrap_or(&ended.workflow_name),
            "event": ended.event,
            "status": "completed",
            "conclusion": ended.conclusion,
            "head_branch": ended.head_branch,
            "head_sha": ended.head_sha.as_str(),
            "head_repository": head,
            "actor": { "login": ended.actor.as_str() },
            "triggering_actor": { "login": ended.actor.as_str() },
            "pull_requests": pulls.into_iter().collect::<Vec<_>>(),
        },
    }))
}

fn as_text(value: &Json) -> Json {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.as_f64().map_or_else(|| number.to_string(), number_text),
        other => other.to_string(),
    };
    Json::String(text)
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}
