//! Secrets stay where they are.

use crate::testing::{CALLBACK_TOKEN, JOB_TOKEN, World, run, run_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::fs;
use std::path::Path;

/// Every file below a directory that holds the text.
pub(super) fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text)) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn tokens_are_in_no_file_and_no_variable_of_a_step() {
    let world = World::new(json!([
        run("env | sort; echo in script: ${{ github.token }} ${{ secrets.GITHUB_TOKEN }}"),
        run_with("echo $T; echo $T | base64; echo ::error::$T; echo \"# $T\" >> $GITHUB_STEP_SUMMARY; echo t=$T >> $GITHUB_OUTPUT; exit 1",
            json!({"id": "s", "name": "Step $T ${{ github.token }}", "env": {"T": "${{ github.token }}"}})),
    ]))
    .with("outputs", json!({"t": "${{ steps.s.outputs.t }}"}));
    let ran = world.run().await;
    let result = serde_json::to_string(&ran.result).unwrap();
    let encoded = STANDARD.encode(JOB_TOKEN);
    for secret in [JOB_TOKEN, CALLBACK_TOKEN, &encoded[..20]] {
        assert_eq!(files_with(world.attempt(), secret), Vec::<String>::new());
        assert!(!result.contains(secret), "{result}");
    }
    assert!(ran.log.contains("in script: *** ***"), "{}", ran.log);
    assert!(
        ran.log
            .contains("##[warning]The output t is left out: it may contain a secret."),
        "{}",
        ran.log
    );
    assert!(ran.result.outputs.is_empty());
    assert_eq!(ran.result.summary, "# ***\n");
    assert_eq!(ran.result.annotations[0].message, "***");
    assert!(
        ran.result.steps[1].tail[..2]
            .iter()
            .all(|line| line.starts_with("***")),
        "{:?}",
        ran.result.steps
    );
    assert!(!ran.log.contains("CHECKMILL_CALLBACK_TOKEN"), "{}", ran.log);
}

