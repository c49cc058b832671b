//! What a text's expressions read, as far as it is written out.

use super::names::{Function, known_context};
use super::syntax::{Key, Kind, Literal, Node, parse};
use super::template::{Part, has_expression, parts};
use std::ops::Range;

/// A context that is read, and the names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// In the spelling of GitHub's documentation.
    pub context: &'static str,
    /// `["build", "outputs", "tag"]` of `needs.build.outputs.tag`; it ends where a name is computed or is `*`.
    pub names: Vec<String>,
    /// Bytes of the text.
    pub range: Range<usize>,
}

/// Everything that the expressions of a text read, in the text's order. A text that can't be parsed reads nothing: it is
/// for [`super::check`] to say so. The text of an `if` is an expression without `${{ }}` too.
#[must_use]
pub fn reads(text: &str, is_condition: bool) -> Vec<Read> {
    let mut found = Vec::new();
    for (range, tree) in trees(text, is_condition) {
        // The context below a chain of names is seen again by itself.
        let mut bases = Vec::new();
        tree.visit(&mut |node| {
            let (name, names, base) = match &node.kind {
                Kind::Access { base, keys } => match &base.kind {
                    Kind::Context(name) => (name, keys.as_slice(), base.span.clone()),
                    _ => return,
                },
                Kind::Context(name) if !bases.contains(&node.span) => (name, &[][..], node.span.clone()),
                _ => return,
            };
            let Some(context) = known_context(name) else {
                return;
            };
            bases.push(base);
            found.push(Read {
                context,
                names: names.iter().map_while(written).collect(),
                range: range.start + node.span.start..range.start + node.span.end,
            });
        });
    }
    found.sort_by_key(|read| read.range.start);
    found
}

/// Whether the text of an `if` asks for more than that all went well: `failure()` or `cancelled()`.
#[must_use]
pub fn asks_for_failure(condition: &str) -> bool {
    let asks = |function: Function| matches!(function, Function::Failure | Function::Cancelled);
    trees(condition, true).iter().any(|(_, tree)| tree.calls(&asks))
}

fn trees(text: &str, is_condition: bool) -> Vec<(Range<usize>, Node)> {
    let whole = is_condition && !has_expression(text);
    let ranges: Vec<Range<usize>> = if whole {
        std::iter::once(0..text.len()).collect()
    } else {
        let inner = |part| match part {
            Part::Expression(marked) => Some(marked.inner),
            Part::Text(_) => None,
        };
        parts(text)
            .unwrap_or_default()
            .into_iter()
            .filter_map(inner)
            .collect()
    };
    let tree = |range: Range<usize>| Some((range.clone(), parse(&text[range]).ok()?));
    ranges.into_iter().filter_map(tree).collect()
}

fn written(key: &Key) -> Option<String> {
    match key {
        Key::Name(name) => Some(name.clone()),
        Key::Every => None,
        Key::Computed(node) => match &node.kind {
            Kind::Literal(Literal::Text(name)) => Some(name.clone()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_and_the_names_below_them() {
        for (text, is_condition, expected) in [
            ("${{ needs.a.outputs.b }}", false, "needs.a.outputs.b"),
            ("needs.a.result == 'success'", true, "needs.a.result"),
            ("needs.a.result", false, ""),
            (
                "${{ STEPS['x'].outputs[matrix.os] }}",
                false,
                "steps.x.outputs matrix.os",
            ),
            ("a ${{ toJSON(steps) }} ${{ inputs.*.x }}", false, "steps inputs"),
            (
                "${{ github.ref && (vars.a || vars.b) }}",
                false,
                "github.ref vars.a vars.b",
            ),
            ("${{ fromJSON(needs.a.outputs.m).x }}", false, "needs.a.outputs.m"),
            ("${{ broken( }}", false, ""),
        ] {
            let shown: Vec<String> = reads(text, is_condition)
                .into_iter()
                .map(|read| {
                    let names = read.names.iter().map(String::as_str);
                    std::iter::once(read.context)
                        .chain(names)
                        .collect::<Vec<_>>()
                        .join(".")
                })
                .collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "é ${{ needs.a.result }}";
        let read = reads(text, false).remove(0);
        assert_eq!(&text[read.range], "needs.a.result");
    }

    #[test]
    fn conditions_that_ask_for_a_failure() {
        assert!(asks_for_failure("failure()"));
        assert!(asks_for_failure("${{ !Cancelled() }}"));
        assert!(!asks_for_failure("success() && github.ref == 'x'"));
        assert!(!asks_for_failure("always()"));
    }
}
