//! Jobs as processes of this machine.
//!
//! Every attempt has a directory under the root (its making is the idempotency key) in which an agent runs, detached from
//! us: it goes on when we are restarted, and whoever opens the same root finds it again. What is true of an attempt is in
//! its directory ([`crate::attempt`]); this object has no state.
//!
//! There is no isolation: a job has the rights of the user that runs us. Use it for code you trust.

mod cancel;
pub(crate) mod files;
mod host;
mod settings;
mod spawn;
mod state;
#[cfg(test)]
mod tests;

pub use host::Host;
pub use settings::{AgentCommand, Now, Orphans, ProcessSettings, START_DEADLINE};

use crate::attempt::{AttemptDir, DirError};
use crate::port::{
    Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission, SubmitKey,
};
use async_trait::async_trait;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use std::fs;
use std::io::{self, PipeReader, PipeWriter};
use std::path::PathBuf;
use std::sync::Arc;

/// The name in errors.
const NAME: &str = "process";

/// See the module.
#[derive(Clone)]
pub struct ProcessBackend {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ProcessSettings,
    /// The root, absolute and without symbolic links.
    root: PathBuf,
    /// Where jobs end with us.
    owner: Option<Owner>,
}

/// By this the agents notice when we are gone, even killed. Our end is closed in every program that we start, so no job holds
/// it open; nothing is ever written to it.
struct Owner {
    _alive: PipeWriter,
    seen_by_agents: PipeReader,
}

impl Owner {
    fn new() -> io::Result<Self> {
        let (seen_by_agents, alive) = io::pipe()?;
        Ok(Self {
            _alive: alive,
            seen_by_agents,
        })
    }
}

impl ProcessBackend {
    /// # Errors
    /// Refuses in a real Lambda, and where the root can't be made or isn't a directory.
    pub fn new(settings: ProcessSettings) -> Result<Self, BackendError> {
        if let Some(refusal) = settings.host.refusal() {
            return Err(refused(refusal));
        }
        let unusable = |error: io::Error| {
            refused(format!(
                "its root {} can't be used: {error}",
                settings.root.display()
            ))
        };
        files::make_private_directory(&settings.root).map_err(unusable)?;
        let root = fs::canonicalize(&settings.root).map_err(unusable)?;
        hide_our_environment();
        if let Err(error) = files::remove_leftovers(&root) {
            tracing::warn!(root = %root.display(), %error, "could not remove what an interrupted discard has left");
        }
        let owner = match settings.orphans {
            Orphans::GoOn => None,
            Orphans::Stop => Some(Owner::new().map_err(|error| refused(format!("it got no pipe: {error}")))?),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                root,
                owner,
            }),
        })
    }

    /// Runs file work where it doesn't hold up others.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, BackendError> + Send + 'static,
    ) -> Result<T, BackendError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(|error| transient(format!("its work was interrupted: {error}")))?
    }
}

impl Inner {
    /// An attempt's directory, which is ours to use: its job, which has our rights, may have taken them away.
    fn attempt(&self, key: &SubmitKey) -> AttemptDir {
        let attempt = AttemptDir::new(self.root.join(key.to_string()));
        if let Err(error) = files::keep_usable(attempt.path()) {
            tracing::warn!(attempt = %attempt.path().display(), %error, "a directory that its job has closed stays so");
        }
        attempt
    }

    /// The directory of an id of ours; none for any other text, so that no id leads out of the root.
    fn find(&self, id: &str) -> Option<AttemptDir> {
        let key: SubmitKey = id.parse().ok()?;
        let attempt = self.attempt(&key);
        (key.to_string() == id && attempt.path().is_dir()).then_some(attempt)
    }

    fn list(&self) -> Result<Vec<Owned>, BackendError> {
        let unreadable = |source: io::Error| {
            let action = "list";
            BackendError::from(DirError {
                action,
                path: self.root.clone(),
                source,
            })
        };
        let mut owned = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let Some(id) = name.to_str() else { continue };
            let (Some(attempt), Ok(key)) = (self.find(id), id.parse()) else {
                continue;
            };
            // One that can't be looked at now must not hide the others; it may live.
            let state = self.state(&attempt).unwrap_or_else(|error| {
                tracing::warn!(attempt = id, %error, "could not see how an attempt stands");
                BackendState::Running
            });
            let live = matches!(state, BackendState::Pending | BackendState::Running);
            owned.push(Owned {
                key,
                id: id.to_owned(),
                live,
            });
        }
        owned.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(owned)
    }

    fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        let Some(attempt) = self.find(id) else {
            return Ok(LogChunk {
                bytes: Vec::new(),
                next_offset: offset,
                complete: true,
            });
        };
        // The state first: a log that is complete now can't grow between the two looks.
        let ended = !matches!(
            self.state(&attempt)?,
            BackendState::Pending | BackendState::Running
        );
        Ok(files::read_log(&attempt, offset, ended)?)
    }

    fn discard(&self, id: &str) -> Result<(), BackendError> {
        let Some(attempt) = self.find(id) else {
            return Ok(());
        };
        if matches!(
            self.state(&attempt)?,
            BackendState::Pending | BackendState::Running
        ) {
            return Err(refused(format!(
                "{id} has not ended; cancel it before it is discarded"
            )));
        }
        Ok(files::remove_attempt(&self.root, &attempt)?)
    }
}

#[async_trait]
impl Backend for ProcessBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: true,
            containers: self.inner.settings.has_engine(),
        }
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        let submission = submission.clone();
        self.blocking(move |inner| inner.submit(&submission)).await
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        let ids = ids.to_vec();
        self.blocking(move |inner| {
            ids.iter()
                .map(|id| {
                    inner
                        .find(id)
                        .map_or(Ok(BackendState::Unknown), |a| inner.state(&a))
                })
                .collect()
        })
        .await
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        let id = id.to_owned();
        self.blocking(move |inner| inner.find(&id).map_or(Ok(()), |attempt| inner.cancel(&attempt)))
            .await
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        let id = id.to_owned();
        self.blocking(move |inner| inner.log(&id, offset)).await
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let id = id.to_owned();
        self.blocking(move |inner| inner.find(&id).map_or(Ok(None), |attempt| Ok(attempt.result()?)))
            .await
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.blocking(Inner::list).await
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        let id = id.to_owned();
        self.blocking(move |inner| inner.discard(&id)).await
    }
}

/// Jobs run as our user and could read our environment, with the App's key in it, from `/proc`; now only root can. (It also
/// means that we leave no core dump, which would hold the same.)
fn hide_our_environment() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "jobs can read this process's environment");
    }
}

fn refused(detail: impl Into<String>) -> BackendError {
    BackendError::Refused {
        backend: NAME.to_owned(),
        detail: detail.into(),
    }
}

fn transient(detail: impl Into<String>) -> BackendError {
    BackendError::Transient {
        backend: NAME.to_owned(),
        detail: detail.into(),
    }
}

/// A file fault may pass (a full disk, too many open files), but for those of rights and form.
impl From<DirError> for BackendError {
    fn from(error: DirError) -> Self {
        match error.source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => refused(error.to_string()),
            _ => transient(error.to_string()),
        }
    }
}
