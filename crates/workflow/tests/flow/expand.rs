//! Conditions of jobs, and what is evaluated for each leg.

use crate::support::{World, job, key, pull_request};
use checkmill_core::conclusion::NeedsResult::{Cancelled, Failure, Skipped, Success};
use checkmill_core::policy::{Access, TokenPermissions};
use checkmill_core::{Millis, limits};
use checkmill_workflow::{Expansion, expand, unevaluated_name};

/// `a`, then `b` which needs it, then `c` which needs `b`; `condition` is the `if` of `c`.
fn chain(condition: &str) -> String {
    let condition = if condition.is_empty() {
        String::new()
    } else {
        format!("if: {condition}, ")
    };
    format!(
        "on: push\nname: CI\njobs:\n  a: {{runs-on: x, steps: [run: y]}}\n  b: {{needs: a, runs-on: x, steps: [run: y]}}\n  \
         c: {{needs: b, {condition}runs-on: x, steps: [run: y]}}\n"
    )
}

/// GitHub docs, `jobs.<job_id>.needs` ("a failure or skip applies to all jobs in the dependency chain") and "Status check
/// functions"; actions/runner issue 491 for the chain through an `always()`.
#[test]
fn the_implied_success_covers_all_ancestors() {
    for (condition, a, b, runs) in [
        ("", Success, Success, true),
        ("", Success, Failure, false),
        ("", Failure, Skipped, false),
        ("", Success, Skipped, false),
        ("", Success, Cancelled, false),
        // `b` ran in spite of it, with `if: always()`.
        ("", Failure, Success, false),
        ("", Skipped, Success, false),
        ("github.ref_name == 'main'", Success, Success, true),
        ("github.ref_name == 'main'", Skipped, Success, false),
        ("github.ref_name == 'next'", Success, Success, false),
        ("'${{ always() }}'", Failure, Skipped, true),
        ("always()", Cancelled, Skipped, true),
        ("failure()", Success, Failure, true),
        ("failure()", Failure, Success, true),
        ("failure()", Failure, Skipped, true),
        ("failure()", Success, Skipped, false),
        ("failure()", Success, Success, false),
        ("cancelled()", Success, Cancelled, true),
        ("cancelled()", Success, Failure, false),
        ("success()", Success, Success, true),
        ("success()", Failure, Success, false),
        ("'!cancelled()'", Failure, Skipped, true),
        ("always() && needs.b.result == 'success'", Failure, Success, true),
        ("false", Success, Success, false),
        ("true", Success, Success, true),
        ("1", Success, Success, true),
    ] {
        let world = World::new(&chain(condition))
            .ended("a", a, &[])
            .ended("b", b, &[]);
        let expansion = world.expand("c").unwrap_or_else(|wrong| panic!("{wrong}"));
        let ran = matches!(expansion, Expansion::Legs { .. });
        assert_eq!(ran, runs, "if: {condition} after {a:?}, {b:?}");
    }
}

