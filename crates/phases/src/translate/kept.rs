//! What is kept of translations, and what was said of an attempt's steps.

use crate::error::PhaseError;
use crate::keys;
use crate::ports::{Blobs, StoreError};
use checkmill_core::limits::TRANSLATIONS_SHOWN_BYTES;
use checkmill_core::{HistoryId, Job, Run, UnixMillis};
use checkmill_model::ModelId;
use checkmill_workflow::translation::{StepKind, Translation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What is around a script in a check's text: names with their signs escaped, fences.
const HEADING_BYTES: usize = 2 * 1024;

/// A translation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What it stands for, for people: an action, or a script's first line.
    #[serde(rename = "uses")]
    pub(crate) stands_for: String,
    /// Written by its name from when there were only actions.
    #[serde(rename = "lacking")]
    pub(super) kind: StepKind,
    pub(super) digest: String,
    pub(crate) model: ModelId,
    pub(crate) translation: Translation,
    pub(super) made_at: UnixMillis,
    /// Somebody who may write ran a job again that showed it. Asked for by [`TranslatePolicy::Review`] only.
    #[serde(default)]
    pub(super) accepted: bool,
}

impl Kept {
    /// What a check's text needs for it, at the most.
    fn shown_bytes(&self) -> usize {
        let Translation {
            script,
            explanation,
            assumptions,
            ..
        } = &self.translation;
        let assumed: usize = assumptions.iter().map(String::len).sum();
        HEADING_BYTES + script.len() + explanation.len() + assumed
    }
}

/// Those at the beginning that a check's text can hold in full.
pub(crate) fn fitting<'a>(all: impl Iterator<Item = &'a Kept>) -> usize {
    let sums = all.scan(0, |sum, kept| {
        *sum += kept.shown_bytes();
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= TRANSLATIONS_SHOWN_BYTES).count()
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Made(Kept),
    /// Goes on after "No language model helps: "; without a full stop.
    Not(String),
}

/// What came of asking for the steps of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(super) steps: Vec<(String, Answer)>,
    /// The next attempt follows at once.
    pub(crate) retry: bool,
}

impl Asked {
    /// The new translations, with their steps' names.
    pub(crate) fn made(&self) -> impl Iterator<Item = (&str, &Kept)> {
        self.steps.iter().filter_map(|(step, answer)| match answer {
            Answer::Made(kept) => Some((step.as_str(), kept)),
            Answer::Not(_) => None,
        })
    }

    /// The steps that have none, with the reasons.
    pub(crate) fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|(step, answer)| match answer {
            Answer::Made(_) => None,
            Answer::Not(problem) => Some((step.as_str(), problem.as_str())),
        })
    }
}

/// Where a job keeps the keys of what its attempts came to need.
pub(super) fn index(job: &Job, run: &Run) -> String {
    let id = HistoryId::derive(&run.workflow_path, &job.key, &job.leg);
    keys::translations_of(run.event.repository.id, &id)
}

/// A blob of ours; one that can't be read is none, and is made again.
pub(super) async fn read<T: DeserializeOwned>(blobs: &dyn Blobs, key: &str) -> Result<Option<T>, PhaseError> {
    let bytes = blobs.get(key).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

pub(super) async fn write(blobs: &dyn Blobs, key: &str, value: &impl Serialize) -> Result<(), PhaseError> {
    let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(blobs.put(key, bytes).await?)
}
