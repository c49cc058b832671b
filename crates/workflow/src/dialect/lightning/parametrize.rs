//! `parametrize`: the combinations of parameters that a file runs with.
//!
//! Where it differs from GitHub's matrix: `include` only adds combinations, `exclude` comes last and removes those too, and
//! a value is equal to another one of the same type only.

use super::keys;
use crate::diagnostic::quoted;
use crate::matrix::{self, Matrix};
use crate::read::{Fields, Reader};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits::MATRIX_LEGS;

/// What no parameter may be called: it would take the script's place.
const RESTRICTED: [&str; 2] = ["env", "run"];
/// Values that `exclude` may compare with all combinations together: well below a second.
const COMPARISONS: usize = 4_000_000;

/// The parameters of one run, in the order in which they are shown.
pub(super) type Parameters = Vec<(String, Node)>;

/// The combinations, which may be none at all; none without `parametrize`. No more than one above the limit of legs.
pub(super) fn combinations(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Vec<Parameters>> {
    let node = fields.get("parametrize").filter(|node| !is_nothing(node))?;
    let fields = reader.fields(node, &keys::PARAMETRIZE, "`parametrize`")?;
    let axes = fields.get("matrix").filter(|node| !is_nothing(node));
    let axes = axes.map(|node| axes_of(reader, node)).unwrap_or_default();
    let include = items(reader, &fields, "include");
    for entry in include.iter().filter_map(|item| item.entries()).flatten() {
        check_name(reader, entry);
    }
    let exclude = items(reader, &fields, "exclude");
    let matrix = Matrix {
        span: node.span,
        axes,
        include: Vec::new(),
        exclude: Vec::new(),
    };
    let product = matrix::combinations(reader, &matrix)?;
    let compared: usize = exclude
        .iter()
        .filter_map(|item| item.entries())
        .map(<[_]>::len)
        .sum();
    if compared.saturating_mul(product.max(include.len())) > COMPARISONS {
        reader.report(
            node.span,
            "`parametrize` is too large: `exclude` compares too many values",
        );
        return None;
    }
    let own = |(key, node): (&str, &Node)| (key.to_owned(), node.clone());
    let crossed = (0..product).map(|index| {
        matrix::combination(&matrix, index, product)
            .into_iter()
            .map(own)
            .collect()
    });
    let included = include.iter().map(|item| {
        let entries = item.entries().unwrap_or(&[]);
        entries
            .iter()
            .map(|entry| own((&entry.key, &entry.value)))
            .collect()
    });
    let kept = crossed
        .chain(included)
        .filter(|parameters| !exclude.iter().any(|item| excludes(item, parameters)));
    Some(kept.take(MATRIX_LEGS + 1).collect())
}

fn is_nothing(node: &Node) -> bool {
    node.value == Value::Null || node.entries().is_some_and(<[Entry]>::is_empty)
}

/// `matrix`, in the order of the file.
fn axes_of(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, Vec<Node>)> {
    let Some(entries) = reader.map(node, "`matrix`") else {
        return Vec::new();
    };
    let mut axes = Vec::with_capacity(entries.len());
    for entry in entries {
        check_name(reader, entry);
        let what = format!("`{}` of the matrix", quoted(&entry.key));
        if let Some(values) = reader.list(&entry.value, &what) {
            axes.push((entry.key.clone(), values.to_vec()));
        }
    }
    axes
}

fn check_name(reader: &mut Reader<'_>, entry: &Entry) {
    if RESTRICTED.contains(&entry.key.as_str()) {
        let message = format!("`{}` can't be a parameter", entry.key);
        let hint = "use another name; the script sees parameters as environment variables";
        reader.report_with(entry.key_span, message, hint);
    }
}

/// The mappings of `include` or `exclude`.
fn items<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, key: &str) -> Vec<&'n Node> {
    let what = format!("`{key}`");
    let Some(node) = fields.get(key).filter(|node| node.value != Value::Null) else {
        return Vec::new();
    };
    let mut items = Vec::new();
    for item in reader.list(node, &what).unwrap_or(&[]) {
        match reader.map(item, &format!("an item of {what}")) {
            Some([]) => reader.report(item.span, format!("an item of {what} is empty")),
            Some(_) => items.push(item),
            None => {}
        }
    }
    items
}

/// Whether all that the item lists is so; nothing is equal to what is not there.
fn excludes(item: &Node, parameters: &Parameters) -> bool {
    let nothing = serde_json::Value::Null;
    item.entries().unwrap_or(&[]).iter().all(|entry| {
        let own = parameters.iter().find(|(key, _)| *key == entry.key);
        own.map_or(nothing.clone(), |(_, node)| node.to_json()) == entry.value.to_json()
    })
}