/// What calling workflows pass on replaces what there was, level by level, and is as secret.
#[tokio::test]
async fn a_called_job_sees_the_secrets_that_its_callers_name() {
    let world = World::new(json!([
        run("echo inner: $INNER, upper: '${{ secrets.outer }}', token: ${{ secrets.GITHUB_TOKEN }}, again: hunter2-''debug!"),
    ]))
    .with("env", json!([{"INNER": "${{ secrets.inner }}"}]))
    .with(
        "secrets",
        json!([
            {"contexts": {"matrix": {"mode": "debug"}}, "values": {"outer": "hunter2-${{ matrix.mode }}", "other": "x"}},
            {"contexts": {"inputs": {"end": "!"}}, "values": {"inner": "${{ secrets.outer }}${{ inputs.end }}"}},
        ]),
    );
    let ran = world.run().await;
    assert!(
        ran.log
            .contains("\ninner: ***, upper: , token: ***, again: ***\n"),
        "{}",
        ran.log
    );
    assert_eq!(files_with(world.attempt(), "hunter2-debug"), Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_for_a_called_job_that_can_not_be_computed() {
    let world = World::new(json!([run("echo never")])).with(
        "secrets",
        json!([{"contexts": {}, "values": {"a": "${{ fromJSON('{') }}"}}]),
    );
    let ran = world.run().await;
    insta::assert_snapshot!(ran.result.detail, @"A secret for the called workflow can't be computed: a: `fromJSON` was given a text that isn't JSON (line 1, column 1 of it), at position 1 of `fromJSON('{')`");
    assert_eq!(
        ran.result.conclusion,
        checkmill_workflow::job::JobVerdict::Configuration
    );
}

/// A caller's own words are a script; what an outsider wrote stays data.
#[tokio::test]
async fn the_inputs_of_a_called_job_are_its_callers_words_where_they_are_said_to_be() {
    for (own, expected) in [(true, "\none\ntwo\n"), (false, "\none; echo two\n")] {
        let world = World::new(json!([run("${{ inputs.command }}")]))
            .with(
                "contexts",
                json!({"github": {}, "inputs": {"command": "echo one; echo two"}}),
            )
            .with("own_inputs", json!(own));
        let ran = world.run().await;
        assert!(ran.log.contains(expected), "{own}: {}", ran.log);
    }
}

/// One input's origin says nothing about another's.
#[tokio::test]
async fn each_input_of_a_called_job_is_judged_by_itself() {
    let hostile = "x; echo hacked";
    let script =
        "${{ inputs.Command }}\necho ${{ inputs.title }}\necho ${{ inputs[format('{0}', 'command')] }}";
    let world = World::new(json!([run(script)]))
        .with(
            "contexts",
            json!({"github": {}, "inputs": {"command": "echo one; echo two", "title": hostile}}),
        )
        .with("own_input_names", json!(["command"]));
    let ran = world.run().await;
    // The title stays one word, and so does an input whose name is computed.
    assert!(
        ran.log
            .contains("\none\ntwo\nx; echo hacked\necho one; echo two\n"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn masks_that_a_step_adds_hold_from_then_on_and_line_by_line() {
    let world = World::new(json!([
        run("echo '::add-mask::first line%0Asecond line'; echo a first line b; echo second line"),
        run("echo second line, again"),
    ]));
    let ran = world.run().await;
    assert!(
        ran.log.contains("\n::add-mask::***\na *** b\n***\n"),
        "{}",
        ran.log
    );
    assert!(ran.log.contains("\n***, again\n"), "{}", ran.log);
}

/// The check shows a failing step's last lines without their control sequences.
#[tokio::test]
async fn a_secret_that_colours_break_up_is_none_in_the_tail() {
    let world = World::new(json!([run(
        r"echo '::add-mask::hunter2secret'; printf 'got hun\033[31mter2secret\n'; exit 1"
    )]));
    let ran = world.run().await;
    let tail = ran.result.steps[0].tail.join("\n");
    assert!(tail.contains("got ***"), "{tail}");
    assert!(!tail.contains("hunter2secret"), "{tail}");
}

#[tokio::test]
async fn further_secrets_have_names_of_their_own() {
    let mut world = World::new(json!([run_with(
        "[ \"$D\" = s3cr3t ] && echo right",
        json!({"env": {"D": "${{ secrets.DEPLOY }}"}})
    )]));
    let environment = [("CHECKMILL_SECRET_DEPLOY".to_owned(), "s3cr3t".to_owned())].into();
    world.surroundings.secrets = crate::secrets::Secrets::split(environment).0;
    let ran = world.run().await;
    assert!(
        ran.log.contains("\nright\n") && ran.log.contains("  D: ***"),
        "{}",
        ran.log
    );
}

/// The result is written when all masks are known.
#[tokio::test]
async fn a_value_that_is_masked_later_is_in_no_step_name() {
    let world = World::new(json!([
        run("echo pr0visional"),
        run("echo ::add-mask::pr0visional; echo pr0visional; exit 4"),
    ]));
    let ran = world.run().await;
    let shown = serde_json::to_string(&ran.result).unwrap();
    assert!(!shown.contains("pr0visional"), "{shown}");
    assert!(shown.contains("Run echo ***"), "{shown}");
}

/// Who masks `step` must still have a log that can be read, and whose end is known.
#[tokio::test]
async fn no_mask_touches_the_marks_of_the_log() {
    let words = "step endstep success job group warning 1 2 d it";
    let mask =
        format!("for word in {words}; do echo \"::add-mask::$word\"; done; echo said it, and one step did.");
    let world = World::new(json!([
        run_with(&mask, json!({"name": "Add masks"})),
        run_with("exit 3", json!({"name": "Build it", "continue_on_error": "true"})),
        run_with("echo '::warning::bad'; exit 4", json!({"name": "Build and test"})),
    ]));
    let ran = world.run().await;
    let marks: Vec<_> = ran.log.lines().filter(|line| line.contains("##[")).collect();
    insta::assert_snapshot!(marks.join("\n"), @r#"
    ##[step]1/3 Add masks
    ##[group]Run for word in step endstep success job group warning 1 2 d it; do echo "::add-mask::$word"; done; echo said it, and one step did.
    ##[endgroup]
    ##[endstep]success 0
    ##[step]2/3 Build ***
    ##[group]Run exit 3
    ##[endgroup]
    ##[error]Process completed with exit code 3.
    ##[endstep]failure 0
    ##[step]3/3 Build and test
    ##[group]Run echo '::***::bad'; exit 4
    ##[endgroup]
    ##[warning]bad
    ##[error]Process completed with exit code 4.
    ##[endstep]failure 0
    ##[job]failure Step "Build and test" failed with exit code 4
    "#);
    assert!(ran.log.contains("\nsaid ***, and one *** did.\n"), "{}", ran.log);
    assert!(
        ran.log.contains("\nThe job goes on (continue-on-error).\n"),
        "{}",
        ran.log
    );
    assert_eq!(
        ran.result.detail,
        "Step \"Build and test\" failed with exit code 4"
    );
}
