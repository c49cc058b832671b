//! Pass, Choice, Wait, Succeed, Fail, the machine's timeout, stopping, and what is counted.

use crate::support::{FUNCTION, Run, machine, machine_of};
use checkmill_asl::{Command, DATA_LIMIT_BYTES, Event, HISTORY_EVENTS_MAX, Moment, VISITS_KEPT};
use serde_json::{Value, json};

fn end_of(states: Value, input: Value) -> (&'static str, Value) {
    Run::start(&machine(states), input).end()
}

#[test]
fn pass_puts_its_result_where_it_says() {
    let input = || json!({"georefOf": "Home"});
    for (fields, expected) in [
        (json!({}), input()),
        (json!({"Result": {"x": 0.38}}), json!({"x": 0.38})),
        (
            json!({"Result": 1, "ResultPath": "$.coords"}),
            json!({"georefOf": "Home", "coords": 1}),
        ),
        (json!({"Result": 1, "ResultPath": null}), input()),
        (
            json!({"ResultPath": "$.copy"}),
            json!({"georefOf": "Home", "copy": {"georefOf": "Home"}}),
        ),
    ] {
        let mut state = json!({"Type": "Pass", "End": true});
        for (name, value) in fields.as_object().unwrap() {
            state[name] = value.clone();
        }
        assert_eq!(
            end_of(json!({"A": state}), input()),
            ("SUCCEEDED", expected),
            "{fields}"
        );
    }
    let state = json!({"Type": "Pass", "Result": 1, "ResultPath": "$.x", "End": true});
    assert_eq!(
        end_of(json!({"A": state}), json!("foo")),
        ("FAILED", json!("States.ResultPathMatchFailure"))
    );
}

#[test]
fn choice_takes_the_first_rule_that_fits() {
    let states = |default: Option<&str>| {
        let mut choice = json!({"Type": "Choice", "Choices": [
            {"Variable": "$.to", "StringEquals": "b", "Next": "B"},
            {"Variable": "$.to", "StringEquals": "c", "Next": "C"},
            {"Variable": "$.to", "StringEquals": "b", "Next": "C"},
        ]});
        if let Some(default) = default {
            choice["Default"] = default.into();
        }
        json!({
            "A": choice,
            "B": {"Type": "Succeed"},
            "C": {"Type": "Fail", "Error": "C"},
        })
    };
    for (input, default, expected) in [
        (json!({"to": "b"}), None, ("SUCCEEDED", json!({"to": "b"}))),
        (json!({"to": "c"}), None, ("FAILED", json!("C"))),
        // Case counts, and another type is unequal, not an error.
        (json!({"to": "B"}), Some("C"), ("FAILED", json!("C"))),
        (json!({"to": 1}), Some("B"), ("SUCCEEDED", json!({"to": 1}))),
        // AWS: no rule, no default; nothing at the path, default or not.
        (json!({"to": "x"}), None, ("FAILED", json!("States.Runtime"))),
        (json!({}), Some("B"), ("FAILED", json!("States.Runtime"))),
    ] {
        assert_eq!(
            end_of(states(default), input.clone()),
            expected,
            "{input} {default:?}"
        );
    }
}

#[test]
fn wait_waits_as_long_as_it_says() {
    let by_path = json!({"A": {"Type": "Wait", "SecondsPath": "$.s", "End": true}});
    for (states, input, waited) in [
        (
            json!({"A": {"Type": "Wait", "Seconds": 10, "End": true}}),
            json!({}),
            10_000,
        ),
        (by_path.clone(), json!({"s": 7}), 7_000),
        (by_path.clone(), json!({"s": 0}), 0),
    ] {
        let mut run = Run::start(&machine(states), input.clone());
        assert_eq!(
            run.commands,
            [Command::SetTimer {
                at: Moment(1_000 + waited)
            }]
        );
        // A timer that comes too early changes nothing and is set anew.
        if waited > 0 {
            assert_eq!(
                run.event(Event::TimerFired),
                [Command::SetTimer {
                    at: Moment(1_000 + waited)
                }]
            );
        }
        assert_eq!(run.fire(), waited);
        assert_eq!(run.end(), ("SUCCEEDED", input));
    }
    for input in [
        json!({}),
        json!({"s": -1}),
        json!({"s": 1.5}),
        json!({"s": "7"}),
        json!({"s": 100_000_000}),
    ] {
        assert_eq!(
            end_of(by_path.clone(), input.clone()),
            ("FAILED", json!("States.Runtime")),
            "{input}"
        );
    }
}

