//! Running one program of a step: its output as it comes, its end, and stopping it.

use crate::processes::{self, Process};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// What to run.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    pub directory: PathBuf,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
}

/// How long a stopped step may take to end by itself. GitHub docs, "Canceling a workflow": SIGINT, 7.5 s, SIGTERM, 2.5 s,
/// then the process tree is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graces {
    pub interrupt: Duration,
    pub terminate: Duration,
}

pub const GRACES: Graces = Graces {
    interrupt: Duration::from_millis(7500),
    terminate: Duration::from_millis(2500),
};

/// Read at a time: many lines, and yet done in a moment.
const READ_BYTES: usize = 16 * 1024;
/// When the program has ended, others of its step may still have its output open (a server started with `&`). After this
/// long without a word we stop listening; what they say later is thrown away.
const SILENCE_AFTER_END: Duration = Duration::from_millis(500);
/// And this long in any case.
const LISTEN_AFTER_END: Duration = Duration::from_secs(2);

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with its exit code; that of one killed by a signal is 128 plus the signal's number, as shells have it.
    Exited(i32),
    /// We ended it, because its time was over.
    TimedOut,
    /// We ended it, because somebody wanted that.
    Stopped,
}

/// Runs a program to its end. `output` gets what it prints, both streams in one so that their order stays, and says whether
/// to go on; `stop` is ready when the program is to be stopped.
///
/// # Errors
/// When it can't be started, or its output not be read.
pub async fn run(
    program: &Program,
    graces: Graces,
    timeout: Option<Duration>,
    stop: impl Future<Output = ()>,
    mut output: impl FnMut(&[u8]) -> bool,
) -> io::Result<Ended> {
    let (mut child, mut pipe) = start(program)?;
    let mut ending = Ending::new(&child, graces);
    let mut stop = pin!(stop);
    let mut timer = pin!(tokio::time::sleep(timeout.unwrap_or(Duration::MAX)));
    let mut quiet = pin!(tokio::time::sleep(Duration::MAX));
    let mut deaf = pin!(tokio::time::sleep(Duration::MAX));
    let mut buffer = vec![0; READ_BYTES];
    let mut status: Option<ExitStatus> = None;
    let mut open = true;
    while status.is_none() || open {
        tokio::select! {
            read = pipe.read(&mut buffer), if open => match read? {
                0 => open = false,
                read => {
                    if !output(&buffer[..read]) {
                        ending.begin(Ended::Stopped);
                    }
                    quiet.as_mut().reset(tokio::time::Instant::now() + SILENCE_AFTER_END);
                    // Who prints without end must not keep signals and timers from us.
                    tokio::task::yield_now().await;
                }
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended?);
                let now = tokio::time::Instant::now();
                quiet.as_mut().reset(now + SILENCE_AFTER_END);
                deaf.as_mut().reset(now + LISTEN_AFTER_END);
                ending.finish();
            }
            () = &mut stop, if !ending.begun() => ending.begin(Ended::Stopped),
            () = &mut timer, if timeout.is_some() && !ending.begun() => ending.begin(Ended::TimedOut),
            () = ending.next(), if status.is_none() => {}
            () = &mut quiet, if status.is_some() => break,
            () = &mut deaf, if status.is_some() => break,
        }
    }
    if open {
        tokio::spawn(async move { while matches!(pipe.read(&mut buffer).await, Ok(read) if read > 0) {} });
    }
    Ok(ending
        .why
        .unwrap_or_else(|| Ended::Exited(status.map_or(0, exit_code))))
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn start(program: &Program) -> io::Result<(Child, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new(&program.path)
        .args(&program.arguments)
        .current_dir(&program.directory)
        .env_clear()
        .envs(&program.environment)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    Ok((child, pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?))
}

/// Ends a program in steps: interrupt, terminate, kill.
struct Ending {
    pid: i32,
    graces: Graces,
    why: Option<Ended>,
    /// What is due next, and when.
    due: Option<(Signal, tokio::time::Instant)>,
    /// The program's descendants as they were when it was stopped: they may leave its group, and lose their parents.
    family: BTreeSet<Process>,
}

impl Ending {
    fn new(child: &Child, graces: Graces) -> Self {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        Self {
            pid,
            graces,
            why: None,
            due: None,
            family: BTreeSet::new(),
        }
    }

    const fn begun(&self) -> bool {
        self.why.is_some()
    }

    fn begin(&mut self, why: Ended) {
        if self.begun() {
            return;
        }
        self.why = Some(why);
        self.signal_group(Signal::INT);
        self.due = Some((Signal::TERM, tokio::time::Instant::now() + self.graces.interrupt));
    }

    /// Waits for what is due next, and does it.
    async fn next(&mut self) {
        let Some((signal, at)) = self.due else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(at).await;
        self.due = (signal == Signal::TERM)
            .then(|| (Signal::KILL, tokio::time::Instant::now() + self.graces.terminate));
        self.signal_group(signal);
        if signal == Signal::KILL {
            self.kill_family();
        }
    }

    /// The program itself has ended. Where we ended it, nobody of its family stays.
    fn finish(&mut self) {
        self.due = None;
        if self.begun() {
            self.signal_group(Signal::KILL);
            self.kill_family();
        }
    }

    fn signal_group(&mut self, signal: Signal) {
        self.family.extend(processes::descendants(self.pid));
        if let Some(group) = Pid::from_raw(self.pid) {
            let _ = kill_process_group(group, signal);
        }
    }

    fn kill_family(&self) {
        for process in &self.family {
            for descendant in processes::descendants(process.pid) {
                processes::signal(&descendant, Signal::KILL);
            }
            processes::signal(process, Signal::KILL);
        }
    }
}
