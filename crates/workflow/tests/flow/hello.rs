//! The example that the README shows.

use crate::support::{PATH, World, dispatch, key, pull_request, push};
use checkmill_core::Millis;
use checkmill_core::conclusion::NeedsResult;
use checkmill_workflow::{Match, matches, parse};

const TEXT: &str = include_str!("../../../../examples/hello/.checkmill/workflows/ci.yml");

#[test]
fn it_is_read_and_started_by_its_events() {
    let workflow = parse(PATH, TEXT).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(workflow.name(), "Hello");
    for event in [
        push("refs/heads/main"),
        push("refs/heads/a/b"),
        pull_request("opened", "main"),
        dispatch(&[]),
    ] {
        assert_eq!(matches(&workflow, &event, None), Match::Yes, "{:?}", event.kind);
    }
    let tag = Match::No("`push` has filters for branches only, and `v1` is a tag".to_owned());
    assert_eq!(matches(&workflow, &push("refs/tags/v1"), None), tag);
    let graph = workflow.graph();
    assert_eq!(graph[&key("report")].needs, [key("version"), key("test")]);
}

#[test]
fn its_matrix_has_a_leg_that_may_fail() {
    let world = World::new(TEXT).ended("version", NeedsResult::Success, &[("version", "1.4.0")]);
    let legs = world.legs("test");
    let shown: Vec<(&str, bool)> = legs
        .iter()
        .map(|leg| (leg.name.as_str(), leg.continue_on_error))
        .collect();
    assert_eq!(
        shown,
        [
            ("Hello / test (en)", false),
            ("Hello / test (de)", false),
            ("Hello / test (fr)", false),
            ("Hello / test (tlh)", true),
        ]
    );
    assert!(
        legs.iter()
            .all(|leg| leg.timeout == Millis::from_minutes(5) && leg.runs_on == ["linux"])
    );
}

#[test]
fn its_last_job_runs_when_only_the_leg_that_may_fail_has_failed() {
    let world = World::new(TEXT)
        .ended("version", NeedsResult::Success, &[("version", "1.4.0")])
        .ended("test", NeedsResult::Success, &[]);
    assert_eq!(world.names("report"), ["Hello / report"]);
}
