//! What a Lightning backend is made with, and which settings a job gets.

use super::machines::Machines;
use checkmill_core::{Millis, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The time, from whoever makes the backend.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// Reads a secret; an error is a sentence without it.
pub type Secret = Arc<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// A teamspace of Lightning AI.
#[derive(Clone)]
pub struct LightningSettings {
    /// The backend's name in a deployment; in errors and with each job.
    pub name: String,
    /// `https://lightning.ai`, without a slash at its end.
    pub url: String,
    pub credentials: Credentials,
    pub teamspace: Teamspace,
    /// The cloud account (`clusterId`); where there is none, the teamspace's own.
    pub cluster: Option<String>,
    /// The Studio (`cloudspaceId`) that jobs run in; none for jobs of an image.
    pub studio: Option<String>,
    /// Of jobs that name none.
    pub image: String,
    pub agent: AgentInImage,
    pub mounts: Vec<Mount>,
    /// Of jobs whose labels name none: a name or a slug.
    pub machine: String,
    pub machines: Machines,
    /// Labels that mean nothing here, in lower case.
    pub labels: BTreeSet<String>,
    pub rows: Vec<Row>,
    /// The environment of each job, beside the image's own.
    pub environment: BTreeMap<String, String>,
    /// Whether its agents reach our callback.
    pub callback: bool,
    /// Whether the Studio has a container engine. A job of an image is its own container.
    pub containers: bool,
    /// For one request.
    pub request: Millis,
    /// How long after an end its log is waited for.
    pub log_grace: Millis,
    pub now: Now,
}

/// What Lightning is shown. It is read anew for each request, as somebody else may renew it.
#[derive(Clone)]
pub enum Credentials {
    /// A token, or an API key alone.
    Token(Secret),
    /// The API key of this user.
    User { id: String, key: Secret },
}

/// Also "project" in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Teamspace {
    Id(String),
    /// As the user that we are has it in the list of memberships.
    Name(String),
}

/// How a job comes to its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentInImage {
    /// It is there: in the image, the Studio, or mounted ([`Mount`]). The program and the words before its verb.
    Present { program: String, arguments: Vec<String> },
    /// The job fetches it, with whatever the image has for that.
    Fetched {
        url: String,
        /// Of the file, in hexadecimal digits of lower case.
        sha256: String,
    },
}

/// A folder of a data connection of the teamspace in each job (`pathMappings`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub connection: String,
    /// In the connection; empty for all of it.
    pub folder: String,
    /// In the job.
    pub path: String,
}

/// Settings for the jobs that a row is about. Of several rows each adds to those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// In lower case; none for every job.
    pub label: Option<String>,
    /// `owner/name`, `owner/*`, in lower case; none for every job.
    pub repository: Option<String>,
    pub job: JobSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobSettings {
    /// A name or a slug.
    pub machine: Option<String>,
    pub image: Option<String>,
    /// A secret of the teamspace with the registry's password (`imageSecretRef`).
    pub image_secret: Option<String>,
    /// On a machine that may be taken away, whether or not the workflow says so.
    pub interruptible: Option<bool>,
}

impl Row {
    fn is_about(&self, labels: &[String], repository: &str) -> bool {
        let wants = |label: &String| labels.iter().any(|asked| asked.to_lowercase() == *label);
        let repository = repository.to_lowercase();
        let fits = |glob: &String| match glob.strip_suffix('*') {
            Some(owner) => repository.starts_with(owner),
            None => *glob == repository,
        };
        self.label.as_ref().is_none_or(wants) && self.repository.as_ref().is_none_or(fits)
    }
}

/// Labels that ask for nothing but a Linux machine, which a backend takes that lists none; beside them any other `ubuntu-…` is
/// understood where its file lists it.
pub const GENERAL_LABELS: [&str; 7] = [
    "lightning",
    "linux",
    "self-hosted",
    "ubuntu-22.04",
    "ubuntu-24.04",
    "ubuntu-latest",
    "x64",
];

fn is_general(label: &str) -> bool {
    let ubuntu = label.starts_with("ubuntu-") && !label.ends_with("-arm");
    ubuntu || GENERAL_LABELS.contains(&label)
}

impl LightningSettings {
    /// What a job gets, by its labels and repository, with the slug of its machine in the place of the name.
    ///
    /// # Errors
    /// Labels that mean nothing here, as a sentence.
    pub(super) fn of(&self, labels: &[String], repository: &str) -> Result<JobSettings, String> {
        let labels: Vec<String> = labels.iter().map(|label| label.to_lowercase()).collect();
        let about = |row: &&Row| row.is_about(&labels, repository);
        let mut job = JobSettings::default();
        // Who names a machine wants it before what every job gets.
        let named: BTreeSet<&str> = labels
            .iter()
            .filter_map(|label| self.machines.slug(label))
            .collect();
        let mut by_label = None;
        for row in self.rows.iter().filter(about) {
            if row.label.is_some() && row.job.machine.is_some() {
                by_label.clone_from(&row.job.machine);
            }
            job = job.and_then(&row.job);
        }
        let unknown = labels.iter().find(|label| !self.is_known(label));
        if let Some(label) = unknown {
            return Err(format!(
                "no machine or row of its table has the label {label}; {}",
                self.known()
            ));
        }
        let named: Vec<&str> = named.into_iter().collect();
        let machine = match (by_label, &named[..]) {
            (Some(machine), _) => machine,
            (None, [slug]) => (*slug).to_owned(),
            (None, []) => job.machine.unwrap_or_else(|| self.machine.clone()),
            (None, several) => {
                return Err(format!(
                    "its labels name several machines: {}",
                    several.join(", ")
                ));
            }
        };
        let slug = self
            .machines
            .slug(&machine)
            .map_or(machine.clone(), str::to_owned);
        job.machine = Some(slug);
        Ok(job)
    }

