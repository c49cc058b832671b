//! `run-name`. Source: GitHub docs, "Workflow syntax", and "Contexts" for what it may use.

use crate::support::{World, dispatch, event, pull_request, push, wrong};
use checkmill_core::Event;
use checkmill_core::event::EventKind;
use checkmill_workflow::run_name;

fn name(text: &str, event: &Event) -> Result<Option<String>, String> {
    let on = "on: {push: , pull_request: , workflow_dispatch: {inputs: {where: {default: staging}}}}";
    let mut world = World::with_event(
        &format!("run-name: {text}\n{on}\njobs: {{a: {{runs-on: x, steps: [run: y]}}}}\n"),
        event,
    );
    world.vars.insert("REGION".to_owned(), "eu".to_owned());
    run_name(&world.workflow, &world.github, &world.inputs, &world.vars).map_err(|wrong| wrong.to_string())
}

#[test]
fn the_names_of_runs() {
    let some = |text: &str| Ok(Some(text.to_owned()));
    let main = push("refs/heads/main");
    assert_eq!(name("Deploy", &main), some("Deploy"));
    assert_eq!(
        name("Deploy by @${{ github.actor }} in ${{ vars.REGION }}", &main),
        some("Deploy by @octocat in eu")
    );
    assert_eq!(
        name("Deploy to ${{ inputs.where }}", &dispatch(&[])),
        some("Deploy to staging")
    );
    assert_eq!(
        name("${{ github.event.pull_request.title }}", &main),
        Ok(None),
        "nothing in it"
    );
    // Somebody's title: one line, and not without an end.
    let EventKind::PullRequest(mut pull) = pull_request("opened", "main").kind else {
        panic!()
    };
    pull.title = format!("a\nb\u{7}{}", "x".repeat(400));
    let long = name(
        "${{ github.event.pull_request.title }}",
        &event(EventKind::PullRequest(pull)),
    )
    .unwrap()
    .unwrap();
    assert_eq!((long.chars().count(), &long[..5]), (255, "a b x"));
    let error = name("${{ fromJSON(github.actor) }}", &main).unwrap_err();
    assert!(error.contains(":1:15: "), "{error}");
}

#[test]
fn what_a_name_may_use() {
    insta::assert_snapshot!(wrong("run-name: ${{ matrix.os }} ${{ secrets.X }}\non: push\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @"
    .checkmill/workflows/ci.yml:1:15: the context `matrix` can't be used in `run-name`
    1 | run-name: ${{ matrix.os }} ${{ secrets.X }}
      |               ^^^^^^
      = help: the contexts here are github, inputs, vars

    .checkmill/workflows/ci.yml:1:32: the context `secrets` can't be used in `run-name`
    1 | run-name: ${{ matrix.os }} ${{ secrets.X }}
      |                                ^^^^^^^
      = help: the contexts here are github, inputs, vars
    ");
}
