//! Shells, variables, and what outsiders write.

use crate::testing::{World, run, run_with};
use checkmill_workflow::job::JobVerdict;
use serde_json::json;
use std::fs;

#[tokio::test]
async fn shells() {
    let table = [
        (
            json!({}),
            "false | true; echo $0 $-; set -o | grep pipefail",
            "pipefail       \toff",
        ),
        (
            json!({"shell": "bash"}),
            "set -o | grep -E 'errexit|pipefail'",
            "pipefail       \ton",
        ),
        (json!({"shell": "sh"}), "echo sh $-", "sh e"),
        (
            json!({"shell": "python"}),
            "import sys\nprint('py', sys.version_info[0])",
            "py 3",
        ),
        (
            json!({"shell": "perl {0}"}),
            "print 'perl', 1 + 1, \"\\n\";",
            "perl2",
        ),
        (json!({"shell": "bash -u {0}"}), "echo own $-", "own huB"),
    ];
    for (keys, script, expected) in table {
        let mut world = World::new(json!([run_with(script, keys)]));
        world.surroundings.environment.insert("PATH".into(), test_path());
        let ran = world.run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
        assert!(ran.log.contains(expected), "{}", ran.log);
    }
}

/// Where python is, is the machine's affair.
fn test_path() -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", "echo $PATH"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn without_a_shell_a_pipe_may_fail_and_with_bash_it_may_not() {
    let ran = World::new(json!([run("false | true; echo reached")])).run().await;
    assert!(ran.log.contains("\nreached"), "{}", ran.log);
    let step = run_with("false | true; echo reached", json!({"shell": "bash"}));
    let ran = World::new(json!([step])).run().await;
    assert!(!ran.log.contains("\nreached"), "{}", ran.log);
}