    /// `label` is in lower case.
    fn is_known(&self, label: &str) -> bool {
        is_general(label)
            || self.labels.contains(label)
            || self.machines.slug(label).is_some()
            || self.rows.iter().any(|row| row.label.as_deref() == Some(label))
    }

    fn known(&self) -> String {
        let rows = self.rows.iter().filter_map(|row| row.label.clone());
        let labels: BTreeSet<String> = rows.chain(self.labels.iter().cloned()).collect();
        let mut text = format!(
            "it knows {}",
            self.machines.names().collect::<Vec<_>>().join(", ")
        );
        if !labels.is_empty() {
            text.push_str(&format!(
                "; and {}",
                labels.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
        text
    }
}

impl JobSettings {
    fn and_then(self, later: &Self) -> Self {
        Self {
            machine: later.machine.clone().or(self.machine),
            image: later.image.clone().or(self.image),
            image_secret: later.image_secret.clone().or(self.image_secret),
            interruptible: later.interruptible.or(self.interruptible),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rows: Vec<Row>) -> LightningSettings {
        LightningSettings {
            name: "lightning".to_owned(),
            url: "https://lightning.ai".to_owned(),
            credentials: Credentials::Token(Arc::new(|| Ok(b"t".to_vec()))),
            teamspace: Teamspace::Id("p".to_owned()),
            cluster: None,
            studio: None,
            image: "ubuntu:22.04".to_owned(),
            agent: AgentInImage::Present {
                program: "/a".to_owned(),
                arguments: Vec::new(),
            },
            mounts: Vec::new(),
            machine: "CPU".to_owned(),
            machines: Machines::default(),
            labels: ["mine".to_owned()].into(),
            rows,
            environment: BTreeMap::new(),
            callback: false,
            containers: false,
            request: Millis::from_secs(1),
            log_grace: Millis::from_secs(1),
            now: Arc::new(|| UnixMillis(0)),
        }
    }

    fn row(label: Option<&str>, repository: Option<&str>, job: JobSettings) -> Row {
        Row {
            label: label.map(str::to_owned),
            repository: repository.map(str::to_owned),
            job,
        }
    }

    fn on(machine: &str) -> JobSettings {
        JobSettings {
            machine: Some(machine.to_owned()),
            ..JobSettings::default()
        }
    }

    #[test]
    fn labels_choose_the_machine() {
        let plain = settings(Vec::new());
        let rows = settings(vec![
            row(None, None, on("CPU_X_8")),
            row(Some("gpu"), None, on("L4_X_2")),
            row(Some("l4"), Some("octo/*"), on("lit-l4-9")),
        ]);
        let of = |settings: &LightningSettings, labels: &[&str], repository: &str| {
            let labels: Vec<_> = labels.iter().map(|label| (*label).to_owned()).collect();
            settings.of(&labels, repository).map(|job| job.machine.unwrap())
        };
        for (settings, labels, repository, slug) in [
            (&plain, &["CPU"][..], "o/r", "cpu-4"),
            (&plain, &[], "o/r", "cpu-4"),
            (&plain, &["ubuntu-latest"], "o/r", "cpu-4"),
            (&plain, &["lightning", "A100_X_4"], "o/r", "lit-a100-4"),
            (&plain, &["mine"], "o/r", "cpu-4"),
            (&rows, &["ubuntu-latest"], "o/r", "cpu-8"),
            (&rows, &["l4"], "o/r", "lit-l4-1"),
            (&rows, &["gpu"], "o/r", "lit-l4-2"),
            (&rows, &["L4"], "Octo/x", "lit-l4-9"),
        ] {
            assert_eq!(
                of(settings, labels, repository).as_deref(),
                Ok(slug),
                "{labels:?}"
            );
        }
        let unknown = of(&rows, &["L44"], "o/r").unwrap_err();
        assert!(
            unknown
                .starts_with("no machine or row of its table has the label l44; it knows A100, A100_40GB,")
                && unknown.ends_with("T4_X_8; and gpu, l4, mine"),
            "{unknown}"
        );
        assert!(of(&plain, &["windows-latest"], "o/r").is_err());
        assert!(of(&plain, &["ubuntu-24.04-arm"], "o/r").is_err());
        assert_eq!(
            of(&plain, &["L4", "H100"], "o/r").unwrap_err(),
            "its labels name several machines: lit-h100-1, lit-l4-1"
        );
    }

    #[test]
    fn rows_are_merged_in_order() {
        let image = |image: &str| JobSettings {
            image: Some(image.to_owned()),
            ..JobSettings::default()
        };
        let spot = JobSettings {
            interruptible: Some(true),
            image_secret: Some("hub".to_owned()),
            ..JobSettings::default()
        };
        let rows = settings(vec![
            row(None, None, image("a")),
            row(Some("spot"), None, spot),
            row(None, Some("octo/hello"), image("b")),
        ]);
        let job = rows.of(&["SPOT".to_owned()], "Octo/Hello").unwrap();
        let expected = JobSettings {
            machine: Some("cpu-4".to_owned()),
            image: Some("b".to_owned()),
            image_secret: Some("hub".to_owned()),
            interruptible: Some(true),
        };
        assert_eq!(job, expected);
        assert_eq!(rows.of(&[], "octo/hello2").unwrap().image.as_deref(), Some("a"));
    }
}
