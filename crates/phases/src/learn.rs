//! What an ended attempt teaches, and what earlier ones teach about it. The record itself is [`checkmill_core::history`].

use crate::error::PhaseError;
use crate::ports::{History, StoreError};
use crate::times::started_at;
use checkmill_core::history::{
    AttemptSummary, Failure, Fix, JobHistory, Outcome, StepSummary, Subject, error_line, trigger,
};
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::retry::{RetryCause, RetryCounts};
use checkmill_core::{AttemptNumber, End, HistoryId, Job, Millis, Reason, Run, UnixMillis};
use checkmill_github::render::{FixedBy, Note};
use checkmill_workflow::job::{JobResult, StepResult, StepStatus};

/// What is to be done and said because of earlier attempts.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    /// The attempt is retried.
    pub(crate) retry: Option<RetryCause>,
    attempt: Option<AttemptNumber>,
    /// Retries before this attempt.
    used: Option<RetryCounts>,
    /// How long it ran, and what is usual.
    slow: Option<(Millis, Millis)>,
    /// How often, since when, and by which commit it was mended in between.
    same: Option<(u64, UnixMillis, Option<Fix>)>,
    /// A step that a cache may make shorter, and what it takes.
    cache: Option<(String, Millis)>,
}

impl Lesson {
    /// As the check says it.
    pub(crate) fn notes<'a>(&'a self, run: &'a Run) -> Vec<Note<'a>> {
        let retried = self
            .retry
            .zip(self.attempt)
            .map(|(cause, attempt)| Note::Retried {
                next: attempt.next(),
                cause,
            });
        let after = self.used.filter(|used| used.total() > 0).map(Note::AfterRetries);
        let same = self.same.as_ref().map(|(times, since, fixed)| Note::SameFailure {
            times: *times,
            since: *since,
            fixed: fixed.as_ref().map(|fix| FixedBy {
                sha: &fix.sha,
                repository_url: &run.event.repository.html_url,
            }),
        });
        let slow = self.slow.map(|(ran, usual)| Note::Slow { ran, usual });
        let cache = self
            .cache
            .as_ref()
            .map(|(step, usual)| Note::Cache { step, usual: *usual });
        [retried, after, same, slow, cache]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Counts the attempt, once however often it is called, and asks what is known. An attempt that never had compute teaches
/// nothing and costs nothing. The decision to retry is stored with the count, so that whoever asks again decides the same.
///
/// A record that can't be read or written as it is must not keep a check from its end: then nothing is known.
///
/// # Errors
/// The store's, but for [`StoreError::Corrupt`].
pub(crate) async fn learn(
    history: &dyn History,
    job: &Job,
    run: &Run,
    end: &End,
    result: Option<&JobResult>,
) -> Result<Lesson, PhaseError> {
    let used = Some(job.retries.used);
    if job.handle().is_none() {
        return Ok(Lesson {
            used,
            ..Lesson::default()
        });
    }
    let summary = summary(job, run, end, result);
    let (known, retry) = match count(history, job, run, end, &summary).await {
        Err(StoreError::Corrupt(problem)) => {
            tracing::error!(job = %job.id, problem, "what was learned of a job can't be used");
            let nothing = JobHistory::new(subject(job, run));
            let retry = decide(&nothing, job, end, summary.failure.as_ref());
            (nothing, retry)
        }
        counted => counted?,
    };
    let ran = summary
        .ran
        .or_else(|| job.running_at.map(|since| end.at.since(since)));
    let speaks = matches!(
        summary.outcome,
        Outcome::Success | Outcome::Failure | Outcome::Timeout
    );
    let usual = known.usual_but(&job.id, job.attempt);
    let slow = ran
        .zip(usual)
        .filter(|(ran, usual)| speaks && usual.is_far_exceeded_by(*ran))
        .map(|(ran, usual)| (ran, usual.most));
    let same = summary.failure.as_ref().and_then(|failure| known.known(failure));
    let passed = end.reason == Reason::Success;
    let names: Vec<&str> = result.map_or(Vec::new(), |r| r.steps.iter().map(|s| s.name.as_str()).collect());
    let cache = known.slow_setup(&names).filter(|_| passed);
    Ok(Lesson {
        retry,
        attempt: Some(job.attempt),
        used,
        slow,
        same: same
            .filter(|known| known.count > 1)
            .map(|known| (known.count, known.first_at, known.fixed.clone())),
        cache: cache.map(|slow| (slow.name.to_owned(), slow.half)),
    })
}

/// The record with the attempt in it, and whether the attempt is retried.
async fn count(
    history: &dyn History,
    job: &Job,
    run: &Run,
    end: &End,
    summary: &AttemptSummary,
) -> Result<(JobHistory, Option<RetryCause>), StoreError> {
    let subject = subject(job, run);
    for _ in 0..STORE_CONFLICT_RETRIES {
        let known = history.load(subject.repository, &subject.id).await?;
        let known = known.unwrap_or_else(|| JobHistory::new(subject.clone()));
        if let Some(counted) = known.counted(&job.id, job.attempt) {
            let retried = counted.retried;
            return Ok((known, retried));
        }
        let retry = decide(&known, job, end, summary.failure.as_ref());
        let Some(mut next) = known.record(summary, retry) else {
            // Too old to be counted, so the decision can't be kept: it stands as it is.
            return Ok((known, None));
        };
        // A repository may have been renamed.
        next.job.repository_name = subject.repository_name.clone();
        match history.save(&next).await {
            Ok(()) => return Ok((next, retry)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

fn decide(known: &JobHistory, job: &Job, end: &End, failure: Option<&Failure>) -> Option<RetryCause> {
    let cause = match end.reason {
        Reason::Infrastructure => Some(RetryCause::Infrastructure),
        Reason::Test => failure.and_then(|failure| known.doubt(failure)),
        _ => None,
    };
    cause.filter(|cause| job.may_be_retried_for(*cause))
}

/// When the job usually ends, from its start; none where that is not known, or can't be read now: it only makes polls fewer.
pub(crate) async fn usual_end(history: &dyn History, job: &Job, run: &Run) -> Option<Millis> {
    let subject = subject(job, run);
    match history.load(subject.repository, &subject.id).await {
        Ok(known) => known?.usual_end(),
        Err(error) => {
            tracing::warn!(job = %job.id, %error, "could not read when a job usually ends");
            None
        }
    }
}

fn subject(job: &Job, run: &Run) -> Subject {
    Subject {
        repository: run.event.repository.id,
        repository_name: run.event.repository.name.clone(),
        id: history_id(job, run),
        workflow_path: run.workflow_path.clone(),
        key: job.key.clone(),
        leg: job.leg.clone(),
        name: job.name.clone(),
    }
}

fn summary(job: &Job, run: &Run, end: &End, result: Option<&JobResult>) -> AttemptSummary {
    let outcome = match end.reason {
        Reason::Success => Outcome::Success,
        Reason::Test | Reason::Neutral => Outcome::Failure,
        Reason::Infrastructure => Outcome::Infrastructure,
        Reason::QueueTimeout | Reason::RunTimeout => Outcome::Timeout,
        _ => Outcome::Other,
    };
    let ran = result.filter(|r| !r.steps.is_empty());
    let ran = ran.map(|r| Millis(r.steps.iter().map(|step| step.duration_ms).sum()));
    let started = started_at(job, result).unwrap_or(end.at);
    AttemptSummary {
        job: job.id.clone(),
        attempt: job.attempt,
        at: end.at,
        sha: run.check_sha().clone(),
        place: place(run),
        outcome,
        ran,
        queued: started.since(job.compute_wanted_at()),
        backend: job
            .handle()
            .map_or_else(String::new, |handle| handle.backend.clone()),
        machine: result.map_or_else(String::new, |result| result.machine.clone()),
        trigger: trigger(&run.event),
        failure: failure(outcome, end, result),
        steps: result.map_or_else(Vec::new, |r| r.steps.iter().filter_map(step).collect()),
    }
}

/// Both events of a pull request start a job of this key at one commit, of different files: that one fails and the other does
/// not is no sign of flakiness.
fn history_id(job: &Job, run: &Run) -> HistoryId {
    if run.event.is_target() {
        let path = format!("{} {}", run.workflow_path, run.event.name());
        return HistoryId::derive(&path, &job.key, &job.leg);
    }
    HistoryId::derive(&run.workflow_path, &job.key, &job.leg)
}

/// A pull request's runs are told from the branch's, of whichever files they are.
fn place(run: &Run) -> String {
    match run.event.pull_request() {
        Some(pull) => format!("refs/pull/{}/head", pull.number),
        None => checkmill_workflow::full_ref(&run.event),
    }
}

fn failure(outcome: Outcome, end: &End, result: Option<&JobResult>) -> Option<Failure> {
    match outcome {
        // In the same words, whichever of the two it is: what the machine once did to a step is known where it comes again.
        Outcome::Infrastructure | Outcome::Failure => {
            let failed = |step: &&StepResult| step.conclusion == StepStatus::Failure;
            let step = result.and_then(|r| r.steps.iter().find(failed));
            let said = step.and_then(|step| error_line(&step.tail));
            let detail = result.map_or(end.detail.as_str(), |r| r.detail.as_str());
            Some(Failure {
                step: step.map(|step| step.name.clone()),
                line: said.unwrap_or(detail).to_owned(),
            })
        }
        Outcome::Success | Outcome::Timeout | Outcome::Other => None,
    }
}

/// Before `continue-on-error`: that a failure is allowed does not make it a success.
fn step(result: &StepResult) -> Option<StepSummary> {
    let passed = match result.outcome {
        StepStatus::Success => true,
        StepStatus::Failure => false,
        StepStatus::Cancelled | StepStatus::Skipped => return None,
    };
    Some(StepSummary {
        name: result.name.clone(),
        passed,
        ran: Millis(result.duration_ms),
    })
}
