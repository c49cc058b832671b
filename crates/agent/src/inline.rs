//! A job that came in our environment and goes out by what we print, for compute with which Checkmill shares nothing else. This
//! process only carries: the attempt has an agent of its own, in a directory of its own.

use crate::cli::{EXIT_FAULT, Reexec, complain};
use crate::environment::Variables;
use crate::settings::Settings;
use checkmill_backends::attempt::{
    AGENT_OUTPUT_FILE, AttemptDir, AttemptEnd, DirError, END_WITH_STDIN, LOG_FILE, open_ours, remove_tree,
};
use checkmill_backends::inline::frames::{self, LogFrames};
use checkmill_backends::inline::variables::{self, Broken};
use rustix::process::{DumpableBehavior, Pid, Signal, kill_process, set_dumpable_behavior};
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(100);
/// Of the log, in bytes: what is printed between two looks at other things.
const READ_BYTES: u64 = 256 * 1024;
/// Directories of one key, before there is something wrong.
const DIRECTORIES: u32 = 100;
/// Where the environment does not say.
const TEMPORARY: &str = "/tmp";

/// Why there was no job.
#[derive(Debug, thiserror::Error)]
enum InlineFault {
    #[error(transparent)]
    Job(#[from] Broken),
    #[error(transparent)]
    Directory(#[from] DirError),
    #[error("could not {action}: {source}")]
    System { action: &'static str, source: io::Error },
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> InlineFault {
    move |source| InlineFault::System { action, source }
}

/// Runs the job of our environment; the exit code is the job's.
pub(crate) fn run(reexec: &Reexec) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(system("start"))
        .and_then(|runtime| runtime.block_on(carry(reexec)));
    match outcome {
        Ok(end) => ExitCode::from(exit_code(&end)),
        Err(fault) => {
            complain(&fault.to_string());
            ExitCode::from(EXIT_FAULT)
        }
    }
}

/// For a backend that knows nothing else.
fn exit_code(end: &AttemptEnd) -> u8 {
    match end {
        AttemptEnd::Exited { code } => u8::try_from(*code).unwrap_or(EXIT_FAULT),
        // As shells have it.
        AttemptEnd::Signalled { signal } => u8::try_from(128 + signal).unwrap_or(EXIT_FAULT),
        AttemptEnd::Cancelled => 143,
        AttemptEnd::TimedOut => 124,
        AttemptEnd::Lost { .. } => EXIT_FAULT,
    }
}

async fn carry(reexec: &Reexec) -> Result<AttemptEnd, InlineFault> {
    // Our environment has the secrets, and what we print is believed.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| system("hide its environment")(error.into()))?;
    let environment = Settings::from_process().environment;
    let job = variables::unpack(|name| environment.get(name).cloned())?;
    let directory =
        make_directory(&environment, &job.record.key).map_err(system("make a directory for the job"))?;
    let attempt = AttemptDir::new(&directory);
    attempt.describe(&job.description, &job.record)?;
    let carried = Carrier::new(&attempt, reexec, &environment).carry().await;
    let said = std::fs::read(attempt.file(AGENT_OUTPUT_FILE)).unwrap_or_default();
    if !said.is_empty() {
        complain(String::from_utf8_lossy(&said).trim_end());
    }
    if let Err(error) = remove_tree(&directory) {
        complain(&format!("the job's files are not all removed: {error}"));
    }
    carried
}

/// Nobody else's: a name that is taken was not made by us.
fn make_directory(environment: &Variables, key: &str) -> io::Result<PathBuf> {
    let root = environment.get("TMPDIR").map(Path::new);
    let root = root
        .filter(|root| root.is_absolute())
        .unwrap_or(Path::new(TEMPORARY));
    let root = root.canonicalize()?;
    let mut number = 0;
    loop {
        let directory = root.join(format!("checkmill-{key}.{number}"));
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < DIRECTORIES => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// What steps have no business with: the job's own pieces, and what the compute's owner puts into every job, such as the
/// keys of the account that it belongs to.
fn is_withheld(name: &str) -> bool {
    variables::is_ours(name) || name.starts_with("LIGHTNING_")
}

struct Carrier<'a> {
    attempt: &'a AttemptDir,
    reexec: &'a Reexec,
    /// Ours, without the secrets.
    environment: &'a Variables,
    frames: LogFrames,
}

impl<'a> Carrier<'a> {
    fn new(attempt: &'a AttemptDir, reexec: &'a Reexec, environment: &'a Variables) -> Self {
        Self {
            attempt,
            reexec,
            environment,
            frames: LogFrames::default(),
        }
    }

    async fn carry(mut self) -> Result<AttemptEnd, InlineFault> {
        let mut terminate = signal(SignalKind::terminate()).map_err(system("listen to signals"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system("listen to signals"))?;
        let mut agent = self.start("run").map_err(system("start the job's agent"))?;
        // Kept until it has ended: to wait for it closes what it has.
        let _alive = agent.stdin.take();
        let pid = agent.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let mut look = tokio::time::interval(LOOK);
        let status = loop {
            tokio::select! {
                status = agent.wait() => break status.map_err(system("wait for the job's agent"))?,
                _ = look.tick() => self.print()?,
                _ = terminate.recv() => stop(pid),
                _ = interrupt.recv() => stop(pid),
            }
        };
        let end = self.end(status).await?;
        while self.print_more()? > 0 {}
        let rest = self.frames.rest();
        let result = self.attempt.result()?;
        let ending = frames::ending(self.frames.bytes(), &end, result.as_deref());
        say(&(rest + &ending))?;
        Ok(end)
    }

    /// The agent of the attempt. It ends with us, as its standard input does.
    fn start(&self, verb: &str) -> io::Result<Child> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(self.attempt.file(AGENT_OUTPUT_FILE))?;
        let mut command = self.reexec.command(verb, self.attempt.path());
        if verb == "run" {
            command.arg(END_WITH_STDIN);
        }
        for name in self.environment.keys().filter(|name| is_withheld(name)) {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output);
        Command::from(command).spawn()
    }

    /// How the attempt ended, by the agent's own word. One that was killed is buried first.
    async fn end(&self, status: ExitStatus) -> Result<AttemptEnd, InlineFault> {
        if let Some(record) = self.attempt.exit()? {
            return Ok(record.end);
        }
        let reaped = self.start("reap").map_err(system("clean up after the agent"))?;
        let _ = reaped.wait_with_output().await;
        if let Some(record) = self.attempt.exit()? {
            return Ok(record.end);
        }
        Ok(match status.signal() {
            Some(signal) => AttemptEnd::Signalled { signal },
            None => AttemptEnd::Lost {
                detail: format!("its agent ended without a word: {status}"),
            },
        })
    }

    fn print(&mut self) -> Result<(), InlineFault> {
        self.print_more().map(|_| ())
    }

    /// Prints what the log has grown by; how many bytes.
    fn print_more(&mut self) -> Result<usize, InlineFault> {
        let mut bytes = Vec::new();
        let read = open_ours(&self.attempt.file(LOG_FILE)).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.frames.bytes()))?;
            file.take(READ_BYTES).read_to_end(&mut bytes)
        });
        match read {
            Ok(0) => return Ok(0),
            // It has not begun.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(system("read the job's log")(error)),
            Ok(_) => {}
        }
        say(&self.frames.more(&bytes))?;
        Ok(bytes.len())
    }
}

fn stop(pid: Option<Pid>) {
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
}

fn say(lines: &str) -> Result<(), InlineFault> {
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())
        .and_then(|()| out.flush())
        .map_err(system("print the job's log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_own_variables_stay_with_us() {
        for (name, withheld) in [
            ("LIGHTNING_API_KEY", true),
            ("CHECKMILL_INLINE", true),
            ("CHECKMILL_INLINE_7", true),
            ("CHECKMILL_SECRET_DEPLOY", false),
            ("GITHUB_TOKEN", false),
            ("PATH", false),
            ("CUDA_VISIBLE_DEVICES", false),
        ] {
            assert_eq!(is_withheld(name), withheld, "{name}");
        }
    }

    #[test]
    fn an_exit_code_for_every_end() {
        use AttemptEnd::{Cancelled, Exited, Lost, Signalled, TimedOut};
        let lost = Lost {
            detail: String::new(),
        };
        for (end, code) in [
            (Exited { code: 0 }, 0),
            (Exited { code: 255 }, 255),
            (Signalled { signal: 9 }, 137),
            (Cancelled, 143),
            (TimedOut, 124),
            (lost, 75),
        ] {
            assert_eq!(exit_code(&end), code, "{end:?}");
        }
    }
}
