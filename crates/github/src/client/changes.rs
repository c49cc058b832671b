//! Which files a push or a pull request changes.
//!
//! | | compared | requests |
//! |---|---|---|
//! | pull request | its head with the merge base (three dots) | one for each 100 files, at most 3 |
//! | push that moved a ref on | the old commit with the new one (two dots; three are the same there) | 1 |
//! | forced push | the two commits' trees (two dots, for which GitHub has no comparison) | 2 |
//! | push that made a ref | the parent of the oldest pushed commit with the new one | 2, or up to 3 for one commit |
//!
//! Source: GitHub docs, "Workflow syntax", "Git diff comparisons". Where GitHub gives no difference, it runs the workflow.

use super::api::{Api, has_next_page, json};
use super::failure::Failure;
use super::http::Request;
use super::trees;
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
struct Commit {
    #[serde(default)]
    parents: Vec<Parent>,
    /// Absent where there are none.
    #[serde(default)]
    files: Option<Vec<File>>,
}

#[derive(Debug, Deserialize)]
struct Parent {
    sha: CommitSha,
}

#[derive(Debug, Deserialize)]
struct Comparison {
    #[serde(default)]
    total_commits: usize,
    /// Absent where the two commits are the same.
    #[serde(default)]
    files: Option<Vec<File>>,
}

/// Paths, in order and once each. Of a renamed file both paths count: something changed at either.
pub(super) async fn changed_files(
    api: &Api<'_>,
    repo: &RepoRef,
    of: &ChangeSet,
) -> Result<ChangedFiles, ForgeError> {
    let outcome = match of {
        ChangeSet::Advanced { before, after } => compare(api, repo, before, after).await,
        ChangeSet::Forced { before, after } => trees::difference(api, repo, Some(before), after).await,
        // Nothing that is new: as if the head had been pushed alone.
        ChangeSet::Created { first: None, after } => of_commit(api, repo, after).await,
        ChangeSet::Created {
            first: Some(first),
            after,
        } if first == after => of_commit(api, repo, after).await,
        ChangeSet::Created {
            first: Some(first),
            after,
        } => since(api, repo, first, after).await,
        ChangeSet::PullRequest { number } => {
            let path = format!("/repos/{}/pulls/{number}/files", repo.name);
            paged::<Vec<File>>(api, repo, &path, |files| files).await
        }
    };
    match outcome {
        // GitHub may have removed a commit that no ref reaches any more, as the one before a forced push; and two histories
        // may have nothing in common. It says 404 of a comparison or a tree, 422 of a commit.
        Err(failure)
            if !matches!(of, ChangeSet::PullRequest { .. })
                && (failure.is_refused_with(404) || failure.is_refused_with(422)) =>
        {
            Ok(ChangedFiles::Unknown {
                why: "GitHub does not have the commits that the push lies between".to_owned(),
            })
        }
        outcome => outcome.map_err(|failure| failure.into_forge(&format!("{of} of {}", repo.name))),
    }
}

/// GitHub docs, "Compare two commits": up to 300 files, all on the first page, whose size is counted in commits.
async fn compare(
    api: &Api<'_>,
    repo: &RepoRef,
    before: &CommitSha,
    after: &CommitSha,
) -> Result<ChangedFiles, Failure> {
    let path = format!(
        "/repos/{}/compare/{before}...{after}?per_page=1&page=1",
        repo.name
    );
    let compared: Comparison = api.get(repo.installation, &path).await?;
    if compared.total_commits > limits::PUSHED_COMMITS {
        return Ok(ChangedFiles::Unknown {
            why: format!("the push brought more than {} commits", limits::PUSHED_COMMITS),
        });
    }
    let files = compared.files.unwrap_or_default();
    // Exactly as many as GitHub gives at most: it does not say whether there are more.
    let truncated = files.len() >= limits::CHANGED_FILES;
    Ok(gathered(files, truncated))
}

/// From the parent of `first`, an ancestor of `after`: two dots and three are the same.
async fn since(
    api: &Api<'_>,
    repo: &RepoRef,
    first: &CommitSha,
    after: &CommitSha,
) -> Result<ChangedFiles, Failure> {
    // Its files are of no interest, and there may be thousands.
    let path = format!("/repos/{}/commits/{first}?per_page=1&page=1", repo.name);
    let commit: Commit = api.get(repo.installation, &path).await?;
    match commit.parents.first() {
        Some(parent) => compare(api, repo, &parent.sha, after).await,
        // The beginning of a history: everything in it is new.
        None => trees::difference(api, repo, None, after).await,
    }
}

/// What a commit changes against its first parent.
async fn of_commit(api: &Api<'_>, repo: &RepoRef, sha: &CommitSha) -> Result<ChangedFiles, Failure> {
    let path = format!("/repos/{}/commits/{sha}", repo.name);
    paged::<Commit>(api, repo, &path, |commit| commit.files.unwrap_or_default()).await
}

/// Reads pages until there are no more, or as many files as are of use.
async fn paged<T: serde::de::DeserializeOwned>(
    api: &Api<'_>,
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
    ChangedFiles::Known {
        paths,
        lines,
        truncated,
    }
}
