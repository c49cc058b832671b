//! Texts with `${{ }}` in them.

use super::error::{ErrorKind, ExprError};
use std::ops::Range;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// As it stands.
    Text(Range<usize>),
    Expression(Marked),
}

/// Where an expression is, in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// With `${{` and `}}`.
    pub(super) outer: Range<usize>,
    /// Without them.
    pub(super) inner: Range<usize>,
}

/// Takes a text apart. A `}}` inside single quotes belongs to the expression; an expression without end is an error.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, ExprError> {
    let mut parts = Vec::new();
    let mut position = 0;
    while let Some(found) = text[position..].find(OPEN) {
        let start = position + found;
        let inner = start + OPEN.len();
        let Some(length) = end(&text[inner..]) else {
            let message = "`${{` has no `}}`";
            let shown = text[inner..].lines().next().unwrap_or_default();
            let hint = text[inner..]
                .contains(CLOSE)
                .then(|| "a string inside it has no closing quote".to_owned());
            return Err(ExprError::new(ErrorKind::Syntax, message, 0, shown)
                .with_hint(hint)
                .shifted(start));
        };
        if start > position {
            parts.push(Part::Text(position..start));
        }
        let outer = start..inner + length + CLOSE.len();
        position = outer.end;
        parts.push(Part::Expression(Marked {
            outer,
            inner: inner..inner + length,
        }));
    }
    if position < text.len() {
        parts.push(Part::Text(position..text.len()));
    }
    Ok(parts)
}

/// The offset of the `}}` that ends the expression which starts here.
fn end(text: &str) -> Option<usize> {
    let mut in_string = false;
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&offset| {
        in_string ^= bytes[offset] == b'\'';
        !in_string && bytes[offset..].starts_with(CLOSE.as_bytes())
    })
}

/// The expression that is all there is to the text.
pub(super) fn whole(parts: &[Part]) -> Option<&Marked> {
    match parts {
        [Part::Expression(marked)] => Some(marked),
        _ => None,
    }
}

/// Whether the text has an expression at all.
pub(super) fn has_expression(text: &str) -> bool {
    text.contains(OPEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parts(text) {
            Ok(parts) => parts
                .into_iter()
                .map(|part| match part {
                    Part::Text(range) => format!("[{}]", &text[range]),
                    Part::Expression(marked) => format!("<{}>", &text[marked.inner]),
                })
                .collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn texts_are_taken_apart() {
        for (text, expected) in [
            ("", ""),
            ("plain }} text", "[plain }} text]"),
            ("${{ a }}", "< a >"),
            ("${{}}", "<>"),
            ("x${{ a }}y${{ b }}", "[x]< a >[y]< b >"),
            ("${{ 'it''s }}' }}!", "< 'it''s }}' >[!]"),
            ("${{ '}' }}}", "< '}' >[}]"),
            ("$${{ a }}", "[$]< a >"),
            ("${ {a}}", "[${ {a}}]"),
            ("é${{ 'é' }}é", "[é]< 'é' >[é]"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_expression_without_end_is_an_error() {
        insta::assert_snapshot!(shown("a ${{ b\nc"), @"`${{` has no `}}`, at position 1 of `b`");
        insta::assert_snapshot!(
            shown("a ${{ 'b }} c"),
            @"`${{` has no `}}`, at position 1 of `'b }} c`; a string inside it has no closing quote"
        );
    }
}
