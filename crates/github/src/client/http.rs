//! One request, one answer. octocrab's HTTP stack does the work; its types go no further than this file.

use super::failure::Failure;
use super::retry::Repeat;
use crate::settings::{ApiUrl, SettingsError};
use bytes::Bytes;
use checkmill_core::Millis;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use octocrab::{OctoBody, Octocrab};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From the request to the last byte of the answer, at most. GitHub itself gives up after 10 s.
const TOTAL: Millis = Millis::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// Between two bytes.
const READ: Duration = Duration::from_secs(20);
/// An answer. The largest are a directory of workflow files (100 of 1 MiB, of which GraphQL gives at most half a MiB each)
/// and a comparison of 300 files with their patches.
const BODY_BYTES: usize = 64 * 1024 * 1024;
/// GitHub docs: the version of 2022-11-28 is supported by github.com and every supported Enterprise Server.
const API_VERSION: &str = "2022-11-28";

/// A request, ready to be sent as often as it takes.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Absolute.
    pub(super) url: String,
    pub(super) accept: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) repeat: Repeat,
    /// The longest answer that is of use, in bytes.
    pub(super) longest: usize,
}

const JSON: &str = "application/vnd.github+json";
/// GitHub docs, "Get repository content": the file itself.
const RAW: &str = "application/vnd.github.raw+json";

impl Request {
    pub(super) fn get(url: String) -> Self {
        Self {
            method: Method::GET,
            url,
            accept: JSON,
            body: Vec::new(),
            repeat: Repeat::Safe,
            longest: BODY_BYTES,
        }
    }

    /// For a file's bytes, of which at most `longest` are of use.
    pub(super) fn get_raw(url: String, longest: usize) -> Self {
        Self {
            accept: RAW,
            longest,
            ..Self::get(url)
        }
    }

    pub(super) fn send(method: Method, url: String, body: &serde_json::Value, repeat: Repeat) -> Self {
        Self {
            method,
            body: body.to_string().into_bytes(),
            repeat,
            ..Self::get(url)
        }
    }
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Debug)]
pub(super) struct Http {
    client: Octocrab,
    sent: Arc<AtomicU64>,
}

impl Http {
    /// Every request adds one to `sent`.
    pub(super) fn new(api_url: &ApiUrl, sent: Arc<AtomicU64>) -> Result<Self, SettingsError> {
        // octocrab starts a task of its own when it is built, which panics outside a runtime.
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(SettingsError::Client(
                "it must be built inside a tokio runtime".to_owned(),
            ));
        }
        // octocrab names itself in `User-Agent`, which GitHub wants, and would send a second one beside it, so ours stays out.
        // The base is only the origin: octocrab would put an Enterprise Server's `/api/v3` before `/api/graphql` too.
        let client = Octocrab::builder()
            .base_uri(format!("{}/", api_url.origin()))
            .map_err(|error| SettingsError::Client(chain(&error)))?
            .set_connect_timeout(Some(CONNECT))
            .set_read_timeout(Some(READ))
            .set_write_timeout(Some(READ))
            .build()
            .map_err(|error| SettingsError::Client(chain(&error)))?;
        Ok(Self { client, sent })
    }

    /// Sends it once and waits for the answer at most as long as `left`. Any status is an answer.
    pub(super) async fn send(
        &self,
        request: &Request,
        authorization: &HeaderValue,
        left: Millis,
    ) -> Result<Response, Failure> {
        let built = http::Request::builder()
            .method(request.method.clone())
            .uri(&request.url)
            .header(header::ACCEPT, request.accept)
            .header(header::AUTHORIZATION, authorization)
            .header("x-github-api-version", API_VERSION)
            .header(header::CONTENT_TYPE, "application/json")
            .body(OctoBody::from(request.body.clone()))
            .map_err(|error| Failure::Refused {
                status: 400,
                message: format!("no such address: {error}"),
            })?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let span = left.min(TOTAL);
        let exchange = self.exchange(built, request.longest);
        match tokio::time::timeout(Duration::from_millis(span.0), exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Lost(format!(
                "no answer within {} s",
                span.as_secs_ceil()
            ))),
        }
    }

    async fn exchange(&self, request: http::Request<OctoBody>, longest: usize) -> Result<Response, Failure> {
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| Failure::Lost(chain(&error)))?;
        let (parts, body) = response.into_parts();
        let announced = parts.headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > longest as u64) {
            return Err(Failure::TooLong { bytes: announced });
        }
        match Limited::new(body, longest).collect().await {
            Ok(body) => Ok(Response {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
            }),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLong { bytes: None }),
            Err(error) => Err(Failure::Lost(chain(&*error))),
        }
    }
}

/// An error and its causes on one line. Neither hyper nor octocrab puts headers into its errors.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let one = error.to_string();
        // octocrab's own layers repeat their cause.
        if !text.contains(&one) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&one);
        }
        next = error.source();
    }
    text
}
