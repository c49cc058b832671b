//! The App itself. GitHub docs, "Get the authenticated app": it takes the App's JWT only.

use super::api::{Api, json};
use super::failure::Failure;
use super::http::Request;
use crate::forge::ForgeError;
use checkmill_core::Login;
use serde::Deserialize;

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

#[derive(Debug, Deserialize)]
struct App {
    slug: String,
}

/// The login of what the App does: its slug, and `[bot]`.
pub(super) async fn login(api: &Api<'_>) -> Result<Login, ForgeError> {
    let failed = |failure: Failure| failure.into_forge("the App");
    let answer = api
        .call_as_app(&Request::get(api.at("/app")))
        .await
        .map_err(failed)?;
    let app: App = json(&answer.body).map_err(failed)?;
    let login = format!("{}[bot]", app.slug).parse();
    login.map_err(|error| failed(Failure::Garbled(format!("{error}"))))
}
