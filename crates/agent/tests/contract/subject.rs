//! A backend with the real agent on this machine, by itself or behind the protocol of programs.

use async_trait::async_trait;
use checkmill_backends::attempt::{AttemptDir, Claim};
use checkmill_backends::contract::ContractSubject;
use checkmill_backends::exec::{self, ExecBackend, ExecSettings};
use checkmill_backends::port::{Backend, Capabilities, Submission, SubmitKey};
use checkmill_backends::process::{AgentCommand, Host, Now, ProcessBackend, ProcessSettings};
use checkmill_core::{Millis, UnixMillis};
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How the backend is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// In this process.
    Process,
    /// As a program, `checkmill-agent backend`.
    Exec,
}

pub(crate) struct Subject {
    via: Via,
    root: tempfile::TempDir,
    idle_root: tempfile::TempDir,
    shared: tempfile::TempDir,
}

/// Long after any time stamp of the file system, so that no job of the tests is past its start deadline by it.
const NOW: u64 = 4_000_000_000_000;

impl Subject {
    pub(crate) fn new(via: Via) -> Self {
        let temp = || tempfile::tempdir().unwrap();
        Self {
            via,
            root: temp(),
            idle_root: temp(),
            shared: temp(),
        }
    }

    fn backend(&self, root: &Path, agent: AgentCommand, now: Now) -> Arc<dyn Backend> {
        let environment: [(OsString, OsString); 2] = [
            ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
            ("AWS_SECRET_ACCESS_KEY".into(), "x".into()),
        ];
        let settings = ProcessSettings::new(root, agent, Host::Machine, &environment, &[], now);
        Arc::new(ProcessBackend::new(settings).unwrap())
    }

    fn agent_pid(&self, id: &str) -> i32 {
        match AttemptDir::new(self.root.path().join(id)).claim().unwrap() {
            Some(Claim::Agent { pid, .. }) => pid,
            other => panic!("{id} is not taken: {other:?}"),
        }
    }
}

pub(crate) fn kill(pids: &[i32]) {
    let pids = pids.iter().map(i32::to_string);
    assert!(
        Command::new("kill")
            .arg("-9")
            .args(pids)
            .status()
            .unwrap()
            .success()
    );
}

pub(crate) fn children(pid: i32) -> Vec<i32> {
    let output = Command::new("pgrep")
        .args(["-P", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

pub(crate) fn submission(key: SubmitKey, script: &str) -> Submission {
    let description = json!({
        "job": key.job.to_string(),
        "attempt": key.attempt.0,
        "name": "contract",
        "checkout": {"clone_url": "file:///nowhere", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"},
        "contexts": {"github": {"event": {}}},
        "env": [],
        "defaults": {},
        "steps": [{"type": "run", "run": script, "shell": "bash"}],
        "outputs": {},
        "timeout_ms": 600_000,
        "callback": null,
    });
    Submission {
        key,
        name: "contract".to_owned(),
        description: serde_json::to_vec(&description).unwrap(),
        secrets: vec![("GITHUB_TOKEN".to_owned(), "ghs_contract".into())],
        labels: Vec::new(),
        queue_timeout: Millis::from_minutes(10),
        run_timeout: Millis::from_minutes(10),
    }
}

pub(crate) fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[async_trait]
impl ContractSubject for Subject {
    async fn controller(&self) -> Arc<dyn Backend> {
        // The static one where `cargo xtask test` has built it.
        let built = || env!("CARGO_BIN_EXE_checkmill-agent").into();
        let agent = std::env::var_os("CHECKMILL_AGENT").unwrap_or_else(built);
        match self.via {
            Via::Process => self.backend(
                self.root.path(),
                AgentCommand::program(agent),
                Arc::new(|| UnixMillis(NOW)),
            ),
            Via::Exec => Arc::new(ExecBackend::new(ExecSettings {
                name: "house".to_owned(),
                program: agent.into(),
                arguments: vec!["backend".into(), "--root".into(), self.root.path().into()],
                environment: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
                capabilities: Capabilities {
                    callback: true,
                    containers: false,
                },
                call: exec::CALL,
            })),
        }
    }

    fn submission(&self, key: SubmitKey, script: &str) -> Submission {
        submission(key, script)
    }

    fn shared(&self) -> &Path {
        self.shared.path()
    }

    fn is_alive(&self, pid: u32) -> bool {
        alive(pid)
    }

    fn kill_agent(&self) -> Option<String> {
        Some("kill -9 $PPID".to_owned())
    }

    async fn vanish(&self, id: &str) -> bool {
        let supervisor = self.agent_pid(id);
        let mut pids = children(supervisor);
        pids.push(supervisor);
        kill(&pids);
        true
    }

    async fn never_starting(&self) -> Option<(Arc<dyn Backend>, Box<dyn Fn() + Send + Sync>)> {
        if self.via == Via::Exec {
            // Its clock is the machine's.
            return None;
        }
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = Arc::clone(&now);
        let agent = AgentCommand {
            program: "/bin/sh".into(),
            arguments: vec![
                "-c".into(),
                "until [ -e \"$2/claim.json\" ]; do sleep 0.1; done".into(),
            ],
        };
        let backend = self.backend(
            self.idle_root.path(),
            agent,
            Arc::new(move || UnixMillis(clock.load(Ordering::SeqCst))),
        );
        let pass = move || {
            now.fetch_add(Millis::from_minutes(10).0, Ordering::SeqCst);
        };
        Some((backend, Box::new(pass)))
    }

    async fn plant_foreign(&self) -> bool {
        fs::write(self.root.path().join("README"), "not ours").unwrap();
        fs::create_dir_all(self.root.path().join("not-a-job")).unwrap();
        true
    }
}
