//! How a request to GitHub can end badly, told apart where the answer comes in.

use crate::forge::ForgeError;
use checkmill_core::{InstallationId, Millis, UnixMillis};
use http::HeaderMap;
use serde::Deserialize;

/// What is shown of a message of GitHub's.
const MESSAGE_CHARS: usize = 300;
/// GitHub docs, "Rate limits": without a header, wait at least one minute.
const DEFAULT_WAIT: Millis = Millis::from_secs(60);
/// GitHub's limits are renewed every hour.
const LONGEST_WAIT: Millis = Millis::from_minutes(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No answer, or one that broke off: the request may have been carried out.
    Lost(String),
    /// 5xx or 408: the request may have been carried out.
    Failed { status: u16, message: String },
    /// Not carried out; may be tried again after the wait.
    RateLimited { wait: Millis, message: String },
    /// The credentials were not accepted.
    Unauthorized(String),
    /// Not carried out, and it would not be if it were sent again.
    Refused { status: u16, message: String },
    /// The App is not installed there (any more). Not the 404 of what was asked for.
    NoInstallation(InstallationId),
    /// The answer is longer than was asked for; its length where GitHub said it.
    TooLong { bytes: Option<u64> },
    /// The answer is not what GitHub documents.
    Garbled(String),
}

/// The body of GitHub's errors.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: String,
    errors: Vec<serde_json::Value>,
}

impl Failure {
    /// Reads an answer that is not a success.
    pub(super) fn of(status: u16, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> Self {
        let message = message(body);
        if let Some(wait) = rate_limit(status, headers, &message, now) {
            return Self::RateLimited { wait, message };
        }
        match status {
            401 => Self::Unauthorized(message),
            408 | 500.. => Self::Failed { status, message },
            _ => Self::Refused { status, message },
        }
    }

    /// For the caller; `what` was asked for.
    pub(super) fn into_forge(self, what: &str) -> ForgeError {
        match self {
            Self::Lost(message) => ForgeError::Transient(format!("{what}: {message}")),
            Self::Failed { status, message } => {
                ForgeError::Transient(format!("{what}: status {status}: {message}"))
            }
            Self::RateLimited { wait, message } => ForgeError::RateLimited {
                retry_after: wait,
                message,
            },
            // A key that is being changed, or a clock that is wrong: neither is the repository's fault, and both pass.
            Self::Unauthorized(message) => ForgeError::Transient(format!(
                "{what}: the App's credentials are not accepted: {message}"
            )),
            Self::Refused {
                status: 404 | 410, ..
            } => ForgeError::NotFound(what.to_owned()),
            Self::Refused {
                status: 403 | 451,
                message,
            } => ForgeError::Forbidden(format!("{what}: {message}")),
            Self::Refused { status, message } => {
                ForgeError::Invalid(format!("{what}: status {status}: {message}"))
            }
            Self::NoInstallation(id) => {
                ForgeError::NotInstalled(format!("installation {id} of the App, for {what}"))
            }
            Self::TooLong { .. } => ForgeError::Invalid(format!("{what}: the answer is too long")),
            Self::Garbled(problem) => ForgeError::Transient(format!(
                "{what}: the answer is not what GitHub documents: {problem}"
            )),
        }
    }

    pub(super) const fn is_refused_with(&self, expected: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == expected)
    }
}

/// GitHub's message and, for a 422, its first errors; short and on one line.
fn message(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) if error.errors.is_empty() => error.message,
        Ok(error) => {
            let errors: Vec<_> = error.errors.iter().take(3).map(one_error).collect();
            format!("{} ({})", error.message, errors.join("; "))
        }
        // A proxy's page. It is not for people who look at a check.
        Err(_) => String::new(),
    };
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE_CHARS)
        .collect();
    if text.is_empty() {
        "(no message)".to_owned()
    } else {
        text
    }
}

fn one_error(error: &serde_json::Value) -> String {
    let field = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
    match (error.as_str(), field("message"), field("field")) {
        (Some(text), _, _) => text.to_owned(),
        (None, Some(message), _) => message.to_owned(),
        (None, None, Some(name)) => format!("{name} {}", field("code").unwrap_or("invalid")),
        (None, None, None) => error.to_string(),
    }
}

