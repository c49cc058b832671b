//! No bytes make a parser panic, and what it gives is bounded.

use super::console::Console;
use super::{FAILURES, MESSAGE_LINES, Message, PLACES, TestRun, junit, matcher, sarif};
use proptest::prelude::*;

fn check(run: &TestRun) -> Result<(), TestCaseError> {
    prop_assert!(run.failures.len() <= FAILURES);
    for failure in &run.failures {
        prop_assert!(failure.places.len() <= PLACES + 2);
        prop_assert!(failure.message.len() <= MESSAGE_LINES * (Message::LINE_BYTES + 1));
    }
    Ok(())
}

/// Lines that begin, go on or end something, in any order.
fn lines() -> impl Strategy<Value = String> {
    let fixtures = [
        include_str!("../../tests/fixtures/reports/cargo-test.txt"),
        include_str!("../../tests/fixtures/reports/nextest.txt"),
        include_str!("../../tests/fixtures/reports/pytest.txt"),
        include_str!("../../tests/fixtures/reports/go-test.txt"),
        include_str!("../../tests/fixtures/reports/go-test-v.txt"),
        include_str!("../../tests/fixtures/reports/go-test-json.txt"),
        include_str!("../../tests/fixtures/reports/rustc.txt"),
        include_str!("../../tests/fixtures/reports/gcc.txt"),
    ];
    let known: Vec<String> = fixtures
        .iter()
        .flat_map(|text| text.lines())
        .map(str::to_owned)
        .collect();
    let line = prop_oneof![4 => proptest::sample::select(known), 1 => "\\PC{0,40}", 1 => "[-=_ :(){}\\[\\]\"'0-9a-zF\t>]{0,30}"];
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.join("\n"))
}

/// A text with pieces of it taken out, doubled and replaced.
fn torn(text: &'static str) -> impl Strategy<Value = String> {
    let cut = (0..text.len(), 0usize..200, "\\PC{0,8}|<|>|&|\"|\\{|\\[");
    proptest::collection::vec(cut, 0..6).prop_map(move |cuts| {
        let mut torn = text.to_owned();
        for (at, length, put) in cuts {
            let from = torn.floor_char_boundary(at.min(torn.len()));
            let to = torn.floor_char_boundary((from + length).min(torn.len()));
            torn.replace_range(from..to.max(from), &put);
        }
        torn
    })
}

proptest! {
    #[test]
    fn output_in_any_order(text in lines()) {
        let mut console = Console::default();
        for line in text.lines() {
            prop_assert!(console.line(line).len() <= 2);
        }
        for run in &console.finish().0 {
            check(run)?;
        }
    }

    #[test]
    fn any_text_as_a_report(text in "\\PC{0,200}|[<>&;/='\" a-z!\\[\\]?-]{0,120}") {
        let _ = sarif::parse(&text);
        let _ = matcher::parse(&text);
        if let Ok(run) = junit::parse(&text) {
            check(&run)?;
        }
    }

    #[test]
    fn torn_reports(
        xml in torn(include_str!("../../tests/fixtures/reports/pytest-junit1.xml")),
        json in torn(include_str!("../../tests/fixtures/reports/ruff.sarif")),
    ) {
        let _ = sarif::parse(&json);
        if let Ok(run) = junit::parse(&xml) {
            check(&run)?;
        }
    }
}
