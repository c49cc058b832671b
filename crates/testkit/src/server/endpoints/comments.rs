//! Comments on pull requests, which GitHub keeps as issue comments.

use super::code;
use crate::server::auth::Principal;
use crate::server::call::Call;
use crate::server::paging;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::repository::{Comment, Role};
use checkmill_core::Login;
use serde_json::Value;

/// GitHub: "Body is too long (maximum is 65536 characters)".
const BODY_CHARS: usize = 65_536;

pub(super) fn list(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = code::repo(state, call)?;
    let number = call.number()?;
    if !repo.pulls.contains_key(&number) {
        return Err(Refusal::not_found());
    }
    let all = state.comments_of(repo.id, number);
    Ok(paging::array(call, all.map(|c| state.comment_json(c)).collect()))
}

fn body_text(call: &Call) -> Result<String, Refusal> {
    let body = call.object()?;
    let Value::String(text) = &body["body"] else {
        return Err(Refusal::invalid("\"body\" wasn't supplied."));
    };
    if text.trim().is_empty() {
        return Err(Refusal::failed_validation(
            "IssueComment",
            "body",
            "missing_field",
            "body can't be blank",
        ));
    }
    if text.chars().count() > BODY_CHARS {
        let detail = format!("body is too long (maximum is {BODY_CHARS} characters)");
        return Err(Refusal::failed_validation(
            "IssueComment",
            "body",
            "unprocessable",
            &detail,
        ));
    }
    Ok(text.clone())
}

fn author(state: &State, call: &Call) -> Result<(Login, Option<u64>), Refusal> {
    match &call.principal {
        Principal::User(login) => Ok((login.clone(), None)),
        Principal::Installation { app, .. } => {
            let known = state.apps.get(app).ok_or_else(Refusal::not_found)?;
            Ok((known.bot_login(), Some(*app)))
        }
        Principal::App(_) => Err(Refusal::not_accessible()),
    }
}

pub(super) fn create(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let repo = code::repo(state, call)?;
    let number = call.number()?;
    if !repo.pulls.contains_key(&number) {
        return Err(Refusal::not_found());
    }
    let id = repo.id;
    let text = body_text(call)?;
    let (author, app) = author(state, call)?;
    let comment = state.new_comment(id, number, author, app, &text);
    state.announce_comment(&comment, "created");
    Ok(Reply::json(201, &state.comment_json(&comment)))
}

fn find<'a>(state: &'a State, call: &Call) -> Result<&'a Comment, Refusal> {
    let repo = call.repository()?;
    let id = call.number()?;
    state
        .comments
        .get(&id)
        .filter(|comment| comment.repository == repo)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn get(state: &State, call: &Call) -> Result<Reply, Refusal> {
    Ok(Reply::ok(&state.comment_json(find(state, call)?)))
}

/// One's own comment, or any for somebody who may write.
pub(super) fn update(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let mut comment = find(state, call)?.clone();
    let repo = code::repo(state, call)?;
    let allowed = match &call.principal {
        Principal::User(login) => *login == comment.author || repo.role_of(login) >= Some(Role::Write),
        _ => true,
    };
    if !allowed {
        return Err(Refusal::new(403, "Must have admin rights to Repository."));
    }
    comment.body = body_text(call)?;
    comment.updated_at = state.now();
    comment.edits += 1;
    state.comments.insert(comment.id, comment.clone());
    state.announce_comment(&comment, "edited");
    Ok(Reply::ok(&state.comment_json(&comment)))
}
