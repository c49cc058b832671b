//! Every way through Checkmill's own machine, as data: `statemachine/paths.json`. The tests of this crate walk the table in
//! virtual time and hold it complete; the emulator test replays it on a second engine and compares.

use crate::{Command, Edge, Event, Execution, Machine, Moment, Outcome, SplitMix64, Step, TaskError, Ticket};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const TABLE: &str = include_str!("../../../statemachine/paths.json");
/// Commands that one scenario may give rise to; one that needs more is stuck.
const COMMANDS_MAX: usize = 10_000;

/// The table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "comment")]
    _comment: String,
    /// The input of every execution.
    pub input: Value,
    /// What each function answers where a scenario says nothing else.
    answer: Map<String, Value>,
    pub scenarios: Vec<Scenario>,
}

/// One way through the machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Words joined by `-`, so that it serves as a name elsewhere.
    pub name: String,
    /// How the Task states fare, one entry for each time one is entered.
    pub tasks: Vec<TaskScript>,
    /// The states that are entered, in order.
    pub visited: Vec<String>,
    /// As AWS calls it.
    pub status: String,
    /// The error of an execution that fails.
    #[serde(default)]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskScript {
    pub state: String,
    #[serde(flatten)]
    pub result: TaskResult,
}

/// How one visit of a Task ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskResult {
    /// With this result. [`Table::load`] fills in what the scenario leaves out.
    Return(Value),
    /// Every try of the visit fails so. `States.Timeout` is no answer at all.
    Throw { error: String, cause: String },
}

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub visited: Vec<String>,
    pub edges: Vec<Edge>,
    pub status: String,
    pub error: Option<String>,
    pub transitions: u64,
    pub history_events: u32,
    /// Virtual time from start to end, in milliseconds.
    pub elapsed_millis: u64,
}

