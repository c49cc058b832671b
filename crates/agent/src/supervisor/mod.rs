//! The process that holds an attempt. It runs no step itself: it starts a worker that does, outlives it whatever happens to
//! it, ends every process that is left, and writes down and reports how the attempt ended.

mod claim;
pub mod end;
pub mod reap;

use crate::callback::client::Client;
use crate::callback::{Pace, send_end};
use crate::cli::Reexec;
use crate::clock::SharedClock;
use crate::job::fault::Verdict;
use crate::lifeline::Lifeline;
use crate::log::writer::{append_after, finish_after};
use crate::processes;
use crate::secrets::Secrets;
use crate::settings::Settings;
use checkmill_backends::attempt::{
    AGENT_OUTPUT_FILE, AttemptDir, AttemptEnd, CLAIM_FILE, ExitRecord, JOB_FILE, LOG_FILE, RESULT_FILE,
    WORK_DIR, remove_tree,
};
use checkmill_workflow::job::{JobDescription, JobResult};
use checkmill_workflow::log::JOB_MARK;
use end::{Told, WorkerEnd, attempt_end, substitute};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper,
    set_dumpable_behavior, setsid, wait,
};
use std::fs;
use std::io;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// From the moment the worker is told to stop until it is killed. Its own graces come to 50 s at most
/// ([`crate::worker::STOP_GRACE`] and the ends of two steps).
const WORKER_GRACE: Duration = Duration::from_secs(70);
/// For killing what a job has left.
const CLEAN_UP: Duration = Duration::from_secs(10);
/// Between two looks whether the attempt's directory is still there. One that was removed has no owner: nobody would ever
/// stop its job.
const OWNER_INTERVAL: Duration = Duration::from_secs(2);
/// Where the submit's record is missing: the longest run that is accepted, and some.
const BACKSTOP_DEFAULT: Duration = Duration::from_secs(6 * 24 * 3600);
/// Of what the agent printed, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;

/// A fault of the agent itself, before it had a job or after; a sentence.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorFault {
    #[error(transparent)]
    Directory(#[from] checkmill_backends::attempt::DirError),
    #[error("could not {action}: {source}")]
    System { action: &'static str, source: io::Error },
}

fn system(action: &'static str) -> impl FnOnce(io::Error) -> SupervisorFault {
    move |source| SupervisorFault::System { action, source }
}

/// Runs the attempt in this directory, unless another agent has it. `owner` is held by the process without which nobody cares
/// for the job; none where the job goes on without it.
///
/// # Errors
/// Where the agent can't do its work at all. Everything that happens to the job is written down instead.
pub async fn supervise(
    attempt: &AttemptDir,
    reexec: &Reexec,
    settings: &Settings,
    clock: &SharedClock,
    mut owner: Option<Lifeline>,
) -> Result<(), SupervisorFault> {
    detach().map_err(system("leave the session of its parent"))?;
    let mut signals = Signals::new().map_err(system("listen to signals"))?;
    let Some(_held) = claim::take(attempt, clock).await? else {
        return Ok(());
    };
    let record = attempt.submit_record().ok().flatten();
    let backstop = record.map_or(BACKSTOP_DEFAULT, |record| {
        Duration::from_millis(record.backstop_ms)
    });
    let end = match start_worker(attempt, reexec) {
        Ok(worker) => watch(worker, &mut signals, &mut owner, backstop, attempt, settings).await,
        Err(error) => AttemptEnd::Lost {
            detail: format!("its agent could not start a worker: {error}"),
        },
    };
    // Whoever is left here has no parent but us, whatever group or session it made.
    processes::end_all(reap_and_find, CLEAN_UP).await;
    let result = read_result(attempt);
    close_log(attempt, clock, result.as_ref(), &end);
    attempt.write_exit(&ExitRecord {
        end: end.clone(),
        ended_ms: clock.now().0,
    })?;
    if !is_cut(&mut owner).await {
        report(attempt, settings, result.unwrap_or_else(|| substitute(&end))).await;
    }
    if let Err(error) = remove_tree(&attempt.file(WORK_DIR)) {
        crate::cli::complain(&format!("the job's files are not all removed: {error}"));
    }
    Ok(())
}

/// A session of our own, without a terminal; the orphans of our descendants come to us; nobody but root sees our
/// environment, in which the secrets are.
fn detach() -> io::Result<()> {
    match setsid() {
        // We lead a group already: whoever started us has detached us.
        Ok(_) | Err(rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(set_child_subreaper(Some(getpid()))?)
}

struct Signals {
    child: tokio::signal::unix::Signal,
    stop: StopSignals,
}

/// What tells us to stop.
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let stop = StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        Ok(Self {
            child: signal(SignalKind::child())?,
            stop,
        })
    }
}

impl StopSignals {
    async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

struct Worker {
    pid: Pid,
    /// Held open as long as we live: when it closes, the worker knows that we are gone.
    _alive: Option<ChildStdin>,
    _child: Child,
}

fn start_worker(attempt: &AttemptDir, reexec: &Reexec) -> io::Result<Worker> {
    let mut child = reexec
        .command("work", attempt.path())
        .stdin(Stdio::piped())
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("it has no process id"))?;
    Ok(Worker {
        pid,
        _alive: child.stdin.take(),
        _child: child,
    })
}

/// Ready when the job is to stop.
async fn stopped(signals: &mut StopSignals, owner: &mut Option<Lifeline>) -> Told {
    tokio::select! {
        () = signals.recv() => Told::Stop,
        () = cut(owner) => Told::Abandoned,
    }
}

async fn cut(owner: &mut Option<Lifeline>) {
    match owner {
        Some(owner) => owner.cut().await,
        None => std::future::pending().await,
    }
}

async fn is_cut(owner: &mut Option<Lifeline>) -> bool {
    match owner {
        Some(owner) => owner.is_cut().await,
        None => false,
    }
}

/// Waits for the worker, tells it to stop where we are told to, kills it where it does not end.
async fn watch(
    worker: Worker,
    signals: &mut Signals,
    owner: &mut Option<Lifeline>,
    backstop: Duration,
    attempt: &AttemptDir,
    settings: &Settings,
) -> AttemptEnd {
    let mut told = Told::Nothing;
    let mut deadline = Box::pin(tokio::time::sleep(backstop));
    let mut look = tokio::time::interval(OWNER_INTERVAL);
    let end = loop {
        if let Some(end) = reap(worker.pid) {
            break end;
        }
        tokio::select! {
            _ = signals.child.recv() => {}
            _ = look.tick() => {
                // With its result written, it only goes on telling a process that is gone.
                let is_done = told == Told::Abandoned && attempt.file(RESULT_FILE).exists();
                if is_done || !attempt.file(CLAIM_FILE).exists() {
                    let _ = kill_process(worker.pid, Signal::KILL);
                }
            }
            stop = stopped(&mut signals.stop, owner), if told == Told::Nothing => {
                told = stop;
                let _ = kill_process(worker.pid, Signal::TERM);
                deadline.as_mut().reset(tokio::time::Instant::now() + WORKER_GRACE);
            }
            () = &mut deadline => {
                if told == Told::Nothing {
                    told = Told::Backstop;
                }
                let _ = kill_process(worker.pid, Signal::KILL);
                deadline.as_mut().reset(tokio::time::Instant::now() + WORKER_GRACE);
            }
        }
    };
    let cancelled = attempt.cancel_record().is_ok_and(|record| record.is_some());
    attempt_end(
        end,
        read_result(attempt).as_ref(),
        told,
        cancelled,
        &said(attempt, &settings.secrets),
    )
}

/// Waits for every child that has ended: the worker, and orphans that came to us.
fn reap(worker: Pid) -> Option<WorkerEnd> {
    let mut end = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == worker {
            end = match (status.exit_status(), status.terminating_signal()) {
                (_, Some(signal)) => Some(WorkerEnd::Signalled(signal)),
                (code, None) => Some(WorkerEnd::Exited(code.unwrap_or(0))),
            };
        }
    }
    end
}

