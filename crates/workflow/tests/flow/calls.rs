//! Workflows that call workflows.

use crate::support::{PATH, World, attempt, key, no_environments, pull_request, push, run_id, workflow};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::policy::{Access, AllowedActions, TokenPermissions};
use checkmill_core::{AttemptNumber, JobId, JobKey, limits};
use checkmill_workflow::job::JobDescription;
use checkmill_workflow::{
    AttemptInfo, Called, Diagnostics, Expansion, LaterKey, Linker, NeedsJob, Workflow, WorkflowReference,
    describe, unevaluated_name,
};
use serde_json::Value;

const BUILD: &str = ".github/workflows/build.yml";

/// The workflow with the files that it calls, by what they are called.
fn link_with(text: &str, files: &[(&str, &str)], rule: &AllowedActions) -> Result<Workflow, Diagnostics> {
    let mut linker = Linker::new(workflow(text), rule).of_owner("octo");
    loop {
        let wanted = linker.wanted();
        if wanted.is_empty() {
            return linker.link();
        }
        for uses in wanted {
            let name = uses.to_string();
            let known = files
                .iter()
                .find(|(path, _)| name == *path || name == format!("./{path}"));
            let called = match known {
                Some((_, text)) => Called::Text((*text).to_owned()),
                None => Called::Unreadable("there is no such file".to_owned()),
            };
            linker.give(uses, called);
        }
    }
}

fn link(text: &str, files: &[(&str, &str)]) -> Result<Workflow, Diagnostics> {
    link_with(text, files, &AllowedActions::All)
}

/// What is wrong between the files.
fn wrong(text: &str, files: &[(&str, &str)]) -> String {
    link(text, files)
        .map(|_| ())
        .expect_err("they don't fit")
        .to_string()
}

fn world(text: &str, files: &[(&str, &str)]) -> World {
    let linked = link(text, files).unwrap_or_else(|wrong| panic!("{wrong}"));
    World::of(linked, &push("refs/heads/main"))
}

/// Expands a job that calls; the keys of the jobs that it brings, with what they need. It has ended well after this.
fn call(world: &mut World, caller: &str) -> Vec<(String, Vec<String>)> {
    let expanded = world.expand(caller).unwrap_or_else(|wrong| panic!("{wrong}"));
    let Expansion::Calls { calls, nodes, .. } = expanded else {
        panic!("{expanded:?}")
    };
    let ended = NeedsJob {
        result: NeedsResult::Success,
        outputs: [].into(),
        calls,
    };
    world.results.insert(key(caller), ended);
    let texts = |keys: &[JobKey]| keys.iter().map(JobKey::to_string).collect();
    nodes
        .iter()
        .map(|(key, node)| (key.to_string(), texts(&node.needs)))
        .collect()
}

