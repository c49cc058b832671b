//! Secrets of jobs in a directory: `OWNER.json` and `OWNER/REPOSITORY.json`.

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use checkmill_core::RepoName;
use checkmill_phases::ports::{SecretFiles, Secrets, StoreError};
use secrecy::SecretString;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tokio::io::AsyncReadExt as _;

/// Of one file. AWS takes 8 KB.
const FILE_BYTES: u64 = 1024 * 1024;
/// What others than the owner and the group may do.
const OTHERS: u32 = 0o007;

/// None where no directory is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSecrets(Option<PathBuf>);

impl FileSecrets {
    /// # Errors
    /// What is no directory: a job without the secrets that it counts on may do harm.
    pub(crate) fn open(directory: Option<PathBuf>) -> anyhow::Result<Self> {
        if let Some(path) = &directory {
            let shown = path.display();
            let data = std::fs::metadata(path).with_context(|| format!("{shown} can't be used."))?;
            if !data.is_dir() {
                bail!("{shown} is no directory with secrets");
            }
            if data.permissions().mode() & OTHERS != 0 {
                tracing::warn!(directory = %shown, "everybody on this machine may look into the directory of secrets");
            }
        }
        Ok(Self(directory))
    }

    /// Read anew for each job, so that a change counts for the next one.
    async fn file(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        // In lower case: GitHub's names know none.
        let path = directory.join(format!("{}.json", name.to_ascii_lowercase()));
        let read = async {
            let mut text = String::new();
            let file = tokio::fs::File::open(&path).await?;
            file.take(FILE_BYTES + 1).read_to_string(&mut text).await?;
            Ok::<_, Error>(text)
        };
        let problem = match read.await {
            Ok(text) if text.len() as u64 <= FILE_BYTES => return Ok(Some(text.into())),
            Ok(_) => format!("is longer than {} KiB", FILE_BYTES / 1024),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => format!("can't be read: {error}"),
        };
        // Where it is, is for our own log.
        tracing::error!(path = %path.display(), problem, "a file of secrets can't be used");
        Err(StoreError::Corrupt(format!(
            "the secrets of {name}: the file {problem}"
        )))
    }
}

#[async_trait]
impl Secrets for FileSecrets {
    async fn of(&self, repo: &RepoName) -> Result<SecretFiles, StoreError> {
        Ok(SecretFiles {
            owner: self.file(repo.owner()).await?,
            repository: self.file(&repo.to_string()).await?,
        })
    }
}
