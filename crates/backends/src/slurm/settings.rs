//! What a Slurm backend is made with, and which settings a job gets.

use checkmill_core::{Millis, UnixMillis};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The time, from whoever makes the backend.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// A cluster, reached through slurmrestd.
#[derive(Clone)]
pub struct SlurmSettings {
    /// The backend's name in a deployment; in errors and with each job.
    pub name: String,
    pub server: Server,
    pub version: ApiVersion,
    pub credentials: Credentials,
    /// Whose jobs they are where no row says another.
    pub user: String,
    /// The agent on the compute nodes: an absolute path.
    pub agent: AgentOnNode,
    /// A directory that this machine and the nodes both see. Attempts have their directories in it.
    pub shared_directory: Option<PathBuf>,
    /// The environment of each job, beside what Slurm adds.
    pub environment: BTreeMap<String, String>,
    /// Whether slurmrestd has an accounting database behind it.
    pub accounting: bool,
    /// Whether its agents reach our callback.
    pub callback: bool,
    /// Whether its nodes have a container engine.
    pub containers: bool,
    pub rows: Vec<Row>,
    /// For one request.
    pub request: Millis,
    pub now: Now,
}

/// The words that start the agent on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentOnNode {
    pub program: String,
    /// `agent` where the program is `checkmill`.
    pub arguments: Vec<String>,
}

/// Where slurmrestd listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// `http://HOST:PORT` or `https://…`, without a slash at its end.
    Http(String),
    Unix(PathBuf),
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("{} is not an absolute path", path.display()))
            };
        }
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(host) if host.contains('@') => Err("a URL with a password does not belong here".to_owned()),
            Some(host) if !host.trim_end_matches('/').is_empty() => {
                Ok(Self::Http(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(format!(
                "{text:?} is not http://HOST:PORT, https://HOST:PORT or unix:///PATH"
            )),
        }
    }
}

/// Of slurmrestd's API. Slurm's releases have three or four of them at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(u32);

impl ApiVersion {
    /// Slurm 20.11.
    const OLDEST: u32 = 36;

    /// From 0.0.39 on the API is made of Slurm's own parsers (`data_parser`): arrays and objects where text and plain numbers
    /// were.
    pub(super) const fn is_parsed(self) -> bool {
        self.0 >= 39
    }

    /// From 23.11 on, TRES are written `gres/gpu` and no more `gres:gpu`.
    pub(super) const fn has_slashed_tres(self) -> bool {
        self.0 >= 40
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v0.0.{}", self.0)
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("v0.0.").and_then(|number| number.parse().ok());
        number
            .filter(|number| (Self::OLDEST..1000).contains(number))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{text:?} is no version of slurmrestd's API from v0.0.{} on",
                    Self::OLDEST
                )
            })
    }
}

/// What slurmrestd is shown.
#[derive(Clone)]
pub enum Credentials {
    /// A token that somebody else makes and renews, read anew each time.
    Token(Secret),
    /// The cluster's JWT key: tokens are made of it for whichever user.
    Key(Secret),
}

/// Reads a secret; an error is a sentence without it.
pub type Secret = Arc<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// A token as it is sent.
pub(super) type Token = SecretString;

/// Settings for the jobs that a row is about. Of several rows each adds to those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// In lower case; none for every job.
    pub label: Option<String>,
    /// `owner/name`, `owner/*`, in lower case; none for every job.
    pub repository: Option<String>,
    pub job: JobSettings,
}

/// As sbatch's options of the same names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobSettings {
    pub user: Option<String>,
    pub partition: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    pub reservation: Option<String>,
    pub constraint: Option<String>,
    /// `--gres`, such as `gpu:a100:2`.
    pub gres: Option<String>,
    pub cpus: Option<u32>,
    pub memory_mb: Option<u64>,
    pub nodes: Option<u32>,
    pub time_limit_minutes: Option<u32>,
    pub exclusive: Option<bool>,
}

impl Row {
    fn is_about(&self, labels: &[String], repository: &str) -> bool {
        let label = self.label.as_ref();
        let wants = |label: &String| labels.iter().any(|asked| asked.to_lowercase() == *label);
        label.is_none_or(wants)
            && self
                .repository
                .as_ref()
                .is_none_or(|glob| is_repository(glob, &repository.to_lowercase()))
    }
}

