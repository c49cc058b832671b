//! What is refused, and with which words.

use checkmill_asl::Machine;
use checkmill_asl::job::{Functions, machine};
use serde_json::{Value, json};

/// A machine whose state "A" has these fields beside a valid Task's.
fn task(fields: Value) -> Value {
    let mut task = json!({"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f:live",
        "TimeoutSeconds": 60, "Next": "B"});
    for (name, value) in fields.as_object().unwrap() {
        task[name] = value.clone();
    }
    states(json!({"A": task, "B": {"Type": "Succeed"}}))
}

fn token(fields: Value) -> Value {
    let mut all = json!({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}}});
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    task(all)
}

fn states(states: Value) -> Value {
    json!({"StartAt": "A", "States": states})
}

fn choice(rule: Value) -> Value {
    states(json!({"A": {"Type": "Choice", "Choices": [rule]}, "B": {"Type": "Succeed"}}))
}

fn refusal(definition: &str) -> String {
    Machine::parse(definition).expect_err("refused").to_string()
}

fn refusals(definitions: impl IntoIterator<Item = Value>) -> String {
    definitions
        .into_iter()
        .map(|definition| refusal(&definition.to_string()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn text_that_is_no_definition() {
    let texts = [
        "{",
        "[]",
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Fail"}}}"#,
        r#"{"StartAt": "A"}"#,
        r#"{"States": {}}"#,
        r#"{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}"#,
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}, "Timeout": 1}"#,
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}, "QueryLanguage": "JSONata"}"#,
        r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "Lost": {"Type": "Succeed"}}}"#,
    ];
    insta::assert_snapshot!(texts.map(refusal).join("\n"), @r#"
    the definition is not JSON: EOF while parsing an object at line 1 column 1
    the state machine: must be an object
    the definition is not JSON: the field "A" is given twice at line 1 column 57
    the state machine: States is missing
    the state machine: StartAt is missing
    the state machine: StartAt: there is no state "B"; did you mean "A"?
    the state machine: unknown field Timeout
    the state machine: QueryLanguage: "JSONata" is not supported, only JSONPath
    state "Lost": no way leads here from StartAt
    "#);
}

#[test]
fn a_name_has_at_most_80_characters() {
    let named = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Succeed"}}}).to_string();
    assert!(Machine::parse(&named(&"ä".repeat(80))).is_ok());
    assert!(refusal(&named(&"ä".repeat(81))).ends_with("a state's name has 1 to 80 characters"));
}

