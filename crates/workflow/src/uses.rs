//! `uses` of a step: what it names, and whether the policy allows it.
//!
//! Source: GitHub docs, "Workflow syntax", `jobs.<job_id>.steps[*].uses`.

use checkmill_core::policy::AllowedActions;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest `uses`, in bytes: an owner, a repository, a path and a ref, each as long as GitHub lets it be.
const USES_BYTES: usize = 1024;

/// What `uses` of a step names. Its text is the only form it is stored in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ActionReference {
    /// Part of Checkmill: nothing is downloaded, and any version means the same.
    Builtin {
        action: Builtin,
        git_ref: String,
    },
    /// A directory of the workspace.
    Local(LocalAction),
    Repository(RepositoryAction),
    /// An image that a container engine knows or pulls.
    Docker {
        image: String,
    },
}

impl ActionReference {
    /// Whether it puts files into the workspace that the job has not made itself.
    #[must_use]
    pub const fn brings_files(&self) -> bool {
        match self {
            Self::Builtin { action, .. } => match action {
                Builtin::Checkout | Builtin::DownloadArtifact | Builtin::Cache | Builtin::CacheRestore => {
                    true
                }
                Builtin::UploadArtifact | Builtin::CacheSave => false,
            },
            Self::Local(_) | Self::Repository(_) | Self::Docker { .. } => false,
        }
    }
}

/// `./path`: inside the workspace, without `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalAction(String);

impl LocalAction {
    /// Relative to the workspace; empty for the workspace itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }
}

/// `owner/repository[/path]@ref`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepositoryAction {
    pub owner: String,
    pub name: String,
    /// Of the action in the repository; empty for its root. No `..`, no empty names.
    pub path: String,
    /// A branch, a tag or a commit, as written.
    pub git_ref: String,
}

impl RepositoryAction {
    /// `owner/repository`.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// The actions that are part of Checkmill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    Checkout,
    UploadArtifact,
    DownloadArtifact,
    Cache,
    CacheRestore,
    CacheSave,
}

impl Builtin {
    pub const ALL: [Self; 6] = [
        Self::Checkout,
        Self::UploadArtifact,
        Self::DownloadArtifact,
        Self::Cache,
        Self::CacheRestore,
        Self::CacheSave,
    ];

    /// As `uses` has it, without a version.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkout => "actions/checkout",
            Self::UploadArtifact => "actions/upload-artifact",
            Self::DownloadArtifact => "actions/download-artifact",
            Self::Cache => "actions/cache",
            Self::CacheRestore => "actions/cache/restore",
            Self::CacheSave => "actions/cache/save",
        }
    }

    /// Its inputs, by the names that its own documentation has. Which values work is known when the step runs.
    #[must_use]
    pub const fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Checkout => &[
                "repository",
                "ref",
                "token",
                "ssh-key",
                "ssh-known-hosts",
                "ssh-strict",
                "ssh-user",
                "persist-credentials",
                "path",
                "clean",
                "filter",
                "sparse-checkout",
                "sparse-checkout-cone-mode",
                "fetch-depth",
                "fetch-tags",
                "show-progress",
                "lfs",
                "submodules",
                "set-safe-directory",
                "github-server-url",
            ],
            Self::UploadArtifact => &[
                "name",
                "path",
                "if-no-files-found",
                "retention-days",
                "compression-level",
                "overwrite",
                "include-hidden-files",
            ],
            Self::DownloadArtifact => &[
                "name",
                "artifact-ids",
                "path",
                "pattern",
                "merge-multiple",
                "github-token",
                "repository",
                "run-id",
            ],
            Self::Cache => &[
                "path",
                "key",
                "restore-keys",
                "upload-chunk-size",
                "enableCrossOsArchive",
                "fail-on-cache-miss",
                "lookup-only",
                "save-always",
            ],
            Self::CacheRestore => &[
                "path",
                "key",
                "restore-keys",
                "enableCrossOsArchive",
                "fail-on-cache-miss",
                "lookup-only",
            ],
            Self::CacheSave => &["path", "key", "upload-chunk-size", "enableCrossOsArchive"],
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|builtin| builtin.name().eq_ignore_ascii_case(name))
    }
}

/// A `uses` that names nothing, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsesError {
    /// Goes on after the words `uses "…"`.
    pub message: String,
    pub hint: String,
}

