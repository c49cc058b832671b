//! Payload templates: the value of `Parameters`.

use crate::failure::Failure;
use crate::path::Path;
use serde_json::{Map, Value};

/// The fields of the context object (`$$`) that the definitions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextField {
    /// `$$.Task.Token`
    TaskToken,
    /// `$$.StateMachine.Id`
    StateMachineId,
}

/// What the context object holds while a task's parameters are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) state_machine_id: &'a str,
    /// Only in a task that waits for its token.
    pub(crate) task_token: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    Input(Path),
    Context(ContextField),
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
}

impl Template {
    /// Reads a template. An error says which key is at fault and why.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => {
                let mut entries: Vec<(String, Self)> = Vec::with_capacity(fields.len());
                for (key, value) in fields {
                    let entry = Self::field(key, value).map_err(|why| format!("{key}: {why}"))?;
                    if entries.iter().any(|(name, _)| *name == entry.0) {
                        return Err(format!("{key}: the field {:?} is given twice", entry.0));
                    }
                    entries.push(entry);
                }
                Ok(Self::Object(entries))
            }
            Value::Array(items) => Ok(Self::Array(
                items.iter().map(Self::parse).collect::<Result<_, _>>()?,
            )),
            literal => Ok(Self::Literal(literal.clone())),
        }
    }

    fn field(key: &str, value: &Value) -> Result<(String, Self), String> {
        let Some(name) = key.strip_suffix(".$") else {
            return Ok((key.to_owned(), Self::parse(value)?));
        };
        let path = value
            .as_str()
            .ok_or("must be a path, as its name ends in \".$\"")?;
        let template = match path {
            "$$.Task.Token" => Self::Context(ContextField::TaskToken),
            "$$.StateMachine.Id" => Self::Context(ContextField::StateMachineId),
            _ if path.starts_with("$$") => {
                return Err(format!(
                    "{path} is not supported; of the context object only $$.Task.Token and $$.StateMachine.Id are"
                ));
            }
            _ if path.starts_with("States.") => {
                return Err("intrinsic functions are not supported".to_owned());
            }
            _ => Self::Input(Path::parse(path)?),
        };
        Ok((name.to_owned(), template))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, field)| field),
            _ => None,
        }
    }

    /// The names of an object's fields, without `.$`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Object(fields) => fields.as_slice(),
            _ => &[],
        }
        .iter()
        .map(|(name, _)| name.as_str())
    }

    pub(crate) fn mentions(&self, wanted: ContextField) -> bool {
        match self {
            Self::Literal(_) | Self::Input(_) => false,
            Self::Context(field) => *field == wanted,
            Self::Object(fields) => fields.iter().any(|(_, field)| field.mentions(wanted)),
            Self::Array(items) => items.iter().any(|item| item.mentions(wanted)),
        }
    }

    /// The payload for an input.
    ///
    /// A path that leads nowhere is `States.Runtime`: AWS docs, "Error names", reserve the specification's
    /// `States.ParameterPathFailure` for the future.
    pub(crate) fn fill(&self, input: &Value, context: &Context<'_>) -> Result<Value, Failure> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Input(path) => path.get(input).cloned().ok_or_else(|| {
                Failure::runtime(format!(
                    "the path {path} in Parameters leads to nothing in the state's input"
                ))
            }),
            Self::Context(ContextField::StateMachineId) => Ok(context.state_machine_id.into()),
            Self::Context(ContextField::TaskToken) => context
                .task_token
                .map(Value::from)
                .ok_or_else(|| Failure::runtime("$$.Task.Token is only there in a task that waits for it")),
            Self::Object(fields) => {
                let fill = |(name, field): &(String, Self)| Ok((name.clone(), field.fill(input, context)?));
                Ok(Value::Object(
                    fields.iter().map(fill).collect::<Result<Map<_, _>, Failure>>()?,
                ))
            }
            Self::Array(items) => Ok(Value::Array(
                items
                    .iter()
                    .map(|item| item.fill(input, context))
                    .collect::<Result<_, _>>()?,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_whose_name_ends_in_a_dollar_are_filled_in() {
        let template = json!({
            "flagged": true,
            "parts": {"first.$": "$.vals.first", "all.$": "$.vals"},
            "list": [{"whole.$": "$"}, 1],
            "token.$": "$$.Task.Token",
            "machine.$": "$$.StateMachine.Id",
            "text": "$.not.a.path"
        });
        let input = json!({"vals": {"first": 0}});
        let context = Context {
            state_machine_id: "arn:m",
            task_token: Some("t"),
        };
        assert_eq!(
            Template::parse(&template).unwrap().fill(&input, &context),
            Ok(json!({
                "flagged": true,
                "parts": {"first": 0, "all": {"first": 0}},
                "list": [{"whole": {"vals": {"first": 0}}}, 1],
                "token": "t",
                "machine": "arn:m",
                "text": "$.not.a.path"
            }))
        );
    }

    #[test]
    fn a_path_to_nothing_is_a_runtime_error() {
        let context = Context {
            state_machine_id: "arn:m",
            task_token: None,
        };
        for template in [json!({"a.$": "$.missing"}), json!({"a.$": "$$.Task.Token"})] {
            let failure = Template::parse(&template)
                .unwrap()
                .fill(&json!({}), &context)
                .unwrap_err();
            assert_eq!(failure.error.error, "States.Runtime");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for template in [
            json!({"a.$": "$$.Execution.Id"}),
            json!({"a.$": "States.UUID()"}),
            json!({"a.$": 1}),
            json!({"a.$": "$.b[0]"}),
            json!({"a.$": "$.b", "a": 1}),
            json!([{"b": {"a.$": "$$"}}]),
        ] {
            assert!(Template::parse(&template).is_err(), "{template}");
        }
    }
}
