//! Whether a query fits the schema, before anything of it runs.

use super::error::QueryError;
use super::schema::{ArgType, FieldDef, Kind, TypeName};
use graphql_parser::Pos;
use graphql_parser::query::{
    Definition, Document, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    TypeCondition, Value, VariableDefinition,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Deeper than any sensible query, and what keeps fragments that include each other from running forever.
const DEPTH: usize = 30;

pub(super) type Text = String;

/// A query that fits the schema, ready to run.
pub(super) struct Checked<'d> {
    pub(super) selection: &'d SelectionSet<'static, Text>,
    pub(super) variables: &'d [VariableDefinition<'static, Text>],
    pub(super) fragments: BTreeMap<&'d str, &'d FragmentDefinition<'static, Text>>,
}

pub(super) fn check<'d>(
    document: &'d Document<'static, Text>,
    operation: Option<&str>,
) -> Result<Checked<'d>, Vec<QueryError>> {
    let fragments = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
            Definition::Operation(_) => None,
        })
        .collect();
    let (selection, variables, name) = choose(document, operation).map_err(|error| vec![error])?;
    let checked = Checked {
        selection,
        variables,
        fragments,
    };
    let mut validator = Validator {
        checked: &checked,
        errors: Vec::new(),
    };
    let root = match name {
        Some(name) => format!("query {name}"),
        None => "query".to_owned(),
    };
    validator.selection(selection, TypeName::Query, &[root]);
    let errors = validator.errors;
    if errors.is_empty() {
        Ok(checked)
    } else {
        Err(errors)
    }
}

type Chosen<'d> = (
    &'d SelectionSet<'static, Text>,
    &'d [VariableDefinition<'static, Text>],
    Option<&'d str>,
);

fn choose<'d>(document: &'d Document<'static, Text>, wanted: Option<&str>) -> Result<Chosen<'d>, QueryError> {
    let operations: Vec<&OperationDefinition<'static, Text>> = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::Operation(operation) => Some(operation),
            Definition::Fragment(_) => None,
        })
        .collect();
    let chosen = match (wanted, operations.as_slice()) {
        (None, [only]) => Some(*only),
        (None, _) => None,
        (Some(name), all) => all
            .iter()
            .find(|o| matches!(o, OperationDefinition::Query(q) if q.name.as_deref() == Some(name)))
            .copied(),
    };
    match chosen {
        Some(OperationDefinition::SelectionSet(selection)) => Ok((selection, &[], None)),
        Some(OperationDefinition::Query(query)) => Ok((
            &query.selection_set,
            &query.variable_definitions,
            query.name.as_deref(),
        )),
        Some(_) => Err(QueryError::plain(
            "The fake GitHub answers queries only: no mutations or subscriptions.",
        )),
        None => Err(QueryError::plain(&format!(
            "No operation named {:?}",
            wanted.unwrap_or_default()
        ))),
    }
}

struct Validator<'c, 'd> {
    checked: &'c Checked<'d>,
    errors: Vec<QueryError>,
}

