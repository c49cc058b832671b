//! The App itself. GitHub docs, "Get the authenticated app": it takes the App's JWT only.

use super::api::Api;
use super::failure::Failure;
use super::http::Request;

/// Why it is not known that GitHub takes the App's credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppFault {
    /// The key is not that of this App, the App is gone, or the clock is wrong.
    #[error("GitHub does not take the App's credentials: {0}")]
    Refused(String),
    /// It may, when it can be reached.
    #[error("{0}")]
    Unreachable(String),
}

pub(super) async fn check(api: &Api<'_>) -> Result<(), AppFault> {
    match api.call_as_app(&Request::get(api.at("/app"))).await {
        Ok(_) => Ok(()),
        Err(Failure::Unauthorized(message) | Failure::Refused { message, .. }) => {
            Err(AppFault::Refused(message))
        }
        Err(failure) => Err(AppFault::Unreachable(failure.into_forge("the App").to_string())),
    }
}