fn reap_and_find() -> std::collections::BTreeSet<processes::Process> {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    processes::descendants(getpid().as_raw_nonzero().get())
}

fn read_result(attempt: &AttemptDir) -> Option<JobResult> {
    serde_json::from_slice(&attempt.read(RESULT_FILE).ok()??).ok()
}

/// The last of what the agent printed.
fn said(attempt: &AttemptDir, secrets: &Secrets) -> String {
    let bytes = fs::read(attempt.file(AGENT_OUTPUT_FILE)).unwrap_or_default();
    let text = secrets.masks().apply(String::from_utf8_lossy(&bytes).trim());
    let skipped = text.chars().count().saturating_sub(SHOWN_CHARS);
    text.chars().skip(skipped).collect()
}

/// Where the worker could not end the log, we do.
fn close_log(attempt: &AttemptDir, clock: &SharedClock, result: Option<&JobResult>, end: &AttemptEnd) {
    let closed = finish_after(attempt.path(), LOG_FILE, clock).and_then(|()| match result {
        Some(_) => Ok(()),
        None => {
            let substitute = substitute(end);
            let name = Verdict::name(substitute.conclusion);
            let line = format!("{JOB_MARK}{name} {}", substitute.detail.replace('\n', " "));
            append_after(attempt.path(), LOG_FILE, clock, &line)
        }
    });
    if let Err(error) = closed {
        crate::cli::complain(&format!("the log could not be completed: {error}"));
    }
}

async fn report(attempt: &AttemptDir, settings: &Settings, mut result: JobResult) {
    let description = attempt.read(JOB_FILE).ok().flatten();
    let description: Option<JobDescription> =
        description.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let callback = description.and_then(|description| description.callback);
    let (Some(callback), Some(token)) = (callback, settings.secrets.callback_token()) else {
        return;
    };
    result.log_bytes = fs::metadata(attempt.file(LOG_FILE)).map_or(0, |data| data.len());
    let sent = match (Client::new(&callback, token), serde_json::to_vec(&result)) {
        (Ok(client), Ok(body)) => send_end(&client, &body, &Pace::default())
            .await
            .map_err(|fault| fault.to_string()),
        (Err(problem), _) => Err(problem),
        (_, Err(error)) => Err(error.to_string()),
    };
    if let Err(problem) = sent {
        crate::cli::complain(&format!("the end of the job was not reported: {problem}"));
    }
}
