//! The graph of a run's jobs: which node may be expanded into legs, which leg may start, which must stop.
//!
//! A job that calls a workflow becomes nodes too: its expansion names the calls, and the jobs of a call are nodes whose keys
//! begin with it. They come into being with that expansion, and go with it when a re-run closes it up.

mod calls;

use crate::conclusion::NeedsResult;
use crate::concurrency::Concurrency;
use crate::ids::{CallKey, JobId, JobKey};
use crate::time::UnixMillis;
use calls::{fail_fast, held_back, jobs_of};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub use calls::{Doom, doom, sources};

/// A job of the workflow file, before and after its matrix is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub needs: Vec<JobKey>,
    /// Its legs, once the jobs it needs have ended; `if` and the matrix may read their outputs.
    pub expansion: Option<Expansion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expansion {
    /// In the matrix's order; one for a job without a matrix, and one when the whole job is skipped. None of a job that calls.
    pub legs: Vec<JobId>,
    /// Of a job that calls a workflow: the call, or one for each leg of the matrix, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallKey>,
    /// The concurrency groups of a call: that of the job which calls, then that of the called workflow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub concurrency: BTreeMap<CallKey, Vec<Concurrency>>,
    pub fail_fast: bool,
    pub max_parallel: Option<u32>,
}

/// What the graph needs to know of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegStatus {
    /// Held back by `max-parallel`.
    Waiting { since: UnixMillis },
    /// Its present attempt was queued then.
    Active { since: UnixMillis },
    Finished {
        result: NeedsResult,
        since: UnixMillis,
        at: UnixMillis,
    },
}

/// One thing to do for the run to move on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advance {
    /// All jobs it needs have ended: evaluate `if` and the matrix.
    Expand(JobKey),
    /// A place under `max-parallel` is free.
    Release(JobId),
    /// Another leg failed and `fail-fast` holds.
    FailFast(JobId),
}

/// What to do now. Doing it twice, or by two workers at once, does no harm: each step is conditional on its own row.
#[must_use]
pub fn advance(nodes: &BTreeMap<JobKey, Node>, legs: &BTreeMap<JobId, LegStatus>) -> Vec<Advance> {
    let held = held_back(nodes, legs);
    let mut steps = Vec::new();
    for (key, node) in nodes {
        match &node.expansion {
            Some(expansion) => {
                steps.extend(within(expansion, legs));
                steps.extend(fail_fast(nodes, legs, expansion));
            }
            None if key.call().is_some_and(|call| held.contains(&call)) => {}
            None if node.needs.iter().all(|need| result(nodes, legs, need).is_some()) => {
                steps.push(Advance::Expand(key.clone()));
            }
            None => {}
        }
    }
    steps
}

/// What to do about the legs of one node.
fn within(expansion: &Expansion, legs: &BTreeMap<JobId, LegStatus>) -> Vec<Advance> {
    let status = |id: &JobId| {
        legs.get(id)
            .copied()
            .unwrap_or(LegStatus::Waiting { since: UnixMillis(0) })
    };
    // A failure stops what was queued before it. One that is older than a re-run of a sibling has nothing to say about it.
    let failed_at = expansion.legs.iter().filter_map(|id| match status(id) {
        LegStatus::Finished {
            result: NeedsResult::Failure,
            at,
            ..
        } => Some(at),
        _ => None,
    });
    let last_failure = failed_at.max().filter(|_| expansion.fail_fast);
    let doomed = |since: UnixMillis| last_failure.is_some_and(|failed| failed >= since);
    let active = expansion
        .legs
        .iter()
        .filter(|id| matches!(status(id), LegStatus::Active { .. }))
        .count();
    let mut places = expansion
        .max_parallel
        .map_or(usize::MAX, |max| max.max(1) as usize)
        .saturating_sub(active);
    let mut steps = Vec::new();
    for id in &expansion.legs {
        match status(id) {
            LegStatus::Waiting { since } | LegStatus::Active { since } if doomed(since) => {
                steps.push(Advance::FailFast(id.clone()));
            }
            LegStatus::Waiting { .. } if places > 0 => {
                places -= 1;
                steps.push(Advance::Release(id.clone()));
            }
            _ => {}
        }
    }
    steps
}

/// The result of a node as its dependents see it; none while it is unfinished.
#[must_use]
pub fn result(
    nodes: &BTreeMap<JobKey, Node>,
    legs: &BTreeMap<JobId, LegStatus>,
    key: &JobKey,
) -> Option<NeedsResult> {
    let expansion = nodes.get(key)?.expansion.as_ref()?;
    let of_legs = expansion.legs.iter().map(|id| match legs.get(id) {
        Some(LegStatus::Finished { result, .. }) => Some(*result),
        _ => None,
    });
    let called = expansion.calls.iter().flat_map(|call| jobs_of(nodes, call));
    let of_calls = called.map(|key| result(nodes, legs, key));
    let results: Option<Vec<_>> = of_legs.chain(of_calls).collect();
    results.map(NeedsResult::of_legs)
}

