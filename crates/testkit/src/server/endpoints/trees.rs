//! Trees, of a directory or of everything below it.

use super::code;
use crate::content::Entry;
use crate::server::call::Call;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// GitHub docs: at most 100,000 entries with `recursive`.
const ENTRIES: usize = 100_000;

/// By a commit or a ref (by the id of a tree GitHub gives it too; nobody has asked this fake). GitHub docs: any value of `recursive` means all levels, also `false`.
pub(super) fn get(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = code::repo(state, call)?;
    if repo.refs.is_empty() {
        return Err(Refusal::new(409, "Git Repository is empty."));
    }
    let objects = state.objects_of(repo);
    let tree = state
        .resolve(repo, &call.matched.arg)
        .and_then(|sha| objects.tree(&sha))
        .ok_or_else(Refusal::not_found)?;
    let recursive = call.param("recursive").is_some();
    let mut listed = BTreeMap::new();
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        for (name, entry) in tree.children(&dir).unwrap_or_default() {
            let path = if dir.is_empty() {
                name.to_owned()
            } else {
                format!("{dir}/{name}")
            };
            if recursive && matches!(entry, Entry::Directory(_)) {
                open.push(path.clone());
            }
            listed.insert(path, entry);
        }
    }
    let api = state.repository_api_url(repo);
    let root = tree.directory_id("");
    let truncated = listed.len() > ENTRIES;
    let entries: Vec<Value> = listed
        .iter()
        .take(ENTRIES)
        .map(|(path, entry)| match entry {
            Entry::File(file) => json!({
                "path": path, "mode": file.mode.octal(), "type": "blob", "sha": file.id, "size": file.size_bytes,
                "url": format!("{api}/git/blobs/{}", file.id),
            }),
            Entry::Directory(id) => json!({
                "path": path, "mode": "040000", "type": "tree", "sha": id, "url": format!("{api}/git/trees/{id}"),
            }),
        })
        .collect();
    Ok(Reply::ok(&json!({
        "sha": root,
        "url": format!("{api}/git/trees/{root}"),
        "tree": entries,
        "truncated": truncated,
    })))
}
