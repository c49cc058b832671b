//! The surroundings of a step: the job's own, or those of the composite actions it is in.

use super::JobRunner;
use super::fault::Fault;
use crate::actions::Loaded;
use crate::command_files::CommandFiles;
use crate::environment::Variables;
use checkmill_workflow::expr::{
    ExprSpan, Opaque, opaque_references, untrusted_references, untrusted_references_but,
    untrusted_references_of_action,
};
use checkmill_workflow::job::{StepAction, StepDescription};
use checkmill_workflow::uses::ActionReference;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// A composite action whose steps run.
#[derive(Debug)]
pub(super) struct Frame {
    /// `env` of the step that uses it.
    pub(super) env: Variables,
    /// The first of its steps that failed it: what `success()` inside answers from.
    pub(super) fault: Option<Fault>,
    /// Of those, the ones that nobody vouches for.
    pub(super) opaque: BTreeSet<String>,
    pub(super) inputs: Origin,
    /// Of the step that uses it.
    pub(super) minutes: Option<String>,
    pub(super) deadline: Option<Instant>,
    pub(super) goes_on: bool,
}

/// Who has worded what an action was given, the one to be trusted least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The workflow's file.
    Workflow,
    /// Steps and other jobs, from whatever they read.
    Made,
    /// The event.
    Outsiders,
}

/// What an action's contexts have replaced.
#[must_use]
pub(super) struct Replaced(Vec<(&'static str, Option<Value>)>);

const OF_GITHUB: [&str; 5] = [
    "action",
    "action_path",
    "action_repository",
    "action_ref",
    "action_status",
];

/// Puts the variables of an inner layer over these names.
pub(super) fn overlay(names: &mut BTreeSet<String>, env: &Variables, opaque: &BTreeSet<String>) {
    names.retain(|name| !env.contains_key(name));
    names.extend(opaque.iter().cloned());
}

impl JobRunner<'_> {
    /// Shows an action to expressions: `github.action_path` and its like.
    pub(super) fn enter_action(&mut self, loaded: &Loaded) -> Replaced {
        let github = &mut self.contexts["github"];
        let old = OF_GITHUB.map(|name| (name, github.get(name).cloned())).into();
        github["action_path"] = loaded.place.directory().to_string_lossy().into();
        github["action_repository"] = loaded.repository().into();
        github["action_ref"] = loaded.git_ref().into();
        Replaced(old)
    }

    pub(super) fn leave_action(&mut self, replaced: Replaced) {
        let Some(github) = self.contexts["github"].as_object_mut() else {
            return;
        };
        for (name, value) in replaced.0 {
            match value {
                Some(value) => github.insert(name.to_owned(), value),
                None => github.remove(name),
            };
        }
    }

    /// Replaces the contexts `steps` and `inputs`; gives the old ones.
    pub(super) fn replace_steps(&mut self, steps: Value, inputs: Value) -> (Value, Value) {
        let mut put = |name: &str, value| self.contexts.insert(name.to_owned(), value).unwrap_or(json!({}));
        (put("steps", steps), put("inputs", inputs))
    }

    /// The variables that a step finds: the job's, and those of the steps it is in.
    pub(super) fn outer_env(&self) -> Variables {
        let mut env = self.env.clone();
        for frame in &self.frames {
            env.extend(frame.env.clone());
        }
        env
    }

    /// Finds the expressions of a text that give what an outsider chooses. The inputs of an action, and those of a called
    /// workflow, are the workflow's own word, unless they were made of such a text.
    pub(super) fn untrusted_references(&self) -> impl Fn(&str) -> Vec<ExprSpan> + use<> {
        let of_frame = self.frames.last().map(|frame| frame.inputs < Origin::Outsiders);
        let all_are_own = of_frame.unwrap_or(self.description.own_inputs);
        let own = of_frame
            .is_none()
            .then(|| self.description.own_input_names.clone());
        move |text| match &own {
            _ if all_are_own => untrusted_references_of_action(text),
            Some(own) => untrusted_references_but(text, own),
            None => untrusted_references(text),
        }
    }

    /// The variables, of those that a step finds, that nobody vouches for: made of outputs or the event, or set by a step.
    pub(super) fn opaque_env(&self) -> BTreeSet<String> {
        let mut names = self.opaque_env.clone();
        for frame in &self.frames {
            overlay(&mut names, &frame.env, &frame.opaque);
        }
        names
    }

    /// What else nobody vouches for, these variables being so.
    pub(super) fn opaque<'n>(&self, env: &'n BTreeSet<String>) -> Opaque<'n> {
        let inputs = self
            .frames
            .last()
            .is_some_and(|frame| frame.inputs > Origin::Workflow);
        Opaque {
            env,
            inputs,
            matrix: self.description.matrix_computed,
        }
    }

    /// Of these texts of `env`, the names of those whose values nobody vouches for.
    pub(super) fn opaque_names(&self, env: &BTreeMap<String, String>) -> BTreeSet<String> {
        let around = self.opaque_env();
        let untrusted = self.untrusted_references();
        let is_opaque = |text: &str| {
            !untrusted(text).is_empty() || !opaque_references(text, self.opaque(&around)).is_empty()
        };
        env.iter()
            .filter(|(_, text)| is_opaque(text))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Shows `github.action`: the step's id, else a name that it keeps for all of its parts. GitHub docs: `__run`, then
    /// `__run_2`; of an action its name. And where its files are: `github.env`, `github.path` and their like.
    pub(super) fn show_action(&mut self, key: &str, step: &StepDescription) {
        let name = match (&step.id, self.named.get(key)) {
            (Some(name), _) | (None, Some(name)) => name.clone(),
            (None, None) => self.unnamed(&step.action),
        };
        self.contexts["github"]["action"] = name.as_str().into();
        let files = CommandFiles::of(&self.surroundings.layout, key);
        let container = self.containers.as_ref().and_then(|all| all.job.as_ref());
        for (name, file) in [
            ("env", files.env),
            ("path", files.path),
            ("output", files.output),
            ("state", files.state),
            ("step_summary", files.summary),
        ] {
            self.contexts["github"][name] = match container {
                Some(container) => container.paths.inside(&file).into(),
                None => file.to_string_lossy().into(),
            };
        }
        self.named.insert(key.to_owned(), name);
    }

    fn unnamed(&mut self, action: &StepAction) -> String {
        let base = match action {
            StepAction::Run { .. } => "__run".to_owned(),
            StepAction::Uses { uses, .. } => match uses {
                ActionReference::Local(_) => "__self".to_owned(),
                other => {
                    let text = other.to_string();
                    let name = text.split('@').next().unwrap_or_default();
                    let plain = |c: char| {
                        if c.is_ascii_alphanumeric() || c == '-' {
                            c
                        } else {
                            '_'
                        }
                    };
                    format!("__{}", name.chars().map(plain).collect::<String>())
                }
            },
        };
        let count = self.names.entry(base.clone()).or_default();
        *count += 1;
        if *count == 1 {
            base
        } else {
            format!("{base}_{count}")
        }
    }
}
