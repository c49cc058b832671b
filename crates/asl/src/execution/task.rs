//! Tasks: tries, answers, timeouts, retries and catchers.

use super::enter::{duration, history_full, within_limit};
use super::{Command, Execution, Move, Phase, Step, Ticket};
use crate::failure::{Failure, TIMEOUT, TaskError};
use crate::machine::{Kind, Resource, StateId, Task, Via};
use crate::random;
use crate::template::Context;
use crate::time::Moment;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// One entry into a Task, over all its tries.
#[derive(Debug, Clone)]
pub(super) struct TaskVisit {
    pub(super) state: StateId,
    pub(super) input: Value,
    /// Retries so far by each retrier. Specification, "Complex retry scenarios": they count over the whole visit, and
    /// begin anew with the next.
    pub(super) retries: Vec<u32>,
}

/// One try.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    ticket: Ticket,
    pub(super) token: Option<String>,
    timeout_at: Moment,
    timeout: Duration,
    heartbeat: Option<Heartbeat>,
}

#[derive(Debug, Clone, Copy)]
struct Heartbeat {
    every: Duration,
    missed_at: Moment,
}

impl Attempt {
    pub(super) fn ends(&self) -> Moment {
        self.heartbeat
            .map_or(self.timeout_at, |beat| beat.missed_at.min(self.timeout_at))
    }

    /// What it is when the time is over: the timeout, or a missed heartbeat, whichever was due first.
    pub(super) fn overdue(&self) -> Failure {
        match self.heartbeat.filter(|beat| beat.missed_at < self.timeout_at) {
            Some(beat) => {
                let cause = format!("no heartbeat for {} s", beat.every.as_secs());
                Failure {
                    heartbeat: true,
                    ..Failure::new(TIMEOUT, cause)
                }
            }
            None => Failure::new(TIMEOUT, format!("no answer within {} s", self.timeout.as_secs())),
        }
    }
}

/// What a try sends out.
struct Call {
    command: Command,
    attempt: Attempt,
}

impl Execution {
    /// The first try of a visit, or a retry.
    pub(super) fn attempt(
        &mut self,
        task: TaskVisit,
        step: &mut Step<'_>,
        commands: &mut Vec<Command>,
    ) -> Move {
        let machine = Arc::clone(&self.machine);
        let Kind::Task(definition) = &machine.state(task.state).kind else {
            return Move::Stay;
        };
        match self.call(definition, &task, step) {
            Ok(Call { command, attempt }) => {
                // …Scheduled, …Started and how it ends, and for a token TaskSubmitted between.
                let events = if attempt.token.is_some() { 4 } else { 3 };
                if !self.history.record(events) {
                    return Move::fail(history_full());
                }
                commands.push(command);
                self.phase = Phase::Trying { task, attempt };
                Move::Stay
            }
            Err(failure) => self.failed(task, failure, step),
        }
    }

    pub(super) fn retry(
        &mut self,
        task: TaskVisit,
        step: &mut Step<'_>,
        commands: &mut Vec<Command>,
    ) -> Move {
        self.transitions += 1;
        self.attempt(task, step, commands)
    }

    fn call(&mut self, definition: &Task, task: &TaskVisit, step: &mut Step<'_>) -> Result<Call, Failure> {
        let token = (definition.resource == Resource::LambdaToken).then(|| random::token(step.random));
        let timeout = duration(&definition.timeout, &task.input, 1)?;
        let context = Context {
            state_machine_id: &self.state_machine_id,
            task_token: token.as_deref(),
        };
        let payload = match &definition.parameters {
            Some(parameters) => parameters.fill(&task.input, &context)?,
            None => task.input.clone(),
        };
        within_limit(&payload, "the input of a task")?;
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let command = match &definition.resource {
            Resource::Lambda { arn } => Command::Invoke {
                ticket,
                function: arn.clone(),
                input: payload,
                token: None,
            },
            Resource::LambdaToken => Command::Invoke {
                ticket,
                function: string(&payload, "FunctionName")?,
                input: payload["Payload"].clone(),
                token: token.clone(),
            },
            Resource::StartExecution => Command::StartExecution {
                ticket,
                state_machine: string(&payload, "StateMachineArn")?,
                name: string(&payload, "Name")?,
                input: payload["Input"].clone(),
            },
        };
        let beat = |every: Duration| Heartbeat {
            every,
            missed_at: step.now.plus(every),
        };
        let attempt = Attempt {
            ticket,
            token,
            timeout_at: step.now.plus(timeout),
            timeout,
            heartbeat: definition.heartbeat.map(beat),
        };
        Ok(Call { command, attempt })
    }

