//! Making and starting the job's containers.

use super::{Containers, JobContainer, Started};
use crate::container::clean::label;
use crate::container::create::Create;
use crate::container::engine::Engine;
use crate::container::inspect::Inspected;
use crate::container::paths::{HOME, Paths};
use crate::container::{NODE, SOCKET};
use crate::environment::{self, Variables};
use crate::job::JobRunner;
use crate::job::fault::Fault;
use crate::job::script::DEFAULT_PATH;
use crate::job::step::Running;
use checkmill_workflow::expr::interpolate;
use checkmill_workflow::job::Container;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the job's container does while steps run in it, as with GitHub's runner.
const IDLE: [&str; 3] = ["tail", "-f", "/dev/null"];

/// git refuses a repository of another user, and whoever a container's user is, the workspace is the job's own.
const GIT_CONFIG: &str = "[safe]\n\tdirectory = *\n";

impl JobRunner<'_> {
    pub(super) async fn initialize(
        &mut self,
        running: &Running<'_>,
        own: Option<&Container>,
    ) -> Result<(), Fault> {
        if self.stopped().is_some() {
            return Err(Fault::Stopped);
        }
        let engine = self.job_engine().await?;
        let description = self.description;
        let mut images = Vec::with_capacity(description.services.len());
        for service in &description.services {
            let what = format!("the service {}", service.id);
            images.push(self.pull(running, &engine, &what, &service.container).await?);
        }
        let own_image = match own {
            Some(container) => Some(
                self.pull(running, &engine, "the job's container", container)
                    .await?,
            ),
            None => None,
        };
        self.make_network(&engine, own).await?;
        let mut shown = BTreeMap::new();
        let mut hosts = Vec::new();
        for (service, image) in description.services.iter().zip(&images) {
            let seen = self
                .start_service(&engine, &service.id, &service.container, image, &hosts)
                .await?;
            hosts.extend(seen.address.map(|address| (service.id.clone(), address)));
            shown.insert(service.id.clone(), (seen.id, seen.ports));
        }
        let mut id = None;
        if let (Some(container), Some(image)) = (own, own_image) {
            id = Some(self.start_own(&engine, container, &image, &hosts).await?);
        }
        self.show_containers(id.as_deref(), &shown);
        self.wait_for_services(&engine).await
    }

    async fn make_network(&mut self, engine: &Engine, own: Option<&Container>) -> Result<(), Fault> {
        let network = format!("checkmill-{}", self.engine_key());
        let label = label(&self.engine_key());
        self.log
            .text(&format!("The network of the job's containers is {network}."));
        engine
            .ask(["network", "create", "--label", &label, &network])
            .await
            .map_err(|problem| {
                Fault::Infrastructure(format!("The job's network can't be made: {problem}"))
            })?;
        self.containers = Some(Containers {
            engine: engine.clone(),
            network,
            volumes: Vec::new(),
            services: Vec::new(),
            job: None,
        });
        let description = self.description;
        let services = description.services.iter().map(|service| &service.container);
        let all = own
            .into_iter()
            .chain(services)
            .flat_map(|container| &container.volumes);
        let named: BTreeSet<String> = all.filter_map(|volume| self.volume_name(volume)).collect();
        for name in named {
            let made = engine.ask(["volume", "create", "--label", &label, &name]).await;
            made.map_err(|problem| Fault::Infrastructure(format!("A volume can't be made: {problem}")))?;
        }
        Ok(())
    }

    /// A named volume is the job's alone, as on a machine that is thrown away.
    fn volume_name(&self, volume: &str) -> Option<String> {
        let (source, _) = volume.split_once(':')?;
        (!source.starts_with('/')).then(|| format!("checkmill-{}-{source}", self.engine_key()))
    }

    /// As the engine has it.
    fn volume(&self, volume: &str) -> String {
        let Some((source, rest)) = volume.split_once(':') else {
            return volume.to_owned();
        };
        let source = match self.volume_name(volume) {
            Some(name) => name,
            None => match Paths::new(&self.surroundings.layout).outside(Path::new(source)) {
                Some(path) => path.to_string_lossy().into_owned(),
                None => source.to_owned(),
            },
        };
        format!("{source}:{rest}")
    }

    /// `env` of a container.
    fn container_env(&self, what: &str, container: &Container) -> Result<Variables, Fault> {
        let mut variables = Variables::new();
        for (name, text) in &container.env {
            let value = interpolate(text, &self.scope()).map_err(|error| {
                Fault::Configuration(format!("`env` of {what} can't be computed: {name}: {error}"))
            })?;
            variables.insert(name.clone(), value);
        }
        environment::check(&variables).map_err(Fault::Configuration)?;
        Ok(variables)
    }

    async fn start_service(
        &mut self,
        engine: &Engine,
        id: &str,
        container: &Container,
        image: &str,
        hosts: &[(String, String)],
    ) -> Result<Inspected, Fault> {
        let what = format!("The service {id}");
        let key = self.engine_key();
        let name = format!("checkmill-{key}-{}", id.to_ascii_lowercase());
        let create = Create {
            name: &name,
            key: &key,
            network: &self.network(),
            alias: Some(id),
            hosts,
            image,
            ports: &container.ports,
            volumes: container
                .volumes
                .iter()
                .map(|volume| self.volume(volume))
                .collect(),
            options: &container.options,
            variables: self.container_env(&what, container)?,
            mounts: Vec::new(),
            read_only: Vec::new(),
            directory: None,
            entrypoint: container.entrypoint.as_deref(),
            command: container.command.clone(),
        };
        let started = Started {
            id: id.to_owned(),
            name: name.clone(),
        };
        let seen = self.start(engine, &what, &create).await?;
        if let Some(containers) = &mut self.containers {
            containers.services.push(started);
        }
        Ok(seen)
    }

    /// Starts the container that steps run in; its id.
    async fn start_own(
        &mut self,
        engine: &Engine,
        container: &Container,
        image: &str,
        hosts: &[(String, String)],
    ) -> Result<String, Fault> {
        let what = "The job's container";
        let key = self.engine_key();
        let name = format!("checkmill-{key}-job");
        let layout = &self.surroundings.layout;
        let paths = Paths::new(layout);
        fs::create_dir_all(layout.home())
            .and_then(|()| fs::create_dir_all(&layout.tool_cache))
            .and_then(|()| fs::write(layout.home().join(".gitconfig"), GIT_CONFIG))
            .map_err(|error| Fault::Infrastructure(format!("{what} can't be prepared: {error}")))?;
        let mut variables: Variables = [("HOME", HOME), ("CI", "true"), ("GITHUB_ACTIONS", "true")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        variables.extend(self.container_env(what, container)?);
        let mut mounts: Vec<_> = paths.mounts().collect();
        if container.engine_socket && !engine.is_podman() && Path::new(SOCKET).exists() {
            mounts.push((SOCKET.into(), SOCKET.to_owned()));
        }
        let node = self.machines_node();
        let volumes: Vec<String> = container
            .volumes
            .iter()
            .map(|volume| self.volume(volume))
            .collect();
        let create = Create {
            name: &name,
            key: &key,
            network: &self.network(),
            alias: None,
            hosts,
            image,
            ports: &container.ports,
            volumes: volumes.clone(),
            options: &container.options,
            variables,
            mounts,
            read_only: node.iter().map(|node| (node.clone(), NODE.to_owned())).collect(),
            directory: Some(paths.inside(&layout.workspace)),
            entrypoint: Some(IDLE[0]),
            command: IDLE[1..].iter().map(|word| (*word).to_owned()).collect(),
        };
        let seen = self.start(engine, what, &create).await?;
        if !seen.running {
            self.show_log(engine, "the job's container", &name).await;
            return Err(Fault::Configuration(format!(
                "{what} has ended at once, with exit code {}; its image must have `tail` and `sh`",
                seen.exit_code
            )));
        }
        let path = seen.variable("PATH").unwrap_or(DEFAULT_PATH).to_owned();
        if let Some(containers) = &mut self.containers {
            containers.volumes = volumes;
            containers.job = Some(JobContainer {
                name,
                image: container.image.clone(),
                paths,
                path,
                node,
                found: BTreeMap::new(),
            });
        }
        Ok(seen.id)
    }

    /// The program itself, where it is not a link to one.
    fn machines_node(&self) -> Option<PathBuf> {
        let environment = &self.surroundings.environment;
        let path = environment.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        let found = environment::find_program("node", path, Path::new("/"))?;
        found.canonicalize().ok()
    }

    fn network(&self) -> String {
        let containers = self.containers.as_ref();
        containers
            .map(|containers| containers.network.clone())
            .unwrap_or_default()
    }

    async fn start(&mut self, engine: &Engine, what: &str, create: &Create<'_>) -> Result<Inspected, Fault> {
        let (arguments, passed) = create.command();
        self.log
            .text(&format!("{what} is {} ({}).", create.name, create.image));
        let refused = |problem: String| not_started(what, &problem);
        engine.ask_with(arguments, &passed).await.map_err(refused)?;
        engine.ask(["start", create.name]).await.map_err(refused)?;
        let seen = engine.ask(["inspect", "--type", "container", create.name]).await;
        seen.and_then(|answer| Inspected::parse(&answer)).map_err(refused)
    }
}

