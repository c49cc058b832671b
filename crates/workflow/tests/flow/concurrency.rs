//! `concurrency`. Source: GitHub docs, "Control the concurrency of workflows and jobs".

use crate::support::{World, job, key, pull_request, push, workflow, wrong};
use checkmill_core::Event;
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::concurrency::{Concurrency, Queueing};
use checkmill_workflow::{Expansion, LaterKey, run_concurrency};

/// `GROUP`, `!GROUP` where it cancels, `GROUP…` where all wait.
fn shown(of: &Concurrency) -> String {
    let cancels = if of.cancel_in_progress { "!" } else { "" };
    let all = if of.queue == Queueing::Max { "…" } else { "" };
    format!("{cancels}{}{all}", of.group)
}

fn of_run(written: &str, event: &Event) -> Result<Option<String>, String> {
    let on = "name: CI\non: [push, pull_request]";
    let text = format!("concurrency: {written}\n{on}\njobs: {{a: {{runs-on: x, steps: [run: y]}}}}\n");
    let mut world = World::with_event(&text, event);
    world.vars.insert("STAGE".to_owned(), "eu".to_owned());
    let found = run_concurrency(&world.workflow, &world.github, &world.inputs, &world.vars);
    found
        .map(|of| of.as_ref().map(shown))
        .map_err(|wrong| wrong.to_string())
}

#[test]
fn the_groups_of_runs() {
    let main = push("refs/heads/main");
    let pull = pull_request("opened", "main");
    for (written, event, expected) in [
        ("deploy", &main, "deploy"),
        (
            "${{ github.workflow }}-${{ github.ref }}",
            &main,
            "CI-refs/heads/main",
        ),
        (
            "{group: 'ci-${{ vars.STAGE }}', cancel-in-progress: true}",
            &main,
            "!ci-eu",
        ),
        ("{group: 7, queue: max}", &main, "7…"),
        ("{group: a, queue: single, cancel-in-progress: false}", &main, "a"),
        (
            "{group: a, cancel-in-progress: \"${{ github.event_name == 'pull_request' }}\"}",
            &pull,
            "!a",
        ),
        (
            "{group: a, cancel-in-progress: \"${{ github.event_name == 'pull_request' }}\"}",
            &main,
            "a",
        ),
        (
            "${{ github.head_ref || github.run_id }}",
            &main,
            "0123456789abcdef",
        ),
        (
            "\"${{ fromJSON('{\\\"group\\\": \\\"x\\\", \\\"queue\\\": \\\"max\\\"}') }}\"",
            &main,
            "x…",
        ),
    ] {
        assert_eq!(of_run(written, event), Ok(Some(expected.to_owned())), "{written}");
    }
    let none = workflow("on: push\njobs: {a: {runs-on: x, steps: [run: y]}}\n");
    let world = World::of(none, &main);
    assert_eq!(
        run_concurrency(&world.workflow, &world.github, &world.inputs, &world.vars).unwrap(),
        None
    );
}

