//! What holds for every file.

use crate::lightning_plans::{WHOLE, describe_leg};
use crate::support::{LIGHTNING, PATH, World, job, key, push};
use checkmill_core::conclusion::NeedsResult;
use checkmill_workflow::{Changed, Expansion, inputs, matches, parse, parse_policy};
use proptest::prelude::*;
use std::collections::BTreeSet;

const FIXTURES: [&str; 5] = [
    include_str!("../fixtures/rust.yml"),
    include_str!("../fixtures/monorepo.yml"),
    include_str!("../fixtures/python.yaml"),
    include_str!("../../../../examples/hello/.checkmill/workflows/ci.yml"),
    WHOLE,
];

/// Everything that can be done with a text: none of it may panic, and what is reported lies inside the file.
fn exercise(text: &str) {
    exercise_at(PATH, text);
    exercise_at(LIGHTNING, text);
}

fn exercise_at(path: &str, text: &str) {
    let lines = text.split('\n').count();
    let inside = |wrong: &checkmill_workflow::Diagnostics| {
        assert!(!wrong.as_slice().is_empty());
        for diagnostic in wrong.as_slice() {
            assert!((1..=lines).contains(&(diagnostic.line as usize)), "{diagnostic}");
            assert!(diagnostic.column >= 1, "{diagnostic}");
        }
        let _ = wrong.to_string();
    };
    let _ = parse_policy(".checkmill/config.yml", text).map_err(|wrong| inside(&wrong));
    let workflow = match parse(path, text) {
        Ok(workflow) => workflow,
        Err(wrong) => return inside(&wrong),
    };
    let _ = matches(
        &workflow,
        &push("refs/heads/main"),
        Some(Changed::Files {
            paths: &["src/a".to_owned()],
            truncated: false,
        }),
    );
    let _ = inputs(&workflow, &push("refs/heads/main")).map_err(|wrong| inside(&wrong));
    let mut world = World::of(workflow.clone(), &push("refs/heads/main"));
    for key in workflow.keys() {
        world = world.ended(key.as_str(), NeedsResult::Success, &[("x", "[1]")]);
    }
    for key in workflow.keys() {
        let first = world.expand(key.as_str());
        assert_eq!(first, world.expand(key.as_str()), "twice the same");
        match first {
            Ok(Expansion::Legs { legs, .. }) => {
                let texts: BTreeSet<&str> = legs.iter().map(|leg| leg.leg.as_str()).collect();
                assert_eq!(texts.len(), legs.len(), "texts of legs are unique");
                assert!(!legs.is_empty() && legs.len() <= 256);
                if path == LIGHTNING {
                    legs.iter().for_each(|leg| drop(describe_leg(&world, &leg.leg)));
                }
                assert!(
                    legs.iter()
                        .all(|leg| !leg.runs_on.is_empty() && leg.timeout.0 > 0)
                );
            }
            Ok(Expansion::Skipped { .. } | Expansion::Calls { .. }) => {}
            Err(wrong) => inside(&wrong),
        }
    }
}

/// Pieces that YAML and workflows are made of, so that mutations stay interesting.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("  ".to_owned()),
        Just("- ".to_owned()),
        Just(": ".to_owned()),
        Just("|\n".to_owned()),
        Just(">-\n".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("'".to_owned()),
        Just("\"\\".to_owned()),
        Just("[".to_owned()),
        Just("}".to_owned()),
        Just("${{".to_owned()),
        Just("}}".to_owned()),
        Just("${{ fromJSON('[1]') }}".to_owned()),
        Just("${{ matrix.os }}".to_owned()),
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        Just("include".to_owned()),
        Just("run: x\n".to_owned()),
        Just("trigger: ".to_owned()),
        Just("parametrize: {matrix: {a: [1, ".to_owned()),
        Just("ü\u{feff}".to_owned()),
        "[a-z]{1,6}",
        "\\PC{0,4}",
    ]
}

/// A fixture with pieces put in and taken out.
fn mutated() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, piece()), 1..6);
    (0..FIXTURES.len(), edits).prop_map(|(fixture, edits)| {
        let mut text: Vec<char> = FIXTURES[fixture].chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

/// A value of a matrix, as JSON, which is YAML too.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        (-3..3_i32).prop_map(|value| value.to_string()),
        "[a-c]{0,2}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map("[x-z]", inner, 0..3).prop_map(|fields| mapping(&fields)),
        ]
    })
}

fn mapping(fields: &std::collections::BTreeMap<String, String>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

prop_compose! {
    fn matrix()(
        axes in prop::collection::btree_map("[a-c]", prop::collection::vec(value(), 1..4), 1..4),
        include in prop::collection::vec(prop::collection::btree_map("[a-e]", value(), 1..3), 0..3),
    ) -> (usize, String) {
        let product = axes.values().map(Vec::len).product();
        let lists = axes.into_iter().map(|(name, values)| (name, format!("[{}]", values.join(", ")))).collect();
        let include: Vec<String> = include.iter().map(mapping).collect();
        let text = format!("{}, \"include\": [{}]}}", mapping(&lists).trim_end_matches('}'), include.join(", "));
        (product, text)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_a_workflow_or_a_list_of_mistakes(text in "\\PC*") {
        exercise(&text);
    }

    #[test]
    fn any_mixture_of_pieces_too(pieces in prop::collection::vec(piece(), 0..40)) {
        exercise(&pieces.concat());
    }

    #[test]
    fn so_is_a_workflow_with_mistakes(text in mutated()) {
        exercise(&text);
    }

    /// As many legs as combinations, and at most one more for each item of `include`; from YAML and from JSON the same.
    #[test]
    fn a_matrix_has_all_its_combinations((product, matrix) in matrix()) {
        let written = World::new(&job(&format!("strategy: {{matrix: {matrix}}}")));
        let legs = written.legs("build");
        prop_assert!(legs.len() >= product);
        prop_assert!(legs.len() <= product + 2);
        let given = World::new("on: push\nname: CI\njobs:\n  a: {runs-on: x, steps: [run: y]}\n  build:\n    needs: a\n    \
            runs-on: linux\n    strategy:\n      matrix: ${{ fromJSON(needs.a.outputs.m) }}\n    steps:\n      - run: make\n")
            .ended("a", NeedsResult::Success, &[("m", &matrix)]);
        prop_assert_eq!(given.legs("build"), legs);
    }

    #[test]
    fn ids_of_legs_are_unique((_, matrix) in matrix()) {
        let world = World::new(&job(&format!("strategy: {{matrix: {matrix}}}")));
        let id = |leg: &str| checkmill_core::JobId::derive(&crate::support::run_id(), &key("build"), leg);
        let legs = world.legs("build");
        let ids: BTreeSet<_> = legs.iter().map(|leg| id(&leg.leg)).collect();
        prop_assert_eq!(ids.len(), legs.len());
    }
}