/// Whether every node is expanded and every leg finished.
#[must_use]
pub fn is_finished(nodes: &BTreeMap<JobKey, Node>, legs: &BTreeMap<JobId, LegStatus>) -> bool {
    nodes.keys().all(|key| result(nodes, legs, key).is_some())
}

/// The nodes that need `key`, directly or through others: those that need a job that calls its workflow, too, and with a job
/// that calls a workflow all jobs of that one.
#[must_use]
pub fn dependents(nodes: &BTreeMap<JobKey, Node>, key: &JobKey) -> Vec<JobKey> {
    let mut found: Vec<JobKey> = vec![key.clone()];
    let mut next = 0;
    while next < found.len() {
        let current = found[next].clone();
        for (candidate, node) in nodes {
            let depends = needs(node, &current) || candidate.callers().any(|caller| caller == current);
            if depends && !found.contains(candidate) {
                found.push(candidate.clone());
            }
        }
        next += 1;
    }
    found.remove(0);
    found
}

/// Whether the end of `ended` is what a node waits for, itself or with a job that calls its workflow.
#[must_use]
pub fn waits_for(nodes: &BTreeMap<JobKey, Node>, key: &JobKey, ended: &JobKey) -> bool {
    let waits = |key: &JobKey| nodes.get(key).is_some_and(|node| needs(node, ended));
    waits(key) || key.callers().any(|caller| waits(&caller))
}

/// Whether a node needs that job, or one that calls its workflow.
fn needs(node: &Node, key: &JobKey) -> bool {
    node.needs.contains(key) || key.callers().any(|caller| node.needs.contains(&caller))
}

