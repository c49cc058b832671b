//! Which scripts can't be filled, whatever their expressions give. The walk through the script is that of
//! [`super::inject::fill`].

use super::inject::{FillError, Hole, Kind};
use super::shell::ShellKind;
use checkmill_workflow::expr::{ExprSpan, is_expression, untrusted_references_of_action};
use std::collections::BTreeSet;
use std::ops::Range;

/// The expressions of a script that give what an outsider chooses where this shell reads no variables, by their bytes in
/// `run`: `fill` refuses each, always. `references` finds the former, as for [`super::inject::Guards`].
#[must_use]
pub fn refused(
    run: &str,
    kind: ShellKind,
    references: fn(&str) -> Vec<ExprSpan>,
) -> Vec<(Range<usize>, FillError)> {
    let starts = |spans: Vec<ExprSpan>| -> BTreeSet<usize> {
        spans.into_iter().map(|span| span.range.start).collect()
    };
    let outsiders = starts(references(run));
    let events = starts(untrusted_references_of_action(run));
    let refused = |hole: Hole| {
        let start = hole.span.range.start;
        // What is no expression counts as an outsider's, and is refused for another reason.
        if !outsiders.contains(&start) || !is_expression(&hole.span.expression) {
            return None;
        }
        let what = match events.contains(&start) {
            true => Kind::Outsiders,
            false => Kind::Input,
        };
        let error = hole.reference("", what).err()?;
        Some((hole.span.range, error))
    };
    Hole::all(run, kind).into_iter().filter_map(refused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Masks;
    use crate::script::inject::{Guards, Untrusted, fill};
    use checkmill_workflow::expr::{JobStatus, Opaque, Scope, untrusted_references};
    use proptest::prelude::*;
    use serde_json::json;

    /// What scripts are put together from: all that opens and closes what a place depends on.
    const PIECES: [&str; 22] = [
        "${{ github.head_ref }}",
        "${{ github.event.pull_request.title }}",
        "${{ inputs.count }}",
        "${{ matrix.os }}",
        "${{ github.sha }}",
        "echo ",
        "'",
        "$'",
        "\"",
        "\\",
        "$(",
        "$((",
        "((",
        ")",
        "))",
        "`",
        "# ",
        "\n",
        "cat <<'X'\n",
        "cat <<-\"X\"\n",
        "cat <<X\n",
        "\nX\n",
    ];

    /// What the agent makes of it, with values that do nothing in any language.
    fn filled(
        run: &str,
        kind: ShellKind,
        references: fn(&str) -> Vec<ExprSpan>,
    ) -> Result<String, FillError> {
        let contexts = json!({
            "github": {"head_ref": "topic", "sha": "abc", "event": {"pull_request": {"title": "Title"}}},
            "inputs": {"count": "3"},
            "matrix": {"os": "linux"},
        });
        let contexts = contexts.as_object().unwrap();
        let scope = Scope {
            contexts,
            status: JobStatus::Success,
            files: None,
        };
        let guards = Guards {
            references: &references,
            opaque: Opaque {
                env: &BTreeSet::new(),
                inputs: false,
                matrix: false,
            },
            untrusted: &Untrusted::of(contexts, false, &BTreeSet::new()),
            masks: &Masks::default(),
        };
        fill(run, kind, &scope, guards).map(|filled| filled.text)
    }

    proptest! {
        #[test]
        fn the_agent_refuses_what_is_foreseen_and_nothing_else_without_harm(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..12),
            kind in prop::sample::select(vec![
                ShellKind::Posix,
                ShellKind::Posix,
                ShellKind::Python,
                ShellKind::PowerShell,
                ShellKind::Custom,
            ]),
            own_inputs in any::<bool>(),
        ) {
            let run = pieces.concat();
            let references = match own_inputs {
                true => untrusted_references_of_action,
                false => untrusted_references,
            };
            let foreseen = refused(&run, kind, references);
            let filled = filled(&run, kind, references);
            prop_assert_eq!(foreseen.first().map(|(_, error)| error), filled.as_ref().err(), "{:?}", run);
            for (range, _) in &foreseen {
                prop_assert!(run[range.clone()].starts_with("${{ ") && run[range.clone()].ends_with(" }}"));
            }
        }
    }

    #[test]
    fn what_is_no_expression_is_not_refused_for_this() {
        let run = "print(${{ github. }}, ${{ github.head_ref }})";
        let found = refused(run, ShellKind::Python, untrusted_references);
        let texts: Vec<_> = found.iter().map(|(range, _)| &run[range.clone()]).collect();
        assert_eq!(texts, ["${{ github.head_ref }}"]);
    }
}
