//! Abandoning: jobs whose checks nobody can reach any more come to their end without a word.
//!
//! For a process that plays GitHub's part itself (`checkmill run`): what one that was killed left behind has its checks on a
//! GitHub that went with it.

use crate::error::PhaseError;
use crate::ports::{Clock, Jobs, Runs};
use crate::step::step;
use checkmill_backends::registry::Backends;
use checkmill_core::transition::JobEvent;
use checkmill_core::{End, Job, JobState, Reason, Run, RunId, UnixMillis};
use std::collections::BTreeSet;

pub struct Abandon<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub backends: &'a Backends,
    pub clock: &'a dyn Clock,
}

impl Abandon<'_> {
    /// Stops the compute of each open job of the runs that `which` picks, and concludes its attempt for this reason where it
    /// has no end yet; the jobs as they were. Only for the one process that works on the store. Doing it again does no harm.
    ///
    /// # Errors
    /// The ports'. The compute is stopped before an end is written: after an error, doing it again goes on.
    pub async fn run(
        &self,
        which: impl Fn(&Run) -> bool + Send,
        reason: &Reason,
        detail: &str,
    ) -> Result<Vec<Job>, PhaseError> {
        let end_of_time = UnixMillis(u64::MAX / 2);
        let due = self.jobs.due(end_of_time, usize::MAX).await?;
        let runs: BTreeSet<RunId> = due.iter().map(|job| job.id.run()).collect();
        let mut left = Vec::new();
        for id in runs {
            if let Some((run, jobs)) = self.runs.load_with_jobs(&id).await?
                && which(&run)
            {
                // What waits for a place is due at no time.
                let is_open = |job: &Job| !matches!(job.state, JobState::Concluded { .. });
                left.extend(jobs.into_iter().filter(is_open));
            }
        }
        if left.is_empty() {
            return Ok(left);
        }
        // By what runs: a submit that nobody could write down any more is not in the job's row.
        for (_, backend) in self.backends.all() {
            for owned in backend.list().await? {
                if owned.live && left.iter().any(|job| job.id == owned.key.job) {
                    backend.cancel(&owned.id).await?;
                }
            }
        }
        for job in &left {
            self.conclude(job, reason, detail).await?;
        }
        Ok(left)
    }

    async fn conclude(&self, job: &Job, reason: &Reason, detail: &str) -> Result<(), PhaseError> {
        let end = End::new(reason.clone(), detail, self.clock.now());
        let refused = JobEvent::Refused {
            check: None,
            end: end.clone(),
        };
        let closed = JobEvent::Closed { check: job.check };
        // What has not run is refused, what has is abandoned; the other of the two is late.
        for event in [refused, JobEvent::Abandoned { end }, JobEvent::Settled, closed] {
            step(self.jobs, self.clock, &job.id, job.attempt, &event).await?;
        }
        Ok(())
    }
}
