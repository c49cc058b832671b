//! `[backend.firecracker]`.

use super::{CALL_MAX, FileError};
use crate::firecracker::{AgentInVm, BOOT, Download, REQUEST, Row, WAIT};
use crate::labels::Labels;
use checkmill_core::Millis;
use serde::Deserialize;
use std::path::PathBuf;
use toml::Spanned;

/// Where attempts have their directories in a VM, where nothing else is said.
const DIRECTORY: &str = "/var/lib/checkmill";
/// Beside its wait a submit makes some requests, of which one may take its time.
const REQUEST_MAX: Millis = Millis::from_secs(20);
const VM_TYPE_CHARS: usize = 64;
const SHA256_DIGITS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirecrackerEntry {
    pub url: String,
    pub token: TokenReference,
    pub vm_type: String,
    pub agent: AgentInVm,
    pub directory: String,
    pub callback: bool,
    pub containers: bool,
    pub rows: Vec<Row>,
    pub request: Millis,
    pub wait: Millis,
    pub boot: Millis,
}

/// Where the token is; the file of backends never holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenReference {
    File(PathBuf),
    Environment(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Firecracker {
    url: Spanned<String>,
    token_file: Option<Spanned<PathBuf>>,
    token_environment: Option<String>,
    vm_type: Spanned<String>,
    agent: Spanned<String>,
    #[serde(default)]
    agent_arguments: Vec<String>,
    agent_url: Option<Spanned<String>>,
    agent_sha256: Option<Spanned<String>>,
    directory: Option<Spanned<String>>,
    #[serde(default)]
    callback: bool,
    #[serde(default)]
    containers: bool,
    request_seconds: Option<Spanned<u64>>,
    wait_seconds: Option<Spanned<u64>>,
    boot_seconds: Option<Spanned<u64>>,
    #[serde(default, rename = "for")]
    rows: Vec<FirecrackerRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FirecrackerRow {
    label: Option<Spanned<String>>,
    repository: Option<Spanned<String>>,
    vm_type: Spanned<String>,
}

type At<'a> = &'a dyn Fn(usize, String) -> FileError;

/// `table` is where the backend begins.
pub(super) fn entry(given: Firecracker, table: usize, at: At<'_>) -> Result<FirecrackerEntry, FileError> {
    let token = match (given.token_file, given.token_environment) {
        (Some(path), None) if path.get_ref().is_absolute() => TokenReference::File(path.into_inner()),
        (Some(path), None) => {
            let message = format!("{} is not an absolute path", path.get_ref().display());
            return Err(at(path.span().start, message));
        }
        (None, Some(name)) => TokenReference::Environment(name),
        _ => {
            let message = "[backend.firecracker] wants one of token-file and token-environment";
            return Err(at(table, message.to_owned()));
        }
    };
    let seconds = |given: Option<Spanned<u64>>, otherwise: Millis, most: Millis, what: &str| match given {
        None => Ok(otherwise),
        Some(given) if (1..=most.as_secs_ceil()).contains(given.get_ref()) => {
            Ok(Millis::from_secs(*given.get_ref()))
        }
        Some(given) => Err(at(
            given.span().start,
            format!("{what} has between 1 and {} seconds", most.as_secs_ceil()),
        )),
    };
    let request = seconds(given.request_seconds, REQUEST, REQUEST_MAX, "a request")?;
    let wait_max = Millis(CALL_MAX.0 - request.0);
    let rows = given.rows.into_iter().map(|one| row(one, at));
    Ok(FirecrackerEntry {
        url: url(&given.url, at)?,
        token,
        vm_type: vm_type(given.vm_type, at)?,
        agent: AgentInVm {
            download: download(given.agent_url, given.agent_sha256, table, at)?,
            program: absolute(given.agent, at)?,
            arguments: given.agent_arguments,
        },
        directory: match given.directory {
            Some(directory) => absolute(directory, at)?,
            None => DIRECTORY.to_owned(),
        },
        callback: given.callback,
        containers: given.containers,
        rows: rows.collect::<Result<_, _>>()?,
        request,
        wait: seconds(
            given.wait_seconds,
            Millis(WAIT.0.min(wait_max.0)),
            wait_max,
            "the wait of a submit",
        )?,
        boot: seconds(given.boot_seconds, BOOT, Millis::from_minutes(60), "a boot")?,
    })
}

fn url(text: &Spanned<String>, at: At<'_>) -> Result<String, FileError> {
    let wrong = |message: String| Err(at(text.span().start, message));
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.get_ref().strip_prefix(scheme));
    match host {
        Some(host) if host.contains('@') => wrong("a URL with a password does not belong here".to_owned()),
        Some(host) if !host.trim_end_matches('/').is_empty() && !host.contains(['?', '#', ' ']) => {
            Ok(text.get_ref().trim_end_matches('/').to_owned())
        }
        _ => wrong(format!(
            "{:?} is not http://HOST:PORT or https://HOST:PORT",
            text.get_ref()
        )),
    }
}

fn absolute(path: Spanned<String>, at: At<'_>) -> Result<String, FileError> {
    if path.get_ref().starts_with('/') {
        return Ok(path.into_inner());
    }
    let message = format!("{} is not an absolute path", path.get_ref());
    Err(at(path.span().start, message))
}

fn vm_type(name: Spanned<String>, at: At<'_>) -> Result<String, FileError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = (1..=VM_TYPE_CHARS).contains(&name.get_ref().len()) && name.get_ref().chars().all(fits);
    if is_name {
        return Ok(name.into_inner());
    }
    Err(at(
        name.span().start,
        format!("{:?} is no type of a VM, such as bionic-test", name.get_ref()),
    ))
}

/// Never without its digest: what is downloaded gets the job's token.
fn download(
    url: Option<Spanned<String>>,
    sha256: Option<Spanned<String>>,
    table: usize,
    at: At<'_>,
) -> Result<Option<Download>, FileError> {
    let (url, sha256) = match (url, sha256) {
        (None, None) => return Ok(None),
        (Some(url), Some(sha256)) => (url, sha256),
        _ => return Err(at(table, "agent-url and agent-sha256 go together".to_owned())),
    };
    if !url.get_ref().starts_with("https://") && !url.get_ref().starts_with("http://") {
        return Err(at(url.span().start, format!("{:?} is no URL", url.get_ref())));
    }
    let digest = sha256.get_ref().to_lowercase();
    if digest.len() != SHA256_DIGITS || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = "a SHA-256 has 64 hexadecimal digits: sha256sum prints it";
        return Err(at(sha256.span().start, message.to_owned()));
    }
    Ok(Some(Download {
        url: url.into_inner(),
        sha256: digest,
    }))
}

