//! The agent as a backend of kind exec: one call, on the jobs of this machine. Through ssh it makes any machine a backend.

use crate::cli::{EXIT_FAULT, Reexec, complain, say};
use crate::clock::{Clock as _, SystemClock};
use checkmill_backends::exec::{Answer, serve};
use checkmill_backends::process::{Host, ProcessBackend, ProcessSettings};
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// A submit with its job's description; past it something else is being sent.
const REQUEST_BYTES: u64 = 64 * 1024 * 1024;

/// Answers the request on standard input on standard output. The exit code is 0 where the call succeeded.
pub(crate) fn answer(root: &Path, reexec: &Reexec) -> ExitCode {
    match call(root, reexec) {
        Ok(Answer { json, success }) => {
            say(&format!("{json}\n"));
            ExitCode::from(u8::from(!success))
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(EXIT_FAULT)
        }
    }
}

fn call(root: &Path, reexec: &Reexec) -> io::Result<Answer> {
    let mut request = Vec::new();
    io::stdin().take(REQUEST_BYTES).read_to_end(&mut request)?;
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let settings = ProcessSettings::new(
        root,
        reexec.agent()?,
        Host::Machine,
        &environment,
        &[],
        Arc::new(|| SystemClock.now()),
    );
    let backend = ProcessBackend::new(settings).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(serve(&backend, &request)))
}
