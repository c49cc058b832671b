//! One POST of JSON, within its limits.

use crate::port::ModelFault;
use crate::settings::SettingsError;
use bytes::Bytes;
use checkmill_core::Millis;
use checkmill_core::limits::MODEL_ANSWER_BYTES;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// What is shown of a server's own words.
const MESSAGE_CHARS: usize = 200;

/// A status and a body that came within the limits.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    key: Option<SecretString>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

impl Http {
    /// For a server whose address begins with `https://` where `with_tls`, else with `http://`.
    pub(super) fn new(key: Option<SecretString>, with_tls: bool) -> Result<Self, SettingsError> {
        let provider = rustls::crypto::ring::default_provider();
        let broken = |error: &dyn Error| SettingsError::Client(error.to_string());
        let builder = HttpsConnectorBuilder::new();
        let builder = if with_tls {
            let with_roots = builder.with_provider_and_native_roots(provider);
            with_roots.map_err(|error| broken(&error))?
        } else {
            // A machine without certificates can speak with an Ollama of its own.
            let config = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| broken(&error))?;
            builder.with_tls_config(
                config
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth(),
            )
        };
        let connector = builder.https_or_http().enable_http1().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            key,
        })
    }

    /// Sends it once. Redirects are not followed: the key is for one server.
    pub(super) async fn post(
        &self,
        url: &str,
        body: &serde_json::Value,
        within: Millis,
    ) -> Result<Reply, ModelFault> {
        let request = self.request(url, body)?;
        let exchange = self.exchange(request);
        match tokio::time::timeout(Duration::from_millis(within.0), exchange).await {
            Ok(reply) => reply.map_err(|fault| self.without_key(fault)),
            Err(_) => Err(ModelFault::Slow(within)),
        }
    }

    fn request(&self, url: &str, body: &serde_json::Value) -> Result<Request<Full<Bytes>>, ModelFault> {
        let mut request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("checkmill/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| ModelFault::Unreachable(error.to_string()))?;
        if let Some(key) = &self.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                .map_err(|_| ModelFault::Unreachable("its key is none that a header can hold".to_owned()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, ModelFault> {
        let lost = |error: &dyn Error| ModelFault::Unreachable(causes(error));
        let response = self.client.request(request).await.map_err(|error| lost(&error))?;
        let status = response.status();
        match Limited::new(response.into_body(), MODEL_ANSWER_BYTES)
            .collect()
            .await
        {
            Ok(body) => Ok(Reply {
                status,
                body: body.to_bytes(),
            }),
            Err(error) if error.is::<LengthLimitError>() => Err(ModelFault::Bad(format!(
                "with more than {} KiB",
                MODEL_ANSWER_BYTES / 1024
            ))),
            Err(error) => Err(lost(&*error)),
        }
    }

    /// What a server says is shown to people; some say the key that they were given.
    pub(super) fn without_key(&self, fault: ModelFault) -> ModelFault {
        let Some(key) = &self.key else { return fault };
        let hide = |text: String| text.replace(key.expose_secret(), "***");
        match fault {
            ModelFault::Unreachable(text) => ModelFault::Unreachable(hide(text)),
            ModelFault::Bad(text) => ModelFault::Bad(hide(text)),
            ModelFault::Refused { status, message } => ModelFault::Refused {
                status,
                message: hide(message),
            },
            slow @ ModelFault::Slow(_) => slow,
        }
    }
}

/// A server's words on one line, cut.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(MESSAGE_CHARS).collect()
}

/// An error with its causes. hyper puts no header and no body into its errors.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let one = cause.to_string();
        if !text.contains(&one) {
            text = format!("{text}: {one}");
        }
        source = cause.source();
    }
    one_line(&text)
}