/// A job's row has room for so much of them.
#[test]
fn labels_of_too_many_bytes() {
    let labels = |length: usize| {
        let lines = format!(
            "runs-on: [\"${{{{ github.ref_name }}}}\", {}]",
            "l".repeat(length)
        );
        World::new(&job(&lines))
    };
    assert!(labels(4096 - "main".len()).expand("build").is_ok());
    insta::assert_snapshot!(labels(4097 - "main".len()).wrong("build"), @r#"
    .checkmill/workflows/ci.yml:5:14: the labels of `runs-on` have more than 4096 bytes together
    5 |     runs-on: ["${{ github.ref_name }}", llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll…
      |              ^
    "#);
}

#[test]
fn a_skipped_job_says_why() {
    let skipped = |condition: &str, a, b| match World::new(&chain(condition))
        .ended("a", a, &[])
        .ended("b", b, &[])
        .expand("c")
    {
        Ok(Expansion::Skipped { reason, name }) => {
            assert_eq!(name, "CI / c");
            reason
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(skipped("", Failure, Skipped), "it needs `a`, which failed");
    assert_eq!(
        skipped("", Success, Cancelled),
        "it needs `b`, which was cancelled"
    );
    assert_eq!(skipped("", Success, Skipped), "it needs `b`, which was skipped");
    assert_eq!(
        skipped("failure()", Success, Success),
        "its `if: failure()` is false"
    );
    assert_eq!(
        skipped("github.ref == 'x'", Failure, Success),
        "its `if: github.ref == 'x'` is false; it needs `a`, which failed"
    );
}

#[test]
fn a_need_without_a_result_counts_as_skipped() {
    let world = World::new(&chain(""));
    let Ok(Expansion::Skipped { reason, .. }) = world.expand("c") else {
        panic!("it ran")
    };
    assert_eq!(reason, "it needs `a`, which was skipped");
}

/// A skipped matrix has no values to show; GitHub leaves the name of the job.
#[test]
fn names_of_skipped_jobs() {
    let name = |lines: &str| match World::new(&job(&format!("if: false\n{lines}"))).expand("build") {
        Ok(Expansion::Skipped { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        name("name: Build it\nstrategy: {matrix: {a: [1, 2]}}"),
        "CI / Build it"
    );
    assert_eq!(
        name("name: Build ${{ matrix.a }}\nstrategy: {matrix: {a: [1, 2]}}"),
        "CI / build"
    );
    assert_eq!(name("name: Build ${{ github.ref_name }}"), "CI / Build main");
}

/// Where nothing is evaluated (`[skip ci]`, mistakes in expressions), a name that needs no evaluation stands.
#[test]
fn names_of_jobs_that_are_not_evaluated() {
    let name = |lines: &str| unevaluated_name(&World::new(&job(lines)).workflow, &key("build"));
    assert_eq!(name("name: Build it"), "CI / Build it");
    assert_eq!(name("name: Build ${{ github.ref_name }}"), "CI / build");
    assert_eq!(name(""), "CI / build");
    assert_eq!(
        unevaluated_name(&World::new(&job("name: x")).workflow, &key("other")),
        "CI / other"
    );
}

#[test]
fn a_job_alone() {
    let world = World::new(&job("name: Build"));
    let Ok(Expansion::Legs {
        fail_fast,
        max_parallel,
        legs,
    }) = world.expand("build")
    else {
        panic!("not run")
    };
    assert!(fail_fast);
    assert_eq!(max_parallel, None);
    let [leg] = legs.as_slice() else {
        panic!("{legs:?}")
    };
    assert_eq!((leg.leg.as_str(), leg.name.as_str()), ("", "CI / Build"));
    assert_eq!(leg.runs_on, ["linux"]);
    assert_eq!(
        (leg.continue_on_error, leg.timeout),
        (false, limits::RUN_TIMEOUT_DEFAULT)
    );
    assert_eq!(leg.permissions, None);
}

#[test]
fn a_workflow_without_a_name_is_called_after_its_path() {
    let world = World::new(&job("").replace("name: CI\n", ""));
    assert_eq!(world.names("build"), [".checkmill/workflows/ci.yml / build"]);
}

#[test]
fn every_form_of_runs_on() {
    for (lines, expected) in [
        ("runs-on: linux", vec!["linux"]),
        ("runs-on: [self-hosted, gpu]", vec!["self-hosted", "gpu"]),
        ("runs-on: {labels: linux}", vec!["linux"]),
        ("runs-on: {labels: [a, b]}", vec!["a", "b"]),
        (
            "runs-on: ${{ matrix.os }}-latest\nstrategy: {matrix: {os: [mac]}}",
            vec!["mac-latest"],
        ),
        (
            "runs-on: ['${{ matrix.os }}', x]\nstrategy: {matrix: {os: [mac]}}",
            vec!["mac", "x"],
        ),
        ("runs-on: ${{ fromJSON('[\"a\", \"b\"]') }}", vec!["a", "b"]),
        (
            "runs-on: ${{ matrix.on }}\nstrategy: {matrix: {on: [{labels: [a]}]}}",
            vec!["a"],
        ),
        ("runs-on: 22", vec!["22"]),
    ] {
        assert_eq!(
            World::new(&job(lines)).legs("build")[0].runs_on,
            expected,
            "{lines}"
        );
    }
}

#[test]
fn each_leg_is_evaluated_by_itself() {
    let lines = "\
timeout-minutes: ${{ matrix.minutes }}
continue-on-error: ${{ matrix.experimental || false }}
runs-on: ${{ matrix.os }}
strategy:
  matrix:
    include:
      - {os: linux, minutes: 2}
      - {os: mac, minutes: 0.5, experimental: true}
";
    let legs = World::new(&job(lines)).legs("build");
    let of = |leg: &checkmill_workflow::Leg| (leg.runs_on[0].clone(), leg.timeout, leg.continue_on_error);
    assert_eq!(of(&legs[0]), ("linux".to_owned(), Millis::from_minutes(2), false));
    assert_eq!(of(&legs[1]), ("mac".to_owned(), Millis::from_secs(30), true));
}

#[test]
fn values_that_no_leg_can_have() {
    let wrong = |lines: &str| World::new(&job(lines)).wrong("build");
    insta::assert_snapshot!(wrong("runs-on: ${{ vars.NONE }}"), @r"
    .checkmill/workflows/ci.yml:5:14: the expression in `runs-on` gives nothing
    5 |     runs-on: ${{ vars.NONE }}
      |              ^^^^^^^^^^^^^^^^
      = help: what is not set is nothing; add a label for that case, such as `|| 'linux'`
    ");
    insta::assert_snapshot!(wrong("runs-on: ${{ fromJSON('[]') }}"), @r"
    .checkmill/workflows/ci.yml:5:14: `runs-on` must name at least one label
    5 |     runs-on: ${{ fromJSON('[]') }}
      |              ^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(wrong("runs-on: ${{ fromJSON('{\"labels\":{}}') }}"), @r#"
    .checkmill/workflows/ci.yml:5:14: a label of `runs-on` must be a text, not a mapping
    5 |     runs-on: ${{ fromJSON('{"labels":{}}') }}
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(wrong("continue-on-error: ${{ vars.NONE }}"), @r"
    .checkmill/workflows/ci.yml:5:24: `continue-on-error` must be `true` or `false`; the expression gives nothing
    5 |     continue-on-error: ${{ vars.NONE }}
      |                        ^^^^^^^^^^^^^^^^
      = help: what is not set is nothing; add `|| false`
    ");
    insta::assert_snapshot!(wrong("continue-on-error: ${{ 'true' }}"), @r"
    .checkmill/workflows/ci.yml:5:24: `continue-on-error` must be `true` or `false`; the expression gives a text
    5 |     continue-on-error: ${{ 'true' }}
      |                        ^^^^^^^^^^^^^
      = help: make a boolean of it, such as with `== 'true'` or `fromJSON`
    ");
    insta::assert_snapshot!(wrong("timeout-minutes: ${{ vars.NONE }}"), @r"
    .checkmill/workflows/ci.yml:5:22: `timeout-minutes` must be a number; the expression gives nothing
    5 |     timeout-minutes: ${{ vars.NONE }}
      |                      ^^^^^^^^^^^^^^^^
      = help: a variable or an output is a text; make a number of it with `fromJSON`
    ");
    insta::assert_snapshot!(wrong("timeout-minutes: ${{ 0 }}"), @r"
    .checkmill/workflows/ci.yml:5:22: `timeout-minutes` is 0; it must be more than 0
    5 |     timeout-minutes: ${{ 0 }}
      |                      ^^^^^^^^
      = help: give it in minutes
    ");
    insta::assert_snapshot!(wrong("timeout-minutes: 100000"), @r"
    .checkmill/workflows/ci.yml:5:22: `timeout-minutes` is 100000, more than the 7200 that the policy allows
    5 |     timeout-minutes: 100000
      |                      ^^^^^^
      = help: ask for less, or raise `timeout-minutes-max` in .checkmill/config.yml
    ");
    insta::assert_snapshot!(wrong("name: ${{ fromJSON('x') }}"), @r"
    .checkmill/workflows/ci.yml:5:15: `fromJSON` was given a text that isn't JSON (line 1, column 1 of it)
    5 |     name: ${{ fromJSON('x') }}
      |               ^^^^^^^^
    ");
    insta::assert_snapshot!(wrong("if: fromJSON('x')"), @r"
    .checkmill/workflows/ci.yml:5:9: `fromJSON` was given a text that isn't JSON (line 1, column 1 of it)
    5 |     if: fromJSON('x')
      |         ^^^^^^^^
    ");
    // The same mistake of many legs is told once.
    insta::assert_snapshot!(wrong("runs-on: ${{ matrix.none }}\nstrategy: {matrix: {a: [1, 2, 3]}}"), @r"
    .checkmill/workflows/ci.yml:5:14: the expression in `runs-on` gives nothing
    5 |     runs-on: ${{ matrix.none }}
      |              ^^^^^^^^^^^^^^^^^^
      = help: what is not set is nothing; add a label for that case, such as `|| 'linux'`
    ");
}

#[test]
fn the_policy_limits_the_time() {
    let world = World::new(&job("timeout-minutes: 10"));
    let limited = |minutes| checkmill_workflow::JobContext {
        run_timeout_max: Millis::from_minutes(minutes),
        ..world.context()
    };
    let wrong = expand(&world.workflow, &crate::support::key("build"), &limited(9)).unwrap_err();
    assert_eq!(
        wrong.as_slice()[0].message,
        "`timeout-minutes` is 10, more than the 9 that the policy allows"
    );
    assert!(expand(&world.workflow, &crate::support::key("build"), &limited(10)).is_ok());
    let unsaid = World::new(&job(""));
    let context = checkmill_workflow::JobContext {
        run_timeout_max: Millis::from_minutes(5),
        ..unsaid.context()
    };
    let Ok(Expansion::Legs { legs, .. }) = expand(&unsaid.workflow, &crate::support::key("build"), &context)
    else {
        panic!("not run")
    };
    assert_eq!(legs[0].timeout, Millis::from_minutes(5), "the default gives way");
}

/// GitHub docs, `permissions`: what is not named is not granted; a job's replace the workflow's.
#[test]
fn permissions() {
    let of = |text: &str| World::new(text).legs("build")[0].permissions.clone();
    let grant = |list: &[(&str, Access)]| {
        Some(TokenPermissions(
            list.iter()
                .map(|(name, access)| ((*name).to_owned(), *access))
                .collect(),
        ))
    };
    let (read, write) = (Access::Read, Access::Write);
    assert_eq!(of(&job("permissions: {}")), grant(&[]));
    assert_eq!(
        of(&job(
            "permissions: {contents: read, pull-requests: write, issues: none}"
        )),
        grant(&[("contents", read), ("pull_requests", write)])
    );
    let all = of(&job("permissions: write-all")).unwrap();
    assert_eq!(all.0["security_events"], write);
    assert_eq!(all.0["vulnerability_alerts"], read, "there is no writing these");
    assert!(!all.0.contains_key("id_token"));
    let all = of(&job("permissions: read-all")).unwrap();
    assert!(all.0.values().all(|access| *access == read));
    let both = format!("permissions: read-all\n{}", job("permissions: {checks: write}"));
    assert_eq!(of(&both), grant(&[("checks", write)]));
    let general = format!("permissions: {{statuses: write}}\n{}", job(""));
    assert_eq!(of(&general), grant(&[("statuses", write)]));
}

#[test]
fn strategy_without_a_matrix() {
    let world = World::new(&job(
        "name: ${{ toJSON(strategy) }} ${{ matrix == null }}\nstrategy: {max-parallel: 3}",
    ));
    let name = &world.names("build")[0];
    assert_eq!(
        name.split_whitespace().collect::<String>(),
        "CI/{\"fail-fast\":true,\"job-index\":0,\"job-total\":1,\"max-parallel\":3}true"
    );
}

#[test]
fn the_strategy_context_counts_legs() {
    let lines = "name: ${{ strategy.job-index }} of ${{ strategy.job-total }}, ${{ strategy.max-parallel }} at once\n\
                 strategy: {matrix: {a: [1, 2]}}";
    assert_eq!(
        World::new(&job(lines)).names("build"),
        ["CI / 0 of 2, 2 at once", "CI / 1 of 2, 2 at once"]
    );
}

#[test]
fn a_job_that_is_not_there() {
    let wrong = World::new(&job("")).wrong("nowhere");
    assert!(wrong.contains("the workflow has no job `nowhere`"), "{wrong}");
}

#[test]
fn conditions_read_the_event() {
    let text = job("if: github.event.pull_request.draft == false && contains(github.event.pull_request.labels.*.name, 'greeting')")
        .replace("on: push", "on: pull_request");
    let world = World::with_event(&text, &pull_request("opened", "main"));
    assert_eq!(world.names("build"), ["CI / build"]);
}

#[test]
fn a_name_is_one_line() {
    let world = World::new(&job("name: ${{ format('a{0}b', fromJSON('\"\\n\\u001b\"')) }}"));
    assert_eq!(world.names("build"), ["CI / a  b"]);
}
