//! Files and directories: `GET /repos/{owner}/{repo}/contents/{path}`.

use super::code;
use crate::content::{Entry, File, FileMode};
use crate::server::call::Call;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::repository::Repository;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use checkmill_core::CommitSha;
use serde_json::{Value, json};

/// GitHub docs: up to 1 MB all features; from 1 to 100 MB only the raw media type, the JSON having an empty content.
const INLINE_BYTES: u64 = 1024 * 1024;
/// GitHub docs: larger files are not supported.
const FILE_BYTES: u64 = 100 * 1024 * 1024;
/// GitHub docs: a directory listing has at most 1,000 files.
const LISTED: usize = 1000;
/// GitHub docs: no line breaks are promised; it sends base64 in lines of 60 characters.
const BASE64_LINE: usize = 60;

pub(super) fn get(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = code::repo(state, call)?;
    let git_ref = call.param("ref").unwrap_or("HEAD");
    let sha = state.resolve(repo, git_ref).ok_or_else(|| {
        let shown = if git_ref == "HEAD" { "HEAD" } else { git_ref };
        Refusal::new(404, format!("No commit found for the ref {shown}"))
    })?;
    let tree = state.objects_of(repo).tree(&sha).ok_or_else(Refusal::not_found)?;
    let path = call.matched.arg.trim_end_matches('/');
    match tree.at(path).ok_or_else(Refusal::not_found)? {
        Entry::File(found) => file(state, call, repo, &sha, path, found),
        Entry::Directory(_) => {
            let children = tree.children(path).unwrap_or_default();
            let list: Vec<Value> = children
                .iter()
                .take(LISTED)
                .map(|(name, entry)| {
                    let path = if path.is_empty() {
                        (*name).to_owned()
                    } else {
                        format!("{path}/{name}")
                    };
                    described(state, repo, &sha, &path, entry)
                })
                .collect();
            Ok(Reply::ok(&list.into()))
        }
    }
}

fn file(
    state: &State,
    call: &Call,
    repo: &Repository,
    sha: &CommitSha,
    path: &str,
    file: &File,
) -> Result<Reply, Refusal> {
    if file.size_bytes > FILE_BYTES {
        let mut refusal = Refusal::new(
            403,
            "This API returns blobs up to 100 MB in size. The requested blob is too large to fetch via the API.",
        );
        refusal.errors = vec![json!({ "resource": "Blob", "field": "data", "code": "too_large" })];
        return Err(refusal);
    }
    let content = || -> Result<Bytes, Refusal> {
        state
            .objects_of(repo)
            .blob(&file.id)
            .ok_or_else(Refusal::not_found)
    };
    if call.accept.contains("raw") {
        return Ok(Reply::bytes(
            "application/vnd.github.raw; charset=utf-8",
            content()?,
        ));
    }
    let mut json = described(state, repo, sha, path, &Entry::File(file));
    if file.mode == FileMode::SymbolicLink {
        json["target"] = String::from_utf8_lossy(&content()?).into_owned().into();
    } else if file.size_bytes > INLINE_BYTES {
        json["encoding"] = "none".into();
        json["content"] = "".into();
    } else {
        json["encoding"] = "base64".into();
        json["content"] = base64_lines(&content()?).into();
    }
    Ok(Reply::ok(&json))
}

fn described(state: &State, repo: &Repository, sha: &CommitSha, path: &str, entry: &Entry<'_>) -> Value {
    let api = state.repository_api_url(repo);
    let web = state.repository_web_url(repo);
    let (kind, id, size, page, git) = match entry {
        Entry::File(file) => {
            let kind = if file.mode == FileMode::SymbolicLink {
                "symlink"
            } else {
                "file"
            };
            (kind, file.id.as_str(), file.size_bytes, "blob", "blobs")
        }
        Entry::Directory(id) => ("dir", id.as_str(), 0, "tree", "trees"),
    };
    let download = (kind == "file").then(|| format!("{web}/raw/{sha}/{path}"));
    let url = format!("{api}/contents/{path}?ref={sha}");
    let git_url = format!("{api}/git/{git}/{id}");
    let html_url = format!("{web}/{page}/{sha}/{path}");
    json!({
        "type": kind,
        "size": size,
        "name": path.rsplit('/').next().unwrap_or(path),
        "path": path,
        "sha": id,
        "url": url,
        "git_url": git_url,
        "html_url": html_url,
        "download_url": download,
        "_links": { "self": url, "git": git_url, "html": html_url },
    })
}

fn base64_lines(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    let mut lines = String::with_capacity(text.len() + text.len() / BASE64_LINE + 1);
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index.is_multiple_of(BASE64_LINE) {
            lines.push('\n');
        }
        lines.push(character);
    }
    if !text.is_empty() {
        lines.push('\n');
    }
    lines
}
