//! The end of the job's containers: what they have said, and whose its files are.

use crate::container::engine::Engine;
use crate::job::JobRunner;
use checkmill_core::limits::CONTAINER_LOG_LINES;
use rustix::process::{getgid, getuid};

impl JobRunner<'_> {
    /// Shows what the services have said.
    pub(super) async fn show_services(&mut self) {
        let Some(containers) = &self.containers else {
            return;
        };
        let engine = containers.engine.clone();
        let services: Vec<_> = containers
            .services
            .iter()
            .map(|service| (format!("the service {}", service.id), service.name.clone()))
            .collect();
        for (what, name) in services {
            self.show_log(&engine, &what, &name).await;
        }
    }

    /// The last lines of a container's output, folded.
    pub(super) async fn show_log(&mut self, engine: &Engine, what: &str, name: &str) {
        let lines = CONTAINER_LOG_LINES.to_string();
        self.log.text(&format!("##[group]Log of {what}"));
        match engine.said(["logs", "--tail", &lines, name]).await {
            Ok(said) => drop(self.log.output(said.trim_end())),
            Err(problem) => drop(self.log.text(&format!("##[warning]It can't be read: {problem}."))),
        }
        self.log.text("##[endgroup]");
    }

    /// What a container's root has written is root's where the engine runs as root; whoever we are must be able to remove it.
    pub(super) async fn give_back(&mut self) {
        let Some(containers) = &self.containers else {
            return;
        };
        let Some(job) = &containers.job else { return };
        let engine = &containers.engine;
        if engine.is_podman() || getuid().is_root() {
            return;
        }
        let security = engine.ask(["info", "--format", "{{.SecurityOptions}}"]).await;
        if security.is_ok_and(|options| options.contains("rootless")) {
            return;
        }
        let owner = format!("{}:{}", getuid().as_raw(), getgid().as_raw());
        let work = checkmill_workflow::job::CONTAINER_WORK;
        // An image without `chown` leaves its files to the machine's administrator, as GitHub's runner does.
        let _ = engine
            .ask(["exec", "--user", "0", &job.name, "chown", "-R", &owner, work])
            .await;
    }
}
