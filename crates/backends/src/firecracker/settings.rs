//! What a Firecracker backend is made with, and which kind of VM a job gets.

use checkmill_core::Millis;
use std::sync::Arc;

/// A host of microVMs, reached through fcctl-web.
#[derive(Clone)]
pub struct FirecrackerSettings {
    /// The backend's name in a deployment; in errors and with each job.
    pub name: String,
    /// `http://HOST:PORT` or `https://…`, without a slash at its end.
    pub url: String,
    /// The service's JSON Web Token, read anew for each request: somebody renews it.
    pub token: Secret,
    /// What a job gets where no row says another.
    pub vm_type: String,
    pub agent: AgentInVm,
    /// Where attempts have their directories in a VM: an absolute path.
    pub directory: String,
    /// Whether its agents reach our callback.
    pub callback: bool,
    /// Whether its VMs have a container engine.
    pub containers: bool,
    pub rows: Vec<Row>,
    /// For one request; a call into a VM is one.
    pub request: Millis,
    /// How long one submit waits until its VM runs and can be reached.
    pub wait: Millis,
    /// A VM that can't be reached for so long after a submit has first seen it is given up.
    pub boot: Millis,
}

/// Reads a secret; an error is a sentence without it.
pub type Secret = Arc<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// The agent's program in a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInVm {
    /// An absolute path.
    pub program: String,
    /// `agent` where the program is `checkmill`.
    pub arguments: Vec<String>,
    /// Where a VM gets it from when the program is not there.
    pub download: Option<Download>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    pub url: String,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// The kind of VM of the jobs that a row is about. Of several rows the last that says one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// In lower case; none for every job.
    pub label: Option<String>,
    /// `owner/name`, `owner/*`, in lower case; none for every job.
    pub repository: Option<String>,
    pub vm_type: String,
}

impl Row {
    fn is_about(&self, labels: &[String], repository: &str) -> bool {
        let wants = |label: &String| labels.iter().any(|asked| asked.to_lowercase() == *label);
        let of = |glob: &String| match glob.strip_suffix('*') {
            Some(owner) => repository.starts_with(owner),
            None => glob == repository,
        };
        self.label.as_ref().is_none_or(wants) && self.repository.as_ref().is_none_or(of)
    }
}

impl FirecrackerSettings {
    pub(super) fn vm_type_of(&self, labels: &[String], repository: &str) -> &str {
        let repository = repository.to_lowercase();
        let mut from_the_last = self.rows.iter().rev();
        from_the_last
            .find(|row| row.is_about(labels, &repository))
            .map_or(&self.vm_type, |row| &row.vm_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_that_is_about_a_job_counts() {
        let row = |label: Option<&str>, repository: Option<&str>, vm_type: &str| Row {
            label: label.map(str::to_owned),
            repository: repository.map(str::to_owned),
            vm_type: vm_type.to_owned(),
        };
        let settings = FirecrackerSettings {
            name: String::new(),
            url: String::new(),
            token: Arc::new(|| Ok(Vec::new())),
            vm_type: "focal".to_owned(),
            agent: AgentInVm {
                program: String::new(),
                arguments: Vec::new(),
                download: None,
            },
            directory: String::new(),
            callback: false,
            containers: false,
            rows: vec![
                row(Some("rust"), None, "rust-ci"),
                row(None, Some("octo/*"), "octo"),
                row(Some("rust"), Some("octo/hello"), "hello"),
            ],
            request: Millis(0),
            wait: Millis(0),
            boot: Millis(0),
        };
        let of =
            |label: &str, repository: &str| settings.vm_type_of(&[label.to_owned()], repository).to_owned();
        assert_eq!(of("microvm", "ann/x"), "focal");
        assert_eq!(of("RUST", "ann/x"), "rust-ci");
        assert_eq!(of("rust", "Octo/other"), "octo");
        assert_eq!(of("rust", "Octo/Hello"), "hello");
        assert_eq!(of("microvm", "octopus/x"), "focal");
    }
}
