//! The files that a run's workflow calls: gathered when the run is planned, kept as they were, put together again later.

use crate::planned::Callable;
use crate::ports::StoreError;
use crate::view;
use checkmill_core::policy::Policy;
use checkmill_core::{CommitSha, Event};
use checkmill_github::forge::{FileAtRef, FoundFile, PlanningFiles, SourceContent};
use checkmill_workflow::{Called, Diagnostics, Linker, RemoteWorkflow, Workflow, WorkflowReference};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A file that is called, as it was when the run was planned: every attempt of the run's jobs goes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CalledFile {
    /// As seen from the run's repository.
    uses: WorkflowReference,
    /// What the ref of another repository meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha: Option<CommitSha>,
    text: String,
}

/// What is known of other repositories' files.
pub(crate) type Remote = BTreeMap<RemoteWorkflow, RemoteFile>;

#[derive(Debug, Clone)]
pub(crate) enum RemoteFile {
    Found {
        sha: CommitSha,
        text: String,
    },
    /// Why it can't be had.
    Unreadable(String),
    /// Nobody asks here.
    Elsewhere,
}

/// What the files of a workflow come to.
pub(crate) enum Gathered {
    All(Vec<CalledFile>),
    Broken(Diagnostics),
    /// These have to be asked for.
    Needs(Vec<RemoteWorkflow>),
}

/// Gathers all that a workflow calls, directly and through others: files of its own commit from those that planning read.
pub(crate) fn gather(
    workflow: Workflow,
    event: &Event,
    Callable {
        policy,
        files,
        remote,
    }: Callable<'_>,
) -> Gathered {
    let owner = event.repository.name.owner();
    let mut linker = Linker::new(workflow, &policy.actions).of_owner(owner);
    let mut all = Vec::new();
    loop {
        let wanted = linker.wanted();
        if wanted.is_empty() {
            break;
        }
        let mut needs = Vec::new();
        for uses in wanted {
            let (called, sha) = match &uses {
                WorkflowReference::Local(path) => (local(files, path), None),
                WorkflowReference::Remote(of) => match remote.get(of) {
                    None => {
                        needs.push(of.clone());
                        continue;
                    }
                    Some(RemoteFile::Found { sha, text }) => (Called::Text(text.clone()), Some(sha.clone())),
                    Some(RemoteFile::Unreadable(why)) => (Called::Unreadable(why.clone()), None),
                    Some(RemoteFile::Elsewhere) => (Called::Elsewhere, None),
                },
            };
            if let Called::Text(text) = &called {
                all.push(CalledFile {
                    uses: uses.clone(),
                    sha,
                    text: text.clone(),
                });
            }
            linker.give(uses, called);
        }
        if !needs.is_empty() {
            return Gathered::Needs(needs);
        }
    }
    match linker.link() {
        Ok(_) => Gathered::All(all),
        Err(diagnostics) => Gathered::Broken(diagnostics),
    }
}

/// A file of the run's own commit.
fn local(files: &PlanningFiles, path: &str) -> Called {
    match files.workflows.iter().find(|file| file.path == path) {
        Some(file) => match &file.content {
            SourceContent::Text(text) => Called::Text(text.clone()),
            other => Called::Unreadable(unreadable(other)),
        },
        None if files.left_out.iter().any(|left_out| left_out == path) => {
            Called::Unreadable("it was not read; there are too many workflow files beside it".to_owned())
        }
        None => Called::Unreadable("the commit has no such file".to_owned()),
    }
}

fn unreadable(content: &SourceContent) -> String {
    match content {
        SourceContent::TooLarge(bytes) => view::is_too_large(*bytes),
        SourceContent::Text(_) | SourceContent::Binary => "it is not UTF-8 text".to_owned(),
    }
}

/// What to ask the forge for. Files of one ref are of one commit, whatever became of the ref since it was looked up.
pub(crate) fn at_ref(of: &RemoteWorkflow, known: &Remote) -> FileAtRef {
    let sha = known.iter().find_map(|(other, file)| match file {
        RemoteFile::Found { sha, .. }
            if (&other.repository, &other.git_ref) == (&of.repository, &of.git_ref) =>
        {
            Some(sha.to_string())
        }
        _ => None,
    });
    FileAtRef {
        repository: of.repository.clone(),
        git_ref: sha.unwrap_or_else(|| of.git_ref.clone()),
        path: of.path.clone(),
    }
}

/// What the forge's answer means for an event's run. GitHub docs, "Access to reusable workflows": a public repository calls
/// workflows of public ones only. A fork's author need not be one who may read the other repository, either.
pub(crate) fn judged(event: &Event, of: &RemoteWorkflow, found: FoundFile) -> RemoteFile {
    let RemoteWorkflow {
        repository,
        path,
        git_ref,
    } = of;
    let why = match found {
        FoundFile::File { private: true, .. }
            if !event.repository.private && *repository != event.repository.name =>
        {
            format!("{repository} is private, and a public repository can't call its workflows")
        }
        FoundFile::File { private: true, .. }
            if event.is_of_a_forks_commit() && *repository != event.repository.name =>
        {
            format!("{repository} is private, and a fork's commit can't call its workflows")
        }
        FoundFile::File { sha, content, .. } => match content {
            SourceContent::Text(text) => return RemoteFile::Found { sha, text },
            other => unreadable(&other),
        },
        FoundFile::NoRepository => {
            format!("GitHub has no repository {repository}, or the App may not see it")
        }
        FoundFile::NoRef => format!("{repository} has no branch, tag or commit `{git_ref}`"),
        FoundFile::NoFile => format!("{repository} has no `{path}` at `{git_ref}`"),
    };
    RemoteFile::Unreadable(why)
}

