//! The poll function: asks a job's backend how it stands, and hands task tokens to jobs that will call back.

use checkmill_aws::lambda::{self, Deployment, StartError, WAIT, serve_tasks};
use checkmill_aws::settings::Variable;
use checkmill_core::execution::ExecutionInput;
use checkmill_phases::poll::{AwaitCallback, Poll};
use serde::Deserialize;
use std::process::ExitCode;

/// What the states Poll and Await send; only Await has a token.
#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    execution: ExecutionInput,
    #[serde(default)]
    turn: u32,
    task_token: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[
        Variable::Table,
        Variable::Bucket,
        Variable::StateMachineArn,
        Variable::AppId,
    ])?;
    let (store, blobs, engine) = (deployment.store()?, deployment.blobs()?, deployment.engine()?);
    let backends = deployment.backends();
    let ((), forge) = tokio::join!(store.warm_up(), deployment.forge());
    let forge = forge?;
    let poll = Poll {
        runs: &store,
        jobs: &store,
        blobs: &blobs,
        history: &store,
        forge: &forge,
        backends: &backends,
        clock: &*deployment.clock,
        wait: &WAIT,
    };
    let await_callback = AwaitCallback {
        jobs: &store,
        engine: &engine,
        clock: &*deployment.clock,
    };
    let poll = async |input: Input| match &input.task_token {
        Some(token) => await_callback.run(&input.execution, token).await.map(|()| None),
        None => poll.run(&input.execution, input.turn).await.map(Some),
    };
    Ok(serve_tasks(poll).await?)
}
