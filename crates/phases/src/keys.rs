//! Names of blobs. All that belongs to a run begins with `runs/{run}/`, so that one lifecycle rule and one listing cover it.

use crate::ports::StoreError;
use checkmill_core::run::Diagnosis;
use checkmill_core::{AttemptNumber, HistoryId, JobId, RepositoryId, RunId};

/// What the names of all that belongs to runs begin with.
pub const RUNS: &str = "runs/";

/// The workflow file of a run, as it was at the run's commit.
#[must_use]
pub fn workflow(run: &RunId) -> String {
    format!("runs/{run}/workflow.yml")
}

/// The files that a run's workflow calls, as they were when it was planned.
#[must_use]
pub fn called(run: &RunId) -> String {
    format!("runs/{run}/called.json")
}

/// The whole log of an attempt, masked.
#[must_use]
pub fn log(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}{LOG}", attempt_prefix(job, attempt))
}

const LOG: &str = "/log.txt";
const CHUNKS: &str = "/chunks/";

/// What the names of a log's pieces begin with, from the name of the whole log; none for the name of another blob.
#[must_use]
pub fn log_chunks_beside(log: &str) -> Option<String> {
    Some(format!("{}{CHUNKS}", log.strip_suffix(LOG)?))
}

/// A piece of an attempt's log that the agent sent, by its offset; the names sort by offset.
#[must_use]
pub fn log_chunk(job: &JobId, attempt: AttemptNumber, offset: u64) -> String {
    format!("{}{offset:012}", log_chunks(job, attempt))
}

/// What the names of an attempt's log pieces begin with.
#[must_use]
pub fn log_chunks(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}{CHUNKS}", attempt_prefix(job, attempt))
}

/// The agent's result (`checkmill_workflow::job::JobResult`).
#[must_use]
pub fn result(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}/result.json", attempt_prefix(job, attempt))
}

/// Why an attempt could not be run as its workflow file says: a [`Diagnosis`] in JSON.
#[must_use]
pub fn diagnostics(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}/diagnostics.json", attempt_prefix(job, attempt))
}

/// The bytes of that blob.
///
/// # Errors
/// [`StoreError::Corrupt`], which does not happen to texts and numbers.
pub fn encode_diagnosis(diagnosis: &Diagnosis) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(diagnosis).map_err(|error| StoreError::Corrupt(format!("the diagnostics: {error}")))
}

/// What the bytes of that blob say; an unreadable one says nothing.
#[must_use]
pub fn decode_diagnosis(bytes: &[u8]) -> Option<Diagnosis> {
    serde_json::from_slice(bytes).ok()
}

/// What came of asking a model for an attempt's steps (`crate::translate`).
#[must_use]
pub fn translations(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}/translations.json", attempt_prefix(job, attempt))
}

/// The translations that an attempt was given.
#[must_use]
pub fn offered(job: &JobId, attempt: AttemptNumber) -> String {
    format!("{}/offered.json", attempt_prefix(job, attempt))
}

/// A translation, under the hash of the step, the prompt and the model. It outlives the run that asked for it.
#[must_use]
pub fn translation(repository: RepositoryId, key: &str) -> String {
    format!("translations/{repository}/{key}.json")
}

/// That somebody asks a model for it now.
#[must_use]
pub fn asking(repository: RepositoryId, key: &str) -> String {
    format!("translations/{repository}/asking/{key}.json")
}

/// What the names of all those begin with.
#[must_use]
pub fn translations_of_repository(repository: RepositoryId) -> String {
    format!("translations/{repository}/")
}

/// Why a model gave no translation to the attempts of this number, for all jobs of the run.
#[must_use]
pub fn not_translated(run: &RunId, attempt: AttemptNumber, key: &str) -> String {
    format!("runs/{run}/not-translated/{attempt}/{key}.json")
}

/// Which translations the attempts of a job came to need.
#[must_use]
pub fn translations_of(repository: RepositoryId, job: &HistoryId) -> String {
    format!("translations/{repository}/jobs/{job}.json")
}

fn attempt_prefix(job: &JobId, attempt: AttemptNumber) -> String {
    format!("runs/{}/{job}/{attempt}", job.run())
}
