//! Blobs as files below the data directory.

use async_trait::async_trait;
use checkmill_core::UnixMillis;
use checkmill_phases::ports::{BlobInfo, Blobs, StoreError};
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

/// Files named by their keys. A file appears whole or not at all, also across a crash: it is written beside its place, synced
/// and renamed.
#[derive(Debug, Clone)]
pub(crate) struct FileBlobs {
    root: PathBuf,
}

impl FileBlobs {
    #[must_use]
    pub(crate) const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The file of a key; refuses one that would leave the directory.
    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        let plain = Path::new(key)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if plain && !key.is_empty() {
            Ok(self.root.join(key))
        } else {
            Err(StoreError::Corrupt(format!("{key:?} is not a blob's name")))
        }
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Transient(format!("{} can't be {what}: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| failed("created", parent, &error))?;
    let mut file =
        tempfile::NamedTempFile::new_in(parent).map_err(|error| failed("written", path, &error))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_data())
        .map_err(|error| failed("written", path, &error))?;
    file.persist(path)
        .map_err(|error| failed("written", path, &error.error))?;
    Ok(())
}

/// Creates the file unless it is there.
fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| failed("created", parent, &error))?;
    let mut file =
        tempfile::NamedTempFile::new_in(parent).map_err(|error| failed("written", path, &error))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_data())
        .map_err(|error| failed("written", path, &error))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed("written", path, &error.error)),
    }
}

fn info(root: &Path, key: String) -> Option<BlobInfo> {
    // One that has gone meanwhile is none.
    let data = std::fs::metadata(root.join(&key)).ok()?;
    let since = data.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(BlobInfo {
        key,
        bytes: data.len(),
        modified: UnixMillis(u64::try_from(since.as_millis()).ok()?),
    })
}

fn list(root: &Path, dir: &Path, keys: &mut Vec<String>) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            list(root, &path, keys)?;
        } else if let Some(key) = path.strip_prefix(root).ok().and_then(Path::to_str)
            && !entry.file_name().to_string_lossy().starts_with(".tmp")
        {
            keys.push(key.to_owned());
        }
    }
    Ok(())
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(key)?;
        tokio::task::spawn_blocking(move || write(&path, &bytes))
            .await
            .map_err(|error| StoreError::Transient(error.to_string()))?
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key)?;
        match tokio::fs::read(&path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path, &error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let dir = match prefix.rsplit_once('/') {
            Some((dir, _)) => self.path(dir)?,
            None => self.root.clone(),
        };
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        tokio::task::spawn_blocking(move || {
            let mut keys = Vec::new();
            list(&root, &dir, &mut keys).map_err(|error| failed("listed", &dir, &error))?;
            keys.retain(|key| key.starts_with(&prefix));
            keys.sort_unstable();
            Ok(keys)
        })
        .await
        .map_err(|error| StoreError::Transient(error.to_string()))?
    }

    async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let path = self.path(key)?;
        tokio::task::spawn_blocking(move || write_new(&path, &bytes))
            .await
            .map_err(|error| StoreError::Transient(error.to_string()))?
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        match tokio::fs::remove_file(&path).await {
            Ok(()) => {
                // Directories go with their last file; the others refuse.
                for dir in path.ancestors().skip(1).take_while(|dir| *dir != self.root) {
                    if tokio::fs::remove_dir(dir).await.is_err() {
                        break;
                    }
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("removed", &path, &error)),
        }
    }

    async fn describe(&self, prefix: &str) -> Result<Vec<BlobInfo>, StoreError> {
        let keys = self.list(prefix).await?;
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || keys.into_iter().filter_map(|key| info(&root, key)).collect())
            .await
            .map_err(|error| StoreError::Transient(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blobs_are_kept_listed_and_confined() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::new(dir.path().join("blobs"));
        assert_eq!(blobs.get("runs/a/log").await, Ok(None));
        assert_eq!(blobs.list("runs/").await, Ok(vec![]));
        for key in ["runs/a/2", "runs/a/1", "runs/ab/1", "runs/b"] {
            blobs.put(key, key.as_bytes().to_vec()).await.unwrap();
        }
        blobs.put("runs/b", b"again".to_vec()).await.unwrap();
        assert_eq!(blobs.get("runs/b").await, Ok(Some(b"again".to_vec())));
        assert_eq!(
            blobs.list("runs/a/").await,
            Ok(vec!["runs/a/1".to_owned(), "runs/a/2".to_owned()])
        );
        assert_eq!(blobs.put_new("runs/b", b"third".to_vec()).await, Ok(false));
        assert_eq!(blobs.put_new("runs/c", b"new".to_vec()).await, Ok(true));
        let described = blobs.describe("runs/").await.unwrap();
        let seen: Vec<_> = described
            .iter()
            .map(|blob| (blob.key.as_str(), blob.bytes))
            .collect();
        assert_eq!(
            seen,
            [
                ("runs/a/1", 8),
                ("runs/a/2", 8),
                ("runs/ab/1", 9),
                ("runs/b", 5),
                ("runs/c", 3)
            ]
        );
        assert!(described.iter().all(|blob| blob.modified.0 > 1_600_000_000_000));
        for _ in 0..2 {
            blobs.delete("runs/c").await.unwrap();
        }
        assert_eq!(blobs.get("runs/c").await, Ok(None));
        for key in ["../out", "/etc/passwd", "", "a/../../b"] {
            assert!(
                matches!(blobs.put(key, vec![]).await, Err(StoreError::Corrupt(_))),
                "{key}"
            );
        }
    }
}
