//! The HTTP server on 127.0.0.1. It speaks hyper directly, because a fault may close a connection without an answer, which
//! no router lets a handler do.

pub(crate) mod auth;
pub(crate) mod call;
mod endpoints;
pub(crate) mod fault;
pub(crate) mod handle;
mod jwt;
mod paging;
pub(crate) mod reply;
pub(crate) mod route;
mod shape;

use crate::history::{RequestRecord, What};
use crate::shared::Shared;
use bytes::Bytes;
use call::RawRequest;
use fault::Fault;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reply::Reply;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request body. Nothing that an App sends to these routes comes near.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// A connection closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

/// Accepts connections until it is aborted, which also ends them.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                Err(error) => tracing::warn!(%error, "could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(request, Arc::clone(&shared)));
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return Ok(response(Reply::empty(413)));
    };
    let raw = RawRequest {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: body.to_bytes(),
    };
    if let Some(reply) = crate::control::answer(&shared, &raw).await {
        return Ok(response(reply));
    }
    let route = raw.route().1.map(|matched| matched.route);
    let fault = shared.take_fault(route);
    if let Some(Fault::HoldBefore(point)) = &fault {
        point.pass().await;
    }
    let reply = match &fault {
        Some(Fault::DropBeforeEffect) => None,
        Some(fault) if injected(&shared, fault).is_some() => injected(&shared, fault),
        _ => Some(shared.handle(&raw, fault.is_some())),
    };
    let injected_answer = matches!(
        &fault,
        Some(
            Fault::Status(_)
                | Fault::PrimaryRateLimit { .. }
                | Fault::SecondaryRateLimit { .. }
                | Fault::DropBeforeEffect
        )
    );
    if injected_answer {
        record_injected(&shared, &raw, reply.as_ref());
    }
    match (fault, reply) {
        (Some(Fault::DropAnswerAfterEffect), _) | (_, None) => Err(Dropped),
        (Some(Fault::HoldAfter(point)), Some(reply)) => {
            point.pass().await;
            Ok(response(reply))
        }
        (Some(Fault::GarbledAnswerAfterEffect), Some(reply)) => Ok(response(fault::garbled(&reply))),
        (_, Some(reply)) => Ok(response(reply)),
    }
}

fn injected(shared: &Shared, fault: &Fault) -> Option<Reply> {
    fault::reply(fault, shared.now().0 / 1000)
}

fn record_injected(shared: &Arc<Shared>, raw: &RawRequest, reply: Option<&Reply>) {
    let record = RequestRecord {
        route: raw.route().1.map(|matched| matched.route),
        method: raw.method.to_string(),
        path: raw.shown_path(),
        principal: "unchecked".to_owned(),
        status: reply.map_or(0, |reply| reply.status),
        message: reply.and_then(|reply| reply.message.clone()),
        injected: true,
    };
    shared.change(|state| {
        let at = state.now();
        state.history.push(at, What::Request(record));
    });
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
