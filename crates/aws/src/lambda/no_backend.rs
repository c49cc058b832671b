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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lambda::Deployment;
    use crate::settings::Settings;

    fn backends(more: &[(&str, &str)]) -> checkmill_backends::registry::Backends {
        let lambda = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ];
        let variables = lambda
            .iter()
            .chain(more)
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Deployment::new(Settings::read(variables.collect(), &[]).unwrap()).backends()
    }

    fn submission() -> Submission {
        Submission {
            key: "0a1b2c3d-0123456789abcdef-01234567-1".parse().unwrap(),
            name: "CI / test".to_owned(),
            description: Vec::new(),
            secrets: Vec::new(),
            labels: Vec::new(),
            queue_timeout: checkmill_core::Millis(1),
            run_timeout: checkmill_core::Millis(1),
        }
    }

    #[tokio::test]
    async fn a_function_on_aws_refuses_jobs_and_names_the_alternatives() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("attempts");
        let process = [
            ("CHECKMILL_PROCESS_ROOT", root.to_str().unwrap()),
            ("CHECKMILL_AGENT", "/agent"),
        ];
        for more in [&[][..], &process] {
            let (_, backend) = backends(more)
                .for_labels(&[])
                .map(|(n, b)| (n.to_owned(), b))
                .unwrap();
            let error = backend.submit(&submission()).await.unwrap_err();
            assert!(matches!(error, BackendError::Refused { .. }), "{error}");
            assert!(error.to_string().contains("checkmill serve"), "{error}");
            let id = ["0a1b2c3d-0123456789abcdef-01234567-1".to_owned()];
            assert_eq!(backend.poll(&id).await, Ok(vec![BackendState::Unknown]));
            assert_eq!(backend.list().await, Ok(vec![]));
        }
        assert!(!root.exists());
    }

    #[test]
    fn an_emulators_function_has_the_process_backend() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("attempts");
        let more = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("CHECKMILL_PROCESS_ROOT", root.to_str().unwrap()),
            ("CHECKMILL_AGENT", "/agent"),
        ];
        assert!(backends(&more).by_name("process").is_some());
        assert!(backends(&more[..1]).by_name(NAME).is_some());
    }
}
