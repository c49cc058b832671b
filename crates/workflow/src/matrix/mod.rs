//! The legs of a matrix.
//!
//! Source: GitHub docs, "Running variations of jobs in a workflow", and where they are silent `MatrixBuilder` of GitHub's
//! runner: values are compared as `==` of expressions does it, leaf by leaf, so that `include` and `exclude` may name a
//! part of a mapping; `include` goes by the combinations that `exclude` has left, and what it can't be added to becomes a
//! leg of its own; a leg is named after the values of its combination, not after what `include` added to it.

mod filter;
mod legs;

use crate::diagnostic::quoted;
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::Span;
use crate::yaml::{Entry, Node};
use checkmill_core::limits::MATRIX_LEGS;
use filter::{Filter, Include};
use legs::Legs;
pub(crate) use legs::checked;
use serde_json::{Map, Value as Json};

/// Combinations before `exclude`: beyond, a matrix is a mistake.
const COMBINATIONS: usize = 16_384;
/// Values that `include` and `exclude` may compare with all combinations together: well below a second.
const COMPARISONS: usize = 4_000_000;

/// `strategy.matrix`, evaluated. Axes and mappings are in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) span: Span,
    /// Each with at least one value.
    pub(crate) axes: Vec<(String, Vec<Node>)>,
    /// Mappings, none of them empty.
    pub(crate) include: Vec<Node>,
    pub(crate) exclude: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MatrixLeg {
    /// The `matrix` context.
    pub(crate) values: Map<String, Json>,
    /// The values that GitHub shows in parentheses after the job's name.
    pub(crate) shown: Vec<String>,
    /// The values as JSON with sorted keys; of equal legs the second and later ones have `#2`, `#3`, … behind it.
    pub(crate) text: String,
}

/// The legs in GitHub's order: the last axis varies fastest, `include`'s own legs come last. At least one, or a report.
pub(crate) fn legs(reader: &mut Reader<'_>, matrix: &Matrix) -> Option<Vec<MatrixLeg>> {
    let lengths = || matrix.axes.iter().map(|(_, values)| values.len());
    let combinations = combinations(reader, matrix.span, lengths())?;
    let excludes: Vec<Filter> = matrix.exclude.iter().map(Filter::of).collect();
    let mut includes: Vec<Include<'_>> = matrix
        .include
        .iter()
        .map(|item| Include::of(item, matrix))
        .collect();
    exclude_keys(reader, matrix)?;
    let compared: usize = excludes
        .iter()
        .chain(includes.iter().map(|i| &i.filter))
        .map(|f| f.size())
        .sum();
    if compared.saturating_mul(combinations) > COMPARISONS {
        let message = "the matrix is too large: `include` and `exclude` compare too many values";
        reader.report_as(Rule::Matrix, matrix.span, message, None);
        return None;
    }
    let mut legs = Legs::default();
    for index in 0..combinations {
        let combination = combination(matrix, index, combinations);
        let values: Map<String, Json> = combination
            .iter()
            .map(|(name, node)| ((*name).to_owned(), node.to_json()))
            .collect();
        if excludes.iter().any(|filter| filter.matches(&values)) {
            continue;
        }
        let mut all = values.clone();
        for include in &mut includes {
            if include.filter.matches(&values) {
                include.used = true;
                all.extend(
                    include
                        .extra
                        .iter()
                        .map(|entry| (entry.key.clone(), entry.value.to_json())),
                );
            }
        }
        legs.push(all, combination.iter().map(|(_, node)| *node));
        // One that is too large is enough to refuse them all, which would not fit into memory.
        if legs.list.len() > MATRIX_LEGS || legs.list.last().is_some_and(MatrixLeg::is_too_large) {
            break;
        }
    }
    for include in includes.iter().filter(|include| !include.used) {
        let entries = || include.named.iter().chain(&include.extra);
        let values = entries()
            .map(|entry| (entry.key.clone(), entry.value.to_json()))
            .collect();
        legs.push(values, entries().map(|entry| &entry.value));
    }
    if legs.list.is_empty() {
        let message = "the matrix has no legs: `exclude` leaves none of its combinations";
        let hint = "where that may happen, skip the job with `if`".to_owned();
        reader.report_as(Rule::Matrix, matrix.span, message, Some(hint));
        return None;
    }
    checked(reader, matrix.span, legs.list)
}

