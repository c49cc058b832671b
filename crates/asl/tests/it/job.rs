//! `statemachine/job.asl.json` against what it must agree with.

use crate::support::Run;
use checkmill_asl::job::{DEFINITION, Functions, machine};
use checkmill_asl::{
    Command, Event, HISTORY_EVENTS_MAX, Jitter, Machine, Outcome, Resource, Retrier, SplitMix64, StateId,
    StateType, TaskError,
};
use checkmill_core::execution::{ExecutionInput, Next, PhaseOutput};
use checkmill_core::{AttemptNumber, ErrorName, limits};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Names that are not ours. States Language, appendix A; AWS docs, "Handle transient Lambda service exceptions"; Lambda's
/// own names for a function that timed out, exited or could not be reached; the optimized integration of startExecution.
const FOREIGN: [&str; 12] = [
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "StepFunctions.ExecutionAlreadyExistsException",
];

fn job() -> Arc<Machine> {
    Arc::new(machine(&Functions::LOCAL).expect("the definition is valid"))
}

fn tasks(machine: &Machine) -> Vec<StateId> {
    machine
        .states()
        .filter(|id| machine.state_type(*id) == StateType::Task)
        .collect()
}

fn input() -> ExecutionInput {
    let job = "0123456789abcdef-01234567".parse().expect("a job id");
    ExecutionInput {
        job,
        attempt: AttemptNumber::FIRST,
        generation: 0,
    }
}

fn answer(next: Next) -> PhaseOutput {
    let ExecutionInput {
        job,
        attempt,
        generation,
    } = input();
    let successor = ExecutionInput {
        generation: generation + 1,
        ..input()
    };
    PhaseOutput {
        job,
        attempt,
        generation,
        turn: 0,
        next,
        wait_seconds: 5,
        next_execution: successor.name(),
        next_generation: successor.generation,
    }
}

fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("serialises")
}

fn start() -> Run {
    Run::start(&job(), to_json(&input()))
}

#[test]
fn every_error_name_is_one_that_somebody_gives_and_every_one_of_ours_is_decided_on() {
    let machine = job();
    let known: BTreeSet<&str> = FOREIGN
        .into_iter()
        .chain(ErrorName::ALL.map(ErrorName::as_str))
        .collect();
    let mut used = BTreeSet::new();
    for task in tasks(&machine) {
        let retried = machine.retry(task).iter().flat_map(|retrier| &retrier.errors);
        let caught = machine.catch(task).iter().flat_map(|catcher| &catcher.errors);
        for pattern in retried.chain(caught) {
            used.insert(pattern.as_str());
            assert!(
                known.contains(pattern.as_str()),
                "{}: {pattern:?}",
                machine.name(task)
            );
        }
    }
    for foreign in FOREIGN {
        assert!(
            used.contains(foreign),
            "{foreign} is on the list and not in the definition"
        );
    }
    for name in ["Start", "Poll", "Results", "Await"] {
        let task = machine.find(name).expect("the state");
        for error in ErrorName::ALL {
            let retried = retrier_for(&machine, task, error.as_str()).is_some();
            assert_eq!(retried, error.is_retryable(), "{name} and {error}");
        }
    }
}

/// The retrier that takes an error by name.
fn retrier_for<'m>(machine: &'m Machine, task: StateId, error: &str) -> Option<&'m Retrier> {
    machine
        .retry(task)
        .iter()
        .find(|retrier| retrier.errors.iter().any(|pattern| pattern.as_str() == error))
}

#[test]
fn the_choice_knows_every_next_move_and_no_other() {
    let machine = job();
    let decide = machine.find("Decide").expect("the choice");
    let known: BTreeSet<&str> = machine.choice_values(decide).into_iter().collect();
    // The match makes a new variant fail to compile here.
    let all = [Next::Wait, Next::Await, Next::Results, Next::Continue, Next::Done].map(|next| match next {
        Next::Wait | Next::Await | Next::Results | Next::Continue | Next::Done => to_json(&next),
    });
    let all: BTreeSet<&str> = all.iter().filter_map(Value::as_str).collect();
    assert_eq!(known, all);
}

