//! Conditions, outcomes, `env`, outputs, verdicts.

use crate::testing::{World, run, run_with};
use checkmill_workflow::job::{JobResult, JobVerdict, StepStatus};
use serde_json::json;

#[tokio::test]
async fn a_job_that_passes() {
    let world = World::new(json!([
        run_with(
            "echo \"hello $NAME\"\necho second",
            json!({"name": "Greet ${{ matrix.os }}", "env": {"NAME": "${{ matrix.os }}"}})
        ),
        run("echo done"),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(ran.log, @r#"
    ##[step]1/2 Greet linux
    ##[group]Run echo "hello $NAME"
    echo "hello $NAME"
    echo second
    shell: /usr/bin/bash -e {0}
    env:
      NAME: linux
    ##[endgroup]
    hello linux
    second
    ##[endstep]success 0
    ##[step]2/2 Run echo done
    ##[group]Run echo done
    echo done
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    done
    ##[endstep]success 0
    ##[job]success 2 steps succeeded
    "#);
    assert_eq!((ran.exit_code, ran.result.conclusion), (0, JobVerdict::Success));
    assert!(!ran.result.machine.is_empty());
    let of_any_machine = JobResult {
        machine: String::new(),
        ..ran.result
    };
    insta::assert_debug_snapshot!(of_any_machine, @r#"
    JobResult {
        conclusion: Success,
        detail: "2 steps succeeded",
        exit_code: None,
        steps: [
            StepResult {
                name: "Greet linux",
                outcome: Success,
                conclusion: Success,
                exit_code: Some(
                    0,
                ),
                duration_ms: 0,
                tail: [],
            },
            StepResult {
                name: "Run echo done",
                outcome: Success,
                conclusion: Success,
                exit_code: Some(
                    0,
                ),
                duration_ms: 0,
                tail: [],
            },
        ],
        outputs: {},
        annotations: [],
        tests: TestSummary {
            passed: 0,
            failed: 0,
            skipped: 0,
            failures: [],
        },
        summary: "",
        wanted: [],
        translated: [],
        machine: "",
        log_bytes: 0,
    }
    "#);
}

#[tokio::test]
async fn a_failing_step_skips_the_rest_but_what_asks_for_it() {
    let world = World::new(json!([
        run_with(
            "echo out; echo err >&2; exit 3",
            json!({"name": "Test", "id": "test"})
        ),
        run("echo never"),
        run_with(
            "echo \"${{ steps.test.outcome }} ${{ job.status }}\"",
            json!({"if": "failure()", "name": "Report"})
        ),
        run_with("echo always", json!({"if": "${{ always() }}", "name": "Clean"})),
        run_with("echo never", json!({"if": "cancelled()", "name": "Cancelled"})),
    ]));
    let ran = world.run().await;
    let conclusions: Vec<_> = ran.result.steps.iter().map(|step| step.conclusion).collect();
    use StepStatus::{Failure, Skipped, Success};
    assert_eq!(conclusions, [Failure, Skipped, Success, Success, Skipped]);
    assert!(ran.log.contains("failure failure\n"), "{}", ran.log);
    assert_eq!(ran.result.detail, "Step \"Test\" failed with exit code 3");
    assert_eq!((ran.exit_code, ran.result.exit_code), (3, Some(3)));
    assert_eq!(ran.result.steps[0].tail, ["out", "err"]);
    assert!(
        ran.log
            .ends_with("##[job]failure Step \"Test\" failed with exit code 3"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn continue_on_error_keeps_the_outcome_and_changes_the_conclusion() {
    let world = World::new(json!([
        run_with(
            "exit 1",
            json!({"id": "a", "continue_on_error": "${{ matrix.os == 'linux' }}"})
        ),
        run("echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }}"),
        run_with("exit 2", json!({"continue_on_error": "false", "name": "B"})),
    ]));
    let ran = world.run().await;
    assert!(ran.log.contains("\nfailure success\n"), "{}", ran.log);
    assert_eq!(ran.result.steps[0].outcome, StepStatus::Failure);
    assert_eq!(ran.result.steps[0].conclusion, StepStatus::Success);
    assert_eq!(ran.result.detail, "Step \"B\" failed with exit code 2");
}

#[tokio::test]
async fn env_lies_in_layers_and_steps_add_to_it() {
    let world = World::new(json!([
        run_with("echo \"1 $A $B $C ${{ env.A }}\"; echo 'D=from file' >> $GITHUB_ENV; echo 'B=new' >> $GITHUB_ENV", json!({"env": {"C": "step ${{ env.B }}"}})),
        run("echo \"2 $A $B $C- $D ${{ env.D }}\""),
        run_with("echo \"3 $B\"", json!({"env": {"B": "step"}})),
    ]))
    .with("env", json!([{"A": "workflow", "B": "workflow"}, {"B": "job ${{ matrix.os }}"}]));
    let ran = world.run().await;
    let said: Vec<_> = ran
        .log
        .lines()
        .filter(|line| line.starts_with(['1', '2', '3']))
        .collect();
    assert_eq!(
        said,
        [
            "1 workflow job linux step job linux workflow",
            "2 workflow new - from file from file",
            "3 step"
        ]
    );
}

#[tokio::test]
async fn outputs_of_steps_become_outputs_of_the_job() {
    let world = World::new(json!([
        run_with("echo 'v=1' >> $GITHUB_OUTPUT; printf 'm<<E\\na\\nb\\nE\\n' >> \"$GITHUB_OUTPUT\"; echo '::set-output name=old::x'; exit 1",
            json!({"id": "s", "continue_on_error": "true"})),
    ]))
    .with("outputs", json!({"v": "${{ steps.s.outputs.v }}", "m": "${{ steps.s.outputs.m }}", "old": "${{ steps.s.outputs.old }}", "none": "${{ steps.x.outputs.y }}"}));
    let ran = world.run().await;
    let outputs = json!(ran.result.outputs);
    assert_eq!(outputs, json!({"v": "1", "m": "a\nb", "old": "x", "none": ""}));
}

#[tokio::test]
async fn outputs_have_a_limit() {
    let world = World::new(json!([run_with(
        "{ printf 'big='; head -c 300000 /dev/zero | tr '\\0' x; echo; } >> $GITHUB_OUTPUT",
        json!({"id": "s"})
    ),]))
    .with("outputs", json!({"big": "${{ steps.s.outputs.big }}"}));
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert_eq!(
        ran.result.detail,
        "The job's outputs have 300003 bytes, big alone 300000; the limit is 256 KiB for all of them. Pass so much as an artifact"
    );
    assert!(ran.result.outputs.is_empty());
}

#[tokio::test]
async fn what_can_not_be_run_as_written_is_a_configuration_fault() {
    let table = [
        (run_with("true", json!({"if": "nope("})), "`if` can't be computed"),
        (
            run_with("true", json!({"env": {"A": "${{ fromJSON('{') }}"}})),
            "`env` can't be computed: A",
        ),
        (
            run_with("true", json!({"shell": "fish"})),
            "\"fish\" is not bash, sh, python or pwsh",
        ),
        (
            run_with("true", json!({"shell": "nosuchshell {0}"})),
            "nosuchshell is not installed",
        ),
        (
            run_with("true", json!({"timeout_minutes": "soon"})),
            "`timeout-minutes` is \"soon\"",
        ),
        (
            run_with("true", json!({"env": {"A=B": "x"}})),
            "`env` has a name that no variable can have: \"A=B\"",
        ),
        (run("echo ${{ broken"), "`run` can't be computed"),
    ];
    for (step, expected) in table {
        let ran = World::new(json!([step, run("echo never")])).run().await;
        assert_eq!(
            (ran.result.conclusion, ran.exit_code),
            (JobVerdict::Configuration, 78),
            "{}",
            ran.result.detail
        );
        assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
        assert_eq!(ran.result.steps[1].outcome, StepStatus::Skipped);
    }
}

#[tokio::test]
async fn a_broken_env_of_the_job_runs_no_step() {
    let ran = World::new(json!([run("echo never")]))
        .with("env", json!([{"A": "${{ fromJSON('{') }}"}]))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert!(
        ran.result.steps.is_empty() && !ran.log.contains("never"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn a_directory_that_is_not_there_fails_the_step() {
    let ran = World::new(json!([run_with(
        "pwd",
        json!({"working_directory": "a/${{ matrix.os }}"})
    )]))
    .run()
    .await;
    assert_eq!(
        ran.result.detail,
        "Step \"Run pwd\" failed: The working directory a/linux does not exist or is no directory"
    );
    assert_eq!(ran.result.conclusion, JobVerdict::Failure);
}

#[tokio::test]
async fn hash_files_sees_what_steps_have_made() {
    let world = World::new(json!([
        run("echo x > Cargo.lock"),
        run("echo \"hash ${{ hashFiles('**/*.lock') }} ${{ hashFiles('nothing') }}.\""),
    ]));
    let ran = world.run().await;
    // sha256(sha256("x\n"))
    assert!(
        ran.log
            .contains("\nhash af783de711a03d4e784d3cd52d07738e879f8e3004e6bab584d4f5986f26ef1f .\n"),
        "{}",
        ran.log
    );
}