/// Puts a workflow and the files that were gathered for it together.
///
/// # Errors
/// What is wrong with them, which was known when they were gathered.
pub(crate) fn link(
    workflow: Workflow,
    policy: &Policy,
    files: Vec<CalledFile>,
) -> Result<Workflow, Diagnostics> {
    let mut linker = Linker::new(workflow, &policy.actions);
    for CalledFile { uses, sha, text } in files {
        linker.give(uses.clone(), Called::Text(text));
        if let Some(sha) = sha {
            linker.at_commit(&uses, sha);
        }
    }
    loop {
        // What was not gathered was not asked for.
        let wanted = linker.wanted();
        if wanted.is_empty() {
            return linker.link();
        }
        for uses in wanted {
            linker.give(uses, Called::Elsewhere);
        }
    }
}

/// As the run's blob holds them.
pub(crate) fn encode(files: &[CalledFile]) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(files).map_err(|error| StoreError::Corrupt(format!("the called workflows: {error}")))
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<CalledFile>, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Corrupt(format!("the called workflows: {error}")))
}

/// Notes which commits the refs of other repositories meant.
pub(crate) fn log(event: &Event, files: &[CalledFile]) {
    for file in files {
        if let Some(sha) = &file.sha {
            tracing::info!(delivery = %event.delivery, workflow = %file.uses, %sha, "a run calls another repository's workflow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_core::event::{EventKind, GitRef, PullRequest, PullRequestHead, Push, Repository};
    use checkmill_core::{InstallationId, RepositoryId, UnixMillis};

    const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

    fn push() -> EventKind {
        EventKind::Push(Push {
            git_ref: GitRef::Branch("main".to_owned()),
            before: None,
            after: SHA.parse().ok(),
            forced: false,
            first: None,
            message: String::new(),
        })
    }

    fn pull_request(head: &str) -> EventKind {
        let sha: CommitSha = SHA.parse().unwrap();
        EventKind::PullRequest(PullRequest {
            action: "opened".to_owned(),
            number: 1,
            title: String::new(),
            author: "mona".parse().unwrap(),
            draft: false,
            labels: Vec::new(),
            head: PullRequestHead {
                git_ref: "x".to_owned(),
                sha: sha.clone(),
                repository: Some(head.parse().unwrap()),
            },
            base_ref: "main".to_owned(),
            base_sha: sha,
        })
    }

    fn event(private: bool, kind: EventKind) -> Event {
        Event {
            delivery: "d".parse().unwrap(),
            installation: InstallationId(1),
            repository: Repository {
                id: RepositoryId(1),
                name: "octo/hello".parse().unwrap(),
                default_branch: "main".to_owned(),
                owner_id: None,
                private,
                internal: false,
                clone_url: String::new(),
                html_url: String::new(),
            },
            sender: "mona".parse().unwrap(),
            sender_id: None,
            received_at: UnixMillis(0),
            kind,
        }
    }

    fn remote(repository: &str, path: &str, git_ref: &str) -> RemoteWorkflow {
        RemoteWorkflow {
            repository: repository.parse().unwrap(),
            path: path.to_owned(),
            git_ref: git_ref.to_owned(),
        }
    }

    #[test]
    fn who_may_call_what() {
        let own = pull_request("octo/hello");
        let fork = pull_request("mallory/hello");
        for (caller_is_private, kind, callee, callee_is_private, allowed) in [
            (false, push(), "octo/shared", false, true),
            (false, push(), "octo/shared", true, false),
            (true, push(), "octo/shared", true, true),
            (true, own, "octo/shared", true, true),
            (true, fork.clone(), "octo/shared", true, false),
            (true, fork.clone(), "octo/hello", true, true),
            (false, fork, "octo/shared", false, true),
        ] {
            let found = FoundFile::File {
                sha: SHA.parse().unwrap(),
                private: callee_is_private,
                content: SourceContent::Text("on: x".to_owned()),
            };
            let event = event(caller_is_private, kind);
            let file = judged(&event, &remote(callee, "a.yml", "v1"), found);
            let read = matches!(file, RemoteFile::Found { .. });
            assert_eq!(read, allowed, "{event:?} {callee} {callee_is_private}: {file:?}");
        }
    }

    #[test]
    fn files_of_one_ref_are_of_one_commit() {
        let found = RemoteFile::Found {
            sha: SHA.parse().unwrap(),
            text: String::new(),
        };
        let known = Remote::from([(remote("octo/shared", "a", "v1"), found)]);
        assert_eq!(at_ref(&remote("octo/shared", "b", "v1"), &known).git_ref, SHA);
        assert_eq!(at_ref(&remote("octo/shared", "b", "v2"), &known).git_ref, "v2");
        assert_eq!(at_ref(&remote("octo/other", "b", "v1"), &known).git_ref, "v1");
    }
}
