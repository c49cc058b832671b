//! `parametrize`: the combinations of parameters that a file runs with.
//!
//! Where it differs from GitHub's matrix: `include` only adds combinations, `exclude` comes last and removes those too, and
//! a value is equal to another one of the same type only.

use super::keys;
use crate::diagnostic::quoted;
use crate::matrix;
use crate::read::{Fields, Reader};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits::MATRIX_LEGS;

/// What no parameter may be called: it would take the script's place.
const RESTRICTED: [&str; 2] = ["env", "run"];
/// Values that `exclude` may compare with all combinations together: well below a second.
const COMPARISONS: usize = 4_000_000;

/// The parameters of one run, in the order in which they are shown.
pub(super) type Parameters<'n> = Vec<(&'n str, &'n Node)>;

/// The combinations, which may be none at all; none without `parametrize`. No more than one above the limit of legs.
pub(super) fn combinations<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>) -> Option<Vec<Parameters<'n>>> {
    let node = fields.get("parametrize").filter(|node| !is_nothing(node))?;
    let fields = reader.fields(node, &keys::PARAMETRIZE, "`parametrize`")?;
    let axes = fields.get("matrix").filter(|node| !is_nothing(node));
    let axes = axes.map(|node| axes_of(reader, node)).unwrap_or_default();
    let include = items(reader, &fields, "include");
    for entry in include.iter().filter_map(|item| item.entries()).flatten() {
        check_name(reader, entry);
    }
    let exclude = items(reader, &fields, "exclude");
    let lengths = || axes.iter().map(|(_, values)| values.len());
    let product = matrix::combinations(reader, node.span, lengths())?;
    let compared: usize = exclude
        .iter()
        .filter_map(|item| item.entries())
        .map(<[_]>::len)
        .sum();
    if compared.saturating_mul(product.saturating_add(include.len())) > COMPARISONS {
        let message = "`parametrize` is too large: `exclude` compares too many values";
        reader.report(node.span, message);
        return None;
    }
    let crossed = (0..product).map(|index| {
        let chosen = axes.iter().zip(matrix::choice(lengths(), index, product));
        chosen.map(|((name, values), at)| (*name, &values[at])).collect()
    });
    let included = include.iter().map(|item| {
        let entries = item.entries().unwrap_or(&[]);
        entries
            .iter()
            .map(|entry| (entry.key.as_str(), &entry.value))
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
fn axes_of<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Vec<(&'n str, &'n [Node])> {
    let Some(entries) = reader.map(node, "`matrix`") else {
        return Vec::new();
    };
    let mut axes = Vec::with_capacity(entries.len());
    for entry in entries {
        check_name(reader, entry);
        let what = format!("`{}` of the matrix", quoted(&entry.key));
        if let Some(values) = reader.list(&entry.value, &what) {
            axes.push((entry.key.as_str(), values));
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
fn excludes(item: &Node, parameters: &Parameters<'_>) -> bool {
    item.entries().unwrap_or(&[]).iter().all(|entry| {
        let own = parameters.iter().find(|(key, _)| *key == entry.key);
        own.map_or(entry.value.value == Value::Null, |(_, node)| {
            node.is_same(&entry.value)
        })
    })
}