#[test]
fn what_expressions_must_not_give() {
    let main = push("refs/heads/main");
    let errors = [
        "${{ github.head_ref }}",
        "{group: a, cancel-in-progress: \"${{ github.ref }}\"}",
        "{group: a, queue: \"${{ github.ref }}\"}",
        "{group: a, queue: max, cancel-in-progress: \"${{ github.ref != 'x' }}\"}",
    ]
    .map(|written| of_run(written, &main).unwrap_err());
    insta::assert_snapshot!(errors.join("\n"), @r#"
    .checkmill/workflows/ci.yml:1:14: the expression in `concurrency` gives no name
    1 | concurrency: ${{ github.head_ref }}
      |              ^^^^^^^^^^^^^^^^^^^^^^
      = help: what is not set is nothing; add a name for that case, such as `|| github.run_id`
    .checkmill/workflows/ci.yml:1:45: `cancel-in-progress` must be `true` or `false`; the expression gives a text
    1 | concurrency: {group: a, cancel-in-progress: "${{ github.ref }}"}
      |                                             ^^^^^^^^^^^^^^^^^^^
      = help: make a boolean of it, such as with `== 'true'` or `fromJSON`
    .checkmill/workflows/ci.yml:1:32: `queue` must be `single` or `max`, not `refs/heads/main`
    1 | concurrency: {group: a, queue: "${{ github.ref }}"}
      |                                ^^^^^^^^^^^^^^^^^^^
    .checkmill/workflows/ci.yml:1:32: `queue: max` and `cancel-in-progress: true` contradict each other
    1 | concurrency: {group: a, queue: max, cancel-in-progress: "${{ github.ref != 'x' }}"}
      |                                ^^^
      = help: let all wait and cancel none, or cancel and let only the newest wait; remove one of the two
    "#);
    let long = of_run(&"x".repeat(401), &main).unwrap_err();
    assert!(long.contains("more than 400 characters"), "{long}");
}

#[test]
fn what_is_wrong_before_anything_is_evaluated() {
    let text = "\
on: push
concurrency: {cancel-in-progress: perhaps, que: max}
jobs:
  a:
    runs-on: x
    concurrency:
    steps: [run: y]
  b:
    runs-on: x
    concurrency: {group: '${{ secrets.X }}', queue: some}
    steps: [run: y]
  c:
    runs-on: x
    concurrency: {group: c, queue: max, cancel-in-progress: true}
    steps: [run: y]
  d:
    runs-on: x
    concurrency: [d]
    steps: [run: y]
";
    insta::assert_snapshot!(wrong(text), @"
    .checkmill/workflows/ci.yml:2:14: `concurrency` has no `group`
    2 | concurrency: {cancel-in-progress: perhaps, que: max}
      |              ^
      = help: name the group, such as `group: deploy`

    .checkmill/workflows/ci.yml:2:35: `cancel-in-progress` must be `true`, `false` or an expression, not a text
    2 | concurrency: {cancel-in-progress: perhaps, que: max}
      |                                   ^^^^^^^

    .checkmill/workflows/ci.yml:2:44: unknown key `que` in `concurrency`
    2 | concurrency: {cancel-in-progress: perhaps, que: max}
      |                                            ^^^
      = help: did you mean `queue`?

    .checkmill/workflows/ci.yml:6:16: `concurrency` is empty
    6 |     concurrency:
      |                ^
      = help: name the group, such as `deploy`

    .checkmill/workflows/ci.yml:10:31: the context `secrets` can't be used in `jobs.<job_id>.concurrency`
    10 |     concurrency: {group: '${{ secrets.X }}', queue: some}
       |                               ^^^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, inputs

    .checkmill/workflows/ci.yml:10:53: `queue` must be `single` or `max`, not `some`
    10 |     concurrency: {group: '${{ secrets.X }}', queue: some}
       |                                                     ^^^^

    .checkmill/workflows/ci.yml:14:36: `queue: max` and `cancel-in-progress: true` contradict each other
    14 |     concurrency: {group: c, queue: max, cancel-in-progress: true}
       |                                    ^^^
      = help: let all wait and cancel none, or cancel and let only the newest wait; remove one of the two

    .checkmill/workflows/ci.yml:18:18: `concurrency` must be a text or a mapping, not a list
    18 |     concurrency: [d]
       |                  ^
    ");
    insta::assert_snapshot!(wrong("on: push\nconcurrency: '${{ matrix.os }}'\njobs: {a: {runs-on: x, steps: [run: y]}}\n"), @"
    .checkmill/workflows/ci.yml:2:19: the context `matrix` can't be used in `concurrency`
    2 | concurrency: '${{ matrix.os }}'
      |                   ^^^^^^
      = help: the contexts here are github, inputs, vars
    ");
}

#[test]
fn each_leg_has_a_group_of_its_own() {
    let world = World::new(&job(
        "strategy: {matrix: {os: [a, b]}}\nconcurrency: {group: 'on-${{ matrix.os }}-${{ strategy.job-index }}', queue: max}",
    ));
    let groups: Vec<_> = world
        .legs("build")
        .iter()
        .map(|leg| leg.concurrency.as_ref().map(shown))
        .collect();
    assert_eq!(groups, [Some("on-a-0…".to_owned()), Some("on-b-1…".to_owned())]);
    let world = World::new(&job("concurrency: '${{ github.head_ref }}'"));
    assert!(
        world.wrong("build").contains("gives no name"),
        "{}",
        world.wrong("build")
    );
}

#[test]
fn a_group_may_be_made_of_what_other_jobs_put_out() {
    let text = "
on: push
jobs:
  a:
    runs-on: x
    outputs: {to: '${{ steps.s.outputs.to }}'}
    steps: [{id: s, run: y}]
  b:
    needs: a
    runs-on: x
    concurrency: to-${{ needs.a.outputs.to }}
    steps: [run: y]
";
    let world = World::new(text).ended("a", NeedsResult::Success, &[("to", "eu")]);
    assert_eq!(world.workflow.decided_later(&key("b")), [LaterKey::Concurrency]);
    assert_eq!(
        world.legs("b")[0].concurrency.as_ref().map(shown).as_deref(),
        Some("to-eu")
    );
}

#[test]
fn of_a_run_that_was_cancelled_only_what_asks_for_it_runs() {
    let text = |condition: &str| {
        format!(
            "on: push\njobs:\n  a: {{runs-on: x, steps: [run: y]}}\n  b: {{needs: a, {condition}runs-on: x, steps: [run: y]}}\n"
        )
    };
    for (condition, runs) in [
        ("", false),
        ("if: github.ref != '', ", false),
        ("if: success(), ", false),
        ("if: always(), ", true),
        ("if: cancelled(), ", true),
        ("if: '!cancelled()', ", false),
        ("if: failure(), ", false),
    ] {
        let world = World::new(&text(condition)).ended("a", NeedsResult::Success, &[]);
        let mut context = world.context();
        context.cancelled = true;
        let expanded = checkmill_workflow::expand(&world.workflow, &key("b"), &context).unwrap();
        match expanded {
            Expansion::Legs { .. } => assert!(runs, "{condition}"),
            Expansion::Skipped { reason, .. } => {
                assert!(!runs, "{condition}");
                assert_eq!(reason, "its run was cancelled");
            }
            other => panic!("{other:?}"),
        }
    }
}
