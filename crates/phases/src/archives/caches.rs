//! Caches: by key, in the scope of a ref. GitHub docs, "Dependency caching": a run finds those of its own ref, then those of
//! the branch that a pull request goes to, then those of the default branch; it writes into its own ref's scope only, so what
//! a pull request leaves is never found by the branches.

use super::{Answered, Entry, Space, body, encoded, json, place};
use crate::callback::{CallbackAnswer, answer};
use crate::error::PhaseError;
use crate::ports::{BlobInfo, Blobs};
use checkmill_core::limits::{ARCHIVE_ORPHAN, CACHE_KEY_CHARS, CACHE_KEYS, CACHES_BYTES};
use checkmill_core::{Event, EventKind, Job, Run, UnixMillis};
use checkmill_workflow::archive::{
    Cache, CommitCache, FindCache, FoundCache, ReadCache, ReserveCache, Reserved,
};
use std::collections::BTreeMap;

/// The caches of a job's repository.
pub(crate) struct Caches<'a> {
    space: Space<'a>,
    /// The refs whose caches the run finds, its own first.
    scopes: Vec<String>,
}

/// The refs whose caches a run of this event finds; the first one is its own.
fn scopes(event: &Event) -> Vec<String> {
    if let EventKind::PullRequestTarget(pull) = &event.kind {
        // A stranger has a hand in what it leaves, so no branch finds it; and it finds nothing that the fork's own code has left.
        let own = format!("refs/pull/{}/target", pull.number);
        return vec![own, event.default_branch().to_string()];
    }
    let mut scopes = vec![checkmill_workflow::full_ref(event)];
    // GitHub has no ref for a commit that was deployed by its id: it finds what the default branch has left, and keeps its own.
    if scopes[0].is_empty()
        && let Some(sha) = event.sha()
    {
        scopes[0] = format!("commit {sha}");
    }
    if let Some(pull) = event.pull_request() {
        scopes.push(format!("refs/heads/{}", pull.base_ref));
    }
    scopes.push(format!("refs/heads/{}", event.repository.default_branch));
    let mut seen = Vec::new();
    scopes.retain(|scope| {
        let fresh = !seen.contains(scope);
        seen.push(scope.clone());
        fresh
    });
    scopes
}

fn check(key: &str, version: &str) -> Answered<()> {
    if key.trim().is_empty() || key.chars().count() > CACHE_KEY_CHARS || key.contains([',', '\n', '\r']) {
        let message =
            format!("a cache's key has 1 to {CACHE_KEY_CHARS} characters, and no comma or line end");
        return Err(answer(400, message));
    }
    if version.len() != 64 || !place::is_hex(version) {
        return Err(answer(400, "a cache's version is a SHA-256"));
    }
    Ok(())
}

/// Where the entries of a scope and version are, below the space's.
fn shelf(scope: &str, version: &str) -> String {
    format!("{}/{version}", place::hash(scope))
}

impl<'a> Caches<'a> {
    pub(crate) fn new(blobs: &'a dyn Blobs, run: &Run, job: &'a Job) -> Self {
        let prefix = format!("caches/{}", run.event.repository.id);
        Self {
            space: Space { blobs, prefix, job },
            scopes: scopes(&run.event),
        }
    }

    fn own(&self, key: &str, version: &str) -> String {
        format!("{}/{}", shelf(&self.scopes[0], version), place::path(key))
    }

