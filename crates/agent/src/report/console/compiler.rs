//! Compilers and linters that say it on one line: gcc, clang, go, rustc (short), mypy, tsc, MSVC.

use super::diagnostic;
use crate::commands::Annotation;
use crate::report::place::{Place, leading};
use checkmill_workflow::job::ResultLevel::{self, Error, Warning};

/// Reads a line.
pub(super) fn line(line: &str) -> Option<Annotation> {
    // `go vet` puts its name in front of what the compiler says.
    let line = line.strip_prefix("vet: ").unwrap_or(line);
    if line.starts_with(char::is_whitespace) {
        return None;
    }
    with_colons(line).or_else(|| with_parentheses(line))
}

/// `a.c:1:2: error: text`, `a.ts:1:2 - error TS1: text`, and `a.go:1:2: text`, in which all messages are errors.
fn with_colons(line: &str) -> Option<Annotation> {
    let located = leading(line)?;
    let place = located.place();
    let after = located
        .rest
        .strip_prefix(": ")
        .or_else(|| located.rest.strip_prefix(" - "))?;
    if let Some((level, code, message)) = leveled(after) {
        return Some(diagnostic(level, &place, located.column, code, message));
    }
    let go = located.file.ends_with(".go") && located.column.is_some();
    (go && located.rest.starts_with(": ")).then(|| diagnostic(Error, &place, located.column, None, after))
}

/// `a.cs(1,2): error CS1: text`
fn with_parentheses(line: &str) -> Option<Annotation> {
    let (file, rest) = line.split_once('(')?;
    let (numbers, rest) = rest.split_once("): ")?;
    let mut numbers = numbers.split(',');
    let line = numbers.next()?.parse().ok()?;
    let column = numbers.next().and_then(|column| column.parse().ok());
    let (level, code, message) = leveled(rest)?;
    (!file.is_empty() && line > 0)
        .then(|| diagnostic(level, &Place::new(file, Some(line)), column, code, message))
}

/// `error: text`, `fatal error: text`, `warning[code]: text`, `error TS2322: text`.
fn leveled(text: &str) -> Option<(ResultLevel, Option<&str>, &str)> {
    let text = text.strip_prefix("fatal ").unwrap_or(text);
    let (level, rest) = match (text.strip_prefix("error"), text.strip_prefix("warning")) {
        (Some(rest), _) => (Error, rest),
        (_, Some(rest)) => (Warning, rest),
        _ => return None,
    };
    let (head, message) = rest.split_once(": ")?;
    let code = match head.strip_prefix('[').and_then(|head| head.strip_suffix(']')) {
        Some(code) => code,
        None => head.strip_prefix(' ').unwrap_or(head),
    };
    let is_code = code
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte));
    (is_code && !message.trim().is_empty()).then_some((
        level,
        Some(code).filter(|code| !code.is_empty()),
        message,
    ))
}
