//! The same files without GraphQL, for emulators: a request for the commit, one for each directory, one for each file.

use super::{Content, Listed, Wanted, complete, is_workflow_file, too_large};
use crate::client::api::Api;
use crate::client::failure::Failure;
use crate::client::path::segments;
use crate::forge::{ForgeError, PlanningFiles, SourceContent};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct CommitPage {
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
    let mut listed = Vec::new();
    let outcome = async {
        for dir in wanted.dirs {
            listed.extend(directory(api, wanted, dir).await?);
        }
        let policy = Listed {
            path: wanted.policy.to_owned(),
            content: Content::Unread,
        };
        complete(api, wanted, Some(policy), listed, commit.commit.message).await
    };
    outcome
        .await
        .map_err(|failure| failure.into_forge(&format!("the workflow files of {}", wanted.repo.name)))
}

async fn directory(api: &Api<'_>, wanted: &Wanted<'_>, dir: &str) -> Result<Vec<Listed>, Failure> {
    let path = format!(
        "/repos/{}/contents/{}?ref={}",
        wanted.repo.name,
        segments(dir),
        wanted.sha
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
