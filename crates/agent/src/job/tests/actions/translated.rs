//! Steps that a machine without node and without a container engine can't run.

use super::{Server, uses};
use crate::environment::find_program;
use crate::testing::{JOB_TOKEN, Ran, World, run, run_with};
use checkmill_workflow::job::JobVerdict;
use checkmill_workflow::translation::{Lacking, Untranslatable, UntranslatableAction};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::Path;

const JS: &str = "inputs: {who: {default: x}, my-token: }\nruns: {using: node20, pre: pre.js, main: main.js, post: post.js}";
const NO_NODE: &str = "Step \"Run tools/js@main\" can't be run: The action tools/js@main is a JavaScript action (node20) and \
                       there is no `node` where the job runs; install Node.js there, choose a machine that has it with \
                       `runs-on`, or do the same in a `run` step";

/// Any program is `node` here that the test doesn't name.
const PROGRAMS: [&str; 9] = [
    "bash", "sh", "git", "cat", "env", "sort", "grep", "mkdir", "chmod",
];

pub(super) fn server() -> Server {
    let server = Server::new();
    let js = |name: &str| format!("console.log('{name} by node')");
    server.commit(
        "tools/js",
        &[
            ("action.yml", JS),
            ("pre.js", &js("pre")),
            ("main.js", &js("main")),
            ("post.js", &js("post")),
        ],
    );
    server.commit(
        "tools/box",
        &[
            (
                "action.yml",
                "inputs: {who: }\nruns: {using: docker, image: Dockerfile, env: {LAYER: of the action}}",
            ),
            ("Dockerfile", "FROM alpine:3\nENTRYPOINT [\"echo\"]\n"),
        ],
    );
    server
}

fn action(what: &Untranslatable) -> &UntranslatableAction {
    match what {
        Untranslatable::Action(action) => action,
        Untranslatable::Run(step) => panic!("{step:?}"),
    }
}

/// A machine that has those programs and no others.
pub(super) fn world(server: &Server, steps: Value) -> World {
    let mut world = server.world(steps);
    let bin = world.temp.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in PROGRAMS {
        let found = find_program(name, "/usr/local/bin:/usr/bin:/bin", Path::new("/"));
        symlink(found.unwrap_or_else(|| panic!("{name} is there")), bin.join(name)).unwrap();
    }
    let bin = bin.to_str().unwrap().to_owned();
    world.surroundings.environment.insert("PATH".to_owned(), bin);
    world
        .surroundings
        .environment
        .insert("MACHINE".to_owned(), "ours".to_owned());
    world
}

/// The same job with a script for what the first run came to need.
pub(super) async fn with_script(server: &Server, steps: &Value, script: &str) -> (Ran, Ran) {
    let first = world(server, steps.clone())
        .with("translations", json!({"known": []}))
        .run()
        .await;
    let known = first.result.wanted.iter().map(|wanted| {
        json!({
            "digest": wanted.what.digest(),
            "model": "ollama/small",
            "translation": {"shell": "bash", "script": script, "explanation": "", "assumptions": []},
        })
    });
    let known: Vec<Value> = known.collect();
    let again = world(server, steps.clone()).with("translations", json!({ "known": known }));
    let second = again.run().await;
    (first, second)
}

#[tokio::test]
async fn nothing_is_told_where_the_policy_wants_no_translations() {
    let ran = world(&server(), json!([uses("tools/js@main", json!({}))]))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert_eq!(ran.result.detail, NO_NODE.replace("Step \"Run", "Step \"Pre Run"));
    assert!(ran.result.wanted.is_empty() && ran.result.translated.is_empty());
}

