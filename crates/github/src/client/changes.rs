//! Which files a push or a pull request changes.

use super::api::{Api, has_next_page, json};
use super::failure::Failure;
use super::http::Request;
use crate::changed_lines::ChangedLines;
use crate::forge::{ChangeSet, ChangedFiles, ForgeError, RepoRef};
use checkmill_core::{CommitSha, limits};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Files of one page. GitHub docs: at most 100.
const PER_PAGE: usize = 100;

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    /// Where it was, for a renamed one.
    #[serde(default)]
    previous_filename: Option<String>,
    /// Left out for binary and very large files.
    #[serde(default)]
    patch: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct WithFiles {
    /// Absent where the two commits are the same.
    #[serde(default)]
    files: Option<Vec<File>>,
}

/// Paths, in order and once each. Of a renamed file both paths count: something changed at either.
pub(super) async fn changed_files(
    api: &Api,
    repo: &RepoRef,
    of: &ChangeSet,
) -> Result<ChangedFiles, ForgeError> {
    match of {
        ChangeSet::Push {
            before: Some(before),
            after,
        } => match compare(api, repo, before, after).await {
            // The old commit is gone, as after a forced push: the best that is left is the new head's own changes.
            Err(failure) if failure.is_refused_with(404) => of_commit(api, repo, after).await,
            outcome => outcome.map_err(|failure| {
                failure.into_forge(&format!(
                    "the comparison {}...{} of {}",
                    before.short(),
                    after.short(),
                    repo.name
                ))
            }),
        },
        ChangeSet::Push { before: None, after } => of_commit(api, repo, after).await,
        ChangeSet::PullRequest { number } => {
            let path = format!("/repos/{}/pulls/{number}/files", repo.name);
            paged::<Vec<File>>(api, repo, &path, |files| files)
                .await
                .map_err(|failure| failure.into_forge(&format!("the pull request {number} of {}", repo.name)))
        }
    }
}

/// GitHub docs, "Compare two commits": up to 300 files, all on the first page, whose size is counted in commits.
async fn compare(
    api: &Api,
    repo: &RepoRef,
    before: &CommitSha,
    after: &CommitSha,
) -> Result<ChangedFiles, Failure> {
    let path = format!(
        "/repos/{}/compare/{before}...{after}?per_page=1&page=1",
        repo.name
    );
    let compared: WithFiles = api.get(repo.installation, &path).await?;
    let files = compared.files.unwrap_or_default();
    // Exactly as many as GitHub gives at most: it does not say whether there are more.
    let truncated = files.len() >= limits::CHANGED_FILES;
    Ok(gathered(files, truncated))
}

async fn of_commit(api: &Api, repo: &RepoRef, sha: &CommitSha) -> Result<ChangedFiles, ForgeError> {
    let path = format!("/repos/{}/commits/{sha}", repo.name);
    paged::<WithFiles>(api, repo, &path, |commit| commit.files.unwrap_or_default())
        .await
        .map_err(|failure| failure.into_forge(&format!("the commit {} of {}", sha.short(), repo.name)))
}

/// Reads pages until there are no more, or as many files as are of use.
async fn paged<T: serde::de::DeserializeOwned>(
    api: &Api,
    repo: &RepoRef,
    path: &str,
    files_of: fn(T) -> Vec<File>,
) -> Result<ChangedFiles, Failure> {
    let mut files = Vec::new();
    let mut more = true;
    let mut page = 1;
    while more && files.len() < limits::CHANGED_FILES {
        let request = Request::get(api.at(&format!("{path}?per_page={PER_PAGE}&page={page}")));
        let response = api.call(repo.installation, &request).await?;
        let of_page = files_of(json(&response.body)?);
        // Emulators that say nothing of pages: a full page may be followed by another.
        more = has_next_page(&response.headers).unwrap_or(of_page.len() == PER_PAGE);
        files.extend(of_page);
        page += 1;
    }
    let truncated = more || files.len() > limits::CHANGED_FILES;
    Ok(gathered(files, truncated))
}

fn gathered(files: Vec<File>, truncated: bool) -> ChangedFiles {
    let mut seen = BTreeSet::new();
    let mut paths = Vec::new();
    let mut lines = ChangedLines::default();
    for file in files.into_iter().take(limits::CHANGED_FILES) {
        lines.add(&file.filename, file.patch.as_deref());
        for path in [Some(file.filename), file.previous_filename]
            .into_iter()
            .flatten()
        {
            if seen.insert(path.clone()) {
                paths.push(path);
            }
        }
    }
    let truncated = truncated || paths.len() > limits::CHANGED_FILES;
    paths.truncate(limits::CHANGED_FILES);
    ChangedFiles {
        paths,
        lines,
        truncated,
    }
}
