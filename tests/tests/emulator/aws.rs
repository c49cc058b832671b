//! AWS's APIs, as much as the test needs of them. The emulator does not check the signatures of its root account, so there
//! is no SDK here: a second way to talk to AWS, which does not share the mistakes of the first.

use anyhow::{Context, bail};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Aws {
    pub(crate) endpoint: String,
    http: reqwest::Client,
}

/// A service with a JSON API: the name in the signature, and the prefix of `X-Amz-Target`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service(&'static str, &'static str);

pub(crate) const SSM: Service = Service("ssm", "AmazonSSM");
pub(crate) const SQS: Service = Service("sqs", "AmazonSQS");
pub(crate) const STATES: Service = Service("states", "AWSStepFunctions");
pub(crate) const DYNAMODB: Service = Service("dynamodb", "DynamoDB_20120810");
pub(crate) const LOGS: Service = Service("logs", "Logs_20140328");

pub(crate) const REGION: &str = "us-east-1";

impl Aws {
    pub(crate) fn new(endpoint: String) -> anyhow::Result<Self> {
        Ok(Self {
            endpoint,
            http: http_client()?,
        })
    }

    pub(crate) async fn call(&self, service: Service, action: &str, body: &Value) -> anyhow::Result<Value> {
        let Service(name, target) = service;
        let response = self
            .http
            .post(&self.endpoint)
            .header("Content-Type", "application/x-amz-json-1.0")
            .header("X-Amz-Target", format!("{target}.{action}"))
            .header("Authorization", authorization(name))
            .body(body.to_string())
            .send()
            .await
            .with_context(|| format!("{name} {action} could not be sent"))?;
        let text = read(response, &format!("{name} {action}")).await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{name} {action}: the answer is no JSON: {text}"))
    }

    /// A GET of a service with a REST API that answers in JSON.
    pub(crate) async fn get(&self, service: &str, path: &str) -> anyhow::Result<Value> {
        let text = self.get_text(service, path).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("{service} GET {path}: the answer is no JSON: {text}"))
    }

    /// A GET whose answer is no JSON: S3's.
    pub(crate) async fn get_text(&self, service: &str, path: &str) -> anyhow::Result<String> {
        let request = self.http.get(format!("{}{path}", self.endpoint));
        let response = request
            .header("Authorization", authorization(service))
            .send()
            .await?;
        read(response, &format!("{service} GET {path}")).await
    }

    pub(crate) async fn put(&self, service: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = self.http.put(format!("{}{path}", self.endpoint)).body(text);
        let response = request
            .header("Authorization", authorization(service))
            .send()
            .await?;
        read(response, &format!("{service} PUT {path}")).await.map(drop)
    }

    pub(crate) async fn delete(&self, service: &str, path: &str) -> anyhow::Result<()> {
        let request = self.http.delete(format!("{}{path}", self.endpoint));
        let response = request
            .header("Authorization", authorization(service))
            .send()
            .await?;
        read(response, &format!("{service} DELETE {path}"))
            .await
            .map(drop)
    }

    pub(crate) async fn post(&self, service: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.endpoint)).json(body);
        let response = request
            .header("Authorization", authorization(service))
            .send()
            .await?;
        let text = read(response, &format!("{service} POST {path}")).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("{service} POST {path}: the answer is no JSON: {text}"))
    }

    /// A service with a query API, whose XML answer is not looked at.
    pub(crate) async fn form(
        &self,
        service: &str,
        action: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let mut all = vec![("Action", action), ("Version", "2010-05-08")];
        all.extend(fields);
        let request = self.http.post(&self.endpoint).form(&all);
        let response = request
            .header("Authorization", authorization(service))
            .send()
            .await?;
        read(response, &format!("{service} {action}")).await.map(drop)
    }
}

/// A client for HTTP on loopback.
pub(crate) fn http_client() -> anyhow::Result<reqwest::Client> {
    // reqwest wants a TLS provider even where nothing is encrypted. A second installation is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .context("an HTTP client can't be built")
}

fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

async fn read(response: reqwest::Response, what: &str) -> anyhow::Result<String> {
    let status = response.status();
    let text = response
        .text()
        .await
        .with_context(|| format!("{what}: the answer broke off"))?;
    if !status.is_success() {
        bail!("{what}: {status} {text}");
    }
    Ok(text)
}
