//! `[backend.slurm]`.

use super::{CALL_MAX, FileError};
use crate::labels::Labels;
use crate::slurm::{AgentOnNode, ApiVersion, JobSettings, REQUEST, Row, Server};
use checkmill_core::Millis;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;

/// A submit makes three requests, and has the time of one call.
const REQUESTS_OF_A_CALL: u64 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlurmEntry {
    pub server: Server,
    pub version: ApiVersion,
    pub user: String,
    pub credentials: SlurmCredentials,
    pub agent: AgentOnNode,
    pub shared_directory: Option<PathBuf>,
    pub environment: BTreeMap<String, String>,
    pub accounting: bool,
    pub callback: bool,
    pub containers: bool,
    pub rows: Vec<Row>,
    /// How long a request may take.
    pub request: Millis,
}

/// Where the secret is; the file of backends never holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlurmCredentials {
    TokenFile(PathBuf),
    TokenEnvironment(String),
    KeyFile(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Slurm {
    url: Spanned<String>,
    api_version: Spanned<String>,
    user: Spanned<String>,
    token_file: Option<Spanned<PathBuf>>,
    token_environment: Option<String>,
    key_file: Option<Spanned<PathBuf>>,
    agent: Spanned<String>,
    #[serde(default)]
    agent_arguments: Vec<String>,
    shared_directory: Option<Spanned<PathBuf>>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    accounting: bool,
    #[serde(default)]
    callback: bool,
    #[serde(default)]
    containers: bool,
    request_seconds: Option<Spanned<u64>>,
    #[serde(default, rename = "for")]
    rows: Vec<SlurmRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SlurmRow {
    label: Option<Spanned<String>>,
    repository: Option<Spanned<String>>,
    user: Option<Spanned<String>>,
    partition: Option<String>,
    account: Option<String>,
    qos: Option<String>,
    reservation: Option<String>,
    constraint: Option<String>,
    gres: Option<String>,
    gpus: Option<Spanned<u32>>,
    cpus: Option<u32>,
    memory_mb: Option<u64>,
    nodes: Option<u32>,
    time_limit_minutes: Option<u32>,
    exclusive: Option<bool>,
}

type At<'a> = &'a dyn Fn(usize, String) -> FileError;

fn absolute(path: Spanned<PathBuf>, at: At<'_>) -> Result<PathBuf, FileError> {
    if path.get_ref().is_absolute() {
        return Ok(path.into_inner());
    }
    let message = format!("{} is not an absolute path", path.get_ref().display());
    Err(at(path.span().start, message))
}

fn parsed<T: std::str::FromStr<Err = String>>(text: &Spanned<String>, at: At<'_>) -> Result<T, FileError> {
    text.get_ref()
        .parse()
        .map_err(|message| at(text.span().start, message))
}

/// It is sent in a header, and stands in ids.
fn user(name: Spanned<String>, at: At<'_>) -> Result<String, FileError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if !name.get_ref().is_empty() && name.get_ref().chars().all(fits) {
        return Ok(name.into_inner());
    }
    Err(at(
        name.span().start,
        format!("{:?} is no name of a user", name.get_ref()),
    ))
}

/// `table` is where the backend begins.
pub(super) fn entry(slurm: Slurm, table: usize, at: At<'_>) -> Result<SlurmEntry, FileError> {
    let credentials = match (slurm.token_file, slurm.token_environment, slurm.key_file) {
        (Some(path), None, None) => SlurmCredentials::TokenFile(absolute(path, at)?),
        (None, Some(name), None) => SlurmCredentials::TokenEnvironment(name),
        (None, None, Some(path)) => SlurmCredentials::KeyFile(absolute(path, at)?),
        _ => {
            let message = "[backend.slurm] wants one of token-file, token-environment and key-file";
            return Err(at(table, message.to_owned()));
        }
    };
    if !slurm.agent.get_ref().starts_with('/') {
        let message = format!("{} is not an absolute path", slurm.agent.get_ref());
        return Err(at(slurm.agent.span().start, message));
    }
    let request = match slurm.request_seconds {
        None => REQUEST,
        Some(seconds) => {
            let most = CALL_MAX.as_secs_ceil() / REQUESTS_OF_A_CALL;
            if !(1..=most).contains(seconds.get_ref()) {
                return Err(at(
                    seconds.span().start,
                    format!("a request has between 1 and {most} seconds"),
                ));
            }
            Millis::from_secs(*seconds.get_ref())
        }
    };
    let rows = slurm.rows.into_iter().map(|one| row(one, at));
    Ok(SlurmEntry {
        server: parsed(&slurm.url, at)?,
        version: parsed(&slurm.api_version, at)?,
        user: user(slurm.user, at)?,
        credentials,
        agent: AgentOnNode {
            program: slurm.agent.into_inner(),
            arguments: slurm.agent_arguments,
        },
        shared_directory: slurm
            .shared_directory
            .map(|path| absolute(path, at))
            .transpose()?,
        environment: slurm.environment,
        accounting: slurm.accounting,
        callback: slurm.callback,
        containers: slurm.containers,
        rows: rows.collect::<Result<_, _>>()?,
        request,
    })
}

fn row(row: SlurmRow, at: At<'_>) -> Result<Row, FileError> {
    if let Some(repository) = &row.repository {
        super::check_repository(repository, at)?;
    }
    let gres = match (row.gres, row.gpus) {
        (Some(_), Some(gpus)) => {
            let message = "gpus = N is gres = \"gpu:N\": one of the two";
            return Err(at(gpus.span().start, message.to_owned()));
        }
        (gres, gpus) => gres.or_else(|| gpus.map(|gpus| format!("gpu:{}", gpus.into_inner()))),
    };
    Ok(Row {
        label: row.label.map(|label| label.into_inner().to_lowercase()),
        repository: row
            .repository
            .map(|repository| repository.into_inner().to_lowercase()),
        job: JobSettings {
            user: row.user.map(|name| user(name, at)).transpose()?,
            partition: row.partition,
            account: row.account,
            qos: row.qos,
            reservation: row.reservation,
            constraint: row.constraint,
            gres,
            cpus: row.cpus,
            memory_mb: row.memory_mb,
            nodes: row.nodes,
            time_limit_minutes: row.time_limit_minutes,
            exclusive: row.exclusive,
        },
    })
}

impl SlurmEntry {
    /// The labels that its table has rows for; none where it has none.
    pub(super) fn labels(&self) -> Option<Labels> {
        let labels: Vec<String> = self.rows.iter().filter_map(|row| row.label.clone()).collect();
        (!labels.is_empty()).then(|| Labels::listed(&labels))
    }
}
