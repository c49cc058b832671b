//! What an action is given: `with` over the defaults of its inputs.

use crate::environment::Variables;
use checkmill_workflow::expr::{ExprError, Scope, interpolate};
use checkmill_workflow::manifest::ActionInput;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Values by name, names in the case of the action's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<String, String>);

/// What is odd about a `with`; the step runs all the same, as on GitHub.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Oddities(pub Vec<String>);

impl Inputs {
    /// From a `with` whose expressions are filled in.
    ///
    /// # Errors
    /// A default that can't be computed, with the input's name.
    pub fn of(
        declared: &[ActionInput],
        with: &BTreeMap<String, String>,
        scope: &Scope<'_>,
    ) -> Result<(Self, Oddities), (String, ExprError)> {
        let mut values = BTreeMap::new();
        let mut odd = Oddities::default();
        for input in declared {
            let given = with
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&input.name));
            match (given, &input.default) {
                (Some((_, value)), _) => {
                    values.insert(input.name.clone(), value.clone());
                    if let Some(message) = &input.deprecation {
                        odd.0
                            .push(format!("The input {} is deprecated: {message}", input.name));
                    }
                }
                (None, Some(default)) => {
                    let value = interpolate(default, scope).map_err(|error| (input.name.clone(), error))?;
                    values.insert(input.name.clone(), value);
                }
                (None, None) if input.required => {
                    odd.0
                        .push(format!("The input {} is required, and not given", input.name));
                    values.insert(input.name.clone(), String::new());
                }
                (None, None) => {
                    values.insert(input.name.clone(), String::new());
                }
            }
        }
        let known = |name: &str| declared.iter().any(|input| input.name.eq_ignore_ascii_case(name));
        for (name, value) in with.iter().filter(|(name, _)| !known(name)) {
            odd.0.push(format!("The action has no input {name}"));
            values.insert(name.clone(), value.clone());
        }
        Ok((Self(values), odd))
    }

    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The `inputs` context.
    #[must_use]
    pub fn context(&self) -> Value {
        let entries = self.0.iter();
        Value::Object(
            entries
                .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
                .collect::<Map<_, _>>(),
        )
    }

    /// `INPUT_NAME`: upper case, blanks as underscores, everything else as it is (GitHub docs: "Metadata syntax", `inputs`).
    #[must_use]
    pub fn variables(&self) -> Variables {
        let entries = self.0.iter();
        entries
            .map(|(name, value)| {
                (
                    format!("INPUT_{}", name.replace(' ', "_").to_uppercase()),
                    value.clone(),
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_workflow::expr::JobStatus;
    use serde_json::json;

    fn input(name: &str, required: bool, default: Option<&str>, deprecation: Option<&str>) -> ActionInput {
        ActionInput {
            name: name.to_owned(),
            required,
            default: default.map(str::to_owned),
            deprecation: deprecation.map(str::to_owned),
        }
    }

    #[test]
    fn given_default_missing_and_unknown() {
        let contexts = json!({"github": {"token": "t"}}).as_object().unwrap().clone();
        let scope = Scope {
            contexts: &contexts,
            status: JobStatus::Success,
            files: None,
        };
        let declared = [
            input("my Input", true, Some("x"), Some("use other")),
            input("token", false, Some("${{ github.token }}"), None),
            input("needed", true, None, None),
            input("free-form", false, None, Some("unseen")),
        ];
        let with = [("MY INPUT", "given"), ("extra.x", "1")];
        let with = with
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let (inputs, odd) = Inputs::of(&declared, &with, &scope).unwrap();
        assert_eq!(
            inputs.context(),
            json!({"my Input": "given", "token": "t", "needed": "", "free-form": "", "extra.x": "1"})
        );
        let variables: Vec<String> = inputs
            .variables()
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            variables,
            [
                "INPUT_EXTRA.X=1",
                "INPUT_FREE-FORM=",
                "INPUT_MY_INPUT=given",
                "INPUT_NEEDED=",
                "INPUT_TOKEN=t"
            ]
        );
        assert_eq!(
            odd.0,
            [
                "The input my Input is deprecated: use other",
                "The input needed is required, and not given",
                "The action has no input extra.x",
            ]
        );
        let broken = [input("a", false, Some("${{ fromJSON('{') }}"), None)];
        let (name, _) = Inputs::of(&broken, &BTreeMap::new(), &scope).unwrap_err();
        assert_eq!(name, "a");
    }
}
