//! The backends of a deployment, and which labels of `runs-on` go to which.

use crate::labels::Labels;
use crate::port::{Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission};
use async_trait::async_trait;
use checkmill_core::MicroDollars;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The table of backends. Every backend in it counts its requests into one counter ([`Backends::requests`]). A job goes to
/// the first that takes its labels.
#[derive(Clone)]
pub struct Backends {
    entries: Vec<Entry>,
    requests: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    labels: Labels,
    backend: Arc<dyn Backend>,
}

impl Backends {
    /// One backend that takes every job. Its name is stored with each job, so it must stay the same for a deployment.
    #[must_use]
    pub fn single(name: impl Into<String>, backend: Arc<dyn Backend>) -> Self {
        Self::only(name, Labels::Any, backend)
    }

    /// One backend that takes the jobs with these labels, and no others.
    #[must_use]
    pub fn only(name: impl Into<String>, labels: Labels, backend: Arc<dyn Backend>) -> Self {
        Self::none().with(name, labels, backend)
    }

    /// No backend: every job is refused.
    #[must_use]
    pub fn none() -> Self {
        Self {
            entries: Vec::new(),
            requests: Arc::new(AtomicU64::new(0)),
        }
    }

    /// One backend more, which is asked after those that are there.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, labels: Labels, backend: Arc<dyn Backend>) -> Self {
        let counted = Counted {
            inner: backend,
            requests: Arc::clone(&self.requests),
        };
        self.entries.push(Entry {
            name: name.into(),
            labels,
            backend: Arc::new(counted),
        });
        self
    }

    /// The backend for a job's `runs-on` labels, with its name; none when no backend takes them.
    #[must_use]
    pub fn for_labels(&self, labels: &[String]) -> Option<(&str, Arc<dyn Backend>)> {
        self.entries
            .iter()
            .find(|entry| entry.labels.take(labels))
            .map(|entry| (entry.name.as_str(), Arc::clone(&entry.backend)))
    }

    /// The backend that has a job, by the name its handle carries; none when the deployment no longer has it.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<Arc<dyn Backend>> {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| Arc::clone(&entry.backend))
    }

    /// What there is, for people: each backend's name and what it takes.
    pub fn offered(&self) -> impl Iterator<Item = String> {
        self.entries
            .iter()
            .map(|entry| format!("{} ({})", entry.name, entry.labels))
    }

    /// Every backend with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Arc<dyn Backend>)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.as_str(), &entry.backend))
    }

    /// Every backend with its name and what it takes.
    pub fn all_with_labels(&self) -> impl Iterator<Item = (&str, &Labels, &Arc<dyn Backend>)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.as_str(), &entry.labels, &entry.backend))
    }

    /// Calls made to all backends so far (`usage.backend_requests`).
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Counts calls on their way to a backend.
struct Counted {
    inner: Arc<dyn Backend>,
    requests: Arc<AtomicU64>,
}

impl Counted {
    fn backend(&self) -> &dyn Backend {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.inner.as_ref()
    }
}

#[async_trait]
impl Backend for Counted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        self.backend().submit(submission).await
    }

    async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
        self.backend().poll(ids).await
    }

    async fn cancel(&self, id: &str) -> Result<(), BackendError> {
        self.backend().cancel(id).await
    }

    async fn log(&self, id: &str, offset: u64) -> Result<LogChunk, BackendError> {
        self.backend().log(id, offset).await
    }

    async fn result(&self, id: &str) -> Result<Option<Vec<u8>>, BackendError> {
        self.backend().result(id).await
    }

    async fn cost(&self, id: &str) -> Result<Option<MicroDollars>, BackendError> {
        // Most know nothing of it and ask nobody: it is no request of theirs.
        self.inner.cost(id).await
    }

    async fn list(&self) -> Result<Vec<Owned>, BackendError> {
        self.backend().list().await
    }

    async fn discard(&self, id: &str) -> Result<(), BackendError> {
        self.backend().discard(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{Architecture, System};

    /// Knows no job.
    struct Empty;

    #[async_trait]
    impl Backend for Empty {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                callback: false,
                containers: false,
            }
        }
        async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
            Ok(submission.key.to_string())
        }
        async fn poll(&self, ids: &[String]) -> Result<Vec<BackendState>, BackendError> {
            Ok(vec![BackendState::Unknown; ids.len()])
        }
        async fn cancel(&self, _: &str) -> Result<(), BackendError> {
            Ok(())
        }
        async fn log(&self, _: &str, offset: u64) -> Result<LogChunk, BackendError> {
            Ok(LogChunk {
                bytes: Vec::new(),
                next_offset: offset,
                complete: true,
            })
        }
        async fn result(&self, _: &str) -> Result<Option<Vec<u8>>, BackendError> {
            Ok(None)
        }
        async fn list(&self) -> Result<Vec<Owned>, BackendError> {
            Ok(Vec::new())
        }
        async fn discard(&self, _: &str) -> Result<(), BackendError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn one_backend_takes_every_label_and_is_found_by_its_name() {
        let backends = Backends::single("process", Arc::new(Empty));
        let (name, _) = backends.for_labels(&["ubuntu-latest".to_owned()]).unwrap();
        assert_eq!(name, "process");
        assert!(backends.by_name("process").is_some());
        assert!(backends.by_name("slurm").is_none());
        assert_eq!(
            backends.all().map(|(name, _)| name).collect::<Vec<_>>(),
            ["process"]
        );
    }

    #[tokio::test]
    async fn labels_of_another_system_have_no_backend() {
        let system = System {
            architecture: Architecture::X64,
        };
        let backends = Backends::only("process", Labels::Of(system), Arc::new(Empty));
        let takes = |label: &str| backends.for_labels(&[label.to_owned()]).is_some();
        assert!(takes("ubuntu-latest") && !takes("windows-latest") && !takes("ubuntu-24.04-arm"));
        assert_eq!(backends.offered().collect::<Vec<_>>(), ["process (Linux on x64)"]);
    }

    #[tokio::test]
    async fn a_job_goes_to_the_first_that_takes_its_labels() {
        let listed = |labels: &[&str]| {
            let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
            Labels::listed(&labels)
        };
        let backends = Backends::none()
            .with("small", listed(&["cpu"]), Arc::new(Empty))
            .with("large", listed(&["cpu", "gpu"]), Arc::new(Empty));
        let taker = |label: &str| {
            let found = backends.for_labels(&[label.to_owned()]);
            found.map(|(name, _)| name.to_owned())
        };
        assert_eq!(taker("cpu").as_deref(), Some("small"));
        assert_eq!(taker("gpu").as_deref(), Some("large"));
        assert_eq!(taker("tpu"), None);
        assert!(Backends::none().for_labels(&[]).is_none());
        backends.by_name("large").unwrap().list().await.unwrap();
        backends.by_name("small").unwrap().list().await.unwrap();
        assert_eq!(backends.requests(), 2);
    }

    #[tokio::test]
    async fn every_call_is_counted_once_and_reading_capabilities_is_none() {
        let backends = Backends::single("process", Arc::new(Empty));
        let (_, backend) = backends.for_labels(&[]).unwrap();
        let _ = backend.capabilities();
        backend.poll(&["a".to_owned(), "b".to_owned()]).await.unwrap();
        backend.list().await.unwrap();
        backends
            .clone()
            .by_name("process")
            .unwrap()
            .discard("a")
            .await
            .unwrap();
        assert_eq!(backends.requests(), 3);
    }
}
