//! What cargo does. Everything is built with `--workspace` and one profile, so that each dependency is compiled once.

use crate::command::{self, Finished};
use crate::outcome::Counts;
use crate::peers::DynamoDbLocal;
use crate::settings::{self, Workspace};
use crate::tools::Node;
use std::path::Path;
use std::process::Command;

pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root);
    for name in settings::of_this_package() {
        command.env_remove(name);
    }
    command
}

fn check(command: &mut Command) -> anyhow::Result<Counts> {
    Ok(Counts::one(command::follow(command)?.success))
}

pub(super) fn counted(finished: &Finished) -> Counts {
    Counts::of_tests(finished.success, &finished.lines)
}

/// What is off unless it is asked for.
pub(crate) const FEATURES: &str = "checkmill/aws";

pub(super) fn fmt(workspace: &Workspace) -> anyhow::Result<Counts> {
    check(cargo(workspace).args(["fmt", "--all", "--check"]))
}

pub(super) fn clippy(workspace: &Workspace) -> anyhow::Result<Counts> {
    check(cargo(workspace).args([
        "clippy",
        "--workspace",
        "--features",
        FEATURES,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Where properties look in [`tests`]: the same tree always gets the same answer. `cargo xtask soak` looks elsewhere.
const SEED: &str = "1";

/// Every test but those that want a server: they have steps of their own.
pub(super) fn tests(workspace: &Workspace) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    let mut left_out = "binary(emulator)".to_owned();
    let node = Node::install(workspace);
    if let Err(error) = &node {
        // They would pass without having tried anything.
        left_out.push_str(" | binary(emulate) | binary(webhook_examples)");
        let what = "GitHub's example payloads, and a GitHub that we didn't write";
        counts = Counts::skipped(what, &format!("{error:#}"));
    }
    let mut command = cargo(workspace);
    if has_nextest() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--features",
            FEATURES,
            "--no-fail-fast",
            "-E",
        ]);
        command.arg(format!("not ({left_out})"));
    } else {
        println!("cargo-nextest is not here: cargo test does the same, one binary after the other");
        command.args([
            "test",
            "--workspace",
            "--features",
            FEATURES,
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    if let Ok(node) = &node {
        command
            .env(
                "CHECKMILL_WEBHOOK_EXAMPLES",
                node.package("@octokit/webhooks-examples"),
            )
            .env("CHECKMILL_EMULATE", node.package("emulate").join("dist/index.js"))
            .env("CHECKMILL_NODE", &node.program);
    }
    if settings::variable("PROPTEST_RNG_SEED").is_none() {
        command.env("PROPTEST_RNG_SEED", SEED);
    }
    // Nobody sees what a test prints that passes.
    let skipped = workspace.fresh_dir("skipped")?;
    command.env("CHECKMILL_SKIPPED", &skipped);
    let mut finished = command::follow(&mut command)?;
    counts = counts + skipped_tests(&skipped)?;
    // cargo test starts the emulator's test too, which says that it lacks its tools. It gets them in its own step.
    finished
        .lines
        .retain(|line| !line.starts_with("SKIPPED: the stack on an AWS emulator"));
    Ok(counts + counted(&finished))
}

/// Tests that could not run here: each has left a file with a line `what — why`.
pub(super) fn skipped_tests(directory: &Path) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for entry in std::fs::read_dir(directory)? {
        let text = std::fs::read_to_string(entry?.path())?;
        let (what, why) = text
            .trim()
            .split_once(" — ")
            .unwrap_or((text.trim(), "no reason given"));
        counts = counts + Counts::skipped(what, why);
    }
    Ok(counts)
}

/// The store's suite on AWS's own engine.
pub(super) fn dynamodb(workspace: &Workspace) -> anyhow::Result<Counts> {
    let server = match Node::install(workspace).and_then(|node| DynamoDbLocal::start(workspace, &node)) {
        Ok(server) => server,
        Err(error) => {
            return Ok(Counts::skipped(
                "the store against DynamoDB Local",
                &format!("{error:#}"),
            ));
        }
    };
    let mut command = cargo(workspace);
    if has_nextest() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--features",
            FEATURES,
            "--run-ignored",
            "only",
            "-E",
            "test(dynamodb_local)",
        ]);
    } else {
        command.args([
            "test",
            "--workspace",
            "--features",
            FEATURES,
            "--lib",
            "dynamodb_local",
            "--",
            "--ignored",
        ]);
    }
    command.env("CHECKMILL_DYNAMODB_ENDPOINT", server.endpoint());
    Ok(counted(&command::follow(&mut command)?))
}

pub(super) fn has_nextest() -> bool {
    settings::program("cargo-nextest").is_some()
}

pub(super) fn doc(workspace: &Workspace) -> anyhow::Result<Counts> {
    Ok(counted(&command::follow(cargo(workspace).args([
        "test",
        "--workspace",
        "--features",
        FEATURES,
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
