//! What went wrong in an SDK call, by what a caller can do about it. One mapping for all services, so that "throttled" means
//! the same everywhere.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;

/// A failed call without its modelled error: the code and the service's own words. Neither holds anything we sent but
/// names of resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The same call may succeed soon: no answer, a timeout, a 5xx, throttling. The SDK's own tries are used up by then.
    Transient(String),
    /// The service answered that it won't, and would again.
    Refused { code: String, message: String },
}

/// Codes that mean "later", though they come as a 4xx. AWS docs: common errors, and the errors of the five services.
const LATER: [&str; 15] = [
    "ConditionalRequestConflict",
    "InternalServerError",
    "KmsThrottled",
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "TooManyUpdates",
    "TransactionConflictException",
    "TransactionInProgressException",
];

impl Fault {
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                Self::answered(service.err().code(), service.err().message(), status)
            }
            SdkError::ConstructionFailure(failure) => Self::Refused {
                code: "ConstructionFailure".to_owned(),
                message: format!("the request could not be built: {failure:?}"),
            },
            SdkError::TimeoutError(_) => Self::Transient("no answer in time".to_owned()),
            SdkError::DispatchFailure(failure) => {
                let source = failure.as_connector_error().map(|e| chain(e)).unwrap_or_default();
                Self::Transient(format!("no connection{source}"))
            }
            SdkError::ResponseError(response) => Self::Transient(format!(
                "an answer with status {} that can't be read",
                response.raw().status().as_u16()
            )),
            _ => Self::Transient("an unknown failure of the SDK".to_owned()),
        }
    }

    fn answered(code: Option<&str>, message: Option<&str>, status: u16) -> Self {
        let code = code.unwrap_or("no code");
        let message = message.unwrap_or("no message");
        if status >= 500 || status == 429 || LATER.contains(&code) {
            Self::Transient(format!("{code} (status {status}): {message}"))
        } else {
            Self::Refused {
                code: code.to_owned(),
                message: message.to_owned(),
            }
        }
    }

    /// Whether the service refused with this code.
    #[cfg(any(feature = "dynamodb", feature = "sfn", feature = "s3"))]
    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// The causes of an error, as one text: the outermost alone says "dispatch failure".
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(what) => f.write_str(what),
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_server_errors_are_transient_the_rest_is_refused() {
        for (code, status, transient) in [
            ("ThrottlingException", 400, true),
            ("ProvisionedThroughputExceededException", 400, true),
            ("TransactionInProgressException", 400, true),
            ("InternalServerError", 500, true),
            ("AnythingAtAll", 503, true),
            ("TooManyRequests", 429, true),
            ("ValidationException", 400, false),
            ("AccessDeniedException", 400, false),
            ("ResourceNotFoundException", 400, false),
        ] {
            let fault = Fault::answered(Some(code), Some("words"), status);
            assert_eq!(matches!(fault, Fault::Transient(_)), transient, "{code} {status}");
        }
    }

    #[test]
    fn the_services_own_words_are_kept() {
        let fault = Fault::answered(Some("AccessDeniedException"), Some("not authorized"), 400);
        assert_eq!(fault.to_string(), "AccessDeniedException: not authorized");
        assert!(fault.is("AccessDeniedException"));
        assert_eq!(
            Fault::answered(None, None, 502).to_string(),
            "no code (status 502): no message"
        );
    }
}
