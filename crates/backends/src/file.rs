//! `backends.toml`: the backends of a deployment, in the order in which they are asked for a job's labels.
//!
//! ```toml
//! [[backend]]
//! name = "gpu"
//! labels = ["gpu", "a100"]
//! [backend.exec]
//! program = "/opt/checkmill/gpu-cluster"
//! pass-environment = ["KUBECONFIG"]
//!
//! [[backend]]
//! name = "process"
//! [backend.process]
//! ```

mod firecracker;
mod lightning;
mod slurm;

pub use firecracker::{FirecrackerEntry, TokenReference};
pub use lightning::{LightningCredentials, LightningEntry, SecretPlace};
pub use slurm::{SlurmCredentials, SlurmEntry};

use crate::labels::Labels;
use checkmill_core::Millis;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use toml::Spanned;

/// Of a file, in bytes: what is longer is something else.
pub const FILE_BYTES: usize = 256 * 1024;
const NAME_CHARS: usize = 64;
const KINDS: &str =
    "[backend.process], [backend.exec], [backend.slurm], [backend.firecracker] or [backend.lightning]";
/// A call may be given so much of the minute that a phase has.
const CALL_MAX: Millis = Millis::from_secs(50);

/// One `[[backend]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendEntry {
    /// Stored with each job, so that it must stay the same as long as jobs of it run.
    pub name: String,
    /// What it takes; none where the kind says so itself.
    pub labels: Option<Labels>,
    pub kind: BackendKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendKind {
    /// Jobs as processes of this machine.
    Process,
    Exec(ExecEntry),
    Slurm(Box<SlurmEntry>),
    Firecracker(Box<FirecrackerEntry>),
    Lightning(Box<LightningEntry>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecEntry {
    pub program: PathBuf,
    /// Before the verb.
    pub arguments: Vec<String>,
    /// Variables of ours that the program gets beside the harmless ones.
    pub pass_environment: Vec<String>,
    /// How long a call may take.
    pub call: Millis,
    /// Whether its agents reach our callback.
    pub callback: bool,
    /// Whether its machines have a container engine.
    pub containers: bool,
}

/// A mistake, where it is: `backends.toml:3:8: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct FileError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    backend: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: Spanned<String>,
    labels: Option<Spanned<Vec<String>>>,
    process: Option<Process>,
    exec: Option<Exec>,
    slurm: Option<slurm::Slurm>,
    firecracker: Option<firecracker::Firecracker>,
    lightning: Option<lightning::Lightning>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Process {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Exec {
    program: Spanned<PathBuf>,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    pass_environment: Vec<String>,
    call_seconds: Option<Spanned<u64>>,
    #[serde(default)]
    callback: bool,
    #[serde(default)]
    containers: bool,
}

/// Reads the whole file.
///
/// # Errors
/// The first mistake.
pub fn parse(text: &str) -> Result<Vec<BackendEntry>, FileError> {
    let at = |offset: usize, message: String| {
        let (line, column) = position(text, offset);
        FileError {
            line,
            column,
            message,
        }
    };
    if text.len() > FILE_BYTES {
        return Err(at(
            FILE_BYTES,
            format!("the file is longer than {} KiB", FILE_BYTES / 1024),
        ));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        at(offset, error.message().trim_end().replace('\n', ", "))
    })?;
    if file.backend.is_empty() {
        return Err(at(text.len(), "there is no [[backend]]".to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut entries = Vec::new();
    for entry in file.backend {
        let table = entry.span().start;
        let entry = entry.into_inner();
        let name = entry.name.get_ref();
        let wrong = |message: String| at(entry.name.span().start, message);
        if !is_name(name) {
            return Err(wrong(format!(
                "{name:?} is no name of a backend: 1 to {NAME_CHARS} letters, digits, - and _"
            )));
        }
        if !names.insert(name.clone()) {
            return Err(wrong(format!("there are two backends with the name {name:?}")));
        }
        let labels = entry
            .labels
            .as_ref()
            .map(|labels| labelled(labels.get_ref()).map_err(|message| at(labels.span().start, message)));
        let kinds = [
            entry.process.map(|Process {}| Ok(BackendKind::Process)),
            entry
                .exec
                .map(|exec| exec_entry(exec, &at).map(BackendKind::Exec)),
            entry.slurm.map(|slurm| {
                slurm::entry(slurm, table, &at).map(|entry| BackendKind::Slurm(Box::new(entry)))
            }),
            entry.firecracker.map(|firecracker| {
                firecracker::entry(firecracker, table, &at)
                    .map(|entry| BackendKind::Firecracker(Box::new(entry)))
            }),
            entry.lightning.map(|lightning| {
                lightning::entry(lightning, table, &at).map(|entry| BackendKind::Lightning(Box::new(entry)))
            }),
        ];
        let mut kinds = kinds.into_iter().flatten();
        let mut kind = match (kinds.next(), kinds.next()) {
            (Some(kind), None) => kind?,
            (None, _) => return Err(at(table, format!("the backend {name:?} has no kind: {KINDS}"))),
            (Some(_), Some(_)) => {
                return Err(at(table, format!("the backend {name:?} has more than one kind")));
            }
        };
        let labels = labels_of(labels.transpose()?, &mut kind);
        if labels.is_none() && !matches!(kind, BackendKind::Process) {
            return Err(at(
                table,
                format!(
                    "the backend {name:?} has no labels: those of runs-on that it takes, or [\"*\"] for all"
                ),
            ));
        }
        entries.push(BackendEntry {
            name: entry.name.into_inner(),
            labels,
            kind,
        });
    }
    Ok(entries)
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= NAME_CHARS && name.chars().all(fits)
}

fn labelled(labels: &[String]) -> Result<Labels, String> {
    if labels.iter().any(|label| label == "*") {
        return match labels {
            [_] => Ok(Labels::Any),
            _ => Err("\"*\" takes every label: it stands alone".to_owned()),
        };
    }
    if labels.is_empty() || labels.iter().any(|label| label.trim().is_empty()) {
        return Err("a backend with no label, or an empty one, is never asked".to_owned());
    }
    Ok(Labels::listed(labels))
}

fn exec_entry(exec: Exec, at: &impl Fn(usize, String) -> FileError) -> Result<ExecEntry, FileError> {
    if !exec.program.get_ref().is_absolute() {
        let message = format!("{} is not an absolute path", exec.program.get_ref().display());
        return Err(at(exec.program.span().start, message));
    }
    let call = match exec.call_seconds {
        None => crate::exec::CALL,
        Some(seconds) => {
            let most = CALL_MAX.as_secs_ceil();
            if !(1..=most).contains(seconds.get_ref()) {
                let message = format!("a call has between 1 and {most} seconds");
                return Err(at(seconds.span().start, message));
            }
            Millis::from_secs(*seconds.get_ref())
        }
    };
    Ok(ExecEntry {
        program: exec.program.into_inner(),
        arguments: exec.arguments,
        pass_environment: exec.pass_environment,
        call,
        callback: exec.callback,
        containers: exec.containers,
    })
}

/// Those that the file lists, or that its kind has by itself.
fn labels_of(listed: Option<Labels>, kind: &mut BackendKind) -> Option<Labels> {
    match kind {
        BackendKind::Slurm(slurm) => listed.or_else(|| slurm.labels()),
        BackendKind::Firecracker(host) => listed.or_else(|| host.labels()),
        BackendKind::Lightning(lightning) => {
            if let Some(Labels::Listed(labels)) = &listed {
                lightning.labels.clone_from(labels);
            }
            listed.or_else(|| Some(lightning.labels()))
        }
        BackendKind::Process | BackendKind::Exec(_) => listed,
    }
}

/// `owner/name` or `owner/*`, as rows have it.
fn check_repository(
    repository: &Spanned<String>,
    at: &dyn Fn(usize, String) -> FileError,
) -> Result<(), FileError> {
    let parts = repository.get_ref().split_once('/');
    let is_glob = parts.is_some_and(|(owner, name)| {
        !owner.is_empty() && !owner.contains('*') && (name == "*" || !name.is_empty() && !name.contains('*'))
    });
    if is_glob {
        return Ok(());
    }
    let message = format!("{:?} is not owner/name or owner/*", repository.get_ref());
    Err(at(repository.span().start, message))
}

/// Line and column of a byte.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Exec(_) => "exec",
            Self::Slurm(_) => "slurm",
            Self::Firecracker(_) => "firecracker",
            Self::Lightning(_) => "lightning",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::CALL;

    #[test]
    fn backends_come_in_the_order_of_the_file() {
        let entries = parse(
            r#"
            [[backend]]
            name = "gpu"
            labels = ["GPU", "a100"]
            [backend.exec]
            program = "/opt/gpu"
            arguments = ["--zone", "b"]
            pass-environment = ["KUBECONFIG"]
            call-seconds = 10
            callback = true

            [[backend]]
            name = "rest"
            labels = ["*"]
            [backend.exec]
            program = "/opt/rest"

            [[backend]]
            name = "process"
            [backend.process]
            "#,
        )
        .unwrap();
        let exec = |program: &str| ExecEntry {
            program: program.into(),
            arguments: Vec::new(),
            pass_environment: Vec::new(),
            call: CALL,
            callback: false,
            containers: false,
        };
        let gpu = ExecEntry {
            arguments: vec!["--zone".to_owned(), "b".to_owned()],
            pass_environment: vec!["KUBECONFIG".to_owned()],
            call: Millis::from_secs(10),
            callback: true,
            ..exec("/opt/gpu")
        };
        let labels = ["GPU".to_owned(), "a100".to_owned()];
        let expected = [
            ("gpu", Some(Labels::listed(&labels)), BackendKind::Exec(gpu)),
            ("rest", Some(Labels::Any), BackendKind::Exec(exec("/opt/rest"))),
            ("process", None, BackendKind::Process),
        ]
        .map(|(name, labels, kind)| BackendEntry {
            name: name.to_owned(),
            labels,
            kind,
        });
        assert_eq!(entries, expected);
    }

    #[test]
    fn a_mistake_is_told_where_it_is() {
        let table = [
            ("", "1:1: there is no [[backend]]"),
            ("[[backend]\n", "1:11: unclosed array table, expected `]`"),
            (
                "[[backend]]\nname = \"a\"\nlabel = [\"x\"]\n[backend.process]\n",
                "3:1: unknown field `label`, expected one of `name`, `labels`, `process`, `exec`, `slurm`, `firecracker`, `lightning`",
            ),
            ("[[backend]]\n[backend.process]\n", "1:1: missing field `name`"),
            (
                "[[backend]]\nname = \"a b\"\n[backend.process]\n",
                "2:8: \"a b\" is no name of a backend: 1 to 64 letters, digits, - and _",
            ),
            (
                "[[backend]]\nname = \"a\"\n[backend.process]\n[[backend]]\nname = \"a\"\n[backend.process]\n",
                "5:8: there are two backends with the name \"a\"",
            ),
            (
                "\n[[backend]]\nname = \"a\"\n",
                "2:1: the backend \"a\" has no kind: [backend.process], [backend.exec], [backend.slurm], [backend.firecracker] or [backend.lightning]",
            ),
            (
                "[[backend]]\nname = \"a\"\n[backend.process]\n[backend.exec]\nprogram = \"/x\"\n",
                "1:1: the backend \"a\" has more than one kind",
            ),
            (
                "[[backend]]\nname = \"a\"\n[backend.exec]\nprogram = \"/x\"\n",
                "1:1: the backend \"a\" has no labels: those of runs-on that it takes, or [\"*\"] for all",
            ),
            (
                "[[backend]]\nname = \"a\"\nlabels = [\"*\", \"x\"]\n[backend.process]\n",
                "3:10: \"*\" takes every label: it stands alone",
            ),
            (
                "[[backend]]\nname = \"a\"\nlabels = []\n[backend.process]\n",
                "3:10: a backend with no label, or an empty one, is never asked",
            ),
            (
                "[[backend]]\nname = \"a\"\nlabels = [\"x\"]\n[backend.exec]\nprogram = \"bin/x\"\n",
                "5:11: bin/x is not an absolute path",
            ),
            (
                "[[backend]]\nname = \"a\"\nlabels = [\"x\"]\n[backend.exec]\nprogram = \"/x\"\ncall-seconds = 60\n",
                "6:16: a call has between 1 and 50 seconds",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        let long = format!("# {}", "x".repeat(FILE_BYTES));
        assert!(parse(&long).is_err());
    }

    const SLURM: &str = r#"
[[backend]]
name = "cluster"
[backend.slurm]
url = "http://head:6820"
api-version = "v0.0.38"
user = "ci"
key-file = "/etc/checkmill/jwt.key"
agent = "/shared/bin/checkmill-agent"
shared-directory = "/scratch/checkmill"
[[backend.slurm.for]]
partition = "ci"
[[backend.slurm.for]]
label = "32GB"
partition = "big"
memory-mb = 32768
[[backend.slurm.for]]
label = "gpu"
gpus = 2
[[backend.slurm.for]]
repository = "Octo/*"
user = "octo-ci"
"#;

    #[test]
    fn a_cluster_takes_the_labels_of_its_table() {
        let entries = parse(SLURM).unwrap();
        let labels = ["32gb".to_owned(), "gpu".to_owned()];
        assert_eq!(entries[0].labels, Some(Labels::listed(&labels)));
        let BackendKind::Slurm(slurm) = &entries[0].kind else {
            panic!("{:?}", entries[0].kind)
        };
        let jobs: Vec<_> = slurm
            .rows
            .iter()
            .map(|row| {
                let job = &row.job;
                (
                    row.label.as_deref(),
                    row.repository.as_deref(),
                    job.partition.as_deref(),
                    job.gres.as_deref(),
                    job.user.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            jobs,
            [
                (None, None, Some("ci"), None, None),
                (Some("32gb"), None, Some("big"), None, None),
                (Some("gpu"), None, None, Some("gpu:2"), None),
                (None, Some("octo/*"), None, None, Some("octo-ci")),
            ]
        );
    }

    #[test]
    fn mistakes_in_a_cluster_are_told_where_they_are() {
        let table = [
            (
                "url = \"http://head:6820\"",
                "url = \"head\"",
                "5:7: \"head\" is not http://HOST:PORT, https://HOST:PORT or unix:///PATH",
            ),
            (
                "v0.0.38",
                "0.38",
                "6:15: \"0.38\" is no version of slurmrestd's API from v0.0.36 on",
            ),
            (
                "user = \"ci\"",
                "user = \"c:i\"",
                "7:8: \"c:i\" is no name of a user",
            ),
            (
                "key-file = \"/etc",
                "key-file = \"etc",
                "8:12: etc/checkmill/jwt.key is not an absolute path",
            ),
            (
                "key-file = \"/etc/checkmill/jwt.key\"",
                "",
                "2:1: [backend.slurm] wants one of token-file, token-environment and key-file",
            ),
            (
                "agent = \"/",
                "agent = \"",
                "9:9: shared/bin/checkmill-agent is not an absolute path",
            ),
            (
                "memory-mb",
                "memory",
                "16:1: unknown field `memory`, expected one of `label`, `repository`, `user`, `partition`, `account`, `qos`, `reservation`, `constraint`, `gres`, `gpus`, `cpus`, `memory-mb`, `nodes`, `time-limit-minutes`, `exclusive`",
            ),
            (
                "gpus = 2",
                "gpus = 2\ngres = \"gpu:1\"",
                "19:8: gpus = N is gres = \"gpu:N\": one of the two",
            ),
            ("Octo/*", "*", "21:14: \"*\" is not owner/name or owner/*"),
            (
                "user = \"ci\"",
                "user = \"ci\"\nrequest-seconds = 20",
                "8:19: a request has between 1 and 16 seconds",
            ),
        ];
        for (before, after, expected) in table {
            let text = SLURM.replacen(before, after, 1);
            assert_eq!(parse(&text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn the_example_of_the_documents_is_one() {
        let text = include_str!("../../../docs/slurm.md");
        let (_, example) = text.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let entries = parse(example).unwrap();
        assert!(matches!(
            entries[..],
            [BackendEntry {
                kind: BackendKind::Slurm(_),
                labels: Some(_),
                ..
            }]
        ));
    }
}