/// A port that another job has is the machine's matter; most else is the workflow's: options, volumes, a program that the
/// image does not have.
fn not_started(what: &str, problem: &str) -> Fault {
    let lower = problem.to_ascii_lowercase();
    if ["already allocated", "already in use", "port is in use"]
        .iter()
        .any(|words| lower.contains(words))
    {
        return Fault::Infrastructure(format!(
            "{what} can't be started: {problem}; a port without one of the machine's before it (`- 5432`) is never taken, and \
             `job.services.<service_id>.ports` tells which it is"
        ));
    }
    if ["says nothing within", "cannot connect", "no space left"]
        .iter()
        .any(|words| lower.contains(words))
    {
        return Fault::Infrastructure(format!("{what} can't be started: {problem}"));
    }
    Fault::Configuration(format!("{what} can't be started: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::not_started;
    use crate::job::fault::Fault;

    #[test]
    fn whose_fault_it_is_that_a_container_does_not_start() {
        for (problem, configuration) in [
            ("Bind for 127.0.0.1:5432 failed: port is already allocated", false),
            ("listen tcp4 127.0.0.1:5432: bind: address already in use", false),
            ("it says nothing within 30 s", false),
            (
                "exec: \"/run.sh\": stat /run.sh: no such file or directory: unknown",
                true,
            ),
            ("invalid argument \"x\" for \"--memory\" flag: invalid size", true),
        ] {
            let fault = not_started("The service db", problem);
            assert_eq!(
                matches!(fault, Fault::Configuration(_)),
                configuration,
                "{problem}"
            );
        }
    }
}
