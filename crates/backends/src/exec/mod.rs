//! Any program as a backend: one process for each call, JSON on its standard input and output.
//!
//! Kubernetes, Nomad, a machine behind ssh or a house's own system are added by a script of some lines, without a change here.
//! What they are asked is the port's: each call may come again, and starts nothing twice.

mod process;
pub mod protocol;
mod serve;
#[cfg(test)]
mod tests;

pub use serve::{Answer, serve};

use crate::port::{Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission};
use async_trait::async_trait;
use checkmill_core::Millis;
use checkmill_core::limits::LOG_CHUNK_BYTES;
use protocol::{Call, Done, Listed, LogPart, Polled, Request, ResultFile, SubmitCall, Submitted};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::path::PathBuf;

/// How long a call may take where nothing else is said: a phase has a minute, and the forge wants some of it.
pub const CALL: Millis = Millis::from_secs(30);

/// Of a job's id: it is kept in the job's row.
const ID_BYTES: usize = 512;

/// The program, and what can't be asked of it.
#[derive(Debug, Clone)]
pub struct ExecSettings {
    /// The backend's name in a deployment; in errors and with each job.
    pub name: String,
    pub program: PathBuf,
    /// Before the verb.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: Vec<(OsString, OsString)>,
    pub capabilities: Capabilities,
    /// Past it a call has failed, and what is left of its processes is killed.
    pub call: Millis,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct ExecBackend {
    settings: ExecSettings,
}

impl ExecBackend {
    #[must_use]
    pub const fn new(settings: ExecSettings) -> Self {
        Self { settings }
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, BackendError> {
        let verb = call.verb();
        let request = Request {
            version: protocol::VERSION,
            call,
        };
        let answer = process::run(&self.settings, &request).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            self.refused(format!(
                "its answer to {verb} is not what docs/exec-backend.md asks for: {}; it printed {}",
                process::hidden(&error.to_string(), &request),
                process::shown(&answer, &request)
            ))
        })
    }

    fn refused(&self, detail: String) -> BackendError {
        BackendError::Refused {
            backend: self.settings.name.clone(),
            detail,
        }
    }
}

#[async_trait]
impl Backend for ExecBackend {
    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        let description = serde_json::from_slice(&submission.description)
            .map_err(|error| self.refused(format!("the job's description is no JSON: {error}")))?;
        let secrets = submission.secrets.iter();
        let call = Call::Submit(Box::new(SubmitCall {
            key: submission.key.to_string(),
            name: submission.name.clone(),
            labels: submission.labels.clone(),
            queue_timeout_ms: submission.queue_timeout.0,
            run_timeout_ms: submission.run_timeout.0,
            description,
            secrets: secrets
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect(),
        }));
        let Submitted { id } = self.call(call).await?;
        if id.is_empty() || id.len() > ID_BYTES {
            return Err(self.refused(format!(
                "its answer to submit has an id of {} bytes; it has 1 to {ID_BYTES}",
                id.len()
            )));
        }
        Ok(id)
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let Polled { states } = self.call(Call::Poll { ids: ids.to_vec() }).await?;
        if states.len() != ids.len() {
            return Err(self.refused(format!(
                "its answer to poll has {} states for {} ids",
                states.len(),
                ids.len()
            )));
        }
        Ok(states.into_iter().map(Into::into).collect())
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        let Done {} = self.call(Call::Cancel { id: id.to_owned() }).await?;
        Ok(())
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        let part: LogPart = self
            .call(Call::Log {
                id: id.to_owned(),
                offset,
                limit: LOG_CHUNK_BYTES,
            })
            .await?;
        Ok(LogChunk {
            next_offset: offset + part.base64.len() as u64,
            bytes: part.base64,
            complete: part.complete,
        })
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let ResultFile { result } = self.call(Call::Result { id: id.to_owned() }).await?;
        Ok(result.map(|result| result.to_string().into_bytes()))
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        let Listed { jobs } = self.call(Call::List {}).await?;
        let owned = jobs.into_iter().filter_map(|job| {
            let Ok(key) = job.key.parse() else {
                // Somebody else's: it must not hide ours.
                tracing::warn!(backend = %self.settings.name, key = %job.key, "a job is listed that no submit made");
                return None;
            };
            Some(Owned {
                key,
                id: job.id,
                live: job.live,
            })
        });
        Ok(owned.collect())
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        let Done {} = self.call(Call::Discard { id: id.to_owned() }).await?;
        Ok(())
    }
}