#[test]
fn fail_gives_its_error_as_it_stands_or_from_the_input() {
    let input = json!({"error": {"Error": "E", "Cause": "c"}, "number": 1});
    for (fields, expected) in [
        (json!({"Error": "ErrorA", "Cause": "Kaiju attack"}), "ErrorA"),
        (
            json!({"ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}),
            "E",
        ),
        (json!({}), ""),
        (json!({"ErrorPath": "$.nothing"}), "States.Runtime"),
        (json!({"Error": "E", "CausePath": "$.number"}), "States.Runtime"),
    ] {
        let mut state = json!({"Type": "Fail"});
        for (name, value) in fields.as_object().unwrap() {
            state[name] = value.clone();
        }
        assert_eq!(
            end_of(json!({"A": state}), input.clone()),
            ("FAILED", json!(expected)),
            "{fields}"
        );
    }
}

#[test]
fn the_machines_timeout_ends_it_and_no_catch_sees_it() {
    let definition = json!({"StartAt": "A", "TimeoutSeconds": 100, "States": {
        "A": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60, "Next": "W",
              "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}],
              "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]},
        "W": {"Type": "Wait", "Seconds": 1000, "End": true},
        "B": {"Type": "Succeed"},
    }});
    // In a task: the second try would time out at 60 + 1 + 60 s.
    let mut run = Run::start(&machine_of(definition.clone()), json!({}));
    assert_eq!(run.fire(), 60_000);
    assert_eq!(run.fire(), 1_000);
    assert!(run.is_calling());
    assert_eq!(run.fire(), 39_000);
    assert_eq!(run.end(), ("TIMED_OUT", Value::Null));
    assert_eq!(run.visited(), ["A"]);
    // In a wait, also when the timer comes late.
    let mut run = Run::start(&machine_of(definition), json!({}));
    run.succeed(json!({}));
    run.now = Moment(5_000_000);
    run.event(Event::TimerFired);
    assert_eq!(run.end(), ("TIMED_OUT", Value::Null));
}

#[test]
fn what_was_due_first_happens_first_when_the_timer_comes_late() {
    let definition = json!({"StartAt": "A", "TimeoutSeconds": 100, "States": {
        "A": {"Type": "Wait", "Seconds": 10, "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 10, "End": true},
    }});
    let mut run = Run::start(&machine_of(definition), json!({}));
    run.now = Moment(1_000 + 150_000);
    run.event(Event::TimerFired);
    assert_eq!(run.visited(), ["A", "B"]);
    // The deadline has passed: the timer is set for it, in the past, and so fires at once.
    run.event(Event::TimerFired);
    assert_eq!(run.end(), ("TIMED_OUT", Value::Null));
}

#[test]
fn a_stop_ends_every_phase_and_nothing_follows() {
    let task = json!({"A": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60, "End": true,
        "Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}]},
        "B": {"Type": "Succeed"}});
    let wait = json!({"A": {"Type": "Wait", "Seconds": 9, "End": true}});
    let calling = Run::start(&machine(task.clone()), json!({}));
    let mut backing_off = Run::start(&machine(task), json!({}));
    backing_off.fail("E");
    let waiting = Run::start(&machine(wait), json!({}));
    for mut run in [calling, backing_off, waiting] {
        let commands = run
            .event(Event::Stop {
                cause: "enough".to_owned(),
            })
            .to_vec();
        assert_eq!(commands, [Command::Finished]);
        assert_eq!(run.end(), ("ABORTED", json!("enough")));
        assert_eq!(run.event(Event::TimerFired), []);
        assert_eq!(
            run.event(Event::Stop {
                cause: "again".to_owned()
            }),
            []
        );
        assert_eq!(run.end(), ("ABORTED", json!("enough")));
    }
}

#[test]
fn transitions_and_events_are_counted_as_aws_does() {
    let states = json!({
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "StringEquals": "y", "Next": "C"}], "Default": "C"},
        "C": {"Type": "Wait", "Seconds": 1, "Next": "D"},
        "D": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60, "Next": "E",
              "Retry": [{"ErrorEquals": ["Oops"]}]},
        "E": {"Type": "Succeed"},
    });
    let mut run = Run::start(&machine(states), json!({"x": "y"}));
    run.fire();
    assert_eq!(run.execution.transitions(), 4);
    run.fail("Oops");
    run.fire();
    run.fail("Oops");
    run.fire();
    run.succeed(json!({}));
    // Five states, two retries.
    assert_eq!(run.execution.transitions(), 7);
    assert_eq!(run.visited(), ["A", "B", "C", "D", "E"]);
    // ExecutionStarted; entered and exited of A to D; three tries of three events; SucceedStateEntered and its like.
    assert_eq!(run.execution.history_events(), 1 + 8 + 9 + 2);
}

#[test]
fn a_loop_that_never_waits_ends_at_the_historys_limit() {
    let states = json!({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}});
    let run = Run::start(&machine(states), json!({}));
    assert_eq!(run.end(), ("FAILED", json!("States.Runtime")));
    assert!(run.execution.history_events() <= HISTORY_EVENTS_MAX);
    assert_eq!(run.execution.transitions(), 12_500);
    assert_eq!(run.visited().len(), VISITS_KEPT);
}

#[test]
fn too_much_data_ends_it() {
    let states = json!({"A": {"Type": "Succeed"}});
    // The quotation marks count.
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    assert_eq!(end_of(states.clone(), text(DATA_LIMIT_BYTES)).0, "SUCCEEDED");
    assert_eq!(
        end_of(states, text(DATA_LIMIT_BYTES + 1)),
        ("FAILED", json!("States.DataLimitExceeded"))
    );
}
