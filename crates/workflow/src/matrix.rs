//! The legs of a matrix.
//!
//! Source: GitHub docs, "Running variations of jobs in a workflow", and where they are silent `MatrixBuilder` of GitHub's
//! runner: values are compared as `==` of expressions does it, leaf by leaf, so that `include` and `exclude` may name a
//! part of a mapping; `include` goes by the combinations that `exclude` has left, and what it can't be added to becomes a
//! leg of its own; a leg is named after the values of its combination, not after what `include` added to it.

use crate::diagnostic::quoted;
use crate::expr;
use crate::read::Reader;
use crate::source::Span;
use crate::text::number_text;
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits::MATRIX_LEGS;
use serde_json::{Map, Value as Json};

/// Combinations before `exclude`: beyond, a matrix is a mistake.
const COMBINATIONS: usize = 16_384;
/// Values that `include` and `exclude` may compare with all combinations together: well below a second.
const COMPARISONS: usize = 4_000_000;
/// A leg's values as JSON: they are part of the job's row.
const LEG_BYTES: usize = 32 * 1024;

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
    let combinations = combinations(reader, matrix)?;
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
        .map(|f| f.leaves.len())
        .sum();
    if compared.saturating_mul(combinations) > COMPARISONS {
        reader.report(
            matrix.span,
            "the matrix is too large: `include` and `exclude` compare too many values",
        );
        return None;
    }
    let mut legs = Legs::default();
    for index in 0..combinations {
        let combination = combination(matrix, index, combinations);
        let values: Map<String, Json> = combination
            .iter()
            .map(|(name, node)| ((*name).to_owned(), json(node)))
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
                        .map(|entry| (entry.key.clone(), json(&entry.value))),
                );
            }
        }
        legs.push(all, combination.iter().map(|(_, node)| *node));
        if legs.list.len() > MATRIX_LEGS {
            break;
        }
    }
    for include in includes.iter().filter(|include| !include.used) {
        let entries = || include.named.iter().chain(&include.extra);
        let values = entries()
            .map(|entry| (entry.key.clone(), json(&entry.value)))
            .collect();
        legs.push(values, entries().map(|entry| &entry.value));
    }
    legs.checked(reader, matrix)
}

/// How many combinations the axes have; none without axes.
fn combinations(reader: &mut Reader<'_>, matrix: &Matrix) -> Option<usize> {
    if matrix.axes.is_empty() {
        return Some(0);
    }
    let product = matrix
        .axes
        .iter()
        .try_fold(1_usize, |product, (_, values)| product.checked_mul(values.len()));
    match product {
        Some(product) if product <= COMBINATIONS => Some(product),
        _ => {
            let message = format!(
                "the matrix has more than {COMBINATIONS} combinations; at most {MATRIX_LEGS} legs can run"
            );
            reader.report(matrix.span, message);
            None
        }
    }
}

/// The combination of this number. The first axis varies slowest.
fn combination(matrix: &Matrix, index: usize, combinations: usize) -> Vec<(&str, &Node)> {
    let mut block = combinations;
    let value = |(name, values): &'_ (String, Vec<Node>)| {
        block /= values.len();
        (name.len(), (index / block) % values.len())
    };
    let chosen: Vec<usize> = matrix.axes.iter().map(value).map(|(_, at)| at).collect();
    matrix
        .axes
        .iter()
        .zip(chosen)
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
        match crate::nearest::nearest(&entry.key, axes) {
            Some(near) => reader.report_with(entry.key_span, message, format!("did you mean `{near}`?")),
            None => reader.report(entry.key_span, message),
        }
    }
    unknown.is_empty().then_some(())
}

/// What an item of `include` or `exclude` wants of a combination: these values at these places.
struct Filter {
    leaves: Vec<(Vec<Key>, Json)>,
}

enum Key {
    Name(String),
    Index(usize),
}

impl Filter {
    fn of(item: &Node) -> Self {
        Self::of_entries(item.entries().unwrap_or(&[]))
    }

    fn of_entries<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Self {
        let mut filter = Self { leaves: Vec::new() };
        for entry in entries {
            filter.add(&mut vec![entry.key.clone().into()], &entry.value);
        }
        filter
    }

