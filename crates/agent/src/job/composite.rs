//! A composite action: steps in the place of the step that uses it.

use super::JobRunner;
use super::fault::Fault;
use super::frame::{Frame, Origin};
use super::load::too_deep;
use super::step::{Outcome, Running};
use crate::actions::Loaded;
use crate::actions::inputs::Inputs;
use checkmill_core::limits::COMPOSITE_DEPTH;
use checkmill_workflow::expr::interpolate;
use checkmill_workflow::job::{StepDescription, StepStatus};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::time::Instant;

impl JobRunner<'_> {
    pub(super) async fn composite(
        &mut self,
        running: &Running<'_>,
        loaded: &Loaded,
        origin: Origin,
        inputs: &Inputs,
        (steps, outputs): (&[StepDescription], &BTreeMap<String, String>),
    ) -> Outcome {
        if self.frames.len() >= COMPOSITE_DEPTH {
            return too_deep(&loaded.reference).into();
        }
        let outer = self.replace_steps(json!({}), inputs.context());
        self.frames.push(Frame::of(running, origin));
        let mut result = Outcome::default();
        for (index, step) in steps.iter().enumerate() {
            if self.log.fault().is_some() {
                break;
            }
            if running
                .deadline
                .is_some_and(|deadline| deadline <= Instant::now())
            {
                let minutes = running.minutes.clone().unwrap_or_default();
                self.fail_frame(&mut result, Fault::TimedOut { minutes }, false);
                break;
            }
            let status = self.status_text(result.fault.is_some());
            self.contexts["github"]["action_status"] = status.into();
            let key = format!("{}_{}", running.key, index + 1);
            let concluded = Box::pin(self.inner(&key, step)).await;
            if !matches!(concluded.conclusion, StepStatus::Success | StepStatus::Skipped) {
                let inner = concluded.outcome;
                if result.fault.is_none() {
                    result.exit_code = inner.exit_code;
                    result.tail = inner.tail;
                }
                if let Some(fault) = inner.fault {
                    self.fail_frame(&mut result, fault, true);
                }
            }
        }
        self.show_env(Some(running.env));
        for (name, text) in outputs {
            match interpolate(text, &self.scope()) {
                Ok(value) => result.outputs.push((name.clone(), value)),
                Err(error) => {
                    let problem = format!(
                        "The output {name} of {} can't be computed: {error}",
                        loaded.reference
                    );
                    self.fail_frame(&mut result, Fault::Configuration(problem), false);
                }
            }
        }
        self.frames.pop();
        self.replace_steps(outer.0, outer.1);
        result
    }

    /// The first fault is the action's.
    fn fail_frame(&mut self, result: &mut Outcome, fault: Fault, reported: bool) {
        if result.fault.is_some() {
            return;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.fault = Some(fault.clone());
        }
        result.reported = reported;
        result.fault = Some(fault);
    }
}

impl Frame {
    pub(super) fn of(running: &Running<'_>, inputs: Origin) -> Self {
        Self {
            env: running.env.clone(),
            fault: None,
            opaque: running.opaque.clone(),
            inputs,
            minutes: running.minutes.clone(),
            deadline: running.deadline,
            goes_on: running.goes_on,
        }
    }
}
