//! What `stats --json` prints of a job; the tables are made of the same.

use checkmill_core::history::{Attempted, JobHistory, KnownFailure, Outcome, StepHistory, quantile};
use checkmill_core::retry::RetryCause;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Debug, Serialize)]
pub(super) struct JobReport {
    pub(super) repository: String,
    pub(super) workflow: String,
    /// The job's key in the file.
    pub(super) job: String,
    /// The matrix leg's values as canonical JSON; empty without a matrix.
    leg: String,
    /// The check's name.
    pub(super) name: String,
    /// Ever counted.
    pub(super) attempts: u64,
    success: u64,
    failure: u64,
    infrastructure: u64,
    timeout: u64,
    other: u64,
    /// Failures that passed on the same commit afterwards.
    pub(super) flaky: u64,
    /// Of the recent attempts with a verdict; null where none has one.
    pub(super) failure_percent: Option<usize>,
    pub(super) flaky_percent: Option<usize>,
    /// Half of the recent attempts that passed ran at most this long; null where none passed.
    pub(super) run_ms_p50: Option<u64>,
    pub(super) run_ms_p90: Option<u64>,
    pub(super) queued_ms_p50: Option<u64>,
    backends: BTreeSet<String>,
    machines: BTreeSet<String>,
    /// Oldest first.
    pub(super) recent: Vec<RecentReport>,
    steps: Vec<StepReport>,
    /// The most frequent first.
    pub(super) failures: Vec<FailureReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct RecentReport {
    /// Milliseconds since 1970.
    at: u64,
    outcome: Outcome,
    pub(super) run_ms: Option<u64>,
    queued_ms: u64,
    commit: String,
    r#ref: String,
    backend: String,
    machine: String,
    flaky: bool,
    retried: Option<RetryCause>,
}

#[derive(Debug, Serialize)]
struct StepReport {
    name: String,
    success: u64,
    failure: u64,
    run_ms_p50: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct FailureReport {
    pub(super) step: Option<String>,
    /// The first line that tells the error; numbers, ids and directories replaced.
    pub(super) line: String,
    pub(super) times: u64,
    pub(super) flaky: u64,
    first_at: u64,
    last_at: u64,
    fixed_by: Option<String>,
}

impl JobReport {
    #[must_use]
    pub(super) fn of(history: &JobHistory) -> Self {
        let passed = history
            .recent
            .iter()
            .filter(|known| known.outcome == Outcome::Success);
        let passed: Vec<u64> = passed.filter_map(|known| Some(known.ran?.0)).collect();
        let run_ms = |percent| quantile(passed.iter().copied(), percent).map(|ran| ran.0);
        let queued = history.recent.iter().map(|known| known.queued.0);
        let mut failures: Vec<FailureReport> = history.failures.iter().map(failure).collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.times));
        Self {
            repository: history.job.repository_name.to_string(),
            workflow: history.job.workflow_path.clone(),
            job: history.job.key.to_string(),
            leg: history.job.leg.clone(),
            name: history.job.name.clone(),
            attempts: history.tally.total(),
            success: history.tally.success,
            failure: history.tally.failure,
            infrastructure: history.tally.infrastructure,
            timeout: history.tally.timeout,
            other: history.tally.other,
            flaky: history.tally.flaky,
            failure_percent: history.failure_percent(),
            flaky_percent: history.flaky_percent(),
            run_ms_p50: run_ms(50),
            run_ms_p90: run_ms(90),
            queued_ms_p50: quantile(queued, 50).map(|queued| queued.0),
            backends: of_recent(history, |known| &known.backend),
            machines: of_recent(history, |known| &known.machine),
            recent: history.recent.iter().map(recent).collect(),
            steps: history.steps.iter().map(step).collect(),
            failures,
        }
    }
}

fn of_recent(history: &JobHistory, name: impl Fn(&Attempted) -> &String) -> BTreeSet<String> {
    let names = history.recent.iter().map(name);
    names.filter(|name| !name.is_empty()).cloned().collect()
}

fn recent(known: &Attempted) -> RecentReport {
    RecentReport {
        at: known.at.0,
        outcome: known.outcome,
        run_ms: known.ran.map(|ran| ran.0),
        queued_ms: known.queued.0,
        commit: known.sha.to_string(),
        r#ref: known.place.clone(),
        backend: known.backend.clone(),
        machine: known.machine.clone(),
        flaky: known.flaky,
        retried: known.retried,
    }
}

fn step(known: &StepHistory) -> StepReport {
    StepReport {
        name: known.name.clone(),
        success: known.success,
        failure: known.failure,
        run_ms_p50: quantile(known.durations.iter().copied(), 50).map(|ran| ran.0),
    }
}

fn failure(known: &KnownFailure) -> FailureReport {
    FailureReport {
        step: known.step.clone(),
        line: known.line.clone(),
        times: known.count,
        flaky: known.flaky,
        first_at: known.first_at.0,
        last_at: known.last_at.0,
        fixed_by: known.fixed.as_ref().map(|fix| fix.sha.to_string()),
    }
}
