//! `.lightning/workflows`: every form of every key, as Borda/GH-app-bot has it, and the mistakes.

use crate::support::{LIGHTNING, World, dispatch, event, lightning, pull_request, push, sha};
use checkmill_core::event::{EventKind, GitRef, Push};
use checkmill_workflow::{Match, matches, parse};

/// What an event does with a file, in one word, and the check that says why not.
fn decides(text: &str, event: &checkmill_core::Event) -> String {
    match matches(&lightning(text), event, None) {
        Match::Yes => "runs".to_owned(),
        Match::No(_) => "silent".to_owned(),
        Match::Skipped { check, .. } => format!("skipped: {check}"),
        Match::NeedsChangedFiles => panic!("there are no path filters"),
    }
}

fn wrong(text: &str) -> String {
    let wrong = parse(LIGHTNING, text).map(|_| ()).expect_err("the file is wrong");
    wrong.to_string()
}

/// With this `trigger`: a push to main, a push to dev, a pull request onto main, one onto dev.
#[test]
fn triggers_in_all_their_forms() {
    let runs = ["runs", "runs", "runs", "runs"];
    let pushes = ["runs", "runs", "silent", "silent"];
    let push_main = ["runs", "skipped: ci.yml / Lit Job [push]", "silent", "silent"];
    let pulls_main = [
        "silent",
        "silent",
        "runs",
        "skipped: ci.yml / Lit Job [pull_request]",
    ];
    for (trigger, expected) in [
        ("", runs),
        ("trigger:", runs),
        ("trigger: []", runs),
        ("trigger: {}", runs),
        ("trigger: ''", runs),
        ("trigger: [push, pull_request]", runs),
        ("trigger: {push: , pull_request: {}}", runs),
        ("trigger: push", pushes),
        ("trigger: [push]", pushes),
        ("trigger: {push: null}", pushes),
        ("trigger: {push: {}}", pushes),
        ("trigger: {push: {branches: []}}", pushes),
        ("trigger: {push: {branches: }}", pushes),
        ("trigger: [push, check_run, release]", pushes),
        ("trigger: {push: {branches: [main]}}", push_main),
        ("trigger: {push: {branches: main}}", push_main),
        ("trigger: {push: {branches: ['m*n']}}", push_main),
        ("trigger: {push: {branches: ['**', '!dev']}}", push_main),
        (
            "trigger: {pull_request: {branches: [main, 'release/**']}}",
            pulls_main,
        ),
        ("trigger: check_run", ["silent"; 4]),
        ("trigger: [release]", ["silent"; 4]),
    ] {
        let text = format!("{trigger}\nrun: make");
        let events = [
            push("refs/heads/main"),
            push("refs/heads/dev"),
            pull_request("opened", "main"),
            pull_request("opened", "dev"),
        ];
        let found: Vec<String> = events.iter().map(|event| decides(&text, event)).collect();
        assert_eq!(found, expected, "{trigger}");
    }
}

#[test]
fn names_of_branches_stay_names() {
    for (branches, branch, expected) in [
        ("[c++]", "c++", "runs"),
        ("[1.10]", "1.10", "runs"),
        ("[1.10]", "1.1", "skipped: ci.yml / Lit Job [push]"),
        ("[on, yes]", "yes", "runs"),
        ("[feature/x]", "feature/x", "runs"),
        ("[feature]", "feature/x", "skipped: ci.yml / Lit Job [push]"),
    ] {
        let text = format!("trigger: {{push: {{branches: {branches}}}}}\nrun: make");
        let found = decides(&text, &push(&format!("refs/heads/{branch}")));
        assert_eq!(found, expected, "{branches} {branch}");
    }
}

