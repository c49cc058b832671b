//! The comment of a run on its pull request: one, however many of its jobs are the last to end.

use crate::advance::{Advanced, is_left_out};
use crate::error::PhaseError;
use crate::ports::{Clock, Runs, StoreError};
use crate::view;
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::policy::CommentPolicy;
use checkmill_core::{ErrorName, Job, Run};
use checkmill_github::forge::Forge;

pub(crate) struct Comments<'a> {
    pub(crate) runs: &'a dyn Runs,
    pub(crate) forge: &'a dyn Forge,
    pub(crate) clock: &'a dyn Clock,
}

impl Comments<'_> {
    /// Writes it, where the policy wants one.
    ///
    /// # Errors
    /// The ports'; [`StoreError::Conflict`] while another phase writes it.
    pub(crate) async fn write(&self, advanced: &Advanced) -> Result<(), PhaseError> {
        let Advanced { run, jobs, .. } = advanced;
        let Some(pr) = run.event.pull_request() else {
            return Ok(());
        };
        let jobs: Vec<&Job> = jobs.iter().filter(|job| !is_left_out(run, job)).collect();
        let failed = jobs
            .iter()
            .any(|job| job.end().is_some_and(|end| !end.reason.conclusion().passes()));
        let wanted = match run.policy.comment {
            CommentPolicy::Always => true,
            // One that is there is kept true: a re-run that passes says so where the failure was said.
            CommentPolicy::OnFailure => failed || run.comment.is_some(),
            CommentPolicy::Never => false,
        };
        if !wanted {
            return Ok(());
        }
        let run = self.claim(run).await?;
        let body = view::comment(&run, &jobs);
        let marker = checkmill_github::render::comment_marker(&run.id);
        let written = self
            .forge
            .write_comment(&view::repo(&run), pr.number, run.comment, &marker, &body)
            .await;
        let comment = written.as_ref().ok().copied().or(run.comment);
        self.note(run.clone(), comment).await?;
        match written {
            Err(error) if error.error_name() == ErrorName::Permanent => {
                tracing::warn!(run = %run.id, %error, "could not comment on the pull request");
                Ok(())
            }
            written => Ok(written.map(drop)?),
        }
    }

    /// Keeps which comment it is, and gives the claim back. Others move the run on meanwhile, who are not to wait for the claim's end.
    async fn note(&self, run: Run, comment: Option<u64>) -> Result<(), PhaseError> {
        let mut run = run;
        for _ in 0..STORE_CONFLICT_RETRIES {
            if (run.comment, run.comment_claimed_until) == (comment, None) {
                return Ok(());
            }
            let next = Run {
                comment,
                comment_claimed_until: None,
                version: run.version + 1,
                ..run.clone()
            };
            match self.runs.update(&next).await {
                Err(StoreError::Conflict) => {}
                noted => return Ok(noted?),
            }
            match self.runs.load(&run.id).await? {
                Some(moved) => run = moved,
                None => return Ok(()),
            }
        }
        // The claim runs out, and the marker finds the comment the next time.
        Ok(())
    }

    /// Lets one writer at a time make the comment, because several jobs may be the last to end, and two that look for a
    /// comment at once both find none. The others come again later and find it.
    async fn claim(&self, run: &Run) -> Result<Run, PhaseError> {
        if run.comment.is_some() {
            return Ok(run.clone());
        }
        let now = self.clock.now();
        if run.comment_claimed_until.is_some_and(|until| until > now) {
            return Err(StoreError::Conflict.into());
        }
        let comment_claimed_until = Some(now + checkmill_core::limits::CLAIM);
        let claimed = Run {
            comment_claimed_until,
            version: run.version + 1,
            ..run.clone()
        };
        self.runs.update(&claimed).await?;
        Ok(claimed)
    }
}
