//! Composite actions.

use super::{Server, checkout, uses};
use crate::testing::{run, run_with};
use checkmill_workflow::job::{JobVerdict, StepStatus};
use serde_json::json;

const GREET: &str = r#"
name: Greet
inputs:
  who: {required: true}
  greeting: {default: 'Hello from ${{ github.repository }}', deprecationMessage: use `who`}
outputs:
  said: {value: '${{ steps.say.outputs.text }}'}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {MORE: more}
      run: |
        echo "text=${{ inputs.greeting }}, ${{ inputs.who }}" >> $GITHUB_OUTPUT
        cat "$GITHUB_ACTION_PATH/words"
        echo "$OUTER $MORE $GITHUB_ACTION $GITHUB_ACTION_REPOSITORY $GITHUB_ACTION_REF [$INPUT_WHO]"
        echo LEFT=behind >> $GITHUB_ENV
    - run: echo "${{ steps.say.outputs.text }} ${{ env.OUTER }} $LEFT"
      shell: bash
"#;

#[tokio::test]
async fn its_steps_run_in_the_place_of_the_step() {
    let server = Server::new();
    let sha = server.commit(
        "tools/greet",
        &[("greet/action.yml", GREET), ("greet/words", "words\n")],
    );
    server.tag("tools/greet", "v1");
    server.commit("tools/greet", &[("greet/action.yml", "broken: [")]);
    let world = server.world(json!([
        uses("tools/greet/greet@v1", json!({
            "id": "greet", "with": {"WHO": "${{ matrix.os }}", "odd": "1", "greeting": "Hi"}, "env": {"OUTER": "outer"},
        })),
        run("echo \"${{ steps.greet.outputs.said }} ${{ steps.say.outputs.text }} $LEFT [$OUTER$GITHUB_ACTION_PATH]\""),
    ]));
    let ran = world.run().await;
    insta::assert_snapshot!(ran.log.replace(&sha, "SHA"), @r#"
    Download action repository 'tools/greet@v1' (SHA:SHA)
    ##[step]1/2 Run tools/greet/greet@v1
    ##[warning]The input greeting is deprecated: use `who`.
    ##[warning]The action has no input odd.
    ##[group]Run tools/greet/greet@v1
    with:
      greeting: Hi
      odd: 1
      who: linux
    env:
      OUTER: outer
    ##[endgroup]
    ##[group]Run echo "text=Hi, linux" >> $GITHUB_OUTPUT
    echo "text=Hi, linux" >> $GITHUB_OUTPUT
    cat "$GITHUB_ACTION_PATH/words"
    echo "$OUTER $MORE $GITHUB_ACTION $GITHUB_ACTION_REPOSITORY $GITHUB_ACTION_REF [$INPUT_WHO]"
    echo LEFT=behind >> $GITHUB_ENV
    shell: /usr/bin/bash --noprofile --norc -eo pipefail {0}
    env:
      MORE: more
      OUTER: outer
    ##[endgroup]
    words
    outer more say tools/greet v1 []
    ##[group]Run echo "Hi, linux outer $LEFT"
    echo "Hi, linux outer $LEFT"
    shell: /usr/bin/bash --noprofile --norc -eo pipefail {0}
    env:
      LEFT: behind
      OUTER: outer
    ##[endgroup]
    Hi, linux outer behind
    ##[endstep]success 0
    ##[step]2/2 Run echo "Hi, linux $LEFT [$OUTER$GITHUB_ACTION_PATH]"
    ##[group]Run echo "Hi, linux  $LEFT [$OUTER$GITHUB_ACTION_PATH]"
    echo "Hi, linux  $LEFT [$OUTER$GITHUB_ACTION_PATH]"
    shell: /usr/bin/bash -e {0}
    env:
      LEFT: behind
    ##[endgroup]
    Hi, linux  behind []
    ##[endstep]success 0
    ##[job]success 2 steps succeeded
    "#);
    assert_eq!(ran.result.conclusion, JobVerdict::Success);
    let names: Vec<_> = ran.result.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_failure_inside_is_the_steps_and_conditions_see_it() {
    let server = Server::new();
    server.commit(
        "tools/fail",
        &[(
            "action.yml",
            r#"
outputs: {late: {value: '${{ steps.late.outputs.x }}'}}
runs:
  using: composite
  steps:
    - {run: exit 7, shell: bash, continue-on-error: true, id: forgiven}
    - {run: 'echo first ${{ steps.forgiven.outcome }} ${{ steps.forgiven.conclusion }} ${{ github.action_status }}', shell: bash}
    - {run: 'echo bad; exit 3', shell: bash}
    - {run: echo never, shell: bash}
    - {run: 'echo always ${{ github.action_status }}; echo x=1 >> $GITHUB_OUTPUT', shell: bash, if: always(), id: late}
    - {run: echo on failure, shell: bash, if: failure()}
"#,
        )],
    );
    let world = server.world(json!([
        uses("tools/fail@main", json!({"id": "a", "continue_on_error": "true"})),
        run("echo goes on ${{ steps.a.outcome }} ${{ steps.a.outputs.late }} [${{ github.action_status }}]"),
        uses("tools/fail@main", json!({})),
        run_with("echo inside a failed job", json!({"if": "failure()"})),
        // Inside an action only its own steps count.
        uses("tools/fail@main", json!({"if": "always()"})),
    ]));
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Failure, "{}", ran.log);
    assert_eq!(
        ran.result.detail,
        "Step \"Run tools/fail@main\" failed with exit code 3"
    );
    assert!(ran.log.contains("goes on failure 1 []"), "{}", ran.log);
    assert_eq!(
        ran.log.matches("\nfirst failure success success\n").count(),
        3,
        "{}",
        ran.log
    );
    assert_eq!(ran.log.matches("\nalways failure\n").count(), 3, "{}", ran.log);
    assert_eq!(ran.log.matches("\non failure\n").count(), 3, "{}", ran.log);
    assert!(!ran.log.contains("\nnever\n"), "{}", ran.log);
    assert_eq!(
        ran.log.matches("Process completed with exit code 3").count(),
        3,
        "said once each: {}",
        ran.log
    );
    let outcomes: Vec<_> = ran.result.steps.iter().map(|step| step.outcome).collect();
    use StepStatus::{Failure, Success};
    assert_eq!(outcomes, [Failure, Success, Failure, Success, Failure]);
    assert_eq!(ran.result.steps[2].tail, ["bad"]);
    assert_eq!(ran.result.steps[2].exit_code, Some(3));
}

#[tokio::test]
async fn actions_of_the_workspace_and_inside_one_another() {
    let server = Server::new();
    server.commit("tools/inner", &[(
        "sub/action.yaml",
        "inputs: {n: }\nruns: {using: composite, steps: [{run: 'echo inner ${{ inputs.n }} $GITHUB_ACTION_REPOSITORY', shell: sh}]}",
    )]);
    server.commit("octo/hello", &[(
        ".github/actions/outer/action.yml",
        "inputs: {n: {default: '5'}}\nruns: {using: composite, steps: [{uses: tools/inner/sub@main, with: {n: 'n${{ inputs.n }}'}}, \
         {run: 'echo outer ${{ inputs.n }} [$GITHUB_ACTION_REPOSITORY]', shell: bash}, \
         {run: pwd, shell: bash, working-directory: .github}]}",
    )]);
    let ran = server
        .world(json!([checkout(), uses("./.github/actions/outer", json!({}))]))
        .with("defaults", json!({"working_directory": "nowhere"}))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    for line in ["inner n5 tools/inner", "outer 5 []", "$WORKSPACE/.github"] {
        assert!(ran.log.contains(&format!("\n{line}\n")), "{line}: {}", ran.log);
    }
    let early = server
        .world(json!([uses("./.github/actions/outer", json!({}))]))
        .run()
        .await;
    assert_eq!(early.result.conclusion, JobVerdict::Configuration);
    assert!(
        early
            .result
            .detail
            .ends_with("is the repository checked out (actions/checkout) in a step before?"),
        "{}",
        early.result.detail
    );
}

#[tokio::test]
async fn the_steps_time_limit_is_for_the_whole_action() {
    let server = Server::new();
    server.commit(
        "tools/slow",
        &[(
            "action.yml",
            "runs: {using: composite, steps: [{run: sleep 600, shell: bash}, {run: echo never, shell: bash, if: always()}]}",
        )],
    );
    let ran = server
        .world(json!([uses(
            "tools/slow@main",
            json!({"timeout_minutes": "0.01"})
        )]))
        .run()
        .await;
    assert_eq!(
        ran.result.detail,
        "Step \"Run tools/slow@main\" timed out after 0.01 minutes"
    );
    assert!(!ran.log.contains("\nnever\n"), "{}", ran.log);
}

const TITLE: &str = "x\"; touch /tmp/checkmill-owned; '$(id)";

#[tokio::test]
async fn inputs_are_the_workflows_word_unless_an_outsider_chose_them() {
    let server = Server::new();
    server.commit("tools/run", &[(
        "action.yml",
        "inputs: {command: , text: }\nruns: {using: composite, steps: [{run: '${{ inputs.command }}', shell: bash}, \
         {run: 'import sys; print(\"python ${{ inputs.text }}\")', shell: python}]}",
    )]);
    let world = |with: serde_json::Value| {
        let mut world = server.world(json!([uses("tools/run@main", json!({"with": with}))]));
        world.description["contexts"]["github"]["event"]["title"] = TITLE.into();
        world
    };
    // A script as an input, as on GitHub.
    let ran = world(json!({"command": "for i in 1 2; do echo \"n$i\"; done", "text": "ok"}))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(
        ran.log.contains("\nn1\nn2\n") && ran.log.contains("\npython ok\n"),
        "{}",
        ran.log
    );
    // A title is data in a shell's script, and is refused where it would be code.
    let ran = world(
        json!({"command": "echo \"${{ github.event.title }}\"", "text": "${{ toJSON(github.event.title) }}"}),
    )
    .run()
    .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    assert!(!std::path::Path::new("/tmp/checkmill-owned").exists());
    let ran = world(json!({"command": "true", "text": "${{ github.event.title }}"}))
        .run()
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Configuration, "{}", ran.log);
    assert!(
        ran.result.detail.contains("text that outsiders may choose"),
        "{}",
        ran.result.detail
    );
}
