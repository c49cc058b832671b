//! The server on 127.0.0.1, and what goes wrong with it.

use super::api::{self, Answer, Asked};
use super::cloud::Cloud;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Of a request, in bytes.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    Lost,
    /// It is done, and its answer is lost.
    AnswerLost,
    /// It is done when so many other requests have come, and its answer is lost.
    Late(u32),
    /// The same was asked by somebody else just before.
    Race,
    /// It gets this answer, and is not done.
    Status {
        status: u16,
        retry_after: Option<u32>,
        body: String,
    },
    /// Its answer takes so long.
    Slow(Duration),
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

pub(super) async fn serve(listener: TcpListener, cloud: Arc<Cloud>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(stream, Arc::clone(&cloud)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, cloud: Arc<Cloud>) {
    let service = service_fn(|request| respond(request, Arc::clone(&cloud)));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(request: Request<Incoming>, cloud: Arc<Cloud>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return Ok(response((413, Vec::new()), None));
    };
    let Some(path) = parts.uri.path().strip_prefix("/v1/") else {
        return Ok(response((404, b"<!doctype html>".to_vec()), None));
    };
    let authorization = parts.headers.get(AUTHORIZATION);
    let asked = Asked {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: pairs(parts.uri.query().unwrap_or_default()),
        authorization: authorization.and_then(|value| value.to_str().ok().map(str::to_owned)),
        body: body.to_bytes().to_vec(),
    };
    match fault(&cloud, &asked) {
        None => Ok(response(api::answer(&cloud, &asked), None)),
        Some(Fault::Lost) => Err(Dropped),
        Some(Fault::AnswerLost) => {
            api::answer(&cloud, &asked);
            Err(Dropped)
        }
        Some(Fault::Late(after)) => {
            let seen = cloud.lock().requests.len();
            tokio::spawn(async move {
                while cloud.lock().requests.len() < seen + after as usize {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                api::answer(&cloud, &asked);
            });
            Err(Dropped)
        }
        Some(Fault::Race) => {
            api::answer(&cloud, &asked);
            Ok(response(api::answer(&cloud, &asked), None))
        }
        Some(Fault::Status {
            status,
            retry_after,
            body,
        }) => Ok(response((status, body.into_bytes()), retry_after)),
        Some(Fault::Slow(by)) => {
            tokio::time::sleep(by).await;
            Ok(response(api::answer(&cloud, &asked), None))
        }
    }
}

/// Notes the request, and takes what was planned for it.
fn fault(cloud: &Cloud, asked: &Asked) -> Option<Fault> {
    let line = format!("{} {}", asked.method, asked.path);
    let mut state = cloud.lock();
    let at = state
        .faults
        .iter()
        .position(|(begins, _)| line.starts_with(begins.as_str()));
    state.requests.push(line);
    at.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault)
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

/// `%XX` and `+`, as forms have them.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                &after[2..]
            }
            (b'+', _) => {
                bytes.push(b' ');
                after
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn response((status, body): Answer, retry_after: Option<u32>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}
