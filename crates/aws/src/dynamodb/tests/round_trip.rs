//! Whatever the job model holds comes back as it was written.

use super::fixtures::{event_of, expanded, handle, job, legs, run, sha};
use super::world::START;
use crate::dynamodb::item::{Item, decode, encode};
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::event::{
    ButtonAction, CheckRef, Comment, EndedRun, EventKind, GitRef, Issue, IssueComment, Origin, PullRequest,
    PullRequestHead, Push, Release, RepositoryEvent, RepositoryEventName, ScheduledRun, Subject,
    WorkflowDispatch,
};
use checkmill_core::job::Stop;
use checkmill_core::policy::{Access, TokenPermissions};
use checkmill_core::run::Trust;
use checkmill_core::schedule::Timing;
use checkmill_core::{AttemptNumber, CheckRunId, End, JobState, Millis, Reason, RepositoryId, UnixMillis};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;

fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let mut item = Item::from([("x".to_owned(), encode(value).unwrap())]);
    assert_eq!(decode::<T>(&mut item, "x").unwrap(), *value);
}

#[test]
fn events_of_every_kind() {
    let check = CheckRef {
        id: CheckRunId(u64::MAX),
        head_sha: sha(),
        job: Some(job(&run("d-1"), "").id),
    };
    for kind in [
        EventKind::Push(Push {
            git_ref: GitRef::Tag("v1".to_owned()),
            before: Some(sha()),
            after: None,
            forced: true,
            first: Some(sha()),
            message: "déjà vu\n\0".to_owned(),
        }),
        EventKind::PullRequest(PullRequest {
            action: "opened".to_owned(),
            number: 1,
            title: String::new(),
            author: "dependabot[bot]".parse().unwrap(),
            draft: false,
            labels: vec![String::new(), "bug".to_owned()],
            head: PullRequestHead {
                git_ref: "patch-1".to_owned(),
                sha: sha(),
                repository: None,
            },
            base_ref: "main".to_owned(),
            base_sha: sha(),
        }),
        EventKind::Release(Release {
            action: "published".to_owned(),
            id: 1,
            tag: "v1".to_owned(),
            name: String::new(),
            body: "a\nb".to_owned(),
            target: "main".to_owned(),
            draft: false,
            prerelease: true,
            author: "ann".parse().unwrap(),
            html_url: String::new(),
        }),
        EventKind::IssueComment(IssueComment {
            action: "created".to_owned(),
            issue: Issue {
                number: 1,
                title: String::new(),
                state: "open".to_owned(),
                author: "ann".parse().unwrap(),
                labels: vec![],
                is_pull_request: true,
                html_url: String::new(),
            },
            comment: Comment {
                id: 2,
                body: "/deploy".to_owned(),
                author: "bob".parse().unwrap(),
                association: "NONE".to_owned(),
                html_url: String::new(),
            },
        }),
        EventKind::WorkflowRun(EndedRun::of(&run("d-1"), "success")),
        EventKind::Repository(RepositoryEvent {
            name: RepositoryEventName::RepositoryDispatch,
            action: Some("go".to_owned()),
            subject: Subject::DefaultBranch,
            payload: r#"{"client_payload":{}}"#.to_owned(),
        }),
        EventKind::Repository(RepositoryEvent {
            name: RepositoryEventName::Deployment,
            action: None,
            subject: Subject::Deployed {
                sha: sha(),
                written: "main".to_owned(),
                origin: Origin::Ref {
                    git_ref: GitRef::Branch("main".to_owned()),
                },
            },
            payload: "{}".to_owned(),
        }),
        EventKind::Schedule(ScheduledRun {
            timing: Timing {
                cron: "0 0 * * *".to_owned(),
                timezone: None,
            },
            at: START,
        }),
        EventKind::CheckRunRerequested(CheckRef {
            job: None,
            ..check.clone()
        }),
        EventKind::CheckSuiteRerequested { head_sha: sha() },
        EventKind::RequestedAction {
            action: ButtonAction::Approve,
            check,
        },
        EventKind::WorkflowDispatch(WorkflowDispatch {
            workflow: "deploy.yml".to_owned(),
            git_ref: GitRef::Branch("main".to_owned()),
            sha: None,
            inputs: BTreeMap::from([("level".to_owned(), String::new())]),
        }),
    ] {
        assert_round_trip(&event_of("d-1", kind));
    }
}

#[test]
fn runs_with_and_without_jobs() {
    let mut first = run("d-1");
    assert_round_trip(&first);
    first.trust = Trust::ForkApproved {
        by: "octocat".parse().unwrap(),
        at: START,
    };
    first.event.repository.id = RepositoryId(u64::MAX);
    first.policy.permissions = TokenPermissions(BTreeMap::from([("contents".to_owned(), Access::Write)]));
    first.policy.vars = BTreeMap::from([("null".to_owned(), "NULL".to_owned())]);
    assert_round_trip(&expanded(&first, &legs(&first, 256)));
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        Just(Reason::Success),
        Just(Reason::Test),
        Just(Reason::RunTimeout),
        Just(Reason::ApprovalRequired),
        Just(Reason::Cancelled {
            by: CancelledBy::User("octocat".parse().unwrap())
        }),
        Just(Reason::Cancelled {
            by: CancelledBy::FailFast
        }),
    ]
}

fn end() -> impl Strategy<Value = End> {
    (reason(), any::<String>(), any::<Option<i32>>(), any::<u64>()).prop_map(
        |(reason, detail, exit_code, at)| End {
            reason,
            detail,
            exit_code,
            at: UnixMillis(at),
        },
    )
}

fn state() -> impl Strategy<Value = JobState> {
    let since = any::<u64>().prop_map(UnixMillis);
    prop_oneof![
        Just(JobState::Waiting),
        Just(JobState::Queued),
        since.clone().prop_map(|until| JobState::Claimed { until }),
        since.clone().prop_map(|since| JobState::Submitted {
            handle: handle(),
            since
        }),
        since.prop_map(|since| JobState::Running {
            handle: handle(),
            since
        }),
        (any::<bool>(), end()).prop_map(|(has, end)| JobState::Ended {
            handle: has.then(handle),
            end
        }),
        (any::<bool>(), end()).prop_map(|(has, end)| JobState::Concluded {
            handle: has.then(handle),
            end
        }),
    ]
}

proptest! {
    #[test]
    fn jobs_in_every_state(
        state in state(),
        stop in proptest::option::of(reason()),
        early_report in proptest::option::of(end()),
        text in any::<String>(),
        numbers in any::<(u32, u64, Option<u64>, bool)>(),
    ) {
        let mut job = job(&run("d-1"), &text);
        job.runs_on = vec![text.clone(), String::new()];
        job.state = state;
        job.stop = stop.map(|reason| Stop { reason, detail: text, at: UnixMillis(numbers.1) });
        job.early_report = early_report;
        job.attempt = AttemptNumber(numbers.0);
        job.run_timeout = Millis(numbers.1);
        job.check = numbers.2.map(CheckRunId);
        job.check_uncertain = numbers.3;
        job.version = numbers.1;
        assert_round_trip(&job);
    }
}
