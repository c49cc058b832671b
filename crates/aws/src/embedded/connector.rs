//! The SDK's HTTP client, without HTTP: a request's target and body go to the engine, the answer comes back as a response.

use super::dispatch::{Answer, answer};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use checkmill_phases::ports::StoreError;
use dynoxide::Database;
use std::fmt;

#[derive(Clone)]
pub(super) struct InProcess(Database);

impl InProcess {
    pub(super) const fn new(database: Database) -> Self {
        Self(database)
    }

    pub(super) async fn remove_expired(&self) -> Result<usize, StoreError> {
        let database = self.0.clone();
        let failed =
            |what: String| StoreError::Transient(format!("expired rows could not be removed: {what}"));
        tokio::task::spawn_blocking(move || database.sweep_ttl())
            .await
            .map_err(|error| failed(error.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    /// The engine blocks on its lock and on the disk, so it works on a thread for such things.
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let database = self.0.clone();
        HttpConnectorFuture::new(async move {
            let target = request
                .headers()
                .get("x-amz-target")
                .unwrap_or_default()
                .to_owned();
            let body = request.body().bytes().map(<[u8]>::to_vec).ok_or_else(|| {
                ConnectorError::user("a streamed body, which no operation of DynamoDB has".into())
            })?;
            let answer = tokio::task::spawn_blocking(move || answer(&database, &target, &body))
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            response(answer)
        })
    }
}

fn response(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = answer
        .status
        .try_into()
        .map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    response
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}
