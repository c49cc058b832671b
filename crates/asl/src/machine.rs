//! A definition that was read and checked.

use crate::path::{Path, ResultPath};
use crate::retry::Retrier;
use crate::template::Template;
use crate::{ErrorPattern, LoadError};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(crate) start: StateId,
    /// By name, ascending.
    pub(crate) states: Vec<State>,
    pub(crate) timeout: Option<Duration>,
}

/// A state of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub(crate) u16);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Pass {
        result: Option<Value>,
        result_path: ResultPath,
        next: After,
    },
    Task(Box<Task>),
    Choice {
        rules: Vec<Rule>,
        default: Option<StateId>,
    },
    Wait {
        seconds: Seconds,
        next: After,
    },
    Succeed,
    Fail {
        error: Text,
        cause: Text,
    },
}

/// `Next`, or `End: true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Next(StateId),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) parameters: Option<Template>,
    pub(crate) result_path: ResultPath,
    /// Of each try.
    pub(crate) timeout: Seconds,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
    pub(crate) next: After,
}

/// What a Task calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function by its ARN: the function's answer is the result.
    Lambda { arn: String },
    /// `arn:PARTITION:states:::lambda:invoke.waitForTaskToken`: whoever answers the token gives the result.
    LambdaToken,
    /// `arn:PARTITION:states:::states:startExecution`: started, not waited for.
    StartExecution,
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Catcher {
    pub errors: Vec<ErrorPattern>,
    pub(crate) result_path: ResultPath,
    pub(crate) next: StateId,
}

/// One entry of `Choices`: a text at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) variable: Path,
    pub(crate) equals: String,
    pub(crate) next: StateId,
}

/// `Seconds` or `SecondsPath`, and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seconds {
    Fixed(u64),
    At(Path),
}

/// `Error` or `ErrorPath`, `Cause` or `CausePath` of a Fail state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    None,
    Fixed(String),
    At(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateType {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
}

/// By which of its ways out a state was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    Next,
    /// The entry of `Choices`, from 0.
    Rule(usize),
    Default,
    /// The entry of `Catch`, from 0.
    Catch(usize),
}

/// One way from a state to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    pub from: StateId,
    pub via: Via,
    pub to: StateId,
}

impl Machine {
    /// Reads a definition and checks it whole.
    ///
    /// # Errors
    /// [`LoadError`], which names the state and the field.
    pub fn parse(definition: &str) -> Result<Self, LoadError> {
        crate::load::machine(definition)
    }

    pub(crate) fn state(&self, id: StateId) -> &State {
        &self.states[usize::from(id.0)]
    }

    /// All states, by name.
    pub fn states(&self) -> impl Iterator<Item = StateId> + '_ {
        (0u16..).take(self.states.len()).map(StateId)
    }

    /// The state of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StateId> {
        self.states().find(|id| self.name(*id) == name)
    }

    #[must_use]
    pub fn name(&self, id: StateId) -> &str {
        &self.state(id).name
    }

    #[must_use]
    pub fn start(&self) -> StateId {
        self.start
    }

    /// The machine's own `TimeoutSeconds`.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    #[must_use]
    pub fn state_type(&self, id: StateId) -> StateType {
        match &self.state(id).kind {
            Kind::Pass { .. } => StateType::Pass,
            Kind::Task(_) => StateType::Task,
            Kind::Choice { .. } => StateType::Choice,
            Kind::Wait { .. } => StateType::Wait,
            Kind::Succeed => StateType::Succeed,
            Kind::Fail { .. } => StateType::Fail,
        }
    }

    fn task(&self, id: StateId) -> Option<&Task> {
        match &self.state(id).kind {
            Kind::Task(task) => Some(task),
            _ => None,
        }
    }

    /// What a Task calls; none for other states.
    #[must_use]
    pub fn resource(&self, id: StateId) -> Option<&Resource> {
        self.task(id).map(|task| &task.resource)
    }

    /// The retriers of a Task; empty for other states.
    #[must_use]
    pub fn retry(&self, id: StateId) -> &[Retrier] {
        self.task(id).map_or(&[], |task| &task.retry)
    }

    /// The catchers of a Task; empty for other states.
    #[must_use]
    pub fn catch(&self, id: StateId) -> &[Catcher] {
        self.task(id).map_or(&[], |task| &task.catch)
    }

    /// The texts that a Choice compares with; empty for other states.
    #[must_use]
    pub fn choice_values(&self, id: StateId) -> Vec<&str> {
        match &self.state(id).kind {
            Kind::Choice { rules, .. } => rules.iter().map(|rule| rule.equals.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Every way from a state to the next.
    #[must_use]
    pub fn edges(&self) -> Vec<Edge> {
        self.states().flat_map(|from| self.edges_from(from)).collect()
    }

    fn edges_from(&self, from: StateId) -> Vec<Edge> {
        let edge = |(via, to): (Via, StateId)| Edge { from, via, to };
        let next = |after: &After| match after {
            After::Next(to) => Some((Via::Next, *to)),
            After::End => None,
        };
        match &self.state(from).kind {
            Kind::Pass { next: after, .. } | Kind::Wait { next: after, .. } => {
                next(after).into_iter().map(edge).collect()
            }
            Kind::Task(task) => {
                let caught = task
                    .catch
                    .iter()
                    .enumerate()
                    .map(|(n, catcher)| (Via::Catch(n), catcher.next));
                next(&task.next).into_iter().chain(caught).map(edge).collect()
            }
            Kind::Choice { rules, default } => {
                let chosen = rules
                    .iter()
                    .enumerate()
                    .map(|(n, rule)| (Via::Rule(n), rule.next));
                chosen
                    .chain(default.map(|to| (Via::Default, to)))
                    .map(edge)
                    .collect()
            }
            Kind::Succeed | Kind::Fail { .. } => Vec::new(),
        }
    }

    /// An edge in words: `Poll -(Catch 0)-> Results`.
    #[must_use]
    pub fn describe(&self, edge: Edge) -> String {
        let via = match edge.via {
            Via::Next => "Next".to_owned(),
            Via::Rule(n) => format!("Choices {n}"),
            Via::Default => "Default".to_owned(),
            Via::Catch(n) => format!("Catch {n}"),
        };
        format!("{} -({via})-> {}", self.name(edge.from), self.name(edge.to))
    }
}