fn is_repository(glob: &str, repository: &str) -> bool {
    match glob.strip_suffix('*') {
        Some(owner) => repository.starts_with(owner),
        None => glob == repository,
    }
}

impl JobSettings {
    /// Of all rows that are about a job, merged in order: what a later one says counts.
    #[must_use]
    pub fn of(rows: &[Row], labels: &[String], repository: &str) -> Self {
        let about = rows.iter().filter(|row| row.is_about(labels, repository));
        about.fold(Self::default(), |merged, row| merged.and_then(&row.job))
    }

    fn and_then(self, later: &Self) -> Self {
        fn last<T: Clone>(later: &Option<T>, earlier: Option<T>) -> Option<T> {
            later.clone().or(earlier)
        }
        Self {
            user: last(&later.user, self.user),
            partition: last(&later.partition, self.partition),
            account: last(&later.account, self.account),
            qos: last(&later.qos, self.qos),
            reservation: last(&later.reservation, self.reservation),
            constraint: last(&later.constraint, self.constraint),
            gres: last(&later.gres, self.gres),
            cpus: last(&later.cpus, self.cpus),
            memory_mb: last(&later.memory_mb, self.memory_mb),
            nodes: last(&later.nodes, self.nodes),
            time_limit_minutes: last(&later.time_limit_minutes, self.time_limit_minutes),
            exclusive: last(&later.exclusive, self.exclusive),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_merged_in_order() {
        let row = |label: Option<&str>, repository: Option<&str>, job: JobSettings| Row {
            label: label.map(str::to_owned),
            repository: repository.map(str::to_owned),
            job,
        };
        let partition = |name: &str| Some(name.to_owned());
        let rows = [
            row(
                None,
                None,
                JobSettings {
                    partition: partition("ci"),
                    cpus: Some(2),
                    ..JobSettings::default()
                },
            ),
            row(
                Some("32gb"),
                None,
                JobSettings {
                    partition: partition("big"),
                    memory_mb: Some(32_768),
                    ..JobSettings::default()
                },
            ),
            row(
                None,
                Some("octo/*"),
                JobSettings {
                    user: Some("octo".to_owned()),
                    ..JobSettings::default()
                },
            ),
            row(
                Some("32gb"),
                Some("octo/hello"),
                JobSettings {
                    cpus: Some(8),
                    ..JobSettings::default()
                },
            ),
        ];
        let of = |labels: &[&str], repository: &str| {
            let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
            let job = JobSettings::of(&rows, &labels, repository);
            (job.partition.unwrap(), job.cpus.unwrap(), job.memory_mb, job.user)
        };
        let octo = Some("octo".to_owned());
        assert_eq!(of(&["slurm"], "ann/x"), ("ci".to_owned(), 2, None, None));
        assert_eq!(
            of(&["slurm", "32GB"], "ann/x"),
            ("big".to_owned(), 2, Some(32_768), None)
        );
        assert_eq!(
            of(&["32gb"], "Octo/Hello"),
            ("big".to_owned(), 8, Some(32_768), octo.clone())
        );
        assert_eq!(of(&[], "octo/other"), ("ci".to_owned(), 2, None, octo));
        assert_eq!(of(&[], "octopus/other"), ("ci".to_owned(), 2, None, None));
    }

    #[test]
    fn servers_and_versions_are_read() {
        assert_eq!(
            "http://head:6820/".parse(),
            Ok(Server::Http("http://head:6820".to_owned()))
        );
        assert_eq!("unix:///run/rest".parse(), Ok(Server::Unix("/run/rest".into())));
        for wrong in ["head:6820", "http://", "unix:rest", "http://u:p@head", ""] {
            assert!(wrong.parse::<Server>().is_err(), "{wrong}");
        }
        assert_eq!("v0.0.38".parse::<ApiVersion>().unwrap().to_string(), "v0.0.38");
        for wrong in ["0.0.38", "v0.0.35", "v0.0.x", "v0.1.0", ""] {
            assert!(wrong.parse::<ApiVersion>().is_err(), "{wrong}");
        }
    }
}
