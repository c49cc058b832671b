//! Which rule stopped what, and how it is said.

use crate::program::{CI, Project};
use serde_json::Value;

const RULES: &str = "\
name: CI
on:
  push:
    branches: [main]
    paths: [src/**]
jobs:
  build:
    runs-on: linux
    strategy: {matrix: {v: [1, 2]}}
    outputs: {list: \"${{ steps.list.outputs.list }}\"}
    steps: [{id: list, run: make}]
  each:
    needs: build
    runs-on: linux
    strategy: {matrix: {x: \"${{ fromJSON(needs.build.outputs.list) }}\"}}
    steps: [{run: make}]
  never:
    if: github.event_name == 'schedule'
    runs-on: linux
    steps: [{run: make}]
  after:
    needs: never
    runs-on: linux
    steps: [{run: make}]
  always:
    needs: never
    if: always()
    runs-on: linux
    steps: [{run: make}]
  cleanup:
    needs: build
    if: failure()
    runs-on: linux
    steps: [{run: make}]
";
const JOB: &str = "jobs: {a: {runs-on: linux, steps: [{run: make}]}}\n";

#[tokio::test]
async fn every_job_has_its_reason() {
    let tags = format!("on: {{push: {{tags: [v*]}}}}\n{JOB}");
    let pull_requests = format!("on: pull_request\n{JOB}");
    let project = Project::new(&[
        (CI, RULES),
        (".checkmill/workflows/tags.yml", &tags),
        (".checkmill/workflows/pr.yml", &pull_requests),
        (
            ".checkmill/workflows/broken.yml",
            "on: push\njobs: {a: {runs-on: linux}}\n",
        ),
    ]);
    let ended = project.checkmill(&["plan", "--changed", "src/a.rs"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✗ .checkmill/workflows/broken.yml is broken
        │ .checkmill/workflows/broken.yml:2:8: the job `a` has no `steps`
        │ 2 | jobs: {a: {runs-on: linux}}
        │   |        ^
        │   = help: a job needs at least one step, such as `- run: make test`

    ✓ CI (.checkmill/workflows/ci.yml)
         JOB             RUNS ON  AFTER
      ✓  CI / build (1)  linux
      ✓  CI / build (2)  linux
      ?  CI / each                build  `strategy` is decided when build has ended
      –  CI / never                      skipped: its `if: github.event_name == 'schedule'` is false
      –  CI / after               never  skipped: it needs `never`, which was skipped
      ✓  CI / always     linux    never
      ?  CI / cleanup    linux    build  `if` is decided when build has ended

    – .checkmill/workflows/pr.yml: `on` does not name `push`

    – .checkmill/workflows/tags.yml: `push` has filters for tags only, and `main` is a branch

    3 jobs would start, 2 decided later, 2 skipped, 1 broken
    ");
    assert_eq!(ended.code, Some(1), "a file is broken");
}

#[tokio::test]
async fn a_path_filter() {
    let project = Project::new(&[(CI, RULES)]);
    let ended = project.checkmill(&["plan", "--changed", "README.md"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    – .checkmill/workflows/ci.yml: no changed file matches `paths` (`src/**`); changed: `README.md`

    0 jobs would start
    ");
    assert_eq!(ended.code, Some(0), "nothing is wrong");
}

#[tokio::test]
async fn a_job_that_can_not_be_planned() {
    let text = "\
on: push
jobs:
  a:
    runs-on: linux
    strategy: {matrix: {x: \"${{ fromJSON('[]') }}\"}}
    steps: [{run: make}]
";
    let project = Project::new(&[(CI, text)]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @r#"
    Planning a push of the files of PROJECT to main.

    ✓ .checkmill/workflows/ci.yml
         JOB                              RUNS ON  AFTER
      ✗  .checkmill/workflows/ci.yml / a                  can't be planned as it is written
        │ .checkmill/workflows/ci.yml:5:25: `x` of the matrix has no values
        │ 5 |     strategy: {matrix: {x: "${{ fromJSON('[]') }}"}}
        │   |                         ^
        │   = help: where a list may be empty, skip the job with `if`

    0 jobs would start, 1 broken
    "#);
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn json_is_one_object_on_one_line() {
    let text = "\
on: push
jobs:
  a:
    runs-on: [linux, big]
    strategy: {matrix: {v: [1]}}
    timeout-minutes: 5
    steps: [{run: make}]
  b:
    needs: a
    if: failure()
    runs-on: linux
    steps: [{run: make}]
  c:
    if: false
    runs-on: linux
    steps: [{run: make}]
";
    let other = format!("on: pull_request\n{JOB}");
    let project = Project::new(&[(CI, text), (".checkmill/workflows/pr.yml", &other)]);
    let ended = project.checkmill(&["plan", "--json", "--changed", "a"]).await;
    assert_eq!(ended.stdout.lines().count(), 1);
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(plan["sha"].as_str().unwrap().len(), 40);
    assert_eq!(
        (&plan["event"], &plan["changed"]),
        (&"push".into(), &vec!["a"].into())
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan["workflows"]).unwrap(), @r#"
    [
      {
        "concurrency": null,
        "diagnostics": null,
        "jobs": [
          {
            "concurrency": [],
            "decided_later": [],
            "diagnostics": null,
            "key": "a",
            "legs": [
              {
                "concurrency": null,
                "continue_on_error": false,
                "matrix": {
                  "v": 1
                },
                "name": ".checkmill/workflows/ci.yml / a (1)",
                "runs_on": [
                  "linux",
                  "big"
                ],
                "timeout_ms": 300000
              }
            ],
            "name": ".checkmill/workflows/ci.yml / a (1)",
            "needs": [],
            "reason": null,
            "state": "starts",
            "uses": null
          },
          {
            "concurrency": [],
            "decided_later": [
              "if"
            ],
            "diagnostics": null,
            "key": "b",
            "legs": [
              {
                "concurrency": null,
                "continue_on_error": false,
                "matrix": null,
                "name": ".checkmill/workflows/ci.yml / b",
                "runs_on": [
                  "linux"
                ],
                "timeout_ms": 21600000
              }
            ],
            "name": ".checkmill/workflows/ci.yml / b",
            "needs": [
              "a"
            ],
            "reason": null,
            "state": "later",
            "uses": null
          },
          {
            "concurrency": [],
            "decided_later": [],
            "diagnostics": null,
            "key": "c",
            "legs": [],
            "name": ".checkmill/workflows/ci.yml / c",
            "needs": [],
            "reason": "its `if: false` is false",
            "state": "skipped",
            "uses": null
          }
        ],
        "name": ".checkmill/workflows/ci.yml",
        "path": ".checkmill/workflows/ci.yml",
        "reason": null,
        "run_name": null,
        "state": "starts",
        "waits_for": null
      },
      {
        "concurrency": null,
        "diagnostics": null,
        "jobs": [],
        "name": ".checkmill/workflows/pr.yml",
        "path": ".checkmill/workflows/pr.yml",
        "reason": "`on` does not name `push`",
        "run_name": null,
        "state": "not_started",
        "waits_for": null
      }
    ]
    "#);
}

#[tokio::test]
async fn nothing_to_plan() {
    let project = Project::new(&[(".github/workflows/ci.yml", &format!("on: push\n{JOB}"))]);
    insta::assert_snapshot!(project.checkmill(&["plan"]).await.refusal(&project), @"2: checkmill: . has no workflow file. Looked for *.yml and *.yaml in .checkmill/workflows and .lightning/workflows. There are some in .github/workflows: add `actions_workflows: true` to .checkmill/config.yml.");
    project.write(".checkmill/config.yml", "actions_workflows: true\n");
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✓ .github/workflows/ci.yml
         JOB                           RUNS ON  AFTER
      ✓  .github/workflows/ci.yml / a  linux

    1 job would start
    ");
}

const USES: &str = "\
on: push
jobs:
  allowed: {runs-on: linux, steps: [{uses: actions/checkout@v4}, {uses: actions/setup-node@v4}]}
  refused: {runs-on: linux, steps: [{uses: octo/x@v1}]}
  after: {needs: refused, runs-on: linux, steps: [{run: make}]}
  skipped: {if: false, runs-on: linux, steps: [{uses: octo/x@v1}]}
";

#[tokio::test]
async fn an_action_that_the_policy_does_not_allow() {
    let project = Project::new(&[(CI, USES), (".checkmill/config.yml", "actions: [actions/*]\n")]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✓ .checkmill/workflows/ci.yml
         JOB                                    RUNS ON  AFTER
      ✓  .checkmill/workflows/ci.yml / allowed  linux
      ✗  .checkmill/workflows/ci.yml / refused                    can't be planned as it is written
      –  .checkmill/workflows/ci.yml / after             refused  skipped: it needs `refused`, which failed
      –  .checkmill/workflows/ci.yml / skipped                    skipped: its `if: false` is false
        │ .checkmill/workflows/ci.yml:4:44: the repository's policy does not allow the action `octo/x@v1`
        │ 4 |   refused: {runs-on: linux, steps: [{uses: octo/x@v1}]}
        │   |                                            ^^^^^^^^^
        │   = help: allow it with `actions` in `.checkmill/config.yml` of the default branch

    1 job would start, 2 skipped, 1 broken
    ");
    assert_eq!(ended.code, Some(1));
}

/// What `start` would refuse, with the sentence that its check would have.
#[tokio::test]
async fn environments_that_the_policy_has_not_or_not_for_the_ref() {
    let text = "\
name: CD
on: push
jobs:
  missing: {runs-on: linux, environment: prodution, steps: [{run: 'true'}]}
  allowed: {runs-on: linux, environment: Staging, steps: [{run: 'true'}]}
  each:
    runs-on: linux
    strategy: {matrix: {to: [staging, production]}}
    environment: ${{ matrix.to }}
    steps: [{run: 'true'}]
  after:
    needs: missing
    runs-on: linux
    steps: [{run: 'true'}]
  later:
    needs: allowed
    runs-on: linux
    environment: ${{ needs.allowed.outputs.where }}-x
    steps: [{run: 'true'}]
";
    let policy = "environments:\n  staging:\n  production: {branches: [release]}\n";
    let project = Project::new(&[(CI, text), (".checkmill/config.yml", policy)]);
    let ended = project.checkmill(&["plan"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let (_, below) = ended.stdout.split_once('\n').unwrap();
    insta::assert_snapshot!(below, @"
    ✓ CD (.checkmill/workflows/ci.yml)
         JOB                     RUNS ON  AFTER
      ✗  CD / missing                              refused when it starts, for its environment
      ✓  CD / allowed            linux
      ✓  CD / each (staging)     linux
      ✗  CD / each (production)                    refused when it starts, for its environment
      –  CD / after                       missing  skipped: it needs `missing`, which failed
      ✓  CD / later              linux    allowed
        │ .checkmill/workflows/ci.yml:4:42: the repository's policy has no environment `prodution`
        │ 4 |   missing: {runs-on: linux, environment: prodution, steps: [{run: 'true'}]}
        │   |                                          ^^^^^^^^^
        │   = help: name it in `environments` in `.checkmill/config.yml` of the default branch
        │ .checkmill/workflows/ci.yml:9:18: the environment `production` is not for `refs/heads/main`: only branches release
        │ 9 |     environment: ${{ matrix.to }}
        │   |                  ^^^^^^^^^^^^^^^^
        │   = help: the rule is in `environments` in `.checkmill/config.yml` of the default branch

    3 jobs would start, 1 skipped, 2 broken
    ");
    let json = project.checkmill(&["plan", "--json"]).await;
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let jobs = plan["workflows"][0]["jobs"].as_array().unwrap();
    let states: Vec<_> = jobs
        .iter()
        .map(|job| {
            (
                job["key"].as_str().unwrap(),
                job["state"].as_str().unwrap(),
                job["legs"].as_array().unwrap().len(),
                job["refused"].as_array().map_or(0, Vec::len),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("missing", "broken", 0, 1),
            ("allowed", "starts", 1, 0),
            ("each", "starts", 1, 1),
            ("after", "skipped", 0, 0),
            ("later", "starts", 1, 0)
        ]
    );
    let run = project.run(&[]).await;
    assert!(
        run.stdout
            .contains("the repository's policy has no environment `prodution`"),
        "{run:?}"
    );
}

/// `docs/policy.md`: from the default branch only, so that a change can't be judged by its own rules.
#[tokio::test]
async fn the_policy_is_that_of_the_default_branch() {
    let text = "on: [push, pull_request]\njobs: {a: {runs-on: linux, steps: [{uses: octo/x@v1}]}}\n";
    let upstream = Project::new(&[(CI, text), (".checkmill/config.yml", "actions: builtin\n")]);
    upstream.git(&["init", "--quiet", "--initial-branch=main"]);
    upstream.git(&["add", "."]);
    upstream.git(&["commit", "--quiet", "-m", "First"]);
    let project = Project::new(&[]);
    let url = upstream.path().display().to_string();
    project.git(&["clone", "--quiet", &url, "."]);
    project.git(&["switch", "--quiet", "--create", "feature"]);
    project.write(".checkmill/config.yml", "actions: all\n");
    project.git(&["commit", "--quiet", "-am", "Allow it"]);
    for event in ["push", "pull_request"] {
        let plan = project.checkmill(&["plan", "--event", event]).await;
        assert_eq!(plan.code, Some(1), "{plan:?}");
        assert!(
            plan.stdout.contains("feature, under the policy of main.\n"),
            "{plan:?}"
        );
        let run = project.run(&["--event", event]).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(
            run.stdout.contains("does not allow the action `octo/x@v1`"),
            "{run:?}"
        );
        assert!(
            run.stderr.contains("feature, under the policy of main.\n"),
            "{run:?}"
        );
    }
    // What is pushed to the default branch itself is its policy from then on.
    project.git(&["switch", "--quiet", "main"]);
    project.git(&["merge", "--quiet", "feature"]);
    let plan = project.checkmill(&["plan"]).await;
    assert_eq!(plan.code, Some(0), "{plan:?}");
    let run = project.run(&[]).await;
    assert!(!run.stdout.contains("does not allow the action"), "{run:?}");
}

pub(crate) fn shown(project: &Project, text: &str) -> String {
    let place = project.path().canonicalize().unwrap();
    text.replace(&place.display().to_string(), "PROJECT")
}
