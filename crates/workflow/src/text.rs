//! A text of a file with its place.

use crate::source::Span;

/// A scalar's text, as GitHub turns scalars into text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

impl Text {
    /// A text of a language without expressions, for those who evaluate it: it stays what it is.
    pub(crate) fn verbatim(value: &str, span: Span) -> Self {
        Self {
            value: value.replace("${{", "${{ '${{' }}"),
            span,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.value
    }

    pub(crate) fn has_expression(&self) -> bool {
        has_expression(&self.value)
    }
}

/// Whether the text holds `${{`.
pub(crate) fn has_expression(text: &str) -> bool {
    text.contains("${{")
}

/// The most digits of a number that GitHub writes (.NET's format `G15`), as [`crate::expr`] does.
pub(crate) fn number_text(number: f64) -> String {
    crate::expr::number_text(number)
}
