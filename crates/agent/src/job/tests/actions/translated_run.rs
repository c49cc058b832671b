//! `run` steps that assume GitHub's image on a machine that lacks a part of it.

use super::Server;
use super::translated::{server, world};
use crate::testing::{JOB_TOKEN, Ran, World, run, run_with};
use checkmill_workflow::job::{JobVerdict, StepStatus};
use checkmill_workflow::translation::{Untranslatable, UntranslatableRun};
use serde_json::{Value, json};

/// The policy lets scripts be translated; these are known.
fn allowed(known: &[Value]) -> Value {
    json!({"known": known, "run_steps": true})
}

fn told(ran: &Ran) -> Vec<&UntranslatableRun> {
    let of = ran.result.wanted.iter().map(|wanted| match &wanted.what {
        Untranslatable::Run(step) => step,
        Untranslatable::Action(action) => panic!("{action:?}"),
    });
    of.collect()
}

async fn first(server: &Server, steps: &Value) -> Ran {
    world(server, steps.clone())
        .with("translations", allowed(&[]))
        .run()
        .await
}

/// The same job with a script for what the first run came to need.
async fn second(world: World, first: &Ran, shell: &str, script: &str) -> Ran {
    let known: Vec<Value> = first
        .result
        .wanted
        .iter()
        .map(|wanted| {
            json!({
                "digest": wanted.what.digest(),
                "model": "ollama/small",
                "translation": {"shell": shell, "script": script, "explanation": "", "assumptions": []},
            })
        })
        .collect();
    assert!(!known.is_empty(), "{}", first.log);
    world.with("translations", allowed(&known)).run().await
}

#[tokio::test]
async fn without_the_switch_a_step_runs_as_it_is_and_says_what_is_missing() {
    let steps = json!([run("echo begun; jq . x.json")]);
    for translations in [None, Some(json!({"known": []}))] {
        let mut world = world(&server(), steps.clone());
        if let Some(translations) = translations {
            world = world.with("translations", translations);
        }
        let ran = world.run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Failure);
        assert_eq!(
            ran.result.detail,
            "Step \"Run echo begun; jq . x.json\" failed with exit code 127"
        );
        assert!(ran.result.wanted.is_empty());
        assert!(ran.log.contains("\nbegun\n"), "{}", ran.log);
        assert!(
            ran.log
                .contains("##[warning]This machine has no `jq`, which GitHub's image has.\n"),
            "{}",
            ran.log
        );
    }
    // Another code, or another program, and there is no hint.
    for script in ["jq . || exit 3", "no-such-program", "exit 127"] {
        let ran = world(&server(), json!([run(script)])).run().await;
        assert!(!ran.log.contains("GitHub's image"), "{script}: {}", ran.log);
    }
}

#[tokio::test]
async fn what_is_told_of_a_script_and_nothing_of_its_values() {
    let script =
        "jq . ${{ matrix.os }} '${{ secrets.GITHUB_TOKEN }}' ${{ matrix.os }}\n$CONDA/bin/conda \"$E\"";
    let steps = json!([
        run("echo before"),
        run_with(
            script,
            json!({"name": "Ask ${{ matrix.os }}", "env": {"E": "a value"}})
        ),
        run("echo after"),
    ]);
    let ran = first(&server(), &steps).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration);
    insta::assert_snapshot!(ran.result.detail, @"Step \"Ask linux\" can't be run: The script needs `CONDA` and `jq`, which GitHub's image has and this machine lacks; bring what is missing in a step before, or choose a machine that has it with `runs-on`");
    let told = told(&ran);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].run.as_str(), told[0].shell.as_str()), (script, "bash"));
    assert_eq!(told[0].lacking, ["CONDA", "jq"]);
    let expressions: Vec<_> = told[0]
        .expressions
        .iter()
        .map(|of| of.expression.as_str())
        .collect();
    assert_eq!(expressions, ["matrix.os", "secrets.GITHUB_TOKEN"]);
    let text = serde_json::to_string(&told).unwrap();
    for value in ["linux", "a value", JOB_TOKEN] {
        assert!(!text.contains(value), "{value} in {text}");
    }
    assert!(
        ran.log.contains("before") && !ran.log.contains("\nafter\n"),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn what_assumes_nothing_that_is_missing_runs_as_it_is() {
    for script in [
        "cat /dev/null",
        "command -v jq || echo none",
        "mkdir bin; echo 'echo mine' > bin/jq; chmod +x bin/jq; PATH=$PWD/bin:$PATH; jq .",
        "if false; then jq .; fi",
        "jq() { echo mine; }; jq .",
    ] {
        let ran = first(&server(), &json!([run(script)])).await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Success,
            "{script}: {}",
            ran.log
        );
    }
    // A step before has brought it, in the path of later ones.
    let bring = "mkdir -p $HOME/b; echo 'echo brought' > $HOME/b/jq; chmod +x $HOME/b/jq; echo $HOME/b >> $GITHUB_PATH";
    let ran = first(&server(), &json!([run(bring), run("jq .")])).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(ran.log.contains("\nbrought\n"), "{}", ran.log);
    // The step's own variables count.
    let ran = first(
        &server(),
        &json!([run_with("cat $CONDA", json!({"env": {"CONDA": "/dev/null"}}))]),
    )
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    // Other command lines of a shell read what we don't know, or go on after an error.
    let ran = first(
        &server(),
        &json!([run_with("jq .; echo on", json!({"shell": "bash {0}"}))]),
    )
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
}

