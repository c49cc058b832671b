//! Tasks that wait for their token.

use crate::support::{FUNCTION, Run, machine};
use checkmill_asl::{Command, Event, Machine, Moment, TaskError};
use serde_json::{Value, json};
use std::sync::Arc;

fn waiting(fields: &Value) -> Arc<Machine> {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": FUNCTION, "Payload": {"id.$": "$.id", "token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 60, "ResultPath": "$.result", "End": true});
    for (name, value) in fields.as_object().unwrap() {
        state[name] = value.clone();
    }
    let caught = state["Catch"].is_array();
    let mut states = json!({"A": state});
    if caught {
        states["B"] = json!({"Type": "Succeed"});
    }
    machine(states)
}

#[test]
fn the_payload_is_called_with_and_the_token_gives_the_result() {
    let mut run = Run::start(&waiting(&json!({})), json!({"id": 7}));
    let (ticket, payload, token) = run.call();
    let token = token.unwrap();
    assert_eq!(payload, json!({"id": 7, "token": token}));
    assert!(matches!(&run.commands[0], Command::Invoke { function, .. } if function == FUNCTION));
    assert_eq!(run.execution.token(), Some(token.as_str()));
    // The call's own answer is not the result.
    assert_eq!(
        run.event(Event::TaskSucceeded {
            ticket,
            output: json!("handed over")
        }),
        []
    );
    assert_eq!(
        run.event(Event::TokenSucceeded {
            token: "another".to_owned(),
            output: json!(0)
        }),
        []
    );
    run.event(Event::TokenSucceeded {
        token: token.clone(),
        output: json!({"ok": true}),
    });
    assert_eq!(run.end(), ("SUCCEEDED", json!({"id": 7, "result": {"ok": true}})));
    assert_eq!(run.execution.token(), None);
    assert_eq!(
        run.event(Event::TokenSucceeded {
            token,
            output: json!(1)
        }),
        []
    );
    // ExecutionStarted, entered and exited, and Scheduled, Started, Submitted, Succeeded. ExecutionSucceeded is still due.
    assert_eq!(run.execution.history_events(), 1 + 2 + 4);
}

#[test]
fn the_token_may_be_answered_before_the_call_returns() {
    let mut run = Run::start(&waiting(&json!({})), json!({"id": 7}));
    let (ticket, _, token) = run.call();
    run.event(Event::TokenSucceeded {
        token: token.unwrap(),
        output: json!(1),
    });
    assert_eq!(run.end(), ("SUCCEEDED", json!({"id": 7, "result": 1})));
    assert_eq!(
        run.event(Event::TaskFailed {
            ticket,
            error: TaskError::new("E", "")
        }),
        []
    );
}

#[test]
fn a_failed_call_and_a_failed_token_fail_the_task() {
    let catch = json!({"Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "B"}]});
    let by_call = |run: &mut Run| {
        run.fail("E");
    };
    let by_token = |run: &mut Run| {
        let token = run.call().2.unwrap();
        run.event(Event::TokenFailed {
            token,
            error: TaskError::new("E", "because"),
        });
    };
    for fail in [by_call as fn(&mut Run), by_token] {
        let mut run = Run::start(&waiting(&catch), json!({"id": 7}));
        fail(&mut run);
        assert_eq!(
            run.end(),
            (
                "SUCCEEDED",
                json!({"id": 7, "error": {"Error": "E", "Cause": "because"}})
            )
        );
    }
}

#[test]
fn each_try_has_a_token_of_its_own() {
    let mut run = Run::start(
        &waiting(&json!({"Retry": [{"ErrorEquals": ["States.Timeout"]}]})),
        json!({"id": 7}),
    );
    let first = run.call().2.unwrap();
    assert_eq!(run.fire(), 60_000);
    assert_eq!(run.execution.token(), None);
    assert_eq!(
        run.event(Event::TokenSucceeded {
            token: first.clone(),
            output: json!(1)
        }),
        []
    );
    run.fire();
    let second = run.call().2.unwrap();
    assert_ne!(first, second);
    assert_eq!(
        run.event(Event::TokenSucceeded {
            token: first,
            output: json!(1)
        }),
        []
    );
    run.event(Event::TokenSucceeded {
        token: second,
        output: json!(2),
    });
    assert_eq!(run.end(), ("SUCCEEDED", json!({"id": 7, "result": 2})));
}

#[test]
fn heartbeats_keep_it_alive_until_the_timeout() {
    let mut run = Run::start(&waiting(&json!({"HeartbeatSeconds": 10})), json!({"id": 7}));
    let token = run.call().2.unwrap();
    assert_eq!(run.timer, Some(Moment(11_000)));
    for beat in 1..=5 {
        run.now = Moment(1_000 + beat * 9_000);
        run.event(Event::Heartbeat {
            token: "another".to_owned(),
        });
        run.event(Event::Heartbeat { token: token.clone() });
        assert_eq!(run.timer, Some(Moment(run.now.0 + 10_000)));
    }
    run.now = Moment(1_000 + 54_000);
    run.event(Event::Heartbeat { token });
    assert_eq!(
        run.timer,
        Some(Moment(61_000)),
        "the timeout comes before the next heartbeat is due"
    );
    run.fire();
    assert_eq!(run.end(), ("FAILED", json!("States.Timeout")));
}

#[test]
fn a_missed_heartbeat_is_a_timeout_with_a_name_of_its_own() {
    for (pattern, heartbeat, caught) in [
        ("States.Timeout", true, true),
        ("States.HeartbeatTimeout", true, true),
        ("States.HeartbeatTimeout", false, false),
        ("States.TaskFailed", true, false),
        ("States.ALL", true, true),
    ] {
        let mut fields = json!({"Catch": [{"ErrorEquals": [pattern], "Next": "B"}]});
        if heartbeat {
            fields["HeartbeatSeconds"] = json!(10);
        }
        let mut run = Run::start(&waiting(&fields), json!({"id": 7}));
        assert_eq!(run.fire(), if heartbeat { 10_000 } else { 60_000 });
        let expected = if caught { vec!["A", "B"] } else { vec!["A"] };
        assert_eq!(run.visited(), expected, "{pattern}, heartbeat {heartbeat}");
        let error = if caught {
            run.end().1["Error"].clone()
        } else {
            run.end().1
        };
        assert_eq!(error, json!("States.Timeout"));
    }
}
