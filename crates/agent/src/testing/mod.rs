//! Help for this crate's tests: a clock that stands still, and a place to run a job in.

pub(crate) mod server;

use crate::clock::{Clock, SharedClock};
use crate::environment::Variables;
use crate::exec::Graces;
use crate::job::control::{Controller, control};
use crate::job::{self, Surroundings};
use crate::layout::Layout;
use crate::log::spill::LOG_LIMITS;
use crate::log::writer::LogWriter;
use crate::secrets::Secrets;
use checkmill_core::UnixMillis;
use checkmill_workflow::job::{JobDescription, JobResult};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Fixed(UnixMillis);

impl Clock for Fixed {
    fn now(&self) -> UnixMillis {
        self.0
    }
}

/// Says loudly that a test can't run here, and leaves word of it for `cargo xtask test`, which counts.
pub(crate) fn skipped(what: &str, why: &str) {
    println!("SKIPPED: {what} — {why}");
    if let Some(directory) = std::env::var_os("CHECKMILL_SKIPPED") {
        let name = std::thread::current().name().unwrap_or("test").replace(':', "_");
        std::fs::write(Path::new(&directory).join(name), format!("{what} — {why}\n")).unwrap();
    }
}

/// A clock that stands still.
pub(crate) fn clock_at(millis: u64) -> SharedClock {
    Arc::new(Fixed(UnixMillis(millis)))
}

pub(crate) const JOB_TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";
pub(crate) const CALLBACK_TOKEN: &str = "cm1.c29tZSBjbGFpbXM.dGhlaXIgc2lnbmF0dXJl";

/// A job to run, with everything that a test may want to change.
pub(crate) struct World {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) description: Value,
    pub(crate) surroundings: Surroundings,
    pub(crate) controller: Controller,
}

/// What is seen of a job that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) result: JobResult,
    pub(crate) exit_code: u8,
    /// Without times; our directories as `$WORK` and so on.
    pub(crate) log: String,
}

impl World {
    /// A job with these steps.
    pub(crate) fn new(steps: Value) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let environment = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", temp.path().to_str().unwrap()),
            ("GITHUB_TOKEN", JOB_TOKEN),
            ("CHECKMILL_CALLBACK_TOKEN", CALLBACK_TOKEN),
        ];
        let environment: Variables = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let (secrets, environment) = Secrets::split(environment);
        let (controller, control) = control();
        let surroundings = Surroundings {
            layout: Layout::new(temp.path(), "octo/hello"),
            secrets,
            environment,
            clock: clock_at(0),
            control,
            graces: Graces {
                interrupt: Duration::from_secs(5),
                terminate: Duration::from_secs(5),
            },
            retry_delays: vec![Duration::ZERO],
        };
        Self {
            description: description(steps),
            temp,
            surroundings,
            controller,
        }
    }

    /// Sets a field of the description.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.description[field] = value;
        self
    }

    pub(crate) fn attempt(&self) -> &Path {
        self.temp.path()
    }

    pub(crate) async fn run(&self) -> Ran {
        self.run_while(async {}).await
    }

    /// Runs the job and, beside it, `meanwhile`.
    pub(crate) async fn run_while(&self, meanwhile: impl Future<Output = ()>) -> Ran {
        let description: JobDescription = serde_json::from_value(self.description.clone()).unwrap();
        let masks = self.surroundings.secrets.masks();
        let clock = self.surroundings.clock.clone();
        let mut log = LogWriter::create(self.attempt(), "log", clock, LOG_LIMITS, masks).unwrap();
        let job = job::run(&description, &self.surroundings, &mut log);
        let both = async { tokio::join!(job, meanwhile).0 };
        let limited = tokio::time::timeout(Duration::from_secs(60), both);
        let result = limited.await.expect("the job ends within a minute");
        log.finish().unwrap();
        let log = std::fs::read_to_string(self.attempt().join("log")).unwrap();
        Ran {
            exit_code: crate::result::exit_code(&result),
            result,
            log: self.plain(&log),
        }
    }

    fn plain(&self, log: &str) -> String {
        let layout = &self.surroundings.layout;
        let mut log = log.replace("1970-01-01T00:00:00.000Z ", "");
        for (path, name) in [
            (&layout.workspace, "$WORKSPACE"),
            (&layout.ours, "$OURS"),
            (&layout.temp, "$TEMP"),
        ] {
            log = log.replace(path.to_str().unwrap(), name);
        }
        log.replace(self.attempt().to_str().unwrap(), "$ATTEMPT")
            .trim_end()
            .to_owned()
    }
}

/// A description with these steps.
pub(crate) fn description(steps: Value) -> Value {
    json!({
        "job": "0123456789abcdef-01234567",
        "attempt": 1,
        "name": "ci / test",
        "checkout": {"clone_url": "file:///nowhere", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"},
        "contexts": {
            "github": {
                "sha": "a".repeat(40), "ref": "refs/heads/main", "ref_name": "main", "repository": "octo/hello",
                "run_number": 7, "event_name": "push", "event": {"after": "a".repeat(40)},
            },
            "vars": {}, "inputs": {}, "matrix": {"os": "linux"}, "strategy": {}, "needs": {},
        },
        "env": [],
        "defaults": {},
        "steps": steps,
        "outputs": {},
        "timeout_ms": 60_000,
        "callback": null,
    })
}

/// A `run` step.
pub(crate) fn run(script: &str) -> Value {
    json!({"type": "run", "run": script})
}

/// A `run` step with further keys.
pub(crate) fn run_with(script: &str, keys: Value) -> Value {
    let mut step = run(script);
    step.as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    step
}

/// Ready when the file is there. For what a process does at its own time; the limit is far beyond that.
pub(crate) async fn appears(path: &Path) {
    let look = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), look)
        .await
        .expect("the file appears within 30 s");
}
