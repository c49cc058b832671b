//! The start function: creates a job's check run and submits it to its backend.

use checkmill_aws::lambda::{self, Deployment, StartError, WAIT, serve_tasks};
use checkmill_aws::settings::Variable;
use checkmill_core::execution::ExecutionInput;
use checkmill_phases::ports::StoreError;
use checkmill_phases::start::{Start, StartSettings};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[
        Variable::Table,
        Variable::Bucket,
        Variable::StateMachineArn,
        Variable::PublicUrl,
        Variable::AppId,
    ])?;
    let (store, blobs, engine) = (deployment.store()?, deployment.blobs()?, deployment.engine()?);
    let backends = deployment.backends();
    let secrets = deployment.webhook_parameters();
    let model = deployment.model_id();
    let job_secrets = deployment.job_secrets();
    let id = deployment.id()?;
    let public_url = deployment
        .settings
        .get(Variable::PublicUrl)?
        .trim_end_matches('/');
    let ((), ready, forge) = tokio::join!(store.warm_up(), secrets.warm_up(), deployment.forge());
    ready?;
    let forge = forge?;
    let start = async |input: ExecutionInput| {
        let settings = StartSettings {
            deployment: id.clone(),
            public_url: Some(public_url.to_owned()),
            callback_keys: secrets.callback_keys().await.map_err(StoreError::from)?,
            wait: WAIT,
            model: model.clone(),
        };
        let start = Start {
            runs: &store,
            jobs: &store,
            groups: &store,
            blobs: &blobs,
            forge: &forge,
            engine: &engine,
            backends: &backends,
            secrets: &job_secrets,
            clock: &*deployment.clock,
            settings: &settings,
        };
        start.run(&input).await
    };
    Ok(serve_tasks(start).await?)
}
