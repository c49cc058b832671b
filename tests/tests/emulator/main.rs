//! The whole system on an AWS emulator, deployed by Terraform: the real function binaries under their real roles, the
//! emulator's own queue, table and Step Functions engine, a GitHub of ours, real processes as jobs.
//!
//! `cargo xtask test --only functions,emulator` builds what this needs and says where it is; without that, it says that
//! it is skipped. One stack serves all checks, so this is one program with a report of its own and no `#[test]` functions.
//! `--hold` (by `cargo xtask emulator`) brings the stack up for a developer and waits for Enter.

#![expect(clippy::print_stdout, reason = "a test harness: its report goes to stdout")]

mod aws;
mod copy;
mod deployment;
mod emulator;
mod jobs;
mod paths;
mod plain;
mod recovery;
mod report;
mod repository;
mod roles;
mod settings;
mod stack;
mod terraform;
mod tls;
mod wait;

use report::Report;
use settings::Settings;
use std::process::ExitCode;

fn main() -> ExitCode {
    // What test runners ask before they run anything: there is nothing to choose from.
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let settings = match Settings::from_environment() {
        Ok(settings) => settings,
        Err(missing) => {
            println!(
                "SKIPPED: the stack on an AWS emulator — {missing}; run `cargo xtask test --only functions,emulator`"
            );
            return ExitCode::SUCCESS;
        }
    };
    let hold = std::env::args().any(|arg| arg == "--hold");
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        if hold {
            report.check("the stack is up", deployment::hold(&settings)).await;
        } else {
            paths::check(&settings, &mut report).await;
            deployment::check(&settings, &mut report).await;
        }
    });
    report.finish()
}
