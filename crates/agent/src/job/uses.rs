//! A `uses` step.

use super::JobRunner;
use super::docker::Entry;
use super::fault::Fault;
use super::frame::Origin;
use super::hooks::{Post, PostKind};
use super::step::{Outcome, Running};
use super::translated::Unrunnable;
use crate::actions::Loaded;
use crate::actions::inputs::Inputs;
use crate::command_files::CommandFiles;
use crate::environment;
use crate::exec::Program;
use checkmill_workflow::expr::{interpolate, opaque_references, untrusted_references_of_action};
use checkmill_workflow::manifest::Runs;
use checkmill_workflow::translation::Lacking;
use checkmill_workflow::uses::{ActionReference, Builtin};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// `with`, its expressions filled in.
pub(super) struct Given {
    pub(super) values: BTreeMap<String, String>,
    pub(super) origin: Origin,
}

/// Inputs of built-in actions that hold a secret, whatever it is called outside.
fn is_token(name: &str) -> bool {
    ["token", "github-token", "ssh-key"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

impl JobRunner<'_> {
    pub(super) async fn uses(
        &mut self,
        running: &Running<'_>,
        reference: &ActionReference,
        with: &BTreeMap<String, String>,
    ) -> Outcome {
        let given = match self.given(with) {
            Ok(given) => given,
            Err(fault) => return fault.into(),
        };
        match reference {
            ActionReference::Builtin { action, .. } => {
                // Before the log shows the inputs.
                let tokens = given.values.iter().filter(|(name, _)| is_token(name));
                tokens.for_each(|(_, value)| self.log.masks_mut().add(value));
                self.action_header(running, reference, &given.values);
                self.builtin(running, *action, &given.values).await
            }
            ActionReference::Docker { image } => {
                if let Err(fault) = self.allowed(reference) {
                    return fault.into();
                }
                self.docker_image(running, reference, image, &given).await
            }
            ActionReference::Local(_) | ActionReference::Repository(_) => {
                let loaded = match self.load(reference).await {
                    Ok(loaded) => loaded,
                    Err(fault) => return fault.into(),
                };
                self.main(running, &loaded, &given).await
            }
        }
    }

    /// Fills `with`.
    pub(super) fn given(&self, with: &BTreeMap<String, String>) -> Result<Given, Fault> {
        let untrusted = self.untrusted_references();
        let env = &self.opaque_env();
        let mut given = Given {
            values: BTreeMap::new(),
            origin: Origin::Workflow,
        };
        for (name, text) in with {
            let value = interpolate(text, &self.scope()).map_err(|error| {
                Fault::Configuration(format!("`with` can't be computed: {name}: {error}"))
            })?;
            let origin = if !untrusted(text).is_empty() || self.untrusted.is_in(&value) {
                Origin::Outsiders
            } else if !opaque_references(text, self.opaque(env)).is_empty() {
                Origin::Made
            } else {
                Origin::Workflow
            };
            given.origin = given.origin.max(origin);
            given.values.insert(name.clone(), value);
        }
        Ok(given)
    }

    async fn builtin(
        &mut self,
        running: &Running<'_>,
        action: Builtin,
        with: &BTreeMap<String, String>,
    ) -> Outcome {
        let with = &match self.outside_paths(with) {
            Ok(with) => with,
            Err(fault) => return fault.into(),
        };
        match action {
            Builtin::Checkout => self.checkout(running, with).await,
            Builtin::UploadArtifact
            | Builtin::DownloadArtifact
            | Builtin::Cache
            | Builtin::CacheRestore
            | Builtin::CacheSave => self.archives(running, action, with).await,
        }
    }

    /// What is built in runs beside the job's container, and names its directories as the machine does.
    fn outside_paths(&self, with: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
        let mut with = with.clone();
        if let Some(path) = with.get_mut("path") {
            *path = self.outside_lines(path)?;
        }
        Ok(with)
    }

    /// The middle part of an action, which registers the last.
    async fn main(&mut self, running: &Running<'_>, loaded: &Arc<Loaded>, given: &Given) -> Outcome {
        let replaced = self.enter_action(loaded);
        let outcome = match self.inputs(loaded, &given.values) {
            Ok(inputs) => {
                self.action_header(running, &loaded.reference, inputs.values());
                self.register(running, loaded, &inputs);
                match &loaded.manifest.runs {
                    Runs::Composite { steps, outputs } => {
                        let origin = given.origin.max(Self::origin_of_defaults(loaded));
                        self.composite(running, loaded, origin, &inputs, (steps, outputs))
                            .await
                    }
                    Runs::JavaScript { using, main, .. } => {
                        self.javascript(running, loaded, &inputs, using, ("main", main))
                            .await
                    }
                    Runs::Docker(docker) => {
                        let action = (&loaded.reference, Some(&**loaded));
                        self.docker(running, action, docker, &inputs, Entry::Main).await
                    }
                }
            }
            Err(fault) => fault.into(),
        };
        self.leave_action(replaced);
        outcome
    }

    /// Of the inputs that are not given: a default may read the event.
    pub(super) fn origin_of_defaults(loaded: &Loaded) -> Origin {
        let defaults = loaded
            .manifest
            .inputs
            .iter()
            .filter_map(|input| input.default.as_deref());
        let mut events = defaults.filter(|text| !untrusted_references_of_action(text).is_empty());
        events.next().map_or(Origin::Workflow, |_| Origin::Made)
    }

    /// The action's inputs; what is odd about them is in the log.
    pub(super) fn inputs(
        &mut self,
        loaded: &Loaded,
        given: &BTreeMap<String, String>,
    ) -> Result<Inputs, Fault> {
        match Inputs::of(&loaded.manifest.inputs, given, &self.scope()) {
            Ok((inputs, odd)) => {
                for problem in odd.0 {
                    self.log.text(&format!("##[warning]{problem}."));
                }
                Ok(inputs)
            }
            Err((name, error)) => Err(Fault::Configuration(format!(
                "The default of the input {name} of {} can't be computed: {error}",
                loaded.reference
            ))),
        }
    }

    /// Keeps the action's last part for the end of the job, once.
    pub(super) fn register(&mut self, running: &Running<'_>, loaded: &Arc<Loaded>, inputs: &Inputs) {
        let Some(hook) = loaded.manifest.post() else {
            return;
        };
        if !self.registered.insert(running.key.to_owned()) {
            return;
        }
        self.posts.push(Post {
            key: running.key.to_owned(),
            title: running.title.clone(),
            condition: hook.condition.clone(),
            env: self.step_layer(running),
            kind: PostKind::Action {
                loaded: loaded.clone(),
                inputs: inputs.clone(),
                program: hook.program.clone(),
            },
        });
    }

    /// What the step and those it is in put over the job's variables.
    pub(super) fn step_layer(&self, running: &Running<'_>) -> environment::Variables {
        let mut env = environment::Variables::new();
        for frame in &self.frames {
            env.extend(frame.env.clone());
        }
        env.extend(running.env.clone());
        env
    }

    /// One of a JavaScript action's programs.
    pub(super) async fn javascript(
        &mut self,
        running: &Running<'_>,
        loaded: &Loaded,
        inputs: &Inputs,
        using: &str,
        (what, file): (&str, &str),
    ) -> Outcome {
        let reference = &loaded.reference;
        let file = match loaded.place.file(what, file) {
            Ok(file) => file,
            Err(problem) => {
                return Fault::Configuration(format!("The action {reference} can't be run: {problem}"))
                    .into();
            }
        };
        let files = match self.files(running) {
            Ok(files) => files,
            Err(fault) => return fault.into(),
        };
        if self.job_container().is_some() {
            return self
                .javascript_inside(running, loaded, inputs, using, (&file, files))
                .await;
        }
        let environment = self.action_variables(running, inputs, &files);
        let workspace = &self.surroundings.layout.workspace;
        let path = self.path_and_own(&environment["PATH"]);
        let node = environment::find_program("node", &path, workspace);
        let Some(node) = node.filter(|_| !self.is_translated(running)) else {
            let fault = Fault::Configuration(format!(
                "The action {reference} is a JavaScript action ({using}) and there is no `node` where the job runs; \
                 install Node.js there, choose a machine that has it with `runs-on`, or do the same in a `run` step"
            ));
            let step = Unrunnable {
                reference,
                loaded: Some(loaded),
                lacking: Lacking::Node,
                docker: None,
                is_main: what == "main",
            };
            return self.translated(running, &step, inputs, fault).await;
        };
        let program = Program {
            path: node,
            arguments: vec![file.into()],
            directory: workspace.clone(),
            environment,
        };
        self.execute(running, &program, files, workspace).await
    }

    /// The same in the job's container.
    async fn javascript_inside(
        &mut self,
        running: &Running<'_>,
        loaded: &Loaded,
        inputs: &Inputs,
        using: &str,
        (file, files): (&Path, CommandFiles),
    ) -> Outcome {
        let Some(container) = self.job_container() else {
            return Outcome::default();
        };
        let mut environment = self.inside_variables(container, running.env, &files, &[]);
        environment.extend(inputs.variables());
        environment.extend(self.state_variables(running));
        let arguments = vec![container.paths.inside(file).into()];
        let directory = container.paths.inside(&self.surroundings.layout.workspace).into();
        let node = match self.node_inside(&environment["PATH"]).await {
            Ok(Ok(node)) => node,
            Ok(Err(why)) => {
                return Fault::Configuration(format!(
                    "The action {} is a JavaScript action ({using}), and the job's container can't run it: {why}; choose an \
                     image that has Node.js, or do the same in a `run` step",
                    loaded.reference
                ))
                .into();
            }
            Err(fault) => return fault.into(),
        };
        let program = Program {
            path: node.into(),
            arguments,
            directory,
            environment,
        };
        self.execute_inside(running, &program, files).await
    }

    /// The variables of an action's program: those of a script, its inputs, and what an earlier part of it has kept.
    pub(super) fn action_variables(
        &self,
        running: &Running<'_>,
        inputs: &Inputs,
        files: &CommandFiles,
    ) -> environment::Variables {
        let mut variables = self.variables(running.env, files, &[]);
        variables.extend(inputs.variables());
        variables.extend(self.state_variables(running));
        variables
    }

    /// What an earlier part of the action has kept.
    pub(super) fn state_variables(&self, running: &Running<'_>) -> environment::Variables {
        let state = self.states.get(running.key).into_iter().flatten();
        let variable = |(name, value): (&String, &String)| (format!("STATE_{name}"), value.clone());
        state.map(variable).collect()
    }

    /// What runs, for the log. The folded part is as on GitHub.
    pub(super) fn action_header(
        &mut self,
        running: &Running<'_>,
        reference: &ActionReference,
        inputs: &BTreeMap<String, String>,
    ) {
        self.log.text(&format!("##[group]Run {reference}"));
        let shown = inputs.iter().filter(|(_, value)| !value.is_empty());
        let mut shown = shown.peekable();
        if shown.peek().is_some() {
            self.log.text("with:");
        }
        for (name, value) in shown {
            self.log
                .text(&format!("  {name}: {}", value.replace('\n', "\n    ")));
        }
        self.log_env(running, &[]);
        self.log.text("##[endgroup]");
    }
}
