//! What a plan shows of concurrency groups.

use crate::program::{CI, Project};
use crate::rules::shown;
use serde_json::{Value, json};

const FILE: &str = "\
name: CI
on: push
concurrency: {group: 'ci-${{ github.ref_name }}', cancel-in-progress: true}
jobs:
  build:
    runs-on: linux
    outputs: {to: a}
    steps: [{run: make}]
  test:
    runs-on: linux
    strategy: {matrix: {machine: [a, b]}}
    concurrency: {group: 'machine-${{ matrix.machine }}', queue: max}
    steps: [{run: make}]
  deploy:
    needs: build
    runs-on: linux
    concurrency: to-${{ needs.build.outputs.to }}
    steps: [{run: make}]
  call:
    concurrency: calls
    uses: ./.github/workflows/called.yml
  broken:
    runs-on: linux
    concurrency: ${{ github.head_ref }}
    steps: [{run: make}]
";
const CALLED: &str = "\
on: workflow_call
concurrency: called
jobs:
  one:
    runs-on: linux
    steps: [{run: make}]
";

#[tokio::test]
async fn the_groups_of_runs_calls_and_legs() {
    let project = Project::new(&[(CI, FILE), (".github/workflows/called.yml", CALLED)]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✓ CI (.checkmill/workflows/ci.yml)
      All of it is in the concurrency group `ci-main` and cancels what runs in it
         JOB              RUNS ON  AFTER
      ✓  CI / build       linux
      ✓  CI / test (a)    linux           in the concurrency group `machine-a` and waits for all before it
      ✓  CI / test (b)    linux           in the concurrency group `machine-b` and waits for all before it
      ?  CI / deploy               build  `concurrency` is decided when build has ended
      ✓  CI / call                        what it calls is in the concurrency group `calls` and waits for what runs in it, in the concurrency group `called` and waits for what runs in it
      ✓  CI / call / one  linux
      ✗  CI / broken                      can't be planned as it is written
        │ .checkmill/workflows/ci.yml:24:18: the expression in `concurrency` gives no name
        │ 24 |     concurrency: ${{ github.head_ref }}
        │    |                  ^^^^^^^^^^^^^^^^^^^^^^
        │   = help: what is not set is nothing; add a name for that case, such as `|| github.run_id`

    4 jobs would start, 1 decided later, 1 broken
    ");

    let ended = project.checkmill(&["plan", "--json"]).await;
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    let workflow = &plan["workflows"][0];
    assert_eq!(
        workflow["concurrency"],
        json!({"group": "ci-main", "cancel_in_progress": true})
    );
    let of = |key: &str| {
        let jobs = workflow["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["key"] == key).unwrap().clone()
    };
    assert_eq!(
        of("test")["legs"][1]["concurrency"],
        json!({"group": "machine-b", "queue": "max"})
    );
    assert_eq!(
        of("call")["concurrency"],
        json!([{"group": "calls"}, {"group": "called"}])
    );
    assert_eq!(of("deploy")["decided_later"], json!(["concurrency"]));
}
