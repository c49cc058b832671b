//! Which scripts can't be filled, whatever their expressions give.

use super::inject::{FillError, Kind, reference};
use super::quoting::Walker;
use super::shell::ShellKind;
use checkmill_workflow::expr::{ExprSpan, references, untrusted_references, untrusted_references_of_action};
use std::collections::BTreeSet;
use std::ops::Range;

/// The expressions of a workflow's script that read the event where this shell reads no variables, by their bytes in `run`:
/// [`super::inject::fill`] refuses each, always.
#[must_use]
pub fn refused(run: &str, kind: ShellKind) -> Vec<(Range<usize>, FillError)> {
    let starts = |spans: Vec<ExprSpan>| -> BTreeSet<usize> {
        spans.into_iter().map(|span| span.range.start).collect()
    };
    let outsiders = starts(untrusted_references(run));
    let events = starts(untrusted_references_of_action(run));
    let mut walker = Walker::new(run);
    let mut found = Vec::new();
    for span in references(run) {
        let place = walker.place_at(span.range.start);
        walker.skip_to(span.range.end);
        let place = (kind == ShellKind::Posix).then_some(place);
        if !outsiders.contains(&span.range.start) {
            continue;
        }
        if let Err(place) = reference("", place) {
            let kind = match events.contains(&span.range.start) {
                true => Kind::Outsiders,
                false => Kind::Input,
            };
            let refused = FillError::Unsafe {
                expression: span.expression,
                what: kind.what(),
                place,
            };
            found.push((span.range, refused));
        }
    }
    found
}
