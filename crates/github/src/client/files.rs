//! The files that planning needs: the workflow files at a commit, the policy at the default branch's head, and the commit's
//! message. One GraphQL request; where there is no GraphQL, one REST request a file.

mod at_ref;
mod graphql;
mod rest;

pub(super) use at_ref::{files_by_graphql, files_by_rest};
pub(super) use graphql::{ByGraphql, by_graphql};
pub(super) use rest::by_rest;

use super::api::Api;
use super::failure::Failure;
use super::http::Request;
use super::path::segments;
use crate::forge::{Beside, BranchFiles, PlanningFiles, RepoRef, SourceContent, SourceFile};
use checkmill_core::{CommitSha, limits};
use std::collections::HashMap;

/// What is asked for; see [`crate::forge::Forge::planning_files`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) repo: &'a RepoRef,
    pub(super) sha: &'a CommitSha,
    pub(super) dirs: &'a [&'a str],
    pub(super) policy: &'a str,
    pub(super) beside: Beside,
}

/// The files listed at a commit.
#[derive(Debug)]
struct ListedAt {
    sha: CommitSha,
    files: Vec<Listed>,
}

/// A file that is there, and what is known of its content.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    path: String,
    content: Content,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Known(SourceContent),
    /// To be asked for by itself.
    Unread,
}

fn is_workflow_file(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

fn too_large(bytes: u64) -> bool {
    bytes > limits::WORKFLOW_FILE_BYTES as u64
}

/// Reads what is unread, and puts everything together within the limits.
async fn complete(
    api: &Api<'_>,
    wanted: &Wanted<'_>,
    policy: Option<Listed>,
    listed: Vec<Listed>,
    default_branch: Option<ListedAt>,
    message: String,
) -> Result<PlanningFiles, Failure> {
    let (workflows, left_out) = contents(api, wanted, wanted.sha, listed).await?;
    let default_branch = match default_branch {
        Some(ListedAt { sha, files }) => {
            let (workflows, left_out) = contents(api, wanted, &sha, files).await?;
            Some(BranchFiles {
                sha,
                workflows,
                left_out,
            })
        }
        None => None,
    };
    let policy = match policy {
        Some(Listed {
            path,
            content: Content::Known(content),
        }) => Some(SourceFile { path, content }),
        Some(Listed {
            path,
            content: Content::Unread,
        }) => read(api, wanted.repo, &path, None)
            .await?
            .map(|content| SourceFile { path, content }),
        None => None,
    };
    Ok(PlanningFiles {
        policy,
        workflows,
        left_out,
        message,
        archived: false,
        default_branch,
    })
}

/// The files of a commit within the limits, sorted, and the paths past them.
async fn contents(
    api: &Api<'_>,
    wanted: &Wanted<'_>,
    sha: &CommitSha,
    mut listed: Vec<Listed>,
) -> Result<(Vec<SourceFile>, Vec<String>), Failure> {
    listed.sort_by(|one, other| one.path.cmp(&other.path));
    listed.dedup_by(|one, other| one.path == other.path);
    let mut of_dirs: HashMap<&str, usize> = HashMap::new();
    let mut is_within = |path: &str| {
        // Each directory has a limit of its own: the policy may yet say that one of them does not count.
        let dir = wanted
            .dirs
            .iter()
            .find(|dir| path.starts_with(&format!("{dir}/")));
        let count = of_dirs.entry(dir.copied().unwrap_or_default()).or_default();
        *count += 1;
        *count <= limits::WORKFLOW_FILES
    };
    let (listed, past): (Vec<_>, Vec<_>) = listed.into_iter().partition(|file| is_within(&file.path));
    let left_out = past.into_iter().map(|file| file.path).collect();
    let mut workflows = Vec::with_capacity(listed.len());
    for file in listed {
        // A file that was there a moment ago, at a commit that doesn't change: if it is gone now, GitHub is of two minds.
        let content = match file.content {
            Content::Known(content) => Some(content),
            Content::Unread => read(api, wanted.repo, &file.path, Some(sha)).await?,
        };
        let content =
            content.ok_or_else(|| Failure::Garbled(format!("{} is listed and not there", file.path)))?;
        workflows.push(SourceFile {
            path: file.path,
            content,
        });
    }
    Ok((workflows, left_out))
}

/// One file's content by REST: at a commit, or at the default branch's head. None where there is no such file.
async fn read(
    api: &Api<'_>,
    repo: &RepoRef,
    path: &str,
    sha: Option<&CommitSha>,
) -> Result<Option<SourceContent>, Failure> {
    let at = sha.map(|sha| format!("?ref={sha}")).unwrap_or_default();
    let url = api.at(&format!("/repos/{}/contents/{}{at}", repo.name, segments(path)));
    match api
        .call(
            repo.installation,
            &Request::get_raw(url, limits::WORKFLOW_FILE_BYTES),
        )
        .await
    {
        Ok(response) => Ok(Some(text(response.body.to_vec()))),
        Err(Failure::TooLong { bytes }) => Ok(Some(SourceContent::TooLarge(
            bytes.unwrap_or(limits::WORKFLOW_FILE_BYTES as u64 + 1),
        ))),
        // 409: the repository is empty.
        Err(failure) if failure.is_refused_with(404) || failure.is_refused_with(409) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn text(bytes: Vec<u8>) -> SourceContent {
    String::from_utf8(bytes).map_or(SourceContent::Binary, SourceContent::Text)
}
