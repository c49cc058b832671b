//! Terraform's functions, those that `infra/` calls.

use hcl::eval::{Context, Evaluate, Func, FuncArgs, FuncDef, ParamType};
use hcl::{Map, Template, Value};
use std::str::FromStr;

pub(super) fn declare(context: &mut Context<'_>) {
    let all: [(&str, Func); 12] = [
        ("coalesce", coalesce),
        ("concat", concat),
        // Terraform compares it with what is deployed; here everything is new.
        ("filebase64sha256", |_| Ok(Value::Null)),
        ("join", join),
        ("jsonencode", jsonencode),
        ("lookup", lookup),
        ("merge", merge),
        ("one", one),
        ("templatefile", templatefile),
        ("toset", |args| first(args)),
        ("trimsuffix", trimsuffix),
        ("values", values),
    ];
    for (name, function) in all {
        context.declare_func(
            name,
            FuncDef::builder().variadic_param(ParamType::Any).build(function),
        );
    }
}

fn first(args: FuncArgs) -> Result<Value, String> {
    args.into_values()
        .into_iter()
        .next()
        .ok_or_else(|| "an argument is missing".to_owned())
}

fn coalesce(args: FuncArgs) -> Result<Value, String> {
    let given = args
        .into_values()
        .into_iter()
        .find(|value| !value.is_null() && value.as_str() != Some(""));
    given.ok_or_else(|| "coalesce of nothing".to_owned())
}

fn concat(args: FuncArgs) -> Result<Value, String> {
    let mut all = Vec::new();
    for list in args.into_values() {
        match list {
            Value::Array(list) => all.extend(list),
            other => return Err(format!("concat of {other}")),
        }
    }
    Ok(Value::Array(all))
}

fn join(args: FuncArgs) -> Result<Value, String> {
    match args.into_values().as_slice() {
        [Value::String(separator), Value::Array(parts)] => {
            let texts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            Ok(Value::from(texts.join(separator)))
        }
        other => Err(format!("join of {other:?}")),
    }
}

fn jsonencode(args: FuncArgs) -> Result<Value, String> {
    serde_json::to_string(&first(args)?)
        .map(Value::from)
        .map_err(|error| error.to_string())
}

fn lookup(args: FuncArgs) -> Result<Value, String> {
    match args.into_values().as_slice() {
        [Value::Object(map), Value::String(key), default] => Ok(map.get(key).unwrap_or(default).clone()),
        other => Err(format!("lookup in {other:?}")),
    }
}

fn merge(args: FuncArgs) -> Result<Value, String> {
    let mut all = Map::new();
    for map in args.into_values() {
        match map {
            Value::Object(map) => all.extend(map),
            Value::Null => {}
            other => return Err(format!("merge of {other}")),
        }
    }
    Ok(Value::Object(all))
}

fn one(args: FuncArgs) -> Result<Value, String> {
    match first(args)? {
        Value::Array(list) if list.len() <= 1 => Ok(list.into_iter().next().unwrap_or(Value::Null)),
        other => Err(format!("one of {other}")),
    }
}

fn templatefile(args: FuncArgs) -> Result<Value, String> {
    let values = args.into_values();
    let [Value::String(path), Value::Object(variables)] = values.as_slice() else {
        return Err("templatefile wants a path and variables".to_owned());
    };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut context = Context::new();
    for (name, value) in variables {
        context.declare_var(name.as_str(), value.clone());
    }
    let template = Template::from_str(&text).map_err(|error| error.to_string())?;
    template
        .evaluate(&context)
        .map(Value::from)
        .map_err(|error| error.to_string())
}

fn trimsuffix(args: FuncArgs) -> Result<Value, String> {
    match args.into_values().as_slice() {
        [Value::String(text), Value::String(suffix)] => {
            Ok(Value::from(text.strip_suffix(suffix.as_str()).unwrap_or(text)))
        }
        other => Err(format!("trimsuffix of {other:?}")),
    }
}

fn values(args: FuncArgs) -> Result<Value, String> {
    match first(args)? {
        Value::Object(map) => Ok(Value::Array(map.into_values().collect())),
        other => Err(format!("values of {other}")),
    }
}
