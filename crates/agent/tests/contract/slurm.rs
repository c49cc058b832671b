//! The Slurm backend on a real cluster.

use crate::subject::{alive, children, kill, submission};
use async_trait::async_trait;
use checkmill_backends::attempt::{AttemptDir, Claim};
use checkmill_backends::contract::ContractSubject;
use checkmill_backends::port::{Backend, Submission, SubmitKey};
use checkmill_backends::slurm::{
    AgentOnNode, Credentials, JobSettings, REQUEST, Row, Server, SlurmBackend, SlurmSettings,
};
use checkmill_core::UnixMillis;
use checkmill_testkit::slurm::{Cluster, Settings};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// The label of jobs that are never started.
const IDLE: &str = "idle";

/// How slurmrestd is reached.
#[derive(Clone, Copy)]
pub(crate) enum Reached {
    ByHttp,
    BySocket,
}

pub(crate) struct SlurmSubject {
    pub(crate) cluster: Arc<Cluster>,
    /// Attempts' directories.
    jobs: tempfile::TempDir,
    shared: tempfile::TempDir,
    server: Server,
}

impl SlurmSubject {
    pub(crate) fn new(reached: Reached) -> Self {
        let cluster = Arc::new(Cluster::start(&Settings::default()).unwrap());
        let server = match reached {
            Reached::BySocket => Server::Unix(cluster.socket()),
            Reached::ByHttp => Server::Http(cluster.url()),
        };
        Self {
            cluster,
            jobs: tempfile::tempdir().unwrap(),
            shared: tempfile::tempdir().unwrap(),
            server,
        }
    }

    fn backend(&self, rows: Vec<Row>) -> Arc<dyn Backend> {
        Arc::new(SlurmBackend::new(self.settings(rows)).unwrap())
    }

    pub(crate) fn settings(&self, rows: Vec<Row>) -> SlurmSettings {
        let key = self.cluster.key_file();
        let built = || env!("CARGO_BIN_EXE_checkmill-agent").into();
        let agent = std::env::var_os("CHECKMILL_AGENT").unwrap_or_else(built);
        SlurmSettings {
            name: "cluster".to_owned(),
            server: self.server.clone(),
            version: "v0.0.38".parse().unwrap(),
            credentials: Credentials::Key(Arc::new(move || {
                fs::read(&key).map_err(|error| error.to_string())
            })),
            user: "root".to_owned(),
            agent: AgentOnNode {
                program: agent.into_string().unwrap(),
                arguments: Vec::new(),
            },
            shared_directory: Some(self.jobs.path().to_owned()),
            environment: BTreeMap::new(),
            accounting: false,
            callback: false,
            containers: false,
            rows,
            request: REQUEST,
            now: Arc::new(now),
        }
    }
}

/// The cluster's tokens are judged by the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the cluster has no other clock")]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn with_descendants(pid: i32) -> Vec<i32> {
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        let below = children(family[next]);
        family.extend(below);
        next += 1;
    }
    family
}

#[async_trait]
impl ContractSubject for SlurmSubject {
    async fn controller(&self) -> Arc<dyn Backend> {
        self.backend(Vec::new())
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

    fn limit(&self) -> Duration {
        // Slurm starts some jobs a second, and a case has many.
        Duration::from_secs(180)
    }

    fn kill_agent(&self) -> Option<String> {
        Some("kill -9 $PPID".to_owned())
    }

    /// The node crashes: all of the job is gone at once, and Slurm hears that the node is down.
    async fn vanish(&self, id: &str) -> bool {
        let key = id.rsplit(':').next().unwrap();
        let attempt = AttemptDir::new(self.jobs.path().join(format!("checkmill-{key}")));
        let Some(Claim::Agent { pid, .. }) = attempt.claim().unwrap() else {
            panic!("{id} is not taken")
        };
        // The agent's shell, and slurmstepd above it.
        let family = with_descendants(parent(parent(pid)));
        kill(&family);
        let dead = || !family.iter().any(|pid| alive(pid.unsigned_abs()));
        self.cluster.until("the job's processes are dead", dead).unwrap();
        self.cluster.set_node("DOWN");
        self.cluster.set_node("RESUME");
        true
    }

    async fn never_starting(&self) -> Option<(Arc<dyn Backend>, Box<dyn Fn() + Send + Sync>)> {
        let row = Row {
            job: JobSettings {
                partition: Some(IDLE.to_owned()),
                ..JobSettings::default()
            },
            ..Row::default()
        };
        let cluster = Arc::clone(&self.cluster);
        let pass = move || {
            for job in cluster
                .squeue("%A %P")
                .lines()
                .filter_map(|line| line.strip_suffix(&format!(" {IDLE}")))
            {
                let job = format!("JobId={job}");
                for change in ["TimeLimit=1", "Deadline=now+62seconds"] {
                    assert_eq!(cluster.scontrol(&["update", &job, change]), "");
                }
            }
        };
        Some((self.backend(vec![row]), Box::new(pass)))
    }

    async fn plant_foreign(&self) -> bool {
        let conf = self.cluster.conf();
        for name in ["of-somebody", "checkmill-of-somebody"] {
            let planted = Command::new("sbatch")
                .env("SLURM_CONF", &conf)
                .args(["--job-name", name, "--output", "/dev/null", "--wrap", "true"])
                .output()
                .unwrap();
            assert!(planted.status.success(), "{planted:?}");
        }
        true
    }
}