#[tokio::test]
async fn a_step_that_may_fail_or_comes_after_a_failure_runs_as_it_is() {
    let steps = json!([
        run_with("echo begun; jq .", json!({"continue_on_error": "${{ true }}"})),
        run("echo on")
    ]);
    let ran = first(&server(), &steps).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert_eq!(ran.result.steps[0].outcome, StepStatus::Failure);
    assert!(
        ran.log.contains("\nbegun\n") && ran.result.wanted.is_empty(),
        "{}",
        ran.log
    );
    let steps = json!([
        run("exit 3"),
        run_with("echo last words; jq .", json!({"if": "always()"}))
    ]);
    let ran = first(&server(), &steps).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Failure);
    assert!(
        ran.log.contains("\nlast words\n") && ran.result.wanted.is_empty(),
        "{}",
        ran.log
    );
}

#[tokio::test]
async fn a_script_takes_the_place_of_another_with_all_that_a_step_has() {
    let steps = json!([
        run_with(
            "V=$(jq -r .v x.json)\necho \"said=$V ${{ matrix.os }}\" >> $GITHUB_OUTPUT",
            json!({"id": "v", "env": {"MINE": "1"}, "working_directory": "sub", "timeout_minutes": "5"})
        ),
        run("echo then ${{ steps.v.outputs.said }} $ADDED; tool"),
    ]);
    let server = server();
    let make = json!([run("mkdir sub")]);
    let steps: Vec<Value> = make
        .as_array()
        .unwrap()
        .iter()
        .chain(steps.as_array().unwrap())
        .cloned()
        .collect();
    let steps = Value::from(steps);
    let before = first(&server, &steps).await;
    let script = "echo \"in ${PWD##*/} with $MINE\"\necho \"said=hello $EXPRESSION_1\" >> \"$GITHUB_OUTPUT\"\n\
                  echo ADDED=yes >> \"$GITHUB_ENV\"\nmkdir -p \"$RUNNER_TEMP/bin\"\necho \"$RUNNER_TEMP/bin\" >> \"$GITHUB_PATH\"\n\
                  echo 'echo tool runs' > \"$RUNNER_TEMP/bin/tool\"\nchmod +x \"$RUNNER_TEMP/bin/tool\"\n";
    let ran = second(world(&server, steps.clone()), &before, "bash", script).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert_eq!(ran.result.translated, [before.result.wanted[0].what.digest()]);
    let seen = ran.log.lines().filter(|line| {
        let begins = ["##[group]Tr", "in sub", "then ", "tool ", "  EXPR", "  MINE"];
        begins.iter().any(|begin| line.starts_with(begin))
    });
    insta::assert_snapshot!(seen.collect::<Vec<_>>().join("\n"), @"
    ##[group]Translated to bash by ollama/small, for want of jq
      MINE: 1
      EXPRESSION_1: linux  # matrix.os
    in sub with 1
    then hello linux yes
    tool runs
    ");
    // Its failure and its time limit are the step's.
    let ran = second(world(&server, steps.clone()), &before, "sh", "exit 7").await;
    assert_eq!(
        (ran.result.conclusion, ran.result.exit_code),
        (JobVerdict::Failure, Some(7)),
        "{}",
        ran.log
    );
    // A condition that says no is asked first.
    let steps = json!([run_with("jq .", json!({"if": "false"}))]);
    assert!(first(&server, &steps).await.result.wanted.is_empty());
}

/// The script of a hostile model: it prints all that it can reach.
const GREEDY: &str = "env | sort\necho end";

#[tokio::test]
async fn a_script_gets_what_the_step_would_have_got_and_nothing_more() {
    let steps = json!([
        run_with(
            "echo $S > /dev/null",
            json!({"env": {"S": "${{ secrets.GITHUB_TOKEN }}"}})
        ),
        run_with("jq . ${{ matrix.os }}", json!({"env": {"MINE": "1"}})),
    ]);
    let server = server();
    let before = first(&server, &steps).await;
    let ran = second(world(&server, steps), &before, "bash", GREEDY).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    let printed = ran.log.split("##[endgroup]\n").last().unwrap();
    for absent in [JOB_TOKEN, "***", "CHECKMILL_", "\nS=", "GITHUB_TOKEN"] {
        assert!(!printed.contains(absent), "{absent} in {printed}");
    }
    for there in ["\nEXPRESSION_1=linux", "\nMINE=1", "\nMACHINE=ours"] {
        assert!(printed.contains(there), "{there:?} in {printed}");
    }
}

#[tokio::test]
async fn what_outsiders_word_is_never_pasted_into_a_script() {
    let hostile = "$(touch owned)`touch owned`'; touch owned #${{ github.token }}";
    let steps = json!([
        run("jq . '${{ github.event.pull_request.title }}'"),
        run("[ ! -e owned ]")
    ]);
    let server = server();
    let with_title = |mut world: World| {
        world.description["contexts"]["github"]["event"] = json!({"pull_request": {"title": hostile}});
        world
    };
    let before = with_title(world(&server, steps.clone()))
        .with("translations", allowed(&[]))
        .run()
        .await;
    assert!(
        !serde_json::to_string(&told(&before))
            .unwrap()
            .contains("touch owned")
    );
    let script = "printf '<%s>\\n' \"$EXPRESSION_1\"";
    let ran = second(with_title(world(&server, steps)), &before, "bash", script).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(ran.log.contains(&format!("\n<{hostile}>\n")), "{}", ran.log);
}

#[tokio::test]
async fn a_script_that_asks_for_more_is_not_run_even_when_the_server_lets_it_through() {
    let steps = json!([run("jq .")]);
    let server = server();
    let before = first(&server, &steps).await;
    for script in [
        "echo ${{ secrets.GITHUB_TOKEN }}",
        "echo ::add-path::/tmp",
        "cat /proc/$PPID/environ",
        "echo $CHECKMILL_EXPR_1",
        "",
    ] {
        let ran = second(world(&server, steps.clone()), &before, "bash", script).await;
        assert_eq!(
            ran.result.conclusion,
            JobVerdict::Configuration,
            "{script}: {}",
            ran.log
        );
        assert!(ran.result.translated.is_empty(), "{script}");
        assert_eq!(ran.result.wanted.len(), 1, "it is asked for again");
    }
    // Where the switch is off again, what is known is of no use.
    let known = json!({"known": [{"digest": before.result.wanted[0].what.digest(), "model": "m", "translation": {
        "shell": "sh", "script": "echo", "explanation": "", "assumptions": []}}]});
    let ran = world(&server, steps).with("translations", known).run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Failure, "{}", ran.log);
}

