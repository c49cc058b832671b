//! JavaScript actions, run by a real node.

use super::{Server, uses};
use crate::environment;
use crate::testing::{Ran, run, run_with, skipped};
use checkmill_workflow::job::{JobVerdict, StepStatus};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Says what it was given; keeps a state from part to part.
const MAIN: &str = r#"
const fs = require('fs');
const part = require('path').basename(__filename, '.js');
const give = (file, text) => fs.appendFileSync(process.env[file], text + '\n');
const wanted = /^(INPUT_|STATE_|GITHUB_ACTION)/;
for (const name of Object.keys(process.env).filter(name => wanted.test(name)).sort())
  if (!/PATH|ACTIONS/.test(name)) console.log(`${part} ${name}=${process.env[name]}`);
console.log(`${part} in ${process.cwd() === process.env.GITHUB_WORKSPACE} ${process.env.LAYER}`);
give('GITHUB_STATE', `${part}<<END\nkept by\n${part}\nEND`);
console.log(`::save-state name=old::${part}`);
give('GITHUB_OUTPUT', `from=${part}`);
if (process.env['INPUT_FAIL-IN'] === part) { console.log('::error file=a.js,line=3::broken'); process.exit(5); }
"#;

fn server() -> Server {
    let server = Server::new();
    server.commit("tools/js", &[
        ("action.yml", "inputs: {fail-in: , my name: {default: x}}\nruns: {using: node16, pre: dist/pre.js, main: dist/main.js, post: dist/post.js}"),
        ("dist/pre.js", MAIN),
        ("dist/main.js", MAIN),
        ("dist/post.js", MAIN),
        ("only-failed/action.yml", "runs: {using: node24, main: ../dist/main.js, post: ../dist/post.js, post-if: failure()}"),
        ("composite/action.yml", "inputs: {x: }\nruns: {using: composite, steps: [{uses: tools/js@main, with: {my name: '${{ inputs.x }}'}}]}"),
    ]);
    server
}

/// Whether there is a node; if not, the test says so.
fn has_node() -> bool {
    let found = environment::find_program("node", "/usr/local/bin:/usr/bin:/bin", Path::new("/")).is_some();
    if !found {
        skipped("a JavaScript action", "node is not installed");
    }
    found
}

fn lines<'a>(ran: &'a Ran, beginnings: &[&str]) -> Vec<&'a str> {
    let wanted = |line: &&str| beginnings.iter().any(|beginning| line.starts_with(beginning));
    ran.log.lines().filter(wanted).collect()
}

