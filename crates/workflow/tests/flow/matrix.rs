//! The legs of a matrix.

use crate::support::{World, job};
use checkmill_core::conclusion::NeedsResult;
use checkmill_workflow::Expansion;

/// The legs' values, as text.
fn legs(matrix: &str) -> Vec<String> {
    let lines: String = matrix.lines().map(|line| format!("    {line}\n")).collect();
    World::new(&job(&format!("strategy:\n  matrix:\n{lines}")))
        .legs("build")
        .into_iter()
        .map(|leg| leg.leg)
        .collect()
}

/// The names without `CI / `.
fn names(lines: &str) -> Vec<String> {
    let names = World::new(&job(lines)).names("build");
    names
        .into_iter()
        .map(|name| name.strip_prefix("CI / ").unwrap().to_owned())
        .collect()
}

/// GitHub docs, "Using a multi-dimension matrix": `version` first, so it varies slowest.
#[test]
fn the_order_is_that_of_the_file() {
    assert_eq!(
        legs("version: [10, 12, 14]\nos: [ubuntu-latest, windows-latest]"),
        [
            r#"{"os":"ubuntu-latest","version":10}"#,
            r#"{"os":"windows-latest","version":10}"#,
            r#"{"os":"ubuntu-latest","version":12}"#,
            r#"{"os":"windows-latest","version":12}"#,
            r#"{"os":"ubuntu-latest","version":14}"#,
            r#"{"os":"windows-latest","version":14}"#,
        ]
    );
}

/// GitHub docs, "Example: Adding configurations": the table below the example.
#[test]
fn include_adds_to_combinations_and_makes_new_ones() {
    let matrix = "\
fruit: [apple, pear]
animal: [cat, dog]
include:
  - color: green
  - color: pink
    animal: cat
  - fruit: apple
    shape: circle
  - fruit: banana
  - fruit: banana
    animal: cat
";
    assert_eq!(
        legs(matrix),
        [
            r#"{"animal":"cat","color":"pink","fruit":"apple","shape":"circle"}"#,
            r#"{"animal":"dog","color":"green","fruit":"apple","shape":"circle"}"#,
            r#"{"animal":"cat","color":"pink","fruit":"pear"}"#,
            r#"{"animal":"dog","color":"green","fruit":"pear"}"#,
            r#"{"fruit":"banana"}"#,
            r#"{"animal":"cat","fruit":"banana"}"#,
        ]
    );
}

/// GitHub docs, "Example: Expanding configurations" and "Example: Adding configurations" of `include`.
#[test]
fn include_without_axes_and_with_extras() {
    assert_eq!(
        legs("include:\n  - site: production\n    datacenter: a\n  - site: staging\n    datacenter: b"),
        [
            r#"{"datacenter":"a","site":"production"}"#,
            r#"{"datacenter":"b","site":"staging"}"#
        ]
    );
    assert_eq!(
        legs("os: [w, u]\nnode: [14, 16]\ninclude:\n  - os: w\n    node: 16\n    npm: 6"),
        [
            r#"{"node":14,"os":"w"}"#,
            r#"{"node":16,"npm":6,"os":"w"}"#,
            r#"{"node":14,"os":"u"}"#,
            r#"{"node":16,"os":"u"}"#,
        ]
    );
}

