//! `[backend.lightning]`.

use super::{CALL_MAX, FileError};
use crate::labels::Labels;
use crate::lightning::{
    AgentInImage, GENERAL_LABELS, JobSettings, LOG_GRACE, Machines, Mount, REQUEST, Row, Teamspace,
};
use checkmill_core::Millis;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use toml::Spanned;

/// A submit makes four requests where its name is taken, and has the time of one call.
const REQUESTS_OF_A_CALL: u64 = 4;
/// Longer than this nobody waits for a log.
const LOG_GRACE_MAX_SECONDS: u64 = 300;
const URL: &str = "https://lightning.ai";
const IMAGE: &str = "ubuntu:22.04";
const MACHINE: &str = "CPU";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightningEntry {
    pub url: String,
    pub credentials: LightningCredentials,
    pub teamspace: Teamspace,
    pub cluster: Option<String>,
    pub studio: Option<String>,
    pub image: String,
    pub agent: AgentInImage,
    pub mounts: Vec<Mount>,
    pub machine: String,
    pub machines: Machines,
    /// Labels that its file lists, in lower case.
    pub labels: BTreeSet<String>,
    pub rows: Vec<Row>,
    pub environment: BTreeMap<String, String>,
    pub callback: bool,
    pub containers: bool,
    pub request: Millis,
    pub log_grace: Millis,
}

/// Where the secret is; the file of backends never holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightningCredentials {
    /// Whose API key it is; none for a token, or a key alone.
    pub user: Option<String>,
    pub secret: SecretPlace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    File(PathBuf),
    Environment(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Lightning {
    url: Option<Spanned<String>>,
    user_id: Option<Spanned<String>>,
    api_key_file: Option<Spanned<PathBuf>>,
    api_key_environment: Option<String>,
    token_file: Option<Spanned<PathBuf>>,
    token_environment: Option<String>,
    teamspace: Option<String>,
    project: Option<String>,
    cluster: Option<String>,
    studio: Option<String>,
    image: Option<String>,
    agent: Option<Spanned<String>>,
    #[serde(default)]
    agent_arguments: Vec<String>,
    agent_url: Option<Spanned<String>>,
    agent_sha256: Option<Spanned<String>>,
    #[serde(default)]
    mounts: BTreeMap<Spanned<String>, String>,
    machine: Option<Spanned<String>>,
    #[serde(default)]
    machines: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    callback: bool,
    #[serde(default)]
    containers: bool,
    request_seconds: Option<Spanned<u64>>,
    log_seconds: Option<Spanned<u64>>,
    #[serde(default, rename = "for")]
    rows: Vec<LightningRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LightningRow {
    label: Option<String>,
    repository: Option<Spanned<String>>,
    machine: Option<Spanned<String>>,
    image: Option<String>,
    image_secret: Option<String>,
    interruptible: Option<bool>,
}

type At<'a> = &'a dyn Fn(usize, String) -> FileError;

/// `table` is where the backend begins.
pub(super) fn entry(of: Lightning, table: usize, at: At<'_>) -> Result<LightningEntry, FileError> {
    let agent = agent(&of, table, at)?;
    let machines = Machines::with(&of.machines);
    let machine = of.machine.map(|name| machine(name, &machines, at)).transpose()?;
    let teamspace = match (of.teamspace, of.project) {
        (Some(name), None) => Teamspace::Name(name),
        (None, Some(id)) => Teamspace::Id(id),
        _ => {
            let message = "[backend.lightning] wants one of teamspace (its name) and project (its id)";
            return Err(at(table, message.to_owned()));
        }
    };
    let keys = (of.api_key_file, of.api_key_environment);
    let credentials = credentials(of.user_id, keys, (of.token_file, of.token_environment), table, at)?;
    let rows = of.rows.into_iter().map(|one| row(one, &machines, at));
    Ok(LightningEntry {
        url: url(of.url, at)?,
        credentials,
        teamspace,
        cluster: of.cluster,
        studio: of.studio,
        image: of.image.unwrap_or_else(|| IMAGE.to_owned()),
        agent,
        mounts: of
            .mounts
            .into_iter()
            .map(|(path, from)| mount(path, &from, at))
            .collect::<Result<_, _>>()?,
        machine: machine.unwrap_or_else(|| MACHINE.to_owned()),
        labels: BTreeSet::new(),
        rows: rows.collect::<Result<_, _>>()?,
        machines,
        environment: of.environment,
        callback: of.callback,
        containers: of.containers,
        request: seconds(
            of.request_seconds,
            REQUEST,
            CALL_MAX.as_secs_ceil() / REQUESTS_OF_A_CALL,
            at,
        )?,
        log_grace: seconds(of.log_seconds, LOG_GRACE, LOG_GRACE_MAX_SECONDS, at)?,
    })
}

fn url(url: Option<Spanned<String>>, at: At<'_>) -> Result<String, FileError> {
    let Some(url) = url else {
        return Ok(URL.to_owned());
    };
    let text = url.get_ref().trim_end_matches('/');
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['@', '?', '#']) => Ok(text.to_owned()),
        _ => Err(at(url.span().start, format!("{text:?} is not https://HOST"))),
    }
}

