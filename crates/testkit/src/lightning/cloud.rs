//! What the service knows.

use super::job::{Job, Outcome};
use super::server::Fault;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub const PROJECT: &str = "p-01";
pub const TEAMSPACE: &str = "ci";
pub const CLUSTER: &str = "c-1";
pub const STUDIO: &str = "cs-01";
pub const USER: &str = "u-01";
pub const KEY: &str = "lightning-api-key";
pub const TOKEN: &str = "lightning-token";

/// Entries of a page where nobody says otherwise.
const PAGE_ENTRIES: usize = 500;

pub(super) struct Cloud {
    pub(super) url: String,
    /// The temporary files of each job, in a directory of its id.
    pub(super) disks: TempDir,
    state: Mutex<State>,
    ahead: AtomicU64,
}

pub(super) struct State {
    pub(super) jobs: Vec<Job>,
    pub(super) taken: BTreeSet<String>,
    pub(super) faults: VecDeque<(String, Fault)>,
    pub(super) requests: Vec<String>,
    pub(super) token: String,
    pub(super) page_entries: Option<usize>,
    pub(super) has_download: bool,
    last_id: u32,
}

impl Cloud {
    pub(super) fn new(url: String) -> std::io::Result<Self> {
        Ok(Self {
            url,
            disks: tempfile::tempdir()?,
            state: Mutex::new(State {
                jobs: Vec::new(),
                taken: BTreeSet::new(),
                faults: VecDeque::new(),
                requests: Vec::new(),
                token: TOKEN.to_owned(),
                page_entries: Some(PAGE_ENTRIES),
                has_download: true,
                last_id: 0,
            }),
            ahead: AtomicU64::new(0),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::disallowed_methods, reason = "its jobs are processes of this machine")]
    pub(super) fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(0) + self.ahead.load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(0);
        self.ahead.fetch_add(by, Ordering::SeqCst);
    }

    /// Makes a job and puts it on a machine by and by; as `GET` shows it.
    pub(super) fn make(self: &Arc<Self>, body: &Value) -> Value {
        let now = self.now();
        let mut state = self.lock();
        let job = state.add(body, now);
        let (id, shown) = (job.id.clone(), job.shown(&state));
        let waits = state.taken.contains(job.slug());
        drop(state);
        if !waits {
            super::job::start(Arc::clone(self), id, body.clone());
        }
        shown
    }

    pub(super) fn plant(&self, name: &str) {
        let now = self.now();
        let mut state = self.lock();
        let body = json!({"name": name, "spec": {"instanceName": "cpu-4"}});
        let id = state.add(&body, now).id;
        if let Some(job) = state.job(&id) {
            job.begin(now);
        }
    }
}

impl State {
    fn add(&mut self, body: &Value, now: u64) -> Job {
        self.last_id += 1;
        let wanted = body["name"].as_str().unwrap_or_default();
        let taken = |name: &str| self.jobs.iter().any(|job| job.name == name);
        let mut names = (2..).map(|number| format!("{wanted}-{number}"));
        let name = if taken(wanted) {
            names.find(|name| !taken(name)).unwrap_or_default()
        } else {
            wanted.to_owned()
        };
        let job = Job::new(
            format!("job_{:04}", self.last_id),
            name,
            body["spec"].clone(),
            now,
        );
        self.jobs.push(job.clone());
        job
    }

    pub(super) fn job(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    pub(super) fn vanish(&mut self, id: &str, interrupted: bool) {
        if let Some(job) = self.job(id) {
            job.outcome = Some(if interrupted {
                Outcome::Interrupted
            } else {
                Outcome::Failed
            });
            job.kill();
        }
    }

    pub(super) fn notice(&mut self, id: &str) {
        if let Some(job) = self.job(id) {
            job.outcome = Some(Outcome::Interrupted);
        }
    }

    pub(super) fn restart(&mut self, id: &str) {
        if let Some(job) = self.job(id) {
            job.outcome = Some(Outcome::Restarted);
            job.kill();
        }
    }

    pub(super) fn end(&mut self) {
        self.jobs.iter_mut().for_each(|job| job.kill());
    }
}
