//! Backends with the real agent, against the contract that every backend has.

#![expect(clippy::unwrap_used, reason = "a test")]

mod slurm;
mod slurm_ways;
mod subject;

use checkmill_backends::contract;
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
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_keeps_the_contract() {
    contract::all(&SlurmSubject::new(Reached::ByHttp)).await;
}
