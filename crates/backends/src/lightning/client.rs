//! Requests to Lightning's API. Nothing that is said of them holds a token, an address that gives access, or a body.

use super::settings::{Credentials, LightningSettings};
use super::wire::Problem;
use crate::http::{self, HttpFault, causes};
use crate::port::BackendError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checkmill_core::{Millis, UnixMillis};
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// To open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer: a page of jobs, each with its environment, or of a log.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Of a whole log: four characters for a byte of a log of 16 MiB, with a time before each line.
pub(super) const DOWNLOAD_BYTES: usize = 128 * 1024 * 1024;
/// Of the service's own words, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;
/// Where it asks to be left alone and does not say for how long.
const RETRY_AFTER_DEFAULT: Millis = Millis::from_secs(10);
/// Longer than this it is not left alone: a mistake in one header must not stop a deployment.
const RETRY_AFTER_MAX: Millis = Millis::from_minutes(5);

pub(super) struct Client {
    /// Of the API.
    http: reqwest::Client,
    /// Of addresses that the API gives: no authorization goes there.
    plain: reqwest::Client,
    base: Url,
    /// Before it nothing is sent.
    quiet_until: Mutex<UnixMillis>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// What was asked for is not there.
    Missing(String),
    Transient(String),
    Refused(String),
}

impl Fault {
    pub(super) fn of_backend(self, settings: &LightningSettings) -> BackendError {
        let backend = settings.name.clone();
        match self {
            Self::Transient(detail) => BackendError::Transient { backend, detail },
            Self::Refused(detail) => BackendError::Refused { backend, detail },
            Self::Missing(said) => BackendError::Refused {
                backend,
                detail: format!("Lightning has no such teamspace, or we are no member of it: {said}"),
            },
        }
    }
}

/// One request of the API.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// After `/v1/`, each part as it is.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
    /// What is in the body and may not be in what is said of it.
    pub(super) secrets: &'a [(String, SecretString)],
}

impl Client {
    pub(super) fn new(settings: &LightningSettings) -> Result<Self, String> {
        // Someone else in this process may have set it before; it is ring in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base =
            Url::parse(&settings.url).map_err(|error| format!("the URL {:?}: {error}", settings.url))?;
        let client = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(Duration::from_millis(settings.request.0))
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("checkmill/", env!("CARGO_PKG_VERSION")));
            let builder = if is_loopback(&base) {
                builder.no_proxy()
            } else {
                builder
            };
            builder
                .build()
                .map_err(|error| format!("no HTTP client: {}", causes(&error)))
        };
        Ok(Self {
            http: client()?,
            plain: client()?,
            base,
            quiet_until: Mutex::new(UnixMillis(0)),
        })
    }

    /// One request, and its answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        settings: &LightningSettings,
        call: Call<'_>,
    ) -> Result<T, Fault> {
        self.wait_is_over(settings)?;
        let what = call.path.last().copied().unwrap_or_default();
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => drop(path.pop_if_empty().push("v1").extend(call.path)),
            Err(()) => return Err(Fault::Refused("its URL is no address of a server".to_owned())),
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self
            .http
            .request(call.method, url)
            .header(AUTHORIZATION, authorization(&settings.credentials)?);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let unreachable = |error: reqwest::Error| Fault::Transient(causes(&error.without_url()));
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let wait = retry_after(&answer);
        let bytes = read(answer, ANSWER_BYTES).await?;
        if !(200..300).contains(&status) {
            return Err(self.judge(settings, status, wait, &bytes, call.secrets));
        }
        // Some answers have no body.
        let text = if bytes.trim_ascii().is_empty() {
            b"{}"
        } else {
            bytes.as_slice()
        };
        serde_json::from_slice(text).map_err(|error| {
            Fault::Transient(format!("Lightning's answer ({what}) is not understood: {error}"))
        })
    }

    fn judge(
        &self,
        settings: &LightningSettings,
        status: u16,
        wait: Option<Millis>,
        bytes: &[u8],
        secrets: &[(String, SecretString)],
    ) -> Fault {
        let said = said(bytes, secrets);
        match status {
            401 | 403 => Fault::Transient(format!("Lightning does not accept our credentials: {said}")),
            // A proxy before the service has pages of its own, and a job that runs must not pass for one that is gone.
            404 if problem(bytes).is_some() => Fault::Missing(said),
            404 => Fault::Transient(format!("HTTP 404, and not in Lightning's form: {said}")),
            429 | 503 if status == 429 || wait.is_some() => {
                let wait = wait.unwrap_or(RETRY_AFTER_DEFAULT).min(RETRY_AFTER_MAX);
                if let Ok(mut until) = self.quiet_until.lock() {
                    *until = (settings.now)() + wait;
                }
                let seconds = wait.as_secs_ceil();
                Fault::Transient(format!("Lightning asks to be left alone for {seconds} s: {said}"))
            }
            400..500 if !matches!(status, 408 | 409 | 423 | 425) => Fault::Refused(said),
            _ => Fault::Transient(format!("HTTP {status}: {said}")),
        }
    }

    fn wait_is_over(&self, settings: &LightningSettings) -> Result<(), Fault> {
        let until = self.quiet_until.lock().map_or(UnixMillis(0), |until| *until);
        let left = Millis(until.0.saturating_sub((settings.now)().0));
        if left.0 == 0 {
            return Ok(());
        }
        let seconds = left.as_secs_ceil();
        Err(Fault::Transient(format!(
            "Lightning asked to be left alone for {seconds} s more"
        )))
    }

    /// What is at an address that the API gave. It gives access by itself, and is never shown.
    pub(super) async fn download(&self, url: &str) -> Result<Vec<u8>, Fault> {
        let url =
            Url::parse(url).map_err(|_| Fault::Transient("the address of the log is none".to_owned()))?;
        let is_same = url.scheme() == "https" || url.scheme() == self.base.scheme();
        if !is_same {
            return Err(Fault::Transient(
                "the address of the log is not one of https".to_owned(),
            ));
        }
        let failed =
            |error: reqwest::Error| Fault::Transient(format!("the log: {}", causes(&error.without_url())));
        let answer = self.plain.get(url).send().await.map_err(failed)?;
        match answer.status().as_u16() {
            200 => read(answer, DOWNLOAD_BYTES).await,
            404 => Err(Fault::Missing("the log is not there".to_owned())),
            status => Err(Fault::Transient(format!("the log: HTTP {status}"))),
        }
    }
}

