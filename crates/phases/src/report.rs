//! How the check of an ended attempt reads: the verdict with what the job left behind.

use crate::error::PhaseError;
use crate::ports::Blobs;
use crate::{keys, steps, verdict, view};
use checkmill_core::limits::ANNOTATIONS;
use checkmill_core::run::Hold;
use checkmill_core::{End, Job, MicroDollars, Reason, Run};
use checkmill_github::changed_lines::ChangedLines;
use checkmill_github::forge::{ChangeSet, ChangedFiles, CheckState, Forge};
use checkmill_github::render::{Note, Translated};
use checkmill_workflow::job::JobResult;

/// What the attempt's agent said, where it said anything.
///
/// # Errors
/// The store's.
pub(crate) async fn result(blobs: &dyn Blobs, job: &Job) -> Result<Option<JobResult>, PhaseError> {
    let bytes = blobs.get(&keys::result(&job.id, job.attempt)).await?;
    Ok(bytes.and_then(|bytes| verdict::parse(job, &bytes)))
}

/// What there is to say of an attempt.
pub(crate) struct Ending<'a> {
    pub(crate) job: &'a Job,
    pub(crate) run: &'a Run,
    pub(crate) end: &'a End,
    pub(crate) result: Option<&'a JobResult>,
    /// What earlier attempts teach.
    pub(crate) notes: &'a [Note<'a>],
    /// The attempt's whole log, where there is one by now.
    pub(crate) log: Option<&'a str>,
    /// What it has cost, where the backend knows.
    pub(crate) cost: Option<MicroDollars>,
    /// Scripts of a language model.
    pub(crate) translated: &'a [Translated<'a>],
}

/// Puts the check together.
///
/// # Errors
/// The store's.
pub(crate) async fn report(
    blobs: &dyn Blobs,
    forge: &dyn Forge,
    ending: &Ending<'_>,
) -> Result<CheckState, PhaseError> {
    let &Ending {
        job,
        run,
        end,
        result,
        notes,
        log,
        cost,
        translated,
    } = ending;
    let diagnosis = match (&run.hold, &end.reason) {
        (Some(Hold::Broken(diagnosis)), _) => Some(diagnosis.clone()),
        (None, Reason::Configuration) => blobs
            .get(&keys::diagnostics(&job.id, job.attempt))
            .await?
            .and_then(|bytes| keys::decode_diagnosis(&bytes)),
        _ => None,
    };
    let changed = match result {
        Some(result) if result.annotations.len() > ANNOTATIONS => changed_lines(forge, run).await,
        _ => None,
    };
    let steps = steps::steps(end, result, log);
    Ok(view::completed(&view::Completed {
        job,
        steps: &steps,
        end,
        result,
        log,
        cost,
        diagnosis: diagnosis.as_ref(),
        changed: changed.as_ref(),
        run_name: run.title.as_deref(),
        notes,
        translated,
    }))
}

/// What the run's event changes, to choose between annotations. GitHub may find a change too large to show: the order is
/// worth a request, and no more.
async fn changed_lines(forge: &dyn Forge, run: &Run) -> Option<ChangedLines> {
    let of = ChangeSet::of(&run.event.kind)?;
    match forge.changed_files(&view::repo(run), &of).await {
        Ok(ChangedFiles::Known { lines, .. }) => Some(lines),
        Ok(ChangedFiles::Unknown { .. }) => None,
        Err(error) => {
            tracing::warn!(run = %run.id, %error, "could not read what changed, to put annotations in order");
            None
        }
    }
}
