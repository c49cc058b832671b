//! What can be said of a text's expressions without any value.

use super::error::{ErrorKind, ExprError};
use super::functions::check_format;
use super::names::{Function, context_hint, function_hint, known_context};
use super::place::Place;
use super::syntax::{Kind, Literal, Node, parse};
use super::template::{Part, has_expression, parts, whole};

/// Every problem of the expressions in `text`, in the text's order; none where GitHub would accept it at this place.
///
/// At an `if` a text without `${{` is an expression as a whole, and text around `${{ }}` is a problem
/// ([`ErrorKind::AlwaysTrue`]).
#[must_use]
pub fn check(text: &str, place: Place) -> Vec<ExprError> {
    if place.is_condition() && !has_expression(text) {
        return if text.trim().is_empty() {
            Vec::new()
        } else {
            check_expression(text, place)
        };
    }
    let found = match parts(text) {
        Ok(found) => found,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    if place.is_condition() {
        problems.extend(always_true(text));
    }
    for part in found {
        if let Part::Expression(marked) = part {
            let within = check_expression(&text[marked.inner.clone()], place);
            problems.extend(within.into_iter().map(|error| error.shifted(marked.inner.start)));
        }
    }
    problems
}

fn always_true(text: &str) -> Option<ExprError> {
    let parts = parts(text.trim()).ok()?;
    if whole(&parts).is_some() {
        return None;
    }
    let message = "the text outside `${{ }}` makes this condition a string, which is always true";
    let hint = "put the whole condition inside one `${{ }}`, or leave `${{` and `}}` out";
    Some(ExprError::new(ErrorKind::AlwaysTrue, message, 0, text).with_hint(Some(hint.to_owned())))
}

fn check_expression(source: &str, place: Place) -> Vec<ExprError> {
    let tree = match parse(source) {
        Ok(tree) => tree,
        Err(error) => return vec![error],
    };
    let mut problems = Vec::new();
    tree.visit(&mut |node| problems.extend(problem(node, source, place)));
    problems
}

fn problem(node: &Node, source: &str, place: Place) -> Option<ExprError> {
    let error = |kind, message: String| ExprError::new(kind, message, node.span.start, source);
    match &node.kind {
        Kind::Context(name) => match known_context(name) {
            Some(known) if place.contexts().contains(&known) => None,
            Some(known) => {
                let message = format!("the context `{known}` can't be used in `{}`", place.key());
                let hint = format!("the contexts here are {}", place.contexts().join(", "));
                Some(error(ErrorKind::NotAllowedHere, message).with_hint(Some(hint)))
            }
            // A call without its parentheses looks like a context.
            None if function_hint(name).contains(&format!("`{name}`")) => {
                let hint = format!("a function is called with parentheses: {name}()");
                Some(error(ErrorKind::Unknown, format!("unknown context `{name}`")).with_hint(Some(hint)))
            }
            None => {
                let hint = context_hint(name, place.contexts());
                Some(error(ErrorKind::Unknown, format!("unknown context `{name}`")).with_hint(Some(hint)))
            }
        },
        Kind::Call { function, .. } if !place.allows(*function) => {
            let message = format!(
                "the function `{}` can't be used in `{}`",
                function.name(),
                place.key()
            );
            let hint = if function.is_status() {
                "the status functions belong in an `if`"
            } else {
                "there are files only in the steps of a job"
            };
            Some(error(ErrorKind::NotAllowedHere, message).with_hint(Some(hint.to_owned())))
        }
        Kind::Call {
            function: Function::Format,
            args,
        } => {
            let (template, values) = args.split_first()?;
            let Kind::Literal(Literal::Text(template)) = &template.kind else {
                return None;
            };
            let fault = check_format(template, values.len()).err()?;
            Some(error(ErrorKind::Syntax, fault.message).with_hint(fault.hint))
        }
        _ => None,
    }
}
