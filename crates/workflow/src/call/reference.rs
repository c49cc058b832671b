//! What `uses` of a job may be.

use crate::uses::{ActionReference, RepositoryAction, UsesError};
use checkmill_core::RepoName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A workflow file to call. GitHub docs: `jobs.<job_id>.uses`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WorkflowReference {
    /// `./path`: a file of the same repository and commit as the file that calls it. Here without `./`.
    Local(String),
    Remote(RemoteWorkflow),
}

/// `owner/repository/path@ref`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteWorkflow {
    pub repository: RepoName,
    /// Of the file in the repository.
    pub path: String,
    /// A branch, a tag or a commit, as written: no revision of git's own making (`a~1`, `a:b`).
    pub git_ref: String,
}

/// The directories whose files can be called. GitHub docs: files directly in `.github/workflows`.
const DIRECTORIES: [&str; 2] = [".github/workflows/", ".checkmill/workflows/"];
/// A longer `uses` is no name.
const USES_BYTES: usize = 500;
const FORMS: &str = "write `./.github/workflows/FILE.yml`, or `owner/repository/.github/workflows/FILE.yml@ref` for another repository's";

impl WorkflowReference {
    /// The same file for somebody who stands in the run's repository: what a file of another repository calls by `./path`
    /// is of that repository, too.
    #[must_use]
    pub fn seen_from(&self, caller: &Self) -> Self {
        match (self, caller) {
            (Self::Local(path), Self::Remote(caller)) => Self::Remote(RemoteWorkflow {
                path: path.clone(),
                ..caller.clone()
            }),
            _ => self.clone(),
        }
    }

    /// What messages call the file: its path, for one of another repository with that and the ref.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Local(path) => path.clone(),
            Self::Remote(remote) => remote.to_string(),
        }
    }
}

impl RemoteWorkflow {
    /// For the policy's rule about actions, which holds for workflows of other repositories, too.
    pub(crate) fn as_action(&self) -> ActionReference {
        ActionReference::Repository(RepositoryAction {
            owner: self.repository.owner().to_owned(),
            name: self.repository.name().to_owned(),
            path: self.path.clone(),
            git_ref: self.git_ref.clone(),
        })
    }
}

fn wrong(message: &str, hint: impl Into<String>) -> UsesError {
    UsesError {
        message: message.to_owned(),
        hint: hint.into(),
    }
}

impl FromStr for WorkflowReference {
    type Err = UsesError;

    fn from_str(text: &str) -> Result<Self, UsesError> {
        let text = text.trim();
        if text.len() > USES_BYTES || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong(
                "which has blanks or control characters, or is too long",
                FORMS,
            ));
        }
        if let Some(path) = text.strip_prefix("./") {
            if path.contains('@') {
                let hint = "remove `@` and what follows; a file of the same repository is of the same commit";
                return Err(wrong("which is a file of this repository at a ref", hint));
            }
            return Ok(Self::Local(file(path)?));
        }
        let (name, git_ref) = text.split_once('@').unwrap_or((text, ""));
        let mut parts = name.splitn(3, '/');
        let (Some(owner), Some(repository), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("which is no workflow file", FORMS));
        };
        let repository: RepoName = format!("{owner}/{repository}")
            .parse()
            .map_err(|_| wrong("which names no repository", FORMS))?;
        let path = file(path)?;
        if git_ref.is_empty() {
            let hint = format!("add `@` and a tag, a branch or a commit, such as `{name}@v1`");
            return Err(wrong("without a version", hint));
        }
        if !is_ref(git_ref) {
            return Err(wrong(
                "whose version is no name of a branch, tag or commit",
                FORMS,
            ));
        }
        Ok(Self::Remote(RemoteWorkflow {
            repository,
            path,
            git_ref: git_ref.to_owned(),
        }))
    }
}

fn file(path: &str) -> Result<String, UsesError> {
    let name = DIRECTORIES.iter().find_map(|dir| path.strip_prefix(dir));
    let is_file = |name: &str| {
        !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml")) && !name.starts_with('.')
    };
    if name.is_some_and(is_file) {
        Ok(path.to_owned())
    } else {
        Err(wrong("which is no workflow file", FORMS))
    }
}

/// Source: git's `check-ref-format`, as far as it matters to somebody who would read more into it than a name.
fn is_ref(text: &str) -> bool {
    !text.starts_with(['-', '/'])
        && !text.ends_with('/')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(['~', '^', ':', '?', '*', '[', '\\'])
}

impl fmt::Display for RemoteWorkflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.repository, self.path, self.git_ref)
    }
}

impl fmt::Display for WorkflowReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "./{path}"),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

impl TryFrom<String> for WorkflowReference {
    type Error = UsesError;

    fn try_from(text: String) -> Result<Self, UsesError> {
        text.parse()
    }
}

impl From<WorkflowReference> for String {
    fn from(reference: WorkflowReference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_written_as_they_were() {
        for text in [
            "./.github/workflows/build.yml",
            "./.checkmill/workflows/build.yaml",
            "octo/shared/.github/workflows/build.yml@v1",
            "octo/shared/.checkmill/workflows/build.yml@feature/x",
            "octo/shared/.github/workflows/build.yml@0123456789abcdef0123456789abcdef01234567",
        ] {
            let reference: WorkflowReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_names_no_workflow_file_is_refused() {
        for (text, expected) in [
            ("build.yml", "which is no workflow file"),
            ("./build.yml", "which is no workflow file"),
            ("./.github/workflows/a/build.yml", "which is no workflow file"),
            ("./.github/workflows/../x.yml", "which is no workflow file"),
            ("./.github/workflows/.yml", "which is no workflow file"),
            ("./.github/workflows/build.txt", "which is no workflow file"),
            ("./.lightning/workflows/build.yml", "which is no workflow file"),
            (
                "./.github/workflows/build.yml@v1",
                "which is a file of this repository at a ref",
            ),
            ("octo/shared@v1", "which is no workflow file"),
            ("octo/shared/.github/workflows/build.yml", "without a version"),
            (
                "octo/../.github/workflows/build.yml@v1",
                "which names no repository",
            ),
            (
                "octo/shared/.github/workflows/build.yml@v1:x",
                "whose version is no name of a branch, tag or commit",
            ),
            (
                "octo/shared/.github/workflows/build.yml@-v",
                "whose version is no name of a branch, tag or commit",
            ),
            (
                "octo/shared/.github/workflows/build.yml@v 1",
                "which has blanks or control characters, or is too long",
            ),
        ] {
            let error = text.parse::<WorkflowReference>().unwrap_err();
            assert_eq!(error.message, expected, "{text}");
        }
    }

    #[test]
    fn a_local_file_is_of_the_repository_of_its_caller() {
        let local: WorkflowReference = "./.github/workflows/b.yml".parse().unwrap();
        let caller = |text: &str| text.parse::<WorkflowReference>().unwrap();
        let remote = caller("octo/shared/.github/workflows/a.yml@v1");
        assert_eq!(
            local.seen_from(&remote).to_string(),
            "octo/shared/.github/workflows/b.yml@v1"
        );
        assert_eq!(local.seen_from(&caller("./.github/workflows/a.yml")), local);
        assert_eq!(remote.seen_from(&local), remote);
    }
}
