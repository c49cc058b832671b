//! What GitHub tells.

use crate::{PATH, SHA};
use checkmill_core::event::{
    ButtonAction, CheckRef, EventKind, GitRef, PullRequest, PullRequestHead, Push, Repository,
};
use checkmill_core::{CheckRunId, DeliveryId, Event, InstallationId, JobId, RepositoryId, RunId, UnixMillis};

pub(crate) fn event(delivery: &str, kind: EventKind, sender: &str) -> Box<Event> {
    Box::new(Event {
        delivery: delivery.parse().unwrap(),
        installation: InstallationId(1),
        repository: Repository {
            id: RepositoryId(1),
            name: "octocat/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: "https://github.com/octocat/hello.git".to_owned(),
            html_url: "https://github.com/octocat/hello".to_owned(),
        },
        sender: sender.parse().unwrap(),
        sender_id: None,
        received_at: UnixMillis(1_800_000_000_000),
        kind,
    })
}

pub(crate) fn push() -> Box<Event> {
    let push = Push {
        git_ref: GitRef::Branch("main".to_owned()),
        before: None,
        after: Some(SHA.parse().unwrap()),
        forced: false,
        first: None,
        message: "Change".to_owned(),
    };
    event("push-1", EventKind::Push(push), "octocat")
}

pub(crate) fn pull_request_from_a_fork() -> Box<Event> {
    let pull_request = PullRequest {
        action: "opened".to_owned(),
        number: 7,
        title: "Change".to_owned(),
        author: "stranger".parse().unwrap(),
        draft: false,
        labels: vec![],
        head: PullRequestHead {
            git_ref: "change".to_owned(),
            sha: SHA.parse().unwrap(),
            repository: Some("stranger/hello".parse().unwrap()),
        },
        base_ref: "main".to_owned(),
        base_sha: "1123456789abcdef0123456789abcdef01234567".parse().unwrap(),
    };
    event("pull-1", EventKind::PullRequest(pull_request), "stranger")
}

pub(crate) fn job_of(delivery: &str, key: &str) -> JobId {
    let delivery: DeliveryId = delivery.parse().unwrap();
    JobId::derive(&RunId::derive(&delivery, PATH), &key.parse().unwrap(), "")
}

pub(crate) fn check(job: JobId) -> CheckRef {
    CheckRef {
        id: CheckRunId(1),
        head_sha: SHA.parse().unwrap(),
        job: Some(job),
    }
}

pub(crate) fn cancel(id: &str, by: &str, job: JobId) -> Box<Event> {
    event(
        id,
        EventKind::RequestedAction {
            action: ButtonAction::Cancel,
            check: check(job),
        },
        by,
    )
}

pub(crate) fn approve(id: &str, by: &str) -> Box<Event> {
    let check = check(job_of("pull-1", "build"));
    event(
        id,
        EventKind::RequestedAction {
            action: ButtonAction::Approve,
            check,
        },
        by,
    )
}

pub(crate) fn rerun_failed(id: &str) -> Box<Event> {
    event(
        id,
        EventKind::CheckSuiteRerequested {
            head_sha: SHA.parse().unwrap(),
        },
        "octocat",
    )
}

pub(crate) fn rerun_job(id: &str, key: &str) -> Box<Event> {
    event(
        id,
        EventKind::CheckRunRerequested(check(job_of("push-1", key))),
        "octocat",
    )
}
