//! Actions in containers: `runs.using: docker`, and steps with `uses: docker://image`.

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use super::translated::Unrunnable;
use super::uses::Given;
use crate::actions::Loaded;
use crate::actions::inputs::Inputs;
use crate::command_files::CommandFiles;
use crate::container::engine::Engine;
use crate::container::pull::is_refused;
use crate::container::{Container, WORKSPACE, is_local, qualified};
use crate::environment::{self, Variables};
use crate::exec::Program;
use crate::script::shell::split_words;
use checkmill_workflow::expr::interpolate;
use checkmill_workflow::manifest::{DockerImage, DockerRuns};
use checkmill_workflow::translation::Lacking;
use checkmill_workflow::uses::ActionReference;
use serde_json::json;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Which of a container's programs runs.
pub(super) enum Entry<'a> {
    Main,
    /// `pre-entrypoint` or `post-entrypoint`.
    Hook(&'a str),
}

impl JobRunner<'_> {
    /// A step with `uses: docker://image`.
    pub(super) async fn docker_image(
        &mut self,
        running: &Running<'_>,
        reference: &ActionReference,
        image: &str,
        given: &Given,
    ) -> Outcome {
        let runs = DockerRuns {
            image: DockerImage::Registry(image.to_owned()),
            entrypoint: None,
            args: Vec::new(),
            env: Variables::new(),
            pre: None,
            post: None,
        };
        let inputs = match Inputs::of(&[], &given.values, &self.scope()) {
            Ok((inputs, _)) => inputs,
            Err((_, error)) => return Fault::Configuration(error.to_string()).into(),
        };
        self.action_header(running, reference, inputs.values());
        self.docker(running, (reference, None), &runs, &inputs, Entry::Main)
            .await
    }

    /// Builds or pulls the image once, and runs it.
    pub(super) async fn docker(
        &mut self,
        running: &Running<'_>,
        (action, loaded): (&ActionReference, Option<&Loaded>),
        runs: &DockerRuns,
        inputs: &Inputs,
        entry: Entry<'_>,
    ) -> Outcome {
        let reference: &str = &action.to_string();
        let engine = match self.engine(reference).await {
            Ok(engine) if !self.is_translated(running) => engine,
            Err(fault @ Fault::Configuration(_)) => {
                let step = Unrunnable {
                    reference: action,
                    loaded,
                    lacking: Lacking::ContainerEngine,
                    docker: Some(runs),
                    is_main: matches!(entry, Entry::Main),
                };
                return self.translated(running, &step, inputs, fault).await;
            }
            // An engine is not found later than its first use, and a script stands for a step for want of one.
            Ok(_) => return Outcome::default(),
            Err(fault) => return fault.into(),
        };
        let image = match self.image(running, &engine, (reference, loaded), runs).await {
            Ok(image) => image,
            Err(fault) => return fault.into(),
        };
        let files = match self.files(running) {
            Ok(files) => files,
            Err(fault) => return fault.into(),
        };
        let program = match self.container(running, &engine, &image, runs, inputs, &entry, &files) {
            Ok(program) => program,
            Err(fault) => return fault.into(),
        };
        let outcome = self.execute(running, &program, files, Path::new(WORKSPACE)).await;
        if matches!(outcome.fault, Some(Fault::Stopped | Fault::TimedOut { .. })) {
            // The engine's client is gone; its container need not be.
            let name = self.container_name(running);
            let _ = engine.ask(["rm", "--force", &name]).await;
        }
        outcome
    }

    /// The engine that runs an action's container.
    async fn engine(&mut self, reference: &str) -> Result<Engine, Fault> {
        let found = self.find_engine().await;
        found.map_err(|why| {
            Fault::Configuration(format!(
                "The action {reference} runs in a container, and where the job runs {why}; choose a machine that has an \
                 engine with `runs-on`, or do the same in a `run` step"
            ))
        })
    }

    /// The image to run.
    async fn image(
        &mut self,
        running: &Running<'_>,
        engine: &Engine,
        (reference, loaded): (&str, Option<&Loaded>),
        runs: &DockerRuns,
    ) -> Result<String, Fault> {
        if let Some(image) = self.images.get(reference) {
            return Ok(image.clone());
        }
        let cant =
            |problem: String| Fault::Configuration(format!("The action {reference} can't be run: {problem}"));
        let (image, arguments): (String, Vec<OsString>) = match (&runs.image, loaded) {
            (DockerImage::Registry(name), _) => {
                let image = qualified(name);
                (image.clone(), vec!["pull".into(), image.into()])
            }
            (DockerImage::File(file), Some(loaded)) => {
                let file = loaded.place.file("image", file).map_err(cant)?;
                let image = format!("localhost/{}", self.container_name(running));
                let context = file.parent().unwrap_or(loaded.place.directory()).to_owned();
                let arguments = vec![
                    "build".into(),
                    "--tag".into(),
                    image.clone().into(),
                    "--file".into(),
                    file.into(),
                    context.into(),
                ];
                self.built.push(image.clone());
                (image, arguments)
            }
            (DockerImage::File(file), None) => return Err(cant(format!("{file} is the file of no action"))),
        };
        let pulls = arguments[0] == "pull";
        if !pulls || !is_local(&image) {
            let files = self.files(running)?;
            let program = engine.program(arguments);
            self.log.text(&format!("##[group]{} {image}", engine.name));
            let done = self.execute(running, &program, files, Path::new(WORKSPACE)).await;
            self.log.text("##[endgroup]");
            match done.fault {
                None => {}
                Some(fault @ (Fault::Stopped | Fault::TimedOut { .. })) => return Err(fault),
                Some(fault) => {
                    let last = done.tail.last().cloned().unwrap_or_else(|| fault.sentence());
                    let problem = format!("its image {image} is not to be had: {last}");
                    if pulls && !is_refused(&last) {
                        let detail = format!("The action {reference} can't be run: {problem}");
                        return Err(Fault::Infrastructure(detail));
                    }
                    return Err(cant(problem));
                }
            }
        }
        self.images.insert(reference.to_owned(), image.clone());
        Ok(image)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of one command line")]
    fn container(
        &mut self,
        running: &Running<'_>,
        engine: &Engine,
        image: &str,
        runs: &DockerRuns,
        inputs: &Inputs,
        entry: &Entry<'_>,
        files: &CommandFiles,
    ) -> Result<Program, Fault> {
        let (mut arguments, env) = self.filled(runs, inputs)?;
        let given = |name: &str| {
            let values = inputs.values().iter();
            let mut found = values.filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
            found.next().map(|(_, value)| value.clone())
        };
        // The inputs of these names are for what has no action.yml that says so (actions/runner, `ContainerActionHandler.cs`).
        if runs.args.is_empty()
            && let Some(words) = given("args")
        {
            arguments =
                split_words(&words).map_err(|error| Fault::Configuration(format!("args: {error}")))?;
        }
        let entrypoint = match entry {
            Entry::Hook(program) => Some((*program).to_owned()),
            Entry::Main => runs.entrypoint.clone().or_else(|| given("entrypoint")),
        };
        let variables = self.container_variables(running, env, inputs, files);
        let layout = &self.surroundings.layout;
        let (home, temp) = (
            layout.temp.join("_github_home"),
            layout.temp.join("_container_temp"),
        );
        for directory in [&home, &temp] {
            fs::create_dir_all(directory)
                .map_err(|error| Fault::Infrastructure(format!("A directory can't be made: {error}")))?;
        }
        let containers = self.containers.as_ref();
        let container = Container {
            name: self.container_name(running),
            key: &self.engine_key(),
            network: containers.map(|containers| containers.network.as_str()),
            volumes: containers
                .map(|containers| containers.volumes.clone())
                .unwrap_or_default(),
            image,
            entrypoint: entrypoint.as_deref(),
            arguments,
            variables,
            workspace: &layout.workspace,
            home,
            temp,
            event: layout.ours.join("event.json"),
            files,
            socket: !engine.is_podman(),
        };
        let (arguments, passed) = container.command();
        let mut program = engine.program(arguments);
        program.environment.extend(passed);
        Ok(program)
    }

    /// What a container is given: `env` of its action, and not the machine's own variables.
    pub(super) fn container_variables(
        &self,
        running: &Running<'_>,
        env: Variables,
        inputs: &Inputs,
        files: &CommandFiles,
    ) -> Variables {
        let mut variables = env;
        variables.extend(self.outer_env());
        variables.extend(running.env.clone());
        variables.extend(environment::defaults(
            &self.contexts,
            &self.surroundings.layout,
            files,
        ));
        variables.extend(inputs.variables());
        variables.extend(self.state_variables(running));
        variables
    }

    /// `args` and `env` of the action, which see its inputs.
    pub(super) fn filled(
        &mut self,
        runs: &DockerRuns,
        inputs: &Inputs,
    ) -> Result<(Vec<String>, Variables), Fault> {
        let outer = self.replace_steps(json!({}), inputs.context());
        let fill = |text: &String| {
            interpolate(text, &self.scope())
                .map_err(|error| Fault::Configuration(format!("`args` or `env` can't be computed: {error}")))
        };
        let arguments: Result<Vec<String>, Fault> = runs.args.iter().map(fill).collect();
        let env: Result<Variables, Fault> = runs
            .env
            .iter()
            .map(|(name, text)| Ok((name.clone(), fill(text)?)))
            .collect();
        self.replace_steps(outer.0, outer.1);
        Ok((arguments?, env?))
    }

    /// Of letters, digits, `-` and `_`, and no other job's.
    fn container_name(&self, running: &Running<'_>) -> String {
        format!("checkmill-{}-{}", self.engine_key(), running.key)
    }

    /// What the engine finds. What steps in a container have added to `PATH` is not the machine's.
    pub(super) fn engine_variables(&self) -> Variables {
        let mut variables = self.surroundings.environment.clone();
        if self.description.container.is_none() {
            let path = variables.remove("PATH").unwrap_or_default();
            variables.insert("PATH".to_owned(), environment::path(&self.added_paths, &path));
        }
        variables
    }

    /// Removes the images that were built for this job.
    pub(super) async fn remove_images(&mut self) {
        let Some(engine) = self.engine.clone() else { return };
        for image in std::mem::take(&mut self.built) {
            let _ = engine.ask(["rmi", "--force", &image]).await;
        }
    }
}
