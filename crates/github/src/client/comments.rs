//! The comment of a run on its pull request.

use super::api::{Api, has_next_page, json};
use super::failure::Failure;
use super::http::Request;
use super::retry::Repeat;
use crate::forge::{ForgeError, RepoRef};
use crate::render::cut;
use http::Method;
use serde::Deserialize;

/// GitHub refuses comments of more than 65,536 characters.
const COMMENT_BYTES: usize = 65_535;
const PER_PAGE: usize = 100;
/// Pages of comments that are searched for ours: 3,000 comments.
const PAGES: u32 = 30;

pub(super) struct Comment<'a> {
    pub(super) pull_request: u64,
    pub(super) known: Option<u64>,
    pub(super) marker: &'a str,
    pub(super) body: &'a str,
}

#[derive(Debug, Deserialize)]
struct Found {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<Author>,
    #[serde(default)]
    performed_via_github_app: Option<ByApp>,
}

#[derive(Debug, Deserialize)]
struct Author {
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct ByApp {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Written {
    id: u64,
}

impl Found {
    /// Anybody can write the marker into a comment; only ours may be written over.
    fn is_ours(&self, app: u64, marker: &str) -> bool {
        let marked = self.body.as_deref().is_some_and(|body| body.contains(marker));
        let by_us = match &self.performed_via_github_app {
            Some(by) => by.id == app,
            None => self.user.as_ref().is_some_and(|user| user.kind == "Bot"),
        };
        marked && by_us
    }
}

/// Updates the known comment, else the one found by the marker, else writes a new one.
pub(super) async fn write(api: &Api<'_>, repo: &RepoRef, comment: &Comment<'_>) -> Result<u64, ForgeError> {
    let outcome = try_write(api, repo, comment).await;
    outcome.map_err(|failure| {
        failure.into_forge(&format!(
            "the comment on pull request {} of {}",
            comment.pull_request, repo.name
        ))
    })
}

async fn try_write(api: &Api<'_>, repo: &RepoRef, comment: &Comment<'_>) -> Result<u64, Failure> {
    let body = serde_json::json!({ "body": cut(comment.body, COMMENT_BYTES) });
    let update = async |id: u64| {
        let path = format!("/repos/{}/issues/comments/{id}", repo.name);
        api.send::<Written>(repo.installation, Method::PATCH, &path, &body, Repeat::Safe)
            .await
    };
    if let Some(known) = comment.known {
        match update(known).await {
            Ok(written) => return Ok(written.id),
            // Somebody deleted it.
            Err(failure) if failure.is_refused_with(404) => {}
            Err(failure) => return Err(failure),
        }
    }
    if let Some(found) = find(api, repo, comment).await? {
        return update(found).await.map(|written| written.id);
    }
    let path = format!("/repos/{}/issues/{}/comments", repo.name, comment.pull_request);
    let written: Written = api
        .send(repo.installation, Method::POST, &path, &body, Repeat::Once)
        .await?;
    Ok(written.id)
}

async fn find(api: &Api<'_>, repo: &RepoRef, comment: &Comment<'_>) -> Result<Option<u64>, Failure> {
    for page in 1..=PAGES {
        let path = format!(
            "/repos/{}/issues/{}/comments?per_page={PER_PAGE}&page={page}",
            repo.name, comment.pull_request
        );
        let response = api.call(repo.installation, &Request::get(api.at(&path))).await?;
        let found: Vec<Found> = json(&response.body)?;
        if let Some(ours) = found
            .iter()
            .find(|found| found.is_ours(api.app.0, comment.marker))
        {
            return Ok(Some(ours.id));
        }
        if !has_next_page(&response.headers).unwrap_or(found.len() == PER_PAGE) {
            break;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_comment_with_the_marker_is_ours() {
        let found = |text: &str| {
            serde_json::from_str::<Found>(text)
                .unwrap()
                .is_ours(7, "<!-- m -->")
        };
        assert!(found(
            r#"{"id":1,"body":"<!-- m -->\nx","performed_via_github_app":{"id":7}}"#
        ));
        assert!(found(r#"{"id":1,"body":"<!-- m -->","user":{"type":"Bot"}}"#));
        assert!(!found(
            r#"{"id":1,"body":"<!-- m -->","performed_via_github_app":{"id":8},"user":{"type":"Bot"}}"#
        ));
        assert!(!found(r#"{"id":1,"body":"<!-- m -->","user":{"type":"User"}}"#));
        assert!(!found(
            r#"{"id":1,"body":"x","performed_via_github_app":{"id":7}}"#
        ));
        assert!(!found(r#"{"id":1,"body":null}"#));
    }
}
