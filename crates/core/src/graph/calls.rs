//! The calls of a job that calls a workflow: their jobs, which of them must wait, and which must stop.

use super::{Advance, Expansion, LegStatus, Node, result};
use crate::conclusion::NeedsResult;
use crate::ids::{CallKey, JobId, JobKey};
use crate::time::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

type Nodes = BTreeMap<JobKey, Node>;
type Legs = BTreeMap<JobId, LegStatus>;

/// The jobs of a call, without those of the calls that they make.
pub(super) fn jobs_of<'n>(nodes: &'n Nodes, call: &CallKey) -> impl Iterator<Item = &'n JobKey> + use<'n> {
    let beginning = format!("{call}/");
    let from = nodes.range::<str, _>((Bound::Included(beginning.as_str()), Bound::Unbounded));
    from.map(|(key, _)| key)
        .take_while({
            let beginning = beginning.clone();
            move |key| key.as_str().starts_with(&beginning)
        })
        .filter(move |key| !key.as_str()[beginning.len()..].contains('/'))
}

/// The legs of all jobs of a call, those of the calls that they make among them.
fn legs_of<'n>(nodes: &'n Nodes, call: &CallKey) -> Vec<&'n JobId> {
    let expansions = jobs_of(nodes, call).filter_map(|key| nodes.get(key)?.expansion.as_ref());
    let mut legs = Vec::new();
    for expansion in expansions {
        legs.extend(&expansion.legs);
        legs.extend(expansion.calls.iter().flat_map(|call| legs_of(nodes, call)));
    }
    legs
}

fn has_begun(nodes: &Nodes, call: &CallKey) -> bool {
    jobs_of(nodes, call).any(|key| nodes.get(key).is_some_and(|node| node.expansion.is_some()))
}

fn has_ended(nodes: &Nodes, legs: &Legs, call: &CallKey) -> bool {
    jobs_of(nodes, call).all(|key| result(nodes, legs, key).is_some())
}

/// When the newest failure of a call's jobs was.
fn failed_at(nodes: &Nodes, legs: &Legs, call: &CallKey) -> Option<UnixMillis> {
    let failed = |id: &JobId| match legs.get(id) {
        Some(LegStatus::Finished {
            result: NeedsResult::Failure,
            at,
            ..
        }) => Some(*at),
        _ => None,
    };
    legs_of(nodes, call).into_iter().filter_map(failed).max()
}

/// The calls whose jobs may not begin yet: `max-parallel` of the job that calls has no place for them.
///
/// Once one has failed under `fail-fast`, there is a place for all of them: [`doom`] ends them before they run.
pub(super) fn held_back(nodes: &Nodes, legs: &Legs) -> BTreeSet<CallKey> {
    let mut held = BTreeSet::new();
    for expansion in nodes.values().filter_map(|node| node.expansion.as_ref()) {
        let Some(max) = expansion.max_parallel.filter(|_| !expansion.calls.is_empty()) else {
            continue;
        };
        let failed = || {
            expansion
                .calls
                .iter()
                .any(|call| failed_at(nodes, legs, call).is_some())
        };
        if expansion.fail_fast && failed() {
            continue;
        }
        let (begun, new): (Vec<&CallKey>, Vec<&CallKey>) =
            expansion.calls.iter().partition(|call| has_begun(nodes, call));
        let active = begun.into_iter().filter(|call| !has_ended(nodes, legs, call));
        let places = (max.max(1) as usize).saturating_sub(active.count());
        held.extend(new.into_iter().skip(places).cloned());
    }
    held
}

/// The legs that must stop because another call of the same job has failed since they were queued.
pub(super) fn fail_fast(nodes: &Nodes, legs: &Legs, expansion: &Expansion) -> Vec<Advance> {
    if !expansion.fail_fast || expansion.calls.len() < 2 {
        return Vec::new();
    }
    let failures: Vec<Option<UnixMillis>> = expansion
        .calls
        .iter()
        .map(|call| failed_at(nodes, legs, call))
        .collect();
    let mut steps = Vec::new();
    for (at, call) in expansion.calls.iter().enumerate() {
        let others = failures.iter().enumerate().filter(|(other, _)| *other != at);
        let Some(failed) = others.filter_map(|(_, failed)| *failed).max() else {
            continue;
        };
        let is_doomed = |id: &&JobId| match legs.get(*id) {
            Some(LegStatus::Waiting { since } | LegStatus::Active { since }) => failed >= *since,
            _ => false,
        };
        let doomed = legs_of(nodes, call).into_iter().filter(is_doomed);
        steps.extend(doomed.cloned().map(Advance::FailFast));
    }
    steps
}

/// What another call's failure means for a job that is about to be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// Its call has not begun, and never will: the job ends before it runs.
    Call,
    /// Its call was stopped by a failure of then, while it ran: the job runs only where its `if` asks for that.
    Job { failed: UnixMillis },
}

/// Whether another call of a job that calls this one's workflow has failed under `fail-fast`, at any level.
///
/// A call that somebody runs again afterwards is not stopped by the failure of before: a job of it is at a later attempt, by
/// `is_again`, and was queued later.
#[must_use]
pub fn doom(nodes: &Nodes, legs: &Legs, key: &JobKey, is_again: impl Fn(&JobId) -> bool) -> Option<Doom> {
    let calls = std::iter::once(key.clone()).chain(key.callers());
    calls.filter_map(|key| key.call()).find_map(|call| {
        let expansion = nodes.get(&call.caller())?.expansion.as_ref()?;
        let others = expansion.calls.iter().filter(|other| **other != call);
        let failed = others.filter_map(|other| failed_at(nodes, legs, other)).max();
        let failed = failed.filter(|_| expansion.fail_fast)?;
        let is_newer = |id: &JobId| match legs.get(id) {
            Some(
                LegStatus::Waiting { since }
                | LegStatus::Active { since }
                | LegStatus::Finished { since, .. },
            ) => *since > failed && is_again(id),
            None => false,
        };
        match has_begun(nodes, &call) {
            false => Some(Doom::Call),
            true if legs_of(nodes, &call).into_iter().any(is_newer) => None,
            true => Some(Doom::Job { failed }),
        }
    })
}

/// The jobs with legs whose outputs the expressions of `key` may read: those that it needs; those that a job which calls its
/// workflow needs; and in place of one that calls a workflow itself, all jobs of that one, and what it needs.
#[must_use]
pub fn sources(nodes: &Nodes, key: &JobKey) -> BTreeSet<JobKey> {
    let mut sources = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<JobKey> = std::iter::once(key.clone()).chain(key.callers()).collect();
    while let Some(next) = open.pop() {
        let Some(node) = nodes.get(&next).filter(|_| seen.insert(next)) else {
            continue;
        };
        for need in &node.needs {
            let called = calls_below(nodes, need);
            if called.is_empty() {
                sources.insert(need.clone());
            } else {
                open.push(need.clone());
            }
            for job in called {
                match calls_below(nodes, &job).is_empty() {
                    true => sources.insert(job),
                    false => {
                        open.push(job);
                        false
                    }
                };
            }
        }
    }
    sources
}

/// All jobs of the workflows that a job calls, directly and through others.
fn calls_below(nodes: &Nodes, key: &JobKey) -> Vec<JobKey> {
    let calls = nodes.get(key).and_then(|node| node.expansion.as_ref());
    let mut below = Vec::new();
    for call in calls.map_or(&[][..], |expansion| &expansion.calls) {
        for job in jobs_of(nodes, call) {
            below.push(job.clone());
            below.extend(calls_below(nodes, job));
        }
    }
    below
}
