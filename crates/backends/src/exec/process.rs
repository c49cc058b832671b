//! One call: one process of the program.

use super::ExecSettings;
use super::protocol::{Call, Failed, Request};
use crate::port::BackendError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
/// A part of a secret that is shorter is no secret, and would hide every other word.
const MASKED_BYTES: usize = 4;
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
    let child = command.spawn().map_err(|error| fault.not_started(&error))?;
    let mut child = Group(child);
    let limit = Duration::from_millis(settings.call.0);
    match tokio::time::timeout(limit, talk(&mut child.0, request)).await {
        Ok(Ok(said)) => fault.judge(&said, request),
        Ok(Err(error)) => Err(fault.transient(&error.to_string())),
        Err(_) => Err(fault.transient(&format!("no answer within {} s", settings.call.as_secs_ceil()))),
    }
}

/// A program with what it has started for this call. All of it ends with the call, also where nobody waits for the answer any
/// more; once the program has ended, what it has left stays.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw)
            && let Err(error) = kill_process_group(pid, Signal::KILL)
        {
            tracing::warn!(%error, "a program that gave no answer could not be killed");
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
                read_beginning(stdout, ANSWER_BYTES, &mut answer),
                read_end(stderr, ERRORS_BYTES, &mut errors)
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

/// All of it, of which the beginning is kept, up to the limit and one byte more.
async fn read_beginning(
    stream: Option<impl AsyncRead + Unpin>,
    limit: usize,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    (&mut stream).take(limit as u64 + 1).read_to_end(kept).await?;
    // Who writes more must not wait for us.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// All of it, of which at least the last `limit` bytes are kept.
async fn read_end(
    stream: Option<impl AsyncRead + Unpin>,
    limit: usize,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    while stream.read_buf(kept).await? > 0 {
        if kept.len() > 2 * limit {
            kept.drain(..kept.len() - limit);
        }
    }
    Ok(())
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
    let text = hidden(String::from_utf8_lossy(bytes).trim(), request);
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS);
    let text: String = text.chars().skip(skipped).collect();
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text
    }
}

/// A text without the secrets of the call: as they are, as JSON has them and as base64, and each of their lines.
pub(super) fn hidden(text: &str, request: &Request) -> String {
    let Call::Submit(submit) = &request.call else {
        return text.to_owned();
    };
    let mut forms: Vec<String> = Vec::new();
    for secret in submit.secrets.values() {
        let json = serde_json::Value::from(secret.as_str()).to_string();
        forms.push(json.trim_matches('"').to_owned());
        forms.push(STANDARD.encode(secret));
        forms.extend(secret.lines().map(|line| line.trim().to_owned()));
        forms.push(secret.clone());
    }
    forms.retain(|form| form.len() >= MASKED_BYTES);
    // One may be a part of another.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms
        .iter()
        .fold(text.to_owned(), |text, form| text.replace(form, "***"))
}
