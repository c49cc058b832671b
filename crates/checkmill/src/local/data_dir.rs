//! The data directory: what it holds, and the lock that keeps a second process out of it.

use anyhow::{Context as _, bail};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A data directory that this process owns until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory where needed, readable by its owner only, and locks it.
    ///
    /// # Errors
    /// When it can't be written, or another Checkmill works in it.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        create_private(root)?;
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("The lock file {} can't be opened.", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "Another Checkmill is at work in {}. Stop it first, or name another directory with --data.",
                root.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("{} can't be locked.", path.display()));
            }
        }
        let root = root
            .canonicalize()
            .with_context(|| format!("{} can't be resolved.", root.display()))?;
        Ok(Self { root, _lock: lock })
    }

    /// The embedded DynamoDB's file.
    #[must_use]
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store.db")
    }

    /// Workflow sources, logs and results.
    #[must_use]
    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// The process backend's directories.
    #[must_use]
    pub(crate) fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }
}

/// A directory that only its owner can read: logs and checkouts of private repositories lie in it.
pub(crate) fn create_private(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("The directory {} can't be created.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let refused = DataDir::open(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("Another Checkmill is at work"), "{refused}");
        drop(first);
        DataDir::open(dir.path()).unwrap();
    }
}
