//! What every client of an AWS service shares: region, credentials, the HTTP and TLS client, timeouts and retries.
//!
//! `aws-config` is not used: it adds 1 to 2 MB to each function and reads files that no function has. A Lambda's credentials
//! are in its environment and good for as long as that environment lives (not so with SnapStart, which we don't use).

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::{TimeoutConfig, TimeoutConfigBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::convert::Infallible;
use std::time::Duration;

/// To open a connection, TLS included. A small function's first handshake takes most of a second (limits reference).
const CONNECT: Duration = Duration::from_secs(3);
/// One try of a call whose body is small, and all its tries. GitHub hangs up on a webhook after 10 s.
pub(crate) const CALL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(8));
/// The same for S3, where a body is a log of up to [`checkmill_core::limits::LOG_BYTES`].
#[cfg(feature = "s3")]
const TRANSFER: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(45));
/// Tries of one call. This is the only layer that tries a call of AWS again; past it the state machine or the queue does.
const TRIES: u32 = 3;

/// How AWS is reached, as the environment says it.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    pub session_token: Option<SecretString>,
    /// An emulator's address.
    pub endpoint_url: Option<String>,
}

/// One HTTP client, which keeps its connections, and who we are.
#[derive(Debug, Clone)]
pub struct Connection {
    pub(crate) settings: AwsSettings,
    pub(crate) http: SharedHttpClient,
}

impl Connection {
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Self {
            settings,
            http: Builder::new().tls_provider(ring).build_https(),
        }
    }

    /// A connection whose requests a test answers.
    #[cfg(test)]
    pub(crate) fn answered_by(http: SharedHttpClient) -> Self {
        let settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".into(),
            session_token: None,
            endpoint_url: Some("http://emulator.invalid".to_owned()),
        };
        Self { settings, http }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        let token = self
            .settings
            .session_token
            .as_ref()
            .map(|t| t.expose_secret().to_owned());
        Credentials::new(
            &self.settings.access_key_id,
            self.settings.secret_access_key.expose_secret(),
            token,
            None,
            "environment",
        )
    }
}

impl Connection {
    /// Opens the connection to a URL's host, TLS and all, so that the first call of a client finds it open: asks for `/`
    /// without a signature. The answer, a refusal included, is of no interest, and the next call will tell what is wrong.
    pub async fn open(&self, url: &str) {
        let origin = origin(url);
        let question = Operation::builder()
            .service_name("host")
            .operation_name("open")
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .endpoint_url(origin)
            .no_auth()
            .no_retry()
            .sleep_impl(TokioSleep::new())
            // As the clients have them: connections are kept by these, too.
            .timeout_config(timeouts(CALL))
            .serializer(|()| {
                let mut request = HttpRequest::new(SdkBody::empty());
                request.set_uri("/")?;
                Ok(request)
            })
            .deserializer(|_| Ok::<(), OrchestratorError<Infallible>>(()))
            .build();
        if let Err(error) = question.invoke(()).await {
            tracing::warn!(origin, %error, "a connection could not be opened while starting");
        }
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    &url[..end]
}

pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(TRIES)
        .with_initial_backoff(Duration::from_millis(100))
        .with_max_backoff(Duration::from_secs(1))
}

pub(crate) fn timeouts((one, all): (Duration, Duration)) -> TimeoutConfig {
    TimeoutConfigBuilder::new()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(one)
        .operation_timeout(all)
        .build()
}

/// A service's configuration. A macro, because each service has types of its own with the same methods.
macro_rules! config {
    ($connection:expr, $sdk:ident, $times:expr) => {{
        let config = $sdk::config::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::new($connection.settings.region.clone()))
            .credentials_provider($connection.credentials())
            .http_client($connection.http.clone())
            .sleep_impl(TokioSleep::new())
            .retry_config(retries())
            .timeout_config(timeouts($times));
        match &$connection.settings.endpoint_url {
            Some(url) => config.endpoint_url(url),
            None => config,
        }
    }};
}

impl Connection {
    #[cfg(feature = "dynamodb")]
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(config!(self, aws_sdk_dynamodb, CALL).build())
    }

    #[cfg(feature = "sqs")]
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(config!(self, aws_sdk_sqs, CALL).build())
    }

    #[cfg(feature = "sfn")]
    #[must_use]
    pub fn sfn(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::from_conf(config!(self, aws_sdk_sfn, CALL).build())
    }

    #[cfg(feature = "s3")]
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
        let config = config!(self, aws_sdk_s3, TRANSFER)
            // An emulator has no name for each bucket.
            .force_path_style(self.settings.endpoint_url.is_some())
            // TLS guards the way, and checksums in trailers are what S3's imitations lack.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    #[cfg(feature = "ssm")]
    #[must_use]
    pub fn ssm(&self) -> crate::ssm::GetParameters {
        crate::ssm::GetParameters::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;
    use checkmill_phases::ports::{PlanMessage, Queue};
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn origins() {
        for (url, expected) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/1/deliveries",
                "https://sqs.eu-central-1.amazonaws.com",
            ),
            ("http://127.0.0.1:4566/1/q", "http://127.0.0.1:4566"),
            ("https://host", "https://host"),
        ] {
            assert_eq!(origin(url), expected);
        }
    }

    #[tokio::test]
    async fn opening_a_connection_asks_once_and_minds_no_answer() {
        for status in [200, 404, 503] {
            let script = Scripted::new([(status, "anything")]);
            script
                .connection()
                .open("http://emulator.invalid/1/deliveries")
                .await;
            assert_eq!(script.asked(), ["GET /"]);
        }
    }

    /// A server that answers every request alike and counts the connections that it was asked on.
    fn counting_server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer_each(stream));
            }
        });
        (url, connections)
    }

    fn answer_each(mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let body = r#"{"MessageId":"m","Parameters":[]}"#;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    }

    /// What opening a connection early is for: every client of the same host goes on using it.
    #[tokio::test]
    async fn all_clients_use_the_connection_that_was_opened() {
        let (url, connections) = counting_server();
        let connection = Connection::new(AwsSettings {
            region: "eu-central-1".to_owned(),
            access_key_id: "key".to_owned(),
            secret_access_key: "secret".into(),
            session_token: Some("token".into()),
            endpoint_url: Some(url.clone()),
        });
        connection.open(&format!("{url}/1/deliveries")).await;
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        let queue = crate::sqs::SqsQueue::new(connection.sqs(), format!("{url}/1/deliveries"));
        let delivery = "d-1".parse().unwrap();
        queue.send(&PlanMessage { delivery }).await.unwrap();
        let clock = Arc::new(crate::clock::SystemClock);
        let wanted = [crate::ssm::Parameter::WebhookSecret];
        let parameters = crate::ssm::Parameters::new(connection.ssm(), "/checkmill", &wanted, clock);
        assert!(parameters.optional(wanted[0]).await.unwrap().is_none());
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }
}
