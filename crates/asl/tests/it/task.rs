//! Task: results, timeouts, Retry, Catch, starting executions.

use crate::support::{FUNCTION, MACHINE, Run, machine, task};
use checkmill_asl::{Command, DATA_LIMIT_BYTES, Event, TaskError};
use serde_json::{Value, json};

#[test]
fn a_result_goes_where_result_path_says() {
    let input = || json!({"in": 1});
    for (fields, expected) in [
        (json!({}), json!({"out": 2})),
        (json!({"ResultPath": "$"}), json!({"out": 2})),
        (json!({"ResultPath": null}), input()),
        (
            json!({"ResultPath": "$.deep.er"}),
            json!({"in": 1, "deep": {"er": {"out": 2}}}),
        ),
    ] {
        let mut run = Run::start(&task(fields.clone()), input());
        assert_eq!(run.call().1, input());
        run.succeed(json!({"out": 2}));
        assert_eq!(run.end(), ("SUCCEEDED", expected), "{fields}");
    }
}

#[test]
fn parameters_replace_the_input_of_the_call_and_not_of_the_state() {
    let fields = json!({"Parameters": {"a.$": "$.in", "b": [1]}, "ResultPath": "$.r"});
    let mut run = Run::start(&task(fields), json!({"in": 1}));
    assert_eq!(run.call().1, json!({"a": 1, "b": [1]}));
    run.succeed(json!(2));
    assert_eq!(run.end(), ("SUCCEEDED", json!({"in": 1, "r": 2})));
}

