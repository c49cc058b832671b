//! The results function: concludes a job, completes its check run and starts the jobs that needed it.

use checkmill_aws::lambda::{self, Deployment, StartError, serve_tasks};
use checkmill_aws::settings::Variable;
use checkmill_core::execution::ExecutionInput;
use checkmill_phases::results::{CaughtError, Results};
use serde::Deserialize;
use std::process::ExitCode;

/// What the state Results sends; `error` is there when a `Catch` led to it.
#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    execution: ExecutionInput,
    error: Option<CaughtError>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[
        Variable::Table,
        Variable::QueueUrl,
        Variable::Bucket,
        Variable::StateMachineArn,
        Variable::AppId,
    ])?;
    let (store, blobs, engine) = (deployment.store()?, deployment.blobs()?, deployment.engine()?);
    let backends = deployment.backends();
    let ((), forge) = tokio::join!(store.warm_up(), deployment.forge());
    let forge = forge?;
    let queue = deployment.queue()?;
    let model = deployment.model();
    let results = Results {
        deliveries: &store,
        queue: &queue,
        schedules: &store,
        runs: &store,
        jobs: &store,
        groups: &store,
        blobs: &blobs,
        history: &store,
        forge: &forge,
        backends: &backends,
        engine: &engine,
        clock: &*deployment.clock,
        model: model.as_deref(),
    };
    Ok(serve_tasks(async |input: Input| results.run(&input.execution, input.error.as_ref()).await).await?)
}
