//! The requests to Checkmill: `POST {url}/running`, `{url}/log?offset=N`, `{url}/end`.

use checkmill_core::limits::ARCHIVE_PART_BYTES;
use checkmill_workflow::job::Callback;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use std::net::IpAddr;
use std::time::Duration;

/// To open a connection; Checkmill is near or in a data centre.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole request: longer than API Gateway lets any take (30 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);

/// An answer: a part of an archive is the largest; a list of artifacts stays below it.
const ANSWER_BYTES: usize = ARCHIVE_PART_BYTES;

/// Talks to the callback of one attempt.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// `Bearer` and the token.
    authorization: String,
}

/// Why a request did no good. Neither holds the token or the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFault {
    /// The same request will be refused again.
    #[error("the callback refused with status {0}")]
    Refused(u16),
    /// Nobody was there, or somebody in trouble.
    #[error("the callback could not be reached: {0}")]
    Unreachable(String),
}

impl CallFault {
    /// Whether the attempt is over for Checkmill, so that nothing more needs to be sent.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(401 | 404 | 409 | 410))
    }
}

impl Client {
    /// # Errors
    /// A URL that is none, or no TLS; a sentence.
    pub fn new(callback: &Callback, token: &str) -> Result<Self, String> {
        let url = callback.url.trim_end_matches('/').to_owned();
        let parsed =
            reqwest::Url::parse(&url).map_err(|error| format!("the callback's URL {url:?}: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(format!("the callback's URL {url:?} is not http or https"));
        }
        // Someone else in this process may have set it before; it is ring in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("checkmill-agent/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&parsed) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| format!("no HTTP client: {}", causes(&error)))?;
        Ok(Self {
            http,
            url,
            authorization: format!("Bearer {token}"),
        })
    }

    /// Says that the job runs.
    ///
    /// # Errors
    /// See [`CallFault`].
    pub async fn running(&self) -> Result<(), CallFault> {
        self.post("running", "application/octet-stream", Vec::new()).await
    }

    /// Sends a piece of the log.
    ///
    /// # Errors
    /// See [`CallFault`].
    pub async fn log(&self, offset: u64, piece: Vec<u8>) -> Result<(), CallFault> {
        self.post(&format!("log?offset={offset}"), "application/octet-stream", piece)
            .await
    }

    /// Sends the result, JSON of a `JobResult`.
    ///
    /// # Errors
    /// See [`CallFault`].
    pub async fn end(&self, result: Vec<u8>) -> Result<(), CallFault> {
        self.post("end", "application/json", result).await
    }

    async fn post(&self, path: &str, content: &str, body: Vec<u8>) -> Result<(), CallFault> {
        match self.exchange(path, content, body).await? {
            (200..300, _) => Ok(()),
            (status, _) => Err(CallFault::Refused(status)),
        }
    }

    /// Posts, and gives the status, which is none that asks for another try, and the body.
    ///
    /// # Errors
    /// [`CallFault::Unreachable`] only.
    pub async fn exchange(
        &self,
        path: &str,
        content: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), CallFault> {
        let request = self
            .http
            .post(format!("{}/{path}", self.url))
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, content)
            .body(body);
        // The error names the URL, which holds no secret; its causes say what was wrong.
        let unreachable = |error: reqwest::Error| CallFault::Unreachable(causes(&error));
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        if matches!(status, 408 | 429 | 500..) {
            return Err(CallFault::Unreachable(format!("status {status}")));
        }
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            answer.extend_from_slice(&piece);
            if answer.len() > ANSWER_BYTES {
                return Err(CallFault::Unreachable(format!(
                    "an answer of more than {ANSWER_BYTES} bytes"
                )));
            }
        }
        Ok((status, answer))
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
