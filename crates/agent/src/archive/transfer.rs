//! Bringing archives to Checkmill and back, part by part.

use crate::callback::client::{CallFault, Client};
use checkmill_core::limits::ARCHIVE_PART_BYTES;
use checkmill_workflow::archive::Archive;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Artifacts or caches, as the callback's paths have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Artifacts,
    Caches,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Artifacts => "artifacts",
            Self::Caches => "caches",
        }
    }
}

/// Why nothing was brought over. Each is a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferFault {
    /// With the reason that Checkmill gives.
    #[error("{message}")]
    Refused { status: u16, message: String },
    #[error("Checkmill could not be reached: {0}")]
    Unreachable(String),
    #[error("{0}")]
    Local(String),
}

impl TransferFault {
    /// The name or key is in use.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}

impl From<io::Error> for TransferFault {
    fn from(error: io::Error) -> Self {
        Self::Local(format!("a file of the archive failed: {error}"))
    }
}

/// Calls of one kind; those that reach nobody are tried again.
pub struct Transfer<'a> {
    pub client: &'a Client,
    pub kind: Kind,
    pub retry_delays: &'a [Duration],
}

impl Transfer<'_> {
    /// Asks, in JSON.
    ///
    /// # Errors
    /// See [`TransferFault`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        act: &str,
        request: &impl Serialize,
    ) -> Result<T, TransferFault> {
        let body = serde_json::to_vec(request).map_err(|error| TransferFault::Local(error.to_string()))?;
        let answer = self.call(act, "application/json", body).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            TransferFault::Unreachable(format!("its answer is not what belongs here: {error}"))
        })
    }

    async fn call(&self, act: &str, content: &str, body: Vec<u8>) -> Result<Vec<u8>, TransferFault> {
        let path = format!("{}/{act}", self.kind.path());
        let mut delays = self.retry_delays.iter();
        loop {
            let fault = match self.client.exchange(&path, content, body.clone()).await {
                Ok((200..300, answer)) => return Ok(answer),
                Ok((status, answer)) => {
                    return Err(TransferFault::Refused {
                        status,
                        message: message(&answer),
                    });
                }
                Err(CallFault::Unreachable(problem)) => problem,
                Err(fault @ CallFault::Refused(_)) => fault.to_string(),
            };
            match delays.next() {
                Some(delay) => tokio::time::sleep(*delay).await,
                None => return Err(TransferFault::Unreachable(fault)),
            }
        }
    }

    /// Sends the file; of how many parts it is.
    ///
    /// # Errors
    /// See [`TransferFault`].
    pub async fn send(&self, upload: &str, file: &Path) -> Result<u32, TransferFault> {
        let mut file = File::open(file).await?;
        let mut parts = 0;
        loop {
            let mut part = Vec::with_capacity(ARCHIVE_PART_BYTES);
            (&mut file)
                .take(ARCHIVE_PART_BYTES as u64)
                .read_to_end(&mut part)
                .await?;
            if part.is_empty() {
                return Ok(parts);
            }
            let act = format!("part?upload={upload}&part={parts}");
            self.call(&act, "application/octet-stream", part).await?;
            parts += 1;
        }
    }

    /// Gets an archive into a file. `request` asks for one part.
    ///
    /// # Errors
    /// See [`TransferFault`]; also an archive that is not what was stored.
    pub async fn fetch<R: Serialize>(
        &self,
        archive: &Archive,
        target: &Path,
        request: impl Fn(u32) -> R,
    ) -> Result<(), TransferFault> {
        let mut file = File::create(target).await?;
        let mut hash = Sha256::new();
        for part in 0..archive.parts {
            let body = serde_json::to_vec(&request(part))
                .map_err(|error| TransferFault::Local(error.to_string()))?;
            let bytes = self.call("read", "application/json", body).await?;
            hash.update(&bytes);
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        if hex::encode(hash.finalize()) == archive.sha256 {
            Ok(())
        } else {
            Err(TransferFault::Local(
                "what came is not what was stored (its SHA-256 is another)".to_owned(),
            ))
        }
    }
}

/// The sentence of a refusal.
fn message(answer: &[u8]) -> String {
    let parsed = serde_json::from_slice::<serde_json::Value>(answer).ok();
    let message = parsed.as_ref().and_then(|value| value.get("message")?.as_str());
    message.unwrap_or("Checkmill refuses without a reason").to_owned()
}
