//! GitHub's API with credentials, retries and redirects: what the adapter's operations are made of.

use super::failure::Failure;
use super::http::{Http, Request, Response};
use super::jwt::AppKey;
use super::keys::Keys;
use super::retry::{self, Repeat};
use super::tokens::{Token, TokenCache};
use super::{Clock, Jitter, Sleep, timestamp};
use crate::settings::{ApiUrl, AppId};
use checkmill_core::{InstallationId, Millis, UnixMillis};
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// A renamed repository redirects once; more than a few is a loop.
const REDIRECTS: u32 = 3;
/// Between two tries with a token that GitHub does not know yet.
const YOUNG_WAIT: Millis = Millis::from_secs(1);
/// Such tries.
const YOUNG_TRIES: u32 = 5;

/// What lives as long as the process.
pub(super) struct Client {
    pub(super) http: Http,
    pub(super) url: ApiUrl,
    pub(super) app: AppId,
    pub(super) keys: Keys,
    pub(super) tokens: TokenCache,
    pub(super) clock: Clock,
    pub(super) sleep: Sleep,
    pub(super) jitter: Jitter,
}

/// The client for one operation of the port, which has so much time for all its requests, tries and waits together.
pub(super) struct Api<'c> {
    client: &'c Client,
    budget: Millis,
    until: UnixMillis,
}

impl Deref for Api<'_> {
    type Target = Client;
    fn deref(&self) -> &Client {
        self.client
    }
}

/// GitHub's answer to "Create an installation access token".
#[derive(Debug, Deserialize)]
pub(super) struct MintedToken {
    #[serde(deserialize_with = "secret")]
    pub(super) token: SecretString,
    pub(super) expires_at: String,
    #[serde(default)]
    pub(super) permissions: BTreeMap<String, String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl Client {
    pub(super) fn now(&self) -> UnixMillis {
        (self.clock)()
    }

    /// Begins an operation.
    pub(super) fn within(&self, budget: Millis) -> Api<'_> {
        let until = self.now() + budget;
        Api {
            client: self,
            budget,
            until,
        }
    }

    /// The address of a path of the REST API, which begins with a slash.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Api<'_> {
    /// What is left of the operation's time. Without any the phase ends now, with an error of its own that says what may be
    /// tried again, rather than later with its function.
    fn left(&self) -> Result<Millis, Failure> {
        match self.until.since(self.now()) {
            Millis(0) => Err(Failure::Lost(format!(
                "GitHub is slow: all {} s for this are used up",
                self.budget.as_secs_ceil()
            ))),
            left => Ok(left),
        }
    }

    /// Asks as an installation.
    pub(super) async fn call(
        &self,
        installation: InstallationId,
        request: &Request,
    ) -> Result<Response, Failure> {
        let mut young_tries = 0;
        let mut renewed = false;
        loop {
            let token = self.token(installation).await?;
            let refused = match self.exchange(&token.authorization, request).await {
                Err(Failure::Unauthorized(message)) => message,
                outcome => return outcome,
            };
            if token.is_young(self.now()) && young_tries < YOUNG_TRIES && self.left()? > YOUNG_WAIT {
                young_tries += 1;
                tracing::debug!(%installation, "GitHub does not know a new token yet");
                (self.sleep)(YOUNG_WAIT).await;
                continue;
            }
            self.tokens.forget(installation, &token).await;
            if renewed {
                return Err(Failure::Unauthorized(refused));
            }
            tracing::debug!(%installation, "GitHub refuses a token; making a new one");
            renewed = true;
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        installation: InstallationId,
        path: &str,
    ) -> Result<T, Failure> {
        json(&self.call(installation, &Request::get(self.at(path))).await?.body)
    }

    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        installation: InstallationId,
        method: Method,
        path: &str,
        body: &serde_json::Value,
        repeat: Repeat,
    ) -> Result<T, Failure> {
        let request = Request::send(method, self.at(path), body, repeat);
        json(&self.call(installation, &request).await?.body)
    }

    /// The installation's own token, with all that it grants.
    pub(super) async fn token(&self, installation: InstallationId) -> Result<Arc<Token>, Failure> {
        let mint = async || {
            let minted = self.mint(installation, &serde_json::json!({})).await?;
            let bearer = format!("Bearer {}", minted.token.expose_secret());
            let mut authorization = HeaderValue::from_str(&bearer)
                .map_err(|_| Failure::Garbled("a token that is no header".to_owned()))?;
            authorization.set_sensitive(true);
            Ok(Token {
                authorization,
                minted_at: self.now(),
                expires_at: expiry(&minted)?,
                permissions: minted.permissions,
            })
        };
        self.tokens.get(installation, self.now(), mint).await
    }

