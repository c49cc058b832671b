//! What the agent is told.

use crate::support::{World, attempt, job, key, no_environments, run_id, sha};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::{AttemptNumber, JobId};
use checkmill_workflow::job::{Callback, JobDescription};
use checkmill_workflow::{AttemptInfo, Diagnostics, describe};
use serde_json::json;

fn describe_leg(world: &World, job: &str, leg: &str) -> Result<JobDescription, Diagnostics> {
    let id = JobId::derive(&run_id(), &key(job), leg);
    let attempt = AttemptInfo {
        attempt: AttemptNumber(2),
        callback: Some(Callback {
            url: "https://ci.example.com/jobs/1".to_owned(),
        }),
        ..attempt(world, &id, no_environments())
    };
    describe(&world.workflow, &key(job), leg, &world.context(), attempt)
}

const TEXT: &str = "\
on: push
name: CI
env:
  LEVEL: 1.10
  EMPTY:
  REF: ${{ github.ref }}
defaults:
  run:
    shell: sh
    working-directory: src
jobs:
  plan:
    runs-on: linux
    steps:
      - run: make plan
  build:
    needs: plan
    runs-on: linux
    timeout-minutes: 7
    env:
      OS: ${{ matrix.os }}
    defaults:
      run:
        working-directory: ${{ matrix.dir }}
    strategy:
      matrix:
        os: [linux, mac]
        dir: [a]
    outputs:
      sum: ${{ steps.sum.outputs.sum }}
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
          clean: true
      - id: sum
        name: Sum of ${{ matrix.os }}
        if: ${{ success() }}
        env:
          PLAN: ${{ needs.plan.outputs.plan }}
        continue-on-error: true
        timeout-minutes: ${{ fromJSON('1') }}
        working-directory: b
        shell: bash -x {0}
        run: |
          echo one
          echo two
";

