//! `${name}` in a definition: what Terraform's `templatefile` fills in on AWS is filled in here on one machine.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    #[error("the definition has the placeholder ${{{0}}}, and no value was given for it")]
    Unknown(String),
    #[error("a value was given for ${{{0}}}, and the definition has no such placeholder")]
    Unused(String),
    #[error("the definition has \"${{\" without \"}}\" after it, at byte {0}")]
    Unclosed(usize),
    #[error(
        "the value for ${{{0}}} has a quotation mark, a backslash or a control character, which would break the JSON"
    )]
    Unsafe(String),
}

/// The definition with every placeholder replaced.
///
/// # Errors
/// A placeholder without a value, a value without a placeholder, and values that are not plain text.
pub fn substitute(definition: &str, values: &BTreeMap<&str, &str>) -> Result<String, PlaceholderError> {
    for (name, value) in values {
        if value.chars().any(|c| c == '"' || c == '\\' || c.is_control()) {
            return Err(PlaceholderError::Unsafe((*name).to_owned()));
        }
    }
    let mut unused: BTreeSet<&str> = values.keys().copied().collect();
    let mut filled = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some(start) = rest.find("${") {
        let unclosed = || PlaceholderError::Unclosed(definition.len() - rest.len() + start);
        let end = start + rest[start..].find('}').ok_or_else(unclosed)?;
        let name = &rest[start + 2..end];
        let value = values
            .get(name)
            .ok_or_else(|| PlaceholderError::Unknown(name.to_owned()))?;
        unused.remove(name);
        filled.push_str(&rest[..start]);
        filled.push_str(value);
        rest = &rest[end + 1..];
    }
    filled.push_str(rest);
    match unused.first() {
        Some(name) => Err(PlaceholderError::Unused((*name).to_owned())),
        None => Ok(filled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_nothing_is_left_over() {
        let values = BTreeMap::from([("a", "1"), ("b", "${a}")]);
        assert_eq!(
            substitute("x ${a}${b} $$.y ${a}", &values).as_deref(),
            Ok("x 1${a} $$.y 1")
        );
        for (text, values, message) in [
            (
                "${c}",
                vec![],
                "the definition has the placeholder ${c}, and no value was given for it",
            ),
            (
                "",
                vec![("a", "1")],
                "a value was given for ${a}, and the definition has no such placeholder",
            ),
            (
                "ab ${c",
                vec![],
                "the definition has \"${\" without \"}\" after it, at byte 3",
            ),
            (
                "${a}",
                vec![("a", "\"")],
                "the value for ${a} has a quotation mark, a backslash or a control character, which would break the JSON",
            ),
        ] {
            let error = substitute(text, &values.into_iter().collect()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
