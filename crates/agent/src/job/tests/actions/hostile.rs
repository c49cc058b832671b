//! Actions that are not there, not right, not allowed, or mean harm.

use super::{Server, uses};
use crate::job::tests::checkout::HttpOrigin;
use crate::testing::{World, run};
use checkmill_workflow::job::JobVerdict;
use serde_json::json;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn each_has_a_message_and_the_right_verdict() {
    let server = Server::new();
    let node = |main: &str| format!("runs: {{using: node20, main: '{main}'}}");
    server.commit(
        "tools/bad",
        &[
            (
                "main-outside/action.yml",
                &node("../../../../../../../../etc/passwd"),
            ),
            ("main-absolute/action.yml", &node("/etc/passwd")),
            ("main-link/action.yml", &node("link.js")),
            ("main-none/action.yml", &node("none.js")),
            ("broken/action.yml", "runs: {using: [}"),
            ("nothing/README", ""),
            (
                "shell/action.yml",
                "runs: {using: composite, steps: [{run: x, shell: fish}]}",
            ),
            (
                "secret/action.yml",
                "runs: {using: composite, steps: [{run: 'echo ${{ secrets.X }}', shell: sh}]}",
            ),
            (
                "default/action.yml",
                "inputs: {a: {default: \"${{ fromJSON('{') }}\"}}\nruns: {using: composite, steps: []}",
            ),
            (
                "self/action.yml",
                "runs: {using: composite, steps: [{uses: tools/bad/self@main}]}",
            ),
            (
                "nested/action.yml",
                "runs: {using: composite, steps: [{uses: other/tool@v1}]}",
            ),
        ],
    );
    symlink("/etc/passwd", server.path("tools/bad/main-link/link.js")).unwrap();
    symlink("/etc", server.path("tools/bad/etc")).unwrap();
    let sha = server.commit("tools/bad", &[]);
    let short = format!("tools/bad@{}", &sha[..10]);
    let table = [
        (
            "tools/bad/main-outside@main",
            "main: \"../../../../../../../../etc/passwd\" leads out of the action's repository",
        ),
        (
            "tools/bad/main-absolute@main",
            "main: \"/etc/passwd\" is not a path inside the action",
        ),
        (
            "tools/bad/main-link@main",
            "main: \"link.js\" leads out of the action's repository",
        ),
        ("tools/bad/main-none@main", "main: none.js can't be read"),
        ("tools/bad/etc@main", "the directory etc is a link that leads out"),
        ("tools/bad/gone@main", "the directory gone can't be read"),
        (
            "tools/bad/nothing@main",
            "there is no action.yml, action.yaml or Dockerfile",
        ),
        ("tools/bad/broken@main", "action.yml is wrong"),
        ("tools/bad/shell@main", "`fish` is not a shell"),
        ("tools/bad/secret@main", "the context `secrets`"),
        (
            "tools/bad/default@main",
            "The default of the input a of tools/bad/default@main can't be computed",
        ),
        (
            "tools/bad/self@main",
            "composite actions may be inside one another 10 times",
        ),
        (
            "tools/bad/nested@main",
            "The action other/tool@v1 can't be used: file://",
        ),
        (
            "tools/bad@v9",
            "the repository tools/bad has no branch or tag \"v9\"",
        ),
        (
            "tools/bad@a..b",
            "the repository tools/bad has no branch or tag \"a..b\"",
        ),
        (&short, "a commit must be named by all of its digits"),
        (
            "tools/none@v1",
            "tools/none can't be read without a login; of private repositories only the job's own can be used",
        ),
        (
            "./gone",
            "The action ./gone can't be used: the directory gone can't be read",
        ),
    ];
    for (action, expected) in table {
        let ran = server.world(json!([uses(action, json!({}))])).run().await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Configuration,
            "{action}: {}",
            ran.log
        );
        assert!(ran.log.contains(expected), "{action}: {}", ran.log);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_no_fault_of_the_workflow() {
    let world = World::new(json!([uses("tools/x@v1", json!({}))])).with(
        "checkout",
        json!({"clone_url": "http://127.0.0.1:1/octo/hello.git", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"}),
    );
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Infrastructure, "{}", ran.log);
    assert!(
        ran.result
            .detail
            .starts_with("The action tools/x@v1 can't be used: git ls-remote failed"),
        "{}",
        ran.result.detail
    );
}

#[tokio::test]
async fn the_policy_holds_inside_composite_actions_too() {
    let server = Server::new();
    server.commit(
        "tools/good",
        &[(
            "action.yml",
            "runs: {using: composite, steps: [{uses: other/tool@v1}]}",
        )],
    );
    let ran = server
        .world(json!([
            run("echo not reached"),
            uses("tools/good@main", json!({}))
        ]))
        .with("actions", json!({"only": ["tools/*"]}))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert_eq!(
        ran.result.detail,
        "The repository's policy does not allow the action other/tool@v1; allow it with `actions` in .checkmill/config.yml \
         of the default branch"
    );
    assert!(!ran.log.contains("not reached"), "{}", ran.log);
}

#[tokio::test]
async fn the_jobs_token_is_for_its_own_repository_alone() {
    let server = Server::new();
    let action = "runs: {using: composite, steps: [{run: echo ran, shell: bash}]}";
    server.commit("octo/hello", &[("act/action.yml", action)]);
    server.commit("tools/x", &[("action.yml", action)]);
    // It lets in who has the token, and nobody else.
    let http = HttpOrigin::serve(server.path(""));
    let world = |action: &str| {
        World::new(json!([uses(action, json!({}))])).with(
            "checkout",
            json!({"clone_url": format!("http://{}/octo/hello", http.address), "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"}),
        )
    };
    let own = world("octo/hello/act@main").run().await;
    assert_eq!(own.result.conclusion, JobVerdict::Success, "{}", own.log);
    let other = world("tools/x@main").run().await;
    assert_eq!(
        other.result.conclusion,
        JobVerdict::Configuration,
        "{}",
        other.log
    );
    assert!(
        other.result.detail.contains("can't be read without a login"),
        "{}",
        other.result.detail
    );
}
