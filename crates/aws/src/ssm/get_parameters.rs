//! The one call of SSM that is made, over the SDK's own machinery (signing, timeouts, retries) but without SSM's SDK crate:
//! for this call that crate adds 0.9 MB to a function, a sixth of the webhook's limit.

use crate::connection::{CALL, Connection, retries, timeouts};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::{
    StaticAuthSchemeOptionResolver, StaticAuthSchemeOptionResolverParams,
};
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{
    HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput,
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `GetParameters`, decrypted. AWS docs: at most 10 names a call.
#[derive(Debug, Clone)]
pub struct GetParameters(Operation<Vec<String>, Vec<Found>, SsmError>);

/// A parameter that there is. Those that there aren't are left out.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) value: SecretString,
}

/// What SSM said, other than the parameters.
#[derive(Debug)]
pub(super) struct SsmError(ErrorMetadata);

impl fmt::Display for SsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SsmError {}

impl ProvideErrorMetadata for SsmError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl GetParameters {
    pub(crate) fn new(connection: &Connection) -> Self {
        let settings = &connection.settings;
        let endpoint = settings
            .endpoint_url
            .clone()
            .unwrap_or_else(|| endpoint(&settings.region));
        Self(
            Operation::builder()
                .service_name("ssm")
                .operation_name("GetParameters")
                .behavior_version(BehaviorVersion::v2026_01_12())
                .http_client(connection.http.clone())
                .endpoint_url(&endpoint)
                .sleep_impl(TokioSleep::new())
                .time_source(SystemTimeSource::new())
                .timeout_config(timeouts(CALL))
                .standard_retry(&retries())
                .retry_classifier(HttpStatusCodeClassifier::default())
                .retry_classifier(TransientErrorClassifier::<SsmError>::new())
                .retry_classifier(AwsErrorCodeClassifier::<SsmError>::new())
                .runtime_plugin(signing(connection))
                .serializer(request)
                .deserializer(answer)
                .build(),
        )
    }

    pub(super) async fn call(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<Found>, SdkError<SsmError, HttpResponse>> {
        self.0.invoke(names).await
    }
}

/// AWS docs, "AWS Systems Manager endpoints"; the regions in China have a domain of their own.
fn endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("https://ssm.{region}.{domain}")
}

/// Signature version 4 with the function's credentials. The answer is secret: the SDK must not write it to a trace.
fn signing(connection: &Connection) -> StaticRuntimePlugin {
    let mut config = Layer::new("ssm");
    config.store_put(SensitiveOutput);
    config.store_put(AuthSchemeOptionResolverParams::from(
        StaticAuthSchemeOptionResolverParams::new(),
    ));
    config.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(
            connection.settings.region.clone(),
        ))),
        name: Some(SigningName::from_static("ssm")),
        ..Default::default()
    });
    let identity = SharedIdentityResolver::new(SharedCredentialsProvider::new(connection.credentials()));
    let options = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    StaticRuntimePlugin::new()
        .with_config(config.freeze())
        .with_runtime_components(
            RuntimeComponentsBuilder::new("ssm")
                .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
                .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(options)))
                .with_identity_resolver(SCHEME_ID, identity),
        )
}

fn request(names: Vec<String>) -> Result<HttpRequest, BoxError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Question {
        names: Vec<String>,
        with_decryption: bool,
    }
    let body = serde_json::to_string(&Question {
        names,
        with_decryption: true,
    })?;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request
        .headers_mut()
        .insert("content-type", "application/x-amz-json-1.1");
    request
        .headers_mut()
        .insert("x-amz-target", "AmazonSSM.GetParameters");
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Vec<Found>, OrchestratorError<SsmError>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(SsmError(refusal(body))));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        #[serde(default)]
        parameters: Vec<Parameter>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Parameter {
        name: String,
        value: String,
    }
    // The error of the parser may quote the text, which is secret.
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| OrchestratorError::response("SSM's answer is not what GetParameters gives".into()))?;
    let found = answer.parameters.into_iter().map(|parameter| Found {
        name: parameter.name,
        value: parameter.value.into(),
    });
    Ok(found.collect())
}

/// The code and the words of an error. AWS JSON 1.1: `{"__type":"namespace#Code","message":"…"}`, the message's name in
/// either case.
fn refusal(body: &[u8]) -> ErrorMetadata {
    #[derive(Deserialize, Default)]
    struct Refusal {
        #[serde(rename = "__type")]
        kind: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let mut metadata = ErrorMetadata::builder();
    if let Some(kind) = refusal.kind {
        let code = kind.rsplit_once('#').map_or(kind.as_str(), |(_, code)| code);
        metadata = metadata.code(code);
    }
    if let Some(message) = refusal.message {
        metadata = metadata.message(message);
    }
    metadata.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_by_region() {
        assert_eq!(endpoint("eu-central-1"), "https://ssm.eu-central-1.amazonaws.com");
        assert_eq!(
            endpoint("us-gov-west-1"),
            "https://ssm.us-gov-west-1.amazonaws.com"
        );
        assert_eq!(endpoint("cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn refusals_have_a_code_and_words_where_there_are_any() {
        for (body, code, message) in [
            (
                r#"{"__type":"com.amazonaws.ssm#InvalidKeyId","message":"m"}"#,
                Some("InvalidKeyId"),
                Some("m"),
            ),
            (
                r#"{"__type":"AccessDeniedException","Message":"no"}"#,
                Some("AccessDeniedException"),
                Some("no"),
            ),
            (
                r#"{"__type":"ThrottlingException"}"#,
                Some("ThrottlingException"),
                None,
            ),
            ("<html>", None, None),
            ("", None, None),
        ] {
            let metadata = refusal(body.as_bytes());
            assert_eq!((metadata.code(), metadata.message()), (code, message), "{body}");
        }
    }

    #[test]
    fn an_answer_that_is_none_is_not_quoted() {
        let response = HttpResponse::new(
            200.try_into().unwrap(),
            SdkBody::from(r#"{"Parameters":"secret"}"#),
        );
        assert!(!format!("{:?}", answer(&response).unwrap_err()).contains("secret"));
    }
}
