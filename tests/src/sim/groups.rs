//! Concurrency groups in memory, and what must hold of them at every write: what runs has its places, and keeps them.

use checkmill_core::group::Claimant;
use checkmill_core::{CallKey, Group, GroupId, Job, JobState, RepositoryId, Run};
use std::collections::BTreeMap;

pub(super) type Groups = BTreeMap<(RepositoryId, GroupId), Group>;

/// The places that a job needs.
fn needs(run: &Run, job: &Job) -> Vec<(GroupId, Claimant)> {
    let of_run = run.concurrency.iter().map(|wants| {
        let id = run.id.clone();
        (wants.id(), Claimant::Run { id })
    });
    let calls = std::iter::successors(job.key.call(), |call| call.caller().call());
    let of_call = |call: CallKey| {
        let caller = run
            .nodes
            .get(&call.caller())
            .and_then(|node| node.expansion.as_ref());
        let wanted = caller.and_then(|expansion| expansion.concurrency.get(&call));
        wanted.into_iter().flatten().map(move |wants| {
            let (run, call) = (run.id.clone(), call.clone());
            (wants.id(), Claimant::Call { run, call })
        })
    };
    let of_job = job.concurrency.iter().map(|wants| {
        let id = job.id.clone();
        (wants.id(), Claimant::Job { id })
    });
    of_run.chain(calls.flat_map(of_call)).chain(of_job).collect()
}

const fn runs(job: &Job) -> bool {
    matches!(job.state, JobState::Submitted { .. } | JobState::Running { .. })
}

/// Which place a job lacks that is about to run.
pub(super) fn runs_without_its_place(groups: &Groups, run: &Run, next: &Job) -> Option<String> {
    if !runs(next) {
        return None;
    }
    let repository = run.event.repository.id;
    let held = |id: &GroupId, claimant: &Claimant| {
        let group = groups.get(&(repository, id.clone()));
        group.is_some_and(|group| group.is_held_by(claimant))
    };
    let lacks = needs(run, next)
        .into_iter()
        .find(|(id, claimant)| !held(id, claimant))?;
    Some(format!(
        "{} is {} without the place of {:?}",
        next.id,
        next.state.name(),
        lacks.1
    ))
}

/// Whose place this write takes away although it runs.
pub(super) fn taken_from_what_runs<'a>(
    stored: Option<&Group>,
    next: &Group,
    mut jobs: impl Iterator<Item = (&'a Run, &'a Job)>,
) -> Option<String> {
    let holder = &stored?.holder.as_ref()?.claimant;
    if next.is_held_by(holder) {
        return None;
    }
    let lost = (next.id.clone(), holder.clone());
    let (_, job) = jobs.find(|(run, job)| runs(job) && needs(run, job).contains(&lost))?;
    Some(format!(
        "the place of {holder:?} in {} was taken while {} runs",
        next.name, job.id
    ))
}
