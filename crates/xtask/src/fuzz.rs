//! `cargo xtask fuzz`: the targets of `tests/fuzz`, one after the other, for a time each.

use crate::command;
use crate::settings::{self, Workspace};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The targets, in the order in which they run.
pub(crate) const TARGETS: [&str; 4] = ["workflow", "expression", "filter", "report"];
/// Of one target, where nothing else is asked for.
pub(crate) const MINUTES: u32 = 10;
const VERSION: &str = "0.13.2";
/// Bytes of an input, and seconds that one may take: what a parser takes longer for is a finding.
const LENGTH_BYTES: u32 = 16 * 1024;
const SECONDS_PER_INPUT: u32 = 10;

/// Runs the targets; an error at the first that finds something. The corpus grows under the target directory; what breaks a
/// target is written beside it, and belongs into `tests/fuzz/seeds` with the mend.
pub(crate) fn run(workspace: &Workspace, targets: &[&str], minutes: u32) -> anyhow::Result<()> {
    anyhow::ensure!(
        command::answer(&mut nightly(workspace, &["rustc", "--version"])).is_some(),
        "the fuzzer needs a nightly compiler: rustup toolchain install nightly"
    );
    let cargo_fuzz = install(workspace)?;
    for target in targets {
        let corpus = workspace.target.join("fuzz").join("corpus").join(target);
        std::fs::create_dir_all(&corpus).with_context(|| format!("{} can't be made", corpus.display()))?;
        let found = workspace.target.join("fuzz").join("found").join(target);
        std::fs::create_dir_all(&found).with_context(|| format!("{} can't be made", found.display()))?;
        let mut fuzz = nightly(workspace, &["cargo", "fuzz", "run", "--fuzz-dir", "tests/fuzz"]);
        fuzz.args(["--features", "libfuzzer", "--target-dir"])
            .arg(workspace.target.join("fuzz"))
            .arg(target)
            .arg(&corpus)
            .arg(workspace.root.join("tests/fuzz/seeds").join(target))
            .arg("--")
            .arg(format!("-max_total_time={}", u64::from(minutes) * 60))
            .arg(format!("-max_len={LENGTH_BYTES}"))
            .arg(format!("-timeout={SECONDS_PER_INPUT}"))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg("-print_final_stats=1")
            .env("PATH", settings::path_with(&[&cargo_fuzz]));
        command::must(&mut fuzz)?;
    }
    Ok(())
}

/// A program of the nightly toolchain. What cargo has set for the one of `rust-toolchain.toml` is not for it.
fn nightly(workspace: &Workspace, program: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command
        .current_dir(&workspace.root)
        .args(["run", "nightly"])
        .args(program)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO");
    command
}

/// The directory of `cargo-fuzz`.
fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let root = workspace.tools.join("cargo-fuzz");
    let directory = root.join("bin");
    if !Path::new(&directory).join("cargo-fuzz").is_file() {
        let mut install = Command::new("cargo");
        install
            .current_dir(&workspace.root)
            .args([
                "install",
                "cargo-fuzz",
                "--locked",
                "--version",
                VERSION,
                "--root",
            ])
            .arg(&root);
        command::must(&mut install)?;
    }
    Ok(directory)
}
