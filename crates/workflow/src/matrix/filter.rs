//! The items of `include` and `exclude`.

use super::Matrix;
use crate::expr;
use crate::yaml::{Entry, Node, Value};
use serde_json::{Map, Value as Json};

/// What an item of `include` or `exclude` wants of a combination: these values at these places.
pub(super) struct Filter {
    leaves: Vec<(Vec<Key>, Json)>,
}

enum Key {
    Name(String),
    Index(usize),
}

impl Filter {
    pub(super) fn of(item: &Node) -> Self {
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
                self.leaves.push((path.collect(), node.to_json()));
            }
        }
    }

    /// How many values it compares.
    pub(super) fn size(&self) -> usize {
        self.leaves.len()
    }

    pub(super) fn matches(&self, values: &Map<String, Json>) -> bool {
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

pub(super) struct Include<'m> {
    pub(super) filter: Filter,
    /// Entries whose key is an axis.
    pub(super) named: Vec<&'m Entry>,
    /// The others: what is added.
    pub(super) extra: Vec<&'m Entry>,
    pub(super) used: bool,
}

impl<'m> Include<'m> {
    pub(super) fn of(item: &'m Node, matrix: &Matrix) -> Self {
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
