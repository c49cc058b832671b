//! Requests to fcctl-web. Nothing that is said of them holds the token, or what is run in a VM.

use super::guest::NoAnswer;
use super::id::{VmId, name_of};
use super::settings::FirecrackerSettings;
use super::wire::{Executed, Listed, Problem, Stage, Vm};
use crate::http::{self, HttpFault, causes};
use crate::port::{BackendError, SubmitKey};
use checkmill_core::Millis;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What a call into a VM may take beside what runs there: the service's own way to it and back.
const MARGIN: Millis = Millis::from_secs(5);
/// The longest answer: a result with all its annotations, in base64, twice escaped.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Of the service's own words, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;
/// A word of so many characters of base64 is none for people, and may be a part of what was to be run.
const WORD_CHARS: usize = 40;
/// It exists in every VM. The service's own clients say `/workspace`.
const WORKING_DIRECTORY: &str = "/";

pub(super) struct Client {
    http: reqwest::Client,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such VM.
    Gone,
    /// The VM is there and will not run again.
    Dead(String),
    /// The VM may run, and what was to run in it did not, or its answer is lost.
    Unreachable(String),
    /// What was to run in the VM ran, and its agent has not answered as agents do. The service is well.
    Guest(NoAnswer),
    /// The service has another VM of this name.
    Taken,
    Transient(String),
    Refused(String),
}

impl Fault {
    pub(super) fn of_backend(self, settings: &FirecrackerSettings) -> BackendError {
        let backend = settings.name.clone();
        match self {
            Self::Transient(detail)
            | Self::Unreachable(detail)
            | Self::Guest(NoAnswer::Transient(detail)) => BackendError::Transient { backend, detail },
            Self::Refused(detail) | Self::Guest(NoAnswer::Refused(detail) | NoAnswer::NoAgent(detail)) => {
                BackendError::Refused { backend, detail }
            }
            Self::Gone => BackendError::Transient {
                backend,
                detail: "its VM is gone".to_owned(),
            },
            Self::Dead(detail) => BackendError::Transient { backend, detail },
            Self::Taken => BackendError::Transient {
                backend,
                detail: "the VM's name is taken by one that it does not list".to_owned(),
            },
        }
    }
}

impl Client {
    pub(super) fn new() -> Result<Self, String> {
        // Someone else in this process may have set it before; it is ring in any case.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // The token goes to this host and to no other.
            .redirect(reqwest::redirect::Policy::none())
            // The service is a host's own, near or behind a name of yours: no proxy sees its token.
            .no_proxy()
            .user_agent(concat!("checkmill/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {}", causes(&error)))?;
        Ok(Self { http })
    }

    pub(super) async fn list(&self, settings: &FirecrackerSettings) -> Result<Listed, Fault> {
        no_service(self.call(settings, Method::GET, "/api/vms", None).await)
    }

    pub(super) async fn vm(&self, settings: &FirecrackerSettings, id: &VmId) -> Result<Vm, Fault> {
        self.call(settings, Method::GET, &format!("/api/vms/{id}"), None)
            .await
    }

    pub(super) async fn create(
        &self,
        settings: &FirecrackerSettings,
        vm_type: &str,
        key: &SubmitKey,
    ) -> Result<Vm, Fault> {
        let body = json!({"vm_type": vm_type, "vm_name": name_of(key)});
        no_service(self.call(settings, Method::POST, "/api/vms", Some(&body)).await)
    }

