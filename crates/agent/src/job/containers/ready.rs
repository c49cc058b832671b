//! Waiting for the services to be healthy.

use crate::container::engine::Engine;
use crate::container::inspect::{Health, Inspected};
use crate::job::JobRunner;
use crate::job::fault::Fault;
use checkmill_core::limits::SERVICES_READY;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks, at first; each pause is twice the last, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl JobRunner<'_> {
    /// Waits for those that have a health check. GitHub docs: "Initialize containers" goes on once they are healthy.
    pub(super) async fn wait_for_services(&mut self, engine: &Engine) -> Result<(), Fault> {
        let services = self.containers.iter().flat_map(|containers| &containers.services);
        let services: Vec<_> = services
            .map(|service| (service.id.clone(), service.name.clone()))
            .collect();
        let deadline = Instant::now().checked_add(Duration::from_millis(SERVICES_READY.0));
        for (id, name) in services {
            let done = self.wait_for(engine, &id, &name, deadline).await;
            if matches!(done, Err(Fault::Failed(_))) {
                self.show_log(engine, &format!("the service {id}"), &name).await;
                if let Some(containers) = &mut self.containers {
                    containers.services.retain(|service| service.id != id);
                }
            }
            done?;
        }
        Ok(())
    }

    async fn wait_for(
        &mut self,
        engine: &Engine,
        id: &str,
        name: &str,
        deadline: Option<Instant>,
    ) -> Result<(), Fault> {
        let mut pause = PAUSE;
        loop {
            let seen = engine.ask(["inspect", "--type", "container", name]).await;
            let seen = seen
                .and_then(|answer| Inspected::parse(&answer))
                .map_err(|problem| {
                    Fault::Infrastructure(format!("The service {id} can't be looked at: {problem}"))
                })?;
            match seen.health {
                Some(Health::Healthy) => {
                    self.log.text(&format!("The service {id} is healthy."));
                    return Ok(());
                }
                // Docker calls one that has ended unhealthy, too.
                _ if !seen.running && seen.exit_code != 0 => {
                    let code = seen.exit_code;
                    return Err(Fault::Failed(format!(
                        "The service {id} has ended with exit code {code}"
                    )));
                }
                Some(Health::Unhealthy) => {
                    return Err(Fault::Failed(format!("The service {id} is unhealthy")));
                }
                None if !seen.running => {
                    // As with GitHub: what only had something to do may have done it.
                    self.log
                        .text(&format!("##[warning]The service {id} has ended already."));
                    return Ok(());
                }
                None => return Ok(()),
                Some(Health::Starting) => {}
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let minutes = SERVICES_READY.0 / 60_000;
                let problem = format!("The service {id} is not healthy after {minutes} minutes");
                return Err(Fault::Failed(problem));
            }
            if engine.is_podman() {
                // Its own timers are systemd's, which not every machine has. It counts what fails, so not oftener than asked for.
                if engine.ask(["healthcheck", "run", name]).await.is_ok() {
                    continue;
                }
                self.pause(seen.interval).await?;
            } else {
                self.pause(pause).await?;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}
