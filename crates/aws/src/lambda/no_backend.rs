//! The backend of a deployment that has none: it takes no job and says why on the job's check, so that a push to such a
//! deployment is answered by something people can act on.

use async_trait::async_trait;
use checkmill_backends::port::{
    Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission,
};

pub(super) const NAME: &str = "none";

pub(super) struct NoBackend {
    pub(super) why: BackendError,
}

#[async_trait]
impl Backend for NoBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            callback: false,
            batched_poll: true,
            containers: false,
        }
    }

    async fn submit(&self, _submission: &Submission) -> Result<String, BackendError> {
        Err(self.why.clone())
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        Ok(ids.iter().map(|_| BackendState::Unknown).collect())
    }

    async fn cancel(&self, _id: &str) -> Result<(), BackendError> {
        Ok(())
    }

    async fn log(&self, _id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        Ok(LogChunk {
            bytes: Vec::new(),
            next_offset: offset,
            complete: true,
        })
    }

    async fn result(&self, _id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        Ok(Vec::new())
    }

    async fn discard(&self, _id: &str) -> Result<(), BackendError> {
        Ok(())
    }
}
