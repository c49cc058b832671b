//! One call: one process of the program.

use super::ExecSettings;
use super::protocol::{Call, Failed, Request};
use crate::port::BackendError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

/// The longest answer. A piece of a log is a tenth of it, in base64; a result with all its annotations may be longer.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Of what it prints on standard error, at most this is read.
const ERRORS_BYTES: usize = 64 * 1024;
/// Of what a failing program printed, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;
/// What the program leaves running may hold its output open; this long after its end nothing of an answer is missing.
const DRAIN: Duration = Duration::from_millis(200);
/// sysexits(3), EX_TEMPFAIL: the same call may succeed later.
const EXIT_TEMPFAIL: i32 = 75;

/// Runs the program for one call; what it printed, where it said that the call succeeded.
pub(super) async fn run(settings: &ExecSettings, request: &Request) -> Result<Vec<u8>, BackendError> {
    let fault = Fault {
        settings,
        verb: request.call.verb(),
    };
    let mut command = Command::new(&settings.program);
    command
        .args(&settings.arguments)
        .arg(request.call.verb())
        .env_clear()
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // One group: what the program has started for this call can be ended with it.
        .process_group(0);
    let mut child = command.spawn().map_err(|error| fault.not_started(&error))?;
    let limit = Duration::from_millis(settings.call.0);
    match tokio::time::timeout(limit, talk(&mut child, request)).await {
        Ok(Ok(said)) => fault.judge(&said, request),
        Ok(Err(error)) => {
            kill(&child);
            Err(fault.transient(&error.to_string()))
        }
        Err(_) => {
            kill(&child);
            Err(fault.transient(&format!("no answer within {} s", settings.call.as_secs_ceil())))
        }
    }
}

struct Said {
    status: ExitStatus,
    answer: Vec<u8>,
    errors: Vec<u8>,
}

async fn talk(child: &mut Child, request: &Request) -> io::Result<Said> {
    let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
    line.push(b'\n');
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut answer, mut errors) = (Vec::new(), Vec::new());
    let status = {
        let streams = async {
            tokio::try_join!(
                write(stdin, &line),
                read(stdout, ANSWER_BYTES, &mut answer),
                read(stderr, ERRORS_BYTES, &mut errors)
            )
        };
        tokio::pin!(streams);
        tokio::select! {
            talked = &mut streams => {
                talked?;
                child.wait().await?
            }
            status = child.wait() => {
                // Time over is no error: whoever holds the streams now is not the program.
                if let Ok(talked) = tokio::time::timeout(DRAIN, streams).await {
                    talked?;
                }
                status?
            }
        }
    };
    Ok(Said {
        status,
        answer,
        errors,
    })
}

async fn write(stdin: Option<ChildStdin>, line: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(line).await {
        // It need not read what it does not want.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// All of it, kept up to the limit and one byte more.
async fn read(stream: Option<impl AsyncRead + Unpin>, limit: usize, kept: &mut Vec<u8>) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    (&mut stream).take(limit as u64 + 1).read_to_end(kept).await?;
    // Who writes more must not wait for us.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// Ends the program and what it has started for this call.
fn kill(child: &Child) {
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process_group(pid, Signal::KILL)
    {
        tracing::warn!(%error, "a program that gave no answer could not be killed");
    }
}

/// What went wrong, with whose fault it was.
struct Fault<'a> {
    settings: &'a ExecSettings,
    verb: &'static str,
}

impl Fault<'_> {
    fn judge(&self, said: &Said, request: &Request) -> Result<Vec<u8>, BackendError> {
        if said.status.success() {
            if said.answer.len() > ANSWER_BYTES {
                return Err(self.refused(&format!("its answer is longer than {ANSWER_BYTES} bytes")));
            }
            return Ok(said.answer.clone());
        }
        if let Ok(Failed { error, retry }) = serde_json::from_slice(&said.answer) {
            let error = shown(error.as_bytes(), request);
            return Err(if retry {
                self.transient(&error)
            } else {
                self.refused(&error)
            });
        }
        let errors = if said.errors.is_empty() {
            &said.answer
        } else {
            &said.errors
        };
        let why = format!("{}; it printed {}", said.status, shown(errors, request));
        // A signal, or what a shell makes of one, says nothing of the job.
        Err(match said.status.code() {
            None | Some(EXIT_TEMPFAIL | 129..=255) => self.transient(&why),
            Some(_) => self.refused(&why),
        })
    }

    fn not_started(&self, error: &io::Error) -> BackendError {
        use io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};
        let why = format!("it could not be started: {error}");
        match error.kind() {
            NotFound | PermissionDenied | InvalidInput => {
                self.refused(&format!("{why}; check the path and that it may be executed"))
            }
            _ => self.transient(&why),
        }
    }

    fn detail(&self, why: &str) -> String {
        format!("{} {}: {why}", self.settings.program.display(), self.verb)
    }

    fn transient(&self, why: &str) -> BackendError {
        BackendError::Transient {
            backend: self.settings.name.clone(),
            detail: self.detail(why),
        }
    }

    fn refused(&self, why: &str) -> BackendError {
        BackendError::Refused {
            backend: self.settings.name.clone(),
            detail: self.detail(why),
        }
    }
}

/// The end of what a program printed, for people, without the secrets that the call gave it.
pub(super) fn shown(bytes: &[u8], request: &Request) -> String {
    let mut text = String::from_utf8_lossy(bytes).trim().to_owned();
    if let Call::Submit(submit) = &request.call {
        for secret in submit.secrets.values().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
    }
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS);
    let text: String = text.chars().skip(skipped).collect();
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text
    }
}
