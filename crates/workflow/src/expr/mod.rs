//! Expressions, `${{ … }}`, as GitHub Actions defines them.
//!
//! Two ways in: [`check`] before anything runs, with the rules of the place where a text stands; and [`evaluate`],
//! [`condition`], [`interpolate`] and [`interpolate_value`] with values. [`untrusted_references`] and
//! [`opaque_references`] find what must not be pasted into a script.
//!
//! # Where the rules come from
//! GitHub's documentation ("Evaluate expressions", "Contexts") and, where it is silent, the observable behaviour of the
//! runner: numbers are written with 15 digits (`1E+15`), texts compare without case as .NET's `OrdinalIgnoreCase`, an
//! array or object equals only itself, `env` keeps the case of its names, `case` computes only what it chooses.
//! `tests/expr_vectors.rs` runs GitHub's published vectors against this module.
//!
//! # Where we differ from GitHub on purpose
//! - `toJSON` lists an object's keys in byte order, and `object.*` gives its values in that order: `serde_json` keeps maps
//!   sorted here. GitHub keeps the order of the source and promises none.
//! - White space around the one `${{ }}` of an `if` (a block scalar's line end) is ignored. GitHub makes a string of it,
//!   which is always true.
//! - `fromJSON` takes strict JSON; GitHub's runner also takes comments and single quotes.
//! - One expression may have [`limits::OPERATORS`] operators.
//!
//! # Map
//! `syntax` parses (and wraps the crate `github-actions-expressions`), `value` and `number` hold the coercions,
//! `functions` and `json` the functions, `eval` puts them together; `template` finds `${{ }}` in a text; `names` and
//! `place` say what may be used where, `check` applies it; `reads` lists what is read; `untrusted` follows values an outsider chooses.

mod check;
mod error;
mod eval;
mod functions;
mod json;
pub mod limits;
mod names;
mod number;
mod output;
mod place;
mod reads;
mod syntax;
mod template;
mod untrusted;
mod value;

pub use check::check;
pub use error::{ErrorKind, ExprError};
pub use place::Place;
pub use reads::{Read, asks_for_failure, reads};
pub use untrusted::{
    Opaque, opaque_references, references, untrusted_references, untrusted_references_but,
    untrusted_references_of_action,
};

use names::Function;
use serde_json::{Map, Value as Json};
use std::ops::Range;
use syntax::{Node, parse};
use template::{Marked, Part, has_expression, parts, whole};
use value::Value;

/// Whether a text is an expression at all, whatever it names.
#[must_use]
pub fn is_expression(source: &str) -> bool {
    parse(source).is_ok()
}

/// What an expression can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The contexts by name. One that GitHub knows and that is absent here is null; it is for [`check`] to say which may
    /// be used at a place. Names are found in any case.
    pub contexts: &'a Map<String, Json>,
    pub status: JobStatus,
    /// For `hashFiles`; without it that function is an error.
    pub files: Option<&'a dyn HashFiles>,
}

/// What the status functions answer from.
///
/// At a step: how the job stands so far. At a job: what its needs, and the jobs those needed, ended with; the first of
/// `Failure`, `Cancelled` (the run itself was cancelled), `Skipped` that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    Success,
    Failure,
    Cancelled,
    /// A needed job was skipped and none failed: neither `success()` nor `failure()`.
    Skipped,
}

/// The files behind `hashFiles`.
pub trait HashFiles {
    /// The SHA-256, in hexadecimal digits, of the SHA-256 hashes of all files of the workspace that match the patterns
    /// of `@actions/glob`; an empty text where none does. An error's text is shown to people and must hold no secret.
    fn hash_files(&self, patterns: &[String], follow_symlinks: bool) -> Result<String, String>;
}

/// An expression found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprSpan {
    /// Bytes of the text, `${{` and `}}` included.
    pub range: Range<usize>,
    /// What is between them, trimmed.
    pub expression: String,
}

/// The value of the text between `${{` and `}}`. `NaN` and infinity, which JSON lacks, become the texts `NaN`,
/// `Infinity` and `-Infinity`.
pub fn evaluate(source: &str, scope: &Scope<'_>) -> Result<Json, ExprError> {
    with_value(source, scope, |value| Ok(value.into_json()))
}

