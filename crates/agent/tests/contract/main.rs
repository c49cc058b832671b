//! Backends with the real agent, against the contract that every backend has.

#![expect(clippy::unwrap_used, reason = "a test")]

mod firecracker;
mod firecracker_ways;
mod lightning;
mod lightning_ways;
mod slurm;
mod slurm_ways;
mod subject;
mod web;

use checkmill_backends::contract;
use checkmill_testkit::firecracker::Options;
use firecracker::FirecrackerSubject;
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

fn many_microvms() -> Options {
    Options {
        max_vms: 1000,
        ..Options::default()
    }
}

async fn keeps_the_contract(subject: &FirecrackerSubject) {
    contract::all(subject).await;
    let refused = subject.host.refused();
    assert_eq!(
        refused,
        Vec::<String>::new(),
        "nothing was sent that the service would not take"
    );
}

#[tokio::test]
async fn microvms_keep_the_contract() {
    keeps_the_contract(&FirecrackerSubject::new(many_microvms()).await).await;
}

#[tokio::test]
async fn microvms_that_call_back_keep_the_contract() {
    let subject = FirecrackerSubject::with_callback(many_microvms()).await;
    keeps_the_contract(&subject).await;
    let callback = subject.callback.as_ref().unwrap();
    let called = callback.called.lock().unwrap();
    let count = |path: &str| called.iter().filter(|called| *called == path).count();
    // One for each exit code alone; and ten megabytes of one log.
    assert!(count("running") >= 256 && count("end") >= 256, "{}", called.len());
    assert!(callback.bytes.load(std::sync::atomic::Ordering::SeqCst) >= 10_000_000);
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