#[test]
fn parameters_that_lead_nowhere_end_the_execution_whatever_is_caught() {
    let fields = json!({"Parameters": {"a.$": "$.missing"},
        "Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]});
    assert_eq!(
        Run::start(&task(fields), json!({})).end(),
        ("FAILED", json!("States.Runtime"))
    );
}

#[test]
fn the_timeout_is_of_each_try_and_an_error_like_others() {
    let fields =
        json!({"TimeoutSeconds": 2, "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 2}]});
    let mut run = Run::start(&task(fields), json!({}));
    let waits: Vec<u64> = (0..5).map(|_| run.fire()).collect();
    assert_eq!(waits, [2_000, 1_000, 2_000, 2_000, 2_000]);
    assert_eq!(run.end(), ("FAILED", json!("States.Timeout")));
}

#[test]
fn the_timeout_can_come_from_the_input() {
    let mut fields = json!({"Type": "Task", "Resource": FUNCTION, "TimeoutSecondsPath": "$.t", "End": true});
    let mut run = Run::start(&machine(json!({"A": fields.clone()})), json!({"t": 9}));
    assert_eq!(run.fire(), 9_000);
    fields["Catch"] = json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]);
    let machine = machine(json!({"A": fields, "B": {"Type": "Succeed"}}));
    for input in [json!({}), json!({"t": 0}), json!({"t": "9"}), json!({"t": null})] {
        assert_eq!(
            Run::start(&machine, input).end(),
            ("FAILED", json!("States.Runtime"))
        );
    }
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let fields = json!({"TimeoutSeconds": 2, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]});
    let mut run = Run::start(&task(fields), json!({}));
    let (first, ..) = run.call();
    let late = || Event::TaskSucceeded {
        ticket: first,
        output: json!("late"),
    };
    run.fire();
    assert_eq!(run.event(late()), []);
    run.fire();
    let (second, ..) = run.call();
    assert_ne!(first, second);
    assert_eq!(run.event(late()), []);
    assert_eq!(
        run.event(Event::TaskFailed {
            ticket: first,
            error: TaskError::new("E", "")
        }),
        []
    );
    run.event(Event::TaskSucceeded {
        ticket: second,
        output: json!("in time"),
    });
    assert_eq!(run.end(), ("SUCCEEDED", json!("in time")));
    assert_eq!(run.event(late()), []);
}

/// Fails a task with these errors in turn; the waits before each retry in seconds, and how it ended.
fn fail_with(retry: Value, errors: &[&str]) -> (Vec<f64>, (&'static str, Value)) {
    let catch = json!([{"ErrorEquals": ["Caught"], "Next": "B"}]);
    let mut run = Run::start(&task(json!({"Retry": retry, "Catch": catch})), json!({"in": 1}));
    let mut waits = Vec::new();
    for error in errors {
        run.fail(error);
        if run.execution.outcome().is_some() {
            return (waits, run.end());
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
        waits.push(run.fire() as f64 / 1000.0);
    }
    run.succeed(json!("done"));
    (waits, run.end())
}

#[test]
fn retry_as_in_the_specification() {
    let done = ("SUCCEEDED", json!("done"));
    let failed = |error: &str| ("FAILED", json!(error));
    let complex = json!([
        {"ErrorEquals": ["ErrorA", "ErrorB"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 2},
        {"ErrorEquals": ["ErrorC"], "IntervalSeconds": 5},
    ]);
    let table = [
        // Defaults: 1 s, three times, doubling.
        (
            json!([{"ErrorEquals": ["E"]}]),
            vec!["E"; 4],
            vec![1.0, 2.0, 4.0],
            failed("E"),
        ),
        (
            json!([{"ErrorEquals": ["E"]}]),
            vec!["E", "E"],
            vec![1.0, 2.0],
            done.clone(),
        ),
        // 3 s and 6 s; with MaxDelaySeconds 4, 3 s and 4 s.
        (
            json!([{"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 2.0}]),
            vec!["E"; 3],
            vec![3.0, 6.0],
            failed("E"),
        ),
        (
            json!([{"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 2, "MaxDelaySeconds": 4}]),
            vec!["E"; 3],
            vec![3.0, 4.0],
            failed("E"),
        ),
        // "Complex retry scenarios": each retrier counts over the whole visit.
        (
            complex.clone(),
            vec!["ErrorA", "ErrorB", "ErrorC", "ErrorB"],
            vec![1.0, 2.0, 5.0],
            failed("ErrorB"),
        ),
        // Never retry one, retry all others: the first that matches decides.
        (
            json!([{"ErrorEquals": ["Never"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]),
            vec!["Other", "Never"],
            vec![1.0],
            failed("Never"),
        ),
        // What no retrier matches goes to Catch at once.
        (
            complex,
            vec!["Caught"],
            vec![],
            ("SUCCEEDED", json!({"Error": "Caught", "Cause": "because"})),
        ),
        (
            json!([{"ErrorEquals": ["States.TaskFailed"]}]),
            vec!["Any"],
            vec![1.0],
            done,
        ),
    ];
    for (retry, errors, waits, end) in table {
        assert_eq!(
            fail_with(retry.clone(), &errors),
            (waits, end),
            "{retry} {errors:?}"
        );
    }
}

#[test]
fn retriers_count_anew_with_each_visit() {
    let states = json!({
        "A": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60, "Next": "W",
              "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}]},
        "W": {"Type": "Wait", "Seconds": 5, "Next": "A"},
    });
    let mut run = Run::start(&machine(states), json!({}));
    for _visit in 0..3 {
        run.fail("E");
        assert_eq!(run.fire(), 1_000);
        run.succeed(json!({}));
        assert_eq!(run.fire(), 5_000);
    }
    run.fail("E");
    run.fire();
    run.fail("E");
    assert_eq!(run.end(), ("FAILED", json!("E")));
}

#[test]
fn jitter_shortens_the_waits_differently() {
    let retry = json!([{"ErrorEquals": ["E"], "IntervalSeconds": 100, "BackoffRate": 1, "MaxAttempts": 20,
        "JitterStrategy": "FULL"}]);
    let (waits, _) = fail_with(retry, &["E"; 20]);
    assert!(waits.iter().all(|wait| (0.0..=100.0).contains(wait)));
    assert!(
        waits.iter().any(|wait| *wait < 50.0) && waits.iter().any(|wait| *wait > 50.0),
        "{waits:?}"
    );
}

#[test]
fn catch_as_in_the_specification() {
    let error = json!({"Error": "E", "Cause": "because"});
    for (catch, error_name, expected) in [
        // Default: the error takes the place of the input.
        (
            json!([{"ErrorEquals": ["E"], "Next": "B"}]),
            "E",
            ("SUCCEEDED", error.clone(), "B"),
        ),
        (
            json!([{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "B"}]),
            "E",
            ("SUCCEEDED", json!({"in": 1, "error": error}), "B"),
        ),
        (
            json!([{"ErrorEquals": ["E"], "ResultPath": null, "Next": "B"}]),
            "E",
            ("SUCCEEDED", json!({"in": 1}), "B"),
        ),
        // The first that matches.
        (
            json!([{"ErrorEquals": ["X"], "Next": "B"}, {"ErrorEquals": ["Y", "E"], "ResultPath": null, "Next": "C"}]),
            "E",
            ("SUCCEEDED", json!({"in": 1}), "C"),
        ),
        (
            json!([{"ErrorEquals": ["X"], "Next": "B"}, {"ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": "C"}]),
            "E",
            ("SUCCEEDED", json!({"in": 1}), "C"),
        ),
        (
            json!([{"ErrorEquals": ["X"], "Next": "B"}]),
            "E",
            ("FAILED", json!("E"), "A"),
        ),
        // Terminal, even when a function invents it.
        (
            json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]),
            "States.Runtime",
            ("FAILED", json!("States.Runtime"), "A"),
        ),
    ] {
        let mut run = Run::start(&task(json!({"Catch": catch})), json!({"in": 1}));
        run.fail(error_name);
        let (status, detail) = run.end();
        assert_eq!(
            (status, detail, *run.visited().last().unwrap()),
            expected,
            "{catch}"
        );
    }
}

#[test]
fn catch_comes_after_retry() {
    let fields = json!({
        "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}],
    });
    let mut run = Run::start(&task(fields), json!({}));
    run.fail("E1").fire();
    run.fail("E2").fire();
    run.fail("E3");
    assert_eq!(
        run.end(),
        ("SUCCEEDED", json!({"error": {"Error": "E3", "Cause": "because"}}))
    );
    assert_eq!(run.execution.transitions(), 4);
}

#[test]
fn a_result_that_cannot_be_placed_can_be_caught() {
    let fields = json!({"ResultPath": "$.x", "Catch": [{"ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "B"}]});
    let mut run = Run::start(&task(fields), json!("no object"));
    run.succeed(json!(1));
    assert_eq!(run.visited(), ["A", "B"]);
}

#[test]
fn too_large_a_result_is_caught_by_its_own_name_only() {
    for (name, expected) in [
        ("States.ALL", ("FAILED", vec!["A"])),
        ("States.TaskFailed", ("FAILED", vec!["A"])),
        ("States.DataLimitExceeded", ("SUCCEEDED", vec!["A", "B"])),
    ] {
        let catch = json!([{"ErrorEquals": [name], "ResultPath": null, "Next": "B"}]);
        let mut run = Run::start(&task(json!({"Catch": catch})), json!({}));
        run.succeed(json!("x".repeat(DATA_LIMIT_BYTES)));
        assert_eq!((run.end().0, run.visited()), expected, "{name}");
    }
    // The result fits and the output does not.
    let half = "x".repeat(DATA_LIMIT_BYTES / 2);
    let mut run = Run::start(&task(json!({"ResultPath": "$.r"})), json!({"in": half}));
    run.succeed(json!(half));
    assert_eq!(run.end(), ("FAILED", json!("States.DataLimitExceeded")));
    // The input of the call does not.
    let twice = task(json!({"Parameters": {"a.$": "$.in", "b.$": "$.in"}}));
    let run = Run::start(&twice, json!({"in": half}));
    assert_eq!(run.end(), ("FAILED", json!("States.DataLimitExceeded")));
}

#[test]
fn an_execution_is_started_and_not_waited_for() {
    let states = json!({
        "A": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "TimeoutSeconds": 60,
              "Parameters": {"StateMachineArn.$": "$$.StateMachine.Id", "Name.$": "$.name", "Input": {"n.$": "$.n"}},
              "ResultPath": null, "End": true,
              "Catch": [{"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "Next": "B"}]},
        "B": {"Type": "Succeed"},
    });
    let machine = machine(states);
    let start = |input: Value| {
        let run = Run::start(&machine, input);
        let Some(Command::StartExecution {
            ticket,
            state_machine,
            name,
            input,
        }) = run.commands.first().cloned()
        else {
            panic!("{:?}", run.commands);
        };
        assert_eq!(
            (state_machine.as_str(), name.as_str(), input),
            (MACHINE, "next", json!({"n": 2}))
        );
        (run, ticket)
    };
    let input = json!({"name": "next", "n": 2});
    let (mut run, ticket) = start(input.clone());
    run.event(Event::TaskSucceeded {
        ticket,
        output: json!({}),
    });
    assert_eq!(run.end(), ("SUCCEEDED", input.clone()));

    let (mut run, ticket) = start(input);
    let error = TaskError::new("StepFunctions.ExecutionAlreadyExistsException", "there");
    run.event(Event::TaskFailed { ticket, error });
    assert_eq!(run.visited(), ["A", "B"]);

    let run = Run::start(&machine, json!({"name": 1, "n": 2}));
    assert_eq!(run.end(), ("FAILED", json!("States.Runtime")));
}