    fn add(&mut self, path: &mut Vec<Key>, node: &Node) {
        let mut inside = |key: Key, value: &Node| {
            path.push(key);
            self.add(path, value);
            path.pop();
        };
        match &node.value {
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| inside(entry.key.clone().into(), &entry.value)),
            Value::List(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| inside(Key::Index(index), item));
            }
            _ => {
                let path = path.iter().map(|key| match key {
                    Key::Name(name) => Key::Name(name.clone()),
                    Key::Index(index) => Key::Index(*index),
                });
                self.leaves.push((path.collect(), json(node)));
            }
        }
    }

    fn matches(&self, values: &Map<String, Json>) -> bool {
        self.leaves
            .iter()
            .all(|(path, wanted)| expr::equal(find(values, path), wanted))
    }
}

impl From<String> for Key {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

/// What is at a path; null where there is nothing.
fn find<'v>(values: &'v Map<String, Json>, path: &[Key]) -> &'v Json {
    const NOTHING: &Json = &Json::Null;
    fn field<'v>(fields: &'v Map<String, Json>, name: &str) -> &'v Json {
        let exact = fields.get(name);
        exact
            .or_else(|| {
                fields
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .unwrap_or(NOTHING)
    }
    let Some((Key::Name(first), rest)) = path.split_first() else {
        return NOTHING;
    };
    rest.iter().fold(field(values, first), |at, key| match (at, key) {
        (Json::Object(fields), Key::Name(name)) => field(fields, name),
        (Json::Array(items), Key::Index(index)) => items.get(*index).unwrap_or(NOTHING),
        _ => NOTHING,
    })
}

struct Include<'m> {
    filter: Filter,
    /// Entries whose key is an axis.
    named: Vec<&'m Entry>,
    /// The others: what is added.
    extra: Vec<&'m Entry>,
    used: bool,
}

impl<'m> Include<'m> {
    fn of(item: &'m Node, matrix: &Matrix) -> Self {
        let is_axis = |entry: &&Entry| {
            matrix
                .axes
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(&entry.key))
        };
        let (named, extra): (Vec<&Entry>, Vec<&Entry>) =
            item.entries().unwrap_or(&[]).iter().partition(is_axis);
        Self {
            filter: Filter::of_entries(named.iter().copied()),
            named,
            extra,
            used: false,
        }
    }
}

#[derive(Default)]
struct Legs {
    list: Vec<MatrixLeg>,
}

impl Legs {
    fn push<'n>(&mut self, values: Map<String, Json>, shown: impl Iterator<Item = &'n Node>) {
        let mut segments = Vec::new();
        shown.for_each(|node| show(node, &mut segments));
        let text = Json::Object(values.clone()).to_string();
        self.list.push(MatrixLeg {
            values,
            shown: segments,
            text,
        });
    }

    fn checked(mut self, reader: &mut Reader<'_>, matrix: &Matrix) -> Option<Vec<MatrixLeg>> {
        if self.list.len() > MATRIX_LEGS {
            reader.report_with(
                matrix.span,
                format!("the matrix has more than {MATRIX_LEGS} legs"),
                "leave some out with `exclude`, or make several jobs of it",
            );
            return None;
        }
        if self.list.is_empty() {
            reader.report_with(
                matrix.span,
                "the matrix has no legs: `exclude` leaves none of its combinations",
                "where that may happen, skip the job with `if`",
            );
            return None;
        }
        if self.list.iter().any(|leg| leg.text.len() > LEG_BYTES) {
            reader.report(
                matrix.span,
                format!(
                    "the values of a leg of the matrix have more than {} KiB",
                    LEG_BYTES / 1024
                ),
            );
            return None;
        }
        self.number_equal_ones();
        Some(self.list)
    }

    /// GitHub runs equal legs as often as they are there; ours need texts of their own, as job ids derive from them.
    fn number_equal_ones(&mut self) {
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        for leg in &mut self.list {
            let count = seen.entry(leg.text.clone()).or_default();
            *count += 1;
            if *count > 1 {
                leg.text = format!("{}#{count}", leg.text);
            }
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

fn json(node: &Node) -> Json {
    node.to_json()
}
