//! The containers of a job: the one that its steps run in (`container`), and those beside it (`services`).
//!
//! GitHub's runner has the steps "Initialize containers" and "Stop containers" for them, and so have we. All that is made here
//! carries the attempt's key, by which it is removed ([`crate::container::clean`]), whoever does that.

mod end;
mod image;
mod inside;
mod ready;
mod start;

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use crate::container::clean;
use crate::container::engine::Engine;
use crate::container::paths::Paths;
use crate::environment::Variables;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What has been started.
#[derive(Debug)]
pub(super) struct Containers {
    pub(super) engine: Engine,
    pub(super) network: String,
    /// Of the job's container, for the containers of actions too.
    pub(super) volumes: Vec<String>,
    services: Vec<Started>,
    pub(super) job: Option<JobContainer>,
}

/// A container by the id of its service.
#[derive(Debug)]
struct Started {
    id: String,
    name: String,
}

/// The container that steps run in.
#[derive(Debug)]
pub(super) struct JobContainer {
    name: String,
    /// For messages.
    image: String,
    pub(super) paths: Paths,
    /// `PATH` of its image.
    path: String,
    /// The machine's `node`, which is mounted.
    node: Option<PathBuf>,
    /// What programs were found to be called in it, by their names and `PATH`.
    found: BTreeMap<(Vec<String>, String), Option<String>>,
}

impl JobRunner<'_> {
    /// Starts what the job wants; whether its steps can run.
    pub(super) async fn start_containers(&mut self) -> bool {
        let description = self.description;
        let own = description
            .container
            .as_ref()
            .filter(|container| !container.optional);
        if own.is_none() && description.services.is_empty() {
            return true;
        }
        self.before_count += 1;
        let total = description.steps.len() + self.before_count;
        let title = "Initialize containers";
        let begun = self.begin(title, total);
        let env = Variables::new();
        let running = Running {
            key: "containers",
            title: title.to_owned(),
            env: &env,
            opaque: BTreeSet::new(),
            minutes: None,
            deadline: None,
            goes_on: false,
        };
        let done = self.initialize(&running, own).await;
        let started = done.is_ok();
        let outcome = done.map_or_else(Outcome::from, |()| Outcome::default());
        let concluded = self.conclude(None, None, Some(outcome));
        self.end(begun, concluded);
        started
    }

    /// Removes them, and shows what the services have said.
    pub(super) async fn stop_containers(&mut self) {
        let Some(engine) = self.engine.clone() else { return };
        let key = self.engine_key();
        let begun = match &self.containers {
            Some(_) => {
                let total = self.results.len() + 1;
                let begun = self.begin("Stop containers", total);
                self.show_services().await;
                self.give_back().await;
                Some(begun)
            }
            None => None,
        };
        if let Err(problem) = clean::all(&engine, &key).await {
            self.log.text(&format!(
                "##[warning]Some of the job's containers may be left: {problem}."
            ));
        }
        self.containers = None;
        if let Some(begun) = begun {
            let concluded = self.conclude(None, None, Some(Outcome::default()));
            self.end(begun, concluded);
        }
    }

    /// The container that steps run in.
    pub(super) fn job_container(&self) -> Option<&JobContainer> {
        self.containers.as_ref()?.job.as_ref()
    }

    /// The engine of this machine.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(super) async fn find_engine(&mut self) -> Result<Engine, String> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let layout = &self.surroundings.layout;
        let engine = Engine::find(&self.engine_variables(), &layout.workspace).await?;
        clean::note(&layout.attempt(), &engine);
        self.engine = Some(engine.clone());
        Ok(engine)
    }

    /// The attempt's key in labels and names.
    pub(super) fn engine_key(&self) -> String {
        clean::key(&self.description.job, self.description.attempt)
    }

    /// Where the job runs, for messages.
    fn backend(&self) -> String {
        match self.description.backend.as_str() {
            "" => "where it runs".to_owned(),
            name => format!("on the backend {name}, where it runs,"),
        }
    }

    async fn job_engine(&mut self) -> Result<Engine, Fault> {
        let found = self.find_engine().await;
        found.map_err(|why| {
            let what = match self.description.container {
                Some(_) => "The job runs in a container",
                None => "The job has services, which are containers",
            };
            Fault::Configuration(format!(
                "{what}, and {} {why}; install docker or podman there, or choose a machine that has one with `runs-on`",
                self.backend()
            ))
        })
    }

    /// `job.container` and `job.services`.
    fn show_containers(
        &mut self,
        own: Option<&str>,
        services: &BTreeMap<String, (String, BTreeMap<String, String>)>,
    ) {
        let network = self
            .containers
            .as_ref()
            .map(|containers| containers.network.clone());
        let job = &mut self.contexts["job"];
        if let Some(id) = own {
            job["container"] = json!({"id": id, "network": network});
        }
        let service = |(id, (container, ports)): (&String, &(String, BTreeMap<String, String>))| {
            let shown = json!({"id": container, "network": network, "ports": ports});
            (id.clone(), shown)
        };
        let services: serde_json::Map<_, _> = services.iter().map(service).collect();
        job["services"] = services.into();
    }
}