#[tokio::test]
async fn defaults_apply_and_the_step_wins() {
    let world = World::new(json!([
        run("mkdir -p sub"),
        run_with(
            "echo ${{ matrix.os }} > f; pwd",
            json!({"working_directory": "sub"})
        ),
        run_with(
            "cat sub/f; echo $-",
            json!({"working_directory": ".", "shell": "sh"})
        ),
    ]))
    .with("defaults", json!({"shell": "bash"}));
    let ran = world.run().await;
    assert!(
        ran.log.contains("\n$WORKSPACE/sub\n") && ran.log.contains("\nlinux\ne\n"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn githubs_variables_are_set_and_can_not_be_changed() {
    let script = "echo \"$CI $GITHUB_ACTIONS $GITHUB_REPOSITORY $GITHUB_RUN_NUMBER $GITHUB_REF_NAME [$GITHUB_HEAD_REF] $RUNNER_OS $GITHUB_ACTION\"\n\
                  [ \"$PWD\" = \"$GITHUB_WORKSPACE\" ] && [ -d \"$RUNNER_TEMP\" ] && [ -d \"$RUNNER_TOOL_CACHE\" ] && cat $GITHUB_EVENT_PATH; echo\n\
                  echo 'GITHUB_SHA=evil' >> $GITHUB_ENV; echo 'RUNNER_OS=evil' >> $GITHUB_ENV; echo 'OK=yes' >> $GITHUB_ENV";
    let world = World::new(json!([
        run_with(
            script,
            json!({"env": {"GITHUB_REPOSITORY": "evil/evil", "CI": "mine"}})
        ),
        run("echo \"${GITHUB_SHA:0:3} $RUNNER_OS $OK\""),
    ]));
    let ran = world.run().await;
    assert!(
        ran.log.contains("mine true octo/hello 7 main [] Linux __run"),
        "{}",
        ran.log
    );
    assert!(
        ran.log.contains(&format!("{{\"after\":\"{}\"}}", "a".repeat(40))),
        "{}",
        ran.log
    );
    assert!(ran.log.contains("\naaa Linux yes\n"), "{}", ran.log);
    assert!(
        ran.log.contains("##[warning]GITHUB_ENV can't change GITHUB_SHA"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn paths_are_searched_before_the_others_the_last_first() {
    let world = World::new(json!([
        run(
            "mkdir a b; for d in a b; do printf '#!/bin/sh\\necho tool in %s\\n' $d > $d/tool; chmod +x $d/tool; echo $PWD/$d >> $GITHUB_PATH; done"
        ),
        run("tool"),
    ]));
    assert!(world.run().await.log.contains("\ntool in b\n"));
}

#[tokio::test]
async fn what_an_outsider_writes_is_never_run() {
    let mark = "$(touch owned)`touch owned`;touch owned;\"; touch owned #'; touch owned #\ntouch owned";
    let scripts = [
        "echo got ${{ github.head_ref }}",
        "echo \"got ${{ github.head_ref }}\"",
        "echo 'got ${{ github.event.pull_request.title }}'",
        "cat <<EOF\ngot ${{ github.head_ref }}\nEOF",
        "echo got ${{ env.TITLE }}",
        "echo \"got ${{ format('{0}', github.event.pull_request.title) }} ${{ toJSON(github.event) }}\"",
        "echo got ${{ steps.pass.outputs.title }}",
        "# ${{ github.head_ref }}\necho got",
    ];
    for script in scripts {
        let mut world = World::new(json!([
            run_with(
                "{ echo 'title<<EOT'; printf '%s\\n' \"$T\"; echo EOT; } >> $GITHUB_OUTPUT",
                json!({"id": "pass", "env": {"T": "${{ github.event.pull_request.title }}"}})
            ),
            run(script),
        ]))
        .with(
            "env",
            json!([{"TITLE": "${{ github.event.pull_request.title }}"}]),
        );
        world.description["contexts"]["github"]["head_ref"] = mark.into();
        world.description["contexts"]["github"]["event"] = json!({"pull_request": {"title": mark}});
        let ran = world.run().await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Success,
            "{script}: {}",
            ran.log
        );
        assert!(ran.log.contains("\ngot"), "{script}: {}", ran.log);
        assert!(
            !world.surroundings.layout.workspace.join("owned").exists(),
            "{script} ran it"
        );
    }
}

#[tokio::test]
async fn pieces_of_what_an_outsider_writes_are_never_run_whichever_way_they_come() {
    let message = "fix \"q\" $(touch owned)'; touch owned; echo '\n\nlong `touch owned` body";
    let scripts = [
        // The first line, and a part of it that is no line of the event.
        "echo \"got ${{ steps.pass.outputs.subject }}\"",
        "echo 'got ${{ steps.pass.outputs.part }}'",
        "echo 'got ${{ env.EVENT }}'",
        "echo \"got ${{ env.PART }} ${{ toJSON(env) }}\"",
        "echo \"got ${{ needs.before.outputs.part }}\"",
        "echo \"got ${{ matrix.part }}\"",
        "cat <<'X'\ngot ${{ steps.pass.outputs.part }}\nX",
    ];
    for script in scripts {
        let pass = "printf 'subject=%s\\n' \"${M%%$'\\n'*}\" >> $GITHUB_OUTPUT\n\
                    printf 'part=%s\\n' \"${M:4:40}\" | tr x y | tee -a $GITHUB_OUTPUT | sed s/part/PART/ >> $GITHUB_ENV";
        let keys = json!({"id": "pass", "env": {"M": "${{ github.event.head_commit.message }}"}});
        let mut world = World::new(json!([run_with(pass, keys), run(script)]))
            .with(
                "env",
                json!([{"EVENT": "${{ toJSON(github.event.head_commit) }}"}]),
            )
            .with("matrix_computed", json!(true));
        let contexts = &mut world.description["contexts"];
        contexts["github"]["event"] = json!({"head_commit": {"message": message}});
        contexts["needs"] = json!({"before": {"outputs": {"part": &message[4..44]}}});
        contexts["matrix"]["part"] = message[4..44].into();
        let ran = world.run().await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Success,
            "{script}: {}",
            ran.log
        );
        assert!(ran.log.contains("\ngot"), "{script}: {}", ran.log);
        let owned = world.surroundings.layout.workspace.join("owned").exists();
        assert!(!owned, "{script} ran it: {}", ran.log);
    }
}

#[tokio::test]
async fn what_the_workflow_says_itself_is_pasted_as_on_github() {
    let steps = json!([
        run("echo 'words=-a -b' >> $GITHUB_ENV"),
        run_with(
            "${{ env.COMMAND }}; ${{ matrix.command }}; set -- ${{ env.words }}; echo $#",
            json!({"env": {"COMMAND": "echo one && echo 'two words'"}})
        ),
    ]);
    let mut world = World::new(steps);
    world.description["contexts"]["matrix"]["command"] = "echo \"$((1 + 2))\"".into();
    let ran = world.run().await;
    assert!(ran.log.contains("\none\ntwo words\n3\n2\n"), "{}", ran.log);
}

#[tokio::test]
async fn a_value_between_quotes_inside_backticks_arrives() {
    let script = "V=\"`echo '${{ github.ref_name }}' | sed s/^v//`\"; echo \"got $V\"";
    let ran = World::new(json!([run(script)])).run().await;
    assert!(ran.log.contains("\ngot main"), "{}", ran.log);
}

#[tokio::test]
async fn a_quoted_untrusted_value_arrives_as_it_is() {
    let title = "it's \"fine\" $HOME `x` \\ *";
    for script in [
        "printf '%s\\n' \"${{ github.event.head_commit.message }}\" > out",
        "printf '%s\\n' '${{ github.event.head_commit.message }}' > out",
    ] {
        let mut world = World::new(json!([run(script)]));
        world.description["contexts"]["github"]["event"] = json!({"head_commit": {"message": title}});
        world.run().await;
        let out = fs::read_to_string(world.surroundings.layout.workspace.join("out")).unwrap();
        assert_eq!(out.trim_end(), title, "{script}");
    }
}

#[tokio::test]
async fn other_languages_refuse_untrusted_text_and_say_what_to_do() {
    let step = run_with(
        "print('${{ github.event.head_commit.message }}')",
        json!({"shell": "python", "name": "Py"}),
    );
    let ran = World::new(json!([step])).run().await;
    insta::assert_snapshot!(ran.result.detail, @r#"Step "Py" can't be run: `${{ github.event.head_commit.message }}` is text that outsiders may choose, and in this shell it can't be handed to the script safely; give it a name under `env:` and read that variable in the script"#);
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
}

#[tokio::test]
async fn an_outsider_does_not_choose_the_shell() {
    let step = run_with("echo hi", json!({"shell": "sh -c '${{ github.head_ref }}' {0}"}));
    let mut world = World::new(json!([step]));
    world.description["contexts"]["github"]["head_ref"] = "touch owned".into();
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    assert!(
        ran.result
            .detail
            .contains("`shell` must not be text that outsiders may choose"),
        "{}",
        ran.result.detail
    );
}

/// What the README says of scripts that make another script, and the way out that it names.
#[tokio::test]
async fn a_shell_within_a_script_runs_what_it_is_given_as_code() {
    let ran = |script: &'static str| async move {
        let mut world = World::new(json!([run(script)]));
        world.description["env"] = json!([{"TITLE": "${{ github.event.pull_request.title }}"}]);
        world.description["contexts"]["github"]["event"] =
            json!({"pull_request": {"title": "x; echo code; #"}});
        let ran = world.run().await;
        ran.log.contains("\ncode\n")
    };
    assert!(!ran("echo ${{ github.event.pull_request.title }}").await);
    assert!(ran("bash -c \"echo ${{ github.event.pull_request.title }}\"").await);
    assert!(ran("eval echo ${{ github.event.pull_request.title }}").await);
    assert!(!ran("bash -c 'echo \"$TITLE\"'").await);
}
