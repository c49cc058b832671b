//! What cargo does. Everything is built with `--workspace` and one profile, so that each dependency is compiled once.

use crate::command::{self, Finished};
use crate::outcome::Counts;
use crate::peers::DynamoDbLocal;
use crate::settings::{self, Workspace};
use crate::tools::Node;
use std::process::Command;

pub(super) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root);
    command
}

fn check(command: &mut Command) -> anyhow::Result<Counts> {
    Ok(Counts::one(command::follow(command)?.success))
}

fn counted(finished: &Finished) -> Counts {
    Counts::of_tests(finished.success, &finished.lines)
}

pub(super) fn fmt(workspace: &Workspace) -> anyhow::Result<Counts> {
    check(cargo(workspace).args(["fmt", "--all", "--check"]))
}

pub(super) fn clippy(workspace: &Workspace) -> anyhow::Result<Counts> {
    check(cargo(workspace).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// Every test but the emulator's, which have a step of their own.
pub(super) fn tests(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut command = cargo(workspace);
    if settings::program("cargo-nextest").is_some() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "-E",
            "not binary(emulator)",
        ]);
    } else {
        println!("cargo-nextest is not here: cargo test does the same, one binary after the other");
        command.args([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    let mut counts = Counts::default();
    let node = Node::install(workspace);
    match &node {
        Ok(node) => {
            command.env(
                "CHECKMILL_WEBHOOK_EXAMPLES",
                node.package("@octokit/webhooks-examples"),
            );
        }
        Err(error) => {
            counts = counts + Counts::skipped("GitHub's example payloads", &format!("{error:#}"));
        }
    }
    let dynamodb = node.and_then(|node| DynamoDbLocal::start(workspace, &node));
    match &dynamodb {
        Ok(server) => {
            command.env("CHECKMILL_DYNAMODB_ENDPOINT", server.endpoint());
        }
        Err(error) => {
            counts = counts + Counts::skipped("the store against DynamoDB Local", &format!("{error:#}"));
        }
    }
    Ok(counts + counted(&command::follow(&mut command)?))
}

pub(super) fn doc(workspace: &Workspace) -> anyhow::Result<Counts> {
    Ok(counted(&command::follow(cargo(workspace).args([
        "test",
        "--workspace",
        "--doc",
    ]))?))
}

pub(super) fn deny(workspace: &Workspace) -> anyhow::Result<Counts> {
    if settings::program("cargo-deny").is_none() {
        return Ok(Counts::skipped(
            "licences and advisories",
            "cargo-deny is not installed",
        ));
    }
    check(cargo(workspace).args(["deny", "--workspace", "check"]))
}