/// Closes nodes up, to be expanded once more. The jobs of a workflow that one of them calls go: they come again with it.
pub fn close(nodes: &mut BTreeMap<JobKey, Node>, stale: &BTreeSet<JobKey>) {
    nodes.retain(|key, _| !key.callers().any(|caller| stale.contains(&caller)));
    for key in stale {
        if let Some(node) = nodes.get_mut(key) {
            node.expansion = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    fn failed(at: u64) -> LegStatus {
        LegStatus::Finished {
            result: NeedsResult::Failure,
            since: UnixMillis(at - 1),
            at: UnixMillis(at),
        }
    }

    fn active(since: u64) -> LegStatus {
        LegStatus::Active {
            since: UnixMillis(since),
        }
    }

    fn key(text: &str) -> JobKey {
        text.parse().unwrap()
    }

    fn leg(node: &str, leg: &str) -> JobId {
        let run: RunId = "0123456789abcdef".parse().unwrap();
        JobId::derive(&run, &key(node), leg)
    }

    fn node(needs: &[&str], legs: Option<(&[JobId], bool, Option<u32>)>) -> Node {
        Node {
            needs: needs.iter().map(|n| key(n)).collect(),
            expansion: legs.map(|(legs, fail_fast, max_parallel)| Expansion {
                legs: legs.to_vec(),
                calls: Vec::new(),
                concurrency: BTreeMap::new(),
                fail_fast,
                max_parallel,
            }),
        }
    }

    #[test]
    fn a_node_expands_when_all_it_needs_have_ended() {
        let a = leg("a", "");
        let nodes = BTreeMap::from([
            (key("a"), node(&[], Some((std::slice::from_ref(&a), true, None)))),
            (key("b"), node(&["a"], None)),
            (key("c"), node(&["a", "b"], None)),
        ]);
        let running = BTreeMap::from([(a.clone(), active(1))]);
        assert_eq!(advance(&nodes, &running), []);
        let over = BTreeMap::from([(a, failed(5))]);
        assert_eq!(advance(&nodes, &over), [Advance::Expand(key("b"))]);
        assert_eq!(dependents(&nodes, &key("a")), [key("b"), key("c")]);
        assert!(!is_finished(&nodes, &over));
    }

    #[test]
    fn max_parallel_holds_legs_back_and_releases_them() {
        let legs = ["1", "2", "3"].map(|l| leg("m", l));
        let nodes = BTreeMap::from([(key("m"), node(&[], Some((&legs, false, Some(2)))))]);
        assert_eq!(
            advance(&nodes, &BTreeMap::new()),
            [
                Advance::Release(legs[0].clone()),
                Advance::Release(legs[1].clone())
            ]
        );
        let one_done = BTreeMap::from([(legs[0].clone(), failed(5)), (legs[1].clone(), active(1))]);
        assert_eq!(advance(&nodes, &one_done), [Advance::Release(legs[2].clone())]);
    }

    #[test]
    fn fail_fast_stops_every_unfinished_leg() {
        let legs = ["1", "2", "3"].map(|l| leg("m", l));
        let nodes = BTreeMap::from([(key("m"), node(&[], Some((&legs, true, Some(2)))))]);
        let over = BTreeMap::from([(legs[0].clone(), failed(5)), (legs[1].clone(), active(1))]);
        assert_eq!(
            advance(&nodes, &over),
            [
                Advance::FailFast(legs[1].clone()),
                Advance::FailFast(legs[2].clone())
            ]
        );
    }

    /// `call` runs after `first`, in two calls of the jobs `a` and `b`, of which `b` needs `a`; `last` needs it.
    fn called(fail_fast: bool, max_parallel: Option<u32>) -> BTreeMap<JobKey, Node> {
        let calls = ["1", "2"].map(|leg| CallKey::derive(&key("call"), leg));
        let mut nodes = BTreeMap::from([
            (key("first"), node(&[], Some((&[leg("first", "")], true, None)))),
            (
                key("call"),
                node(&["first"], Some((&[], fail_fast, max_parallel))),
            ),
            (key("last"), node(&["call"], None)),
        ]);
        for call in &calls {
            let of = |own| call.job(&key(own)).unwrap();
            nodes.insert(of("a"), node(&[], None));
            nodes.insert(of("b"), node(&[of("a").as_str()], None));
        }
        let expansion = nodes.get_mut("call").unwrap().expansion.as_mut().unwrap();
        expansion.calls = calls.to_vec();
        nodes
    }

    /// A job of one of the two calls.
    fn of(call: &str, own: &str) -> JobKey {
        CallKey::derive(&key("call"), call).job(&key(own)).unwrap()
    }

    /// Expands a node into one leg of this status.
    fn put(
        nodes: &mut BTreeMap<JobKey, Node>,
        legs: &mut BTreeMap<JobId, LegStatus>,
        key: &JobKey,
        status: LegStatus,
    ) {
        let id = leg(key.as_str(), "");
        nodes.get_mut(key).unwrap().expansion =
            node(&[], Some((std::slice::from_ref(&id), true, None))).expansion;
        legs.insert(id, status);
    }

    fn expands(steps: &[Advance]) -> Vec<JobKey> {
        let key = |step: &Advance| match step {
            Advance::Expand(key) => Some(key.clone()),
            _ => None,
        };
        steps.iter().filter_map(key).collect()
    }

    fn succeeded(at: u64) -> LegStatus {
        LegStatus::Finished {
            result: NeedsResult::Success,
            since: UnixMillis(at - 1),
            at: UnixMillis(at),
        }
    }

    #[test]
    fn the_jobs_of_a_call_are_nodes_and_its_result_is_theirs() {
        let mut nodes = called(false, None);
        let mut legs = BTreeMap::from([(leg("first", ""), succeeded(1))]);
        let roots = BTreeSet::from([of("1", "a"), of("2", "a")]);
        let begun: BTreeSet<JobKey> = expands(&advance(&nodes, &legs)).into_iter().collect();
        assert_eq!(begun, roots);
        put(&mut nodes, &mut legs, &of("1", "a"), failed(3));
        put(&mut nodes, &mut legs, &of("2", "a"), succeeded(4));
        put(&mut nodes, &mut legs, &of("1", "b"), succeeded(5));
        assert_eq!(expands(&advance(&nodes, &legs)), [of("2", "b")]);
        assert_eq!(result(&nodes, &legs, &key("call")), None);
        put(&mut nodes, &mut legs, &of("2", "b"), succeeded(6));
        assert_eq!(result(&nodes, &legs, &key("call")), Some(NeedsResult::Failure));
        assert_eq!(expands(&advance(&nodes, &legs)), [key("last")]);
    }

    #[test]
    fn max_parallel_of_a_job_that_calls_counts_calls() {
        let mut nodes = called(true, Some(1));
        let mut legs = BTreeMap::from([(leg("first", ""), succeeded(1))]);
        assert_eq!(expands(&advance(&nodes, &legs)), [of("1", "a")]);
        put(&mut nodes, &mut legs, &of("1", "a"), succeeded(3));
        assert_eq!(expands(&advance(&nodes, &legs)), [of("1", "b")]);
        put(&mut nodes, &mut legs, &of("1", "b"), active(4));
        assert_eq!(advance(&nodes, &legs), []);
        put(&mut nodes, &mut legs, &of("1", "b"), succeeded(5));
        assert_eq!(doom(&nodes, &legs, &of("2", "a"), |_| false), None);
        assert_eq!(expands(&advance(&nodes, &legs)), [of("2", "a")]);
        // What has no place yet when another one fails never runs.
        put(&mut nodes, &mut legs, &of("1", "b"), failed(5));
        assert_eq!(doom(&nodes, &legs, &of("2", "a"), |_| false), Some(Doom::Call));
        assert_eq!(expands(&advance(&nodes, &legs)), [of("2", "a")]);
    }

    #[test]
    fn a_failed_call_stops_the_others_under_fail_fast() {
        for fail_fast in [true, false] {
            let mut nodes = called(fail_fast, None);
            let mut legs = BTreeMap::from([(leg("first", ""), succeeded(1))]);
            put(&mut nodes, &mut legs, &of("1", "a"), failed(5));
            put(&mut nodes, &mut legs, &of("1", "b"), active(2));
            put(&mut nodes, &mut legs, &of("2", "a"), active(2));
            put(&mut nodes, &mut legs, &of("2", "b"), active(6));
            let stopped = [Advance::FailFast(leg(of("2", "a").as_str(), ""))];
            let expected = if fail_fast { &stopped[..] } else { &[] };
            assert_eq!(advance(&nodes, &legs), expected);
        }
    }

    /// What a stopped call has not begun yet does not begin, until somebody runs it again.
    #[test]
    fn a_failed_call_keeps_the_others_from_going_on() {
        for fail_fast in [true, false] {
            let mut nodes = called(fail_fast, None);
            let mut legs = BTreeMap::from([(leg("first", ""), succeeded(1))]);
            put(&mut nodes, &mut legs, &of("2", "a"), succeeded(3));
            assert_eq!(doom(&nodes, &legs, &of("2", "b"), |_| false), None);
            put(&mut nodes, &mut legs, &of("1", "a"), failed(4));
            let failed_then = UnixMillis(4);
            let stopped = fail_fast.then_some(Doom::Job { failed: failed_then });
            assert_eq!(doom(&nodes, &legs, &of("2", "b"), |_| false), stopped);
            assert_eq!(
                doom(&nodes, &legs, &of("1", "b"), |_| false),
                None,
                "its own failure is no other's"
            );
            // It ran on, and ended after the failure.
            put(&mut nodes, &mut legs, &of("2", "a"), succeeded(5));
            assert_eq!(doom(&nodes, &legs, &of("2", "b"), |_| false), stopped);
            for again in [active(5), succeeded(6), failed(6)] {
                put(&mut nodes, &mut legs, &of("2", "a"), again);
                assert_eq!(doom(&nodes, &legs, &of("2", "b"), |_| true), None, "{again:?}");
                // What always runs was queued later, too, and brings nothing back.
                assert_eq!(doom(&nodes, &legs, &of("2", "b"), |_| false), stopped);
            }
        }
    }

    #[test]
    fn a_rerun_reaches_through_calls() {
        let nodes = called(true, None);
        let of_a = dependents(&nodes, &of("1", "a"));
        assert_eq!(of_a, [of("1", "b"), key("last")]);
        let of_first: BTreeSet<JobKey> = dependents(&nodes, &key("first")).into_iter().collect();
        assert_eq!(of_first.len(), nodes.len() - 1);
        assert!(waits_for(&nodes, &of("1", "a"), &key("first")));
        assert!(waits_for(&nodes, &key("last"), &of("2", "b")));
        assert!(!waits_for(&nodes, &of("1", "b"), &of("2", "a")));

        let mut closed = nodes.clone();
        close(&mut closed, &of_first);
        assert_eq!(
            closed.keys().collect::<Vec<_>>(),
            [&key("call"), &key("first"), &key("last")]
        );
        assert_eq!(closed.get("call").unwrap().expansion, None);
        let mut closed = nodes;
        close(&mut closed, &of_a.into_iter().collect());
        assert_eq!(closed.len(), 7);
        assert!(closed.get("call").unwrap().expansion.is_some());
    }

    #[test]
    fn an_old_failure_does_not_stop_a_leg_that_runs_again() {
        let legs = ["1", "2", "3"].map(|l| leg("m", l));
        let nodes = BTreeMap::from([(key("m"), node(&[], Some((&legs, true, Some(1)))))]);
        let again = BTreeMap::from([
            (legs[0].clone(), failed(5)),
            (legs[1].clone(), LegStatus::Waiting { since: UnixMillis(9) }),
            (legs[2].clone(), active(2)),
        ]);
        assert_eq!(advance(&nodes, &again), [Advance::FailFast(legs[2].clone())]);
        let rerun = BTreeMap::from([
            (legs[0].clone(), failed(5)),
            (legs[1].clone(), LegStatus::Waiting { since: UnixMillis(9) }),
            (legs[2].clone(), failed(6)),
        ]);
        assert_eq!(advance(&nodes, &rerun), [Advance::Release(legs[1].clone())]);
    }
}
