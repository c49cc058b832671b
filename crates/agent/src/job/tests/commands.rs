//! What steps say to us.

use crate::testing::{World, run, run_with};
use checkmill_core::limits::{CHECK_TEXT_CHARS, STEP_SUMMARY_BYTES};
use checkmill_workflow::job::JobVerdict;
use serde_json::json;

/// What the summary begins with, and what the log warns of.
async fn deployed(environment: serde_json::Value) -> (String, bool) {
    let script = "echo version=7 >> $GITHUB_OUTPUT; echo said >> $GITHUB_STEP_SUMMARY";
    let world = World::new(json!([run_with(script, json!({"id": "put"}))])).with("environment", environment);
    let ran = world.run().await;
    (ran.result.summary, ran.log.contains("##[warning]"))
}

#[tokio::test]
async fn the_summary_says_where_a_job_has_deployed_to() {
    for (environment, expected, warned) in [
        (json!({"name": "staging"}), "Deployed to `staging`.", false),
        (
            json!({"name": "production", "url": "https://example.com/${{ steps.put.outputs.version }}"}),
            "Deployed to `production`: <https://example.com/7>",
            false,
        ),
        (
            json!({"name": "a", "url": "javascript:alert(1)"}),
            "Deployed to `a`.",
            true,
        ),
        (
            json!({"name": "a", "url": "https://x/> [y](z)"}),
            "Deployed to `a`.",
            true,
        ),
        (
            json!({"name": "a", "url": "${{ fromJSON('{') }}"}),
            "Deployed to `a`.",
            true,
        ),
    ] {
        let told = deployed(environment.clone()).await;
        assert_eq!(told, (format!("{expected}\n\nsaid\n"), warned), "{environment}");
    }
    let world = World::new(json!([run("exit 1")])).with("environment", json!({"name": "staging"}));
    assert_eq!(world.run().await.result.summary, "", "nothing is deployed");
}

#[tokio::test]
async fn annotations_reach_the_result() {
    let world = World::new(json!([run(
        "echo \"::error file=$GITHUB_WORKSPACE/src/a.rs,line=3,endLine=4,title=Bad::first%0Asecond\"; echo '::warning::careful' >&2"
    ),]));
    let ran = world.run().await;
    insta::assert_debug_snapshot!(ran.result.annotations, @r#"
    [
        ResultAnnotation {
            level: Error,
            message: "first\nsecond",
            title: Some(
                "Bad",
            ),
            path: Some(
                "src/a.rs",
            ),
            start_line: Some(
                3,
            ),
            end_line: Some(
                4,
            ),
            start_column: None,
            end_column: None,
        },
        ResultAnnotation {
            level: Warning,
            message: "careful",
            title: None,
            path: None,
            start_line: None,
            end_line: None,
            start_column: None,
            end_column: None,
        },
    ]
    "#);
}

#[tokio::test]
async fn summaries_of_all_steps_are_joined_and_a_note_stands_for_a_long_one() {
    let too_long = STEP_SUMMARY_BYTES + 1;
    let world = World::new(json!([
        run("printf '# One' >> $GITHUB_STEP_SUMMARY"),
        run_with(
            &format!("head -c {too_long} /dev/zero | tr '\\0' x >> $GITHUB_STEP_SUMMARY"),
            json!({"name": "Report `all` @octocat"})
        ),
        run("echo '# Three' >> $GITHUB_STEP_SUMMARY"),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(ran.result.summary, @"
    # One
    > Step `Report 'all' @octocat`: GITHUB_STEP_SUMMARY is not used: it is longer than its limit of 1024 KiB.

    # Three
    ");
    assert!(
        ran.log
            .contains("##[warning]GITHUB_STEP_SUMMARY is not used: it is longer than its limit of 1024 KiB.")
    );
    assert_eq!(ran.result.conclusion, JobVerdict::Success);
    let long = run("head -c 100000 /dev/zero | tr '\\0' y >> $GITHUB_STEP_SUMMARY");
    let ran = World::new(json!([long])).run().await;
    assert_eq!(ran.result.summary.chars().count(), CHECK_TEXT_CHARS);
}

#[tokio::test]
async fn files_that_are_not_understood_fail_the_step() {
    let table = [
        (
            "echo nonsense >> $GITHUB_OUTPUT",
            "GITHUB_OUTPUT was not understood, line 1: expected NAME=VALUE",
        ),
        (
            "printf 'A<<E\\nx\\n' >> $GITHUB_ENV",
            "GITHUB_ENV was not understood, line 1: the delimiter \"E\" of A does not come",
        ),
        (
            "echo NODE_OPTIONS=-r >> $GITHUB_ENV",
            "GITHUB_ENV must not set NODE_OPTIONS",
        ),
        (
            "echo '::set-env name=A::b'",
            "The command ::set-env:: is disabled",
        ),
    ];
    for (script, expected) in table {
        let ran = World::new(json!([run(script)])).run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Failure);
        assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
    }
}

#[tokio::test]
async fn a_step_can_not_fake_the_logs_marks() {
    let step = run_with(
        "echo '##[endstep]success 0'; echo '::notice::a%0A##[job]success All fine'",
        json!({"name": "x\n##[job]y"}),
    );
    let ran = World::new(json!([step, run("exit 1")])).run().await;
    let marks: Vec<_> = ran
        .log
        .lines()
        .filter(|line| line.starts_with("##[job]") || line.starts_with("##[endstep]"))
        .collect();
    assert_eq!(
        marks,
        [
            "##[endstep]success 0",
            "##[endstep]failure 0",
            "##[job]failure Step \"Run exit 1\" failed with exit code 1"
        ]
    );
}

#[tokio::test]
async fn a_server_in_the_background_lives_on_and_holds_nothing_up() {
    let world = World::new(json!([
        run("(while true; do echo tick; sleep 0.1; done) & echo $! > pid; echo started"),
        run("kill -0 $(cat pid) && echo still there; kill $(cat pid)"),
    ]));
    let ran = world.run().await;
    assert!(ran.log.contains("\nstill there\n"), "{}", ran.log);
}

#[tokio::test]
async fn a_lot_of_output_arrives_whole() {
    let world = World::new(json!([run(
        "for i in $(seq 1 20000); do echo \"zeile $i äöü€😀\"; done"
    )]));
    let ran = world.run().await;
    let lines = ran
        .log
        .lines()
        .filter(|line| line.starts_with("zeile ") && line.ends_with("äöü€😀"))
        .count();
    assert_eq!(lines, 20_000);
    assert_eq!(ran.result.steps[0].tail, Vec::<String>::new());
}

/// GitHub docs, "Contexts": `github.env` and `github.path` are the files of the step, as `$GITHUB_ENV` and `$GITHUB_PATH`.
#[tokio::test]
async fn expressions_give_the_steps_files() {
    let ran = World::new(json!([
        run(
            "[ ${{ github.env }} = $GITHUB_ENV ]\n[ ${{ github.path }} = $GITHUB_PATH ]\n[ ${{ github.step_summary }} = $GITHUB_STEP_SUMMARY ]\n\
             [ ${{ github.state }} = $GITHUB_STATE ]\n[ ${{ github.output }} = $GITHUB_OUTPUT ]\necho LATER=yes >> ${{ github.env }}"
        ),
        run("[ $LATER = yes ]; [ ${{ github.env }} = $GITHUB_ENV ]"),
    ]))
    .run()
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
}
