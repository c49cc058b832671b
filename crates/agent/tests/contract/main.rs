//! Backends with the real agent, against the contract that every backend has.

#![expect(clippy::unwrap_used, reason = "a test")]

mod lightning;
mod lightning_ways;
mod slurm;
mod slurm_ways;
mod subject;
mod web;

use checkmill_backends::contract;
use lightning::LightningSubject;
use slurm::{Reached, SlurmSubject};
use subject::{Subject, Via};

#[tokio::test]
async fn the_process_backend_keeps_the_contract() {
    contract::all(&Subject::new(Via::Process)).await;
}

#[tokio::test]
async fn a_program_keeps_the_contract() {
    contract::all(&Subject::new(Via::Exec)).await;
}

#[tokio::test]
async fn lightning_keeps_the_contract() {
    contract::all(&LightningSubject::new().await).await;
}

/// As a job that calls back has it: what the backend says is the same.
#[tokio::test]
async fn lightning_keeps_the_contract_where_jobs_call_back() {
    let web = web::Web::start(Vec::new()).await;
    contract::all(&LightningSubject::calling_back(format!("{}/jobs/j/1", web.url())).await).await;
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_keeps_the_contract() {
    contract::all(&SlurmSubject::new(Reached::ByHttp)).await;
}
