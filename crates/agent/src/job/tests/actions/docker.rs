//! Actions in containers, run by a real podman, in an image of Debian's static busybox that is made here.

use super::super::engine::Engine;
use super::{Server, uses};
use crate::testing::run;
use checkmill_workflow::job::JobVerdict;
use serde_json::json;

const MANIFEST: &str = "
inputs: {who: {default: Mona}, fail: }
runs:
  using: docker
  image: Dockerfile
  args: ['--greet', '${{ inputs.who }} and more']
  env: {EXTRA: 'for ${{ inputs.who }}'}
  pre-entrypoint: /pre.sh
  post-entrypoint: /post.sh
";

const MAIN: &str = r#"#!/bin/sh
echo "main [$1] [$2] $INPUT_WHO, $EXTRA, $LAYER, $STATE_pre"
echo "in $(pwd) $GITHUB_WORKSPACE $HOME $GITHUB_ACTION_REPOSITORY $GITHUB_REPOSITORY"
echo "$(cat file) $(cat "$GITHUB_EVENT_PATH")"
echo made > made
echo said=hi >> "$GITHUB_OUTPUT"
echo LATER=yes >> "$GITHUB_ENV"
echo main=kept >> "$GITHUB_STATE"
echo "::error file=/github/workspace/a.c,line=3::broken"
exit ${INPUT_FAIL:-0}
"#;

#[tokio::test]
async fn built_and_run_with_its_three_parts() {
    let Some(engine) = Engine::start("parts") else {
        return;
    };
    let server = Server::new();
    let dockerfile = format!("FROM {}\nCOPY *.sh /\nENTRYPOINT [\"/main.sh\"]\n", engine.image);
    server.commit(
        "tools/box",
        &[
            ("action.yml", MANIFEST),
            ("Dockerfile", &dockerfile),
            ("main.sh", MAIN),
            (
                "pre.sh",
                "#!/bin/sh\necho \"pre $# [$2] $INPUT_WHO\"; echo pre=before >> $GITHUB_STATE\n",
            ),
            (
                "post.sh",
                "#!/bin/sh\necho \"post $# [$1] $STATE_pre $STATE_main\"\n",
            ),
        ],
    );
    let world = engine.world(server.world(json!([
        run("echo content > file"),
        uses("tools/box@main", json!({"id": "box", "env": {"LAYER": "layer"}})),
        run("echo \"after ${{ steps.box.outputs.said }} $(cat made) $LATER\""),
        uses("tools/box@main", json!({"with": {"fail": "7"}})),
    ])));
    let ran = world.run().await;
    let beginnings = ["pre ", "main ", "in ", "content ", "after ", "post "];
    let lines: Vec<&str> = ran
        .log
        .lines()
        .filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning)))
        .collect();
    assert_eq!(
        ran.result.detail, "Step \"Run tools/box@main\" failed with exit code 7",
        "{}",
        ran.log
    );
    insta::assert_snapshot!(lines.join("\n").replace(&"a".repeat(40), "SHA"), @r#"
    pre 2 [Mona and more] Mona
    pre 2 [Mona and more] Mona
    main [--greet] [Mona and more] Mona, for Mona, layer, before
    in /github/workspace /github/workspace /github/home tools/box octo/hello
    content {"after":"SHA"}
    after hi made yes
    main [--greet] [Mona and more] Mona, for Mona, , before
    in /github/workspace /github/workspace /github/home tools/box octo/hello
    content {"after":"SHA"}
    post 2 [--greet] before kept
    post 2 [--greet] before kept
    "#);
    assert_eq!(ran.result.annotations[0].path.as_deref(), Some("a.c"));
    let images = engine.call(&["images", "--format", "{{.Repository}}"]).unwrap();
    assert!(
        !images.contains("checkmill-checkmill-test-parts"),
        "its images are removed: {images}"
    );
}

