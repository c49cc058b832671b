//! The agent as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    checkmill_agent::main_with_args([], std::env::args_os().skip(1))
}