impl Table {
    /// The table of `statemachine/paths.json`.
    ///
    /// # Errors
    /// Never with the file as it is: a test reads it.
    pub fn load() -> Result<Self, serde_json::Error> {
        let mut table: Self = serde_json::from_str(TABLE)?;
        let scripts = table
            .scenarios
            .iter_mut()
            .flat_map(|scenario| &mut scenario.tasks);
        for script in scripts {
            if let TaskResult::Return(Value::Object(given)) = &mut script.result {
                for (name, value) in &table.answer {
                    given.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        Ok(table)
    }

    /// The table in the mock format of "AWS Step Functions Local", which emulators read too (`SFN_MOCK_CONFIG`): a test case
    /// for each scenario, chosen by `#name` after the state machine's ARN. Its responses are numbered by visit.
    #[must_use]
    pub fn mock_config(&self, state_machine_name: &str) -> Value {
        let mut cases = Map::new();
        let mut responses = Map::new();
        for scenario in &self.scenarios {
            let mut case = Map::new();
            let mut visits: BTreeMap<&str, usize> = BTreeMap::new();
            for script in &scenario.tasks {
                let key = format!("{}-{}", scenario.name, script.state);
                let visit = visits.entry(&script.state).or_default();
                let response = match &script.result {
                    TaskResult::Return(value) => json!({"Return": value}),
                    TaskResult::Throw { error, cause } => json!({"Throw": {"Error": error, "Cause": cause}}),
                };
                let answers = responses.entry(&key).or_insert_with(|| json!({}));
                answers[visit.to_string()] = response;
                *visit += 1;
                case.insert(script.state.clone(), key.into());
            }
            cases.insert(scenario.name.clone(), Value::Object(case));
        }
        let machines = BTreeMap::from([(state_machine_name, json!({"TestCases": cases}))]);
        json!({"StateMachines": machines, "MockedResponses": responses})
    }
}

impl Scenario {
    /// Walks the scenario on this machine in virtual time.
    ///
    /// # Errors
    /// The script and the machine do not fit: what is missing, left over, or never ends.
    pub fn replay(&self, machine: &Arc<Machine>, input: Value) -> Result<Replay, String> {
        let mut walk = Walk {
            script: self.tasks.iter(),
            now: Moment(0),
            random: SplitMix64(1),
            current: None,
        };
        let mut step = Step {
            now: walk.now,
            random: &mut walk.random,
        };
        let (mut execution, first) =
            Execution::start(Arc::clone(machine), "state-machine".into(), input, &mut step);
        let mut commands: Vec<Command> = first;
        let mut timer = None;
        for _ in 0..COMMANDS_MAX {
            let mut event = None;
            for command in commands {
                match command {
                    Command::SetTimer { at } => timer = Some(at),
                    Command::Finished => return walk.finish(&execution),
                    Command::Invoke { ticket, token, .. } => {
                        event = walk.answer(&execution, ticket, token)?
                    }
                    Command::StartExecution { ticket, .. } => {
                        event = walk.answer(&execution, ticket, None)?
                    }
                }
            }
            let event = match event {
                Some(event) => event,
                None => {
                    walk.now = timer.take().ok_or("nothing is under way and no timer is set")?;
                    Event::TimerFired
                }
            };
            commands = execution.step(
                event,
                &mut Step {
                    now: walk.now,
                    random: &mut walk.random,
                },
            );
        }
        Err(format!(
            "no end after {COMMANDS_MAX} steps, in {}",
            machine.name(execution.state())
        ))
    }
}

struct Walk<'s> {
    script: std::slice::Iter<'s, TaskScript>,
    now: Moment,
    random: SplitMix64,
    /// The visit under way (by its number) and how it ends.
    current: Option<(usize, &'s TaskScript)>,
}

impl Walk<'_> {
    /// The event that the script has for a call; none for silence.
    fn answer(
        &mut self,
        execution: &Execution,
        ticket: Ticket,
        token: Option<String>,
    ) -> Result<Option<Event>, String> {
        let state = execution.machine().name(execution.state());
        let visit = execution.visits().count();
        let script = match self.current {
            Some((known, script)) if known == visit => script,
            _ => self
                .script
                .next()
                .ok_or_else(|| format!("the script ends before {state} is entered"))?,
        };
        self.current = Some((visit, script));
        if script.state != state {
            return Err(format!(
                "{state} is entered, and the script goes on with {}",
                script.state
            ));
        }
        Ok(match (&script.result, token) {
            (TaskResult::Throw { error, .. }, _) if error == "States.Timeout" => None,
            (TaskResult::Throw { error, cause }, _) => Some(Event::TaskFailed {
                ticket,
                error: TaskError::new(error, cause),
            }),
            (TaskResult::Return(output), None) => Some(Event::TaskSucceeded {
                ticket,
                output: output.clone(),
            }),
            (TaskResult::Return(output), Some(token)) => Some(Event::TokenSucceeded {
                token,
                output: output.clone(),
            }),
        })
    }

    fn finish(mut self, execution: &Execution) -> Result<Replay, String> {
        if let Some(left) = self.script.next() {
            return Err(format!(
                "the execution ended, and the script goes on with {}",
                left.state
            ));
        }
        let machine = execution.machine();
        let visits: Vec<_> = execution.visits().collect();
        let edge = |pair: &[crate::Visit]| {
            Some(Edge {
                from: pair[0].state,
                via: pair[1].via?,
                to: pair[1].state,
            })
        };
        let outcome = execution.outcome().ok_or("the execution has not ended")?;
        Ok(Replay {
            visited: visits
                .iter()
                .map(|visit| machine.name(visit.state).to_owned())
                .collect(),
            edges: visits.windows(2).filter_map(edge).collect(),
            status: outcome.status().to_owned(),
            error: match outcome {
                Outcome::Failed(error) => Some(error.error.clone()),
                _ => None,
            },
            transitions: execution.transitions(),
            history_events: execution.history_events(),
            elapsed_millis: self.now.0,
        })
    }
}