fn row(row: FirecrackerRow, at: At<'_>) -> Result<Row, FileError> {
    if let Some(repository) = &row.repository {
        let is_glob = repository.get_ref().split_once('/').is_some_and(|(owner, name)| {
            !owner.is_empty()
                && !owner.contains('*')
                && (name == "*" || !name.is_empty() && !name.contains('*'))
        });
        if !is_glob {
            let message = format!("{:?} is not owner/name or owner/*", repository.get_ref());
            return Err(at(repository.span().start, message));
        }
    }
    let lower = |text: Spanned<String>| text.into_inner().to_lowercase();
    Ok(Row {
        label: row.label.map(lower),
        repository: row.repository.map(lower),
        vm_type: vm_type(row.vm_type, at)?,
    })
}

impl FirecrackerEntry {
    /// The labels that its table has rows for; none where it has none.
    pub(super) fn labels(&self) -> Option<Labels> {
        let labels: Vec<String> = self.rows.iter().filter_map(|row| row.label.clone()).collect();
        (!labels.is_empty()).then(|| Labels::listed(&labels))
    }
}

#[cfg(test)]
mod tests {
    use crate::file::{BackendKind, parse};
    use crate::labels::Labels;
    use checkmill_core::Millis;

    #[test]
    fn the_example_of_microvms_in_the_documents_is_one() {
        let text = include_str!("../../../../docs/firecracker.md");
        let (_, example) = text.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let entries = parse(example).unwrap();
        let BackendKind::Firecracker(host) = &entries[0].kind else {
            panic!("{:?}", entries[0].kind)
        };
        let rows: Vec<_> = host
            .rows
            .iter()
            .map(|row| {
                (
                    row.label.as_deref(),
                    row.repository.as_deref(),
                    row.vm_type.as_str(),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                (Some("rust"), None, "rust-ci"),
                (None, Some("octo/*"), "focal-optimized")
            ]
        );
        assert_eq!(host.wait, Millis::from_secs(25));
        // Without labels of its own it takes those of its table.
        let unlabelled = example.replace("labels = [", "# labels = [");
        let labels = [String::from("rust")];
        assert_eq!(
            parse(&unlabelled).unwrap()[0].labels,
            Some(Labels::listed(&labels))
        );
    }

    #[test]
    fn mistakes_in_a_host_of_microvms_are_told_where_they_are() {
        let host = r#"
[[backend]]
name = "microvms"
labels = ["microvm"]
[backend.firecracker]
url = "http://host:8080/"
token-file = "/etc/checkmill/token"
vm-type = "focal"
agent = "/usr/bin/checkmill-agent"
"#;
        let digest = "ab".repeat(32);
        let full = format!(
            "{host}agent-url = \"https://x/a\"\nagent-sha256 = \"{}\"\n",
            digest.to_uppercase()
        );
        let BackendKind::Firecracker(entry) = parse(&full).unwrap().remove(0).kind else {
            panic!()
        };
        assert_eq!(entry.url, "http://host:8080");
        assert_eq!(entry.agent.download.unwrap().sha256, digest);
        assert_eq!(entry.directory, "/var/lib/checkmill");
        let table = [
            (
                "http://host:8080/",
                "host",
                "6:7: \"host\" is not http://HOST:PORT or https://HOST:PORT",
            ),
            (
                "http://host",
                "http://u:p@host",
                "6:7: a URL with a password does not belong here",
            ),
            (
                "token-file = \"/etc/checkmill/token\"",
                "",
                "2:1: [backend.firecracker] wants one of token-file and token-environment",
            ),
            (
                "vm-type = \"focal\"",
                "vm-type = \"a b\"",
                "8:11: \"a b\" is no type of a VM, such as bionic-test",
            ),
            (
                "agent = \"/usr",
                "agent = \"usr",
                "9:9: usr/bin/checkmill-agent is not an absolute path",
            ),
            (
                "agent = ",
                "agent-url = \"https://x/a\"\nagent = ",
                "2:1: agent-url and agent-sha256 go together",
            ),
            (
                "agent = ",
                "agent-url = \"https://x/a\"\nagent-sha256 = \"abc\"\nagent = ",
                "10:16: a SHA-256 has 64 hexadecimal digits: sha256sum prints it",
            ),
            (
                "agent = ",
                "request-seconds = 21\nagent = ",
                "9:19: a request has between 1 and 20 seconds",
            ),
            (
                "agent = ",
                "wait-seconds = 36\nagent = ",
                "9:16: the wait of a submit has between 1 and 35 seconds",
            ),
        ];
        for (before, after, expected) in table {
            let text = host.replacen(before, after, 1);
            assert_eq!(parse(&text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
