//! What becomes of whole files of `.lightning/workflows`.

use crate::support::{World, attempt, key, lightning, no_environments, run_id};
use checkmill_core::JobId;
use checkmill_workflow::describe;
use checkmill_workflow::job::JobDescription;

pub(crate) fn describe_leg(world: &World, leg: &str) -> JobDescription {
    let id = JobId::derive(&run_id(), &key("run"), leg);
    let attempt = attempt(world, &id, no_environments());
    let described = describe(&world.workflow, &key("run"), leg, &world.context(), attempt);
    described.unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// A file with everything.
pub(crate) const WHOLE: &str = "\
name: GPU tests
trigger:
  push: {branches: [main, 'release/*']}
  pull_request:
parametrize:
  matrix:
    python: [3.9, 3.10]
    torch-version: ['2.0', '']
  include:
    - {python: 3.11, machine: L4, name: Newest, image: 'python:3.11', a.b c: '${{ x }}'}
  exclude:
    - {python: 3.9, torch-version: ''}
image: ubuntu:24.04
machine: T4
interruptible: true
timeout: 45.5
mode: debug
env:
  LEVEL: 1.10
  python: overridden
  machine: overridden
  EMPTY:
  QUOTED: \"it's ${{ not }} 'evaluated'\"
run: |
  echo \"${{ github.event.head_commit.message }} $python\"
  pytest
";

#[test]
fn a_whole_file() {
    let world = World::lightning(WHOLE);
    insta::assert_debug_snapshot!(world.expand("run").unwrap(), @r#"
    Legs {
        fail_fast: false,
        max_parallel: None,
        legs: [
            Leg {
                leg: "{\"python\":3.9,\"torch-version\":\"2.0\"}",
                name: "ci.yml / GPU tests (3.9, 2.0)",
                runs_on: [
                    "T4",
                ],
                continue_on_error: false,
                timeout: Millis(
                    2730000,
                ),
                permissions: None,
                concurrency: None,
            },
            Leg {
                leg: "{\"python\":3.1,\"torch-version\":\"2.0\"}",
                name: "ci.yml / GPU tests (3.10, 2.0)",
                runs_on: [
                    "T4",
                ],
                continue_on_error: false,
                timeout: Millis(
                    2730000,
                ),
                permissions: None,
                concurrency: None,
            },
            Leg {
                leg: "{\"python\":3.1,\"torch-version\":\"\"}",
                name: "ci.yml / GPU tests (3.10, n/a)",
                runs_on: [
                    "T4",
                ],
                continue_on_error: false,
                timeout: Millis(
                    2730000,
                ),
                permissions: None,
                concurrency: None,
            },
            Leg {
                leg: "{\"a.b c\":\"${{ x }}\",\"image\":\"python:3.11\",\"machine\":\"L4\",\"name\":\"Newest\",\"python\":3.11}",
                name: "ci.yml / Newest (3.11, L4, Newest, python:3.11, ${{ x }})",
                runs_on: [
                    "L4",
                ],
                continue_on_error: false,
                timeout: Millis(
                    2730000,
                ),
                permissions: None,
                concurrency: None,
            },
        ],
    }
    "#);
    let last = world.legs("run").pop().unwrap();
    let mut description = describe_leg(&world, &last.leg);
    assert_eq!(description.contexts["vars"]["ACTIONS_STEP_DEBUG"], "true");
    assert_eq!(description.contexts["github"]["workflow"], "ci.yml");
    description.contexts.clear();
    insta::assert_snapshot!(serde_json::to_string_pretty(&description).unwrap(), @r#"
    {
      "job": "0123456789abcdef-136a8e66",
      "attempt": 1,
      "name": "ci.yml / Newest (3.11, L4, Newest, python:3.11, ${{ x }})",
      "checkout": {
        "clone_url": "https://github.com/octo/hello.git",
        "repository": "octo/hello",
        "sha": "2222222222222222222222222222222222222222",
        "git_ref": "refs/heads/main"
      },
      "contexts": {},
      "env": [
        {
          "GITHUB_REPOSITORY_NAME": "${{ github.event.repository.name }}",
          "GITHUB_REPOSITORY_OWNER": "${{ github.repository_owner }}",
          "GITHUB_REPOSITORY_REF": "${{ github.sha }}",
          "LIGHTNING_DEBUG": "1",
          "PATH_REPO_FOLDER": "temp_repo"
        },
        {
          "EMPTY": "",
          "LEVEL": "1.10",
          "QUOTED": "it's ${{ '${{' }} not }} 'evaluated'",
          "machine": "overridden",
          "python": "overridden"
        },
        {
          "a_b_c": "${{ '${{' }} x }}",
          "image": "python:3.11",
          "machine": "L4",
          "name": "Newest",
          "python": "3.11"
        }
      ],
      "defaults": {},
      "container": {
        "image": "python:3.11"
      },
      "interruptible": true,
      "steps": [
        {
          "env": {},
          "type": "uses",
          "uses": "actions/checkout@v4",
          "with": {}
        },
        {
          "env": {},
          "type": "run",
          "run": "echo \"${{ '${{' }} github.event.head_commit.message }} $python\"\npytest\n",
          "shell": "bash"
        }
      ],
      "actions": "all",
      "outputs": {},
      "timeout_ms": 2730000,
      "callback": null
    }
    "#);
}

/// What the agent makes of a text that has `${{` in it is that text.
#[test]
fn nothing_is_an_expression() {
    for text in [
        "${{ secrets.A }}",
        "${{",
        "a ${{ ${{ b }} }}",
        "${{ '${{' }}",
        "'${{'",
        "$${{{",
    ] {
        let quoted = text.replace('\'', "''");
        let world = World::lightning(&format!(
            "run: '{quoted}'\nmachine: '{quoted}'\nname: '{quoted}'\nenv: {{A: '{quoted}'}}"
        ));
        let leg = world.legs("run").remove(0);
        assert_eq!(leg.runs_on, [text]);
        assert_eq!(leg.name, format!("ci.yml / {text} ()"));
        let description = describe_leg(&world, &leg.leg);
        let scope = checkmill_workflow::expr::Scope {
            contexts: &description.contexts,
            status: checkmill_workflow::expr::JobStatus::Success,
            files: None,
        };
        let said = |text: &str| checkmill_workflow::expr::interpolate(text, &scope).unwrap();
        assert_eq!(said(&description.env[1]["A"]), text);
        let checkmill_workflow::job::StepAction::Run { run, .. } = &description.steps[1].action else {
            panic!("the second step is the script");
        };
        assert_eq!(said(run), text);
    }
}

#[test]
fn info_is_the_usual_mode() {
    let world = World::lightning("run: make\nmode: info\n");
    let description = describe_leg(&world, "");
    assert_eq!(description.contexts["vars"].get("ACTIONS_STEP_DEBUG"), None);
}

/// One job; which one `--job` names and a check of no leg is called after.
#[test]
fn a_file_is_one_job() {
    let workflow = lightning("name: T\nrun: make");
    assert_eq!(workflow.keys().collect::<Vec<_>>(), [&key("run")]);
    assert_eq!(
        checkmill_workflow::unevaluated_name(&workflow, &key("run")),
        "ci.yml / T"
    );
    assert_eq!(workflow.permissions(&key("run")), None);
}