#[tokio::test]
async fn what_is_told_of_a_step_and_nothing_of_its_values() {
    let secret = json!({"with": {"who": "Mona ${{ matrix.os }}", "my-token": "${{ github.token }}"}, "env": {"E": "a value"}});
    let steps = json!([
        uses("tools/js@main", secret),
        uses(
            "docker://alpine:3",
            json!({"if": "always()", "with": {"args": "echo hi"}})
        )
    ]);
    let ran = world(&server(), steps)
        .with("translations", json!({"known": []}))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    let told: Vec<&UntranslatableAction> = ran
        .result
        .wanted
        .iter()
        .map(|wanted| action(&wanted.what))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        (told[0].lacking, told[1].lacking),
        (Lacking::Node, Lacking::ContainerEngine)
    );
    assert_eq!(told[0].manifest, JS);
    assert_eq!(told[0].inputs, ["INPUT_MY_TOKEN", "INPUT_WHO"]);
    assert_eq!(told[0].machine.programs, ["bash", "git", "sh"]);
    assert_eq!(
        (told[1].manifest.as_str(), told[1].inputs.as_slice()),
        ("", &["INPUT_ARGS".to_owned()][..])
    );
    let text = serde_json::to_string(&told).unwrap();
    for value in ["Mona", "linux", "a value", "echo hi", JOB_TOKEN] {
        assert!(!text.contains(value), "{value} in {text}");
    }
}

#[tokio::test]
async fn a_script_takes_the_place_of_the_action_and_of_all_its_parts() {
    let steps = json!([
        uses("tools/js@main", json!({"id": "js", "with": {"who": "Mona"}})),
        run("echo then ${{ steps.js.outputs.said }} $ADDED; tool"),
    ]);
    let script = "echo \"main by bash for $INPUT_WHO at $GITHUB_ACTION_REPOSITORY\"\n\
                  echo said=hello >> \"$GITHUB_OUTPUT\"\necho ADDED=yes >> \"$GITHUB_ENV\"\n\
                  mkdir -p \"$RUNNER_TEMP/bin\"\necho \"$RUNNER_TEMP/bin\" >> \"$GITHUB_PATH\"\n\
                  echo 'echo tool runs' > \"$RUNNER_TEMP/bin/tool\"\nchmod +x \"$RUNNER_TEMP/bin/tool\"\n\
                  ln() { :; }\n";
    let (first, second) = with_script(&server(), &steps, script).await;
    assert_eq!(
        first.result.detail,
        NO_NODE.replace("Step \"Run", "Step \"Pre Run")
    );
    assert_eq!(second.result.conclusion, JobVerdict::Success, "{}", second.log);
    assert_eq!(second.result.translated, [first.result.wanted[0].what.digest()]);
    assert!(second.result.wanted.is_empty());
    let seen: Vec<&str> = second
        .log
        .lines()
        .filter(|line| {
            ["##[step]", "main by", "then ", "tool ", "Nothing", "##[group]Tr"]
                .iter()
                .any(|b| line.starts_with(b))
        })
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @"
    ##[step]1/3 Pre Run tools/js@main
    Nothing to do: a script stands for the whole action.
    ##[step]2/3 Run tools/js@main
    ##[group]Translated to bash by ollama/small, for want of Node.js
    main by bash for Mona at tools/js
    ##[step]3/3 Run echo then hello $ADDED; tool
    then hello yes
    tool runs
    ##[step]4/4 Post Run tools/js@main
    Nothing to do: a script stands for the whole action.
    ");
}

/// The script of a hostile model, for an action that a hostile workflow wrote: it prints all that it can reach.
const GREEDY: &str = "env | sort\necho end";