    /// A new token of the installation, asked for as the App. A token too many does no harm, so it may be repeated.
    pub(super) async fn mint(
        &self,
        installation: InstallationId,
        scope: &serde_json::Value,
    ) -> Result<MintedToken, Failure> {
        let url = self.at(&format!("/app/installations/{installation}/access_tokens"));
        let request = Request::send(Method::POST, url, scope, Repeat::Safe);
        match self.call_as_app(&request).await {
            Ok(response) => json(&response.body),
            Err(Failure::Refused { status: 404, .. }) => Err(Failure::NoInstallation(installation)),
            Err(failure) => Err(failure),
        }
    }

    /// Asks as the App itself, by a JWT made now; once more where there is another key meanwhile.
    pub(super) async fn call_as_app(&self, request: &Request) -> Result<Response, Failure> {
        let key = self.keys.present();
        let mut outcome = self.exchange(&self.signed(&key)?, request).await;
        if matches!(outcome, Err(Failure::Unauthorized(_)))
            && let Some(key) = self.keys.renewed(&key).await
        {
            outcome = self.exchange(&self.signed(&key)?, request).await;
        }
        match outcome {
            Err(Failure::Unauthorized(message)) => Err(Failure::Unauthorized(format!(
                "{message} (is this the key of App {}, and is the clock right?)",
                self.app
            ))),
            outcome => outcome,
        }
    }

    fn signed(&self, key: &AppKey) -> Result<HeaderValue, Failure> {
        let jwt = key
            .jwt(self.app, self.now())
            .map_err(|error| Failure::Lost(error.to_owned()))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", jwt.expose_secret()))
            .map_err(|_| Failure::Garbled("a JWT that is no header".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(authorization)
    }

    /// The address of the next page, where GitHub names one on its own host: the credentials go along.
    pub(super) fn next_page(&self, headers: &HeaderMap) -> Option<String> {
        let link = headers.get(header::LINK)?.to_str().ok()?;
        let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
        let address = next.split_once('<')?.1.split_once('>')?.0;
        let path = address.strip_prefix(self.url.origin())?;
        path.starts_with('/').then(|| address.to_owned())
    }

    /// Sends until there is a verdict: an answer of 2xx, or a failure that is not worth another try or has no time for one.
    async fn exchange(&self, authorization: &HeaderValue, request: &Request) -> Result<Response, Failure> {
        let mut tries = 0;
        loop {
            let outcome = self.follow(authorization, request).await;
            tries += 1;
            let failure = match outcome {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let Some(wait) = retry::wait(&failure, request.repeat, tries, |span| (self.jitter)(span)) else {
                return Err(failure);
            };
            if wait >= self.left().unwrap_or(Millis(0)) {
                return Err(failure);
            }
            tracing::debug!(method = %request.method, url = %request.url, ?failure, wait_ms = wait.0, "asking GitHub again");
            (self.sleep)(wait).await;
        }
    }

    /// Sends once, and again to where a redirect points. GitHub docs, "Follow redirects": the method stays. Only within the
    /// same host, since the token goes along.
    async fn follow(&self, authorization: &HeaderValue, request: &Request) -> Result<Response, Failure> {
        let mut request = request.clone();
        for _ in 0..=REDIRECTS {
            let response = self.http.send(&request, authorization, self.left()?).await?;
            let status = response.status.as_u16();
            match status {
                200..=299 => return Ok(response),
                301 | 302 | 307 | 308 => request.url = self.target(status, &response.headers)?,
                _ => return Err(Failure::of(status, &response.headers, &response.body, self.now())),
            }
        }
        Err(Failure::Refused {
            status: 310,
            message: "too many redirects".to_owned(),
        })
    }

    fn target(&self, status: u16, headers: &HeaderMap) -> Result<String, Failure> {
        let refused = |message: &str| Failure::Refused {
            status,
            message: message.to_owned(),
        };
        let location = headers
            .get(header::LOCATION)
            .and_then(|location| location.to_str().ok());
        let location = location.ok_or_else(|| refused("a redirect to nowhere"))?;
        let origin = self.url.origin();
        match location.strip_prefix(origin) {
            Some(path) if path.starts_with('/') => Ok(location.to_owned()),
            None if location.starts_with('/') && !location.starts_with("//") => {
                Ok(format!("{origin}{location}"))
            }
            _ => Err(refused("a redirect to another host")),
        }
    }
}

pub(super) fn expiry(minted: &MintedToken) -> Result<UnixMillis, Failure> {
    timestamp::parse(&minted.expires_at)
        .ok_or_else(|| Failure::Garbled(format!("the time {:?}", minted.expires_at)))
}

/// Reads an answer's body.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::Garbled(error.to_string()))
}

/// Whether GitHub says that there is a next page. None where it says nothing of pages.
pub(super) fn has_next_page(headers: &HeaderMap) -> Option<bool> {
    let link = headers.get(header::LINK)?.to_str().ok()?;
    Some(link.split(',').any(|part| part.contains("rel=\"next\"")))
}
