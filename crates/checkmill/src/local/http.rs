//! The HTTP face of one machine: webhooks, the jobs' callbacks, health. The same phases answer as behind the Lambdas.

use super::system::System;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use checkmill_core::limits::{ARCHIVE_PART_BYTES, LOG_CHUNK_BYTES, WEBHOOK_BODY_BYTES};
use checkmill_phases::callback::{CallbackAnswer, CallbackRequest, Content};
use checkmill_phases::receive::WebhookRequest;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The results that an agent posts are larger than a piece of a log, by their annotations and outputs; a part of an archive
/// fits, too.
const CALLBACK_BODY_BYTES: usize = 4 * LOG_CHUNK_BYTES;

/// The routes. Webhooks are taken at each path that one of the systems before Checkmill used.
pub(crate) fn router(system: Arc<System>) -> Router {
    Router::new()
        .route("/", post(webhook))
        .route("/webhook", post(webhook))
        .route("/api/github/webhooks", post(webhook))
        .route("/healthz", get(healthz))
        .route("/jobs/{job}/{attempt}/{verb}", post(callback))
        .route("/jobs/{job}/{attempt}/{kind}/{act}", post(callback))
        .with_state(system)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn json(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::json!({ "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

const _: () = assert!(
    ARCHIVE_PART_BYTES <= CALLBACK_BODY_BYTES,
    "a part must fit a request"
);

/// How long a client may take over a body: 25 MB at 4 Mbit/s.
const BODY_TIME: Duration = Duration::from_secs(60);

async fn body(body: Body, limit: usize) -> Result<Bytes, Response> {
    match timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let problem = format!("the body is cut off or has more than {limit} bytes");
            Err(json(413, &problem))
        }
        Err(_) => Err(json(408, "the body did not come in time")),
    }
}

async fn webhook(State(system): State<Arc<System>>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let bytes = match body(stream, WEBHOOK_BODY_BYTES).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let call = WebhookRequest {
        event: text(&parts.headers, "x-github-event"),
        delivery: text(&parts.headers, "x-github-delivery"),
        signature: text(&parts.headers, "x-hub-signature-256"),
        body: &bytes,
    };
    let answer = system.receive(&call).await;
    json(answer.status, &answer.message)
}

async fn callback(State(system): State<Arc<System>>, request: Request) -> Response {
    let (parts, stream) = request.into_parts();
    let bytes = match body(stream, CALLBACK_BODY_BYTES).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let call = CallbackRequest {
        path: parts.uri.path(),
        query: parts.uri.query(),
        authorization: text(&parts.headers, "authorization"),
        body: &bytes,
    };
    match system.callback(&call).await {
        Ok(CallbackAnswer { status, content }) => match content {
            Content::Message(message) => json(status, &message),
            Content::Json(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
            Content::Bytes(bytes) => bytes.into_response(),
        },
        Err(error) => {
            tracing::error!(path = call.path, %error, "a job's call could not be answered");
            json(503, "try again")
        }
    }
}

async fn healthz(State(system): State<Arc<System>>) -> Response {
    match system.healthy().await {
        Ok(()) => json(200, "ok"),
        Err(error) => json(503, &error.to_string()),
    }
}
