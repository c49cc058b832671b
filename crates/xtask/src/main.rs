//! `cargo xtask`: the commands of this workspace's developers. See the README beside this file's folder.

#![expect(clippy::print_stdout, reason = "a command: it talks to people on stdout")]

mod args;
mod command;
mod fuzz;
mod outcome;
mod peers;
mod settings;
mod soak;
mod steps;
mod terraform;
mod tools;

use args::Invocation;
use settings::Workspace;
use std::process::ExitCode;
use steps::agent::Architecture;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let invocation = match args::parse(std::env::args().skip(1)) {
        Ok(invocation) => invocation,
        Err(message) => {
            println!("{message}\n\n{}", args::USAGE);
            return Ok(ExitCode::from(2));
        }
    };
    let workspace = Workspace::find()?;
    match invocation {
        Invocation::Help => {
            println!("{}", args::USAGE);
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Test { steps } => Ok(steps::run(&workspace, &steps)),
        Invocation::Tools => {
            tools::install_all(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Agent { architecture } => {
            let architecture = architecture.map_or_else(Architecture::own, Ok)?;
            let binary = steps::agent::build(&workspace, architecture)?;
            println!("the agent is at {}", binary.display());
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Fuzz { targets, minutes } => {
            fuzz::run(&workspace, &targets, minutes)?;
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Soak { minutes } => {
            soak::run(&workspace, minutes)?;
            Ok(ExitCode::SUCCESS)
        }
        Invocation::Emulator => {
            steps::emulator::hold(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