/// Reports a matrix that has too many legs whatever its expressions give: each value and each list stands for one at least.
pub(crate) fn check_size(reader: &mut Reader<'_>, matrix: &Matrix) {
    let lengths = matrix.axes.iter().map(|(_, values)| values.len());
    let combinations = combinations(reader, matrix.span, lengths);
    if combinations.is_some_and(|combinations| combinations > MATRIX_LEGS) {
        legs::too_many(reader, matrix.span);
    }
}

/// The items of `exclude` that no combination matches. None of a matrix that is too large to look at them all.
pub(crate) fn idle_excludes(matrix: &Matrix) -> Vec<&Node> {
    let sizes = matrix.axes.iter().map(|(_, values)| values.len());
    let combinations = sizes.fold(1_usize, usize::saturating_mul);
    let filters: Vec<(&Node, Filter)> = matrix
        .exclude
        .iter()
        .map(|item| (item, Filter::of(item)))
        .collect();
    let compared: usize = filters.iter().map(|(_, filter)| filter.size()).sum();
    if matrix.axes.is_empty() || combinations.saturating_mul(compared.max(1)) > COMPARISONS {
        return Vec::new();
    }
    let mut idle = filters;
    for index in 0..combinations {
        let combination = combination(matrix, index, combinations);
        let values: Map<String, Json> = combination
            .iter()
            .map(|(name, node)| ((*name).to_owned(), node.to_json()))
            .collect();
        idle.retain(|(_, filter)| !filter.matches(&values));
    }
    idle.into_iter().map(|(item, _)| item).collect()
}

/// How many combinations axes of these lengths have; none without axes.
pub(crate) fn combinations(
    reader: &mut Reader<'_>,
    span: Span,
    lengths: impl Iterator<Item = usize>,
) -> Option<usize> {
    let product = lengths
        .map(Some)
        .reduce(|product, length| product?.checked_mul(length?))
        .unwrap_or(Some(0));
    match product {
        Some(product) if product <= COMBINATIONS => Some(product),
        _ => {
            let message = format!(
                "the matrix has more than {COMBINATIONS} combinations; at most {MATRIX_LEGS} legs can run"
            );
            reader.report_as(Rule::Matrix, span, message, None);
            None
        }
    }
}

/// The place of each axis' value in the combination of this number. The first axis varies slowest.
pub(crate) fn choice(
    lengths: impl Iterator<Item = usize>,
    index: usize,
    combinations: usize,
) -> impl Iterator<Item = usize> {
    let mut block = combinations;
    lengths.map(move |length| {
        block /= length;
        (index / block) % length
    })
}

fn combination(matrix: &Matrix, index: usize, combinations: usize) -> Vec<(&str, &Node)> {
    let lengths = matrix.axes.iter().map(|(_, values)| values.len());
    matrix
        .axes
        .iter()
        .zip(choice(lengths, index, combinations))
        .map(|((name, values), at)| (name.as_str(), &values[at]))
        .collect()
}

/// GitHub's runner: "Matrix exclude key '…' does not match any key within the matrix".
fn exclude_keys(reader: &mut Reader<'_>, matrix: &Matrix) -> Option<()> {
    let unknown: Vec<&Entry> = (matrix.exclude.iter().filter_map(Node::entries).flatten())
        .filter(|entry| {
            !matrix
                .axes
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(&entry.key))
        })
        .collect();
    for entry in &unknown {
        let message = format!(
            "`exclude` names `{}`, which is not a key of the matrix",
            quoted(&entry.key)
        );
        let axes = matrix.axes.iter().map(|(name, _)| name.as_str());
        let hint = crate::nearest::nearest(&entry.key, axes).map(|near| format!("did you mean `{near}`?"));
        reader.report_as(Rule::Matrix, entry.key_span, message, hint);
    }
    unknown.is_empty().then_some(())
}
