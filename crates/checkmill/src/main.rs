//! The `checkmill` command.

mod backends;
mod cli;
mod explain;
mod happening;
mod lint;
mod local;
mod output;
mod passed;
mod plan;
mod run;
mod schedules;
mod serve;
mod source;
mod stats;

use clap::Parser as _;
use cli::{Cli, Command};
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// When the input is wrong: the command line, a path, a setting.
const WRONG_INPUT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Agent { args } => checkmill_agent::main_with_args([OsString::from("agent")], args),
        Command::Run(args) => in_runtime(run::run(args)),
        Command::Backends(args) => {
            log_to_stderr(tracing::Level::WARN);
            in_runtime(async move { backends::backends(&args).await })
        }
        Command::Stats(args) => in_runtime(stats::stats(args)),
        Command::Lint(args) => ended(lint::lint(&args)),
        Command::Plan(args) => ended(plan::plan(&args)),
        Command::Explain(args) => ended(explain::explain(&args)),
        Command::Serve(args) => {
            log_to_stderr(tracing::Level::INFO);
            in_runtime(async move { serve::serve(&args).await.map(|()| ExitCode::SUCCESS) })
        }
    }
}

fn in_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    ended(match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(error.into()),
    })
}

/// The exit code, or a word about what went wrong.
fn ended(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        // A closed standard error leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "checkmill: {}", with_causes(&error));
        ExitCode::from(WRONG_INPUT)
    })
}

/// The error and its causes on one line. What has a cause is a sentence, whose full stop gives way to a colon.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        if !text.is_empty() {
            text.truncate(text.trim_end_matches('.').len());
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
    }
    text
}

/// Logs of the program itself: in JSON for whoever collects them, as plain lines for whoever sits at the terminal; `run` shows
/// checks instead.
fn log_to_stderr(level: tracing::Level) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().init();
    }
}