type Places = (Option<Spanned<PathBuf>>, Option<String>);

fn credentials(
    user: Option<Spanned<String>>,
    key: Places,
    token: Places,
    table: usize,
    at: At<'_>,
) -> Result<LightningCredentials, FileError> {
    let is_key = key.0.is_some() || key.1.is_some();
    let secret = match (key.0.or(token.0), key.1.or(token.1)) {
        (Some(path), None) if path.get_ref().is_absolute() => SecretPlace::File(path.into_inner()),
        (Some(path), None) => {
            let message = format!("{} is not an absolute path", path.get_ref().display());
            return Err(at(path.span().start, message));
        }
        (None, Some(name)) => SecretPlace::Environment(name),
        _ => {
            let message = "[backend.lightning] wants one of api-key-file, api-key-environment, token-file and token-environment";
            return Err(at(table, message.to_owned()));
        }
    };
    let user = match user {
        Some(user) if !is_key => {
            let message = "user-id goes with an API key; a token says itself whose it is";
            return Err(at(user.span().start, message.to_owned()));
        }
        Some(user) if user.get_ref().contains(':') || user.get_ref().is_empty() => {
            let message = format!("{:?} is no id of a user", user.get_ref());
            return Err(at(user.span().start, message));
        }
        user => user.map(Spanned::into_inner),
    };
    Ok(LightningCredentials { user, secret })
}

fn agent(of: &Lightning, table: usize, at: At<'_>) -> Result<AgentInImage, FileError> {
    match (&of.agent, &of.agent_url, &of.agent_sha256) {
        (Some(program), None, None) if program.get_ref().starts_with('/') => Ok(AgentInImage::Present {
            program: program.get_ref().clone(),
            arguments: of.agent_arguments.clone(),
        }),
        (Some(program), None, None) => {
            let message = format!("{} is not an absolute path", program.get_ref());
            Err(at(program.span().start, message))
        }
        (None, Some(url), Some(sha256)) => {
            let text = url.get_ref();
            let is_plain = !text.contains('@') && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !(text.starts_with("https://") || text.starts_with("http://")) || !is_plain {
                return Err(at(url.span().start, format!("{text:?} is not https://HOST/PATH")));
            }
            let digits = sha256.get_ref().to_lowercase();
            if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let message = "a SHA-256 has 64 hexadecimal digits (`sha256sum checkmill-agent`)";
                return Err(at(sha256.span().start, message.to_owned()));
            }
            Ok(AgentInImage::Fetched {
                url: text.clone(),
                sha256: digits,
            })
        }
        _ => {
            let message =
                "[backend.lightning] wants agent (where it is in the image), or agent-url and agent-sha256";
            Err(at(table, message.to_owned()))
        }
    }
}

