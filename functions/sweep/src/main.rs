//! The sweep function: on a schedule, picks up what was lost anywhere else.

use checkmill_aws::lambda::{self, Deployment, StartError, serve_tasks};
use checkmill_aws::settings::Variable;
use checkmill_phases::redeliver::Looks;
use checkmill_phases::sweep::Sweep;
use serde_json::{Value, json};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[
        Variable::Table,
        Variable::QueueUrl,
        Variable::StateMachineArn,
        Variable::AppId,
    ])?;
    let (store, queue, engine) = (deployment.store()?, deployment.queue()?, deployment.engine()?);
    let backends = deployment.backends();
    let forge = deployment.forge().await?;
    let looks = Looks::default();
    let id = deployment.id()?;
    let sweep = Sweep {
        deployment: &id,
        deliveries: &store,
        schedules: &store,
        runs: &store,
        jobs: &store,
        groups: &store,
        queue: &queue,
        forge: &forge,
        engine: &engine,
        backends: &backends,
        clock: &*deployment.clock,
        looks: &looks,
    };
    // The schedule's event says nothing that the sweep wants to know.
    let sweep = async |_: Value| {
        let swept = sweep.run().await?;
        tracing::info!(
            deliveries_queued = swept.deliveries_queued,
            deliveries_failed = swept.deliveries_failed,
            redeliveries_asked = swept.redeliveries_asked,
            schedules_due = swept.schedules_due,
            executions_restarted = swept.executions_restarted,
            orphans_cancelled = swept.orphans_cancelled,
            "swept"
        );
        Ok(json!({
            "deliveries_queued": swept.deliveries_queued,
            "deliveries_failed": swept.deliveries_failed,
            "redeliveries_asked": swept.redeliveries_asked,
            "schedules_due": swept.schedules_due,
            "executions_restarted": swept.executions_restarted,
            "orphans_cancelled": swept.orphans_cancelled,
        }))
    };
    Ok(serve_tasks(sweep).await?)
}
