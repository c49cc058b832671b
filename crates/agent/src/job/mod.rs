//! One job: its steps in order, then its outputs and verdict.

mod archives;
mod artifacts;
mod caches;
mod checkout;
mod composite;
mod containers;
pub mod control;
mod docker;
pub mod fault;
mod finish;
mod frame;
mod hooks;
mod load;
mod reports;
mod script;
mod step;
#[cfg(test)]
mod tests;
mod translated;
mod translated_run;
mod uses;

use crate::actions::Loaded;
use crate::clock::SharedClock;
use crate::container::engine::Engine;
use crate::environment::{self, Variables};
use crate::exec::Graces;
use crate::hash_files::Workspace;
use crate::layout::Layout;
use crate::log::writer::LogWriter;
use crate::report::collect::Reports;
use crate::report::repository::Repository;
use crate::script::inject::Untrusted;
use crate::secrets::Secrets;
use checkmill_core::UnixMillis;
use checkmill_workflow::expr::{JobStatus, Scope, interpolate};
use checkmill_workflow::job::{JOB_TOKEN_VARIABLE, JobDescription, JobResult, JobVerdict, StepResult};
use checkmill_workflow::translation::Wanted;
use checkmill_workflow::uses::ActionReference;
use containers::Containers;
use control::{Control, StopReason};
use fault::Verdict;
use frame::Frame;
use hooks::Post;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a job needs besides its description.
pub struct Surroundings {
    pub layout: Layout,
    pub secrets: Secrets,
    /// The environment that steps begin with: ours without what is ours alone.
    pub environment: Variables,
    pub clock: SharedClock,
    pub control: Control,
    pub graces: Graces,
    /// Before each further try of what the network may have broken.
    pub retry_delays: Vec<Duration>,
}

/// A job under way.
struct JobRunner<'a> {
    description: &'a JobDescription,
    surroundings: &'a Surroundings,
    log: &'a mut LogWriter,
    workspace: Workspace,
    /// What expressions see.
    contexts: Map<String, Value>,
    /// `env` of the workflow and the job, and what steps have added.
    env: Variables,
    /// Of those, the ones that nobody vouches for: made of outputs or the event, or set by a step.
    opaque_env: BTreeSet<String>,
    /// What steps have added to `PATH`, the last one last.
    added_paths: Vec<String>,
    /// By which git finds the token, once a checkout has been asked to leave it.
    credentials: Variables,
    untrusted: Untrusted,
    /// The composite actions that the present step is in, the innermost last.
    frames: Vec<Frame>,
    /// The actions of repositories.
    loaded: BTreeMap<ActionReference, Arc<Loaded>>,
    /// The directories of those repositories.
    fetched: BTreeSet<PathBuf>,
    /// How often each name of a step without an id was given.
    names: BTreeMap<String, usize>,
    /// `github.action`, by the key of the step.
    named: BTreeMap<String, String>,
    /// What actions keep for their later parts, by the key of the step.
    states: BTreeMap<String, Variables>,
    posts: Vec<Post>,
    /// The steps whose action has its last part in `posts`.
    registered: BTreeSet<String>,
    archives_made: u32,
    /// Steps that could not be run and may be translated.
    wanted: Vec<Wanted>,
    /// The step that runs, or one that it is in, may fail (`continue-on-error`).
    tolerated: bool,
    /// The digests of the translations that were used.
    used: Vec<String>,
    /// The keys of the steps for whose actions a script stands.
    replaced: BTreeSet<String>,
    /// The container engine, once it was needed.
    engine: Option<Engine>,
    /// The job's own, while they run.
    containers: Option<Containers>,
    /// Of container actions, by reference.
    images: BTreeMap<String, String>,
    /// Those of them that were built here.
    built: Vec<String>,
    /// Steps before the first of the workflow.
    before_count: usize,
    reports: Reports,
    summary: String,
    results: Vec<StepResult>,
    /// Of the first step that failed the job.
    failure: Option<Verdict>,
    outputs: BTreeMap<String, String>,
}