/// `"/path" = "connection"` or `"connection:folder"`, as Lightning's own SDK has it.
fn mount(path: Spanned<String>, from: &str, at: At<'_>) -> Result<Mount, FileError> {
    if !path.get_ref().starts_with('/') {
        let message = format!("{} is not an absolute path", path.get_ref());
        return Err(at(path.span().start, message));
    }
    let (connection, folder) = from.rsplit_once(':').unwrap_or((from, ""));
    Ok(Mount {
        connection: connection.to_owned(),
        folder: folder.to_owned(),
        path: path.into_inner(),
    })
}

/// A name that is known, or something that looks like a slug: accounts have machines of their own.
fn machine(name: Spanned<String>, machines: &Machines, at: At<'_>) -> Result<String, FileError> {
    let text = name.get_ref();
    let is_slug = text.contains('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_slug || machines.slug(text).is_some() {
        return Ok(name.into_inner());
    }
    let names: Vec<_> = machines.names().collect();
    let message = format!("{text:?} is neither a slug nor one of {}", names.join(", "));
    Err(at(name.span().start, message))
}

fn seconds(given: Option<Spanned<u64>>, default: Millis, most: u64, at: At<'_>) -> Result<Millis, FileError> {
    match given {
        None => Ok(default),
        Some(given) if (1..=most).contains(given.get_ref()) => Ok(Millis::from_secs(*given.get_ref())),
        Some(given) => Err(at(
            given.span().start,
            format!("it is between 1 and {most} seconds"),
        )),
    }
}

fn row(row: LightningRow, machines: &Machines, at: At<'_>) -> Result<Row, FileError> {
    if let Some(repository) = &row.repository {
        super::check_repository(repository, at)?;
    }
    Ok(Row {
        label: row.label.map(|label| label.to_lowercase()),
        repository: row
            .repository
            .map(|repository| repository.into_inner().to_lowercase()),
        job: JobSettings {
            machine: row.machine.map(|name| machine(name, machines, at)).transpose()?,
            image: row.image,
            image_secret: row.image_secret,
            interruptible: row.interruptible,
        },
    })
}

