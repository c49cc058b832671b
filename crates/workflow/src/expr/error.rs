//! What is wrong with an expression, and where.

use std::fmt;

/// The most characters of an expression that an error repeats.
const SHOWN_CHARS: usize = 200;

/// An expression that can't be parsed, isn't allowed where it stands, or can't be computed.
///
/// It carries text of the workflow file only, never a value that the expression read: those may be secrets. The one
/// exception is the reason a [`super::HashFiles`] gives, which that implementation answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    pub kind: ErrorKind,
    /// One sentence without the full stop.
    pub message: String,
    /// Byte offset of the culprit in the text that was given to the function.
    pub offset: usize,
    /// The expression as written, without `${{` and `}}`, trimmed.
    pub expression: String,
    /// The culprit's place in `expression`, in characters from 1.
    pub position: usize,
    /// What to do, where we can tell, such as the name that was probably meant.
    pub hint: Option<String>,
}

/// What a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not an expression: a wrong or missing character, an unclosed `${{`, a wrong number of arguments.
    Syntax,
    /// Longer, deeper or bigger than a limit of [`super::limits`].
    Limit,
    /// A function or context that GitHub doesn't have.
    Unknown,
    /// A function or context that GitHub has, but not at this place. Only [`super::check`] finds it.
    NotAllowedHere,
    /// An `if` with text around its `${{ }}`: GitHub makes a string of it, which is always true. Only [`super::check`]
    /// finds it; GitHub's editor calls it an error, GitHub itself runs the job.
    AlwaysTrue,
    /// Well formed, but these values can't be computed with (`fromJSON` of what isn't JSON).
    Evaluation,
}

impl ExprError {
    /// `offset` is in bytes of `source`, the expression's text.
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>, offset: usize, source: &str) -> Self {
        let leading = source.len() - source.trim_start().len();
        let before = source.get(leading..offset).unwrap_or_default();
        Self {
            kind,
            message: message.into(),
            offset,
            expression: source.trim().to_owned(),
            position: before.chars().count() + 1,
            hint: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The same error, for a text in which the expression starts `by` bytes later.
    pub(super) fn shifted(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: String = self.expression.chars().take(SHOWN_CHARS).collect();
        if shown.len() < self.expression.len() {
            shown.push('…');
        }
        write!(f, "{}", self.message)?;
        if !shown.is_empty() {
            write!(f, ", at position {} of `{shown}`", self.position)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExprError {}
