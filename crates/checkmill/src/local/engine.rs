//! The engine in this process: the interpreter of the state machine's file behind the Engine port, and the phases behind its
//! tasks. It keeps nothing: executions are made again from rows.

use super::system::System;
use async_trait::async_trait;
use checkmill_asl::TaskError;
use checkmill_asl::engine::{Engine as Interpreter, StartError, TaskHandler};
use checkmill_core::execution::{ExecutionInput, ExecutionName};
use checkmill_phases::PhaseError;
use checkmill_phases::ports::{Engine, EngineError};
use checkmill_phases::results::CaughtError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock, Weak};

/// The interpreter as the phases see it.
#[derive(Clone)]
pub(crate) struct LocalEngine(pub Interpreter);

#[async_trait]
impl Engine for LocalEngine {
    async fn start(&self, input: &ExecutionInput) -> Result<(), EngineError> {
        let value = serde_json::to_value(input).map_err(|error| EngineError::Refused(error.to_string()))?;
        match self.0.start(&input.name().0, value) {
            Ok(_) | Err(StartError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(EngineError::Refused(error.to_string())),
        }
    }

    async fn is_running(&self, name: &ExecutionName) -> Result<bool, EngineError> {
        Ok(self.0.is_running(&name.0))
    }

    async fn stop(&self, name: &ExecutionName, cause: &str) -> Result<(), EngineError> {
        // One that does not run needs no stop.
        let _ = self.0.stop(&name.0, cause);
        Ok(())
    }

    async fn wake(&self, task_token: &str) -> Result<(), EngineError> {
        // A token that is used or unknown is fine: the poll will see.
        let _ = self.0.task_success(task_token, json!({}));
        Ok(())
    }
}

/// The phases behind the tasks. Knows the system weakly, because the system owns the engine that owns this.
#[derive(Default)]
pub(crate) struct PhaseTasks {
    system: OnceLock<Weak<System>>,
}

impl PhaseTasks {
    /// Lets the tasks reach the system; before that they fail and are tried again.
    pub(crate) fn connect(&self, system: &Arc<System>) {
        // Set once, by the system that is being built.
        let _ = self.system.set(Arc::downgrade(system));
    }
}

/// The input of every task: ids, and what only some of them get.
#[derive(Debug, Deserialize)]
struct TaskInput {
    #[serde(flatten)]
    ids: ExecutionInput,
    #[serde(default)]
    turn: u32,
    task_token: Option<String>,
    error: Option<CaughtError>,
}

fn named(error: &PhaseError) -> TaskError {
    TaskError::new(error.error_name().as_str(), error.to_string())
}

#[async_trait]
impl TaskHandler for PhaseTasks {
    async fn invoke(&self, function: &str, input: Value) -> Result<Value, TaskError> {
        let system = self.system.get().and_then(Weak::upgrade);
        let Some(system) = system else {
            return Err(TaskError::new("Lambda.Unknown", "the system is not up"));
        };
        let permanent = |error: serde_json::Error| TaskError::new("Checkmill.Permanent", error.to_string());
        let input: TaskInput = serde_json::from_value(input).map_err(permanent)?;
        let phase = function.rsplit(':').next().unwrap_or(function);
        let output = match (phase, input.task_token) {
            ("poll", Some(token)) => {
                let awaited = system.await_callback(&input.ids, &token).await;
                return awaited.map(|()| json!({})).map_err(|error| named(&error));
            }
            ("start", _) => system.start(&input.ids).await,
            ("poll", None) => system.poll(&input.ids, input.turn).await,
            ("results", _) => system.results(&input.ids, input.error.as_ref()).await,
            (other, _) => {
                return Err(TaskError::new(
                    "Lambda.ResourceNotFoundException",
                    format!("there is no function {other}"),
                ));
            }
        };
        let output = output.map_err(|error| named(&error))?;
        serde_json::to_value(output).map_err(permanent)
    }
}