#[tokio::test]
async fn what_can_not_be_told_runs_as_it_is() {
    for step in [
        // The name of a value is taken.
        run_with("jq . ${{ matrix.os }}", json!({"env": {"EXPRESSION_1": "x"}})),
        // It holds a secret in its text.
        run(&format!("jq . {JOB_TOKEN}")),
    ] {
        let ran = first(&server(), &json!([step])).await;
        assert_eq!(ran.result.conclusion, JobVerdict::Failure, "{}", ran.log);
        assert!(ran.result.wanted.is_empty(), "{}", ran.log);
    }
}

#[tokio::test]
async fn shells_that_are_not_there() {
    let server = server();
    let steps = json!([run_with(
        "Write-Output ${{ matrix.os }}",
        json!({"shell": "pwsh"})
    )]);
    let before = first(&server, &steps).await;
    assert_eq!(before.result.conclusion, JobVerdict::Configuration);
    let told = told(&before);
    assert_eq!(
        (told[0].shell.as_str(), &told[0].lacking),
        ("pwsh", &vec!["pwsh".to_owned()])
    );
    let ran = second(
        world(&server, steps.clone()),
        &before,
        "sh",
        "echo \"by sh: $EXPRESSION_1\"",
    )
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(ran.log.contains("\nby sh: linux\n"), "{}", ran.log);
    // As ever without the switch, and for what is no program of the image.
    let ran = world(&server, steps).run().await;
    assert!(
        ran.result
            .detail
            .contains("shell: pwsh is not installed where the job runs"),
        "{}",
        ran.result.detail
    );
    let ran = first(&server, &json!([run_with("x", json!({"shell": "no-such {0}"}))])).await;
    assert_eq!(
        (ran.result.conclusion, ran.result.wanted.len()),
        (JobVerdict::Configuration, 0)
    );
}

#[tokio::test]
async fn the_steps_of_a_composite_action_are_steps_like_others() {
    let server = server();
    let action = "inputs: {who: }\noutputs: {said: {value: '${{ steps.s.outputs.said }}'}}\nruns: {using: composite, steps: [\
                  {id: s, shell: bash, run: 'jq . ${{ inputs.who }}'}]}";
    server.commit("tools/inner", &[("action.yml", action)]);
    let steps = json!([
        super::uses("tools/inner@main", json!({"id": "a", "with": {"who": "Mona"}})),
        run("echo then ${{ steps.a.outputs.said }}"),
    ]);
    let before = first(&server, &steps).await;
    assert_eq!(
        before.result.conclusion,
        JobVerdict::Configuration,
        "{}",
        before.log
    );
    let script = "echo \"said=hello $EXPRESSION_1\" >> \"$GITHUB_OUTPUT\"";
    let ran = second(world(&server, steps), &before, "bash", script).await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(ran.log.contains("\nthen hello Mona\n"), "{}", ran.log);
    // Where the whole action may fail, its steps may.
    let steps = json!([super::uses(
        "tools/inner@main",
        json!({"continue_on_error": "true"})
    )]);
    let ran = first(&server, &steps).await;
    assert_eq!(
        (ran.result.conclusion, ran.result.wanted.len()),
        (JobVerdict::Success, 0),
        "{}",
        ran.log
    );
}