/// How long to wait, where the answer is a rate limit's. Source: GitHub docs, "Rate limits for the REST API": primary limits
/// answer 403 or 429 with `x-ratelimit-remaining: 0`; secondary ones 403 or 429 with a message and perhaps `retry-after`.
fn rate_limit(status: u16, headers: &HeaderMap, message: &str, now: UnixMillis) -> Option<Millis> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    let header = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let bounded = |wait: Millis| wait.clamp(Millis::from_secs(1), LONGEST_WAIT);
    if let Some(secs) = header("retry-after") {
        return Some(bounded(Millis(secs.saturating_mul(1000))));
    }
    let lower = message.to_ascii_lowercase();
    let primary =
        header("x-ratelimit-remaining") == Some(0) && (status == 429 || lower.contains("rate limit"));
    if primary && let Some(reset) = header("x-ratelimit-reset") {
        return Some(bounded(UnixMillis(reset.saturating_mul(1000)).since(now)));
    }
    let secondary = lower.contains("rate limit") || lower.contains("abuse detection");
    (status == 429 || primary || secondary).then_some(DEFAULT_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn of(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Failure::of(status, &headers.collect(), body.as_bytes(), NOW)
    }

    fn limited(secs: u64, message: &str) -> Failure {
        Failure::RateLimited {
            wait: Millis::from_secs(secs),
            message: message.to_owned(),
        }
    }

    #[test]
    fn rate_limits() {
        let primary = r#"{"message": "API rate limit exceeded for installation ID 1."}"#;
        let secondary = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        let told = "API rate limit exceeded for installation ID 1.";
        let second = "You have exceeded a secondary rate limit.";
        let reset = ("x-ratelimit-reset", "1700000030");
        let spent = ("x-ratelimit-remaining", "0");
        let table = [
            (of(403, &[spent, reset], primary), limited(30, told)),
            (of(429, &[spent, reset], primary), limited(30, told)),
            (
                of(403, &[spent, ("x-ratelimit-reset", "1600000000")], primary),
                limited(1, told),
            ),
            (
                of(403, &[spent, ("x-ratelimit-reset", "99999999999")], primary),
                limited(3600, told),
            ),
            (
                of(403, &[("retry-after", "7"), spent, reset], secondary),
                limited(7, second),
            ),
            (of(429, &[("retry-after", "0")], secondary), limited(1, second)),
            (
                of(403, &[("x-ratelimit-remaining", "40"), reset], secondary),
                limited(60, second),
            ),
            (
                of(
                    403,
                    &[],
                    r#"{"message": "You have triggered an abuse detection mechanism."}"#,
                ),
                limited(60, "You have triggered an abuse detection mechanism."),
            ),
            (of(429, &[], ""), limited(60, "(no message)")),
        ];
        for (got, expected) in table {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_refusal_that_used_up_the_last_request_is_no_rate_limit() {
        let refused = of(
            403,
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1700000030"),
            ],
            r#"{"message": "Resource not accessible by integration"}"#,
        );
        assert_eq!(
            refused,
            Failure::Refused {
                status: 403,
                message: "Resource not accessible by integration".to_owned()
            }
        );
    }

    #[test]
    fn what_the_caller_is_told() {
        let body = r#"{"message": "Validation Failed", "errors": [{"resource": "CheckRun", "field": "name", "code": "missing_field"}, "x", {"message": "y"}]}"#;
        let told = [
            of(401, &[], r#"{"message": "Bad credentials"}"#),
            of(
                403,
                &[],
                r#"{"message": "Resource not accessible by integration"}"#,
            ),
            of(404, &[], r#"{"message": "Not Found"}"#),
            of(410, &[], ""),
            of(422, &[], body),
            of(502, &[], "<html>Bad gateway</html>"),
            of(408, &[], ""),
            of(429, &[("retry-after", "3")], ""),
            Failure::Lost("timed out after 30 s".to_owned()),
            Failure::Garbled("missing field `id`".to_owned()),
            Failure::TooLong { bytes: None },
            Failure::NoInstallation(InstallationId(3)),
        ]
        .map(|failure| failure.into_forge("check run 5").to_string());
        insta::assert_snapshot!(told.join("\n"), @"
        GitHub could not be reached or failed: check run 5: the App's credentials are not accepted: Bad credentials
        GitHub refuses: check run 5: Resource not accessible by integration
        GitHub does not know check run 5, or the App may not see it
        GitHub does not know check run 5, or the App may not see it
        GitHub finds the request invalid: check run 5: status 422: Validation Failed (name missing_field; x; y)
        GitHub could not be reached or failed: check run 5: status 502: (no message)
        GitHub could not be reached or failed: check run 5: status 408: (no message)
        GitHub asks to slow down for 3 s: (no message)
        GitHub could not be reached or failed: check run 5: timed out after 30 s
        GitHub could not be reached or failed: check run 5: the answer is not what GitHub documents: missing field `id`
        GitHub finds the request invalid: check run 5: the answer is too long
        GitHub does not know installation 3 of the App, for check run 5, or the App may not see it
        ");
    }
}
