//! Steps that the machine can't run: what is told of them, and the scripts that may stand for them.
//!
//! A script takes the place of an action's program and gets exactly what that would have got: its variables, its inputs, its
//! files. No expression is filled in, so that no context of the job, and no secret, is in its reach that the step did not name.

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use crate::actions::Loaded;
use crate::actions::inputs::Inputs;
use crate::command_files::CommandFiles;
use crate::environment::{self, Variables};
use crate::exec::Program;
use crate::script::shell::{SCRIPT, Shell};
use checkmill_core::limits::TRANSLATIONS;
use checkmill_workflow::manifest::{DockerImage, DockerRuns, Runs};
use checkmill_workflow::translation::{
    KnownTranslation, Lacking, Machine, PROGRAMS, Untranslatable, UntranslatableAction, Wanted,
    input_variable,
};
use checkmill_workflow::uses::ActionReference;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// An action's program that can't be run here.
pub(super) struct Unrunnable<'a> {
    pub(super) reference: &'a ActionReference,
    /// None for an image.
    pub(super) loaded: Option<&'a Loaded>,
    pub(super) lacking: Lacking,
    /// Of an action in a container.
    pub(super) docker: Option<&'a DockerRuns>,
    /// It is the middle part of the action, not `pre` or `post`.
    pub(super) is_main: bool,
}

