//! The list of legs: what they are called, how they are told apart, and its limits.

use super::MatrixLeg;
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::Span;
use crate::text::number_text;
use crate::yaml::{Node, Value};
use checkmill_core::limits::MATRIX_LEGS;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// A leg's values as JSON: they are part of the job's row.
const LEG_BYTES: usize = 32 * 1024;

#[derive(Default)]
pub(super) struct Legs {
    pub(super) list: Vec<MatrixLeg>,
}

impl Legs {
    pub(super) fn push<'n>(&mut self, values: Map<String, Json>, shown: impl Iterator<Item = &'n Node>) {
        let mut segments = Vec::new();
        shown.for_each(|node| show(node, &mut segments));
        let text = Json::Object(values.clone()).to_string();
        self.list.push(MatrixLeg {
            values,
            shown: segments,
            text,
        });
    }
}

impl MatrixLeg {
    pub(crate) const fn is_too_large(&self) -> bool {
        self.text.len() > LEG_BYTES
    }
}

/// The legs, if they keep to the limits; equal ones told apart.
pub(crate) fn checked(
    reader: &mut Reader<'_>,
    span: Span,
    mut legs: Vec<MatrixLeg>,
) -> Option<Vec<MatrixLeg>> {
    if legs.len() > MATRIX_LEGS {
        too_many(reader, span);
        return None;
    }
    if legs.iter().any(MatrixLeg::is_too_large) {
        reader.report(
            span,
            format!(
                "the values of a leg of the matrix have more than {} KiB",
                LEG_BYTES / 1024
            ),
        );
        return None;
    }
    number_equal_ones(&mut legs);
    Some(legs)
}

pub(super) fn too_many(reader: &mut Reader<'_>, span: Span) {
    let message = format!("the matrix has more than {MATRIX_LEGS} legs");
    let hint = "leave some out with `exclude`, or make several jobs of it".to_owned();
    reader.report_as(Rule::Matrix, span, message, Some(hint));
}

/// GitHub runs equal legs as often as they are there; ours need texts of their own, as job ids derive from them.
fn number_equal_ones(legs: &mut [MatrixLeg]) {
    let mut seen = BTreeMap::<String, usize>::new();
    for leg in legs {
        let count = seen.entry(leg.text.clone()).or_default();
        *count += 1;
        if *count > 1 {
            leg.text = format!("{}#{count}", leg.text);
        }
    }
}

/// The scalars of a value in their order, as GitHub's names show them: no keys, nothing for null and empty texts.
fn show(node: &Node, segments: &mut Vec<String>) {
    match &node.value {
        Value::Null => {}
        Value::Bool(value) => segments.push(value.to_string()),
        Value::Number(value) => segments.push(number_text(*value)),
        Value::Text(text) if text.is_empty() => {}
        Value::Text(text) => segments.push(text.clone()),
        Value::List(items) => items.iter().for_each(|item| show(item, segments)),
        Value::Map(entries) => entries.iter().for_each(|entry| show(&entry.value, segments)),
    }
}
