//! The control API of the `fake-github` program: how a test in another process plays the people on GitHub.
//!
//! `POST /_control/{command}` as [`command`] lists them; `GET /_control/state`, `/requests`, `/history` and `/leftovers`.

mod command;
mod report;
mod run;

use crate::server::call::RawRequest;
use crate::server::reply::Reply;
use crate::shared::Shared;
use bytes::Bytes;
use command::Command;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

const PREFIX: &str = "/_control/";

/// The answer to a request of the control API; none for any other path, or where the API is off.
pub(crate) async fn answer(shared: &Arc<Shared>, raw: &RawRequest) -> Option<Reply> {
    let name = raw.uri.path().strip_prefix(PREFIX)?;
    if !shared.has_control() {
        return None;
    }
    Some(match (&raw.method, name) {
        (&Method::GET, "state") => Reply::ok(&shared.read(report::state)),
        (&Method::GET, "requests") => Reply::ok(&shared.read(report::requests)),
        (&Method::GET, "leftovers") => Reply::ok(&shared.leftovers().into()),
        (&Method::GET, "history") => {
            let text = shared.read(|state| state.history.to_string());
            Reply::bytes("text/plain; charset=utf-8", Bytes::from(text))
        }
        (&Method::POST, name) => match read(name, &raw.body) {
            Ok(command) => run::run(shared, command).await,
            Err(error) => refused(400, &error),
        },
        _ => refused(404, "the control API has no such path"),
    })
}

/// A command by its name and fields. The error says what is wrong with them.
fn read(name: &str, body: &Bytes) -> Result<Command, String> {
    let fields: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?
    };
    let mut tagged = serde_json::Map::new();
    tagged.insert(name.to_owned(), fields);
    serde_json::from_value(Value::Object(tagged)).map_err(|error| error.to_string())
}

fn refused(status: u16, error: &str) -> Reply {
    let mut reply = Reply::json(status, &json!({ "error": error }));
    reply.message = Some(error.to_owned());
    reply
}
