//! A stand-in for a language model's server: it speaks Ollama's, OpenRouter's and OpenAI's wire formats, says what the test
//! tells it to, and refuses what the real one would refuse.
//!
//! It is stricter than they are in one way: a request with a field that the provider's documentation does not have, or that
//! Checkmill has no use for, is refused too.

mod reply;
mod request;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A question. Far above what Checkmill sends.
const BODY_BYTES: usize = 1024 * 1024;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Ollama,
    OpenRouter,
    OpenAi,
}

/// What the server does with a question that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    /// An answer whose text is this.
    Text(String),
    /// The same, cut because it got too long.
    Cut(String),
    /// An error in the provider's form.
    Error(u16, String),
    /// An error in the body of an answer with status 200, as OpenRouter has it when a provider fails it.
    ErrorInside(u16, String),
    /// A refusal of the model's own, as OpenAI has it.
    Refusal(String),
    /// These bytes, whatever they are.
    Raw(u16, Vec<u8>),
    /// A redirect.
    Redirect(String),
    /// The connection breaks off without an answer.
    BreakOff,
    /// No answer, as long as somebody waits for one.
    Silence,
}

/// A question that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub system: String,
    pub user: String,
}

#[derive(Debug)]
struct Shared {
    wire: Wire,
    model: String,
    key: Option<String>,
    next: Mutex<VecDeque<Say>>,
    otherwise: Mutex<Say>,
    asked: Mutex<Vec<Asked>>,
    refused: Mutex<Vec<String>>,
}

/// The server on a free port of 127.0.0.1. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeModel {
    /// Serves one model, with a key where there is one.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(wire: Wire, model: &str, key: Option<&str>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            wire,
            model: model.to_owned(),
            key: key.map(str::to_owned),
            next: Mutex::default(),
            otherwise: Mutex::new(Say::Error(500, "the test has told the server nothing".to_owned())),
            asked: Mutex::default(),
            refused: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// What the program's setting of the address is to be.
    #[must_use]
    pub fn base_url(&self) -> String {
        let path = match self.shared.wire {
            Wire::Ollama => "",
            Wire::OpenRouter => "/api/v1",
            Wire::OpenAi => "/v1",
        };
        format!("http://{}{path}", self.address)
    }

    /// The next question gets this; then the one after it what is said next.
    pub fn then(&self, say: Say) {
        locked(&self.shared.next).push_back(say);
    }

    /// Every question gets this that nothing else was said for.
    pub fn otherwise(&self, say: Say) {
        *locked(&self.shared.otherwise) = say;
    }

    /// The questions so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// Why requests were refused that nobody should have sent.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        locked(&self.shared.refused).clone()
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A connection closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, shared.clone()));
                }
                Err(error) => tracing::warn!(%error, "could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(request, shared.clone()));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return Err(Dropped);
    };
    let body = body.to_bytes();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let checked = request::check(&request::Received {
        wire: shared.wire,
        model: &shared.model,
        key: shared.key.as_deref(),
        is_post: parts.method == Method::POST,
        path: parts.uri.path(),
        content_type: header(header::CONTENT_TYPE),
        authorization: header(header::AUTHORIZATION),
        body: &body,
    });
    let asked = match checked {
        Ok(asked) => asked,
        Err(request::Refusal { status, message }) => {
            locked(&shared.refused).push(format!("{status}: {message}"));
            return Ok(json(status, reply::error(shared.wire, status, &message)));
        }
    };
    locked(&shared.asked).push(asked);
    let next = locked(&shared.next).pop_front();
    let say = next.unwrap_or_else(|| locked(&shared.otherwise).clone());
    let (wire, model) = (shared.wire, shared.model.as_str());
    Ok(match say {
        Say::Text(text) => json(200, reply::answer(wire, model, &text, "stop")),
        Say::Cut(text) => json(200, reply::answer(wire, model, &text, "length")),
        Say::Error(status, message) => json(status, reply::error(wire, status, &message)),
        Say::ErrorInside(status, message) => json(200, reply::error(wire, status, &message)),
        Say::Refusal(text) => json(200, reply::refusal(model, &text)),
        Say::Raw(status, bytes) => raw(status, bytes),
        Say::Redirect(to) => {
            let mut response = raw(307, Vec::new());
            if let Ok(to) = to.parse() {
                response.headers_mut().insert(header::LOCATION, to);
            }
            response
        }
        Say::BreakOff => return Err(Dropped),
        Say::Silence => std::future::pending().await,
    })
}

fn json(status: u16, body: serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = raw(status, body.to_string().into_bytes());
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn raw(status: u16, bytes: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