fn described(world: &World, job: &str) -> JobDescription {
    let id = JobId::derive(&run_id(), &key(job), "");
    let attempt = AttemptInfo {
        attempt: AttemptNumber(2),
        ..attempt(world, &id, no_environments())
    };
    let leg = world.legs(job).remove(0).leg;
    describe(&world.workflow, &key(job), &leg, &world.context(), attempt)
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

const CALLER: &str = r"
name: CI
on: push
env: {MINE: caller}
jobs:
  setup:
    runs-on: linux
    outputs: {os: x}
    steps: [run: make]
  build:
    needs: setup
    name: Build
    strategy:
      matrix:
        mode: [debug, release]
    uses: ./.github/workflows/build.yml
    with:
      runner: ${{ needs.setup.outputs.os }}
      mode: ${{ matrix.mode }}
      jobs: 4
    secrets:
      token: ${{ secrets.DEPLOY }}-${{ matrix.mode }}
  publish:
    needs: build
    runs-on: ${{ needs.build.outputs.artifact }}
    steps: [run: make]
";

const CALLEE: &str = r"
name: Not shown
on:
  workflow_call:
    inputs:
      runner: {type: string, required: true}
      mode: {type: string, default: debug}
      jobs: {type: number}
      strict: {type: boolean, default: true}
      title: {type: string, default: 'of ${{ github.repository }}'}
    secrets:
      token: {required: true}
      other:
    outputs:
      artifact:
        value: ${{ jobs.link.outputs.file }} ${{ inputs.mode }}
env: {OWN: callee}
jobs:
  compile:
    runs-on: ['${{ inputs.runner }}']
    strategy:
      matrix:
        part: [a, b]
    env: {TOKEN: '${{ secrets.token }}'}
    steps: [run: 'make ${{ inputs.mode }}']
  link:
    needs: compile
    if: inputs.strict && vars.LINK
    name: Link ${{ inputs.mode }} with ${{ inputs.jobs }}
    runs-on: linux
    outputs: {file: x}
    steps: [run: make]
";

fn built() -> World {
    let mut world = world(CALLER, &[(BUILD, CALLEE)]);
    world.vars.insert("LINK".to_owned(), "yes".to_owned());
    world.ended("setup", NeedsResult::Success, &[("os", "big")])
}

#[test]
fn a_call_brings_the_jobs_of_the_file_for_each_leg() {
    let mut world = built();
    let jobs = call(&mut world, "build");
    insta::assert_snapshot!(format!("{jobs:#?}"), @r#"
    [
        (
            "build.002dd86f/compile",
            [],
        ),
        (
            "build.002dd86f/link",
            [
                "build.002dd86f/compile",
            ],
        ),
        (
            "build.a0d20cdc/compile",
            [],
        ),
        (
            "build.a0d20cdc/link",
            [
                "build.a0d20cdc/compile",
            ],
        ),
    ]
    "#);
    let [(compile, _), (link, _), (other, _), _] = jobs.as_slice() else {
        panic!("{jobs:?}")
    };
    insta::assert_snapshot!(world.names(compile).join("\n"), @"
    CI / Build (debug) / compile (a)
    CI / Build (debug) / compile (b)
    ");
    assert_eq!(world.legs(compile)[0].runs_on, ["big"]);
    assert_ne!(world.names(compile), world.names(other));
    let world = world.ended(compile, NeedsResult::Success, &[]);
    insta::assert_snapshot!(world.names(link).join("\n"), @"CI / Build (debug) / Link debug with 4");
    assert_eq!(unevaluated_name(&world.workflow, &key(link)), "CI / Build / link");
}

#[test]
fn what_a_called_job_sees() {
    let mut world = built();
    let jobs = call(&mut world, "build");
    let described = described(&world, &jobs[0].0);
    insta::assert_snapshot!(described.contexts["inputs"], @r#"{"jobs":4,"mode":"debug","runner":"big","strict":true,"title":"of octo/hello"}"#);
    let github = &described.contexts["github"];
    assert_eq!(
        (&github["workflow"], &github["job"]),
        (&"CI".into(), &"compile".into())
    );
    assert_eq!(described.contexts["needs"], serde_json::json!({}));
    assert_eq!(described.contexts["vars"]["LINK"], "yes");
    // `env` of the caller is not passed on.
    let names: Vec<&str> = described
        .env
        .iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["OWN", "TOKEN"]);
    insta::assert_snapshot!(serde_json::to_string(&described.secrets).unwrap(), @r#"[{"contexts":{"inputs":{},"matrix":{"mode":"debug"},"needs":{"setup":{"outputs":{"os":"big"},"result":"success"}},"strategy":{"fail-fast":true,"job-index":0,"job-total":2,"max-parallel":2}},"values":{"token":"${{ secrets.DEPLOY }}-${{ matrix.mode }}"}}]"#);
    // The runner's name is what a step has put out: nobody vouches for the inputs of this call.
    assert!(!described.own_inputs);
}

#[test]
fn outputs_are_made_of_those_of_the_jobs_and_legs_come_together() {
    let mut world = built();
    let jobs: Vec<String> = call(&mut world, "build")
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    let links: Vec<&String> = jobs.iter().filter(|key| key.ends_with("/link")).collect();
    let world = world.ended(links[0], NeedsResult::Success, &[("file", "one")]);
    let world = world.ended(links[1], NeedsResult::Success, &[("file", "two")]);
    // The later leg of the matrix wins, wherever its key stands.
    let calls = &world.results["build"].calls;
    let last = calls.last().unwrap().job(&key("link")).unwrap();
    let file = &world.results[&last].outputs["file"];
    assert_eq!(world.legs("publish")[0].runs_on, [format!("{file} release")]);
}

#[test]
fn a_call_whose_condition_is_false_is_one_skipped_job() {
    let world = world(CALLER, &[(BUILD, CALLEE)]).ended("setup", NeedsResult::Failure, &[]);
    let expanded = world.expand("build").unwrap();
    let Expansion::Skipped { reason, name } = expanded else {
        panic!("{expanded:?}")
    };
    assert_eq!(
        (reason.as_str(), name.as_str()),
        ("it needs `setup`, which failed", "CI / Build")
    );
    // The jobs of a call ask for those of their own file alone.
    let text = CALLER.replace("    name: Build\n", "    if: always()\n");
    let mut world = self::world(&text, &[(BUILD, CALLEE)]).ended("setup", NeedsResult::Failure, &[]);
    let jobs = call(&mut world, "build");
    // Its label is empty: that is what stops it, and nothing else.
    insta::assert_snapshot!(world.wrong(&jobs[0].0), @"
    .github/workflows/build.yml:20:15: a label of `runs-on` must not be empty
    20 |     runs-on: ['${{ inputs.runner }}']
       |               ^^^^^^^^^^^^^^^^^^^^^^
    ");
}

const MIDDLE: &str = r"
on:
  workflow_call:
    inputs: {who: {type: string}}
    secrets: {a: {}, b: {}}
    outputs: {said: {value: '${{ jobs.inner.outputs.said }}'}}
jobs:
  inner:
    uses: ./.github/workflows/inner.yml
    with: {who: '${{ inputs.who }} and you', loud: '${{ inputs.who == ''me'' }}'}
    secrets: {c: '${{ secrets.a }}${{ secrets.b }}'}
";
const INNER: &str = r"
on:
  workflow_call:
    inputs: {who: {type: string}, loud: {type: boolean}}
    secrets: {c: {required: true}}
    outputs: {said: {value: '${{ jobs.say.outputs.text }}!'}}
jobs:
  say:
    runs-on: linux
    outputs: {text: x}
    steps: [run: make]
";
const OUTER: &str = r"
name: CI
on: push
jobs:
  outer:
    uses: octo/shared/.github/workflows/middle.yml@v1
    with: {who: me}
    secrets: inherit
  after:
    needs: outer
    runs-on: ${{ needs.outer.outputs.said }}
    steps: [run: make]
";
const SHARED: [(&str, &str); 2] = [
    ("octo/shared/.github/workflows/middle.yml@v1", MIDDLE),
    ("octo/shared/.github/workflows/inner.yml@v1", INNER),
];

#[test]
fn calls_go_through_files_of_another_repository() {
    let mut world = world(OUTER, &SHARED);
    assert_eq!(call(&mut world, "outer")[0].0, "outer/inner");
    assert_eq!(call(&mut world, "outer/inner")[0].0, "outer/inner/say");
    assert_eq!(world.names("outer/inner/say"), ["CI / outer / inner / say"]);
    let described = described(&world, "outer/inner/say");
    assert_eq!(
        described.contexts["inputs"],
        serde_json::json!({"who": "me and you", "loud": true})
    );
    // `inherit` is no layer.
    assert_eq!(described.secrets.len(), 1);
    assert_eq!(
        described.secrets[0].values["c"],
        "${{ secrets.a }}${{ secrets.b }}"
    );
    let world = world.ended("outer/inner/say", NeedsResult::Success, &[("text", "hi")]);
    assert_eq!(world.legs("after")[0].runs_on, ["hi!"]);
}

/// GitHub docs: `inherit` works within an organisation; what is named goes anywhere.
#[test]
fn secrets_are_inherited_within_one_owner_only() {
    let caller = |target: &str, secrets: &str| {
        format!("on: push\njobs:\n  a:\n    uses: {target}\n    secrets: {secrets}\n")
    };
    let callee = "on: {workflow_call: {secrets: {t: {}}}}\njobs: {b: {runs-on: x, steps: [run: y]}}\n";
    let theirs = "else/shared/.github/workflows/b.yml@v1";
    let files = [
        (BUILD, callee),
        (theirs, callee),
        ("Octo/shared/.github/workflows/b.yml@v1", callee),
    ];
    for (target, secrets) in [
        ("./.github/workflows/build.yml", "inherit"),
        ("Octo/shared/.github/workflows/b.yml@v1", "inherit"),
        (theirs, "{t: x}"),
        (theirs, "{}"),
    ] {
        assert!(
            link(&caller(target, secrets), &files).is_ok(),
            "{target} {secrets}"
        );
    }
    insta::assert_snapshot!(wrong(&caller(theirs, "inherit"), &files), @"
    .checkmill/workflows/ci.yml:5:14: `secrets: inherit` can't pass the secrets of `octo` to a workflow of `else`
    5 |     secrets: inherit
      |              ^^^^^^^
      = help: name each secret that it needs, such as `TOKEN: ${{ secrets.TOKEN }}`
    ");

    // Another owner's workflow may inherit in its own house what it was given, and hands nothing on to a third.
    let middle = |to: &str| {
        format!(
            "on: workflow_call\njobs: {{b: {{uses: {to}/.github/workflows/c.yml@v1, secrets: inherit}}}}\n"
        )
    };
    let outer = caller("else/shared/.github/workflows/m.yml@v1", "{}");
    for (to, is_sound) in [
        ("else/other", true),
        ("third/other", false),
        ("octo/hello", false),
    ] {
        let inner = format!("{to}/.github/workflows/c.yml@v1");
        let files = [
            ("else/shared/.github/workflows/m.yml@v1", &*middle(to)),
            (&*inner, callee),
        ];
        assert_eq!(link(&outer, &files).is_ok(), is_sound, "{to}");
    }
}

#[test]
fn a_called_job_may_do_no_more_than_its_caller() {
    let permissions = |caller: &str, callee: &str| {
        let caller = format!("on: push\njobs: {{a: {{{caller} uses: ./{BUILD}}}}}\n");
        let callee = format!("on: workflow_call\njobs: {{b: {{{callee} runs-on: x, steps: [run: y]}}}}\n");
        link(&caller, &[(BUILD, &callee)])
            .map(|linked| linked.permissions(&key("a/b")).unwrap())
            .map_err(|wrong| wrong.as_slice()[0].message.clone())
    };
    let of = |names: &[(&str, Access)]| {
        TokenPermissions(
            names
                .iter()
                .map(|(name, access)| ((*name).to_owned(), *access))
                .collect(),
        )
    };
    for (caller, callee, expected) in [
        ("", "", of(&[("contents", Access::Read)])),
        ("", "permissions: {},", of(&[])),
        (
            "permissions: {contents: write, issues: write},",
            "",
            of(&[("contents", Access::Write), ("issues", Access::Write)]),
        ),
        (
            "permissions: {contents: write, issues: write},",
            "permissions: {issues: read, checks: read},",
            of(&[("issues", Access::Read)]),
        ),
    ] {
        assert_eq!(permissions(caller, callee), Ok(expected), "{caller} {callee}");
    }
    insta::assert_snapshot!(permissions("", "permissions: {pull-requests: write},").unwrap_err(), @"the job `b` of `.github/workflows/build.yml` asks for `pull-requests: write`, which the job `a` that calls it does not grant");
}

#[test]
fn what_a_caller_gives_is_compared_with_what_is_declared() {
    let caller = r"
on: push
jobs:
  build:
    uses: ./.github/workflows/build.yml
    with:
      mod: debug
      jobs: '4'
      strict: 1
    secrets:
      tokens: x
";
    insta::assert_snapshot!(wrong(caller, &[(BUILD, CALLEE)]), @"
    .checkmill/workflows/ci.yml:5:11: the job `build` does not give the input `runner`, which `.github/workflows/build.yml` requires
    5 |     uses: ./.github/workflows/build.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: add `runner` under `with`

    .checkmill/workflows/ci.yml:5:11: the job `build` does not give the secret `token`, which `.github/workflows/build.yml` requires
    5 |     uses: ./.github/workflows/build.yml
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: add `token` under `secrets`, or write `secrets: inherit`

    .checkmill/workflows/ci.yml:7:7: `.github/workflows/build.yml` has no input `mod`
    7 |       mod: debug
      |       ^^^
      = help: did you mean `mode`?

    .checkmill/workflows/ci.yml:8:13: the input `jobs` of `.github/workflows/build.yml` must be a number, not a text
    8 |       jobs: '4'
      |             ^^^
      = help: write digits without quotes

    .checkmill/workflows/ci.yml:9:15: the input `strict` of `.github/workflows/build.yml` must be `true` or `false`, not a number
    9 |       strict: 1
      |               ^
      = help: write it without quotes

    .checkmill/workflows/ci.yml:11:7: `.github/workflows/build.yml` has no secret `tokens`
    11 |       tokens: x
       |       ^^^^^^
      = help: did you mean `token`?
    ");
}

#[test]
fn a_file_that_can_not_be_called() {
    let caller = "on: push\njobs: {a: {uses: ./.github/workflows/build.yml}}\n";
    insta::assert_snapshot!(wrong(caller, &[(BUILD, "on: push\njobs: {b: {runs-on: x, steps: [run: y]}}\n")]), @"
    .checkmill/workflows/ci.yml:2:18: `.github/workflows/build.yml` can't be called: its `on` does not name `workflow_call`
    2 | jobs: {a: {uses: ./.github/workflows/build.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: add `workflow_call:` to its `on`
    ");
    insta::assert_snapshot!(wrong(caller, &[]), @"
    .checkmill/workflows/ci.yml:2:18: `./.github/workflows/build.yml` can't be called: there is no such file
    2 | jobs: {a: {uses: ./.github/workflows/build.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    let broken = "on: workflow_call\njobs: {b: {runs-on: x, stepps: [run: y]}}\n";
    insta::assert_snapshot!(wrong(caller, &[(BUILD, broken)]), @"
    .checkmill/workflows/ci.yml:2:18: the job `a` calls `./.github/workflows/build.yml`, which has mistakes
    2 | jobs: {a: {uses: ./.github/workflows/build.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .github/workflows/build.yml:2:8: the job `b` has no `steps`
    2 | jobs: {b: {runs-on: x, stepps: [run: y]}}
      |        ^
      = help: a job needs at least one step, such as `- run: make test`

    .github/workflows/build.yml:2:24: unknown key `stepps` in the job `b`
    2 | jobs: {b: {runs-on: x, stepps: [run: y]}}
      |                        ^^^^^^
      = help: did you mean `steps`?
    ");
    let remote = caller.replace("./", "octo/shared/").replace("yml", "yml@v1");
    let shared = (
        "octo/shared/.github/workflows/build.yml@v1",
        "on: workflow_call\njobs: {b: {runs-on: x, steps: [run: y]}}\n",
    );
    let refused = |rule: AllowedActions| {
        let linked = link_with(&remote, &[shared], &rule).map(|_| ());
        linked.map_err(|wrong| wrong.as_slice()[0].message.clone())
    };
    let only = |pattern: &str| AllowedActions::Only(vec![pattern.to_owned()]);
    insta::assert_snapshot!(refused(AllowedActions::Builtin).unwrap_err(), @"the repository's policy does not allow the workflow `octo/shared/.github/workflows/build.yml@v1`");
    assert!(refused(only("octo/other")).is_err());
    for rule in [
        AllowedActions::All,
        only("octo/*"),
        only("octo/shared"),
        only("octo/shared@v1"),
    ] {
        assert_eq!(refused(rule), Ok(()));
    }
}

fn calls(name: &str) -> String {
    format!("on: [push, workflow_call]\njobs: {{a: {{uses: ./.github/workflows/{name}.yml}}}}\n")
}

#[test]
fn circles() {
    let a = ".github/workflows/a.yml";
    insta::assert_snapshot!(wrong(&calls("a"), &[(a, &calls("a"))]), @"
    .github/workflows/a.yml:2:18: the workflow `.github/workflows/a.yml` calls itself
    2 | jobs: {a: {uses: ./.github/workflows/a.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove one of the `uses`
    ");
    let b = ".github/workflows/b.yml";
    insta::assert_snapshot!(wrong(&calls("a"), &[(a, &calls("b")), (b, &calls("a"))]), @"
    .github/workflows/b.yml:2:18: the workflows call each other in a circle: `.github/workflows/a.yml` → `.github/workflows/b.yml` → `.github/workflows/a.yml`
    2 | jobs: {a: {uses: ./.github/workflows/a.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove one of the `uses`
    ");
    let own = format!("on: [push, workflow_call]\njobs: {{a: {{uses: ./{PATH}}}}}\n");
    insta::assert_snapshot!(wrong(&own, &[]), @"
    .checkmill/workflows/ci.yml:2:18: the workflow `.checkmill/workflows/ci.yml` calls itself
    2 | jobs: {a: {uses: ./.checkmill/workflows/ci.yml}}
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove one of the `uses`
    ");
}

#[test]
fn levels_and_numbers_have_limits() {
    let leaf = "on: workflow_call\njobs: {b: {runs-on: x, steps: [run: y]}}\n".to_owned();
    let chain = |levels: usize| {
        let texts = (1..levels).map(|n| {
            if n + 1 == levels {
                leaf.clone()
            } else {
                calls(&format!("f{}", n + 1))
            }
        });
        let files: Vec<(String, String)> = texts
            .enumerate()
            .map(|(n, text)| (format!(".github/workflows/f{}.yml", n + 1), text))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        link(&calls("f1"), &files)
            .map(|_| ())
            .map_err(|wrong| wrong.summary())
    };
    assert_eq!(chain(limits::WORKFLOW_LEVELS), Ok(()));
    insta::assert_snapshot!(chain(limits::WORKFLOW_LEVELS + 1).unwrap_err(), @".github/workflows/f9.yml:2:18: at most 10 levels of workflows can call each other");
    let many = |number: usize| {
        let jobs: String = (0..number)
            .map(|n| format!("  j{n}: {{uses: ./.github/workflows/f{n}.yml}}\n"))
            .collect();
        let paths: Vec<String> = (0..number)
            .map(|n| format!(".github/workflows/f{n}.yml"))
            .collect();
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), leaf.as_str())).collect();
        let linked = link(&format!("on: push\njobs:\n{jobs}"), &files);
        linked.map(|_| ()).map_err(|wrong| wrong.summary())
    };
    assert_eq!(many(limits::CALLED_WORKFLOWS), Ok(()));
    insta::assert_snapshot!(many(limits::CALLED_WORKFLOWS + 1).unwrap_err(), @".checkmill/workflows/ci.yml:53:15: a workflow can call at most 50 different workflows, directly and through others");
}

#[test]
fn a_value_of_the_wrong_type_is_found_before_any_job_begins() {
    let text = CALLER.replace("jobs: 4", "jobs: ${{ needs.setup.outputs.os }}");
    let world = world(&text, &[(BUILD, CALLEE)]).ended("setup", NeedsResult::Success, &[("os", "big")]);
    insta::assert_snapshot!(world.wrong("build"), @"
    .checkmill/workflows/ci.yml:20:13: the input `jobs` of `.github/workflows/build.yml` must be a number, and is a text
    20 |       jobs: ${{ needs.setup.outputs.os }}
       |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: a variable or an output is a text; make another value of it with `fromJSON` or `==`
    ");
    assert_eq!(world.workflow.decided_later(&key("build")), [LaterKey::With]);
}

#[test]
fn what_an_outsider_wrote_stays_so_in_a_called_workflow() {
    let callee = "on: {workflow_call: {inputs: {x: {type: string, default: '${{ github.head_ref }}'}}}}\n\
                  jobs: {b: {runs-on: x, steps: [run: y]}}\n";
    for (with, own) in [
        ("with: {x: literal}", true),
        ("with: {x: '${{ github.sha }}'}", true),
        ("with: {x: '${{ github.event.pull_request.title }}'}", false),
        ("with: {x: '${{ inputs.title }}'}", false),
        ("", false),
    ] {
        let comma = if with.is_empty() { "" } else { ", " };
        let caller = format!("on: pull_request\njobs: {{a: {{uses: ./{BUILD}{comma}{with}}}}}\n");
        let linked = link(&caller, &[(BUILD, callee)]).unwrap();
        let mut world = World::of(linked, &pull_request("opened", "main"));
        call(&mut world, "a");
        assert_eq!(described(&world, "a/b").own_inputs, own, "{with}");
    }
}

/// A title beside it takes nothing from the caller's own words, and lends nothing to what is made of it.
#[test]
fn each_input_is_judged_by_itself() {
    let callee = "on: {workflow_call: {inputs: {Command: {type: string}, title: {type: string},\n\
                  made: {type: string, default: '${{ inputs.title }}'}, own: {type: string, default: '${{ inputs.command }}'},\n\
                  all: {type: string, default: '${{ toJSON(inputs) }}'}}}}\n\
                  jobs: {b: {runs-on: x, steps: [run: y]}}\n";
    let own = |caller: &str, middle: &str, job: &str| {
        let files = [(BUILD, callee), (".github/workflows/middle.yml", middle)];
        let linked = link(caller, &files).unwrap_or_else(|wrong| panic!("{wrong}"));
        let mut world = World::of(linked, &pull_request("opened", "main"));
        let mut calls = job.match_indices('/').map(|(at, _)| &job[..at]);
        calls.by_ref().for_each(|at| drop(call(&mut world, at)));
        let described = described(&world, job);
        let names: Vec<String> = described.own_input_names.into_iter().collect();
        (described.own_inputs, names.join(" "))
    };
    let title = "${{ github.event.pull_request.title }}";
    let caller =
        |with: &str| format!("on: pull_request\njobs: {{a: {{uses: ./{BUILD}, with: {{{with}}}}}}}\n");
    let given = caller(&format!("command: make, title: '{title}'"));
    assert_eq!(own(&given, "", "a/b"), (false, "command own".to_owned()));
    assert_eq!(
        own(&caller("command: make, title: x"), "", "a/b"),
        (true, String::new())
    );

    // Through a workflow between them.
    let middle = format!(
        "on: {{workflow_call: {{inputs: {{x: {{type: string}}, y: {{type: string}}}}}}}}\n\
         jobs: {{m: {{uses: ./{BUILD}, with: {{command: '${{{{ inputs.Y }}}}', title: '${{{{ inputs.x }}}}'}}}}}}\n"
    );
    let outer = format!(
        "on: pull_request\njobs: {{a: {{uses: ./.github/workflows/middle.yml, with: {{x: '{title}', y: make}}}}}}\n"
    );
    assert_eq!(own(&outer, &middle, "a/m/b"), (false, "command own".to_owned()));
}

#[test]
fn the_syntax_of_calls() {
    let caller = r"
on: push
jobs:
  a:
    uses: ./.github/workflows/build.yml@v1
    runs-on: linux
    steps: [run: make]
    with: {x: [1], y: '${{ secrets.A }}', X: 1}
    secrets: all
  b:
    uses: actions/checkout@v4
    secrets: {a: '${{ steps.x }}'}
  c:
    runs-on: linux
    with: {x: 1}
    steps: [run: make]
";
    insta::assert_snapshot!(crate::support::wrong(caller), @"
    .checkmill/workflows/ci.yml:5:11: the job `a` uses `./.github/workflows/build.yml@v1`, which is a file of this repository at a ref
    5 |     uses: ./.github/workflows/build.yml@v1
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: remove `@` and what follows; a file of the same repository is of the same commit

    .checkmill/workflows/ci.yml:6:5: `runs-on` can't stand beside `uses`
    6 |     runs-on: linux
      |     ^^^^^^^
      = help: the workflow that is called has its own; remove one of the two

    .checkmill/workflows/ci.yml:7:5: `steps` can't stand beside `uses`
    7 |     steps: [run: make]
      |     ^^^^^
      = help: the workflow that is called has its own; remove one of the two

    .checkmill/workflows/ci.yml:8:15: `x` must be a text, not a list
    8 |     with: {x: [1], y: '${{ secrets.A }}', X: 1}
      |               ^

    .checkmill/workflows/ci.yml:8:28: the context `secrets` can't be used in `jobs.<job_id>.with.<with_id>`
    8 |     with: {x: [1], y: '${{ secrets.A }}', X: 1}
      |                            ^^^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, inputs

    .checkmill/workflows/ci.yml:8:43: the input `X` is there already; upper and lower case are the same here
    8 |     with: {x: [1], y: '${{ secrets.A }}', X: 1}
      |                                           ^

    .checkmill/workflows/ci.yml:9:14: `secrets` must be `inherit` or a mapping, not a text
    9 |     secrets: all
      |              ^^^
      = help: such as `TOKEN: ${{ secrets.TOKEN }}` below it

    .checkmill/workflows/ci.yml:11:11: the job `b` uses `actions/checkout@v4`, which is no workflow file
    11 |     uses: actions/checkout@v4
       |           ^^^^^^^^^^^^^^^^^^^
      = help: write `./.github/workflows/FILE.yml`, or `owner/repository/.github/workflows/FILE.yml@ref` for another repository's

    .checkmill/workflows/ci.yml:12:23: the context `steps` can't be used in `jobs.<job_id>.secrets.<secrets_id>`
    12 |     secrets: {a: '${{ steps.x }}'}
       |                       ^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, secrets, inputs

    .checkmill/workflows/ci.yml:15:5: `with` of a job goes with `uses`
    15 |     with: {x: 1}
       |     ^^^^
      = help: name the workflow to call with `uses`, or move it to a step
    ");
    let callee = r"
on:
  workflow_call:
    inputs:
      a: {}
      b: {type: choice}
      c: {type: number, default: x}
      d: {type: boolean, default: '${{ needs.x }}'}
      e: {type: string, options: [x]}
    secrets:
      s: {required: 1}
    outputs:
      o: {}
      p: {value: '${{ needs.x.outputs.y }}'}
jobs: {a: {runs-on: x, steps: [run: y]}}
";
    insta::assert_snapshot!(crate::support::wrong(callee), @"
    .checkmill/workflows/ci.yml:5:7: the input `a` has no `type`
    5 |       a: {}
      |       ^
      = help: the types are string, boolean and number

    .checkmill/workflows/ci.yml:6:17: `choice` is not a type of an input of `workflow_call`
    6 |       b: {type: choice}
      |                 ^^^^^^
      = help: the types are string, boolean and number

    .checkmill/workflows/ci.yml:7:34: the default of the input `c` must be a number, not a text
    7 |       c: {type: number, default: x}
      |                                  ^
      = help: write digits without quotes

    .checkmill/workflows/ci.yml:8:40: the context `needs` can't be used in `on.workflow_call.inputs.<inputs_id>.default`
    8 |       d: {type: boolean, default: '${{ needs.x }}'}
      |                                        ^^^^^
      = help: the contexts here are github, inputs, vars

    .checkmill/workflows/ci.yml:9:25: unknown key `options` in the input `e`
    9 |       e: {type: string, options: [x]}
      |                         ^^^^^^^
      = help: the keys here are `description`, `required`, `default` and `type`

    .checkmill/workflows/ci.yml:11:21: `required` must be `true` or `false`, not a number
    11 |       s: {required: 1}
       |                     ^

    .checkmill/workflows/ci.yml:13:7: the output `o` has no `value`
    13 |       o: {}
       |       ^
      = help: such as `value: ${{ jobs.build.outputs.version }}`

    .checkmill/workflows/ci.yml:14:23: the context `needs` can't be used in `on.workflow_call.outputs.<output_id>.value`
    14 |       p: {value: '${{ needs.x.outputs.y }}'}
       |                       ^^^^^
      = help: the contexts here are github, jobs, vars, inputs
    ");
}

#[test]
fn outputs_that_a_called_workflow_does_not_have() {
    let text = CALLER.replace("outputs.artifact", "outputs.artefact");
    let found = link(&text, &[(BUILD, CALLEE)]).unwrap().unknown_outputs();
    assert_eq!(found.len(), 1);
    insta::assert_snapshot!(found[0], @"
    .checkmill/workflows/ci.yml:25:18: warning: `.github/workflows/build.yml`, which `build` calls, has no output `artefact`
    25 |     runs-on: ${{ needs.build.outputs.artefact }}
       |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `artifact`?
    ");
    assert_eq!(link(CALLER, &[(BUILD, CALLEE)]).unwrap().unknown_outputs(), []);
    insta::assert_snapshot!(
        checkmill_workflow::lint(BUILD, &CALLEE.replace("jobs.link", "jobs.lnk").replace("inputs.mode", "inputs.mood")).unwrap(),
        @"
    .github/workflows/build.yml:16:20: warning: the workflow has no job `lnk`
    16 |         value: ${{ jobs.lnk.outputs.file }} ${{ inputs.mood }}
       |                    ^^^^^^^^^^^^^^^^^^^^^
      = help: did you mean `link`?

    .github/workflows/build.yml:16:49: warning: the workflow declares no input `mood`
    16 |         value: ${{ jobs.lnk.outputs.file }} ${{ inputs.mood }}
       |                                                 ^^^^^^^^^^^
      = help: declare it under `inputs` of `on.workflow_dispatch` or `on.workflow_call`

    .github/workflows/build.yml:25:24: note: `inputs.mood` can be text that an outsider chooses, and stands in a script
    25 |     steps: [run: 'make ${{ inputs.mood }}']
       |                        ^^^^^^^^^^^^^^^^^^
      = help: set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds

    .github/workflows/build.yml:25:28: warning: the workflow declares no input `mood`
    25 |     steps: [run: 'make ${{ inputs.mood }}']
       |                            ^^^^^^^^^^^
      = help: declare it under `inputs` of `on.workflow_dispatch` or `on.workflow_call`

    .github/workflows/build.yml:29:20: warning: the workflow declares no input `mood`
    29 |     name: Link ${{ inputs.mood }} with ${{ inputs.jobs }}
       |                    ^^^^^^^^^^^
      = help: declare it under `inputs` of `on.workflow_dispatch` or `on.workflow_call`
    "
    );
}

#[test]
fn a_file_is_started_by_its_other_events_only() {
    use checkmill_workflow::{Match, matches};
    let jobs = "jobs: {b: {runs-on: x, steps: [run: y]}}\n";
    let only = workflow(&format!("on: workflow_call\n{jobs}"));
    let event = push("refs/heads/main");
    assert_eq!(
        matches(&only, &event, None),
        Match::No("`on` does not name `push`".to_owned())
    );
    let both = workflow(&format!("on: [push, workflow_call]\n{jobs}"));
    assert_eq!(matches(&both, &event, None), Match::Yes);
}

#[test]
fn references_are_listed_once() {
    let text =
        "on: push\njobs: {a: {uses: ./.github/workflows/x.yml}, b: {uses: ./.github/workflows/x.yml}}\n";
    let reference: WorkflowReference = "./.github/workflows/x.yml".parse().unwrap();
    assert_eq!(workflow(text).calls(), [&reference]);
    let json = serde_json::to_value(&reference).unwrap();
    assert_eq!(json, Value::from("./.github/workflows/x.yml"));
}

#[test]
fn a_call_is_in_the_groups_of_who_calls_and_of_what_is_called() {
    let caller = "
on: push
jobs:
  call:
    strategy: {matrix: {n: [1, 2]}}
    concurrency: {group: 'caller-${{ matrix.n }}', cancel-in-progress: true}
    uses: ./.github/workflows/build.yml
    with: {mode: 'm${{ matrix.n }}'}
";
    let callee = "
on: {workflow_call: {inputs: {mode: {type: string}}}}
concurrency: callee-${{ inputs.mode }}
jobs:
  one: {runs-on: x, concurrency: 'one-${{ inputs.mode }}', steps: [run: y]}
";
    let world = world(caller, &[(BUILD, callee)]);
    let Ok(Expansion::Calls {
        concurrency, calls, ..
    }) = world.expand("call")
    else {
        panic!("it calls")
    };
    let groups = calls.iter().map(|call| {
        let groups = concurrency[call].iter();
        groups
            .map(|of| (of.group.clone(), of.cancel_in_progress))
            .collect::<Vec<_>>()
    });
    let expected = |n: u8| vec![(format!("caller-{n}"), true), (format!("callee-m{n}"), false)];
    assert_eq!(groups.collect::<Vec<_>>(), [expected(1), expected(2)]);
    let one = calls[1].job(&key("one")).unwrap();
    let legs = world.legs(one.as_str());
    assert_eq!(legs[0].concurrency.as_ref().unwrap().group, "one-m2");
}

/// GitHub docs: in a called workflow `github` is the caller's, and `job.workflow_*` the called one's own.
#[test]
fn a_job_knows_the_workflow_file_that_it_is_in() {
    let caller = "on: push\njobs: {a: {uses: octo/shared/.github/workflows/a.yml@v1}}\n";
    let called = "on: workflow_call\njobs: {b: {runs-on: x, steps: [run: y]}}\n";
    let rule = AllowedActions::All;
    let mut linker = Linker::new(workflow(caller), &rule).of_owner("octo");
    for uses in linker.wanted() {
        linker.give(uses.clone(), Called::Text(called.to_owned()));
        linker.at_commit(&uses, crate::support::sha('9'));
    }
    let mut world = World::of(linker.link().unwrap(), &push("refs/heads/main"));
    call(&mut world, "a");
    let contexts = described(&world, "a/b").contexts;
    let here = format!("octo/hello/{PATH}@refs/heads/main");
    assert_eq!(contexts["github"]["workflow_ref"], here.as_str());
    assert_eq!(
        contexts["job"],
        serde_json::json!({
            "workflow_repository": "octo/shared",
            "workflow_file_path": ".github/workflows/a.yml",
            "workflow_ref": "octo/shared/.github/workflows/a.yml@v1",
            "workflow_sha": "9".repeat(40),
        })
    );
}
