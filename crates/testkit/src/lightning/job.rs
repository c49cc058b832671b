//! A job: what the service says of it, and its process.

use super::cloud::{Cloud, State};
use crate::timestamp;
use checkmill_core::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;

/// Until a machine is there.
const START: Duration = Duration::from_millis(150);
/// From the end of a command until the service knows, and until its log is all there after that.
const SETTLE: Duration = Duration::from_millis(20);
const LAG: Duration = Duration::from_millis(60);
/// Container engines cut longer lines, in bytes.
const LINE_BYTES: usize = 16 * 1024;
/// Of so many lines, one is delivered twice.
const TWICE: usize = 50;

/// What becomes of a job whose process was killed by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Failed,
    Interrupted,
    Restarted,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) spec: Value,
    pub(super) state: String,
    created: u64,
    started: Option<u64>,
    stopped: Option<u64>,
    interrupted: bool,
    restarts: u32,
    pub(super) outcome: Option<Outcome>,
    pid: Option<u32>,
    /// When each line was printed, and what it says.
    lines: Vec<(u64, String)>,
    /// Lines that are not delivered yet.
    hidden: usize,
}

impl Job {
    pub(super) fn new(id: String, name: String, spec: Value, now: u64) -> Self {
        Self {
            id,
            name,
            spec,
            state: "pending".to_owned(),
            created: now,
            started: None,
            stopped: None,
            interrupted: false,
            restarts: 0,
            outcome: None,
            pid: None,
            lines: Vec::new(),
            hidden: 0,
        }
    }

    pub(super) fn slug(&self) -> &str {
        self.spec["instanceName"].as_str().unwrap_or_default()
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "stopped" | "completed" | "failed")
    }

    pub(super) fn begin(&mut self, now: u64) {
        "running".clone_into(&mut self.state);
        self.started = Some(now);
    }

    /// Tells it to stop.
    pub(super) fn stop(&mut self, now: u64) {
        match self.pid {
            // It is ending by itself.
            None if matches!(self.state.as_str(), "complete" | "fail") => {}
            Some(pid) => {
                "stopping".clone_into(&mut self.state);
                signal("-TERM", &[pid]);
            }
            None => {
                "stopped".clone_into(&mut self.state);
                self.stopped = Some(now);
            }
        }
    }

    /// Kills all that there is of it, at once.
    pub(super) fn kill(&mut self) {
        if let Some(pid) = self.pid {
            signal("-KILL", &family(pid));
        }
    }

    pub(super) fn shown(&self, _: &State) -> Value {
        let time = |at: Option<u64>| {
            at.map_or_else(
                || "0001-01-01T00:00:00Z".to_owned(),
                |at| timestamp::format(UnixMillis(at)),
            )
        };
        let message = if self.interrupted {
            "the machine was reclaimed"
        } else {
            ""
        };
        json!({
            "id": self.id, "name": self.name, "projectId": super::PROJECT, "state": self.state, "spec": self.spec,
            "message": message, "serverError": "", "createdAt": time(Some(self.created)), "startedAt": time(self.started),
            "readyAt": time(self.started), "stoppedAt": time(self.stopped), "updatedAt": time(self.stopped.or(self.started)),
            "restartCount": self.restarts.to_string(), "interruptionNoticeReceived": self.interrupted,
            "totalCost": if self.started.is_some() { 0.0125 } else { 0.0 }, "urls": {}, "tags": [], "resourceId": self.id,
        })
    }

    /// Entries of its log, with those that are delivered twice.
    pub(super) fn entries(&self) -> Vec<(u64, String)> {
        let there = self.lines.len() - self.hidden;
        let lines = self.lines[..there].iter().enumerate();
        lines
            .flat_map(|(number, line)| {
                let times = if number % TWICE == TWICE - 1 { 2 } else { 1 };
                std::iter::repeat_n(line.clone(), times)
            })
            .collect()
    }
}

