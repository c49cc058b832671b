//! The largest rows that the limits allow, against the size that DynamoDB takes.

use super::fixtures::{event_of, key, run};
use crate::dynamodb::{item, runs};
use checkmill_core::event::{Comment, EventKind, Issue, IssueComment};
use checkmill_core::graph::{Expansion, Node};
use checkmill_core::limits::{BODY_CHARS, GRAPH_BYTES, RUN_JOBS, TITLE_CHARS, VARS_BYTES};
use checkmill_core::{AttemptNumber, JobId, JobKey, Run};
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
    let legs = nodes
        .values()
        .flat_map(|node| &node.expansion)
        .flat_map(|expansion| &expansion.legs);
    run.asked = legs.map(|leg| (leg.clone(), AttemptNumber(100))).collect();
    run.nodes = nodes;
    run
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
    let largest = full_run((0..RUN_JOBS).map(node).collect());
    let bytes = bytes(&largest);
    assert!(bytes > 300_000, "it is a large one: {bytes}");
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
