//! Inputs of `workflow_dispatch`.

use crate::support::{dispatch, push, workflow};
use checkmill_core::policy::EnvironmentRule;
use checkmill_workflow::{Workflow, check_environments, inputs};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const TEXT: &str = "\
on:
  workflow_dispatch:
    inputs:
      who:
        description: Whom to greet
        required: true
      often:
        type: number
        default: 3
      loud:
        type: boolean
      place:
        type: choice
        options: [here, there]
      note:
jobs: {a: {runs-on: x, steps: [run: y]}}
";

fn of(workflow: &Workflow, given: &[(&str, &str)]) -> Result<Map<String, Value>, String> {
    inputs(workflow, &dispatch(given)).map_err(|wrong| wrong.to_string())
}

#[test]
fn values_have_their_types_and_defaults() {
    let workflow = workflow(TEXT);
    let defaults = json!({"who": "you", "often": 3, "loud": false, "place": "here", "note": ""});
    assert_eq!(Value::Object(of(&workflow, &[("who", "you")]).unwrap()), defaults);
    let given = [
        ("WHO", "me"),
        ("often", "1.5"),
        ("loud", "true"),
        ("place", "there"),
        ("note", "a ${{ x }}"),
    ];
    assert_eq!(
        Value::Object(of(&workflow, &given).unwrap()),
        json!({"who": "me", "often": 1.5, "loud": true, "place": "there", "note": "a ${{ x }}"})
    );
    let empty = [("who", "you"), ("often", ""), ("loud", ""), ("place", "")];
    assert_eq!(Value::Object(of(&workflow, &empty).unwrap()), defaults);
}

#[test]
fn other_events_have_no_inputs() {
    assert_eq!(inputs(&workflow(TEXT), &push("refs/heads/main")), Ok(Map::new()));
}

#[test]
fn what_is_wrong_names_the_input() {
    let given = [
        ("often", "twice"),
        ("loud", "yes"),
        ("place", "nowhere"),
        ("nope", "x"),
        ("notes", ""),
    ];
    insta::assert_snapshot!(of(&workflow(TEXT), &given).unwrap_err(), @r"
    .checkmill/workflows/ci.yml:2:3: the input `nope` was given, which the workflow does not declare
    2 |   workflow_dispatch:
      |   ^^^^^^^^^^^^^^^^^
      = help: did you mean `note`?

    .checkmill/workflows/ci.yml:2:3: the input `notes` was given, which the workflow does not declare
    2 |   workflow_dispatch:
      |   ^^^^^^^^^^^^^^^^^
      = help: did you mean `note`?

    .checkmill/workflows/ci.yml:4:7: the input `who` is required and was not given
    4 |       who:
      |       ^^^

    .checkmill/workflows/ci.yml:7:7: the input `often` must be a number, not `twice`
    7 |       often:
      |       ^^^^^

    .checkmill/workflows/ci.yml:10:7: the input `loud` must be `true` or `false`, not `yes`
    10 |       loud:
       |       ^^^^

    .checkmill/workflows/ci.yml:12:7: the input `place` must be one of `here`, `there`, not `nowhere`
    12 |       place:
       |       ^^^^^
    ");
}

#[test]
fn a_required_text_must_not_be_empty() {
    assert!(
        of(&workflow(TEXT), &[("who", "")])
            .unwrap_err()
            .contains("`who` is required and was not given")
    );
}

/// GitHub offers the repository's environments; ours are the policy's.
#[test]
fn an_environment_is_one_of_the_policy() {
    let workflow = workflow(
        "on: {workflow_dispatch: {inputs: {where: {type: environment}}}}\njobs: {a: {runs-on: x, steps: [run: y]}}\n",
    );
    let known = BTreeMap::from([("production".to_owned(), EnvironmentRule::default())]);
    let check = |given: &[(&str, &str)]| {
        let inputs = inputs(&workflow, &dispatch(given)).unwrap();
        check_environments(&workflow, &inputs, &known).map(|()| inputs["where"].clone())
    };
    for (given, expected) in [
        (&[("where", "production")][..], "production"),
        (&[("where", "Production")], "Production"),
        (&[], ""),
    ] {
        assert_eq!(check(given).unwrap(), expected);
    }
    insta::assert_snapshot!(check(&[("where", "prodution")]).unwrap_err(), @"
    .checkmill/workflows/ci.yml:1:35: the input `where` must be an environment of the repository's policy, not `prodution`
    1 | on: {workflow_dispatch: {inputs: {where: {type: environment}}}}
      |                                   ^^^^^
      = help: did you mean `production`?
    ");
    let wrong = check(&[("where", "moon")]).unwrap_err();
    assert_eq!(
        wrong.as_slice()[0].hint.as_deref(),
        Some("name it in `environments` in `.checkmill/config.yml` of the default branch")
    );
}
