//! A server that answers as the test says and remembers what it was asked, for single faults. Whole conversations are held
//! with the stateful fake of `checkmill-testkit`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response, Uri};
use checkmill_core::{CommitSha, InstallationId, Millis, RepositoryId, UnixMillis};
use checkmill_github::client::{GitHub, GitHubSettings};
use checkmill_github::forge::RepoRef;
use checkmill_github::settings::AppId;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use checkmill_testkit::key::TEST_ONLY_APP_KEY_PEM as KEY;
pub(crate) const APP: u64 = 7;
pub(crate) const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
const START: u64 = 1_700_000_000_000;

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
    /// How many requests of this method and target came before it.
    pub(crate) nth: usize,
}

impl Seen {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn authorization(&self) -> &str {
        self.headers["authorization"].to_str().unwrap()
    }
}

#[derive(Debug)]
pub(crate) enum Reply {
    Json(u16, Vec<(&'static str, String)>, Value),
    Bytes(u16, Vec<u8>),
    /// The answer breaks off.
    BreakOff,
    /// No answer at all.
    Silence,
    /// The answer after so long, by the client's clock.
    After(Millis, Box<Self>),
}

pub(crate) fn ok(body: Value) -> Reply {
    Reply::Json(200, Vec::new(), body)
}

pub(crate) fn status(status: u16, message: &str) -> Reply {
    Reply::Json(status, Vec::new(), json!({ "message": message }))
}

type Answer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

#[derive(Clone)]
struct Shared {
    answer: Answer,
    now: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The server, a client that speaks to it, and the client's clock.
pub(crate) struct World {
    pub(crate) github: GitHub,
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    now: Arc<AtomicU64>,
    slept: Arc<Mutex<Vec<u64>>>,
}

/// Tokens `t0`, `t1`, … of an hour from the start.
pub(crate) fn token(seen: &Seen) -> Reply {
    Reply::Json(
        201,
        Vec::new(),
        json!({
            "token": format!("t{}", seen.nth),
            "expires_at": "2023-11-14T23:13:20Z",
            "permissions": {"contents": "read", "checks": "write"},
        }),
    )
}

pub(crate) const TOKENS: &str = "POST /app/installations/1/access_tokens";

/// `answer` is asked for everything but tokens.
pub(crate) async fn world(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> World {
    raw_world("", move |seen| {
        if seen.line() == TOKENS {
            token(seen)
        } else {
            answer(seen)
        }
    })
    .await
}

/// `answer` is asked for everything; the API is at `base` of the server.
pub(crate) async fn raw_world(base: &str, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> World {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let now = Arc::new(AtomicU64::new(START));
    let shared = Shared {
        now: Arc::clone(&now),
        answer: Arc::new(answer),
        seen: Arc::clone(&seen),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(handle).with_state(shared);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let slept = Arc::new(Mutex::new(Vec::new()));
    let settings = settings(&format!("{url}{base}"), &now, &slept);
    let github = GitHub::new(settings).unwrap();
    World {
        github,
        url,
        seen,
        now,
        slept,
    }
}

/// A clock that only the test and the waits move; waits take no time.
fn settings(url: &str, now: &Arc<AtomicU64>, slept: &Arc<Mutex<Vec<u64>>>) -> GitHubSettings {
    let clock = {
        let now = Arc::clone(now);
        Arc::new(move || UnixMillis(now.load(Ordering::SeqCst)))
    };
    let mut settings = GitHubSettings::new(url.parse().unwrap(), AppId(APP), KEY.into(), clock);
    let (now, slept) = (Arc::clone(now), Arc::clone(slept));
    settings.sleep = Arc::new(move |span| {
        now.fetch_add(span.0, Ordering::SeqCst);
        slept.lock().unwrap().push(span.0);
        Box::pin(std::future::ready(()))
    });
    settings.jitter = Arc::new(|_| Millis(0));
    settings
}

async fn handle(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let seen = {
        let mut all = shared.seen.lock().unwrap();
        let target = target(&parts.uri);
        let same = |seen: &&Seen| seen.method == parts.method && seen.target == target;
        let nth = all.iter().filter(same).count();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        all.push(Seen {
            method: parts.method,
            target,
            body,
            headers: parts.headers,
            nth,
        });
        all.last().unwrap().clone()
    };
    let mut reply = (shared.answer)(&seen);
    while let Reply::After(span, then) = reply {
        shared.now.fetch_add(span.0, Ordering::SeqCst);
        reply = *then;
    }
    match reply {
        Reply::Json(status, headers, body) => {
            let mut response = Response::builder()
                .status(status)
                .header("content-type", "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(body.to_string().into()).unwrap()
        }
        Reply::Bytes(status, body) => Response::builder().status(status).body(body.into()).unwrap(),
        Reply::BreakOff => {
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
            Response::new(Body::from_stream(broken))
        }
        Reply::Silence | Reply::After(..) => std::future::pending().await,
    }
}

fn target(uri: &Uri) -> String {
    uri.path_and_query().map(ToString::to_string).unwrap_or_default()
}

impl World {
    /// `METHOD target` of all requests but those for tokens.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(Seen::line)
            .filter(|line| line != TOKENS)
            .collect()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// All requests but those for tokens.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.seen()
            .into_iter()
            .filter(|seen| seen.line() != TOKENS)
            .collect()
    }

    pub(crate) fn tokens_made(&self) -> usize {
        self.seen().iter().filter(|seen| seen.line() == TOKENS).count()
    }

    pub(crate) fn slept(&self) -> Vec<u64> {
        self.slept.lock().unwrap().clone()
    }

    pub(crate) fn pass(&self, span: Millis) {
        self.now.fetch_add(span.0, Ordering::SeqCst);
    }
}

pub(crate) fn repo() -> RepoRef {
    RepoRef {
        installation: InstallationId(1),
        id: RepositoryId(2),
        name: "o/r".parse().unwrap(),
    }
}

pub(crate) fn sha() -> CommitSha {
    SHA.parse().unwrap()
}