impl LightningEntry {
    /// The labels of its table, every machine by its name, and what asks for no machine in particular.
    pub(super) fn labels(&self) -> Labels {
        let rows = self.rows.iter().filter_map(|row| row.label.clone());
        let names = self.machines.names().map(str::to_owned);
        let general = GENERAL_LABELS.map(str::to_owned);
        Labels::listed(&rows.chain(names).chain(general).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use crate::file::{BackendEntry, BackendKind, parse};
    use crate::lightning::{AgentInImage, Mount};

    const TEXT: &str = r#"
[[backend]]
name = "lightning"
[backend.lightning]
user-id = "u-1"
api-key-environment = "LIGHTNING_API_KEY"
teamspace = "ci"
agent = "/mnt/agent/checkmill-agent"
mounts = { "/mnt/agent" = "tools:bin" }
machines = { BOX = "my-box" }
[[backend.lightning.for]]
label = "GPU"
machine = "L4"
[[backend.lightning.for]]
repository = "Octo/*"
interruptible = true
"#;

    fn label(entry: &BackendEntry, label: &str) -> bool {
        entry.labels.as_ref().unwrap().take(&[label.to_owned()])
    }

    #[test]
    fn a_teamspace_takes_its_machines_and_the_labels_of_its_table() {
        let entries = parse(TEXT).unwrap();
        for (name, taken) in [
            ("gpu", true),
            ("L4_X_8", true),
            ("cpu", true),
            ("box", true),
            ("Lightning", true),
            ("ubuntu-latest", true),
            ("ubuntu-24.04-arm", false),
            ("windows-latest", false),
            ("L44", false),
        ] {
            assert_eq!(label(&entries[0], name), taken, "{name}");
        }
        let BackendKind::Lightning(lightning) = &entries[0].kind else {
            panic!("{:?}", entries[0].kind)
        };
        let mount = Mount {
            connection: "tools".to_owned(),
            folder: "bin".to_owned(),
            path: "/mnt/agent".to_owned(),
        };
        assert_eq!(lightning.mounts, [mount]);
        let listed = parse(&TEXT.replace(
            "name = \"lightning\"",
            "name = \"lightning\"\nlabels = [\"Mine\"]",
        ))
        .unwrap();
        let BackendKind::Lightning(lightning) = &listed[0].kind else {
            panic!("{:?}", listed[0].kind)
        };
        assert!(lightning.labels.contains("mine") && label(&listed[0], "mine") && !label(&listed[0], "L4"));
        let sha = "A".repeat(64);
        let fetched = format!("agent-url = \"https://example.org/agent\"\nagent-sha256 = \"{sha}\"");
        let fetched = parse(&TEXT.replace("agent = \"/mnt/agent/checkmill-agent\"", &fetched)).unwrap();
        let BackendKind::Lightning(lightning) = &fetched[0].kind else {
            panic!("{:?}", fetched[0].kind)
        };
        let expected = AgentInImage::Fetched {
            url: "https://example.org/agent".to_owned(),
            sha256: sha.to_lowercase(),
        };
        assert_eq!(lightning.agent, expected);
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let key = "api-key-environment = \"LIGHTNING_API_KEY\"";
        let agent = "agent = \"/mnt/agent/checkmill-agent\"";
        for (before, after, expected) in [
            (
                "teamspace = \"ci\"",
                "",
                "2:1: [backend.lightning] wants one of teamspace (its name) and project (its id)",
            ),
            (
                "teamspace = \"ci\"",
                "teamspace = \"ci\"\nproject = \"p\"",
                "2:1: [backend.lightning] wants one of teamspace (its name) and project (its id)",
            ),
            (
                key,
                "",
                "2:1: [backend.lightning] wants one of api-key-file, api-key-environment, token-file and token-environment",
            ),
            (
                key,
                "token-environment = \"T\"",
                "5:11: user-id goes with an API key; a token says itself whose it is",
            ),
            (key, "api-key-file = \"key\"", "6:16: key is not an absolute path"),
            ("u-1", "u:1", "5:11: \"u:1\" is no id of a user"),
            (
                "user-id",
                "url = \"lightning.ai\"\nuser-id",
                "5:7: \"lightning.ai\" is not https://HOST",
            ),
            (
                agent,
                "",
                "2:1: [backend.lightning] wants agent (where it is in the image), or agent-url and agent-sha256",
            ),
            (agent, "agent = \"bin/x\"", "8:9: bin/x is not an absolute path"),
            (
                agent,
                "agent-url = \"https://e.org/a\"\nagent-sha256 = \"abc\"",
                "9:16: a SHA-256 has 64 hexadecimal digits (`sha256sum checkmill-agent`)",
            ),
            (
                "\"/mnt/agent\" =",
                "\"mnt\" =",
                "9:12: mnt is not an absolute path",
            ),
            ("Octo/*", "*", "15:14: \"*\" is not owner/name or owner/*"),
            (
                "teamspace",
                "request-seconds = 20\nteamspace",
                "7:19: it is between 1 and 12 seconds",
            ),
        ] {
            let text = TEXT.replacen(before, after, 1);
            assert_eq!(parse(&text).unwrap_err().to_string(), expected, "{text}");
        }
        let unknown = parse(&TEXT.replace("machine = \"L4\"", "machine = \"L44\""))
            .unwrap_err()
            .to_string();
        assert!(
            unknown.starts_with("13:11: \"L44\" is neither a slug nor one of A100, ")
                && unknown.contains(", BOX, "),
            "{unknown}"
        );
    }

    #[test]
    fn the_example_of_the_documents_is_one() {
        let text = include_str!("../../../../docs/lightning.md");
        let (_, example) = text.split_once("```toml\n").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let entries = parse(example).unwrap();
        assert!(matches!(
            entries[..],
            [BackendEntry {
                kind: BackendKind::Lightning(_),
                ..
            }]
        ));
    }
}
