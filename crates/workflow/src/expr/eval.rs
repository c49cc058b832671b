//! Computes an expression's value.

use super::error::{ErrorKind, ExprError};
use super::names::{CONTEXTS, Function, context_hint, known_context};
use super::output::{Budget, Fault};
use super::syntax::{Comparison, Key, Kind, Literal, Node};
use super::value::{Value, field};
use super::{JobStatus, Scope, functions, json, limits};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The option that `hashFiles` understands as its first argument.
const FOLLOW_SYMLINKS: &str = "--follow-symbolic-links";

/// The value of a parsed expression. `source` is its text, for errors.
pub(super) fn run<'v>(node: &'v Node, source: &'v str, scope: &Scope<'v>) -> Result<Value<'v>, ExprError> {
    Evaluator {
        source,
        scope,
        budget: Budget::new(limits::PRODUCED_BYTES),
    }
    .node(node)
}

struct Evaluator<'e, 'v> {
    source: &'v str,
    scope: &'e Scope<'v>,
    budget: Budget,
}

impl<'v> Evaluator<'_, 'v> {
    // The tree's depth is bounded by the parser, and so is this recursion.
    fn node(&self, node: &'v Node) -> Result<Value<'v>, ExprError> {
        match &node.kind {
            Kind::Literal(literal) => Ok(match literal {
                Literal::Null => Value::Null,
                Literal::Bool(value) => Value::Bool(*value),
                Literal::Number(value) => Value::Number(*value),
                Literal::Text(text) => Value::Text(Cow::Borrowed(text)),
            }),
            Kind::Context(name) => self.context(name, node),
            Kind::Call { function, args } => self.call(*function, args, node),
            Kind::Access { base, keys } => self.access(base, keys),
            Kind::Not(inner) => Ok(Value::Bool(!self.node(inner)?.is_true())),
            Kind::All(nodes) => self.first(nodes, |value| !value.is_true()),
            Kind::Any(nodes) => self.first(nodes, Value::is_true),
            Kind::Compare { first, rest } => {
                let mut left = self.node(first)?;
                for (comparison, node) in rest {
                    left = Value::Bool(compare(&left, *comparison, &self.node(node)?));
                }
                Ok(left)
            }
        }
    }

    /// The first value for which `stop` holds, else the last; what comes after it isn't computed.
    fn first(&self, nodes: &'v [Node], stop: impl Fn(&Value<'v>) -> bool) -> Result<Value<'v>, ExprError> {
        let mut value = Value::Null;
        for node in nodes {
            value = self.node(node)?;
            if stop(&value) {
                break;
            }
        }
        Ok(value)
    }

    /// A context that GitHub knows but the scope lacks is null, as `matrix` is for a job without one.
    fn context(&self, name: &str, node: &Node) -> Result<Value<'v>, ExprError> {
        match (field(self.scope.contexts, name), known_context(name)) {
            (Some((_, value)), _) => Ok(value.into()),
            (None, Some(_)) => Ok(Value::Null),
            (None, None) => Err(ExprError::new(
                ErrorKind::Unknown,
                format!("unknown context `{name}`"),
                node.span.start,
                self.source,
            )
            .with_hint(Some(context_hint(name, &CONTEXTS)))),
        }
    }

    fn access(&self, base: &'v Node, keys: &'v [Key]) -> Result<Value<'v>, ExprError> {
        // GitHub's runner keeps the case of environment variables apart, except on Windows.
        let exact = matches!(&base.kind, Kind::Context(name) if name.eq_ignore_ascii_case("env"));
        let mut value = self.node(base)?;
        for (index, key) in keys.iter().enumerate() {
            value = match key {
                Key::Every => every(value),
                Key::Name(name) if exact && index == 0 => exactly(value, name),
                Key::Name(name) => pick(value, &Value::Text(Cow::Borrowed(name))),
                Key::Computed(node) => match self.node(node)? {
                    Value::Text(name) if exact && index == 0 => exactly(value, &name),
                    key => pick(value, &key),
                },
            };
        }
        Ok(value)
    }

    fn call(&self, function: Function, args: &'v [Node], node: &Node) -> Result<Value<'v>, ExprError> {
        let status = self.scope.status;
        match function {
            Function::Always => return Ok(Value::Bool(true)),
            Function::Success => return Ok(Value::Bool(status == JobStatus::Success)),
            Function::Failure => return Ok(Value::Bool(status == JobStatus::Failure)),
            Function::Cancelled => return Ok(Value::Bool(status == JobStatus::Cancelled)),
            Function::Case => return self.case(args),
            _ => {}
        }
        let values = args
            .iter()
            .map(|arg| self.node(arg))
            .collect::<Result<Vec<_>, _>>()?;
        self.compute(function, &values)
            .map_err(|fault| self.fault(fault, node))
    }

    fn compute(&self, function: Function, values: &[Value<'v>]) -> Result<Value<'v>, Fault> {
        // The parser saw to the number of arguments; a missing one would count as null.
        let argument = |index: usize| values.get(index).unwrap_or(&Value::Null);
        Ok(match function {
            Function::Contains => Value::Bool(functions::contains(argument(0), argument(1))),
            Function::StartsWith => Value::Bool(functions::starts_with(argument(0), argument(1))),
            Function::EndsWith => Value::Bool(functions::ends_with(argument(0), argument(1))),
            Function::Join => Value::text(functions::join(argument(0), values.get(1), &self.budget)?),
            Function::Format => {
                let template = argument(0).to_text();
                let values = values.get(1..).unwrap_or_default();
                Value::text(functions::format(&template, values, &self.budget)?)
            }
            Function::ToJson => Value::text(json::to_json(argument(0), &self.budget)?),
            Function::FromJson => json::from_json(&argument(0).to_text(), &self.budget)?,
            Function::HashFiles => Value::text(self.hash_files(values)?),
            Function::Case
            | Function::Success
            | Function::Failure
            | Function::Always
            | Function::Cancelled => Value::Null,
        })
    }

    fn hash_files(&self, values: &[Value<'v>]) -> Result<String, Fault> {
        let Some(files) = self.scope.files else {
            return Err(Fault::new("`hashFiles` has no files here")
                .hint("it can be used in a job's steps, once the runner has the workspace"));
        };
        let mut patterns: Vec<String> = values.iter().map(|value| value.to_text().into_owned()).collect();
        let option = patterns.first().is_some_and(|first| first.starts_with("--"));
        let follow = option && patterns[0].eq_ignore_ascii_case(FOLLOW_SYMLINKS);
        if option && !follow {
            return Err(Fault::new("`hashFiles` was given an unknown option")
                .hint(format!("the one option is {FOLLOW_SYMLINKS}")));
        }
        if follow {
            patterns.remove(0);
        }
        files
            .hash_files(&patterns, follow)
            .map_err(|reason| Fault::new(format!("`hashFiles` failed: {reason}")))
    }

    /// `case(condition, value, …, default)`: what isn't chosen isn't computed.
    fn case(&self, args: &'v [Node]) -> Result<Value<'v>, ExprError> {
        let mut rest = args;
        while let [condition, value, tail @ ..] = rest {
            match self.node(condition)? {
                Value::Bool(true) => return self.node(value),
                Value::Bool(false) => rest = tail,
                _ => {
                    let fault = Fault::new("a condition of `case` is neither true nor false")
                        .hint("compare it, as in `x == 'y'`");
                    return Err(self.fault(fault, condition));
                }
            }
        }
        rest.first().map_or(Ok(Value::Null), |default| self.node(default))
    }

    fn fault(&self, fault: Fault, node: &Node) -> ExprError {
        ExprError::new(fault.kind, fault.message, node.span.start, self.source).with_hint(fault.hint)
    }
}

fn compare(left: &Value<'_>, comparison: Comparison, right: &Value<'_>) -> bool {
    match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::NotEqual => !left.equals(right),
        Comparison::Greater => left.order(right) == Some(Ordering::Greater),
        Comparison::Less => left.order(right) == Some(Ordering::Less),
        Comparison::GreaterOrEqual => left.equals(right) || left.order(right) == Some(Ordering::Greater),
        Comparison::LessOrEqual => left.equals(right) || left.order(right) == Some(Ordering::Less),
    }
}

/// `value.*`: the elements or the fields' values; of anything else, none.
fn every(value: Value<'_>) -> Value<'_> {
    Value::Filtered(match value {
        Value::Filtered(items) => items.into_iter().flat_map(elements).collect(),
        value => elements(value),
    })
}

fn elements(value: Value<'_>) -> Vec<Value<'_>> {
    match value {
        Value::Array(Cow::Borrowed(items)) => items.iter().map(Value::from).collect(),
        Value::Array(Cow::Owned(items)) => items.into_iter().map(Value::from).collect(),
        Value::Object(Cow::Borrowed(fields)) => fields.values().map(Value::from).collect(),
        Value::Object(Cow::Owned(fields)) => fields.into_values().map(Value::from).collect(),
        Value::Filtered(items) => items,
        _ => Vec::new(),
    }
}

/// `value[key]`: null where there is nothing. In what `*` gave, the key goes into each element, and misses vanish.
fn pick<'v>(value: Value<'v>, key: &Value<'_>) -> Value<'v> {
    match value {
        Value::Filtered(items) => {
            Value::Filtered(items.into_iter().filter_map(|item| member(item, key)).collect())
        }
        value => member(value, key).unwrap_or(Value::Null),
    }
}

fn member<'v>(value: Value<'v>, key: &Value<'_>) -> Option<Value<'v>> {
    match value {
        Value::Object(fields) => key.is_primitive().then(|| named(fields, &key.to_text()))?,
        Value::Array(Cow::Borrowed(items)) => items.get(index(key)?).map(Value::from),
        Value::Array(Cow::Owned(mut items)) => {
            let index = index(key)?;
            (index < items.len()).then(|| items.swap_remove(index).into())
        }
        _ => None,
    }
}

fn named<'v>(fields: Cow<'v, Map<String, Json>>, name: &str) -> Option<Value<'v>> {
    match fields {
        Cow::Borrowed(fields) => field(fields, name).map(|(_, value)| value.into()),
        Cow::Owned(mut fields) => {
            let key = field(&fields, name)?.0.to_owned();
            fields.remove(&key).map(Value::from)
        }
    }
}

/// The field of that very name.
fn exactly<'v>(value: Value<'v>, name: &str) -> Value<'v> {
    match value {
        Value::Object(Cow::Borrowed(fields)) => fields.get(name).map_or(Value::Null, Value::from),
        Value::Object(Cow::Owned(mut fields)) => fields.remove(name).map_or(Value::Null, Value::from),
        _ => Value::Null,
    }
}

/// A key as an array's index: rounded down; nothing for what is negative, no number or beyond 31 bits.
fn index(key: &Value<'_>) -> Option<usize> {
    let number = key.to_number().floor();
    if !(0.0..=f64::from(i32::MAX)).contains(&number) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just above"
    )]
    let index = number as usize;
    Some(index)
}