impl<'d> Validator<'_, 'd> {
    fn selection(&mut self, set: &'d SelectionSet<'static, Text>, of: TypeName, path: &[String]) {
        if path.len() > DEPTH {
            self.errors.push(QueryError::plain(
                "Query is nested too deeply, or a fragment includes itself",
            ));
            return;
        }
        for item in &set.items {
            let mut inner = path.to_vec();
            match item {
                Selection::Field(field) => {
                    inner.push(field.alias.clone().unwrap_or_else(|| field.name.clone()));
                    self.field(field, of, &inner);
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment
                        .type_condition
                        .as_ref()
                        .map(|TypeCondition::On(name)| name);
                    inner.push(on.map_or_else(|| "...".to_owned(), |name| format!("... on {name}")));
                    if let Some(narrowed) = self.narrowed(on, of, fragment.position, &inner) {
                        self.selection(&fragment.selection_set, narrowed, &inner);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    inner.push(format!("... {}", spread.fragment_name));
                    let Some(fragment) = self.checked.fragments.get(spread.fragment_name.as_str()).copied()
                    else {
                        self.invalid(
                            &format!("Fragment {} was used, but not defined", spread.fragment_name),
                            spread.position,
                            &inner,
                            "useAndDefineFragment",
                            json!({ "fragmentName": spread.fragment_name }),
                        );
                        continue;
                    };
                    let TypeCondition::On(on) = &fragment.type_condition;
                    if let Some(narrowed) = self.narrowed(Some(on), of, spread.position, &inner) {
                        self.selection(&fragment.selection_set, narrowed, &inner);
                    }
                }
            }
        }
    }

    /// The type inside a fragment, or none (with an error) where it does not exist or can't apply.
    fn narrowed(&mut self, on: Option<&String>, of: TypeName, at: Pos, path: &[String]) -> Option<TypeName> {
        let Some(name) = on else { return Some(of) };
        let Some(narrowed) = TypeName::from_name(name) else {
            self.invalid(
                &format!("No such type {name}, so it can't be a fragment condition"),
                at,
                path,
                "undefinedType",
                json!({ "typeName": name }),
            );
            return None;
        };
        if !of.may_be(narrowed) {
            self.invalid(
                &format!("Fragment on {name} can't be spread inside {}", of.as_str()),
                at,
                path,
                "cannotSpreadFragment",
                json!({ "typeName": name, "fragmentName": "unknown", "parentName": of.as_str() }),
            );
            return None;
        }
        Some(narrowed)
    }

    fn field(&mut self, field: &'d Field<'static, Text>, of: TypeName, path: &[String]) {
        let Some(definition) = of.field(&field.name) else {
            self.invalid(
                &format!("Field '{}' doesn't exist on type '{}'", field.name, of.as_str()),
                field.position,
                path,
                "undefinedField",
                json!({ "typeName": of.as_str(), "fieldName": field.name }),
            );
            return;
        };
        self.arguments(field, definition, path);
        let selected = !field.selection_set.items.is_empty();
        match (definition.kind, selected) {
            (Kind::Scalar, false) => {}
            (Kind::Object(inner), true) => self.selection(&field.selection_set, inner, path),
            (Kind::Scalar, true) => self.invalid(
                &format!(
                    "Selections can't be made on scalars (field '{}' is a scalar but has selections)",
                    field.name
                ),
                field.position,
                path,
                "selectionMismatch",
                json!({ "nodeName": format!("field '{}'", field.name) }),
            ),
            (Kind::Object(inner), false) => self.invalid(
                &format!(
                    "Field must have selections (field '{0}' returns {1} but has no selections. Did you mean '{0} {{ ... }}'?)",
                    field.name,
                    inner.as_str()
                ),
                field.position,
                path,
                "selectionMismatch",
                json!({ "nodeName": format!("field '{}'", field.name), "typeName": inner.as_str() }),
            ),
        }
    }

    fn arguments(&mut self, field: &'d Field<'static, Text>, definition: FieldDef, path: &[String]) {
        for (name, value) in &field.arguments {
            let Some(arg) = definition.args.iter().find(|arg| arg.name == name) else {
                self.invalid(
                    &format!("Field '{}' doesn't accept argument '{name}'", field.name),
                    field.position,
                    path,
                    "argumentNotAccepted",
                    json!({ "name": field.name, "typeName": "Field", "argumentName": name }),
                );
                continue;
            };
            let fits = match value {
                Value::Variable(variable) => {
                    if !self.checked.variables.iter().any(|v| v.name == *variable) {
                        self.invalid(
                            &format!("Variable ${variable} is used but not declared"),
                            field.position,
                            path,
                            "variableNotDefined",
                            json!({ "variableName": variable }),
                        );
                    }
                    true
                }
                Value::String(_) => arg.of == ArgType::Text,
                Value::Boolean(_) => arg.of == ArgType::Boolean,
                Value::Null => !arg.required,
                _ => false,
            };
            if !fits {
                let expected = match (arg.of, arg.required) {
                    (ArgType::Text, true) => "String!",
                    (ArgType::Text, false) => "String",
                    (ArgType::Boolean, _) => "Boolean",
                };
                self.invalid(
                    &format!(
                        "Argument '{name}' on Field '{}' has an invalid value ({value}). Expected type '{expected}'.",
                        field.name
                    ),
                    field.position,
                    path,
                    "argumentLiteralsIncompatible",
                    json!({ "typeName": "Field", "argumentName": name }),
                );
            }
        }
        let missing: Vec<&str> = definition
            .args
            .iter()
            .filter(|arg| arg.required && !field.arguments.iter().any(|(name, _)| name == arg.name))
            .map(|arg| arg.name)
            .collect();
        if !missing.is_empty() {
            self.invalid(
                &format!(
                    "Field '{}' is missing required arguments: {}",
                    field.name,
                    missing.join(", ")
                ),
                field.position,
                path,
                "missingRequiredArguments",
                json!({ "className": "Field", "name": field.name, "arguments": missing.join(", ") }),
            );
        }
    }

    fn invalid(
        &mut self,
        message: &str,
        at: Pos,
        path: &[String],
        code: &str,
        extensions: serde_json::Value,
    ) {
        self.errors
            .push(QueryError::invalid(message, at, path, code, extensions));
    }
}
