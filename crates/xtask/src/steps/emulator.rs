//! The functions' packages, and the whole stack on an AWS emulator. The test itself is `tests/tests/emulator.rs`; here it
//! gets its tools.

use super::rust::cargo;
use crate::command;
use crate::outcome::Counts;
use crate::settings::{self, Workspace};
use crate::terraform::Terraform;
use crate::tools::Python;
use anyhow::Context;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The webhook's binary, whose loading is part of what a cold start costs. `cargo bench -p checkmill-webhook` has the start.
const WEBHOOK_BYTES_MAX: u64 = 5_000_000;

/// Where `cargo lambda build` puts `NAME/bootstrap.zip`.
fn packages(workspace: &Workspace) -> PathBuf {
    workspace.target.join("lambda")
}

pub(super) fn build_functions(workspace: &Workspace) -> anyhow::Result<Counts> {
    let python = match Python::install(workspace) {
        Ok(python) => python,
        Err(error) => return Ok(Counts::skipped("the functions' packages", &format!("{error:#}"))),
    };
    // For the machine's own processor, because the emulator runs the functions as processes. CargoLambda.toml has the rest.
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "--arm64",
        _ => "--x86-64",
    };
    let mut build = Command::new(python.program("cargo-lambda"));
    build
        .current_dir(&workspace.root)
        .args(["lambda", "build", "--release", architecture])
        .arg("--lambda-dir")
        .arg(packages(workspace))
        .env("PATH", settings::path_with(&[python.bin()]));
    if !command::follow(&mut build)?.success {
        return Ok(Counts::one(false));
    }
    Ok(Counts::one(true) + Counts::one(webhook_is_small(workspace)?))
}

fn webhook_is_small(workspace: &Workspace) -> anyhow::Result<bool> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let binary = workspace.target.join(triple).join("release/checkmill-webhook");
    let bytes = binary
        .metadata()
        .with_context(|| format!("{} can't be looked at", binary.display()))?
        .len();
    println!("the webhook's binary has {bytes} bytes (at most {WEBHOOK_BYTES_MAX})");
    Ok(bytes <= WEBHOOK_BYTES_MAX)
}

pub(super) fn test(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = match harness(workspace) {
        Ok(command) => command,
        Err(error) => {
            return Ok(Counts::skipped(
                "the stack on an AWS emulator",
                &format!("{error:#}"),
            ));
        }
    };
    let finished = command::follow(&mut command)?;
    Ok(Counts::of_tests(finished.success, &finished.lines))
}

/// Brings the stack up and leaves it to the developer until Enter is pressed.
pub(crate) fn hold(workspace: &Workspace) -> anyhow::Result<()> {
    let built = build_functions(workspace)?;
    anyhow::ensure!(
        built.failed == 0 && built.passed > 0,
        "without the functions' packages there is nothing to bring up"
    );
    let status = harness(workspace)?
        .arg("--hold")
        .stdin(Stdio::inherit())
        .status()
        .context("cargo can't be started")?;
    anyhow::ensure!(status.success(), "the stack could not be brought up, see above");
    Ok(())
}

/// The emulator's test with the places of its tools; an error says which of them is missing.
fn harness(workspace: &Workspace) -> anyhow::Result<Command> {
    let python = Python::install(workspace)?;
    let packages = packages(workspace);
    anyhow::ensure!(
        packages.join("checkmill-webhook/bootstrap.zip").is_file(),
        "the functions' packages are missing (the step `functions` builds them)"
    );
    // The agent and the fake GitHub run beside the emulator. With `--tests` the dependencies have the features that the
    // step `tests` compiled them with; without it they would be compiled again.
    command::must(cargo(workspace).args(["build", "--workspace", "--bins", "--tests"]))?;
    let programs = workspace.target.join("debug");
    let mut command = cargo(workspace);
    command
        .args(["test", "--workspace", "--test", "emulator", "--"])
        .env("CHECKMILL_EMULATOR_MINISTACK", python.program("ministack"))
        .env("CHECKMILL_EMULATOR_CARGO_LAMBDA", python.program("cargo-lambda"))
        .env("CHECKMILL_EMULATOR_PACKAGES", packages)
        .env("CHECKMILL_EMULATOR_PROGRAMS", programs)
        .env("CHECKMILL_EMULATOR_SCRATCH", workspace.fresh_dir("emulator")?);
    // Without Terraform the test builds the stack in another way, and says so.
    if let Ok(terraform) = Terraform::find(workspace) {
        command
            .env("CHECKMILL_EMULATOR_TERRAFORM", &terraform.program)
            .env("CHECKMILL_EMULATOR_TERRAFORM_CONFIG", &terraform.cli_config);
    }
    Ok(command)
}