    /// The answer to a ticket.
    pub(super) fn answered(
        &mut self,
        ticket: Ticket,
        answer: Result<Value, TaskError>,
        step: &mut Step<'_>,
    ) -> Move {
        match &self.phase {
            Phase::Trying { attempt, .. } if attempt.ticket == ticket => {
                // The token is with somebody now; the result comes from there.
                if attempt.token.is_some() && answer.is_ok() {
                    return Move::Stay;
                }
                self.settled(answer, step)
            }
            _ => Move::Stay,
        }
    }

    pub(super) fn token_answered(
        &mut self,
        token: &str,
        answer: Result<Value, TaskError>,
        step: &mut Step<'_>,
    ) -> Move {
        if self.token() == Some(token) {
            self.settled(answer, step)
        } else {
            Move::Stay
        }
    }

    pub(super) fn heartbeat(&mut self, token: &str, now: Moment) -> Move {
        if let Phase::Trying { attempt, .. } = &mut self.phase
            && attempt.token.as_deref() == Some(token)
            && let Some(beat) = &mut attempt.heartbeat
        {
            beat.missed_at = now.plus(beat.every);
        }
        Move::Stay
    }

    fn settled(&mut self, answer: Result<Value, TaskError>, step: &mut Step<'_>) -> Move {
        let task = match self.take_phase() {
            Phase::Trying { task, .. } => task,
            other => {
                self.phase = other;
                return Move::Stay;
            }
        };
        let output = answer
            .map_err(Failure::from)
            .and_then(|result| self.output(&task, result));
        match output {
            Ok(output) => self.leave(task.state, output),
            Err(failure) => self.failed(task, failure, step),
        }
    }

    fn output(&self, task: &TaskVisit, result: Value) -> Result<Value, Failure> {
        within_limit(&result, "the result of a task")?;
        let Kind::Task(definition) = &self.machine.state(task.state).kind else {
            return Ok(result);
        };
        let output = definition.result_path.apply(task.input.clone(), result)?;
        within_limit(&output, "the output of a state")?;
        Ok(output)
    }

    /// Specification, "Fallback states": retriers first, and the catchers once those are used up.
    pub(super) fn failed(&mut self, mut task: TaskVisit, failure: Failure, step: &mut Step<'_>) -> Move {
        let machine = Arc::clone(&self.machine);
        let Kind::Task(definition) = &machine.state(task.state).kind else {
            return Move::fail(failure);
        };
        // Only the first retrier that matches counts: one with MaxAttempts 0 keeps the error from those after it.
        let retrier = definition
            .retry
            .iter()
            .zip(&mut task.retries)
            .find(|(retrier, _)| retrier.matches(&failure));
        if let Some((retrier, used)) = retrier
            && *used < retrier.max_attempts
        {
            let until = step.now.plus(retrier.delay(*used, step.random));
            *used += 1;
            self.phase = Phase::BackingOff { task, until };
            return Move::Stay;
        }
        let matches = |pattern: &crate::ErrorPattern| pattern.matches(&failure);
        let caught = definition
            .catch
            .iter()
            .enumerate()
            .find(|(_, catcher)| catcher.errors.iter().any(matches));
        let Some((n, catcher)) = caught else {
            return Move::fail(failure);
        };
        match catcher.result_path.apply(task.input, failure.output()) {
            Ok(input) => Move::Go {
                to: catcher.next,
                via: Via::Catch(n),
                input,
            },
            Err(failure) => Move::fail(failure),
        }
    }
}

fn string(payload: &Value, name: &str) -> Result<String, Failure> {
    let found = payload[name].as_str().map(str::to_owned);
    found.ok_or_else(|| {
        Failure::runtime(format!(
            "{name} in Parameters must be a string, not {}",
            payload[name]
        ))
    })
}
