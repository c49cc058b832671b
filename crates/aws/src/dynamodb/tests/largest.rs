//! The largest rows that the limits allow, against the size that DynamoDB takes.

use super::fixtures::{REPOSITORY, event_of, key, run};
use crate::dynamodb::{groups, item, runs};
use checkmill_core::concurrency::{Concurrency, Queueing};
use checkmill_core::event::{
    Comment, EventKind, Issue, IssueComment, PullRequest, PullRequestHead, RepositoryEvent,
    RepositoryEventName, Subject,
};
use checkmill_core::graph::{Expansion, Node};
use checkmill_core::group::{Claimant, Group, Place};
use checkmill_core::limits::{
    BODY_CHARS, CANCELLED_CALLS, CANCELLED_DETAIL_CHARS, ENVIRONMENTS, ENVIRONMENTS_BYTES,
    EVENT_PAYLOAD_BYTES, GRAPH_BYTES, GROUP_NAME_CHARS, GROUP_PENDING, GROUP_TITLE_CHARS, RUN_JOBS,
    TITLE_CHARS, VARS_BYTES,
};
use checkmill_core::policy::EnvironmentRule;
use checkmill_core::run::Cancelled;
use checkmill_core::{AttemptNumber, JobId, JobKey, Millis, Run};
use std::collections::BTreeMap;

/// A run whose event and policy are as large as they can be, and which has these nodes, all asked to run again.
fn full_run(nodes: BTreeMap<JobKey, Node>) -> Run {
    let event = EventKind::IssueComment(IssueComment {
        action: "created".to_owned(),
        issue: Issue {
            number: 1,
            title: "𝔊".repeat(TITLE_CHARS),
            state: "open".to_owned(),
            author: "ann".parse().unwrap(),
            // GitHub docs: 100 labels of 50 characters.
            labels: vec!["𝔊".repeat(50); 100],
            is_pull_request: true,
            html_url: "https://github.com/octocat/hello/pull/1".to_owned(),
        },
        comment: Comment {
            id: 1,
            body: "𝔊".repeat(BODY_CHARS),
            author: "ann".parse().unwrap(),
            association: "OWNER".to_owned(),
            html_url: "https://github.com/octocat/hello/pull/1#issuecomment-1".to_owned(),
        },
    });
    let mut run = Run {
        event: event_of("d-1", event),
        ..run("d-1")
    };
    let var = |n: usize| (format!("NAME_{n:03}"), "v".repeat(VARS_BYTES / 500 - 8));
    run.policy.vars = (0..500).map(var).collect();
    let rule = EnvironmentRule {
        branches: Some(vec!["b".repeat(ENVIRONMENTS_BYTES / ENVIRONMENTS - 8)]),
        tags: None,
    };
    let environment = |n: usize| (format!("name_{n:03}"), rule.clone());
    run.policy.environments = (0..ENVIRONMENTS).map(environment).collect();
    let legs = nodes
        .values()
        .flat_map(|node| &node.expansion)
        .flat_map(|expansion| &expansion.legs);
    let cancelled = |_| Cancelled {
        call: Some("k".repeat(100).parse().unwrap()),
        begun: true,
        detail: "𝔊".repeat(CANCELLED_DETAIL_CHARS),
        at: super::world::START,
    };
    run.cancelled = (0..CANCELLED_CALLS).map(cancelled).collect();
    run.concurrency = Some(wants());
    run.asked = legs.map(|leg| (leg.clone(), AttemptNumber(100))).collect();
    run.nodes = nodes;
    run
}

/// A group of the longest name.
fn wants() -> Concurrency {
    Concurrency {
        group: "𝔊".repeat(GROUP_NAME_CHARS),
        cancel_in_progress: true,
        queue: Queueing::Single,
    }
}

