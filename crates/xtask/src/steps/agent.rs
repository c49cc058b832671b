//! The agent as one static binary, for compute that has nothing of ours: built against musl, which needs no library, no loader
//! and no name service of the machine it runs on.

use super::rust::{FEATURES, cargo, counted, has_nextest};
use crate::command;
use crate::outcome::Counts;
use crate::settings::{self, Workspace};
use crate::tools::Zig;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which processors the agent is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// This machine's.
    pub(crate) fn own() -> anyhow::Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("the agent is built for x86-64 and arm64, not for {other}"),
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-musl",
            Self::Arm64 => "aarch64-unknown-linux-musl",
        }
    }
}

/// Builds it; where it is.
pub(crate) fn build(workspace: &Workspace, architecture: Architecture) -> anyhow::Result<PathBuf> {
    let target = architecture.target();
    want_std(workspace, target)?;
    let mut build = if architecture == Architecture::own()? {
        let mut build = cargo(workspace);
        build.arg("build");
        // ring has some C, for which any compiler of this machine will do, but for calls into glibc that Ubuntu's adds.
        let name = target.replace('-', "_");
        build.env(format!("CC_{name}"), "cc");
        build.env(format!("CFLAGS_{name}"), "-U_FORTIFY_SOURCE");
        build
    } else {
        let zig = Zig::install(workspace)?;
        let mut build = Command::new(zig.program("cargo-zigbuild"));
        build
            .current_dir(&workspace.root)
            .arg("zigbuild")
            .env("PATH", settings::path_with(&[zig.bin()]));
        build
    };
    build.args([
        "--release",
        "--package",
        "checkmill-agent",
        "--bin",
        "checkmill-agent",
    ]);
    build.args(["--target", target]);
    command::must(&mut build)?;
    let binary = workspace.target.join(target).join("release/checkmill-agent");
    if wants_loader(&fs::read(&binary).with_context(|| format!("{} can't be read", binary.display()))?)? {
        bail!("{} is not static", binary.display());
    }
    Ok(binary)
}

/// Rust's library for the target, which rustup has.
fn want_std(workspace: &Workspace, target: &str) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(&workspace.root)
        .args(["--print", "target-libdir", "--target", target]);
    if command::answer(&mut rustc).is_some_and(|dir| Path::new(&dir).is_dir()) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(&workspace.root)
        .args(["target", "add", target]);
    command::must(&mut rustup).with_context(|| format!("there is no standard library for {target}"))
}

/// Whether the program starts by a loader, which then looks for libraries: whether it has a `PT_INTERP` (elf(5)).
fn wants_loader(program: &[u8]) -> anyhow::Result<bool> {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, bytes: usize| -> anyhow::Result<u64> {
        let field = program.get(at..at + bytes).context("the program is cut off")?;
        Ok(field
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    if !program.starts_with(b"\x7fELF\x02\x01") {
        bail!("the program is no 64-bit little-endian ELF file");
    }
    let (headers, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    for index in 0..count {
        let at = usize::try_from(headers + index * size)?;
        if number(at, 4)? == u64::from(PT_INTERP) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Builds the agent, and runs all that is tried with the agent as a program on the static one.
pub(super) fn test(workspace: &Workspace) -> anyhow::Result<Counts> {
    let own = Architecture::own()?;
    // Not every machine can have the target's library; where it is, the agent must build.
    if let Err(error) = want_std(workspace, own.target()) {
        return Ok(Counts::skipped("the static agent", &format!("{error:#}")));
    }
    let binary = build(workspace, own)?;
    let mut command = cargo(workspace);
    if has_nextest() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--features",
            FEATURES,
            "--no-fail-fast",
        ]);
        command.args([
            "--run-ignored",
            "all",
            "-E",
            // What wants a cluster has a step of its own.
            "package(checkmill-agent) and kind(test) and not test(slurm_cluster)",
        ]);
    } else {
        command.args(["test", "--workspace", "--features", FEATURES, "--no-fail-fast"]);
        command.args(["--test", "agent", "--test", "contract", "--test", "empty_root"]);
        command.args(["--", "--include-ignored", "--skip", "slurm_cluster"]);
    }
    let skipped = workspace.fresh_dir("skipped")?;
    command
        .env("CHECKMILL_AGENT", &binary)
        .env("CHECKMILL_SKIPPED", &skipped);
    let finished = command::follow(&mut command)?;
    Ok(Counts::one(true) + super::rust::skipped_tests(&skipped)? + counted(&finished))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_loader_is_told_from_one_without() {
        let mut program = vec![0; 0x40 + 2 * 56];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (program[0x20], program[0x36], program[0x38]) = (0x40, 56, 2);
        program[0x40] = 1;
        assert!(!wants_loader(&program).expect("it is whole"));
        program[0x40 + 56] = 3;
        assert!(wants_loader(&program).expect("it is whole"));
        program.truncate(0x40 + 56);
        assert!(wants_loader(&program).is_err());
        assert!(wants_loader(b"#!/bin/sh").is_err());
    }
}
