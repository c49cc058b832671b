//! The plan function: turns a delivery into runs and jobs.

use checkmill_aws::lambda::{self, Deployment, StartError, serve_batches};
use checkmill_aws::settings::Variable;
use checkmill_phases::backoff;
use checkmill_phases::plan::{Only, Plan};
use checkmill_phases::ports::PlanMessage;
use std::process::ExitCode;

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
    let queue = deployment.queue()?;
    let backends = deployment.backends();
    let ((), forge) = tokio::join!(store.warm_up(), deployment.forge());
    let forge = forge?;
    let plan = Plan {
        deliveries: &store,
        runs: &store,
        jobs: &store,
        schedules: &store,
        numbers: &store,
        blobs: &blobs,
        forge: &forge,
        engine: &engine,
        backends: &backends,
        clock: &*deployment.clock,
        refused_for: backoff::LIFE,
        only: Only::default(),
    };
    let handle = async |message: PlanMessage| plan.run(&message.delivery).await.map(drop);
    Ok(serve_batches(&queue, handle).await?)
}
