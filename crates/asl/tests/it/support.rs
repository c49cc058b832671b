//! One execution in virtual time.

use checkmill_asl::{
    Command, Event, Execution, Machine, Moment, Outcome, SplitMix64, Step, TaskError, Ticket,
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:f";
pub(crate) const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:m";

/// A machine of these states that begins with "A".
pub(crate) fn machine(states: Value) -> Arc<Machine> {
    machine_of(json!({"StartAt": "A", "States": states}))
}

pub(crate) fn machine_of(definition: Value) -> Arc<Machine> {
    Arc::new(Machine::parse(&definition.to_string()).expect("a valid definition"))
}

/// A Task "A" that calls [`FUNCTION`] and ends, with more fields laid over it, and Succeed states "B" and "C" to catch into.
pub(crate) fn task(fields: Value) -> Arc<Machine> {
    let mut task = json!({"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60, "End": true});
    merge(&mut task, fields);
    let mut states = json!({"A": task});
    let catches = states["A"]["Catch"].as_array().cloned().unwrap_or_default();
    for next in catches.iter().filter_map(|catcher| catcher["Next"].as_str()) {
        states[next] = json!({"Type": "Succeed"});
    }
    machine(states)
}

fn merge(into: &mut Value, fields: Value) {
    for (name, value) in fields.as_object().expect("fields") {
        into[name] = value.clone();
    }
}

/// An execution, its clock and what it asked for last.
pub(crate) struct Run {
    pub(crate) execution: Execution,
    pub(crate) now: Moment,
    pub(crate) commands: Vec<Command>,
    pub(crate) timer: Option<Moment>,
    random: SplitMix64,
}

impl Run {
    pub(crate) fn start(machine: &Arc<Machine>, input: Value) -> Self {
        let mut random = SplitMix64(42);
        let now = Moment(1_000);
        let mut step = Step {
            now,
            random: &mut random,
        };
        let (execution, commands) = Execution::start(Arc::clone(machine), MACHINE.into(), input, &mut step);
        let mut run = Self {
            execution,
            now,
            commands,
            timer: None,
            random,
        };
        run.note_timer();
        run
    }

    pub(crate) fn event(&mut self, event: Event) -> &[Command] {
        self.commands = self.execution.step(
            event,
            &mut Step {
                now: self.now,
                random: &mut self.random,
            },
        );
        self.note_timer();
        &self.commands
    }

    fn note_timer(&mut self) {
        for command in &self.commands {
            if let Command::SetTimer { at } = command {
                self.timer = Some(*at);
            }
        }
    }

    /// Lets the time come for which the timer is set; how long that took, in milliseconds.
    pub(crate) fn fire(&mut self) -> u64 {
        let at = self.timer.take().expect("a timer");
        let waited = at.0 - self.now.0;
        self.now = at;
        self.event(Event::TimerFired);
        waited
    }

    /// The last call: its ticket, input and token.
    pub(crate) fn call(&self) -> (Ticket, Value, Option<String>) {
        self.calls().pop().expect("a call")
    }

    fn calls(&self) -> Vec<(Ticket, Value, Option<String>)> {
        let call = |command: &Command| match command {
            Command::Invoke {
                ticket, input, token, ..
            } => Some((*ticket, input.clone(), token.clone())),
            _ => None,
        };
        self.commands.iter().filter_map(call).collect()
    }

    pub(crate) fn is_calling(&self) -> bool {
        !self.calls().is_empty()
    }

    pub(crate) fn succeed(&mut self, output: Value) -> &mut Self {
        let (ticket, ..) = self.call();
        self.event(Event::TaskSucceeded { ticket, output });
        self
    }

    pub(crate) fn fail(&mut self, error: &str) -> &mut Self {
        let (ticket, ..) = self.call();
        self.event(Event::TaskFailed {
            ticket,
            error: TaskError::new(error, "because"),
        });
        self
    }

    pub(crate) fn visited(&self) -> Vec<&str> {
        self.execution
            .visits()
            .map(|visit| self.execution.machine().name(visit.state))
            .collect()
    }

    /// Status, and the error's name or the output.
    pub(crate) fn end(&self) -> (&'static str, Value) {
        let outcome = self.execution.outcome().expect("an end");
        let detail = match outcome {
            Outcome::Succeeded { output } => output.clone(),
            Outcome::Failed(error) => error.error.clone().into(),
            Outcome::TimedOut => Value::Null,
            Outcome::Aborted { cause } => cause.clone().into(),
        };
        (outcome.status(), detail)
    }
}