    /// Fine when it is gone.
    pub(super) async fn delete(&self, settings: &FirecrackerSettings, id: &VmId) -> Result<(), Fault> {
        let path = format!("/api/vms/{id}");
        let sent = self
            .send(settings, Method::DELETE, &path, None, settings.request)
            .await?;
        match judge(sent) {
            Ok(_) | Err(Fault::Gone) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// Runs code in a VM; what it has printed, where it ended by itself with 0.
    ///
    /// Where it did not, the VM is looked at, so that the fault says which of the two is wrong.
    pub(super) async fn execute(
        &self,
        settings: &FirecrackerSettings,
        id: &VmId,
        key: &SubmitKey,
        code: &str,
    ) -> Result<String, Fault> {
        let body = json!({
            "agent_id": name_of(key),
            "language": "bash",
            "code": code,
            "vm_id": id.to_string(),
            // The service reads the second and its clients send the first.
            "timeout_seconds": settings.request.as_secs_ceil(),
            "timeout_ms": settings.request.0,
            "working_dir": WORKING_DIRECTORY,
        });
        let limit = Millis(settings.request.0 + MARGIN.0);
        let sent = self.send(settings, Method::POST, "/api/llm/execute", Some(&body), limit);
        let detail = match sent.await.and_then(judge) {
            Ok(bytes) => match ran(&bytes) {
                Ok(printed) => return Ok(printed),
                Err(detail) => detail,
            },
            Err(Fault::Transient(detail)) if detail.starts_with(NO_TOKEN) => {
                return Err(Fault::Transient(detail));
            }
            Err(fault) => match fault {
                Fault::Transient(detail) | Fault::Refused(detail) => detail,
                _ => "the service does not know it".to_owned(),
            },
        };
        let vm = self.vm(settings, id).await?;
        Err(match vm.stage() {
            Stage::Gone => Fault::Gone,
            Stage::Dead => Fault::Dead(format!("its VM {id} is {}", vm.status())),
            Stage::Coming | Stage::Running => {
                Fault::Unreachable(format!("nothing can be run in its VM {id}: {detail}"))
            }
        })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        settings: &FirecrackerSettings,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Fault> {
        let bytes = judge(self.send(settings, method, path, body, settings.request).await?)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Fault::Transient(format!("its answer to {path} is not understood: {error}")))
    }

    async fn send(
        &self,
        settings: &FirecrackerSettings,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Millis,
    ) -> Result<(u16, Vec<u8>), Fault> {
        let token = token(settings).map_err(Fault::Transient)?;
        let mut request = self
            .http
            .request(method, format!("{}{path}", settings.url))
            .timeout(Duration::from_millis(limit.0))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let sent = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, HttpFault>((status, http::body(answer, ANSWER_BYTES).await?))
        };
        sent.await.map_err(|fault| match fault {
            HttpFault::Failed(_) => Fault::Transient(fault.to_string()),
            HttpFault::TooLong(_) => Fault::Refused(format!("{path}: {fault}")),
        })
    }
}

/// Of a path that every fcctl-web has.
fn no_service<T>(answer: Result<T, Fault>) -> Result<T, Fault> {
    match answer {
        Err(Fault::Gone) => Err(Fault::Refused(
            "it has no path /api/vms: the url is not fcctl-web's".to_owned(),
        )),
        answer => answer,
    }
}

/// Its own word for it, so that it is told from a VM's fault.
const NO_TOKEN: &str = "it does not accept the token";

fn token(settings: &FirecrackerSettings) -> Result<String, String> {
    let bytes = (settings.token)()?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_token
        .then(|| text.to_owned())
        .ok_or_else(|| "the token is no JSON Web Token in one line".to_owned())
}

fn judge((status, bytes): (u16, Vec<u8>)) -> Result<Vec<u8>, Fault> {
    if (200..300).contains(&status) {
        return Ok(bytes);
    }
    let said = said(&bytes);
    Err(match status {
        // A new one is made by somebody else.
        401 | 403 => Fault::Transient(format!("{NO_TOKEN}: {said}")),
        // A proxy before the service has pages of its own, and a VM that runs must not pass for one that is gone.
        404 | 410 if problem(&bytes).is_some() => Fault::Gone,
        404 | 410 => Fault::Transient(format!("HTTP {status}, and not in the service's form: {said}")),
        409 => Fault::Taken,
        408 | 425 | 429 => Fault::Transient(format!("HTTP {status}: {said}")),
        400..500 => Fault::Refused(said),
        300..400 => Fault::Refused(format!(
            "it answers with HTTP {status}, to somewhere else: the url is another"
        )),
        _ => Fault::Transient(format!("HTTP {status}: {said}")),
    })
}

/// What was printed by code that ran to its end; otherwise why it did not.
fn ran(bytes: &[u8]) -> Result<String, String> {
    let executed: Executed =
        serde_json::from_slice(bytes).map_err(|error| format!("the answer is not understood: {error}"))?;
    if let Some(error) = executed.error.filter(|error| !error.is_empty()) {
        return Err(shown(&error));
    }
    match (executed.exit_code, executed.stdout) {
        (Some(0), Some(printed)) => Ok(printed),
        (code, _) => {
            let code = code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
            let stderr = executed.stderr.unwrap_or_default();
            Err(format!("it ended with {code}: {}", shown(&stderr)))
        }
    }
}

/// The service's own words.
fn said(bytes: &[u8]) -> String {
    match problem(bytes) {
        Some(text) => shown(&text),
        None => shown(&String::from_utf8_lossy(bytes)),
    }
}

/// What the service says in its own form.
fn problem(bytes: &[u8]) -> Option<String> {
    let problem: Problem = serde_json::from_slice(bytes).ok()?;
    problem.text().map(str::to_owned)
}

/// A text in one line, without what may have been in the code: that is base64.
fn shown(text: &str) -> String {
    let is_encoded = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let (mut out, mut run) = (String::new(), String::new());
    for c in text.trim().chars().chain(['\n']) {
        if is_encoded(c) {
            run.push(c);
            continue;
        }
        out.push_str(if run.len() >= WORD_CHARS { "…" } else { &run });
        run.clear();
        out.push(if c.is_control() { ' ' } else { c });
    }
    let out: String = out.trim_end().chars().take(SHOWN_CHARS).collect();
    if out.is_empty() {
        "it gave no reason".to_owned()
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_to_be_run_is_never_repeated() {
        let secret = "Z2hzX2NvbnRyYWN0Z2hzX2NvbnRyYWN0Z2hzX2NvbnRyYWN0";
        let text = format!("bash: line 3: 'printf %s {secret} | base64 -d': broken\npipe");
        assert_eq!(
            shown(&text),
            "bash: line 3: 'printf %s … | base64 -d': broken pipe"
        );
        assert_eq!(shown(" \n"), "it gave no reason");
        assert_eq!(
            said(br#"{"error":"ssh: connect to host 172.26.0.2 port 22: Connection refused"}"#),
            "ssh: connect to host 172.26.0.2 port 22: Connection refused"
        );
    }

    #[test]
    fn only_the_services_own_word_makes_a_vm_gone() {
        let judged = |status: u16, body: &str| judge((status, body.as_bytes().to_vec())).unwrap_err();
        for body in [r#"{"error":"VM not found"}"#, r#"{"detail":"no"}"#] {
            assert!(matches!(judged(404, body), Fault::Gone), "{body}");
        }
        for body in ["<html>404 Not Found</html>", "", "{}", "[]", "404"] {
            for status in [404, 410] {
                assert!(matches!(judged(status, body), Fault::Transient(_)), "{body}");
            }
        }
    }

    #[test]
    fn only_code_that_ended_well_has_printed_something() {
        let table = [
            (r#"{"exit_code":0,"stdout":"x"}"#, Ok("x")),
            (
                r#"{"exit_code":255,"stdout":"","stderr":"ssh: no"}"#,
                Err("it ended with exit code 255: ssh: no"),
            ),
            (r#"{"error":"VM not ready"}"#, Err("VM not ready")),
            (
                r#"{"exit_code":0,"error":"","stdout":null}"#,
                Err("it ended with exit code 0: it gave no reason"),
            ),
            ("{}", Err("it ended with no exit code: it gave no reason")),
        ];
        for (body, expected) in table {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(ran(body.as_bytes()), expected, "{body}");
        }
    }
}
