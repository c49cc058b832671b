//! Entering and leaving states.

use super::history::Visit;
use super::task::TaskVisit;
use super::{Command, Execution, Move, Outcome, Phase, Step};
use crate::failure::{DATA_LIMIT, Failure};
use crate::machine::{After, Kind, Rule, Seconds, StateId, Text, Via};
use crate::path::Path;
use crate::retry::SECONDS_MAX;
use crate::size::{DATA_LIMIT_BYTES, json_bytes};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

impl Execution {
    pub(super) fn enter(
        &mut self,
        to: StateId,
        via: Option<Via>,
        input: Value,
        step: &mut Step<'_>,
        commands: &mut Vec<Command>,
    ) -> Move {
        let machine = Arc::clone(&self.machine);
        self.transitions += 1;
        self.history.visit(Visit { state: to, via });
        // …StateEntered and …StateExited; a state that ends the execution has ExecutionSucceeded or -Failed for the latter.
        if !self.history.record(2) {
            return Move::fail(history_full());
        }
        if let Err(failure) = within_limit(&input, "the input of a state") {
            return Move::fail(failure);
        }
        match &machine.state(to).kind {
            Kind::Succeed => Move::End(Outcome::Succeeded { output: input }),
            Kind::Fail { error, cause } => match (text(error, &input), text(cause, &input)) {
                (Ok(error), Ok(cause)) => Move::fail(Failure::new(&error, cause)),
                (Err(failure), _) | (_, Err(failure)) => Move::fail(failure),
            },
            Kind::Pass {
                result, result_path, ..
            } => {
                let result = result.clone().unwrap_or_else(|| input.clone());
                match result_path.apply(input, result) {
                    Ok(output) => self.leave(to, output),
                    Err(failure) => Move::fail(failure),
                }
            }
            Kind::Choice { rules, default } => choose(rules, *default, input),
            Kind::Wait { seconds, .. } => match duration(seconds, &input, 0) {
                Ok(span) => {
                    self.phase = Phase::Waiting {
                        state: to,
                        input,
                        until: step.now.plus(span),
                    };
                    Move::Stay
                }
                Err(failure) => Move::fail(failure),
            },
            Kind::Task(task) => {
                let visit = TaskVisit {
                    state: to,
                    input,
                    retries: vec![0; task.retry.len()],
                };
                self.attempt(visit, step, commands)
            }
        }
    }

    /// Leaves a state with its output by `Next` or `End`.
    pub(super) fn leave(&self, from: StateId, output: Value) -> Move {
        let after = match &self.machine.state(from).kind {
            Kind::Pass { next, .. } | Kind::Wait { next, .. } => *next,
            Kind::Task(task) => task.next,
            // These have neither; they are never left this way.
            Kind::Choice { .. } | Kind::Succeed | Kind::Fail { .. } => After::End,
        };
        match after {
            After::Next(to) => Move::Go {
                to,
                via: Via::Next,
                input: output,
            },
            After::End => Move::End(Outcome::Succeeded { output }),
        }
    }
}

/// AWS docs, "Error names": a Choice that finds nothing to compare, or no rule that fits, is `States.Runtime`; the
/// specification's `States.NoChoiceMatched` is reserved.
fn choose(rules: &[Rule], default: Option<StateId>, input: Value) -> Move {
    for (n, rule) in rules.iter().enumerate() {
        match rule.variable.get(&input) {
            None => {
                let cause = format!(
                    "the path {} of a Choice leads to nothing in the state's input",
                    rule.variable
                );
                return Move::fail(Failure::runtime(cause));
            }
            Some(value) if value.as_str() == Some(&rule.equals) => {
                return Move::Go {
                    to: rule.next,
                    via: Via::Rule(n),
                    input,
                };
            }
            Some(_) => {}
        }
    }
    match default {
        Some(to) => Move::Go {
            to,
            via: Via::Default,
            input,
        },
        None => Move::fail(Failure::runtime(
            "no rule of a Choice fits, and it has no Default",
        )),
    }
}

/// A number of seconds, as it stands or from the input: a whole number from `least` to 99,999,999.
pub(super) fn duration(seconds: &Seconds, input: &Value, least: u64) -> Result<Duration, Failure> {
    let number = match seconds {
        Seconds::Fixed(number) => *number,
        Seconds::At(path) => {
            let found = path.get(input);
            let number = found
                .and_then(Value::as_u64)
                .filter(|number| (least..=SECONDS_MAX).contains(number));
            number.ok_or_else(|| not_seconds(path, found, least))?
        }
    };
    Ok(Duration::from_secs(number))
}

fn not_seconds(path: &Path, found: Option<&Value>, least: u64) -> Failure {
    let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    Failure::runtime(format!(
        "{path} must be a whole number of seconds from {least} to {SECONDS_MAX}, not {found}"
    ))
}

fn text(text: &Text, input: &Value) -> Result<String, Failure> {
    match text {
        Text::None => Ok(String::new()),
        Text::Fixed(text) => Ok(text.clone()),
        Text::At(path) => {
            let found = path.get(input).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| {
                Failure::runtime(format!("the path {path} of a Fail state leads to no string"))
            })
        }
    }
}

pub(super) fn within_limit(value: &Value, what: &str) -> Result<(), Failure> {
    let bytes = json_bytes(value);
    if bytes <= DATA_LIMIT_BYTES {
        return Ok(());
    }
    Err(Failure::new(
        DATA_LIMIT,
        format!("{what} has {bytes} bytes, and {DATA_LIMIT_BYTES} are the limit"),
    ))
}

/// AWS documents that the execution fails, and no name for it; like other faults of the run, nothing catches it.
pub(super) fn history_full() -> Failure {
    Failure::runtime(format!(
        "the history has reached its limit of {} events",
        super::HISTORY_EVENTS_MAX
    ))
}
