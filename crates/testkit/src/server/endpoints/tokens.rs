//! Installation tokens: minting, revoking, and what they reach.

use super::apps;
use crate::json::accounts::permissions_json;
use crate::server::auth::Principal;
use crate::server::call::Call;
use crate::server::paging;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::account::{Installation, Token, TokenKind};
use crate::state::permission::{Access, Permission, Permissions};
use crate::state::repository::Repository;
use crate::timestamp;
use checkmill_core::{Millis, RepositoryId};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// GitHub docs: an installation access token expires after one hour.
const LIFETIME: Millis = Millis::from_minutes(60);
/// GitHub docs: a token can be limited to at most 500 repositories.
const REPOSITORIES: usize = 500;

pub(super) fn create(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let installation = apps::installation(state, call)?.clone();
    if installation.suspended_at.is_some() {
        return Err(Refusal::new(403, "This installation has been suspended"));
    }
    let body = call.object()?;
    if let Some(key) = body.as_object().and_then(|map| {
        map.keys()
            .find(|key| !["repositories", "repository_ids", "permissions"].contains(&key.as_str()))
    }) {
        return Err(Refusal::invalid(&format!("{key:?} is not a permitted key.")));
    }
    let repositories = requested_repositories(state, &installation, &body)?;
    let permissions = requested_permissions(&installation, &body["permissions"])?;
    let token = format!("ghs_{}", &state.next_secret("installation-token")[..36]);
    let now = state.now();
    // GitHub gives whole seconds, so a token never outlives what it says.
    let expires_at = checkmill_core::UnixMillis((now + LIFETIME).0 / 1000 * 1000);
    let record = Token {
        kind: TokenKind::Installation {
            installation: installation.id,
            repositories: repositories.clone(),
            permissions: permissions.clone(),
        },
        created_at: now,
        expires_at: Some(expires_at),
        revoked: false,
    };
    state.tokens.insert(token.clone(), record);
    let mut reply = json!({
        "token": token,
        "expires_at": timestamp::format(expires_at),
        "permissions": permissions_json(&permissions),
        "repository_selection": if repositories.is_some() { "selected" } else { "all" },
    });
    if let Some(ids) = repositories {
        let list = ids.iter().filter_map(|id| state.repositories.get(id));
        reply["repositories"] = list
            .map(|repo| state.repository_json(repo))
            .collect::<Vec<_>>()
            .into();
    }
    Ok(Reply::json(201, &reply))
}

fn requested_repositories(
    state: &State,
    installation: &Installation,
    body: &Value,
) -> Result<Option<BTreeSet<RepositoryId>>, Refusal> {
    let list = |key: &str| -> Result<Vec<Value>, Refusal> {
        match &body[key] {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => Ok(items.clone()),
            other => Err(Refusal::invalid(&format!(
                "For '{key}', {other} is not an array."
            ))),
        }
    };
    let (names, ids) = (list("repositories")?, list("repository_ids")?);
    if names.is_empty() && ids.is_empty() {
        return Ok(None);
    }
    if names.len() + ids.len() > REPOSITORIES {
        return Err(Refusal::new(
            422,
            "There are too many repositories: at most 500 may be given.",
        ));
    }
    let out_of_reach = || {
        Refusal::new(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        )
    };
    let by_name = names
        .iter()
        .map(|name| state.repository_named(installation.account.as_str(), name.as_str().unwrap_or_default()));
    let by_id = ids
        .iter()
        .map(|id| state.repositories.get(&RepositoryId(id.as_u64()?)));
    by_name
        .chain(by_id)
        .map(|repo: Option<&Repository>| {
            repo.filter(|repo| state.covers(installation, repo))
                .map(|repo| repo.id)
                .ok_or_else(out_of_reach)
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn requested_permissions(installation: &Installation, asked: &Value) -> Result<Permissions, Refusal> {
    let map = match asked {
        Value::Null => return Ok(with_metadata(installation.permissions.clone())),
        Value::Object(map) => map,
        other => {
            return Err(Refusal::invalid(&format!(
                "For 'permissions', {other} is not an object."
            )));
        }
    };
    let mut permissions = Permissions::default();
    for (name, level) in map {
        let permission = Permission::from_name(name)
            .ok_or_else(|| Refusal::invalid(&format!("{name:?} is not a permitted key.")))?;
        let access = match level.as_str() {
            Some("read") => Access::Read,
            Some("write") => Access::Write,
            _ => {
                return Err(Refusal::invalid(&format!(
                    "For 'permissions/{name}', {level} is not a possible value. Must be one of the following: read, write."
                )));
            }
        };
        if !installation.permissions.allow(permission, access) {
            return Err(Refusal::new(
                422,
                "The permissions requested are not granted to this installation.",
            ));
        }
        permissions.0.insert(permission, access);
    }
    Ok(with_metadata(permissions))
}

/// Every token may read metadata.
fn with_metadata(mut permissions: Permissions) -> Permissions {
    permissions.0.entry(Permission::Metadata).or_insert(Access::Read);
    permissions
}

pub(super) fn revoke(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    if let Principal::Installation { token, .. } = &call.principal
        && let Some(record) = state.tokens.get_mut(token)
    {
        record.revoked = true;
    }
    Ok(Reply::empty(204))
}

pub(super) fn repositories(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let reached = state
        .repositories
        .values()
        .filter(|repo| call.principal.reaches(state, repo));
    let list: Vec<Value> = reached.map(|repo| state.repository_json(repo)).collect();
    Ok(paging::counted(call, "repositories", list))
}

/// GitHub docs: this request does not count against the limit.
pub(super) fn rate_limit(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let usage = state.usage_of(&call.principal.to_string());
    let core = json!({
        "limit": state.rate_limit,
        "used": usage.used,
        "remaining": state.rate_limit.saturating_sub(usage.used),
        "reset": usage.resets_at.0 / 1000,
    });
    Ok(Reply::ok(
        &json!({ "resources": { "core": core, "graphql": core }, "rate": core }),
    ))
}