#[tokio::test]
async fn a_script_gets_what_the_action_would_have_got_and_nothing_more() {
    let steps = json!([
        run_with(
            "echo $S > /dev/null",
            json!({"env": {"S": "${{ secrets.GITHUB_TOKEN }}"}})
        ),
        uses(
            "tools/js@main",
            json!({"with": {"who": "Mona"}, "env": {"MINE": "1"}})
        ),
    ]);
    let (_, ran) = with_script(&server(), &steps, GREEDY).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    // Neither a token nor what masks one: nothing of the kind was there.
    let printed = ran.log.split("##[endgroup]\n").last().unwrap();
    for absent in [JOB_TOKEN, "***", "CHECKMILL_", "\nS=", "GITHUB_TOKEN", "by node"] {
        assert!(!printed.contains(absent), "{absent} in {printed}");
    }
    for there in [
        "\nINPUT_WHO=Mona",
        "\nMINE=1",
        "\nMACHINE=ours",
        "\nINPUT_MY-TOKEN=\n",
    ] {
        assert!(ran.log.contains(there), "{there:?} in {}", ran.log);
    }
    // In a container the machine's variables would not have been there.
    let steps = json!([uses("tools/box@main", json!({"with": {"who": "Mona"}}))]);
    let (first, ran) = with_script(&server(), &steps, GREEDY).await;
    assert_eq!(
        action(&first.result.wanted[0].what).dockerfile.as_deref(),
        Some("FROM alpine:3\nENTRYPOINT [\"echo\"]\n")
    );
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(
        ran.log.contains("\nLAYER=of the action") && ran.log.contains("\nINPUT_WHO=Mona"),
        "{}",
        ran.log
    );
    assert!(
        !ran.log.contains("MACHINE=") && !ran.log.contains("CHECKMILL_"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn a_script_that_asks_for_more_is_not_run_even_when_the_server_lets_it_through() {
    for script in [
        "echo ${{ secrets.GITHUB_TOKEN }}",
        "echo ${{ github.token }} > stolen",
        "echo ::add-path::/tmp",
        "cat /proc/$PPID/environ",
        "echo hidden\u{202e}",
        "",
    ] {
        let steps = json!([uses("tools/js@main", json!({}))]);
        let (_, ran) = with_script(&server(), &steps, script).await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Configuration,
            "{script}: {}",
            ran.log
        );
        assert!(ran.result.translated.is_empty(), "{script}");
        assert_eq!(ran.result.wanted.len(), 1, "it is asked for again");
    }
}

#[tokio::test]
async fn nothing_of_a_script_is_an_expression() {
    // Not even what would be one after the shell has read it.
    let steps = json!([uses(
        "tools/js@main",
        json!({"with": {"who": "${{ '${{ github.token }}' }}"}})
    )]);
    let (_, ran) = with_script(
        &server(),
        &steps,
        "echo \"got $INPUT_WHO\" '$''{{ github.token }}'",
    )
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(
        ran.log.contains("got ${{ github.token }} ${{ github.token }}"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn another_step_needs_another_script() {
    let server = server();
    let steps = json!([uses("tools/js@main", json!({}))]);
    let first = world(&server, steps.clone())
        .with("translations", json!({"known": []}))
        .run()
        .await;
    let digest = first.result.wanted[0].what.digest();
    let known = json!({"known": [{"digest": digest, "model": "m", "translation": {
        "shell": "sh", "script": "echo ok", "explanation": "", "assumptions": []}}]});
    let ran = world(&server, steps.clone())
        .with("translations", known.clone())
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    // The action has changed at its ref.
    server.commit(
        "tools/js",
        &[("action.yml", &JS.replace("default: x", "default: y"))],
    );
    let ran = world(&server, steps).with("translations", known).run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert_ne!(ran.result.wanted[0].what.digest(), digest);
}

#[tokio::test]
async fn what_can_not_be_told_is_not_asked_for() {
    let server = server();
    server.commit(
        "tools/twins",
        &[
            (
                "action.yml",
                "inputs: {a-b: , a_b: }\nruns: {using: node20, main: main.js}",
            ),
            ("main.js", ""),
        ],
    );
    let long = format!(
        "# {}\n{}",
        "x".repeat(checkmill_core::limits::MODEL_FILE_BYTES),
        JS.replace("pre: pre.js, ", "")
    );
    server.commit(
        "tools/long",
        &[("action.yml", &long), ("main.js", ""), ("post.js", "")],
    );
    for action in ["tools/twins@main", "tools/long@main"] {
        let ran = world(&server, json!([uses(action, json!({}))]))
            .with("translations", json!({"known": []}))
            .run()
            .await;
        assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
        assert!(ran.result.wanted.is_empty(), "{action}");
    }
}
