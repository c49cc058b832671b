//! The graph of a run's jobs: which node may be expanded into legs, which leg may start, which must stop.

use crate::conclusion::NeedsResult;
use crate::ids::{JobId, JobKey};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A job of the workflow file, before and after its matrix is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub needs: Vec<JobKey>,
    /// Its legs, once the jobs it needs have ended; `if` and the matrix may read their outputs.
    pub expansion: Option<Expansion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expansion {
    /// In the matrix's order; one for a job without a matrix, and one when the whole job is skipped.
    pub legs: Vec<JobId>,
    pub fail_fast: bool,
    pub max_parallel: Option<u32>,
}

/// What the graph needs to know of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegStatus {
    /// Held back by `max-parallel`.
    Waiting {
        since: UnixMillis,
    },
    /// Its present attempt was queued then.
    Active {
        since: UnixMillis,
    },
    Finished {
        result: NeedsResult,
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
    let mut steps = Vec::new();
    for (key, node) in nodes {
        match &node.expansion {
            Some(expansion) => steps.extend(within(expansion, legs)),
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
    let results: Option<Vec<_>> = expansion
        .legs
        .iter()
        .map(|id| match legs.get(id) {
            Some(LegStatus::Finished { result, .. }) => Some(*result),
            _ => None,
        })
        .collect();
    results.map(NeedsResult::of_legs)
}

/// Whether every node is expanded and every leg finished.
#[must_use]
pub fn is_finished(nodes: &BTreeMap<JobKey, Node>, legs: &BTreeMap<JobId, LegStatus>) -> bool {
    nodes.keys().all(|key| result(nodes, legs, key).is_some())
}

/// The nodes that need `key`, directly or through others.
#[must_use]
pub fn dependents(nodes: &BTreeMap<JobKey, Node>, key: &JobKey) -> Vec<JobKey> {
    let mut found: Vec<JobKey> = vec![key.clone()];
    let mut next = 0;
    while next < found.len() {
        let current = found[next].clone();
        for (candidate, node) in nodes {
            if node.needs.contains(&current) && !found.contains(candidate) {
                found.push(candidate.clone());
            }
        }
        next += 1;
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    fn failed(at: u64) -> LegStatus {
        LegStatus::Finished {
            result: NeedsResult::Failure,
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