/// Runs the job to its end. The length of the log is not in the result yet: it is known when the log is closed. Whatever happens there is a result; only a log that can't be written makes it short.
pub async fn run(
    description: &JobDescription,
    surroundings: &Surroundings,
    log: &mut LogWriter,
) -> JobResult {
    let contexts = initial_contexts(description, surroundings);
    let mut runner = JobRunner {
        description,
        surroundings,
        log,
        workspace: Workspace::new(&surroundings.layout.workspace),
        untrusted: Untrusted::of(
            &description.contexts,
            description.own_inputs,
            &description.own_input_names,
        ),
        contexts,
        env: Variables::new(),
        opaque_env: BTreeSet::new(),
        added_paths: Vec::new(),
        frames: Vec::new(),
        loaded: BTreeMap::new(),
        fetched: BTreeSet::new(),
        names: BTreeMap::new(),
        named: BTreeMap::new(),
        states: BTreeMap::new(),
        posts: Vec::new(),
        registered: BTreeSet::new(),
        archives_made: 0,
        wanted: Vec::new(),
        tolerated: false,
        used: Vec::new(),
        replaced: BTreeSet::new(),
        engine: None,
        containers: None,
        images: BTreeMap::new(),
        built: Vec::new(),
        before_count: 0,
        credentials: Variables::new(),
        reports: Reports::new(surroundings.clock.now(), repository(description)),
        summary: String::new(),
        results: Vec::new(),
        failure: None,
        outputs: BTreeMap::new(),
    };
    let ready = match runner.prepare() {
        Ok(()) => runner.set_up().await,
        Err(verdict) => Err(verdict),
    };
    match ready {
        Ok(()) => {
            if runner.start_containers().await {
                runner.before_steps().await;
                runner.steps().await;
                runner.after_steps().await;
            }
            runner.stop_containers().await;
            runner.remove_images().await;
            runner.read_reports();
            runner.job_outputs();
            runner.deployed();
        }
        Err(verdict) => runner.failure = Some(verdict),
    }
    runner.finish()
}

