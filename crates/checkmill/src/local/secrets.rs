//! Secrets of jobs in a directory: `OWNER.json` and `OWNER/REPOSITORY.json`.

use async_trait::async_trait;
use checkmill_core::RepoName;
use checkmill_phases::ports::{SecretFiles, Secrets, StoreError};
use secrecy::SecretString;
use std::io::ErrorKind;
use std::path::PathBuf;

/// None where no directory is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSecrets(Option<PathBuf>);

impl FileSecrets {
    pub(crate) const fn new(directory: Option<PathBuf>) -> Self {
        Self(directory)
    }

    /// Read anew for each job, so that a change counts for the next one.
    async fn file(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let Some(directory) = &self.0 else { return Ok(None) };
        // In lower case: GitHub's names know none.
        let path = directory.join(format!("{}.json", name.to_ascii_lowercase()));
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => Ok(Some(text.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Transient(format!(
                "{} can't be read: {error}",
                path.display()
            ))),
        }
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