#[test]
fn fields_and_types() {
    insta::assert_snapshot!(refusals([
        states(json!({"A": 1})),
        states(json!({"A": {}})),
        states(json!({"A": {"Type": "Map"}})),
        states(json!({"A": {"Type": "Succeed", "InputPath": "$.x"}})),
        states(json!({"A": {"Type": "Pass", "End": true, "Parameters": {}}})),
        states(json!({"A": {"Type": "Pass"}})),
        states(json!({"A": {"Type": "Pass", "Next": "A", "End": true}})),
        states(json!({"A": {"Type": "Pass", "Next": "a"}})),
        states(json!({"A": {"Type": "Pass", "Next": 1}})),
        states(json!({"A": {"Type": "Pass", "End": true, "ResultPath": "$$.x"}})),
        states(json!({"A": {"Type": "Wait", "Timestamp": "2026-01-01T00:00:00Z", "End": true}})),
        states(json!({"A": {"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true}})),
        states(json!({"A": {"Type": "Wait", "Seconds": -1, "End": true}})),
        states(json!({"A": {"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}})),
        states(json!({"A": {"Type": "Fail", "Next": "A"}})),
    ]), @r#"
    state "A": must be an object
    state "A": Type is missing
    state "A": Type: "Map" is not supported, only Pass, Task, Choice, Wait, Succeed and Fail
    state "A": InputPath is States Language that this interpreter does not support here
    state "A": Parameters is States Language that this interpreter does not support here
    state "A": needs Next or End
    state "A": has both Next and End
    state "A": Next: there is no state "a"; did you mean "A"?
    state "A": Next: must be a string, not 1
    state "A": ResultPath: "$$.x" is not a path of the form $.name.name, the only one that is supported
    state "A": needs Seconds or SecondsPath
    state "A": has both Seconds and SecondsPath
    state "A": Seconds: must be a whole number from 0 to 99999999, not -1
    state "A": has both Error and ErrorPath
    state "A": unknown field Next
    "#);
}

#[test]
fn choices() {
    insta::assert_snapshot!(refusals([
        states(json!({"A": {"Type": "Choice", "Choices": []}})),
        choice(json!({"Variable": "$.x", "StringEqual": "y", "Next": "B"})),
        choice(json!({"Variable": "$.x", "NumericEquals": 1, "Next": "B"})),
        choice(json!({"And": [], "Next": "B"})),
        choice(json!({"Variable": "$.x[0]", "StringEquals": "y", "Next": "B"})),
        choice(json!({"Variable": "$.x", "StringEquals": "y", "Next": "Z"})),
        choice(json!({"Variable": "$.x", "StringEquals": "y"})),
    ]), @r#"
    state "A": Choices: at least one rule is needed
    state "A": Choices[0]: unknown field StringEqual; did you mean "StringEquals"?
    state "A": Choices[0]: NumericEquals is States Language that this interpreter does not support here
    state "A": Choices[0]: And is States Language that this interpreter does not support here
    state "A": Choices[0]: Variable: "$.x[0]" is not a path of the form $.name.name, the only one that is supported
    state "A": Choices[0]: Next: there is no state "Z"; did you mean "A"?
    state "A": Choices[0]: Next is missing
    "#);
}

/// AWS's other partitions have the same integrations under other ARNs.
#[test]
fn partitions() {
    let resource = |partition: &str| format!("arn:{partition}:states:::lambda:invoke.waitForTaskToken");
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let definition = token(json!({ "Resource": resource(partition) }));
        assert!(Machine::parse(&definition.to_string()).is_ok(), "{partition}");
        let functions = Functions {
            partition,
            ..Functions::LOCAL
        };
        assert!(machine(&functions).is_ok(), "{partition}");
    }
    for wrong in ["", "aws-", "awsx", "azure"] {
        let refused = refusal(&token(json!({ "Resource": resource(wrong) })).to_string());
        assert!(refused.contains("is not supported"), "{refused}");
    }
}

#[test]
fn tasks() {
    insta::assert_snapshot!(refusals([
        task(json!({"Resource": "${start}"})),
        task(json!({"Resource": "arn:aws:states:::sqs:sendMessage"})),
        task(json!({"Resource": "arn:aws:states:::lambda:invoke"})),
        task(json!({"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:"})),
        states(json!({"A": {"Type": "Task", "Resourse": "arn:aws:lambda:r:1:function:f", "End": true}})),
        task(json!({"HeartbeatSecond": 1})),
        task(json!({"HeartbeatSeconds": 1})),
        task(json!({"TimeoutSeconds": 0})),
        task(json!({"TimeoutSecondsPath": "$.t"})),
        states(json!({"A": {"Type": "Task", "Resource": "arn:aws:lambda:r:1:function:f", "End": true}})),
        task(json!({"Parameters": {"x.$": "States.UUID()"}})),
        task(json!({"Parameters": {"x": {"y.$": "$$.Execution.Id"}}})),
        token(json!({"Parameters": {"FunctionName": "f", "Payload": {}}})),
        token(json!({"Parameters": {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}, "Qualifier": "1"}})),
        token(json!({"Parameters": {"Payload": {"t.$": "$$.Task.Token"}}})),
        token(json!({"HeartbeatSeconds": 60})),
        task(json!({"Resource": "arn:aws:states:::states:startExecution"})),
        task(json!({"Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {"StateMachineArn": "a", "Name": "n", "Input": {}}})),
    ]), @r#"
    state "A": Resource: "${start}" still has a placeholder: fill it in first
    state "A": Resource: "arn:aws:states:::sqs:sendMessage" is not supported, only a Lambda function's ARN, arn:aws:states:::lambda:invoke.waitForTaskToken and arn:aws:states:::states:startExecution
    state "A": Resource: "arn:aws:states:::lambda:invoke" is not supported, only a Lambda function's ARN, arn:aws:states:::lambda:invoke.waitForTaskToken and arn:aws:states:::states:startExecution
    state "A": Resource: "arn:aws:lambda:eu-west-1:123456789012:function:" is not supported, only a Lambda function's ARN, arn:aws:states:::lambda:invoke.waitForTaskToken and arn:aws:states:::states:startExecution
    state "A": Resource is missing; is "Resourse" meant to be it?
    state "A": unknown field HeartbeatSecond; did you mean "HeartbeatSeconds"?
    state "A": HeartbeatSeconds: only a task with a token can send heartbeats
    state "A": TimeoutSeconds: must be a whole number from 1 to 99999999, not 0
    state "A": has both TimeoutSeconds and TimeoutSecondsPath
    state "A": needs TimeoutSeconds or TimeoutSecondsPath
    state "A": Parameters: x.$: intrinsic functions are not supported
    state "A": Parameters: x: y.$: $$.Execution.Id is not supported; of the context object only $$.Task.Token and $$.StateMachine.Id are
    state "A": Parameters: without $$.Task.Token in the Payload nobody could answer
    state "A": Parameters: Qualifier is not supported, only FunctionName, Payload
    state "A": Parameters: FunctionName is missing
    state "A": HeartbeatSeconds: must be smaller than TimeoutSeconds
    state "A": Parameters is missing
    state "A": ResultPath: must be null, as the result of startExecution is not supported
    "#);
}

#[test]
fn retriers_and_catchers() {
    let retry = |retrier: Value| task(json!({"Retry": [retrier]}));
    insta::assert_snapshot!(refusals([
        task(json!({"Retry": {}})),
        retry(json!({})),
        retry(json!({"ErrorEquals": [1]})),
        retry(json!({"ErrorEquals": ["E"], "MaxAttemps": 1})),
        retry(json!({"ErrorEquals": ["E"], "MaxAttempts": -1})),
        retry(json!({"ErrorEquals": ["E"], "IntervalSeconds": 0})),
        retry(json!({"ErrorEquals": ["E"], "BackoffRate": 0.5})),
        retry(json!({"ErrorEquals": ["E"], "MaxDelaySeconds": 0})),
        retry(json!({"ErrorEquals": ["E"], "JitterStrategy": "HALF"})),
        retry(json!({"ErrorEquals": ["States.Runtime"]})),
        retry(json!({"ErrorEquals": ["States.ALL", "E"]})),
        task(json!({"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}]})),
        task(json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}, {"ErrorEquals": ["E"], "Next": "B"}]})),
        task(json!({"Catch": [{"ErrorEquals": ["E"]}]})),
        task(json!({"Catch": [{"ErrorEquals": ["E"], "Next": "Nowhere"}]})),
        task(json!({"Catch": [{"ErrorEquals": ["E"], "Next": "B", "Output": 1}]})),
        task(json!({"Catch": [{"ErrorEquals": [], "Next": "B"}]})),
    ]), @r#"
    state "A": Retry: must be an array, not {}
    state "A": Retry[0]: ErrorEquals: at least one error name is needed
    state "A": Retry[0]: ErrorEquals: must hold strings, not 1
    state "A": Retry[0]: unknown field MaxAttemps; did you mean "MaxAttempts"?
    state "A": Retry[0]: MaxAttempts: must be a whole number from 0 to 99999999, not -1
    state "A": Retry[0]: IntervalSeconds: must be a whole number from 1 to 99999999, not 0
    state "A": Retry[0]: BackoffRate: must be a number of at least 1.0, not 0.5
    state "A": Retry[0]: MaxDelaySeconds: must be a whole number from 1 to 99999999, not 0
    state "A": Retry[0]: JitterStrategy: "HALF" is not supported, only FULL, NONE
    state "A": Retry[0]: ErrorEquals: States.Runtime always ends the execution and can't be handled
    state "A": Retry[0]: ErrorEquals: States.ALL must stand alone
    state "A": Retry[0]: States.ALL must be in the last entry, or it hides those after it
    state "A": Catch[0]: States.ALL must be in the last entry, or it hides those after it
    state "A": Catch[0]: Next is missing
    state "A": Catch[0]: Next: there is no state "Nowhere"
    state "A": Catch[0]: Output is States Language that this interpreter does not support here
    state "A": Catch[0]: ErrorEquals: at least one error name is needed
    "#);
}
