//! Artifacts and caches where Checkmill is far. Where it is near: `crates/checkmill/tests/serve/actions.rs`.

use super::uses;
use crate::testing::{World, run};
use checkmill_workflow::job::JobVerdict;
use serde_json::json;

#[tokio::test]
async fn without_a_way_to_checkmill_they_are_configuration_errors() {
    for action in [
        "actions/upload-artifact@v4",
        "actions/download-artifact@v4",
        "actions/cache@v4",
        "actions/cache/restore@v4",
        "actions/cache/save@v4",
    ] {
        let ran = World::new(json!([uses(action, json!({"with": {"path": "x", "key": "k"}}))]))
            .run()
            .await;
        assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{action}");
        let name = action.trim_end_matches("@v4");
        assert_eq!(
            ran.result.detail,
            format!(
                "Step \"Run {action}\" can't be run: {name} needs a machine that can reach Checkmill, and this one can't; \
                 choose another with `runs-on`, or have the deployment give its address"
            )
        );
    }
}

/// A callback that nobody answers.
fn far(steps: serde_json::Value) -> World {
    World::new(steps).with("callback", json!({"url": "http://127.0.0.1:1/jobs/x/1"}))
}

#[tokio::test]
async fn an_unreachable_checkmill_fails_artifacts_and_not_caches() {
    let ran = far(json!([
        uses(
            "actions/cache@v4",
            json!({"id": "c", "with": {"path": "deps", "key": "k"}})
        ),
        run(
            "mkdir deps; echo \"[${{ steps.c.outputs.cache-hit }}] ${{ steps.c.outputs.cache-primary-key }}\""
        ),
        uses(
            "actions/upload-artifact@v4",
            json!({"name": "Upload", "with": {"path": "none"}})
        ),
    ]))
    .run()
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    for line in [
        "##[warning]The cache can't be used: Checkmill could not be reached: ",
        "[] k\n",
        "##[warning]No files were found with the path \"none\"; no artifact is uploaded.",
        "##[step]4/4 Post Run actions/cache@v4",
        "##[warning]The cache is not saved: Checkmill could not be reached: ",
    ] {
        assert!(ran.log.contains(line), "{line}: {}", ran.log);
    }
    let restore = json!({"with": {"path": "deps", "key": "k", "fail-on-cache-miss": "true"}});
    let ran = far(json!([uses("actions/cache/restore@v4", restore)]))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Infrastructure, "{}", ran.log);
    assert!(
        ran.result.detail.contains("Checkmill could not be reached"),
        "{}",
        ran.result.detail
    );
    let table = [
        (
            json!({"path": "x"}),
            "Checkmill could not be reached",
            JobVerdict::Infrastructure,
        ),
        (
            json!({"path": "none", "if-no-files-found": "error"}),
            "No files were found with the path \"none\"",
            JobVerdict::Failure,
        ),
        (
            json!({"name": "x"}),
            "path: say which files",
            JobVerdict::Configuration,
        ),
    ];
    for (with, expected, verdict) in table {
        let upload = uses("actions/upload-artifact@v4", json!({"with": with}));
        let ran = far(json!([run("touch x"), upload])).run().await;
        assert_eq!(ran.result.conclusion, verdict, "{}", ran.log);
        assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
    }
}

#[tokio::test]
async fn a_failed_job_saves_no_cache() {
    let ran = far(json!([
        uses("actions/cache@v4", json!({"with": {"path": "deps", "key": "k"}})),
        run("exit 1"),
    ]))
    .run()
    .await;
    assert!(
        ran.log
            .contains("##[step]3/3 Post Run actions/cache@v4\n##[endstep]skipped"),
        "{}",
        ran.log
    );
}
