//! The same files without GraphQL, for emulators: a request for the commit, one for each directory, one for each file.

use super::{Content, Listed, ListedAt, Wanted, complete, is_workflow_file, too_large};
use crate::client::api::Api;
use crate::client::failure::Failure;
use crate::client::path::segments;
use crate::forge::{Beside, ForgeError, PlanningFiles, SourceContent};
use checkmill_core::CommitSha;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct CommitPage {
    sha: CommitSha,
    commit: Commit,
}

#[derive(Debug, Deserialize)]
struct Commit {
    #[serde(default)]
    message: String,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
}

pub(in crate::client) async fn by_rest(
    api: &Api<'_>,
    wanted: &Wanted<'_>,
) -> Result<PlanningFiles, ForgeError> {
    let commit_path = format!("/repos/{}/commits/{}", wanted.repo.name, wanted.sha);
    let commit: CommitPage = match api.get(wanted.repo.installation, &commit_path).await {
        Ok(commit) => commit,
        // GitHub answers 422 for a commit that is not there.
        Err(failure) if failure.is_refused_with(404) || failure.is_refused_with(422) => {
            return Err(ForgeError::NotFound(format!(
                "commit {} in {}",
                wanted.sha.short(),
                wanted.repo.name
            )));
        }
        Err(failure) => {
            return Err(failure.into_forge(&format!(
                "the commit {} of {}",
                wanted.sha.short(),
                wanted.repo.name
            )));
        }
    };
    let outcome = async {
        let listed = directories(api, wanted, wanted.sha).await?;
        let default_branch = match wanted.beside {
            Beside::Nothing => None,
            Beside::DefaultBranch => head(api, wanted).await?,
        };
        let policy = Listed {
            path: wanted.policy.to_owned(),
            content: Content::Unread,
        };
        complete(
            api,
            wanted,
            Some(policy),
            listed,
            default_branch,
            commit.commit.message,
        )
        .await
    };
    outcome
        .await
        .map_err(|failure| failure.into_forge(&format!("the workflow files of {}", wanted.repo.name)))
}

/// The default branch's head and its files.
async fn head(api: &Api<'_>, wanted: &Wanted<'_>) -> Result<Option<ListedAt>, Failure> {
    let path = format!("/repos/{}/commits/HEAD", wanted.repo.name);
    let head: CommitPage = match api.get(wanted.repo.installation, &path).await {
        Ok(head) => head,
        // 409: the repository is empty.
        Err(failure)
            if [404, 409, 422]
                .iter()
                .any(|status| failure.is_refused_with(*status)) =>
        {
            return Ok(None);
        }
        Err(failure) => return Err(failure),
    };
    Ok(Some(ListedAt {
        files: directories(api, wanted, &head.sha).await?,
        sha: head.sha,
    }))
}

async fn directories(api: &Api<'_>, wanted: &Wanted<'_>, sha: &CommitSha) -> Result<Vec<Listed>, Failure> {
    let mut listed = Vec::new();
    for dir in wanted.dirs {
        listed.extend(directory(api, wanted, sha, dir).await?);
    }
    Ok(listed)
}

async fn directory(
    api: &Api<'_>,
    wanted: &Wanted<'_>,
    sha: &CommitSha,
    dir: &str,
) -> Result<Vec<Listed>, Failure> {
    let path = format!(
        "/repos/{}/contents/{}?ref={}",
        wanted.repo.name,
        segments(dir),
        sha
    );
    let entries: Vec<Entry> = match api.get(wanted.repo.installation, &path).await {
        Ok(entries) => entries,
        Err(failure) if failure.is_refused_with(404) => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let files = entries
        .into_iter()
        .filter(|entry| entry.kind == "file" && is_workflow_file(&entry.name));
    let content = |size| {
        if too_large(size) {
            Content::Known(SourceContent::TooLarge(size))
        } else {
            Content::Unread
        }
    };
    Ok(files
        .map(|entry| Listed {
            content: content(entry.size),
            path: entry.path,
        })
        .collect())
}