impl JobRunner<'_> {
    /// Whether a script stands for this step's action. It then does for all of its parts: half of an action is none.
    pub(super) fn is_translated(&self, running: &Running<'_>) -> bool {
        self.replaced.contains(running.key)
    }

    /// Runs the script that stands for the step. Where there is none, `fault`; the step is then told of if the policy lets it
    /// be translated.
    pub(super) async fn translated(
        &mut self,
        running: &Running<'_>,
        step: &Unrunnable<'_>,
        inputs: &Inputs,
        fault: Fault,
    ) -> Outcome {
        let description = self.description;
        // What is told of a step is the machine that would run the script, and the container is another one.
        let Some(translations) = description
            .translations
            .as_ref()
            .filter(|_| self.job_container().is_none())
        else {
            return fault.into();
        };
        let Some(what) = self.untranslatable(step, inputs) else {
            return fault.into();
        };
        let digest = what.digest();
        let known = translations.known.iter().find(|known| known.digest == digest);
        let Some(known) = known.filter(|known| known.translation.check().is_ok()) else {
            self.want(running, what);
            return fault.into();
        };
        self.replaced.insert(running.key.to_owned());
        if !step.is_main {
            self.log
                .text("Nothing to do: a script stands for the whole action.");
            return Outcome::default();
        }
        self.note_used(digest);
        self.stand_in(running, step, inputs, known).await
    }

    pub(super) fn note_used(&mut self, digest: String) {
        if !self.used.contains(&digest) {
            self.used.push(digest);
        }
    }

    pub(super) fn want(&mut self, running: &Running<'_>, what: Untranslatable) {
        let is_new = self.wanted.iter().all(|wanted| wanted.what != what);
        if is_new && self.wanted.len() < TRANSLATIONS {
            let step = self.log.masks().apply(&running.title);
            self.wanted.push(Wanted { step, what });
        }
    }

    /// All that is told of a step; none where that can't be told: inputs that a shell can't tell apart, a file that is too long
    /// or holds a secret.
    fn untranslatable(&self, step: &Unrunnable<'_>, inputs: &Inputs) -> Option<Untranslatable> {
        let names: BTreeMap<String, &String> = inputs
            .values()
            .keys()
            .map(|name| (input_variable(name), name))
            .collect();
        if names.len() != inputs.values().len() {
            return None;
        }
        let manifest = match step.loaded {
            Some(loaded) => loaded.place.text()?,
            None => String::new(),
        };
        let dockerfile = match step.loaded {
            Some(loaded) => dockerfile(loaded)?,
            None => None,
        };
        let masks = self.log.masks();
        let shown = [Some(&manifest), dockerfile.as_ref()];
        if shown.into_iter().flatten().any(|text| masks.hides(text)) {
            return None;
        }
        let what = Untranslatable::Action(UntranslatableAction {
            uses: step.reference.clone(),
            lacking: step.lacking,
            manifest,
            dockerfile,
            inputs: names.into_keys().collect(),
            machine: self.machine(),
        });
        what.is_within_limits().then_some(what)
    }

    /// As it was before any step: what steps add must not make it another machine.
    pub(super) fn machine(&self) -> Machine {
        let path = self.surroundings.environment.get("PATH");
        let path = path.map_or(super::script::DEFAULT_PATH, String::as_str);
        let is_there = |name: &&str| environment::find_program(name, path, Path::new("/")).is_some();
        let runner = |key: &str| {
            let value = self.contexts.get("runner").and_then(|runner| runner.get(key));
            value
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Machine {
            os: runner("os"),
            arch: runner("arch"),
            programs: PROGRAMS.into_iter().filter(is_there).map(str::to_owned).collect(),
        }
    }

    async fn stand_in(
        &mut self,
        running: &Running<'_>,
        step: &Unrunnable<'_>,
        inputs: &Inputs,
        known: &KnownTranslation,
    ) -> Outcome {
        let ready = self.ready_stand_in(running, step, inputs, known);
        let (program, files) = match ready {
            Ok(ready) => ready,
            Err(fault) => return fault.into(),
        };
        self.show_stand_in(known, step.lacking.name());
        self.log.text("##[endgroup]");
        let workspace = &self.surroundings.layout.workspace;
        self.execute(running, &program, files, workspace).await
    }

    fn ready_stand_in(
        &mut self,
        running: &Running<'_>,
        step: &Unrunnable<'_>,
        inputs: &Inputs,
        known: &KnownTranslation,
    ) -> Result<(Program, CommandFiles), Fault> {
        let files = self.files(running)?;
        let mut environment = match step.docker {
            Some(runs) => {
                let (_, env) = self.filled(runs, inputs)?;
                let mut variables = self.container_variables(running, env, inputs, &files);
                for name in ["PATH", "HOME", "TMPDIR", "LANG"] {
                    let machine = self.surroundings.environment.get(name);
                    variables.extend(machine.map(|value| (name.to_owned(), value.clone())));
                }
                let path = variables
                    .remove("PATH")
                    .unwrap_or_else(|| super::script::DEFAULT_PATH.to_owned());
                variables.insert("PATH".to_owned(), environment::path(&self.added_paths, &path));
                variables
            }
            None => self.action_variables(running, inputs, &files),
        };
        let readable = inputs.values().iter();
        environment.extend(readable.map(|(name, value)| (input_variable(name), value.clone())));
        let directory = self.surroundings.layout.workspace.clone();
        let program = self.stand_in_program(running, known, environment, directory)?;
        Ok((program, files))
    }

    /// What runs instead, for the log.
    pub(super) fn show_stand_in(&mut self, known: &KnownTranslation, lacking: &str) {
        let (shell, model) = (known.translation.shell.name(), &known.model);
        self.log.text(&format!(
            "##[group]Translated to {shell} by {model}, for want of {lacking}"
        ));
        self.log.output(known.translation.script.trim_end());
    }

    /// The script as a program with exactly these variables.
    pub(super) fn stand_in_program(
        &self,
        running: &Running<'_>,
        known: &KnownTranslation,
        environment: Variables,
        directory: PathBuf,
    ) -> Result<Program, Fault> {
        let shell = known.translation.shell.name();
        let shell = Shell::parse(Some(shell)).map_err(|error| Fault::Configuration(error.to_string()))?;
        let path = self.find_shell(&shell, &environment)?;
        let layout = &self.surroundings.layout;
        let name = format!("step_{}{}", running.key, shell.extension());
        let script = layout
            .write(&name, shell.script(&known.translation.script).as_bytes())
            .map_err(|error| super::script::unwritten(&error))?;
        let script = script.to_string_lossy();
        let arguments = shell.arguments.iter();
        let arguments = arguments.map(|argument| OsString::from(argument.replace(SCRIPT, &script)));
        Ok(Program {
            path,
            arguments: arguments.collect(),
            directory,
            environment,
        })
    }
}

/// The action's Dockerfile; the outer none where it is there and can't be read.
fn dockerfile(loaded: &Loaded) -> Option<Option<String>> {
    let Runs::Docker(DockerRuns {
        image: DockerImage::File(file),
        ..
    }) = &loaded.manifest.runs
    else {
        return Some(None);
    };
    let file = loaded.place.file("image", file).ok()?;
    std::fs::read_to_string(file).ok().map(Some)
}
