//! How the check of an ended attempt reads: the verdict with what the job left behind.

use crate::error::PhaseError;
use crate::ports::Blobs;
use crate::{keys, log, verdict, view};
use checkmill_backends::registry::Backends;
use checkmill_core::run::Hold;
use checkmill_core::{End, Job, Reason, Run};
use checkmill_github::forge::CheckState;
use checkmill_github::render::Note;
use checkmill_workflow::job::JobResult;

/// What the attempt's agent said, where it said anything.
///
/// # Errors
/// The store's.
pub(crate) async fn result(blobs: &dyn Blobs, job: &Job) -> Result<Option<JobResult>, PhaseError> {
    let bytes = blobs.get(&keys::result(&job.id, job.attempt)).await?;
    Ok(bytes.and_then(|bytes| verdict::parse(job, &bytes)))
}

/// Gathers the log, which is kept from now on, and puts the check together. `notes` are what earlier attempts teach.
///
/// # Errors
/// The store's, and the backend's where the log is not kept yet.
pub(crate) async fn report(
    blobs: &dyn Blobs,
    backends: &Backends,
    job: &Job,
    run: &Run,
    end: &End,
    result: Option<&JobResult>,
    notes: &[Note<'_>],
) -> Result<CheckState, PhaseError> {
    let log = log::collect(blobs, backends, job, result.map(|r| r.log_bytes)).await?;
    let diagnostics = match (&run.hold, &end.reason) {
        (Some(Hold::Broken { text }), _) => Some(text.clone()),
        (None, Reason::Configuration) => blobs
            .get(&keys::diagnostics(&job.id, job.attempt))
            .await?
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    };
    Ok(view::completed(&view::Completed {
        job,
        end,
        result,
        log: log.as_deref(),
        diagnostics: diagnostics.as_deref().map(view::fenced_diagnostics).as_deref(),
        notes,
    }))
}
