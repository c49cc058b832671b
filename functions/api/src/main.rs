//! The api function: hears from the jobs' agents, that they run, what they log and how they ended, and keeps their artifacts
//! and caches.

use checkmill_aws::lambda::{self, Deployment, HttpAnswer, HttpCall, StartError, serve_http};
use checkmill_aws::settings::Variable;
use checkmill_aws::{dynamodb::DynamoStore, s3::S3Blobs, sfn::SfnEngine, ssm::Parameters};
use checkmill_phases::PhaseError;
use checkmill_phases::callback::{Callback, CallbackAnswer, CallbackRequest, Content};
use checkmill_phases::ports::StoreError;
use std::process::ExitCode;

struct Api {
    deployment: Deployment,
    store: DynamoStore,
    blobs: S3Blobs,
    engine: SfnEngine,
    secrets: Parameters,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[Variable::Table, Variable::Bucket, Variable::StateMachineArn])?;
    let api = Api {
        store: deployment.store()?,
        blobs: deployment.blobs()?,
        engine: deployment.engine()?,
        secrets: deployment.webhook_parameters(),
        deployment,
    };
    let ((), secrets) = tokio::join!(api.store.warm_up(), api.secrets.warm_up());
    secrets?;
    Ok(serve_http(|call| api.answer(call)).await?)
}

impl Api {
    async fn answer(&self, call: HttpCall) -> HttpAnswer {
        if call.method != "POST" {
            return HttpAnswer::new(
                405,
                "jobs post to /jobs/JOB/ATTEMPT/running, log, end, artifacts/… or caches/…",
            );
        }
        match self.callback(&call).await {
            Ok(CallbackAnswer { status, content }) => match content {
                Content::Message(message) => HttpAnswer::new(status, message),
                Content::Json(text) => HttpAnswer::json(text),
                Content::Bytes(bytes) => HttpAnswer::bytes(bytes),
            },
            Err(error) => {
                tracing::error!(path = call.path, %error, "a job could not be heard");
                let passes = error.error_name().is_retryable();
                let status = if passes { 503 } else { 500 };
                HttpAnswer::new(status, "the call could not be kept; the function's log says why")
            }
        }
    }

    async fn callback(&self, call: &HttpCall) -> Result<CallbackAnswer, PhaseError> {
        let callback = Callback {
            runs: &self.store,
            jobs: &self.store,
            blobs: &self.blobs,
            engine: &self.engine,
            clock: &*self.deployment.clock,
            keys: &self.secrets.callback_keys().await.map_err(StoreError::from)?,
        };
        let request = CallbackRequest {
            path: &call.path,
            query: call.query.as_deref(),
            authorization: call.header("Authorization"),
            body: &call.body,
        };
        callback.handle(&request).await
    }
}
