//! What must hold when the world has come to rest.

use super::backend::{Ending, LOG};
use super::forge::SimCheck;
use super::world::{World, attempt};
use checkmill_core::{Job, JobState, Reason, Run};
use checkmill_github::forge::CheckStatus;
use checkmill_phases::keys;
use std::collections::BTreeMap;

impl World {
    /// Whether every promise was kept.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verdict(&self) -> Result<(), String> {
        let checks = self.forge().checks();
        let jobs: Vec<Job> = self.store().all_jobs();
        if jobs.is_empty() {
            return Err("no job came into being".to_owned());
        }
        if let Some(broken) = self.store().broken().first() {
            return Err(broken.clone());
        }
        for job in &jobs {
            let own: Vec<_> = checks.values().filter(|check| check.job == job.id).collect();
            told_once(job, &own)?;
            self.tells_what_happened(job)?;
            self.log_is_kept(job)?;
        }
        numbered(&self.store().all_runs())?;
        for run in self.store().all_runs() {
            if let Some(job) = jobs.iter().find(|job| run.is_asked_again(job)) {
                return Err(format!("{} was asked for again and did not run", job.id));
            }
            if run.trust.may_run() && run.nodes.values().any(|node| node.expansion.is_none()) {
                return Err(format!("run {} was not expanded to its end", run.id));
            }
        }
        if let Some(key) = self.backend().started_again().first() {
            return Err(format!("{key} was started twice"));
        }
        if self.forge().comments() > self.store().all_runs().len() {
            return Err("a run has two comments".to_owned());
        }
        match self.backend().live().first() {
            Some(key) => Err(format!("{key} still runs on the backend")),
            None => Ok(()),
        }
    }

    /// A verdict of the job's own is that of its last attempt, and of no other.
    fn tells_what_happened(&self, job: &Job) -> Result<(), String> {
        let attempt = attempt(job.id.clone(), job.attempt.0);
        let ending = self.backend().ending_of(&attempt);
        let said = match job.end().map(|end| &end.reason) {
            Some(Reason::Success) => Ending::Success,
            Some(Reason::Test) => Ending::Failure,
            _ => return Ok(()),
        };
        if ending == Some(said) {
            Ok(())
        } else {
            Err(format!(
                "{attempt} is said to have ended in {said:?}, and did in {ending:?}"
            ))
        }
    }

    /// What an attempt wrote is kept before its backend may forget it.
    fn log_is_kept(&self, job: &Job) -> Result<(), String> {
        let log = self.store().blob(&keys::log(&job.id, job.attempt));
        match (job.handle(), log) {
            (Some(_), Some(log)) if log != LOG => Err(format!("the log of {} is lost", job.id)),
            (Some(_), None) => Err(format!("the log of {} was never kept", job.id)),
            _ => Ok(()),
        }
    }
}

/// Each file's runs have the numbers from 1 on: none twice, none left out.
fn numbered(runs: &[Run]) -> Result<(), String> {
    let mut of_files: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for run in runs {
        let file = (run.event.repository.id, &run.workflow_path);
        of_files.entry(file).or_default().extend(run.number);
    }
    for ((_, path), mut numbers) in of_files {
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(1..=numbers.len() as u64) {
            return Err(format!("the runs of {path} have the numbers {numbers:?}"));
        }
    }
    Ok(())
}

/// The job has ended, and each of its attempts has one check, which says how it ended and never said anything else.
fn told_once(job: &Job, checks: &[&SimCheck]) -> Result<(), String> {
    let JobState::Concluded { end, .. } = &job.state else {
        return Err(format!("{} is {}", job.id, job.state.name()));
    };
    if checks.len() != job.attempt.0 as usize {
        return Err(format!(
            "{} has {} checks for {} attempts",
            job.id,
            checks.len(),
            job.attempt
        ));
    }
    for check in checks {
        let Some(first) = check.conclusions.first() else {
            return Err(format!("a check of {} was left open", job.id));
        };
        if !matches!(check.state.status, CheckStatus::Completed { .. }) {
            return Err(format!("a check of {} was opened again", job.id));
        }
        if check.annotations > check.most_annotations {
            return Err(format!("a check of {} shows its annotations twice", job.id));
        }
        if check.conclusions.iter().any(|conclusion| conclusion != first) {
            return Err(format!("a check of {} said {:?}", job.id, check.conclusions));
        }
    }
    let last = checks.last().and_then(|check| check.conclusions.last());
    if last != Some(&end.reason.conclusion()) {
        return Err(format!(
            "{} ended {:?}, its check says {last:?}",
            job.id, end.reason
        ));
    }
    Ok(())
}
