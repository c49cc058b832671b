//! Repositories, refs, commits and who may do what.

use crate::server::call::Call;
use crate::server::paging;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::repository::{Repository, Role};
use checkmill_core::Login;
use serde_json::{Value, json};

pub(super) fn repo<'a>(state: &'a State, call: &Call) -> Result<&'a Repository, Refusal> {
    state
        .repositories
        .get(&call.repository()?)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn repository(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = repo(state, call)?;
    let mut json = state.repository_json(repo);
    json["network_count"] = 0.into();
    json["subscribers_count"] = 0.into();
    Ok(Reply::ok(&json))
}

/// A user nobody knows is 404, as is a private repository's role of somebody without any.
pub(super) fn collaborator_permission(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = repo(state, call)?;
    let not_a_user = || Refusal::new(404, format!("{} is not a user", call.matched.arg));
    let login: Login = call.matched.arg.parse().map_err(|_| not_a_user())?;
    let known = state
        .users
        .keys()
        .find(|known| known.as_str().eq_ignore_ascii_case(login.as_str()))
        .ok_or_else(not_a_user)?;
    let role = repo.role_of(known);
    let mut user = state.user_json(known);
    let at_least = |least: Role| role >= Some(least);
    user["permissions"] = json!({
        "pull": at_least(Role::Read),
        "triage": at_least(Role::Triage),
        "push": at_least(Role::Write),
        "maintain": at_least(Role::Maintain),
        "admin": at_least(Role::Admin),
    });
    let role_name = role.map_or("none", Role::name);
    user["role_name"] = role_name.into();
    Ok(Reply::ok(&json!({
        "permission": role.map_or("none", Role::legacy),
        "user": user,
        "role_name": role_name,
    })))
}

/// `heads/NAME` or `tags/NAME`, exactly.
pub(super) fn git_ref(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = repo(state, call)?;
    let full = format!("refs/{}", call.matched.arg);
    let sha = repo.refs.get(&full).ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&state.ref_json(repo, &full, sha)))
}

/// An annotated tag, by the object's own id.
pub(super) fn tag(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = repo(state, call)?;
    let tag = repo.tag_objects.values().find(|tag| tag.id == call.matched.arg);
    let tag = tag.ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&state.tag_json(repo, tag)))
}

pub(super) fn commit(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = repo(state, call)?;
    let name = &call.matched.arg;
    let commit = state
        .resolve(repo, name)
        .and_then(|sha| state.objects_of(repo).commit(&sha))
        .ok_or_else(|| Refusal::new(422, format!("No commit found for SHA: {name}")))?;
    let changes = state.changes_of(repo, &commit);
    let files: Vec<Value> = changes
        .iter()
        .map(|change| state.file_json(repo, change, &commit.sha))
        .collect();
    let (additions, deletions) = changes
        .iter()
        .fold((0, 0), |(a, d), c| (a + c.additions, d + c.deletions));
    let mut json = state.commit_json(repo, &commit);
    json["stats"] = json!({ "additions": additions, "deletions": deletions, "total": additions + deletions });
    // GitHub docs: up to 300 files a page, 3,000 in all.
    let page = paging::Page::with_default(call, 300);
    let size = if call.param("per_page").is_none() {
        300
    } else {
        page.size
    };
    let page = paging::Page { size, ..page };
    let total = files.len().min(3000);
    json["files"] = page.cut(files.into_iter().take(3000).collect()).into();
    Ok(page.link(Reply::ok(&json), call, total))
}
