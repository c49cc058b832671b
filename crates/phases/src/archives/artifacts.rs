//! Artifacts: names are those of a run, and a name is given once. A later attempt of the same job may give it again, since the
//! job starts over; whoever else wants to must say so.

use super::{Answered, Entry, Space, body, encoded, json, place};
use crate::callback::{CallbackAnswer, answer};
use crate::error::PhaseError;
use crate::ports::Blobs;
use checkmill_core::Job;
use checkmill_core::limits::{ARTIFACT_NAME_BYTES, ARTIFACTS};
use checkmill_workflow::archive::{
    Artifact, Artifacts as Listed, CommitArtifact, ReadArtifact, ReserveArtifact, Reserved,
};

/// The artifacts of the run of a job.
pub(crate) struct Artifacts<'a>(Space<'a>);

/// What GitHub does not take either (`@actions/artifact`, "path-and-artifact-name-validation").
fn is_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || "\":<>|*?\\/".contains(c);
    !name.trim().is_empty()
        && !matches!(name, "." | "..")
        && name.len() <= ARTIFACT_NAME_BYTES
        && !name.contains(forbidden)
}

impl<'a> Artifacts<'a> {
    pub(crate) fn new(blobs: &'a dyn Blobs, job: &'a Job) -> Self {
        let prefix = format!("runs/{}/artifacts", job.id.run());
        Self(Space { blobs, prefix, job })
    }

    pub(crate) async fn reserve(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let request: ReserveArtifact = match body(bytes) {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        if !is_name(&request.name) {
            let message =
                "an artifact's name has 1 to 256 bytes, and none of \" : < > | * ? \\ / or line ends";
            return Ok(answer(400, message));
        }
        if let Err(refusal) = self.free(&request.name, request.overwrite).await? {
            return Ok(refusal);
        }
        let entries = self.0.blobs.list(&format!("{}/entries/", self.0.prefix)).await?;
        if entries.len() >= ARTIFACTS {
            return Ok(answer(
                409,
                format!("a run can have at most {ARTIFACTS} artifacts"),
            ));
        }
        let upload = self.0.upload(&place::path(&request.name), request.number);
        Ok(json(&Reserved { upload }))
    }

    /// The entry that would be replaced; a refusal where it must not be.
    async fn free(&self, name: &str, overwrite: bool) -> Result<Answered<Option<Entry>>, PhaseError> {
        let Some(entry) = self.0.entry(&place::path(name)).await? else {
            return Ok(Ok(None));
        };
        let starts_over = entry.job == self.0.job.id && entry.attempt < self.0.job.attempt;
        if overwrite || starts_over {
            return Ok(Ok(Some(entry)));
        }
        let message = format!(
            "the run has an artifact {name} already; give each its own name, or set `overwrite: true`"
        );
        Ok(Err(answer(409, message)))
    }

    pub(crate) async fn put_part(
        &self,
        query: Option<&str>,
        bytes: &[u8],
    ) -> Result<CallbackAnswer, PhaseError> {
        self.0.put_part(query, bytes).await
    }

    pub(crate) async fn commit(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let request: CommitArtifact = match body(bytes) {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        let place = place::path(&request.name);
        if let Err(refusal) = self.0.check(&place, &request.archive).await? {
            return Ok(refusal);
        }
        let entry = self.0.new_entry(&request.name, request.archive);
        let key = self.0.entry_key(&place);
        if self.0.entry(&place).await?.as_ref() == Some(&entry) {
            // The answer to the first such call was lost.
            return Ok(json(&shown(&key, entry)));
        }
        match self.free(&request.name, request.overwrite).await? {
            Err(refusal) => return Ok(refusal),
            Ok(Some(old)) => {
                self.0.blobs.put(&key, encoded(&entry)?).await?;
                if old.archive.upload != entry.archive.upload {
                    self.0.remove(&old.archive.upload).await?;
                }
            }
            Ok(None) => {
                if !self.0.blobs.put_new(&key, encoded(&entry)?).await? {
                    let message = format!("another job gave the name {} at the same time", request.name);
                    return Ok(answer(409, message));
                }
            }
        }
        Ok(json(&shown(&key, entry)))
    }

    /// All of the run.
    pub(crate) async fn find(&self) -> Result<CallbackAnswer, PhaseError> {
        let mut artifacts = Vec::new();
        let keys = self.0.blobs.list(&format!("{}/entries/", self.0.prefix)).await?;
        for key in keys.into_iter().take(ARTIFACTS) {
            let bytes = self.0.blobs.get(&key).await?;
            let entry = bytes.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
            artifacts.extend(entry.map(|entry| shown(&key, entry)));
        }
        artifacts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(json(&Listed { artifacts }))
    }

    pub(crate) async fn read(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        match body::<ReadArtifact>(bytes) {
            Ok(request) => self.0.read(&place::path(&request.name), request.part).await,
            Err(refusal) => Ok(refusal),
        }
    }
}

fn shown(key: &str, entry: Entry) -> Artifact {
    Artifact {
        id: place::hash(&format!("{key} {}", entry.archive.upload)),
        name: entry.name,
        archive: entry.archive,
    }
}
