//! Reference paths: `$`, `$.a`, `$.a.b`. The specification allows more (`$['a']`, `$.a[0]`, filters); the definitions here
//! need no more, so the rest is refused at load.

use crate::failure::{Failure, RESULT_PATH};
use serde_json::{Map, Value};
use std::fmt;

/// The way to one node of a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// Reads `$` followed by `.name` any number of times; names are of letters, digits, `_` and `-`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refused =
            || format!("{text:?} is not a path of the form $.name.name, the only one that is supported");
        let rest = text.strip_prefix('$').ok_or_else(refused)?;
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let names = rest
            .strip_prefix('.')
            .ok_or_else(refused)?
            .split('.')
            .map(str::to_owned);
        let names: Vec<String> = names.collect();
        let valid = |name: &String| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if names.iter().all(valid) {
            Ok(Self(names))
        } else {
            Err(refused())
        }
    }

    pub(crate) fn get<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.0
            .iter()
            .try_fold(root, |node, name| node.as_object()?.get(name))
    }

    /// `root` with `value` in this place; objects on the way are made where there are none.
    ///
    /// Specification, "Runtime Errors": where something that is not an object is in the way, the path can't be applied.
    pub(crate) fn put(&self, root: Value, value: Value) -> Result<Value, Failure> {
        let Some((last, parents)) = self.0.split_last() else {
            return Ok(value);
        };
        let mut root = root;
        let mut node = &mut root;
        for name in parents {
            node = self
                .object(node)?
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
        }
        self.object(node)?.insert(last.clone(), value);
        Ok(root)
    }

    fn object<'v>(&self, node: &'v mut Value) -> Result<&'v mut Map<String, Value>, Failure> {
        node.as_object_mut().ok_or_else(|| {
            Failure::new(
                RESULT_PATH,
                format!("the result can't be put at {self}: the input is no object there"),
            )
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

/// `ResultPath`: where a state's result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResultPath {
    /// `null`: nowhere; the output is the input.
    Discard,
    /// `$`, the default, replaces the input; a longer path puts the result into it.
    Put(Path),
}

impl ResultPath {
    pub(crate) const REPLACE: Self = Self::Put(Path(Vec::new()));

    pub(crate) fn apply(&self, input: Value, result: Value) -> Result<Value, Failure> {
        match self {
            Self::Discard => Ok(input),
            Self::Put(path) => path.put(input, result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_plain_paths_are_read() {
        for good in ["$", "$.a", "$.a.b_c.d-1"] {
            assert_eq!(Path::parse(good).map(|p| p.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "a",
            "$a",
            "$.",
            "$..a",
            "$.a.",
            "$.a[0]",
            "$['a']",
            "$$.Task.Token",
            "$.a b",
            "$.*",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_select_as_in_the_specification() {
        let root = json!({"foo": 123, "bar": ["a"], "car": {"cdr": true}});
        for (path, expected) in [
            ("$", Some(root.clone())),
            ("$.foo", Some(json!(123))),
            ("$.car.cdr", Some(json!(true))),
            ("$.car.nothing", None),
            ("$.foo.cdr", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().get(&root).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn results_are_placed_as_in_the_specification() {
        let input = json!({"master": {"detail": [1, 2, 3]}});
        for (path, expected) in [
            ("$", json!(6)),
            ("$.master.detail", json!({"master": {"detail": 6}})),
            (
                "$.master.result.sum",
                json!({"master": {"detail": [1, 2, 3], "result": {"sum": 6}}}),
            ),
            ("$.other", json!({"master": {"detail": [1, 2, 3]}, "other": 6})),
        ] {
            let placed = ResultPath::Put(Path::parse(path).unwrap()).apply(input.clone(), json!(6));
            assert_eq!(placed, Ok(expected), "{path}");
        }
        assert_eq!(ResultPath::Discard.apply(input.clone(), json!(6)), Ok(input));
        for (input, path) in [
            (json!("foo"), "$.x"),
            (json!({"a": 1}), "$.a.b"),
            (json!(null), "$.x"),
        ] {
            let failure = Path::parse(path).unwrap().put(input, json!(6)).unwrap_err();
            assert_eq!(failure.error.error, "States.ResultPathMatchFailure");
        }
    }
}