impl JobRunner<'_> {
    /// Makes the directories and computes `env`.
    fn prepare(&mut self) -> Result<(), Verdict> {
        let surroundings = self.surroundings;
        let broken = |error: std::io::Error| {
            let detail = format!("The job's directories could not be prepared: {error}");
            Verdict::new(JobVerdict::Infrastructure, detail)
        };
        surroundings.layout.create().map_err(broken)?;
        let event = self
            .contexts
            .get("github")
            .and_then(|github| github.get("event"))
            .cloned();
        let event = event.unwrap_or_else(|| json!({})).to_string();
        let path = surroundings
            .layout
            .write("event.json", event.as_bytes())
            .map_err(broken)?;
        self.contexts["github"]["event_path"] = path.to_string_lossy().into();
        self.pass_secrets()?;
        let description = self.description;
        for (name, text) in description.env.iter().flatten() {
            let value = interpolate(text, &self.scope()).map_err(|error| {
                let detail = format!("`env` of the job can't be computed: {name}: {error}");
                Verdict::new(JobVerdict::Configuration, detail)
            })?;
            let made = self.opaque_names(&[(name.clone(), text.clone())].into());
            self.opaque_env.remove(name);
            self.opaque_env.extend(made);
            self.env.insert(name.clone(), value);
            self.show_env(None);
        }
        let check = environment::check(&self.env);
        check.map_err(|problem| {
            Verdict::new(
                JobVerdict::Configuration,
                format!("The job can't be run: {problem}"),
            )
        })
    }

    /// Leaves the job the secrets that the workflows which call its own pass on, and its token, which every job has.
    fn pass_secrets(&mut self) -> Result<(), Verdict> {
        for passed in &self.description.secrets {
            let mut contexts = passed.contexts.clone();
            for name in ["github", "vars", "secrets"] {
                let value = self.contexts.get(name).cloned().unwrap_or_else(|| json!({}));
                contexts.insert(name.to_owned(), value);
            }
            let scope = Scope {
                contexts: &contexts,
                status: JobStatus::Success,
                files: None,
            };
            let mut secrets = Map::new();
            for (name, text) in &passed.values {
                let value = interpolate(text, &scope).map_err(|error| {
                    let detail =
                        format!("A secret for the called workflow can't be computed: {name}: {error}");
                    Verdict::new(JobVerdict::Configuration, detail)
                })?;
                self.log.masks_mut().add(&value);
                secrets.insert(name.clone(), value.into());
            }
            if let Some(token) = self.surroundings.secrets.job_token() {
                secrets.insert(JOB_TOKEN_VARIABLE.to_owned(), token.into());
            }
            self.contexts.insert("secrets".to_owned(), secrets.into());
        }
        Ok(())
    }

    async fn steps(&mut self) {
        let description = self.description;
        for (index, step) in description.steps.iter().enumerate() {
            if let Some(fault) = self.log.fault() {
                self.failure = Some(Verdict::new(JobVerdict::Infrastructure, fault.to_owned()));
                return;
            }
            self.step(index, step).await;
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            contexts: &self.contexts,
            status: self.status(),
            files: Some(&self.workspace),
        }
    }

    /// What `success()` and its like answer from: a stop comes before what the steps have done, and inside an action only
    /// its own steps count.
    fn status(&self) -> JobStatus {
        let failed = self
            .frames
            .last()
            .map_or(self.failure.is_some(), |frame| frame.fault.is_some());
        self.status_if(failed)
    }

    fn status_if(&self, failed: bool) -> JobStatus {
        match (self.stopped(), failed) {
            (Some(_), _) => JobStatus::Cancelled,
            (None, true) => JobStatus::Failure,
            (None, false) => JobStatus::Success,
        }
    }

    /// GitHub's word for it in `job.status` and `github.action_status`.
    fn status_text(&self, failed: bool) -> &'static str {
        match self.status_if(failed) {
            JobStatus::Success => "success",
            JobStatus::Failure => "failure",
            JobStatus::Cancelled | JobStatus::Skipped => "cancelled",
        }
    }

    fn stopped(&self) -> Option<StopReason> {
        self.surroundings.control.course().stopped()
    }

    fn now(&self) -> UnixMillis {
        self.surroundings.clock.now()
    }

    /// Puts the variables of the job, and those of a step over them, where expressions see them.
    fn show_env(&mut self, step: Option<&Variables>) {
        let mut env = self.outer_env();
        env.extend(
            step.into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        self.contexts.insert("env".to_owned(), json!(env));
    }

    fn show_status(&mut self) {
        self.contexts["job"]["status"] = self.status_text(self.failure.is_some()).into();
    }
}

/// The job's repository by the URL of its checkout, and by the one that it has for people: `checkmill run` checks out a
/// directory.
fn repository(description: &JobDescription) -> Repository {
    let source = &description.checkout;
    let github = description.contexts.get("github");
    let server = github
        .and_then(|github| github.get("server_url"))
        .and_then(Value::as_str)
        .unwrap_or("https://github.com");
    Repository::of(&[&source.clone_url, &format!("{server}/{}", source.repository)])
}

fn initial_contexts(description: &JobDescription, surroundings: &Surroundings) -> Map<String, Value> {
    let mut contexts = description.contexts.clone();
    let debug = contexts
        .get("vars")
        .and_then(|vars| vars.get("ACTIONS_STEP_DEBUG"));
    let debug = debug
        .and_then(Value::as_str)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    contexts.insert(
        "runner".to_owned(),
        environment::runner(&surroundings.layout, debug),
    );
    let job = contexts.entry("job").or_insert_with(|| json!({}));
    if !job.is_object() {
        *job = json!({});
    }
    job["status"] = "success".into();
    contexts.insert("steps".to_owned(), json!({}));
    contexts.insert("env".to_owned(), json!({}));
    contexts.insert("secrets".to_owned(), surroundings.secrets.context());
    let github = contexts.entry("github").or_insert_with(|| json!({}));
    if !github.is_object() {
        *github = json!({});
    }
    github["workspace"] = surroundings.layout.workspace.to_string_lossy().into();
    if let Some(token) = surroundings.secrets.job_token() {
        github["token"] = token.into();
    }
    contexts
}