/// Whether a job or step with this `if` runs. The text may be an expression with or without `${{ }}`; an empty one is
/// `success()`. Where no status function is called, `success()` must hold too, and the rest is computed only if it does.
///
/// Text around `${{ }}` makes a string of it, as on GitHub: always true ([`check`] reports that).
pub fn condition(source: &str, scope: &Scope<'_>) -> Result<bool, ExprError> {
    let text = source.trim();
    let shift = source.len() - source.trim_start().len();
    let at = |error: ExprError| error.shifted(shift);
    let succeeded = scope.status == JobStatus::Success;
    if text.is_empty() {
        return Ok(succeeded);
    }
    let parts = if has_expression(text) {
        parts(text).map_err(at)?
    } else {
        vec![Part::Expression(Marked {
            outer: 0..text.len(),
            inner: 0..text.len(),
        })]
    };
    let mut asks_status = false;
    for part in &parts {
        if let Part::Expression(marked) = part {
            let tree =
                parse(&text[marked.inner.clone()]).map_err(|error| at(error.shifted(marked.inner.start)))?;
            asks_status |= tree.calls(&Function::is_status);
        }
    }
    if !asks_status && !succeeded {
        return Ok(false);
    }
    match whole(&parts) {
        Some(marked) => {
            let expression = &text[marked.inner.clone()];
            let truth = with_value(expression, scope, |value| Ok(value.is_true()));
            truth.map_err(|error| at(error.shifted(marked.inner.start)))
        }
        None => Ok(!replace(text, &parts, scope).map_err(at)?.is_empty()),
    }
}

/// A number as text, as expressions write it.
pub(crate) fn number_text(number: f64) -> String {
    number::format(number)
}

/// Whether `left == right` holds in an expression.
pub(crate) fn equal(left: &Json, right: &Json) -> bool {
    Value::from(left).equals(&Value::from(right))
}

/// The text with each `${{ }}` replaced by its value as text. Of an array or object there is only the word `Array` or
/// `Object`, and where it would be the whole text it is an error, as on GitHub.
pub fn interpolate(text: &str, scope: &Scope<'_>) -> Result<String, ExprError> {
    let parts = parts(text)?;
    let Some(marked) = whole(&parts) else {
        return replace(text, &parts, scope);
    };
    let source = &text[marked.inner.clone()];
    let value = with_value(source, scope, |value| {
        if value.is_primitive() {
            return Ok(value.to_text().into_owned());
        }
        let message = format!(
            "a text is needed here, and this is an {}",
            value.to_text().to_lowercase()
        );
        Err(ExprError::new(ErrorKind::Evaluation, message, 0, source)
            .with_hint(Some("toJSON() makes a text of it".to_owned())))
    });
    value.map_err(|error| error.shifted(marked.inner.start))
}

/// Like [`interpolate`], of a piece of a longer text: an array or object is its word also where it stands alone.
pub fn interpolate_piece(piece: &str, scope: &Scope<'_>) -> Result<String, ExprError> {
    replace(piece, &parts(piece)?, scope)
}

/// Like [`interpolate`], but a text that is one `${{ }}` and nothing else keeps its value's type.
pub fn interpolate_value(text: &str, scope: &Scope<'_>) -> Result<Json, ExprError> {
    let parts = parts(text)?;
    match whole(&parts) {
        Some(marked) => {
            evaluate(&text[marked.inner.clone()], scope).map_err(|error| error.shifted(marked.inner.start))
        }
        None => replace(text, &parts, scope).map(Json::String),
    }
}

/// Parses and computes; the value borrows from the tree, so it is handed to `take`.
fn with_value<T>(
    source: &str,
    scope: &Scope<'_>,
    take: impl FnOnce(Value<'_>) -> Result<T, ExprError>,
) -> Result<T, ExprError> {
    let tree: Node = parse(source)?;
    take(eval::run(&tree, source, scope)?)
}

fn replace(text: &str, parts: &[Part], scope: &Scope<'_>) -> Result<String, ExprError> {
    let mut result = String::with_capacity(text.len());
    for part in parts {
        match part {
            Part::Text(range) => result.push_str(&text[range.clone()]),
            Part::Expression(marked) => {
                let source = &text[marked.inner.clone()];
                let pushed = with_value(source, scope, |value| {
                    let value = value.to_text();
                    if result.len() + value.len() > limits::INTERPOLATED_BYTES {
                        let message = format!("the text grows beyond {} bytes", limits::INTERPOLATED_BYTES);
                        return Err(ExprError::new(ErrorKind::Limit, message, 0, source));
                    }
                    result.push_str(&value);
                    Ok(())
                });
                pushed.map_err(|error| error.shifted(marked.inner.start))?;
            }
        }
    }
    Ok(result)
}