#[test]
fn every_task_has_a_catch_for_all_and_every_retrier_jitter_or_a_reason() {
    let machine = job();
    for task in tasks(&machine) {
        let name = machine.name(task);
        let last = machine.catch(task).last().expect("a catcher");
        assert_eq!(last.errors[0].as_str(), "States.ALL", "{name}");
        for retrier in machine
            .retry(task)
            .iter()
            .filter(|retrier| retrier.max_attempts > 0)
        {
            let is_claim = retrier.errors[0].as_str() == ErrorName::Conflict.as_str() && name != "Poll";
            assert_eq!(
                retrier.jitter == Jitter::None,
                is_claim,
                "{name} {:?}",
                retrier.errors
            );
            assert!(retrier.max_delay.is_some(), "{name} {:?}", retrier.errors);
        }
    }
}

#[test]
fn retries_outlast_what_they_wait_for() {
    let machine = job();
    let retrier = |state: &str, error: ErrorName| {
        let task = machine.find(state).expect("the state");
        retrier_for(&machine, task, error.as_str()).expect("a retrier")
    };
    let claim = Duration::from_millis(limits::CLAIM.0);
    // A function that died may have claimed the job in its last moment; its answer is lost after 90 s at most.
    for state in ["Start", "Results"] {
        assert!(
            retrier(state, ErrorName::Conflict).least_total() > claim + claim / 4,
            "{state}"
        );
    }
    let hour = Duration::from_secs(3600);
    for (state, error) in [
        ("Start", ErrorName::RateLimited),
        ("Results", ErrorName::RateLimited),
        ("Results", ErrorName::Transient),
    ] {
        let mean = retrier(state, error).mean_total();
        assert!(mean > hour, "{state} {error}: {mean:?}");
        let shortest = (0..200).map(|seed| spent(retrier(state, error), seed)).min();
        // The waits are random: an hour on average is certain, three quarters of it as good as certain.
        assert!(shortest > Some(hour * 3 / 4), "{state} {error}: {shortest:?}");
    }
    assert!(retrier("Poll", ErrorName::Transient).mean_total() > hour / 4);
}

/// One draw of all waits of a retrier together.
fn spent(retrier: &Retrier, seed: u64) -> Duration {
    let mut random = SplitMix64(seed);
    (0..retrier.max_attempts)
        .map(|retry| retrier.delay(retry, &mut random))
        .sum()
}

#[test]
fn the_functions_and_their_inputs() {
    let machine = job();
    for (state, arn) in [
        ("Start", Functions::LOCAL.start),
        ("Poll", Functions::LOCAL.poll),
        ("Results", Functions::LOCAL.results),
    ] {
        let id = machine.find(state).expect("the state");
        assert_eq!(
            machine.resource(id),
            Some(&Resource::Lambda { arn: arn.to_owned() })
        );
    }
    // Start gets the execution's input.
    let mut run = start();
    assert_eq!(run.call().1, to_json(&input()));
    // Poll gets the answer before it, ids and turn among it.
    run.succeed(to_json(&PhaseOutput {
        turn: 3,
        ..answer(Next::Wait)
    }));
    assert_eq!(run.fire(), 5_000);
    assert_eq!(run.call().1["turn"], json!(3));
    assert_eq!(
        serde_json::from_value::<ExecutionInput>(run.call().1).expect("ids"),
        input()
    );
    // With a token: ids, turn, token, and nothing else.
    run.succeed(to_json(&PhaseOutput {
        turn: 4,
        ..answer(Next::Await)
    }));
    let (ticket, payload, token) = run.call();
    assert_eq!(
        payload,
        json!({"job": "0123456789abcdef-01234567", "attempt": 1, "generation": 0, "turn": 4, "task_token": token})
    );
    // The token's answer is not looked at, and Poll sees what was before.
    run.event(Event::TaskSucceeded {
        ticket,
        output: json!(null),
    });
    run.event(Event::TokenSucceeded {
        token: token.expect("a token"),
        output: json!({"next": "nonsense"}),
    });
    assert_eq!(
        serde_json::from_value::<PhaseOutput>(run.call().1)
            .expect("an answer")
            .turn,
        4
    );
    // Results gets the ids, and after a failure the error beside them.
    run.fail("Checkmill.Permanent");
    let (_, payload, _) = run.call();
    assert_eq!(
        serde_json::from_value::<ExecutionInput>(payload.clone()).expect("ids"),
        input()
    );
    assert_eq!(
        payload["error"],
        json!({"Error": "Checkmill.Permanent", "Cause": "because"})
    );
}

#[test]
fn continue_starts_the_execution_that_core_names() {
    let mut run = start();
    run.succeed(to_json(&answer(Next::Continue)));
    let Command::StartExecution {
        ticket,
        name,
        input: sent,
        ..
    } = run.commands[0].clone()
    else {
        panic!("{:?}", run.commands);
    };
    let successor = ExecutionInput {
        generation: 1,
        ..input()
    };
    assert_eq!((name, sent), (successor.name().0, to_json(&successor)));
    run.event(Event::TaskSucceeded {
        ticket,
        output: json!({}),
    });
    assert_eq!(run.end().0, "SUCCEEDED");
}

