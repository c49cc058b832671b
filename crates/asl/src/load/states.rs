//! The states other than Task.

use super::Names;
use super::fields::Fields;
use super::task;
use crate::machine::{After, Kind, Rule, Seconds, Text};
use crate::path::{Path, ResultPath};
use serde_json::Value;

pub(super) fn kind(state: &Value, names: &Names<'_>) -> Result<Kind, String> {
    let mut fields = Fields::of(state)?;
    fields.string("Comment")?;
    let kind = match fields.required_string("Type")? {
        "Pass" => Kind::Pass {
            result: fields.get("Result").cloned(),
            result_path: result_path(&mut fields)?,
            next: after(&mut fields, names)?,
        },
        "Task" => Kind::Task(Box::new(task::read(&mut fields, names)?)),
        "Choice" => choice(&mut fields, names)?,
        "Wait" => Kind::Wait {
            seconds: seconds(&mut fields, "Seconds", "SecondsPath", 0)?,
            next: after(&mut fields, names)?,
        },
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail {
            error: text(&mut fields, "Error", "ErrorPath")?,
            cause: text(&mut fields, "Cause", "CausePath")?,
        },
        other => {
            return Err(format!(
                "Type: {other:?} is not supported, only Pass, Task, Choice, Wait, Succeed and Fail"
            ));
        }
    };
    fields.finish()?;
    Ok(kind)
}

fn choice(fields: &mut Fields<'_>, names: &Names<'_>) -> Result<Kind, String> {
    let rules = fields.array("Choices")?;
    if rules.is_empty() {
        return Err("Choices: at least one rule is needed".to_owned());
    }
    let read = |(n, value): (usize, &Value)| rule(value, names).map_err(|why| format!("Choices[{n}]: {why}"));
    let rules = rules.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let default = fields.string("Default")?;
    let default = default
        .map(|name| names.find(name))
        .transpose()
        .map_err(|why| format!("Default: {why}"))?;
    Ok(Kind::Choice { rules, default })
}

fn rule(value: &Value, names: &Names<'_>) -> Result<Rule, String> {
    let mut fields = Fields::of(value)?;
    let variable = fields.string("Variable")?;
    let equals = fields.string("StringEquals")?;
    let next = fields.string("Next")?;
    // First, because the operator that stands in the place of StringEquals is the better message.
    fields.finish()?;
    let variable = variable.ok_or("Variable is missing")?;
    Ok(Rule {
        variable: Path::parse(variable).map_err(|why| format!("Variable: {why}"))?,
        equals: equals
            .ok_or("StringEquals, the only comparison that is supported, is missing")?
            .to_owned(),
        next: names
            .find(next.ok_or("Next is missing")?)
            .map_err(|why| format!("Next: {why}"))?,
    })
}

/// `Next`, or `End: true`.
pub(super) fn after(fields: &mut Fields<'_>, names: &Names<'_>) -> Result<After, String> {
    let next = fields.string("Next")?;
    let end = match fields.get("End") {
        None => false,
        Some(value) => value
            .as_bool()
            .ok_or_else(|| format!("End: must be true or false, not {value}"))?,
    };
    match (next, end) {
        (Some(name), false) => names
            .find(name)
            .map(After::Next)
            .map_err(|why| format!("Next: {why}")),
        (None, true) => Ok(After::End),
        (Some(_), true) => Err("has both Next and End".to_owned()),
        (None, false) => Err("needs Next or End".to_owned()),
    }
}

/// A number of seconds as it stands, or the path to it.
pub(super) fn seconds(
    fields: &mut Fields<'_>,
    fixed: &'static str,
    path: &'static str,
    least: u64,
) -> Result<Seconds, String> {
    match (fields.seconds(fixed, least)?, self::path(fields, path)?) {
        (Some(seconds), None) => Ok(Seconds::Fixed(seconds)),
        (None, Some(path)) => Ok(Seconds::At(path)),
        (Some(_), Some(_)) => Err(format!("has both {fixed} and {path}")),
        (None, None) => Err(format!("needs {fixed} or {path}")),
    }
}

fn text(fields: &mut Fields<'_>, fixed: &'static str, path: &'static str) -> Result<Text, String> {
    match (fields.string(fixed)?, self::path(fields, path)?) {
        (None, None) => Ok(Text::None),
        (Some(text), None) => Ok(Text::Fixed(text.to_owned())),
        (None, Some(path)) => Ok(Text::At(path)),
        (Some(_), Some(_)) => Err(format!("has both {fixed} and {path}")),
    }
}

fn path(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<Path>, String> {
    fields
        .string(name)?
        .map(Path::parse)
        .transpose()
        .map_err(|why| format!("{name}: {why}"))
}

pub(super) fn result_path(fields: &mut Fields<'_>) -> Result<ResultPath, String> {
    match fields.get("ResultPath") {
        None => Ok(ResultPath::REPLACE),
        Some(Value::Null) => Ok(ResultPath::Discard),
        Some(Value::String(path)) => Path::parse(path)
            .map(ResultPath::Put)
            .map_err(|why| format!("ResultPath: {why}")),
        Some(other) => Err(format!("ResultPath: must be a path or null, not {other}")),
    }
}