#[test]
fn other_events() {
    let every = "run: make";
    let main = "trigger: {push: {branches: [main]}, pull_request: }\nrun: make";
    for (text, event, expected) in [
        // A tag is no branch.
        (every, push("refs/tags/v1"), "runs"),
        (main, push("refs/tags/main"), "skipped: ci.yml / Lit Job [push]"),
        (main, pull_request("synchronize", "main"), "runs"),
        (main, pull_request("reopened", "main"), "runs"),
        (main, pull_request("ready_for_review", "main"), "runs"),
        (main, pull_request("labeled", "main"), "silent"),
        (main, pull_request("closed", "main"), "silent"),
        // For another file.
        (every, dispatch(&[]), "silent"),
    ] {
        assert_eq!(decides(text, &event), expected, "{text} {event:?}");
    }
    let deleted = event(EventKind::Push(Push {
        git_ref: GitRef::Branch("dev".to_owned()),
        before: Some(sha('1')),
        after: None,
        first: None,
        forced: false,
        message: String::new(),
    }));
    assert_eq!(decides(main, &deleted), "silent");
}

#[test]
fn a_skipped_check_names_file_event_branch_and_trigger() {
    let workflow = lightning("name: GPU\ntrigger: {push: {branches: [main, 'release/*']}}\nrun: make");
    let Match::Skipped { check, detail } = matches(&workflow, &push("refs/heads/dev"), None) else {
        panic!("it is skipped");
    };
    insta::assert_snapshot!(format!("{check}\n{detail}"), @"
    ci.yml / GPU [push]
    .lightning/workflows/ci.yml is not for this push: the branch `dev` does not match its trigger `branches: [main, release/*]`.
    ");
}

/// The names of the checks with this `parametrize`.
fn names(parametrize: &str) -> Vec<String> {
    let text = format!("name: T\nrun: make\n{parametrize}");
    World::lightning(&text).names("run")
}

#[test]
fn parameters_in_all_their_forms() {
    for (parametrize, expected) in [
        ("", &["ci.yml / T ()"][..]),
        ("parametrize:", &["ci.yml / T ()"]),
        ("parametrize: {}", &["ci.yml / T ()"]),
        (
            "parametrize: {matrix: {b: [1, 2], a: [x, y]}}",
            &[
                "ci.yml / T (1, x)",
                "ci.yml / T (1, y)",
                "ci.yml / T (2, x)",
                "ci.yml / T (2, y)",
            ],
        ),
        (
            "parametrize: {include: [{a: x}, {b: y, a: z}]}",
            &["ci.yml / T (x)", "ci.yml / T (y, z)"],
        ),
        // A new combination, where GitHub would add to the one that is there.
        (
            "parametrize: {matrix: {a: [x]}, include: [{a: x, b: y}]}",
            &["ci.yml / T (x)", "ci.yml / T (x, y)"],
        ),
        // Last, so that it takes included ones away too.
        (
            "parametrize: {matrix: {a: [x, y], b: [1, 2]}, include: [{a: z}, {a: x, c: 3}], exclude: [{a: x}, {b: 2, a: y}]}",
            &["ci.yml / T (y, 1)", "ci.yml / T (z)"],
        ),
        // Nothing is equal to what is not there.
        (
            "parametrize: {include: [{a: x}, {a: x, b: y}], exclude: [{b: null}]}",
            &["ci.yml / T (x, y)"],
        ),
        // Of another type, of another case: not equal.
        (
            "parametrize: {matrix: {a: [1, '1', x]}, exclude: [{a: '1'}, {a: X}]}",
            &["ci.yml / T (1)", "ci.yml / T (x)"],
        ),
        // As written.
        (
            "parametrize: {matrix: {python: [3.10, '3.9', 1.0, 0x1F, 1_000, true, True]}}",
            &[
                "ci.yml / T (3.10)",
                "ci.yml / T (3.9)",
                "ci.yml / T (1.0)",
                "ci.yml / T (0x1F)",
                "ci.yml / T (1_000)",
                "ci.yml / T (true)",
                "ci.yml / T (True)",
            ],
        ),
        (
            "parametrize: {include: [{a: 0, b: false, c: , d: '', e: [], f: {}, g: no, h: 'no', i: 0.0}]}",
            &["ci.yml / T (n/a, n/a, n/a, n/a, n/a, n/a, n/a, no, n/a)"],
        ),
        (
            "parametrize: {matrix: {a: [[1, x], {k: v}]}}",
            &["ci.yml / T ([1,\"x\"])", "ci.yml / T ({\"k\":\"v\"})"],
        ),
        // Equal ones run as often as they are there.
        (
            "parametrize: {matrix: {a: [x, x]}}",
            &["ci.yml / T (x)", "ci.yml / T (x)"],
        ),
        (
            "parametrize: {matrix: {name: [A, ''], n: [1]}}",
            &["ci.yml / A (A, 1)", "ci.yml / T (n/a, 1)"],
        ),
    ] {
        assert_eq!(names(parametrize), expected, "{parametrize}");
    }
}

#[test]
fn without_a_combination_nothing_runs_and_nothing_is_said() {
    for parametrize in [
        "{exclude: [{a: x}]}",
        "{matrix: {a: []}}",
        "{matrix: {a: [x], b: []}}",
        "{matrix: {}, include: []}",
        "{matrix: {a: [x]}, exclude: [{a: x}]}",
    ] {
        for trigger in ["push", "{push: {branches: [dev]}}"] {
            let text = format!("trigger: {trigger}\nrun: make\nparametrize: {parametrize}");
            let decided = matches(&lightning(&text), &push("refs/heads/main"), None);
            let expected = Match::No("its parameters leave no combination".to_owned());
            assert_eq!(decided, expected, "{parametrize}");
        }
    }
}

/// One leg's name, machine, minutes, image and whether it is interruptible.
fn leg(text: &str) -> String {
    let world = World::lightning(text);
    let legs = world.legs("run");
    let [leg] = legs.as_slice() else {
        panic!("one leg, not {}", legs.len());
    };
    let description = crate::lightning_plans::describe_leg(&world, &leg.leg);
    let image = description.container.map_or_else(String::new, |container| {
        let mark = if container.optional { " (default)" } else { "" };
        format!("{}{mark}", container.image)
    });
    format!(
        "{}: {} for {} s in {image}{}",
        leg.name,
        leg.runs_on.join("+"),
        leg.timeout.0 as f64 / 1000.0,
        if description.interruptible {
            ", interruptible"
        } else {
            ""
        },
    )
}

#[test]
fn settings_their_defaults_and_what_parameters_replace() {
    for (lines, expected) in [
        (
            "",
            "ci.yml / Lit Job (): CPU for 3600 s in ubuntu:22.04 (default)",
        ),
        (
            "name: \nmachine: \nimage: \ntimeout: \ninterruptible: \nmode: \nenv: \n",
            "ci.yml / Lit Job (): CPU for 3600 s in ubuntu:22.04 (default)",
        ),
        (
            "name: Test\nmachine: A100_X_8\nimage: ghcr.io/octo/image@sha256:0af\ntimeout: 0.5\ninterruptible: true",
            "ci.yml / Test (): A100_X_8 for 30 s in ghcr.io/octo/image@sha256:0af, interruptible",
        ),
        (
            "timeout: '90'",
            "ci.yml / Lit Job (): CPU for 5400 s in ubuntu:22.04 (default)",
        ),
        (
            "image: ubuntu:22.04",
            "ci.yml / Lit Job (): CPU for 3600 s in ubuntu:22.04",
        ),
        (
            "machine: my-own-type",
            "ci.yml / Lit Job (): my-own-type for 3600 s in ubuntu:22.04 (default)",
        ),
        (
            "parametrize: {include: [{machine: L4, image: x, timeout: 1, interruptible: yes}]}",
            "ci.yml / Lit Job (L4, x, 1, yes): L4 for 60 s in x, interruptible",
        ),
        // What counts as nothing replaces nothing.
        (
            "machine: L4\nimage: x\ntimeout: 1\ninterruptible: true\n\
             parametrize: {include: [{machine: '', image: , timeout: 0, interruptible: false}]}",
            "ci.yml / Lit Job (n/a, n/a, n/a, n/a): L4 for 60 s in x, interruptible",
        ),
        // A text says something, even `'false'`.
        (
            "interruptible: true\nparametrize: {include: [{interruptible: 'false'}]}",
            "ci.yml / Lit Job (false): CPU for 3600 s in ubuntu:22.04 (default)",
        ),
    ] {
        assert_eq!(leg(&format!("run: make\n{lines}")), expected, "{lines}");
    }
}

#[test]
fn words_for_interruptible() {
    let words = [
        ("true", true),
        ("True", true),
        ("'TRUE'", true),
        ("yes", true),
        ("Y", true),
        ("on", true),
        ("1", true),
        ("false", false),
        ("False", false),
        ("no", false),
        ("n", false),
        ("OFF", false),
        ("0", false),
    ];
    for (word, expected) in words {
        let found = leg(&format!("run: make\ninterruptible: {word}")).ends_with("interruptible");
        assert_eq!(found, expected, "{word}");
    }
}

#[test]
fn mistakes_are_shown_where_they_are() {
    insta::assert_snapshot!(wrong("nmae: x\ntriger: push\nrun:\n"), @"
    .lightning/workflows/ci.yml:1:1: `run` is missing
    1 | nmae: x
      | ^
      = help: it is the script that the job runs, such as `run: make test`

    .lightning/workflows/ci.yml:1:1: unknown key `nmae` in a workflow
    1 | nmae: x
      | ^^^^
      = help: did you mean `name`?

    .lightning/workflows/ci.yml:2:1: unknown key `triger` in a workflow
    2 | triger: push
      | ^^^^^^
      = help: did you mean `trigger`?
    ");
    insta::assert_snapshot!(wrong("trigger: [push, pul_request, {push: }]\nrun: make\n"), @"
    .lightning/workflows/ci.yml:1:17: unknown event `pul_request` in `trigger`
    1 | trigger: [push, pul_request, {push: }]
      |                 ^^^^^^^^^^^
      = help: did you mean `pull_request`?

    .lightning/workflows/ci.yml:1:30: an item of `trigger` must be the name of an event, not a mapping
    1 | trigger: [push, pul_request, {push: }]
      |                              ^
    ");
    insta::assert_snapshot!(
        wrong("trigger:\n  push: {branch: [main], branches: {a: b}}\n  pull_request: [main]\nrun: make\n"),
        @"
    .lightning/workflows/ci.yml:2:10: unknown key `branch` in `push`
    2 |   push: {branch: [main], branches: {a: b}}
      |          ^^^^^^
      = help: did you mean `branches`?

    .lightning/workflows/ci.yml:2:36: `branches` must be a list of names, not a mapping
    2 |   push: {branch: [main], branches: {a: b}}
      |                                    ^

    .lightning/workflows/ci.yml:3:17: `pull_request` must be a mapping, not a list
    3 |   pull_request: [main]
      |                 ^
    "
    );
    insta::assert_snapshot!(wrong("trigger: {push: {branches: ['!main']}}\nrun: make\n"), @"
    .lightning/workflows/ci.yml:1:28: `branches` names no branch that is wanted
    1 | trigger: {push: {branches: ['!main']}}
      |                            ^
      = help: `!` takes names away from those before it: begin with `'**'` for all branches
    ");
    insta::assert_snapshot!(
        wrong("run: make\nparametrize:\n  matrix:\n    env: [a]\n    b: c\n  include: [{run: x}, y]\n  exclude: [{}]\n  includes: []\n"),
        @"
    .lightning/workflows/ci.yml:4:5: `env` can't be a parameter
    4 |     env: [a]
      |     ^^^
      = help: use another name; the script sees parameters as environment variables

    .lightning/workflows/ci.yml:5:8: `b` of the matrix must be a list, not a text
    5 |     b: c
      |        ^

    .lightning/workflows/ci.yml:6:14: `run` can't be a parameter
    6 |   include: [{run: x}, y]
      |              ^^^
      = help: use another name; the script sees parameters as environment variables

    .lightning/workflows/ci.yml:6:23: an item of `include` must be a mapping, not a text
    6 |   include: [{run: x}, y]
      |                       ^

    .lightning/workflows/ci.yml:7:13: an item of `exclude` is empty
    7 |   exclude: [{}]
      |             ^

    .lightning/workflows/ci.yml:8:3: unknown key `includes` in `parametrize`
    8 |   includes: []
      |   ^^^^^^^^
      = help: did you mean `include`?
    "
    );
    insta::assert_snapshot!(
        wrong("run: make\nimage: 'a; rm -rf /'\nmachine: []\ntimeout: soon\ninterruptible: maybe\nmode: verbose\nenv: {a: [1], '=': 2}\n"),
        @"
    .lightning/workflows/ci.yml:2:8: `a; rm -rf /` is not an image reference
    2 | image: 'a; rm -rf /'
      |        ^^^^^^^^^^^^^
      = help: write it as `ubuntu:22.04` or `ghcr.io/owner/image:tag`

    .lightning/workflows/ci.yml:3:10: `machine` must be a text, not a list
    3 | machine: []
      |          ^

    .lightning/workflows/ci.yml:4:10: `timeout` must be a number of minutes, not a text
    4 | timeout: soon
      |          ^^^^

    .lightning/workflows/ci.yml:5:16: `interruptible` must be `true` or `false` (or yes, no, on, off, 1, 0), not a text
    5 | interruptible: maybe
      |                ^^^^^

    .lightning/workflows/ci.yml:6:7: `mode` can't be `verbose`
    6 | mode: verbose
      |       ^^^^^^^
      = help: it is one of `info` and `debug`

    .lightning/workflows/ci.yml:7:10: `a` must be a text, not a list
    7 | env: {a: [1], '=': 2}
      |          ^

    .lightning/workflows/ci.yml:7:15: `=` can't be the name of an environment variable
    7 | env: {a: [1], '=': 2}
      |               ^^^
    "
    );
    insta::assert_snapshot!(
        wrong("run: make\nparametrize:\n  matrix:\n    a: [1, 2]\n    timeout: [-1, 0, 5]\n    image: ['-v', ok]\n"),
        @"
    .lightning/workflows/ci.yml:5:15: `timeout` must be more than 0
    5 |     timeout: [-1, 0, 5]
      |               ^^

    .lightning/workflows/ci.yml:6:13: `-v` is not an image reference
    6 |     image: ['-v', ok]
      |             ^^^^
      = help: write it as `ubuntu:22.04` or `ghcr.io/owner/image:tag`
    "
    );
    insta::assert_snapshot!(wrong("- run: make\n"), @"
    .lightning/workflows/ci.yml:1:1: a workflow must be a mapping, not a list
    1 | - run: make
      | ^
    ");
    insta::assert_snapshot!(wrong(""), @"
    .lightning/workflows/ci.yml:1:1: the file is empty
    1 | 
      | ^
      = help: a workflow needs at least `run`
    ");
    insta::assert_snapshot!(wrong("run: make\n  x: ]"), @"
    .lightning/workflows/ci.yml:2:4: not valid YAML: mapping values are not allowed in this context
    2 |   x: ]
      |    ^
      = help: check the indentation; a text with `: ` in it must be quoted
    ");
}

#[test]
fn limits() {
    let axis = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let text = |a, b| {
        format!(
            "run: make\nparametrize: {{matrix: {{a: [{}], b: [{}]}}}}",
            axis(a),
            axis(b)
        )
    };
    assert_eq!(World::lightning(&text(16, 16)).names("run").len(), 256);
    insta::assert_snapshot!(wrong(&text(1, 257)).lines().next().unwrap_or_default(), @".lightning/workflows/ci.yml:2:14: the matrix has more than 256 legs");
    insta::assert_snapshot!(wrong(&text(200, 200)).lines().next().unwrap_or_default(), @".lightning/workflows/ci.yml:2:14: the matrix has more than 16384 combinations; at most 256 legs can run");
    let world = World::lightning("run: make\ntimeout: 7201\n");
    insta::assert_snapshot!(world.wrong("run"), @"
    .lightning/workflows/ci.yml:2:10: `timeout` is 7201, more than the 7200 that the policy allows
    2 | timeout: 7201
      |          ^^^^
      = help: ask for less, or raise `timeout-minutes-max` in .checkmill/config.yml
    ");
}