    pub(crate) async fn reserve(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let checked = body::<ReserveCache>(bytes)
            .and_then(|request| check(&request.key, &request.version).map(|()| request));
        let request = match checked {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        let place = self.own(&request.key, &request.version);
        if self.space.entry(&place).await?.is_some() {
            return Ok(taken(&request.key));
        }
        let upload = self.space.upload(&place, request.number);
        Ok(json(&Reserved { upload }))
    }

    pub(crate) async fn put_part(
        &self,
        query: Option<&str>,
        bytes: &[u8],
    ) -> Result<CallbackAnswer, PhaseError> {
        self.space.put_part(query, bytes).await
    }

    pub(crate) async fn commit(&self, bytes: &[u8], now: UnixMillis) -> Result<CallbackAnswer, PhaseError> {
        let checked = body::<CommitCache>(bytes)
            .and_then(|request| check(&request.key, &request.version).map(|()| request));
        let request = match checked {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        let place = self.own(&request.key, &request.version);
        if let Err(refusal) = self.space.check(&place, &request.archive).await? {
            return Ok(refusal);
        }
        let entry = self.space.new_entry(&request.key, request.archive);
        let key = self.space.entry_key(&place);
        if !self.space.blobs.put_new(&key, encoded(&entry)?).await?
            && self.space.entry(&place).await?.as_ref() != Some(&entry)
        {
            return Ok(taken(&request.key));
        }
        self.evict(now).await?;
        Ok(answer(200, "stored"))
    }

    /// GitHub docs, "Cache key matching": scope by scope; the key itself, then the newest that begins with it, then for each
    /// restore key the newest that begins with it.
    pub(crate) async fn find(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let request: FindCache = match body(bytes) {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        if request.keys.is_empty() || request.keys.len() > CACHE_KEYS {
            return Ok(answer(400, format!("there are 1 to {CACHE_KEYS} keys")));
        }
        for key in &request.keys {
            if let Err(refusal) = check(key, &request.version) {
                return Ok(refusal);
            }
        }
        for scope in &self.scopes {
            for key in &request.keys {
                if let Some(entry) = self.newest(scope, &request.version, key).await? {
                    let found = Cache {
                        key: entry.name,
                        scope: scope.clone(),
                        archive: entry.archive,
                    };
                    return Ok(json(&FoundCache { found: Some(found) }));
                }
            }
        }
        Ok(json(&FoundCache { found: None }))
    }

    /// The entry of this key, else the newest whose key begins with it.
    async fn newest(&self, scope: &str, version: &str, key: &str) -> Result<Option<Entry>, PhaseError> {
        let start = format!("{}/{}", shelf(scope, version), place::path(key));
        if let Some(entry) = self.space.entry(&start).await? {
            return Ok(Some(entry));
        }
        let prefix = format!("{}/entries/{start}", self.space.prefix);
        let mut found = self.space.blobs.describe(&prefix).await?;
        found.sort_by_key(|blob| std::cmp::Reverse(blob.modified));
        for blob in found {
            let bytes = self.space.blobs.get(&blob.key).await?;
            if let Some(entry) = bytes.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok()) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    pub(crate) async fn read(&self, bytes: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let request: ReadCache = match body(bytes) {
            Ok(request) => request,
            Err(refusal) => return Ok(refusal),
        };
        if let Err(refusal) = check(&request.key, &request.version) {
            return Ok(refusal);
        }
        if !self.scopes.contains(&request.scope) {
            return Ok(answer(403, "the run has no business with the caches of that ref"));
        }
        let place = format!(
            "{}/{}",
            shelf(&request.scope, &request.version),
            place::path(&request.key)
        );
        self.space.read(&place, request.part).await
    }

    /// Removes the oldest caches of the repository until the others are within its limit, and parts that nobody made an
    /// archive of.
    async fn evict(&self, now: UnixMillis) -> Result<(), PhaseError> {
        let blobs = self
            .space
            .blobs
            .describe(&format!("{}/", self.space.prefix))
            .await?;
        for key in doomed(&self.space.prefix, &blobs, now) {
            self.space.blobs.delete(&key).await?;
        }
        Ok(())
    }
}

fn taken(key: &str) -> CallbackAnswer {
    answer(
        409,
        format!("there is a cache with the key {key} already; a cache is never changed"),
    )
}

/// What is to go, entries before their parts.
fn doomed(prefix: &str, blobs: &[BlobInfo], now: UnixMillis) -> Vec<String> {
    let (entries, data) = (format!("{prefix}/entries/"), format!("{prefix}/data/"));
    let mut parts: BTreeMap<&str, Vec<&BlobInfo>> = BTreeMap::new();
    for blob in blobs {
        if let Some(owner) = blob.key.strip_prefix(&data).and_then(|rest| rest.get(..16)) {
            parts.entry(owner).or_default().push(blob);
        }
    }
    let mut kept: Vec<&BlobInfo> = blobs
        .iter()
        .filter(|blob| blob.key.starts_with(&entries))
        .collect();
    kept.sort_by_key(|blob| blob.modified);
    let mut doomed = Vec::new();
    let mut owned: BTreeMap<String, u64> = BTreeMap::new();
    for entry in &kept {
        let owner = place::hash(&entry.key);
        let bytes = parts
            .get(owner.as_str())
            .map_or(0, |parts| parts.iter().map(|part| part.bytes).sum());
        owned.insert(owner, bytes);
    }
    let mut total: u64 = owned.values().sum();
    for entry in kept {
        if total <= CACHES_BYTES {
            break;
        }
        let owner = place::hash(&entry.key);
        total -= owned.remove(&owner).unwrap_or(0);
        doomed.push(entry.key.clone());
        let gone = parts.remove(owner.as_str()).unwrap_or_default();
        doomed.extend(gone.into_iter().map(|part| part.key.clone()));
    }
    let is_old = |part: &&&BlobInfo| part.modified + ARCHIVE_ORPHAN < now;
    for (_, orphans) in parts.iter().filter(|(owner, _)| !owned.contains_key(**owner)) {
        doomed.extend(orphans.iter().filter(is_old).map(|part| part.key.clone()));
    }
    doomed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_orphans_when_they_are_old() {
        let blob = |key: String, bytes: u64, hours: u64| BlobInfo {
            key,
            bytes,
            modified: UnixMillis(hours * 3_600_000),
        };
        let entry = |name: &str| format!("caches/1/entries/s/v/{name}.json");
        let part = |name: &str| format!("caches/1/data/{}-job-1-0/00000", place::hash(&entry(name)));
        let third = CACHES_BYTES / 3 + 1;
        let blobs = vec![
            blob(entry("new"), 9, 50),
            blob(part("new"), third, 50),
            blob(entry("old"), 9, 10),
            blob(part("old"), third, 10),
            blob(entry("older"), 9, 5),
            blob(part("older"), third, 5),
            blob(part("lost"), 7, 20),
            blob(part("under way"), 7, 49),
        ];
        let now = UnixMillis(60 * 3_600_000);
        assert_eq!(
            doomed("caches/1", &blobs, now),
            [entry("older"), part("older"), part("lost")]
        );
        assert_eq!(doomed("caches/1", &blobs[..4], now), Vec::<String>::new());
    }
}
