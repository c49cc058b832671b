//! How tests show what a parser has understood.

use super::TestRun;
use super::place::Place;
use std::fmt::Write;

fn place(place: &Place) -> String {
    let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
    let folders = match place.folders.as_slice() {
        [] => String::new(),
        folders => format!(" in {}", folders.join(" or ")),
    };
    format!("{}{line}{folders}", place.file)
}

/// A run and its failures.
pub(super) fn shown(run: &TestRun) -> String {
    let mut out = format!(
        "{:?}: {} passed, {} failed, {} skipped\n",
        run.tool, run.passed, run.failed, run.skipped
    );
    for failure in &run.failures {
        let time = failure
            .duration_ms
            .map(|millis| format!(" ({millis} ms)"))
            .unwrap_or_default();
        writeln!(out, "- {} | {}{time}", failure.suite, failure.name).unwrap();
        for found in &failure.places {
            writeln!(out, "  at {}", place(found)).unwrap();
        }
        for line in failure.message.lines() {
            writeln!(out, "  > {line}").unwrap();
        }
    }
    out
}