/// actions/runner, `ContainerActionHandler.cs`: the input `entrypoint` is for what has none in an action.yml, and `args` go to
/// all three programs.
#[tokio::test]
async fn the_entrypoint_of_its_file_comes_before_the_input() {
    let Some(engine) = Engine::start("entry") else {
        return;
    };
    let server = Server::new();
    let script = |name: &str| format!("#!/bin/sh\necho \"{name} ran with $*\"\n");
    let dockerfile = format!("FROM {}\nCOPY *.sh /\nENTRYPOINT [\"/image.sh\"]\n", engine.image);
    server.commit(
        "tools/box",
        &[
            (
                "action.yml",
                "runs: {using: docker, image: Dockerfile, entrypoint: /own.sh, post-entrypoint: /post.sh}",
            ),
            ("open/action.yml", "runs: {using: docker, image: ../Dockerfile}"),
            ("Dockerfile", &dockerfile),
            ("image.sh", &script("image")),
            ("own.sh", &script("own")),
            ("post.sh", &script("post")),
            ("asked.sh", &script("asked")),
        ],
    );
    let given = json!({"with": {"entrypoint": "/asked.sh", "args": "one two"}});
    let world = engine.world(server.world(json!([
        uses("tools/box@main", given.clone()),
        uses("tools/box/open@main", given),
        uses("tools/box/open@main", json!({})),
    ])));
    let ran = world.run().await;
    let lines: Vec<&str> = ran
        .log
        .lines()
        .filter(|line| line.contains(" ran with"))
        .collect();
    assert_eq!(
        lines,
        [
            "own ran with one two",
            "asked ran with one two",
            "image ran with ",
            "post ran with one two"
        ],
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn an_image_as_a_step_and_its_end_at_the_time_limit() {
    let Some(engine) = Engine::start("image") else {
        return;
    };
    let action = format!("docker://{}", engine.image);
    let world = engine.world(Server::new().world(json!([
        uses(
            &action,
            json!({"with": {"entrypoint": "/bin/sh", "args": "-c 'echo \"ran as $0 in $(pwd)\"' me"}})
        ),
        uses(
            &action,
            json!({"name": "Slow", "timeout_minutes": "0.03", "with": {"args": "/bin/sleep 600"}})
        ),
    ])));
    let ran = world.run().await;
    assert!(
        ran.log.contains("\nran as me in /github/workspace\n"),
        "{}",
        ran.log
    );
    assert_eq!(
        ran.result.detail, "Step \"Slow\" timed out after 0.03 minutes",
        "{}",
        ran.log
    );
    let left = engine.call(&["ps", "--all", "--format", "{{.Names}}"]).unwrap();
    assert!(!left.contains("checkmill-checkmill-test-image"), "{left}");
}

#[tokio::test]
async fn without_an_engine_the_message_says_what_to_do() {
    let mut world = Server::new().world(json!([uses("docker://alpine:3", json!({}))]));
    let nothing = world.temp.path().display().to_string();
    world.surroundings.environment.insert("PATH".to_owned(), nothing);
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    insta::assert_snapshot!(ran.result.detail, @r#"
    Step "Run docker://alpine:3" can't be run: The action docker://alpine:3 runs in a container, and where the job runs there is neither docker nor podman; choose a machine that has an engine with `runs-on`, or do the same in a `run` step
    "#);
}

#[tokio::test]
async fn an_image_that_can_not_be_had_is_named() {
    let Some(engine) = Engine::start("gone") else {
        return;
    };
    let server = Server::new();
    server.commit(
        "tools/box",
        &[
            ("action.yml", "runs: {using: docker, image: Dockerfile}"),
            ("Dockerfile", "FROM localhost/checkmill-no-such-image:1\n"),
            (
                "out/action.yml",
                "runs: {using: docker, image: ../../../../../../../../../../etc/passwd}",
            ),
        ],
    );
    for (action, expected) in [
        (
            "tools/box@main",
            "The action tools/box@main can't be run: its image localhost/checkmill-",
        ),
        ("tools/box/out@main", "leads out of the action's repository"),
    ] {
        let ran = engine
            .world(server.world(json!([uses(action, json!({}))])))
            .run()
            .await;
        assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
        assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
    }
}
