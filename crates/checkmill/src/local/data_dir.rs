//! The data directory: what it holds, and the lock that keeps a second process out of it.

use super::system::unguessable;
use anyhow::{Context as _, bail};
use checkmill_core::DeploymentId;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
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

    /// What the jobs of this directory carry on their backends: drawn when it is asked for first, and kept.
    ///
    /// # Errors
    /// When the file can't be read or written, or holds something else.
    pub(crate) fn deployment(&self) -> anyhow::Result<DeploymentId> {
        let path = self.root.join("deployment");
        match fs::read_to_string(&path) {
            Ok(text) => text.trim_end().parse().with_context(|| {
                let path = path.display();
                format!("{path} is broken. Remove it when no job runs: a new one is made.")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = DeploymentId::derive(&format!("{:016x}", unguessable()));
                // Under another name first: whoever is cut off in between leaves no half of it.
                let new = path.with_extension("new");
                fs::write(&new, format!("{id}\n"))
                    .and_then(|()| fs::rename(&new, &path))
                    .with_context(|| format!("{} can't be written.", path.display()))?;
                Ok(id)
            }
            Err(error) => Err(error).with_context(|| format!("{} can't be read.", path.display())),
        }
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
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
    fn a_directory_keeps_the_deployment_that_it_has() {
        let deployment = |dir: &Path| DataDir::open(dir).and_then(|data| data.deployment());
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = deployment(one.path()).unwrap();
        assert_eq!(deployment(one.path()).unwrap(), id);
        assert_ne!(deployment(other.path()).unwrap(), id);
        fs::write(one.path().join("deployment"), "x").unwrap();
        let broken = deployment(one.path()).unwrap_err().to_string();
        assert!(broken.contains("deployment is broken"), "{broken}");
    }

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