/// All that can wait do, and one that replaces them has not told them yet.
#[test]
fn the_largest_concurrency_group_fits_its_row() {
    let title = "𝔊".repeat(GROUP_TITLE_CHARS);
    let place = |n: usize, queue| {
        let call = format!("{}.{n:08x}", "k".repeat(90)).parse().unwrap();
        let claimant = Claimant::Call {
            run: run("d-1").id,
            call,
        };
        let wants = Concurrency { queue, ..wants() };
        Place::new(claimant, &title, &wants, super::world::START + Millis(n as u64))
    };
    let mut group = Group::new(REPOSITORY, &wants().group);
    for n in 0..=GROUP_PENDING {
        group = group.ask(&place(n, Queueing::Max), false).0.unwrap();
    }
    group = group
        .ask(&place(GROUP_PENDING + 1, Queueing::Single), false)
        .0
        .unwrap();
    assert_eq!((group.pending.len(), group.lost.len()), (1, GROUP_PENDING));
    for n in 0..GROUP_PENDING - 1 {
        group = group
            .ask(&place(GROUP_PENDING + 2 + n, Queueing::Max), false)
            .0
            .unwrap();
    }
    let bytes = item::check_size(&groups::row(&group, super::world::START).unwrap()).unwrap();
    assert!(bytes > 250_000, "it is a large one: {bytes}");
}

fn bytes(run: &Run) -> usize {
    item::check_size(&runs::row(run, super::world::START).unwrap()).unwrap()
}

/// One leg each. `checkmill-workflow` and `phases::evaluate` count the keys and needs against [`GRAPH_BYTES`].
#[test]
fn the_largest_graph_fits_the_row_of_its_run() {
    // The shortest names, since each need costs a byte beside its name.
    let name = |n: usize| key(&format!("j{n:03}"));
    let needs = (GRAPH_BYTES / 4 - RUN_JOBS) / RUN_JOBS;
    let node = |n: usize| {
        let expansion = Expansion {
            legs: vec![JobId::derive(&run("d-1").id, &name(n), "")],
            calls: Vec::new(),
            concurrency: BTreeMap::new(),
            fail_fast: true,
            max_parallel: Some(256),
        };
        let needs = (0..needs).map(|at| name((n + at) % RUN_JOBS)).collect();
        (
            name(n),
            Node {
                needs,
                expansion: Some(expansion),
            },
        )
    };
    let mut largest = full_run((0..RUN_JOBS).map(node).collect());
    assert!(
        bytes(&largest) > 300_000,
        "it is a large one: {}",
        bytes(&largest)
    );
    largest.event.kind = full_review();
    assert!(bytes(&largest) > 300_000, "so is this: {}", bytes(&largest));
}

/// The event with a payload that has the most beside it.
fn full_review() -> EventKind {
    EventKind::Repository(RepositoryEvent {
        name: RepositoryEventName::PullRequestReviewComment,
        action: Some("created".to_owned()),
        subject: Subject::PullRequest {
            pull: PullRequest {
                action: "created".to_owned(),
                number: 1,
                title: "𝔊".repeat(TITLE_CHARS),
                author: "ann".parse().unwrap(),
                draft: false,
                labels: vec!["𝔊".repeat(50); 100],
                head: PullRequestHead {
                    git_ref: "b".repeat(250),
                    sha: run("d-1").sha,
                    repository: None,
                },
                base_ref: "b".repeat(250),
                base_sha: run("d-1").sha,
            },
        },
        payload: "p".repeat(EVENT_PAYLOAD_BYTES),
    })
}

/// Half of the nodes call a workflow of one job each, under the longest keys.
#[test]
fn the_largest_graph_of_calls_fits_the_row_of_its_run() {
    let pairs = RUN_JOBS / 2;
    let length = GRAPH_BYTES / RUN_JOBS - 8;
    let caller = |n: usize| format!("k{n:03}{}", "k".repeat(length - 4));
    let pair = |n: usize| {
        let called = key(&format!("{}/test", caller(n)));
        let expansion = |legs, calls| {
            Some(Expansion {
                legs,
                calls,
                concurrency: BTreeMap::new(),
                fail_fast: true,
                max_parallel: Some(256),
            })
        };
        let leg = JobId::derive(&run("d-1").id, &called, "");
        let calling = Node {
            needs: Vec::new(),
            expansion: expansion(Vec::new(), called.call().into_iter().collect()),
        };
        let job = Node {
            needs: Vec::new(),
            expansion: expansion(vec![leg], Vec::new()),
        };
        [(key(&caller(n)), calling), (called, job)]
    };
    let largest = full_run((0..pairs).flat_map(pair).collect());
    let bytes = bytes(&largest);
    assert!(bytes > 250_000, "it is a large one: {bytes}");
}
