//! What a plan shows of jobs that call workflows.

use crate::program::{CI, Project};
use crate::rules::shown;
use serde_json::Value;

const CALLER: &str = "\
name: CI
on: push
jobs:
  setup:
    runs-on: linux
    outputs: {x: a}
    steps: [{run: make}]
  build:
    strategy: {matrix: {mode: [debug, release]}}
    uses: ./.github/workflows/build.yml
    with: {mode: '${{ matrix.mode }}'}
  later:
    needs: setup
    uses: ./.github/workflows/build.yml
    with: {mode: '${{ needs.setup.outputs.x }}'}
  never:
    if: github.event_name == 'release'
    uses: ./.github/workflows/build.yml
    with: {mode: x}
  elsewhere:
    uses: octo/shared/.github/workflows/x.yml@v1
  after:
    needs: [build, elsewhere]
    runs-on: linux
    steps: [{run: make}]
";
const BUILD_PATH: &str = ".github/workflows/build.yml";
const BUILD: &str = "\
on: {workflow_call: {inputs: {mode: {type: string, required: true}}}}
jobs:
  compile:
    runs-on: ['${{ inputs.mode }}']
    steps: [{run: make}]
  strip:
    needs: compile
    if: inputs.mode == 'release'
    runs-on: linux
    steps: [{run: make}]
";

#[tokio::test]
async fn called_jobs_stand_below_those_that_call_them() {
    let project = Project::new(&[(CI, CALLER), (".github/workflows/build.yml", BUILD)]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✓ CI (.checkmill/workflows/ci.yml)
         JOB                             RUNS ON  AFTER
      ✓  CI / setup                      linux
      ✓  CI / build (debug) / compile    debug
      –  CI / build (debug) / strip               compile           skipped: its `if: inputs.mode == 'release'` is false
      ✓  CI / build (release) / compile  release
      ✓  CI / build (release) / strip    linux    compile
      ?  CI / later                               setup             `with` is decided when setup has ended
      –  CI / never                                                 skipped: its `if: github.event_name == 'release'` is false
      ?  CI / elsewhere                                             its jobs are those of octo/shared/.github/workflows/x.yml@v1
      ✓  CI / after                      linux    build, elsewhere

    5 jobs would start, 1 decided later, 1 of another repository, 2 skipped
    ");
    assert_eq!(ended.code, Some(0));
    let ended = project.checkmill(&["plan", "--json"]).await;
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    let jobs = plan["workflows"][0]["jobs"].as_array().unwrap();
    let states: Vec<String> = jobs
        .iter()
        .map(|job| {
            format!(
                "{} | {} | {} | {}",
                job["key"], job["name"], job["state"], job["uses"]
            )
        })
        .collect();
    insta::assert_snapshot!(states.join("\n"), @r#"
    "setup" | "CI / setup" | "starts" | null
    "build" | "CI / build" | "calls" | null
    "build.002dd86f/compile" | "CI / build (debug) / compile" | "starts" | null
    "build.002dd86f/strip" | "CI / build (debug) / strip" | "skipped" | null
    "build.a0d20cdc/compile" | "CI / build (release) / compile" | "starts" | null
    "build.a0d20cdc/strip" | "CI / build (release) / strip" | "starts" | null
    "later" | "CI / later" | "later" | null
    "never" | "CI / never" | "skipped" | null
    "elsewhere" | "CI / elsewhere" | "elsewhere" | "octo/shared/.github/workflows/x.yml@v1"
    "after" | "CI / after" | "starts" | null
    "#);
}

#[tokio::test]
async fn a_call_that_does_not_fit_breaks_the_file() {
    let caller = "on: push\njobs: {a: {uses: ./.github/workflows/build.yml}}\n";
    let project = Project::new(&[(CI, caller), (".github/workflows/build.yml", BUILD)]);
    let ended = project.checkmill(&["plan"]).await;
    insta::assert_snapshot!(shown(&project, &ended.stdout), @"
    Planning a push of the files of PROJECT to main.

    ✗ .checkmill/workflows/ci.yml is broken
        │ .checkmill/workflows/ci.yml:2:18: the job `a` does not give the input `mode`, which `.github/workflows/build.yml` requires
        │ 2 | jobs: {a: {uses: ./.github/workflows/build.yml}}
        │   |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        │   = help: add `mode` under `with`

    0 jobs would start, 1 broken
    ");
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn a_run_has_room_for_so_many_jobs() {
    let list = (0..16).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let planned = async |caller: &str, keys: &[String]| {
        let ci = format!(
            "on: push\njobs: {{{caller}: {{strategy: {{matrix: {{a: [{list}], b: [{list}]}}}}, uses: ./{BUILD_PATH}}}}}\n"
        );
        let mut build = "on: workflow_call\njobs:\n".to_owned();
        for key in keys {
            let first = if *key == keys[0] {
                String::new()
            } else {
                format!("needs: {}, ", keys[0])
            };
            build.push_str(&format!("  {key}: {{{first}runs-on: x, steps: [{{run: y}}]}}\n"));
        }
        let project = Project::new(&[(CI, &ci), (BUILD_PATH, &build)]);
        let ended = project.checkmill(&["plan", "--json"]).await;
        let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
        plan["workflows"][0]["jobs"][0].clone()
    };
    let keys = |number: usize, length: usize| -> Vec<String> {
        (0..number)
            .map(|n| format!("{}{n}", "k".repeat(length)))
            .collect()
    };
    let many = planned("call", &keys(4, 1)).await;
    insta::assert_snapshot!(many["diagnostics"]["text"].as_str().unwrap(), @"The workflows that `call` calls have 1024 jobs, with which the run has more than 1000 jobs.");
    let long = planned(&"c".repeat(100), &keys(3, 99)).await;
    insta::assert_snapshot!(long["diagnostics"]["text"].as_str().unwrap().replace(&"c".repeat(100), "call"), @"The 768 jobs of the workflows that `call` calls make the run's graph larger than 65536 bytes: call fewer at once, or give the jobs on the way and their concurrency groups shorter names.");
    assert_eq!(planned("call", &keys(3, 1)).await["state"], "calls");
}
