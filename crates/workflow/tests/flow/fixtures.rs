//! Workflows as people write them.

use crate::support::{World, dispatch, event, key, pull_request, push};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::EventKind;
use checkmill_workflow::{Changed, Expansion, Match, matches, parse};

const RUST: &str = include_str!("../fixtures/rust.yml");
const MONOREPO: &str = include_str!("../fixtures/monorepo.yml");
const PYTHON: &str = include_str!("../fixtures/python.yaml");

#[test]
fn a_rust_project() {
    let world = World::new(RUST);
    let started = |git_ref: &str, files: &[&str]| {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        matches(
            &world.workflow,
            &push(git_ref),
            Some(Changed::Files {
                paths: &files,
                truncated: false,
            }),
        )
    };
    assert_eq!(started("refs/heads/main", &["src/a.rs"]), Match::Yes);
    assert_eq!(
        started("refs/heads/releases/1/x", &["README.md", "src/a.rs"]),
        Match::Yes
    );
    assert!(matches!(
        started("refs/heads/main", &["README.md", "docs/a/b.txt"]),
        Match::No(_)
    ));
    assert!(matches!(started("refs/heads/next", &["src/a.rs"]), Match::No(_)));
    assert_eq!(started("refs/tags/v1.20.3", &["README.md"]), Match::Yes);
    assert!(matches!(started("refs/tags/v1.20", &[]), Match::No(_)));

    assert_eq!(
        world.names("test"),
        [
            "Rust / Test (stable, linux)",
            "Rust / Test (stable, macos)",
            "Rust / Test (beta, linux)",
            "Rust / Test (nightly, linux)",
            "Rust / Test (nightly, macos)",
            "Rust / Test (1.95, linux)",
            "Rust / Test (1.95, macos)",
            "Rust / Test (stable, windows)",
        ]
    );
    let legs = world.legs("test");
    let may_fail: Vec<bool> = legs.iter().map(|leg| leg.continue_on_error).collect();
    assert_eq!(may_fail, [false, false, false, true, true, false, false, false]);
    assert_eq!(world.legs("lint")[0].runs_on, ["self-hosted", "linux", "x64"]);

    let world = world
        .ended("lint", NeedsResult::Success, &[])
        .ended("test", NeedsResult::Success, &[]);
    let Ok(Expansion::Skipped { reason, .. }) = world.expand("release") else {
        panic!("released from main")
    };
    assert_eq!(reason, "its `if: startsWith(github.ref, 'refs/tags/v')` is false");
    let tagged = World::with_event(RUST, &push("refs/tags/v1.0.0"))
        .ended("lint", NeedsResult::Success, &[])
        .ended("test", NeedsResult::Success, &[]);
    assert_eq!(tagged.names("release"), ["Rust / release"]);
}

#[test]
fn a_draft_is_not_tested() {
    let EventKind::PullRequest(mut pull) = pull_request("opened", "main").kind else {
        panic!("none")
    };
    pull.draft = true;
    let world = World::with_event(RUST, &event(EventKind::PullRequest(pull)));
    assert!(matches!(world.expand("lint"), Ok(Expansion::Skipped { .. })));
    let world = World::with_event(RUST, &pull_request("opened", "main"));
    assert_eq!(world.names("lint"), ["Rust / lint"]);
}

#[test]
fn a_repository_of_many_packages() {
    let deploy = r#"{"max-parallel": 1, "matrix": {"place": ["a", "b"], "runner": ["edge"]}}"#;
    let outputs = [("packages", r#"["core", "web"]"#), ("matrix", deploy)];
    let inputs = [("packages", "[]"), ("verbose", "true")];
    let world =
        World::with_event(MONOREPO, &dispatch(&inputs)).ended("changes", NeedsResult::Success, &outputs);
    assert_eq!(
        world.names("build"),
        ["Monorepo / build (core, quick)", "Monorepo / build (web, quick)"]
    );

    let world = world.ended("build", NeedsResult::Success, &[]);
    let Ok(Expansion::Legs {
        max_parallel, legs, ..
    }) = world.expand("deploy")
    else {
        panic!("not deployed")
    };
    assert_eq!(max_parallel, Some(1));
    assert_eq!(legs[1].name, "Monorepo / deploy (b, edge)");
    assert_eq!(legs[1].runs_on, ["edge"]);

    let world = world.ended("build", NeedsResult::Failure, &[]);
    assert!(matches!(world.expand("deploy"), Ok(Expansion::Skipped { .. })));
    let world = world.ended("deploy", NeedsResult::Skipped, &[]);
    assert_eq!(world.names("report"), ["Monorepo / report"]);
}

#[test]
fn nothing_changed() {
    let world = World::new(MONOREPO).ended("changes", NeedsResult::Success, &[("packages", "[]")]);
    assert!(matches!(world.expand("build"), Ok(Expansion::Skipped { .. })));
}

#[test]
fn a_python_project() {
    let world = World::new(PYTHON);
    let names = world.names("test");
    assert_eq!(names.len(), 7);
    assert_eq!(names[0], "Python / test (ubuntu-latest, 3.9)");
    assert_eq!(names[1], "Python / test (ubuntu-latest, 3.10)");
    assert_eq!(names[2], "Python / test (ubuntu-latest, 3.11)");
    assert!(!names.contains(&"Python / test (windows-latest, pypy3.10)".to_owned()));
}

#[test]
fn the_graph_is_that_of_the_file() {
    let workflow = parse(".checkmill/workflows/monorepo.yml", MONOREPO).unwrap();
    let graph = workflow.graph();
    assert_eq!(
        graph[&key("report")].needs,
        ["changes", "build", "deploy"].map(key)
    );
    let keys: Vec<&str> = workflow.keys().map(checkmill_core::JobKey::as_str).collect();
    assert_eq!(keys, ["changes", "build", "deploy", "report"]);
}
