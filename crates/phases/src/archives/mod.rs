//! Artifacts and caches: archives that jobs leave for one another, kept as blobs.
//!
//! ```text
//! {space}/entries/{place}.json             an archive, written last
//! {space}/data/{place's hash}-{job}-{attempt}-{number}/{part}
//! ```
//! The space is `runs/{run}/artifacts` or `caches/{repository}`. A part's directory begins with the hash of the entry it is
//! for, so that a listing alone tells what belongs together; and it names the attempt, so that no job writes into another's.

mod artifacts;
mod caches;
mod place;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use artifacts::Artifacts;
pub(crate) use caches::Caches;

use crate::callback::{CallbackAnswer, answer};
use crate::error::PhaseError;
use crate::ports::Blobs;
use checkmill_core::limits::{ARCHIVE_BYTES, ARCHIVE_PART_BYTES, ARCHIVE_REQUEST_BYTES};
use checkmill_core::{AttemptNumber, Job, JobId};
use checkmill_workflow::archive::Archive;
use place::{hash, is_hex};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a call gives: an answer, or a refusal as one.
type Answered<T> = Result<T, CallbackAnswer>;

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// An artifact's name, a cache's key.
    name: String,
    archive: Archive,
    job: JobId,
    attempt: AttemptNumber,
}

/// Where archives of a kind are.
struct Space<'a> {
    blobs: &'a dyn Blobs,
    prefix: String,
    /// Who asks.
    job: &'a Job,
}

/// Reads the body of a call.
fn body<T: DeserializeOwned>(bytes: &[u8]) -> Answered<T> {
    if bytes.len() > ARCHIVE_REQUEST_BYTES {
        return Err(answer(
            413,
            format!("the request has at most {ARCHIVE_REQUEST_BYTES} bytes"),
        ));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| answer(400, format!("the body is not what belongs here: {error}")))
}

/// A number of the query.
fn number(query: Option<&str>, name: &str) -> Option<u32> {
    value(query, name)?.parse().ok()
}

fn value<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    let pairs = query
        .unwrap_or("")
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

impl Space<'_> {
    fn entry_key(&self, place: &str) -> String {
        format!("{}/entries/{place}.json", self.prefix)
    }

    fn part_key(&self, upload: &str, part: u32) -> String {
        format!("{}/data/{upload}/{part:05}", self.prefix)
    }

    async fn entry(&self, place: &str) -> Result<Option<Entry>, PhaseError> {
        let bytes = self.blobs.get(&self.entry_key(place)).await?;
        // One that can't be read is none: it can be written again.
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The upload for an entry at this place.
    fn upload(&self, place: &str, number: u32) -> String {
        let key = self.entry_key(place);
        format!("{}-{}-{}-{number}", hash(&key), self.job.id, self.job.attempt)
    }

    /// Whether the upload is of this job's attempt, and of the form that [`Space::upload`] gives.
    fn is_own(&self, upload: &str) -> bool {
        let mine = format!("-{}-{}-", self.job.id, self.job.attempt);
        upload.get(..16).is_some_and(is_hex)
            && upload[16..].strip_prefix(&mine).is_some_and(|number| {
                !number.is_empty() && number.len() < 10 && number.bytes().all(|byte| byte.is_ascii_digit())
            })
    }

    async fn put_part(&self, query: Option<&str>, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let upload = value(query, "upload").filter(|upload| self.is_own(upload));
        let Some((upload, part)) = upload.zip(number(query, "part")) else {
            return Ok(answer(
                400,
                "the query must be upload=UPLOAD&part=NUMBER, the upload being this attempt's",
            ));
        };
        if bytes.len() > ARCHIVE_PART_BYTES || u64::from(part) > ARCHIVE_BYTES / ARCHIVE_PART_BYTES as u64 {
            let message = format!(
                "a part has at most {ARCHIVE_PART_BYTES} bytes, and an archive at most {ARCHIVE_BYTES}"
            );
            return Ok(answer(413, message));
        }
        self.blobs
            .put(&self.part_key(upload, part), bytes.to_vec())
            .await?;
        Ok(answer(200, "stored"))
    }

    /// Whether all of the archive is there, and for this place.
    async fn check(&self, place: &str, archive: &Archive) -> Result<Answered<()>, PhaseError> {
        let own = self.is_own(&archive.upload) && archive.upload.starts_with(&hash(&self.entry_key(place)));
        if !own || archive.sha256.len() != 64 || !is_hex(&archive.sha256) {
            return Ok(Err(answer(400, "the archive's upload or hash is none")));
        }
        let prefix = format!("{}/data/{}/", self.prefix, archive.upload);
        let stored = self.blobs.describe(&prefix).await?;
        let parts: Vec<_> = stored
            .iter()
            .filter(|blob| {
                let number = blob
                    .key
                    .strip_prefix(&prefix)
                    .and_then(|name| name.parse::<u32>().ok());
                number.is_some_and(|number| number < archive.parts)
            })
            .collect();
        let bytes: u64 = parts.iter().map(|blob| blob.bytes).sum();
        if parts.len() != archive.parts as usize || bytes != archive.bytes || bytes > ARCHIVE_BYTES {
            let message = format!(
                "of the archive's {} parts and {} bytes, {} and {bytes} are here",
                archive.parts,
                archive.bytes,
                parts.len()
            );
            return Ok(Err(answer(400, message)));
        }
        Ok(Ok(()))
    }

    fn new_entry(&self, name: &str, archive: Archive) -> Entry {
        Entry {
            name: name.to_owned(),
            archive,
            job: self.job.id.clone(),
            attempt: self.job.attempt,
        }
    }

    /// One part of an entry.
    async fn read(&self, place: &str, part: u32) -> Result<CallbackAnswer, PhaseError> {
        let Some(entry) = self
            .entry(place)
            .await?
            .filter(|entry| part < entry.archive.parts)
        else {
            return Ok(answer(404, "there is no such archive, or it has no such part"));
        };
        let bytes = self
            .blobs
            .get(&self.part_key(&entry.archive.upload, part))
            .await?;
        Ok(bytes.map_or_else(
            || answer(404, "the archive has gone meanwhile"),
            CallbackAnswer::bytes,
        ))
    }

    /// Removes the parts of an upload.
    async fn remove(&self, upload: &str) -> Result<(), PhaseError> {
        for key in self
            .blobs
            .list(&format!("{}/data/{upload}/", self.prefix))
            .await?
        {
            self.blobs.delete(&key).await?;
        }
        Ok(())
    }
}

fn json(value: &impl Serialize) -> CallbackAnswer {
    match serde_json::to_string(value) {
        Ok(text) => CallbackAnswer::json(text),
        Err(error) => answer(500, error.to_string()),
    }
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>, PhaseError> {
    serde_json::to_vec(value).map_err(|error| crate::ports::StoreError::Corrupt(error.to_string()).into())
}