fn wrong(message: &str, hint: &str) -> UsesError {
    UsesError {
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

const FORMS: &str = "write `owner/repository@ref`, `./path` or `docker://image`";

impl FromStr for ActionReference {
    type Err = UsesError;

    fn from_str(text: &str) -> Result<Self, UsesError> {
        let text = text.trim();
        if text.len() > USES_BYTES || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong(
                "which has blanks or control characters, or is too long",
                FORMS,
            ));
        }
        if let Some(image) = text.strip_prefix("docker://") {
            return docker(image);
        }
        if text.starts_with('.') {
            return local(text);
        }
        repository(text)
    }
}

fn docker(image: &str) -> Result<ActionReference, UsesError> {
    if image.is_empty() || image.starts_with('-') {
        return Err(wrong(
            "which names no image",
            "write `docker://image:tag`, such as `docker://alpine:3.20`",
        ));
    }
    Ok(ActionReference::Docker {
        image: image.to_owned(),
    })
}

fn local(text: &str) -> Result<ActionReference, UsesError> {
    let outside = || {
        wrong(
            "which is not a directory below the workspace",
            "begin with `./` and go down from there; there is no `..`",
        )
    };
    let rest = match text {
        "." => "",
        _ => text.strip_prefix("./").ok_or_else(outside)?,
    };
    let names: Vec<&str> = rest
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    if names.contains(&"..") {
        return Err(outside());
    }
    Ok(ActionReference::Local(LocalAction(names.join("/"))))
}

fn repository(text: &str) -> Result<ActionReference, UsesError> {
    let (name, git_ref) = text.split_once('@').unwrap_or((text, ""));
    let builtin = Builtin::named(name);
    let parts: Vec<&str> = name.split('/').collect();
    let [owner, repository, path @ ..] = parts.as_slice() else {
        return Err(wrong("which is neither an action nor a directory", FORMS));
    };
    let plain = |part: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && !matches!(*part, "." | "..") && !part.starts_with('-') && part.bytes().all(known)
    };
    if !plain(owner) || !plain(repository) {
        return Err(wrong("which names no repository", FORMS));
    }
    if path
        .iter()
        .any(|part| part.is_empty() || matches!(*part, "." | ".."))
    {
        return Err(wrong(
            "whose path leaves the repository or has an empty name",
            "write the path of the action's directory as the repository has it",
        ));
    }
    if git_ref.is_empty() || git_ref.starts_with('-') {
        let hint = match builtin {
            Some(_) => format!("write `{}@v4`", name.trim_end_matches('@')),
            None => format!("add `@` and a tag, a branch or a commit, such as `{name}@v1`"),
        };
        return Err(wrong("without a version", &hint));
    }
    Ok(match builtin {
        Some(action) => ActionReference::Builtin {
            action,
            git_ref: git_ref.to_owned(),
        },
        None => ActionReference::Repository(RepositoryAction {
            owner: (*owner).to_owned(),
            name: (*repository).to_owned(),
            path: path.join("/"),
            git_ref: git_ref.to_owned(),
        }),
    })
}

impl fmt::Display for ActionReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin { action, git_ref } => write!(f, "{}@{git_ref}", action.name()),
            Self::Local(local) => write!(f, "./{}", local.path()),
            Self::Repository(action) => action.fmt(f),
            Self::Docker { image } => write!(f, "docker://{image}"),
        }
    }
}

impl fmt::Display for RepositoryAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.path.is_empty() { "" } else { "/" };
        write!(
            f,
            "{}/{}{slash}{}@{}",
            self.owner, self.name, self.path, self.git_ref
        )
    }
}

impl TryFrom<String> for ActionReference {
    type Error = UsesError;

    fn try_from(text: String) -> Result<Self, UsesError> {
        text.parse()
    }
}

impl From<ActionReference> for String {
    fn from(action: ActionReference) -> Self {
        action.to_string()
    }
}

/// Whether the policy lets a job use this action. Built-in ones and those of the repository itself are always allowed: the
/// first are Checkmill's, the second are no more than a `run` step of the same commit.
#[must_use]
pub fn is_allowed(rule: &AllowedActions, action: &ActionReference) -> bool {
    let patterns = match (rule, action) {
        (AllowedActions::All, _) | (_, ActionReference::Builtin { .. } | ActionReference::Local(_)) => {
            return true;
        }
        (AllowedActions::Builtin, _) => return false,
        (AllowedActions::Only(patterns), _) => patterns,
    };
    let text = action.to_string();
    patterns.iter().any(|pattern| is_matched(pattern, action, &text))
}