/// GitHub docs, "Example: Excluding matrix configurations": 12 combinations, of which 9 stay.
#[test]
fn exclude_takes_partial_matches_away() {
    let matrix = "\
os: [macos-latest, windows-latest]
version: [12, 14, 16]
environment: [staging, production]
exclude:
  - os: macos-latest
    version: 12
    environment: production
  - os: windows-latest
    version: 16
";
    let legs = legs(matrix);
    assert_eq!(legs.len(), 9);
    assert!(!legs.contains(&r#"{"environment":"production","os":"macos-latest","version":12}"#.to_owned()));
    assert!(
        !legs
            .iter()
            .any(|leg| leg.contains("windows-latest") && leg.contains("16"))
    );
}

/// GitHub docs: include is processed after exclude, so that it can add back what exclude took.
#[test]
fn include_adds_back() {
    assert_eq!(
        legs("a: [1, 2]\nexclude: [{a: 1}]\ninclude: [{a: 1}]"),
        [r#"{"a":2}"#, r#"{"a":1}"#]
    );
}

/// GitHub's runner, `MatrixFilter`: each leaf is compared with `==`, so texts without case and numbers with texts; what a
/// mapping or list of the filter leaves out does not matter.
#[test]
fn values_are_compared_as_expressions_do() {
    for (exclude, left) in [
        ("{os: LINUX}", r#"{"os":"windows","v":{"n":1,"x":[1,2]}}"#),
        (
            "{v: {n: '1'}, os: windows}",
            r#"{"os":"linux","v":{"n":1,"x":[1,2]}}"#,
        ),
        (
            "{v: {x: [1]}, os: windows}",
            r#"{"os":"linux","v":{"n":1,"x":[1,2]}}"#,
        ),
        (
            "{V: {missing: null}, OS: windows}",
            r#"{"os":"linux","v":{"n":1,"x":[1,2]}}"#,
        ),
    ] {
        let matrix = format!("os: [linux, windows]\nv: [{{n: 1, x: [1, 2]}}]\nexclude: [{exclude}]");
        assert_eq!(legs(&matrix), [left], "{exclude}");
    }
    let none = "os: [linux, windows]\nv: [{n: 1}]\nexclude: [{v: {n: 2}}, {v: {n: {deeper: 1}}}, {v: [1]}]";
    assert_eq!(legs(none).len(), 2);
}

#[test]
fn values_of_any_type() {
    assert_eq!(
        legs("v: [1.10, 010, true, null, text, [1, a], {b: 2, a: 1}]"),
        [
            r#"{"v":1.1}"#,
            r#"{"v":10}"#,
            r#"{"v":true}"#,
            r#"{"v":null}"#,
            r#"{"v":"text"}"#,
            r#"{"v":[1,"a"]}"#,
            r#"{"v":{"a":1,"b":2}}"#,
        ]
    );
}

/// GitHub's runner, `JobNameBuilder`: scalars in their order, joined by commas; nothing for null and empty texts; 100
/// characters. A name with an expression stands alone.
#[test]
fn how_legs_are_named() {
    assert_eq!(
        names("strategy: {matrix: {v: [1.10, true, null, '', {os: linux, arch: [x, y]}]}}"),
        [
            "build (1.1)",
            "build (true)",
            "build",
            "build",
            "build (linux, x, y)"
        ]
    );
    assert_eq!(
        names("name: Build it\nstrategy: {matrix: {b: [1], a: [z]}}"),
        ["Build it (1, z)"]
    );
    assert_eq!(
        names(
            "name: on ${{ matrix.a }} as ${{ strategy.job-index }}\nstrategy: {matrix: {a: [x, y], b: [1]}}"
        ),
        ["on x as 0", "on y as 1"]
    );
    assert_eq!(
        names("name: ${{ matrix.none }}\nstrategy: {matrix: {a: [x]}}"),
        ["build"]
    );
    let long = &names(&format!("strategy: {{matrix: {{a: ['{}']}}}}", "é".repeat(200)))[0];
    assert_eq!(long.chars().count(), 100);
    assert!(long.starts_with("build (éé") && long.ends_with("é..."), "{long}");
}

/// What `include` adds to a combination is not part of its name; a leg of its own shows all its values.
#[test]
fn names_of_included_values() {
    assert_eq!(
        names(
            "strategy:\n  matrix:\n    a: [x]\n    include:\n      - {a: x, extra: e}\n      - {extra: e, a: z}"
        ),
        ["build (x)", "build (z, e)"]
    );
}

#[test]
fn equal_legs_have_texts_of_their_own() {
    assert_eq!(
        legs("a: [1, 1.0, '1', 1]"),
        [r#"{"a":1}"#, r#"{"a":1}#2"#, r#"{"a":"1"}"#, r#"{"a":1}#3"#]
    );
}

#[test]
fn at_most_256_legs() {
    let list = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(legs(&format!("a: [{}]\nb: [{}]", list(16), list(16))).len(), 256);
    let too_many = job(&format!("strategy: {{matrix: {{a: [{}]}}}}", list(257)));
    assert!(crate::support::wrong(&too_many).contains("more than 256 legs"));
    let far_too_many = job(&format!(
        "strategy: {{matrix: {{a: [{0}], b: [{0}], c: [{0}]}}}}",
        list(100)
    ));
    assert!(crate::support::wrong(&far_too_many).contains("more than 16384 combinations"));
    let compared = "{b: 1, a: 1}, ".repeat(200);
    let slow = job(&format!(
        "strategy: {{matrix: {{a: [{0}], b: [{0}], exclude: [{compared}]}}}}",
        list(128)
    ));
    assert!(crate::support::wrong(&slow).contains("the matrix is too large"));
}

const DYNAMIC: &str = "\
on: push
name: CI
jobs:
  plan:
    runs-on: linux
    outputs:
      matrix: ${{ steps.x.outputs.matrix }}
    steps:
      - run: make
  build:
    needs: plan
    runs-on: linux
    strategy:
      fail-fast: ${{ needs.plan.outputs.fast == 'yes' }}
      max-parallel: ${{ fromJSON(needs.plan.outputs.parallel) }}
      matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
    steps:
      - run: make
";

fn planned(text: &str, matrix: &str) -> World {
    let outputs = [("matrix", matrix), ("fast", "no"), ("parallel", "2")];
    World::new(text).ended("plan", NeedsResult::Success, &outputs)
}

/// Keys keep the order of the JSON: `os` is the first axis and the first value of the name.
#[test]
fn a_matrix_from_an_output() {
    let world = planned(
        DYNAMIC,
        r#"{"os": ["l", "w"], "arch": ["x"], "include": [{"os": "m"}]}"#,
    );
    assert_eq!(
        world.names("build"),
        ["CI / build (l, x)", "CI / build (w, x)", "CI / build (m)"]
    );
    let Expansion::Legs {
        fail_fast,
        max_parallel,
        ..
    } = world.expand("build").unwrap()
    else {
        panic!("skipped")
    };
    assert_eq!((fail_fast, max_parallel), (false, Some(2)));
}

#[test]
fn an_axis_and_an_include_from_an_output() {
    let axis = DYNAMIC.replace(
        "matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}",
        "matrix: {os: '${{ fromJSON(needs.plan.outputs.matrix) }}', n: ['${{ needs.plan.outputs.fast }}']}",
    );
    assert_eq!(
        planned(&axis, r#"["b", "a"]"#).names("build"),
        ["CI / build (b, no)", "CI / build (a, no)"]
    );
    let include = DYNAMIC.replace(
        "matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}",
        "matrix: {include: '${{ fromJSON(needs.plan.outputs.matrix) }}'}",
    );
    assert_eq!(
        planned(&include, r#"[{"z": 1, "a": 2}]"#).names("build"),
        ["CI / build (1, 2)"]
    );
}

#[test]
fn outputs_that_give_no_matrix() {
    insta::assert_snapshot!(planned(DYNAMIC, r#"{"os": []}"#).wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:15: `os` of the matrix has no values
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: where a list may be empty, skip the job with `if`
    ");
    insta::assert_snapshot!(planned(DYNAMIC, "[]").wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:15: `matrix` must be a mapping, not a list
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(planned(DYNAMIC, "").wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:19: `fromJSON` was given an empty text
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |                   ^^^^^^^^
      = help: an output that was never set and a name that doesn't exist are empty
    ");
    insta::assert_snapshot!(planned(DYNAMIC, "{").wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:19: `fromJSON` was given a text that isn't JSON (line 1, column 1 of it)
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |                   ^^^^^^^^
    ");
    insta::assert_snapshot!(planned(DYNAMIC, r#"{"os": "linux"}"#).wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:15: `os` of the matrix must be a list, not a text
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(planned(DYNAMIC, r#"{"include": []}"#).wrong("build"), @r"
    .checkmill/workflows/ci.yml:16:15: `include` is all that the matrix has, and it is empty
    16 |       matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
       |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: where it may be empty, skip the job with `if`
    ");
    let text = DYNAMIC.replace(
        "fromJSON(needs.plan.outputs.parallel)",
        "needs.plan.outputs.parallel",
    );
    insta::assert_snapshot!(planned(&text, r#"{"os": [1]}"#).wrong("build"), @r"
    .checkmill/workflows/ci.yml:15:21: `max-parallel` must be a number, not a text
    15 |       max-parallel: ${{ needs.plan.outputs.parallel }}
       |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: an output or a variable is a text; make a number of it with `fromJSON`
    ");
}

/// Text that an output brings is text, whatever it looks like.
#[test]
fn outputs_are_not_evaluated_again() {
    let world = planned(DYNAMIC, r#"{"os": ["${{ github.actor }}"]}"#);
    assert_eq!(world.names("build"), ["CI / build (${{ github.actor }})"]);
}
