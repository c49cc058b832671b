//! What a process backend needs to know. Callers read the environment; this module doesn't.

use super::host::Host;
use crate::environment;
use checkmill_core::{Millis, UnixMillis};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The present time.
pub type Now = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// From the start of the agent's process until it must have taken its job: it only has to load. Past it the attempt is lost.
pub const START_DEADLINE: Millis = Millis::from_secs(60);

/// The container engines that the agent can use.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// What becomes of jobs when the process that has started them ends, in whatever way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// They go on: whoever opens the same root finds them.
    GoOn,
    /// They are stopped, as by a cancel: nobody will ever look for them.
    Stop,
}

#[derive(Clone)]
pub struct ProcessSettings {
    /// Where attempts have their directories; made if it isn't there.
    pub root: PathBuf,
    pub agent: AgentCommand,
    pub host: Host,
    /// The environment that agents start with, already cut down by [`ProcessSettings::new`].
    pub environment: Vec<(OsString, OsString)>,
    pub start_deadline: Millis,
    /// [`Orphans::GoOn`], unless it is set.
    pub orphans: Orphans,
    pub now: Now,
}

/// How to call the agent. `run --dir DIR` or `reap --dir DIR` is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

impl AgentCommand {
    /// A program that is the agent and nothing else (`checkmill-agent`).
    #[must_use]
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
        }
    }

    /// A program that acts as the agent when its first argument is `agent`: the command `checkmill`, given its own path.
    #[must_use]
    pub fn subcommand(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: vec!["agent".into()],
        }
    }
}

impl ProcessSettings {
    /// `environment` is the caller's whole environment, of which agents get the harmless part and the variables named in
    /// `passed`.
    #[must_use]
    pub fn new(
        root: impl Into<PathBuf>,
        agent: AgentCommand,
        host: Host,
        environment: &[(OsString, OsString)],
        passed: &[String],
        now: Now,
    ) -> Self {
        Self {
            root: root.into(),
            agent,
            host,
            environment: environment::allowed(environment, passed),
            start_deadline: START_DEADLINE,
            orphans: Orphans::GoOn,
            now,
        }
    }

    /// Whether a container engine is installed where agents find it. Whether it answers, the agent asks.
    #[must_use]
    pub fn has_engine(&self) -> bool {
        let path = self.environment.iter().find(|(name, _)| name == "PATH");
        let path = path.map(|(_, path)| path.clone()).unwrap_or_default();
        std::env::split_paths(&path).any(|directory| {
            ENGINES.iter().any(|name| {
                let file = directory.join(name).metadata();
                file.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
            })
        })
    }
}