async fn read(answer: Response, most: usize) -> Result<Vec<u8>, Fault> {
    http::body(answer, most).await.map_err(|fault| match fault {
        HttpFault::Failed(_) => Fault::Transient(fault.to_string()),
        HttpFault::TooLong(_) => Fault::Refused(fault.to_string()),
    })
}

/// As `LIGHTNING_AUTH_TOKEN`, `LIGHTNING_API_KEY` alone, and that with `LIGHTNING_USER_ID` are sent by Lightning's own SDK.
fn authorization(credentials: &Credentials) -> Result<HeaderValue, Fault> {
    let word = |read: &super::settings::Secret| {
        let bytes = read().map_err(Fault::Transient)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim().to_owned();
        let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let wrong = || Fault::Transient("the token or key is not one word in one line".to_owned());
        is_word.then_some(text).ok_or_else(wrong)
    };
    let text = match credentials {
        Credentials::Token(token) => format!("Bearer {}", word(token)?),
        Credentials::User { id, key } => format!("Basic {}", STANDARD.encode(format!("{id}:{}", word(key)?))),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Fault::Transient("the token or key is none for a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// In seconds; the other form, a date, is not used by such services.
fn retry_after(answer: &Response) -> Option<Millis> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(Millis::from_secs(seconds.parse::<u32>().ok()?.into()))
}

/// What Lightning says in its own form.
fn problem(bytes: &[u8]) -> Option<String> {
    let problem: Problem = serde_json::from_slice(bytes).ok()?;
    Some(problem.message).filter(|message| !message.is_empty())
}

/// The service's own words. They may repeat what was sent, and a secret that is cut is not found any more.
fn said(bytes: &[u8], secrets: &[(String, SecretString)]) -> String {
    let text = problem(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes).trim().to_owned());
    let text = mask(text, secrets).replace('\n', " ");
    if text.is_empty() {
        return "it gave no reason".to_owned();
    }
    text.chars().take(SHOWN_CHARS).collect()
}

/// A text without the secrets, also where they are in JSON, and that in JSON again.
pub(super) fn mask(mut text: String, secrets: &[(String, SecretString)]) -> String {
    for (_, secret) in secrets {
        let mut form = secret.expose_secret().to_owned();
        for _ in 0..3 {
            if !form.is_empty() {
                text = text.replace(&form, MASK);
                text = text.replace(&for_html(&form), MASK);
            }
            form = Value::from(form).to_string();
            form = form.trim_matches('"').to_owned();
        }
    }
    text
}

const MASK: &str = "***";

/// As Go writes JSON.
fn for_html(text: &str) -> String {
    text.replace('<', r"\u003c")
        .replace('>', r"\u003e")
        .replace('&', r"\u0026")
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_before_its_text_is_cut_and_in_json() {
        let secrets = |secret: &str| [("TOKEN".to_owned(), SecretString::from(secret))];
        let long = format!("{}ghs_contract and more", "x".repeat(SHOWN_CHARS - 5));
        let body = serde_json::json!({"message": long}).to_string();
        let cut = said(body.as_bytes(), &secrets("ghs_contract"));
        assert!(cut.ends_with("x*** ") || cut.ends_with("x*** a"), "{cut}");
        let secret = "a\"<b>\nc";
        let env = serde_json::json!({"value": secret}).to_string();
        for body in [
            env.clone(),
            for_html(&env),
            serde_json::json!({"message": format!("bad: {env}")}).to_string(),
            serde_json::json!({"error": format!("bad: {env}")}).to_string(),
            serde_json::json!({"message": format!("bad: {secret}")}).to_string(),
        ] {
            let said = said(body.as_bytes(), &secrets(secret));
            assert!(
                said.contains(MASK) && !said.contains("<b") && !said.contains("u003cb"),
                "{body}: {said}"
            );
        }
    }
}
