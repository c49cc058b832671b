//! What actions do before the first step (`pre`) and after the last (`post`).
//!
//! GitHub docs, "Metadata syntax", `runs.pre` and `runs.post`: `pre` runs at the start of the job whatever its step's `if`
//! says, and not for actions of the workspace, which is empty then; `post` runs at the end, also after a failure, the last
//! one first. Each is a step of its own in the result.

use super::JobRunner;
use super::docker::Entry;
use super::frame::Frame;
use super::step::{Outcome, Running};
use crate::actions::Loaded;
use crate::actions::inputs::Inputs;
use crate::archive::cache::Options;
use crate::environment::Variables;
use checkmill_core::limits::{COMPOSITE_DEPTH, STEPS};
use checkmill_workflow::job::{StepAction, StepDescription};
use checkmill_workflow::manifest::{Hook, Runs};
use checkmill_workflow::uses::ActionReference;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The last part of an action, for the end of the job.
#[derive(Debug)]
pub(super) struct Post {
    /// Of the step: its state.
    pub(super) key: String,
    pub(super) title: String,
    pub(super) condition: Option<String>,
    /// Of the step and those it was in.
    pub(super) env: Variables,
    pub(super) kind: PostKind,
}

#[derive(Debug)]
pub(super) enum PostKind {
    Action {
        loaded: Arc<Loaded>,
        inputs: Inputs,
        program: String,
    },
    SaveCache(Options),
}

/// `pre-if` and `post-if` where there is none.
const ALWAYS: &str = "always()";

impl JobRunner<'_> {
    /// Runs what comes before the first step.
    pub(super) async fn before_steps(&mut self) {
        let description = self.description;
        for (index, step) in description.steps.iter().enumerate() {
            self.before(&(index + 1).to_string(), step).await;
        }
    }

    /// What this step's action, or those inside it, do before. What is wrong with `with` or `env` is for the step to say.
    async fn before(&mut self, key: &str, step: &StepDescription) {
        let StepAction::Uses { uses, with } = &step.action else {
            return;
        };
        let Some(loaded) = self.loaded.get(uses).cloned() else {
            return;
        };
        if self.frames.len() > COMPOSITE_DEPTH || !self.has_pre(uses, &mut BTreeSet::new()) {
            return;
        }
        let (Ok(env), Ok(given)) = (self.step_env(step), self.given(with)) else {
            return;
        };
        let title = self.step_name(step);
        let replaced = self.enter_action(&loaded);
        self.show_action(key, step);
        // What is odd about them is said when the step itself runs.
        if let Ok((inputs, _)) = Inputs::of(&loaded.manifest.inputs, &given.values, &self.scope()) {
            let running = Running {
                key,
                title,
                env: &env,
                opaque: self.opaque_names(&step.env),
                minutes: None,
                deadline: None,
                goes_on: false,
            };
            if let Some(hook) = loaded.manifest.pre() {
                self.pre(running, &loaded, &inputs, hook).await;
            } else {
                let outer = self.replace_steps(json!({}), inputs.context());
                self.frames.push(Frame::of(
                    &running,
                    given.origin.max(Self::origin_of_defaults(&loaded)),
                ));
                for (index, inner) in loaded.manifest.steps().iter().enumerate() {
                    Box::pin(self.before(&format!("{key}_{}", index + 1), inner)).await;
                }
                self.frames.pop();
                self.replace_steps(outer.0, outer.1);
            }
        }
        self.leave_action(replaced);
    }

    /// Whether the action, or one inside it, has such a part.
    fn has_pre<'l>(
        &'l self,
        reference: &'l ActionReference,
        seen: &mut BTreeSet<&'l ActionReference>,
    ) -> bool {
        let Some(loaded) = self.loaded.get(reference).filter(|_| seen.insert(reference)) else {
            return false;
        };
        loaded.manifest.pre().is_some()
            || loaded.manifest.steps().iter().any(|step| match &step.action {
                StepAction::Uses { uses, .. } => self.has_pre(uses, seen),
                StepAction::Run { .. } => false,
            })
    }

    async fn pre(&mut self, mut running: Running<'_>, loaded: &Arc<Loaded>, inputs: &Inputs, hook: &Hook) {
        if self.results.len() >= STEPS {
            return;
        }
        self.before_count += 1;
        let total = self.description.steps.len() + self.before_count;
        let begun = self.begin(&format!("Pre {}", running.title), total);
        self.register(&running, loaded, inputs);
        let condition = hook.condition.as_deref().unwrap_or(ALWAYS);
        running.goes_on = self.goes_on(condition);
        self.show_status();
        self.show_env(Some(running.env));
        let outcome = match self.is_wanted(condition) {
            Ok(false) => None,
            Ok(true) => Some(self.hook(&running, loaded, inputs, ("pre", &hook.program)).await),
            Err(fault) => Some(fault.into()),
        };
        self.show_env(None);
        let concluded = self.conclude(None, None, outcome);
        self.end(begun, concluded);
    }

    /// Runs what is kept for the end, the last one first.
    pub(super) async fn after_steps(&mut self) {
        while let Some(post) = self.posts.pop() {
            if self.log.fault().is_some() {
                return;
            }
            let total = self.results.len() + 1 + self.posts.len();
            let begun = self.begin(&format!("Post {}", post.title), total);
            let condition = post.condition.as_deref().unwrap_or(ALWAYS);
            self.show_status();
            self.show_env(Some(&post.env));
            let outcome = match self.is_wanted(condition) {
                Ok(false) => None,
                Ok(true) => Some(self.run_post(&post, self.goes_on(condition)).await),
                Err(fault) => Some(fault.into()),
            };
            self.show_env(None);
            let concluded = self.conclude(None, None, outcome);
            self.end(begun, concluded);
        }
    }

    async fn run_post(&mut self, post: &Post, goes_on: bool) -> Outcome {
        let running = Running {
            key: &post.key,
            title: post.title.clone(),
            env: &post.env,
            opaque: BTreeSet::new(),
            minutes: None,
            deadline: None,
            goes_on,
        };
        match &post.kind {
            PostKind::Action {
                loaded,
                inputs,
                program,
            } => {
                let replaced = self.enter_action(loaded);
                if let Some(name) = self.named.get(&post.key) {
                    self.contexts["github"]["action"] = name.as_str().into();
                }
                let outcome = self.hook(&running, loaded, inputs, ("post", program)).await;
                self.leave_action(replaced);
                outcome
            }
            PostKind::SaveCache(options) => self.save_cache(options, goes_on).await,
        }
    }

    /// The first or last part of an action.
    async fn hook(
        &mut self,
        running: &Running<'_>,
        loaded: &Loaded,
        inputs: &Inputs,
        (what, program): (&str, &str),
    ) -> Outcome {
        match &loaded.manifest.runs {
            Runs::JavaScript { using, .. } => {
                self.javascript(running, loaded, inputs, using, (what, program))
                    .await
            }
            Runs::Docker(docker) => {
                let action = (&loaded.reference, Some(loaded));
                self.docker(running, action, docker, inputs, Entry::Hook(program))
                    .await
            }
            Runs::Composite { .. } => Outcome::default(),
        }
    }
}