#[test]
fn every_retrier_is_taken_by_each_of_its_errors() {
    let machine = job();
    for task in tasks(&machine) {
        for retrier in machine
            .retry(task)
            .iter()
            .filter(|retrier| retrier.max_attempts > 0)
        {
            for pattern in retrier.errors.iter().map(|pattern| pattern.as_str()) {
                let mut run = at(machine.name(task));
                let before = run.execution.transitions();
                match pattern {
                    "States.Timeout" => {
                        run.fire();
                    }
                    "States.TaskFailed" => fail_whatever(&mut run, "Any.Error"),
                    named => fail_whatever(&mut run, named),
                }
                run.fire();
                let state = run.execution.machine().name(run.execution.state()).to_owned();
                assert_eq!(
                    (state.as_str(), run.execution.transitions()),
                    (machine.name(task), before + 1),
                    "{pattern}"
                );
                assert!(run.execution.outcome().is_none());
            }
        }
    }
}

/// An execution that has just entered this Task.
fn at(state: &str) -> Run {
    let mut run = start();
    let next = match state {
        "Start" => return run,
        "Results" => Next::Results,
        "Await" => Next::Await,
        "Continue" => Next::Continue,
        "Poll" => Next::Wait,
        other => panic!("no way to {other}"),
    };
    run.succeed(to_json(&answer(next)));
    if state == "Poll" {
        run.fire();
    }
    run
}

fn fail_whatever(run: &mut Run, error: &str) {
    let ticket = run.commands.iter().find_map(|command| match command {
        Command::Invoke { ticket, .. } | Command::StartExecution { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let error = TaskError::new(error, "because");
    run.event(Event::TaskFailed {
        ticket: ticket.expect("a call"),
        error,
    });
}

#[test]
fn the_longest_loop_fits_the_history_and_the_time() {
    // The most expensive turn: a token that nobody answers, then a poll.
    let mut run = start();
    let patience = limits::CALLBACK_WAIT_MAX.as_secs_ceil();
    run.succeed(to_json(&PhaseOutput {
        wait_seconds: patience,
        ..answer(Next::Await)
    }));
    for turn in 1..=limits::TURNS_PER_EXECUTION {
        assert_eq!(run.fire(), patience * 1000);
        let next = if turn == limits::TURNS_PER_EXECUTION {
            Next::Continue
        } else {
            Next::Await
        };
        run.succeed(to_json(&PhaseOutput {
            turn,
            wait_seconds: patience,
            ..answer(next)
        }));
    }
    assert!(matches!(run.commands[0], Command::StartExecution { .. }));
    let left = HISTORY_EVENTS_MAX - run.execution.history_events();
    // A try that fails is three events: room for almost four of them a turn.
    assert!(left > 3 * 3900, "{left} events are left");
    // And the machine's own timeout comes after the longest job and its queue.
    let longest = limits::RUN_TIMEOUT_MAX.0 + limits::QUEUE_TIMEOUT_DEFAULT.0;
    assert!(job().timeout() > Some(Duration::from_millis(longest)));
}

#[test]
fn a_week_ends_it() {
    let mut run = start();
    run.now.0 += 7 * 24 * 3600 * 1000;
    run.event(Event::TimerFired);
    // The task was due before.
    assert!(run.execution.outcome().is_none());
    run.event(Event::TimerFired);
    assert_eq!(run.execution.outcome(), Some(&Outcome::TimedOut));
}

#[test]
fn the_file_suits_terraforms_templatefile_too() {
    for name in ["partition", "start", "poll", "results"] {
        assert!(DEFINITION.contains(&format!("${{{name}}}")));
    }
    assert_eq!(
        DEFINITION.matches("${").count(),
        6,
        "Poll's function and the partition stand twice"
    );
    assert!(
        !DEFINITION.contains("%{") && !DEFINITION.contains("$${"),
        "templatefile would take these for its own"
    );
}

#[test]
fn an_unreported_end_tells_its_cause() {
    let mut run = at("Results");
    fail_whatever(&mut run, "Checkmill.Permanent");
    assert_eq!(
        run.execution.outcome(),
        Some(&Outcome::Failed(TaskError::new("Checkmill.Permanent", "because")))
    );
}