#[tokio::test]
async fn its_three_parts_and_what_they_keep() {
    if !has_node() {
        return;
    }
    let ran = server()
        .world(json!([
            uses(
                "tools/js@main",
                json!({"id": "js", "with": {"My Name": "one ${{ matrix.os }}"}, "env": {"LAYER": "step"}})
            ),
            run("echo mid ${{ steps.js.outputs.from }}"),
            uses("tools/js/composite@main", json!({"with": {"x": "two"}})),
        ]))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    insta::assert_snapshot!(lines(&ran, &["##[step]", "pre ", "main ", "post ", "mid "]).join("\n"), @"
    ##[step]1/4 Pre Run tools/js@main
    pre GITHUB_ACTION=js
    pre GITHUB_ACTION_REF=main
    pre GITHUB_ACTION_REPOSITORY=tools/js
    pre INPUT_FAIL-IN=
    pre INPUT_MY_NAME=one linux
    pre in true step
    ##[step]2/5 Pre Run tools/js@main
    pre GITHUB_ACTION=__tools_js
    pre GITHUB_ACTION_REF=main
    pre GITHUB_ACTION_REPOSITORY=tools/js
    pre INPUT_FAIL-IN=
    pre INPUT_MY_NAME=two
    pre in true undefined
    ##[step]3/5 Run tools/js@main
    main GITHUB_ACTION=js
    main GITHUB_ACTION_REF=main
    main GITHUB_ACTION_REPOSITORY=tools/js
    main INPUT_FAIL-IN=
    main INPUT_MY_NAME=one linux
    main STATE_old=pre
    main STATE_pre=kept by
    main in true step
    ##[step]4/5 Run echo mid main
    mid main
    ##[step]5/5 Run tools/js/composite@main
    main GITHUB_ACTION=__tools_js
    main GITHUB_ACTION_REF=main
    main GITHUB_ACTION_REPOSITORY=tools/js
    main INPUT_FAIL-IN=
    main INPUT_MY_NAME=two
    main STATE_old=pre
    main STATE_pre=kept by
    main in true undefined
    ##[step]6/7 Post Run tools/js@main
    post GITHUB_ACTION=__tools_js
    post GITHUB_ACTION_REF=main
    post GITHUB_ACTION_REPOSITORY=tools/js
    post INPUT_FAIL-IN=
    post INPUT_MY_NAME=two
    post STATE_main=kept by
    post STATE_old=main
    post STATE_pre=kept by
    post in true undefined
    ##[step]7/7 Post Run tools/js@main
    post GITHUB_ACTION=js
    post GITHUB_ACTION_REF=main
    post GITHUB_ACTION_REPOSITORY=tools/js
    post INPUT_FAIL-IN=
    post INPUT_MY_NAME=one linux
    post STATE_main=kept by
    post STATE_old=main
    post STATE_pre=kept by
    post in true step
    ");
}

#[tokio::test]
async fn last_parts_run_after_a_failure_and_fail_the_job_themselves() {
    if !has_node() {
        return;
    }
    let server = server();
    let ran = server
        .world(json!([
            uses("tools/js/only-failed@main", json!({"name": "A"})),
            uses("tools/js@main", json!({"name": "B", "with": {"fail-in": "main"}})),
            uses("tools/js@main", json!({"name": "never"})),
        ]))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Failure, "{}", ran.log);
    assert_eq!(ran.result.detail, "Step \"B\" failed with exit code 5");
    let steps: Vec<String> = ran
        .result
        .steps
        .iter()
        .map(|step| format!("{} {:?}", step.name, step.outcome))
        .collect();
    insta::assert_snapshot!(steps.join("\n"), @"
    Pre B Success
    Pre never Success
    A Success
    B Failure
    never Skipped
    Post A Success
    Post never Success
    Post B Success
    ");
    assert_eq!(ran.result.annotations.len(), 1);

    let ran = server
        .world(json!([
            uses("tools/js@main", json!({"name": "A", "with": {"fail-in": "post"}})),
            uses("tools/js/only-failed@main", json!({"name": "B"})),
        ]))
        .run()
        .await;
    assert_eq!(ran.result.detail, "Step \"Post A\" failed with exit code 5");
    let last = ran.result.steps.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.outcome),
        ("Post A", StepStatus::Failure)
    );
    assert!(!lines(&ran, &["##[step]"]).is_empty());
}

/// On GitHub it is the runner's, which no `PATH` hides.
#[tokio::test]
async fn node_is_the_machines_whatever_path_the_workflow_has() {
    if !has_node() {
        return;
    }
    let server = server();
    let world = server
        .world(json!([uses("tools/js@main", json!({}))]))
        .with("env", json!([{"PATH": "/nowhere"}]));
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
}

#[tokio::test]
async fn without_node_the_message_says_what_to_do() {
    let server = server();
    let mut world = server.world(json!([
        run_with("echo before", json!({})),
        uses("tools/js/only-failed@main", json!({})),
    ]));
    // A PATH with what is needed, but node. Not links: some gits look for their parts beside themselves.
    let bin = world.temp.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for program in ["bash", "sh", "git", "git-upload-pack"] {
        let found = environment::find_program(program, "/usr/local/bin:/usr/bin:/bin", &bin).unwrap();
        let script = format!("#!/bin/sh\nexec {} \"$@\"\n", found.display());
        std::fs::write(bin.join(program), script).unwrap();
        std::fs::set_permissions(bin.join(program), Permissions::from_mode(0o755)).unwrap();
    }
    let path = bin.display().to_string();
    world.surroundings.environment.insert("PATH".to_owned(), path);
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    insta::assert_snapshot!(ran.result.detail, @r#"
    Step "Run tools/js/only-failed@main" can't be run: The action tools/js/only-failed@main is a JavaScript action (node24) and there is no `node` where the job runs; install Node.js there, choose a machine that has it with `runs-on`, or do the same in a `run` step
    "#);
}
