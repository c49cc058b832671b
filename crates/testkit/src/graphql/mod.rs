//! `POST /graphql`: queries over the part of GitHub's schema in [`schema`], read by `graphql-parser` and run over the state.

mod error;
mod execute;
mod nodes;
mod schema;
mod validate;

use crate::server::call::Call;
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use error::QueryError;
use execute::Execution;
use graphql_parser::query::{Type, Value as Literal, VariableDefinition};
use serde_json::{Map, Value, json};

/// Braces inside one another. The parser recurses, so a hostile query must not reach it.
const NESTING: usize = 100;

pub(crate) fn answer(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let body = call.object()?;
    let Value::String(query) = &body["query"] else {
        return Err(Refusal::new(
            400,
            "A query attribute must be specified and must be a string.",
        ));
    };
    let given = match &body["variables"] {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    let operation = body["operationName"].as_str().filter(|name| !name.is_empty());
    Ok(match run(state, call, query, operation, given) {
        Ok(answer) => Reply::ok(&answer),
        Err(errors) => {
            let message = errors
                .first()
                .and_then(|e| e.0["message"].as_str())
                .map(str::to_owned);
            let errors: Vec<Value> = errors.into_iter().map(|e| e.0).collect();
            let mut reply = Reply::ok(&json!({ "errors": errors }));
            reply.message = message;
            reply
        }
    })
}

fn run(
    state: &State,
    call: &Call,
    query: &str,
    operation: Option<&str>,
    given: Map<String, Value>,
) -> Result<Value, Vec<QueryError>> {
    if nesting(query) > NESTING {
        return Err(vec![QueryError::plain("Query is nested too deeply")]);
    }
    let document = graphql_parser::parse_query::<String>(query)
        .map_err(|error| vec![QueryError::plain(&error.to_string())])?
        .into_static();
    let checked = validate::check(&document, operation)?;
    let variables = variables(checked.variables, given)?;
    let mut execution = Execution {
        state,
        principal: &call.principal,
        checked: &checked,
        variables,
        errors: Vec::new(),
    };
    let data = execution.run();
    let mut answer = json!({ "data": data });
    if !execution.errors.is_empty() {
        let errors: Vec<Value> = execution.errors.into_iter().map(|e| e.0).collect();
        answer["errors"] = errors.into();
    }
    Ok(answer)
}

fn nesting(query: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in query.bytes() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The declared variables with their values or defaults. One that may not be null and is, or is no text where a text is
/// declared, is refused.
fn variables(
    declared: &[VariableDefinition<'static, String>],
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<QueryError>> {
    let mut values = Map::new();
    let mut errors = Vec::new();
    for variable in declared {
        let value = match given.get(&variable.name) {
            Some(value) => value.clone(),
            None => match &variable.default_value {
                Some(Literal::String(text)) => text.as_str().into(),
                Some(Literal::Boolean(value)) => (*value).into(),
                _ => Value::Null,
            },
        };
        let (required, inner) = match &variable.var_type {
            Type::NonNullType(inner) => (true, inner.to_string()),
            other => (false, other.to_string()),
        };
        let fits = match (&value, inner.as_str()) {
            (Value::Null, _) => !required,
            (Value::String(_), "String" | "ID" | "GitObjectID") | (Value::Bool(_), "Boolean") => true,
            _ => false,
        };
        if !fits {
            let message = format!(
                "Variable ${} of type {} was provided invalid value",
                variable.name, variable.var_type
            );
            errors.push(QueryError(json!({
                "message": message,
                "locations": [{ "line": variable.position.line, "column": variable.position.column }],
                "extensions": { "value": value, "problems": [{ "path": [], "explanation": "Expected a value of this type" }] },
            })));
        }
        values.insert(variable.name.clone(), value);
    }
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors)
    }
}