fn signal(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = Command::new("kill")
        .arg(signal)
        .args(pids)
        .stderr(Stdio::null())
        .status();
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        if let Some(parent) = fields.and_then(|mut fields| fields.nth(1)?.parse().ok()) {
            parents.entry(parent).or_default().push(child);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        family.extend(parents.get(&family[next]).into_iter().flatten());
        next += 1;
    }
    family
}

/// Gives a job a machine after a while, and sees it through.
pub(super) fn start(cloud: Arc<Cloud>, id: String, body: Value) {
    tokio::spawn(async move {
        tokio::time::sleep(START).await;
        let Some(child) = spawn(&cloud, &id, &body) else {
            return;
        };
        let outcome = watch(&cloud, &id, child).await;
        settle(&cloud, &id, outcome).await;
    });
}

/// None where it was stopped or removed before.
fn spawn(cloud: &Cloud, id: &str, body: &Value) -> Option<Child> {
    let now = cloud.now();
    let mut state = cloud.lock();
    let job = state.job(id).filter(|job| job.state == "pending")?;
    let spec = &body["spec"];
    let disk = cloud.disks.path().join(id);
    fs::create_dir(&disk).ok()?;
    let mut words = spec["entrypoint"].as_str()?.split(' ');
    let mut command = Command::new(words.next()?);
    command
        .args(words)
        .arg(spec["command"].as_str()?)
        .env_clear()
        // The image's own, and the keys that Lightning gives to every job.
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("IMAGE_VERSION", "1")
        // Nobody cleans up after a job that is killed.
        .env("TMPDIR", &disk)
        .env("LIGHTNING_API_KEY", "of-the-teamspace")
        .env("LIGHTNING_USER_ID", super::USER)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for pair in spec["env"].as_array()? {
        command.env(pair["name"].as_str()?, pair["value"].as_str()?);
    }
    let child = tokio::process::Command::from(command).spawn().ok()?;
    job.pid = child.id();
    job.begin(now);
    job.lines.push((now, format!("Pulled {}", spec["image"])));
    Some(child)
}

async fn watch(cloud: &Cloud, id: &str, mut child: Child) -> Option<ExitStatus> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let collect = async {
        tokio::join!(collect(cloud, id, out), collect(cloud, id, err));
    };
    let (status, ()) = tokio::join!(child.wait(), collect);
    status.ok()
}

async fn collect(cloud: &Cloud, id: &str, from: Option<impl AsyncRead + Unpin>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(1..) = from.read_until(b'\n', &mut line).await {
        let now = cloud.now();
        let mut state = cloud.lock();
        if let Some(job) = state.job(id) {
            for part in line.chunks(LINE_BYTES) {
                let text = String::from_utf8_lossy(part);
                // As collectors do: white space at the end, and what colours a terminal.
                let text: String = text.trim_end().chars().filter(|c| !c.is_control()).collect();
                job.lines.push((now, text));
            }
        }
        line.clear();
    }
}

async fn settle(cloud: &Cloud, id: &str, status: Option<ExitStatus>) {
    let now = cloud.now();
    let succeeded = status.is_some_and(|status| status.success());
    let mut last = "stopped";
    if let Some(job) = cloud.lock().job(id) {
        job.pid = None;
        job.hidden = job.lines.len().min(3);
        match job.outcome {
            _ if job.state == "stopping" => {}
            Some(Outcome::Restarted) => {
                job.restarts = 1;
                "restarting".clone_into(&mut job.state);
                return;
            }
            Some(Outcome::Interrupted) => {
                job.interrupted = true;
                (job.state, last) = ("fail".to_owned(), "failed");
            }
            None if succeeded => (job.state, last) = ("complete".to_owned(), "completed"),
            _ => (job.state, last) = ("fail".to_owned(), "failed"),
        }
    }
    tokio::time::sleep(SETTLE).await;
    if let Some(job) = cloud.lock().job(id) {
        last.clone_into(&mut job.state);
        job.stopped = Some(now);
    }
    tokio::time::sleep(LAG).await;
    if let Some(job) = cloud.lock().job(id) {
        job.hidden = 0;
    }
}