#[test]
fn everything_but_the_secrets() {
    let world = World::new(TEXT).ended("plan", NeedsResult::Success, &[("plan", "p")]);
    let mut description = describe_leg(&world, "build", r#"{"dir":"a","os":"mac"}"#).unwrap();
    let github = description.contexts.remove("github").unwrap();
    assert_eq!(github["job"], "build");
    assert_eq!(github["sha"], sha('2').as_str());
    insta::assert_snapshot!(serde_json::to_string_pretty(&description).unwrap(), @r#"
    {
      "job": "0123456789abcdef-a272a853",
      "attempt": 2,
      "name": "CI / build (mac, a)",
      "checkout": {
        "clone_url": "https://github.com/octo/hello.git",
        "repository": "octo/hello",
        "sha": "2222222222222222222222222222222222222222",
        "git_ref": "refs/heads/main"
      },
      "contexts": {
        "inputs": {},
        "job": {
          "workflow_file_path": ".checkmill/workflows/ci.yml",
          "workflow_ref": "octo/hello/.checkmill/workflows/ci.yml@refs/heads/main",
          "workflow_repository": "octo/hello",
          "workflow_sha": "2222222222222222222222222222222222222222"
        },
        "matrix": {
          "dir": "a",
          "os": "mac"
        },
        "needs": {
          "plan": {
            "outputs": {
              "plan": "p"
            },
            "result": "success"
          }
        },
        "strategy": {
          "fail-fast": true,
          "job-index": 1,
          "job-total": 2,
          "max-parallel": 2
        },
        "vars": {}
      },
      "env": [
        {
          "EMPTY": "",
          "LEVEL": "1.1",
          "REF": "${{ github.ref }}"
        },
        {
          "OS": "${{ matrix.os }}"
        }
      ],
      "defaults": {
        "shell": "sh",
        "working_directory": "${{ matrix.dir }}"
      },
      "steps": [
        {
          "env": {},
          "type": "uses",
          "uses": "actions/checkout@v4",
          "with": {
            "clean": "true",
            "fetch-depth": "0"
          }
        },
        {
          "id": "sum",
          "name": "Sum of ${{ matrix.os }}",
          "if": "${{ success() }}",
          "env": {
            "PLAN": "${{ needs.plan.outputs.plan }}"
          },
          "continue_on_error": "true",
          "timeout_minutes": "${{ fromJSON('1') }}",
          "type": "run",
          "run": "echo one\necho two\n",
          "shell": "bash -x {0}",
          "working_directory": "b"
        }
      ],
      "actions": "all",
      "outputs": {
        "sum": "${{ steps.sum.outputs.sum }}"
      },
      "timeout_ms": 420000,
      "callback": {
        "url": "https://ci.example.com/jobs/1"
      }
    }
    "#);
}

#[test]
fn a_job_without_a_matrix() {
    let world = World::new(&job(""));
    let description = describe_leg(&world, "build", "").unwrap();
    assert_eq!(description.name, "CI / build");
    assert_eq!(description.contexts["matrix"], json!(null));
    assert_eq!(description.timeout_ms, 6 * 60 * 60 * 1000);
}

#[test]
fn every_leg_can_be_described_by_its_text() {
    let world = World::new(&job("strategy: {matrix: {a: [1, 1, {b: [2]}], c: [null, 'x']}}"));
    for (index, leg) in world.legs("build").iter().enumerate() {
        let description = describe_leg(&world, "build", &leg.leg).unwrap();
        assert_eq!(description.name, leg.name);
        assert_eq!(description.contexts["strategy"]["job-index"], json!(index));
        assert_eq!(description.timeout_ms, leg.timeout.0);
    }
}

#[test]
fn a_leg_that_the_matrix_does_not_have() {
    let world = World::new(&job("strategy: {matrix: {a: [1]}}"));
    let wrong = describe_leg(&world, "build", r#"{"a":2}"#).unwrap_err();
    assert_eq!(
        wrong.as_slice()[0].message,
        r#"the matrix of `build` has no leg with the values {"a":2}"#
    );
}

/// Legs are expanded once, at the first attempt.
#[test]
fn a_rerun_has_the_legs_of_the_first_attempt() {
    let mut world = World::new(&job("strategy: {matrix: {try: ['${{ github.run_attempt }}']}}"));
    let leg = world.legs("build").remove(0).leg;
    world.github.insert("run_attempt".to_owned(), json!("2"));
    let description = describe_leg(&world, "build", &leg).unwrap();
    assert_eq!(description.contexts["matrix"]["try"], json!("1"));
    assert_eq!(description.contexts["github"]["run_attempt"], json!("2"));
}

#[test]
fn an_action_that_the_policy_does_not_allow() {
    let mut world = World::new(&job("").replace("- run: make", "- run: make\n      - uses: octo/tool@v1"));
    assert!(describe_leg(&world, "build", "").is_ok());
    world.actions = checkmill_core::policy::AllowedActions::Builtin;
    insta::assert_snapshot!(describe_leg(&world, "build", "").unwrap_err(), @"
    .checkmill/workflows/ci.yml:8:15: the repository's policy does not allow the action `octo/tool@v1`
    8 |       - uses: octo/tool@v1
      |               ^^^^^^^^^^^^
      = help: allow it with `actions` in `.checkmill/config.yml` of the default branch
    ");
}

#[test]
fn a_matrix_that_was_computed_says_so() {
    let matrix_computed = |matrix: &str, leg: &str| {
        let text = format!(
            "on: push\njobs:\n  a:\n    runs-on: linux\n    strategy:\n      matrix:\n        {matrix}\n    steps:\n      - run: make\n"
        );
        let world = World::new(&text);
        describe_leg(&world, "a", leg).unwrap().matrix_computed
    };
    assert!(!matrix_computed("x: [a, 'b && c']", r#"{"x":"a"}"#));
    assert!(!matrix_computed("x: ${{ fromJSON('[1]') }}", r#"{"x":1}"#));
    assert!(matrix_computed(
        "x: ['${{ github.ref_name }}']",
        r#"{"x":"main"}"#
    ));
}
