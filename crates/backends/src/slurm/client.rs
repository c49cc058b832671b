//! Requests to slurmrestd. Nothing that is said of them holds a token or a body.

use super::settings::{Server, SlurmSettings};
use super::token::Tokens;
use super::wire::{Problem, Problems};
use crate::http::{self, HttpFault, causes};
use crate::port::BackendError;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// To open a connection: the cluster is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer: all jobs of a large cluster, of some KiB each.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Of Slurm's own words, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;

/// slurm_errno.h: no such job.
const INVALID_JOB_ID: i64 = 2017;
/// slurm_errno.h: the job is over.
const FINISHED: [i64; 2] = [2021, 2084];
/// slurm_errno.h: the request may do later. 1000 to 1999 is the transport between Slurm's programs; in-between states and locks
/// of slurmctld; 5000 and more, authentication's, which a new token mends.
const TRANSIENT: [i64; 9] = [-1, 2007, 2016, 2032, 2034, 2060, 2094, 5004, 5005];
/// A refusal for as long as the user has more queued than a limit allows.
const LIMITS: [i64; 5] = [2009, 2051, 2064, 2065, 2068];

pub(super) struct Client {
    http: reqwest::Client,
    /// Before the path.
    base: String,
    tokens: Tokens,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Slurm does not know the job.
    UnknownJob,
    /// The job is over: nothing can be done to it.
    Finished,
    Transient(String),
    Refused(String),
}

impl Fault {
    pub(super) fn of_backend(self, settings: &SlurmSettings) -> BackendError {
        let backend = settings.name.clone();
        match self {
            Self::Transient(detail) => BackendError::Transient { backend, detail },
            Self::Refused(detail) => BackendError::Refused { backend, detail },
            Self::UnknownJob => BackendError::Transient {
                backend,
                detail: "Slurm does not know a job that it has just named".to_owned(),
            },
            Self::Finished => BackendError::Transient {
                backend,
                detail: "Slurm says that a job is over that is not there yet".to_owned(),
            },
        }
    }
}

impl Client {
    pub(super) fn new(settings: &SlurmSettings) -> Result<Self, String> {
        // Someone else in this process may have set it before; it is ring in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_millis(settings.request.0))
            .redirect(reqwest::redirect::Policy::none())
            // It closes its connections after each answer; a cluster's head is behind no proxy.
            .no_proxy()
            .user_agent(concat!("checkmill/", env!("CARGO_PKG_VERSION")));
        let base = match &settings.server {
            Server::Http(url) => url.clone(),
            Server::Unix(path) => {
                builder = builder.unix_socket(path.as_path());
                "http://localhost".to_owned()
            }
        };
        let http = builder
            .build()
            .map_err(|error| format!("no HTTP client: {}", causes(&error)))?;
        Ok(Self {
            http,
            base,
            tokens: Tokens::default(),
        })
    }

    /// One request as this user. `path` begins with `slurm/` or `slurmdb/`, after which comes the version.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        settings: &SlurmSettings,
        user: &str,
        method: Method,
        (plugin, path): (&str, &str),
        body: Option<&Value>,
    ) -> Result<T, Fault> {
        let token = self.tokens.of(settings, user).map_err(Fault::Transient)?;
        let url = format!("{}/{plugin}/{}/{path}", self.base, settings.version);
        // Of a submit a number tells why the job has to wait, such as 2068, and of accounting that it found nothing.
        let is_list = method == Method::GET && plugin == "slurm";
        let mut request = self
            .http
            .request(method, url)
            .header("X-SLURM-USER-NAME", user)
            .header("X-SLURM-USER-TOKEN", token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, HttpFault>((status, http::body(answer, ANSWER_BYTES).await?))
        };
        let (status, bytes) = sent.await.map_err(|fault| match fault {
            HttpFault::Failed(_) => Fault::Transient(format!("slurmrestd: {fault}")),
            HttpFault::TooLong(_) => Fault::Refused(fault.to_string()),
        })?;
        let problems: Problems = serde_json::from_slice(&bytes).unwrap_or_default();
        let fault = self.judge(settings, status, &bytes, &problems.errors);
        // Half an answer must not pass for all of it: a list without our job has us submit it again.
        let is_partial = || is_list && problems.errors.iter().any(|problem| problem.error_number != 0);
        let fault = fault.or_else(|| is_partial().then(|| Fault::Transient(said(&problems.errors, &bytes))));
        if status == 401 || is_of_token(&problems.errors) {
            self.tokens.forget(user);
        }
        match fault {
            Some(fault) => Err(fault),
            None => serde_json::from_slice(&bytes).map_err(|error| {
                Fault::Transient(format!(
                    "slurmrestd's answer to {plugin}/{path} is not understood: {error}"
                ))
            }),
        }
    }

    fn judge(
        &self,
        settings: &SlurmSettings,
        status: u16,
        bytes: &[u8],
        problems: &[Problem],
    ) -> Option<Fault> {
        let numbers = || problems.iter().map(|problem| problem.error_number);
        // Newer versions answer for a job that is not there with 404 or with none and this number.
        if numbers().any(|number| number == INVALID_JOB_ID) {
            return Some(Fault::UnknownJob);
        }
        if numbers().any(|number| FINISHED.contains(&number)) {
            return Some(Fault::Finished);
        }
        if (200..300).contains(&status) {
            return None;
        }
        let said = said(problems, bytes);
        Some(match status {
            401 | 403 => Fault::Transient(format!("slurmrestd does not accept the token: {said}")),
            404 if problems.is_empty() => Fault::Refused(format!(
                "slurmrestd has no API {} (`slurmrestd -s list` says which it has): {said}",
                settings.version
            )),
            400..500 if status != 408 && status != 429 => Fault::Refused(said),
            // A request that slurmctld has refused for good is 500, too.
            _ if numbers().next().is_some() && numbers().all(is_permanent) => Fault::Refused(said),
            _ if numbers().any(|number| number == -1) => Fault::Transient(format!(
                "{said} (which Slurm also says of a token that it does not accept)"
            )),
            _ => Fault::Transient(format!("HTTP {status}: {said}")),
        })
    }
}

const fn contains(list: &[i64], number: i64) -> bool {
    let mut at = 0;
    while at < list.len() {
        if list[at] == number {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether Slurm will say the same of the same request again.
const fn is_permanent(number: i64) -> bool {
    let is_slurmctlds = number >= 2000 && number < 5000;
    is_slurmctlds && !contains(&TRANSIENT, number) && !contains(&LIMITS, number)
}

/// slurm_errno.h: authentication's own, and "the user may not".
fn is_of_token(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| matches!(problem.error_number, -1 | 2002 | 5000..7000))
}

/// Slurm's own words.
fn said(problems: &[Problem], bytes: &[u8]) -> String {
    let mut words: Vec<String> = Vec::new();
    for problem in problems {
        for text in [&problem.error, &problem.description] {
            if !text.is_empty() && !words.contains(text) {
                words.push(text.clone());
            }
        }
        if problem.error_number > 0 && !problem.error.is_empty() {
            words.push(format!("({})", problem.error_number));
        }
    }
    let mut text = words.join(" ");
    if text.is_empty() {
        text = String::from_utf8_lossy(bytes).trim().replace('\n', " ");
    }
    if text.is_empty() {
        text = "it gave no reason".to_owned();
    }
    text.chars().take(SHOWN_CHARS).collect()
}
