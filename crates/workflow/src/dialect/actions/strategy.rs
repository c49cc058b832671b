//! `strategy`: its shape, before and after its expressions are evaluated.

use super::keys;
use crate::expr::Place;
use crate::matrix::{self, Matrix};
use crate::read::Reader;
use crate::text::{Text, has_expression};
use crate::yaml::{Entry, Node, Value};

/// A job's `strategy`, evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Strategy {
    /// GitHub docs: true unless said otherwise.
    pub(crate) fail_fast: bool,
    /// None: as many as there are legs.
    pub(crate) max_parallel: Option<u32>,
    pub(crate) matrix: Option<Matrix>,
}

/// Reports what is wrong already before the expressions are evaluated. A matrix without any is judged to the end.
pub(super) fn check(reader: &mut Reader<'_>, node: &Node) {
    let before = reader.count();
    check_expressions(reader, node);
    let strategy = read(reader, node, Expressions::AreOpen);
    let matrix = strategy.and_then(|strategy| strategy.matrix);
    let is_sound = reader.count() == before;
    if let (true, Some(matrix), Some(node)) = (is_sound, matrix, node.get("matrix")) {
        if !holds_expression(node) {
            matrix::legs(reader, &matrix);
        } else if node.get("exclude").is_none() {
            matrix::check_size(reader, &matrix);
        }
    }
}

fn check_expressions(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Value::Text(value) => reader.check(
            &Text {
                value: value.clone(),
                span: node.span,
            },
            Place::JobStrategy,
        ),
        Value::List(items) => items.iter().for_each(|item| check_expressions(reader, item)),
        Value::Map(entries) => entries
            .iter()
            .for_each(|entry| check_expressions(reader, &entry.value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn holds_expression(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => has_expression(text),
        Value::List(items) => items.iter().any(holds_expression),
        Value::Map(entries) => entries.iter().any(|entry| holds_expression(&entry.value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Reads a strategy whose expressions are evaluated.
pub(crate) fn strategy(reader: &mut Reader<'_>, node: &Node) -> Option<Strategy> {
    read(reader, node, Expressions::AreEvaluated)
}

/// What a `${{` in a text means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expressions {
    /// A value that isn't known yet, of any type: it is passed over.
    AreOpen,
    /// Nothing: it is what some expression gave.
    AreEvaluated,
}

impl Expressions {
    fn is_open(self, node: &Node) -> bool {
        self == Self::AreOpen && matches!(&node.value, Value::Text(text) if has_expression(text))
    }
}

fn read(reader: &mut Reader<'_>, node: &Node, expressions: Expressions) -> Option<Strategy> {
    if expressions.is_open(node) {
        return None;
    }
    let fields = reader.fields(node, &keys::STRATEGY, "`strategy`")?;
    let closed = |key: &str| fields.get(key).filter(|node| !expressions.is_open(node));
    let fail_fast = closed("fail-fast").and_then(|node| reader.boolean(node, "`fail-fast`"));
    let max_parallel = closed("max-parallel").and_then(|node| max_parallel(reader, node));
    let matrix = closed("matrix").and_then(|node| matrix(reader, node, expressions));
    Some(Strategy {
        fail_fast: fail_fast.unwrap_or(true),
        max_parallel,
        matrix,
    })
}

/// GitHub's runner: a number; 0 means no limit.
fn max_parallel(reader: &mut Reader<'_>, node: &Node) -> Option<u32> {
    match node.value {
        Value::Number(number) if number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "in range, by the guard"
            )]
            let number = number as u32;
            (number > 0).then_some(number)
        }
        Value::Number(_) => {
            reader.report(node.span, "`max-parallel` must be a whole number, at least 1");
            None
        }
        _ => {
            let hint = "an output or a variable is a text; make a number of it with `fromJSON`";
            reader.report_with(
                node.span,
                format!("`max-parallel` must be a number, not {}", node.kind()),
                hint,
            );
            None
        }
    }
}

fn matrix(reader: &mut Reader<'_>, node: &Node, expressions: Expressions) -> Option<Matrix> {
    let entries = reader.map(node, "`matrix`")?;
    let mut matrix = Matrix {
        span: node.span,
        axes: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let mut open = false;
    for entry in entries {
        if expressions.is_open(&entry.value) {
            open = true;
            continue;
        }
        // One that is evaluated later may add what is missing now.
        open |= expressions == Expressions::AreOpen && holds_expression(&entry.value);
        match entry.key.as_str() {
            "include" => matrix.include = filters(reader, entry, expressions),
            "exclude" => matrix.exclude = filters(reader, entry, expressions),
            _ => matrix.axes.extend(axis(reader, entry)),
        }
    }
    if matrix.axes.is_empty() && matrix.include.is_empty() && !open && reader.is_clean() {
        // GitHub's runner: "Matrix must define at least one vector".
        let (message, hint) = match node.get("include") {
            // Mostly what an expression gave.
            Some(_) => (
                "`include` is all that the matrix has, and it is empty",
                "where it may be empty, skip the job with `if`",
            ),
            None => (
                "the matrix has neither a list of values nor `include`",
                "give it at least one key with a list of values",
            ),
        };
        reader.report_with(node.span, message, hint);
    }
    Some(matrix)
}

fn axis(reader: &mut Reader<'_>, entry: &Entry) -> Option<(String, Vec<Node>)> {
    let values = reader.list(
        &entry.value,
        &format!("`{}` of the matrix", crate::diagnostic::quoted(&entry.key)),
    )?;
    if values.is_empty() {
        // GitHub's runner: "Matrix vector '…' does not contain any values".
        let message = format!(
            "`{}` of the matrix has no values",
            crate::diagnostic::quoted(&entry.key)
        );
        reader.report_with(
            entry.key_span,
            message,
            "where a list may be empty, skip the job with `if`",
        );
        return None;
    }
    Some((entry.key.clone(), values.to_vec()))
}

/// The mappings of `include` or `exclude`, those that are expressions left out.
fn filters(reader: &mut Reader<'_>, entry: &Entry, expressions: Expressions) -> Vec<Node> {
    let what = format!("`{}`", entry.key);
    let Some(items) = reader.list(&entry.value, &what) else {
        return Vec::new();
    };
    let mut filters = Vec::new();
    for item in items.iter().filter(|item| !expressions.is_open(item)) {
        match reader.map(item, &format!("an item of {what}")) {
            Some([]) => reader.report(item.span, format!("an item of {what} is empty")),
            Some(_) => filters.push(item.clone()),
            None => {}
        }
    }
    filters
}
