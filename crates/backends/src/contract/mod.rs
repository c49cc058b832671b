//! The test that every backend passes. It drives real jobs: what it asks of a backend is what the phases rely on.
//!
//! A backend's own tests make a [`ContractSubject`] and call [`all`]. A broken promise is a panic that says which.

mod cancel;
mod ends;
mod logs;
mod owned;
mod submit;

use crate::port::{Backend, BackendEnd, BackendState, Submission, SubmitKey};
use async_trait::async_trait;
use checkmill_core::{AttemptNumber, DeliveryId, DeploymentId, JobId, JobKey, RunId};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at something that nothing reports.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A backend with its compute, as the contract test needs it.
#[async_trait]
pub trait ContractSubject: Sync {
    /// A new controller of the same jobs, as a restart gives one.
    async fn controller(&self) -> Arc<dyn Backend>;

    /// A submission of a job that runs this script with bash and ends with its exit code.
    fn submission(&self, key: SubmitKey, script: &str) -> Submission;

    /// A directory that the scripts and the test both see.
    fn shared(&self) -> &Path;

    /// Whether a process of the compute lives, by the number that `$$` had in a script.
    fn is_alive(&self, pid: u32) -> bool;

    /// The longest that one promise may take to show.
    fn limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// A script that kills what runs the job's steps, with SIGKILL.
    fn kill_agent(&self) -> Option<String>;

    /// Makes the compute of a running job vanish without a word; whether it could.
    async fn vanish(&self, id: &str) -> bool;

    /// A controller whose jobs are never started, and what lets its start deadline pass.
    async fn never_starting(&self) -> Option<(Arc<dyn Backend>, Box<dyn Fn() + Send + Sync>)>;

    /// Leaves something in the backend that is not ours; whether it could.
    async fn plant_foreign(&self) -> bool;
}

/// Runs the whole contract.
pub async fn all(subject: &impl ContractSubject) {
    submit::the_same_key_starts_one_job(subject).await;
    submit::at_the_same_time_too(subject).await;
    submit::and_after_a_lost_answer(subject).await;
    ends::unknown_ids_are_harmless(subject).await;
    ends::states_come_in_the_order_asked_for(subject).await;
    ends::every_exit_code_arrives(subject).await;
    ends::a_killed_script_is_no_success(subject).await;
    ends::a_killed_agent_is_no_success(subject).await;
    ends::vanished_compute_is_noticed_and_leaves_nothing(subject).await;
    ends::a_job_that_never_starts_is_lost(subject).await;
    ends::a_job_past_its_time_is_stopped_and_says_so(subject).await;
    cancel::a_running_job_ends_with_all_its_processes(subject).await;
    cancel::before_the_start_nothing_runs(subject).await;
    cancel::after_the_end_nothing_changes(subject).await;
    logs::a_log_can_be_cut_anywhere(subject).await;
    logs::a_log_can_be_followed(subject).await;
    logs::ten_megabytes_arrive(subject).await;
    logs::a_log_past_its_limit_keeps_its_beginning_and_end(subject).await;
    owned::only_our_jobs_are_listed(subject).await;
    owned::a_discarded_job_is_forgotten(subject).await;
    owned::a_new_controller_finds_everything(subject).await;
}

/// A job of the contract test, in one place to work in.
struct Case<'a, S> {
    subject: &'a S,
    name: &'static str,
    /// Its own part of the shared directory.
    directory: PathBuf,
}

impl<'a, S: ContractSubject> Case<'a, S> {
    fn new(subject: &'a S, name: &'static str) -> Self {
        let directory = subject.shared().join(name);
        fs::create_dir_all(&directory).expect("the shared directory can be written");
        Self {
            subject,
            name,
            directory,
        }
    }

    /// The key of the case's job with this number.
    fn key(&self, number: u32) -> SubmitKey {
        let delivery: DeliveryId = "contract".parse().expect("a delivery id");
        let run = RunId::derive(&delivery, self.name);
        let key: JobKey = "job".parse().expect("a job key");
        SubmitKey {
            deployment: DeploymentId::derive(self.name),
            job: JobId::derive(&run, &key, &number.to_string()),
            attempt: AttemptNumber::FIRST,
        }
    }

    /// A submission whose script begins in the case's directory.
    fn submission(&self, number: u32, script: &str) -> Submission {
        let script = format!("cd '{}'\n{script}", self.directory.display());
        self.subject.submission(self.key(number), &script)
    }

    async fn submit(&self, backend: &Arc<dyn Backend>, number: u32, script: &str) -> String {
        let submission = self.submission(number, script);
        backend
            .submit(&submission)
            .await
            .unwrap_or_else(|error| panic!("{}: submit: {error}", self.name))
    }

    /// Waits for what a script does.
    async fn appears(&self, file: &str) {
        let path = self.directory.join(file);
        self.within(&format!("{file} appears"), async {
            while !path.exists() {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        })
        .await;
    }

    /// Lets a script go on that waits with `read < FILE`.
    async fn release(&self, file: &str) {
        let path = self.directory.join(file);
        let write = tokio::task::spawn_blocking(move || fs::write(path, "\n"));
        self.within(&format!("{file} is read"), async {
            write.await.expect("no panic").expect("the pipe is there")
        })
        .await;
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap_or_default()
    }

    fn alive(&self, pid_file: &str) -> bool {
        let text = self.read(pid_file);
        let pid = text
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{}: {pid_file} holds {text:?}", self.name));
        self.subject.is_alive(pid)
    }

    async fn poll(&self, backend: &Arc<dyn Backend>, id: &str) -> BackendState {
        let ids = [id.to_owned()];
        let mut states = backend
            .poll(&ids)
            .await
            .unwrap_or_else(|error| panic!("{}: poll: {error}", self.name));
        assert_eq!(states.len(), 1, "{}: one state for one id", self.name);
        states.remove(0)
    }

    async fn end(&self, backend: &Arc<dyn Backend>, id: &str) -> BackendEnd {
        self.within("the job ends", async {
            loop {
                match self.poll(backend, id).await {
                    BackendState::Ended(end) => return end,
                    BackendState::Unknown => panic!("{}: the backend forgot {id}", self.name),
                    BackendState::Pending | BackendState::Running => tokio::time::sleep(LOOK_INTERVAL).await,
                }
            }
        })
        .await
    }

    /// The whole log, read from `offset` on.
    async fn log(&self, backend: &Arc<dyn Backend>, id: &str, mut offset: u64) -> Vec<u8> {
        let mut log = Vec::new();
        loop {
            let chunk = backend
                .log(id, offset)
                .await
                .unwrap_or_else(|error| panic!("{}: log: {error}", self.name));
            assert_eq!(
                chunk.next_offset,
                offset + chunk.bytes.len() as u64,
                "{}: where to go on",
                self.name
            );
            let empty = chunk.bytes.is_empty();
            offset = chunk.next_offset;
            log.extend(chunk.bytes);
            if chunk.complete {
                return log;
            }
            if empty {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
    }

    async fn within<T>(&self, what: &str, wait: impl Future<Output = T>) -> T {
        let limit = self.subject.limit();
        let waited = tokio::time::timeout(limit, wait).await;
        waited.unwrap_or_else(|_| panic!("{}: {what} within {limit:?}", self.name))
    }
}