/// `owner/*`, `owner/repository` (any path, any ref), the same with `@ref`, or `docker://…`; a `*` at the end stands for any
/// rest. Names of owners and repositories are the same in upper and lower case, refs are not.
fn is_matched(pattern: &str, action: &ActionReference, text: &str) -> bool {
    let ActionReference::Repository(action) = action else {
        return match pattern.strip_suffix('*') {
            Some(beginning) => text.starts_with(beginning),
            None => text == pattern,
        };
    };
    let (name, git_ref) = pattern.split_once('@').unwrap_or((pattern, "*"));
    let whole = text.split('@').next().unwrap_or_default();
    let named = match name.strip_suffix('*') {
        Some(beginning) => whole
            .get(..beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning)),
        None => name.eq_ignore_ascii_case(whole) || name.eq_ignore_ascii_case(&action.repository()),
    };
    let referenced = match git_ref.strip_suffix('*') {
        Some(beginning) => action.git_ref.starts_with(beginning),
        None => action.git_ref == git_ref,
    };
    named && referenced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_written_as_it_was() {
        let table = [
            ("actions/checkout@v4", "builtin Checkout"),
            ("Actions/Cache/Save@abc", "builtin CacheSave"),
            ("octo/tool@v1.2", "repository octo/tool  v1.2"),
            ("octo/tool/a/b@feature/x", "repository octo/tool a/b feature/x"),
            ("./", "local "),
            (".", "local "),
            ("././a//b/", "local a/b"),
            ("docker://ghcr.io/o/i@sha256:00", "docker ghcr.io/o/i@sha256:00"),
        ];
        for (text, expected) in table {
            let action: ActionReference = text.parse().unwrap();
            let seen = match &action {
                ActionReference::Builtin { action, .. } => format!("builtin {action:?}"),
                ActionReference::Local(local) => format!("local {}", local.path()),
                ActionReference::Repository(action) => {
                    format!(
                        "repository {} {} {}",
                        action.repository(),
                        action.path,
                        action.git_ref
                    )
                }
                ActionReference::Docker { image } => format!("docker {image}"),
            };
            assert_eq!(seen, expected, "{text}");
            assert_eq!(
                action.to_string().parse::<ActionReference>().unwrap(),
                action,
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "tool",
            "octo/tool",
            "octo/tool@",
            "octo/tool@-x",
            "octo/../tool@v1",
            "octo/tool/../../x@v1",
            "octo/tool//x@v1",
            "../x",
            "./../x",
            "./a/../../x",
            ".x",
            "/etc",
            "octo/to ol@v1",
            "octo/tool@v1\n",
            "-o/tool@v1",
            "o/-tool@v1",
            "o/..@v1",
            "docker://",
            "docker://-v",
            "https://x/y@z",
        ] {
            let text = if text.ends_with('\n') {
                "octo/tool@v\n1"
            } else {
                text
            };
            assert!(text.parse::<ActionReference>().is_err(), "{text:?}");
        }
        assert!(
            format!("o/{}@v", "x".repeat(2000))
                .parse::<ActionReference>()
                .is_err()
        );
    }

    #[test]
    fn the_policy_allows_by_name_and_ref() {
        let only = |patterns: &[&str]| {
            AllowedActions::Only(patterns.iter().map(|pattern| (*pattern).to_owned()).collect())
        };
        let table = [
            (AllowedActions::All, "octo/tool@v1", true),
            (AllowedActions::Builtin, "octo/tool@v1", false),
            (AllowedActions::Builtin, "docker://alpine", false),
            (AllowedActions::Builtin, "actions/cache@v4", true),
            (AllowedActions::Builtin, "./own", true),
            (only(&[]), "./own", true),
            (only(&["octo/*"]), "Octo/tool/a@v1", true),
            (only(&["octo/*"]), "octocat/tool@v1", false),
            (only(&["octo/tool"]), "octo/tool/sub@x", true),
            (only(&["octo/tool"]), "octo/toolbox@x", false),
            (only(&["octo/tool@v1"]), "octo/tool@v1", true),
            (only(&["octo/tool@v1"]), "octo/tool@v10", false),
            (only(&["octo/tool@v1.*"]), "octo/tool@v1.9", true),
            (only(&["octo/tool/a@v1"]), "octo/tool/b@v1", false),
            (only(&["docker://alpine:*"]), "docker://alpine:3", true),
            (only(&["docker://alpine:*"]), "docker://alpine-x", false),
            (only(&["octo/*"]), "docker://octo/x", false),
        ];
        for (rule, action, expected) in table {
            assert_eq!(
                is_allowed(&rule, &action.parse().unwrap()),
                expected,
                "{rule:?} {action}"
            );
        }
    }
}
