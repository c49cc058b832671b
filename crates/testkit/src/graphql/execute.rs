//! Runs a query over the state.

use super::error::QueryError;
use super::nodes::{Node, resolve};
use super::schema::TypeName;
use super::validate::{Checked, Text};
use crate::server::auth::Principal;
use crate::state::State;
use graphql_parser::query::{Field, Selection, SelectionSet, TypeCondition, Value as Literal};
use serde_json::{Map, Value};

/// What a field gives.
pub(super) enum Outcome<'s> {
    Scalar(Value),
    Node(Option<Node<'s>>),
    List(Vec<Node<'s>>),
    /// Null, and an error beside the data: its type and message.
    Error(&'static str, String),
}

pub(super) struct Execution<'s, 'c, 'd> {
    pub(super) state: &'s State,
    pub(super) principal: &'c Principal,
    pub(super) checked: &'c Checked<'d>,
    pub(super) variables: Map<String, Value>,
    pub(super) errors: Vec<QueryError>,
}

impl<'s, 'd> Execution<'s, '_, 'd> {
    pub(super) fn run(&mut self) -> Value {
        self.object(&Node::Query, self.checked.selection, &mut Vec::new())
    }

    fn object(
        &mut self,
        node: &Node<'s>,
        set: &'d SelectionSet<'static, Text>,
        path: &mut Vec<Value>,
    ) -> Value {
        let mut map = Map::new();
        self.fill(&mut map, node, set, path);
        Value::Object(map)
    }

    fn fill(
        &mut self,
        map: &mut Map<String, Value>,
        node: &Node<'s>,
        set: &'d SelectionSet<'static, Text>,
        path: &mut Vec<Value>,
    ) {
        for item in &set.items {
            match item {
                Selection::Field(field) => {
                    if !self.included(&field.directives) {
                        continue;
                    }
                    let key = field.alias.clone().unwrap_or_else(|| field.name.clone());
                    path.push(key.clone().into());
                    let value = self.field(node, field, path);
                    path.pop();
                    merge(map.entry(key).or_insert(Value::Null), value);
                }
                Selection::InlineFragment(fragment) => {
                    let applies = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => is(node, name),
                        None => true,
                    };
                    if applies && self.included(&fragment.directives) {
                        self.fill(map, node, &fragment.selection_set, path);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.checked.fragments.get(spread.fragment_name.as_str()).copied();
                    if let Some(fragment) = fragment {
                        let TypeCondition::On(name) = &fragment.type_condition;
                        if is(node, name) && self.included(&spread.directives) {
                            self.fill(map, node, &fragment.selection_set, path);
                        }
                    }
                }
            }
        }
    }

    fn included(&self, directives: &[graphql_parser::query::Directive<'static, Text>]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let holds = condition.is_some_and(|(_, value)| self.value(value) == Value::Bool(true));
            match directive.name.as_str() {
                "include" => holds,
                "skip" => !holds,
                _ => true,
            }
        })
    }

    fn field(&mut self, node: &Node<'s>, field: &'d Field<'static, Text>, path: &mut Vec<Value>) -> Value {
        if field.name == "__typename" {
            return node.type_name().as_str().into();
        }
        let arguments = Arguments {
            execution: self,
            field,
        };
        match resolve(self.state, self.principal, node, &field.name, &arguments) {
            Outcome::Scalar(value) => value,
            Outcome::Node(None) => Value::Null,
            Outcome::Node(Some(inner)) => self.object(&inner, &field.selection_set, path),
            Outcome::List(nodes) => {
                let mut list = Vec::new();
                for (index, inner) in nodes.iter().enumerate() {
                    path.push(index.into());
                    list.push(self.object(inner, &field.selection_set, path));
                    path.pop();
                }
                list.into()
            }
            Outcome::Error(kind, message) => {
                self.errors
                    .push(QueryError::of_field(kind, &message, field.position, path));
                Value::Null
            }
        }
    }

    fn value(&self, literal: &Literal<'static, Text>) -> Value {
        match literal {
            Literal::Variable(name) => self.variables.get(name).cloned().unwrap_or(Value::Null),
            Literal::String(text) => text.as_str().into(),
            Literal::Boolean(value) => (*value).into(),
            _ => Value::Null,
        }
    }
}

/// The arguments of one field, with variables filled in.
pub(super) struct Arguments<'e, 's, 'c, 'd> {
    execution: &'e Execution<'s, 'c, 'd>,
    field: &'d Field<'static, Text>,
}

impl Arguments<'_, '_, '_, '_> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let (_, literal) = self.field.arguments.iter().find(|(key, _)| key == name)?;
        self.execution.value(literal).as_str().map(str::to_owned)
    }
}

fn is(node: &Node<'_>, name: &str) -> bool {
    TypeName::from_name(name).is_some_and(|other| node.type_name().is(other))
}

/// Two selections of the same key are one: objects and lists are merged member by member.
fn merge(into: &mut Value, new: Value) {
    match (into, new) {
        (Value::Object(into), Value::Object(new)) => {
            for (key, value) in new {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(new)) if into.len() == new.len() => {
            for (into, new) in into.iter_mut().zip(new) {
                merge(into, new);
            }
        }
        (into, new) => *into = new,
    }
}
