//! What an App asks about itself, by JWT.

use crate::server::auth::Principal;
use crate::server::call::Call;
use crate::server::paging;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::account::{App, Installation};
use crate::state::delivery::{Delivery, Outcome};
use crate::timestamp;
use checkmill_core::InstallationId;
use serde_json::{Map, Value, json};

/// GitHub docs: deliveries of the last three days are listed.
const DELIVERY_DAYS_MS: u64 = 3 * 24 * 3600 * 1000;

pub(super) fn app<'a>(state: &'a State, call: &Call) -> Result<&'a App, Refusal> {
    match call.principal {
        Principal::App(id) => state.apps.get(&id).ok_or_else(Refusal::not_found),
        _ => Err(Refusal::not_found()),
    }
}

/// The installation in the path, if it is the App's own.
pub(super) fn installation<'a>(state: &'a State, call: &Call) -> Result<&'a Installation, Refusal> {
    let app = app(state, call)?.id;
    let id = InstallationId(call.number()?);
    state
        .installations
        .get(&id)
        .filter(|i| i.app == app)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn get(state: &State, call: &Call) -> Result<Reply, Refusal> {
    Ok(Reply::ok(&state.own_app_json(app(state, call)?)))
}

pub(super) fn list_installations(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let app = app(state, call)?.id;
    let of_app = state.installations.values().filter(|i| i.app == app);
    Ok(paging::array(
        call,
        of_app.map(|i| state.installation_json(i)).collect(),
    ))
}

pub(super) fn get_installation(state: &State, call: &Call) -> Result<Reply, Refusal> {
    Ok(Reply::ok(&state.installation_json(installation(state, call)?)))
}

pub(super) fn repository_installation(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let app = app(state, call)?.id;
    let name = call.matched.repo_name().ok_or_else(Refusal::not_found)?;
    let repo = state.repository(&name).ok_or_else(Refusal::not_found)?;
    let found = state
        .installations
        .values()
        .find(|i| i.app == app && state.covers(i, repo));
    let found = found.ok_or_else(Refusal::not_found)?;
    Ok(Reply::ok(&state.installation_json(found)))
}

fn outcome(delivery: &Delivery) -> (u16, String) {
    match &delivery.outcome {
        Outcome::Answered { status, .. } => {
            let reason = http::StatusCode::from_u16(*status)
                .ok()
                .and_then(|code| code.canonical_reason())
                .unwrap_or("Unknown");
            (*status, reason.to_owned())
        }
        Outcome::Failed { cause } => (0, cause.clone()),
        Outcome::Pending | Outcome::Handed | Outcome::Sending => (0, "pending".to_owned()),
    }
}

fn delivery_json(delivery: &Delivery) -> Value {
    let (code, text) = outcome(delivery);
    json!({
        "id": delivery.id,
        "guid": delivery.guid.as_str(),
        "delivered_at": timestamp::format(delivery.made_at),
        "redelivery": delivery.redelivery,
        "duration": 0.0,
        "status": text,
        "status_code": code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation.map(|id| id.0),
        "repository_id": delivery.repository.map(|id| id.0),
        "throttled_at": null,
    })
}

/// Whether the attempt is over: one that waits or is on its way is not in the list.
const fn is_over(delivery: &Delivery) -> bool {
    matches!(
        delivery.outcome,
        Outcome::Answered { .. } | Outcome::Failed { .. }
    )
}

/// Newest first, with a cursor rather than page numbers.
pub(super) fn list_deliveries(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let app = app(state, call)?.id;
    let oldest = state.now().0.saturating_sub(DELIVERY_DAYS_MS);
    let wanted = |d: &&Delivery| match call.param("status") {
        Some("success") => outcome(d).0 < 400 && outcome(d).0 > 0,
        Some("failure") => outcome(d).0 >= 400 || outcome(d).0 == 0,
        _ => true,
    };
    let size = paging::Page::of(call).size;
    let before: u64 = match call.param("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor
            .strip_prefix("v1_")
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Refusal::new(400, "Invalid cursor"))?,
    };
    let all: Vec<&Delivery> = state
        .deliveries
        .iter()
        .rev()
        .filter(|d| d.app == app && d.made_at.0 >= oldest && d.id < before && is_over(d))
        .filter(wanted)
        .collect();
    let page: Vec<Value> = all.iter().take(size).map(|d| delivery_json(d)).collect();
    let reply = Reply::ok(&page.into());
    let last = all
        .get(size.saturating_sub(1))
        .filter(|_| all.len() > size)
        .map(|d| d.id);
    Ok(match last {
        Some(id) => {
            let status = call
                .param("status")
                .map(|s| format!("&status={s}"))
                .unwrap_or_default();
            let next = format!("{}?per_page={size}{status}&cursor=v1_{id}", call.address);
            reply.header("link", format!("<{next}>; rel=\"next\""))
        }
        None => reply,
    })
}

fn delivery<'a>(state: &'a State, call: &Call) -> Result<&'a Delivery, Refusal> {
    let app = app(state, call)?.id;
    let id = call.number()?;
    state
        .deliveries
        .iter()
        .find(|d| d.id == id && d.app == app)
        .ok_or_else(Refusal::not_found)
}

pub(super) fn get_delivery(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let delivery = delivery(state, call)?;
    let headers: Map<String, Value> = delivery
        .headers()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let mut json = delivery_json(delivery);
    json["url"] = Value::Null;
    json["request"] = json!({ "headers": headers, "payload": delivery.json() });
    let payload = match &delivery.outcome {
        Outcome::Answered { body, .. } => body.as_str().into(),
        _ => Value::Null,
    };
    json["response"] = json!({ "headers": {}, "payload": payload });
    Ok(Reply::ok(&json))
}

pub(super) fn redeliver(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let id = delivery(state, call)?.id;
    state.redeliver_attempt(id).map_err(|_| Refusal::not_found())?;
    Ok(Reply::json(202, &json!({})))
}
