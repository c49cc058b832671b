//! Task states.

use super::Names;
use super::fields::Fields;
use super::states::{after, result_path, seconds};
use crate::ErrorPattern;
use crate::failure::RUNTIME;
use crate::machine::{Catcher, Resource, Seconds, Task};
use crate::path::ResultPath;
use crate::retry::{Jitter, Retrier};
use crate::template::{ContextField, Template};
use serde_json::Value;
use std::time::Duration;

/// Integrations, without the ARN's partition.
const LAMBDA_TOKEN: &str = "states:::lambda:invoke.waitForTaskToken";
const START_EXECUTION: &str = "states:::states:startExecution";

pub(super) fn read(fields: &mut Fields<'_>, names: &Names<'_>) -> Result<Task, String> {
    let resource = resource(fields.required_string("Resource")?).map_err(|why| format!("Resource: {why}"))?;
    let parameters = fields.get("Parameters").map(Template::parse).transpose();
    // The specification's default is 60 seconds, AWS's is 99,999,999: a definition that relies on either is refused.
    let timeout = seconds(fields, "TimeoutSeconds", "TimeoutSecondsPath", 1)?;
    let task = Task {
        resource,
        parameters: parameters.map_err(|why| format!("Parameters: {why}"))?,
        result_path: result_path(fields)?,
        timeout,
        heartbeat: fields.seconds("HeartbeatSeconds", 1)?.map(Duration::from_secs),
        retry: entries(fields, "Retry", retrier)?,
        catch: entries(fields, "Catch", |value| catcher(value, names))?,
        next: after(fields, names)?,
    };
    all_comes_last(
        "Retry",
        task.retry.iter().map(|retrier| retrier.errors.as_slice()),
    )?;
    all_comes_last(
        "Catch",
        task.catch.iter().map(|catcher| catcher.errors.as_slice()),
    )?;
    parameters_fit(&task)?;
    heartbeat_fits(&task)?;
    Ok(task)
}

fn resource(text: &str) -> Result<Resource, String> {
    if text.contains("${") {
        return Err(format!("{text:?} still has a placeholder: fill it in first"));
    }
    // arn:partition:lambda:region:account:function:name, perhaps with :version or :alias
    let parts: Vec<&str> = text.split(':').collect();
    let is_arn = parts[0] == "arn" && parts.get(1).is_some_and(|partition| is_partition(partition));
    match text.splitn(3, ':').nth(2) {
        Some(LAMBDA_TOKEN) if is_arn => return Ok(Resource::LambdaToken),
        Some(START_EXECUTION) if is_arn => return Ok(Resource::StartExecution),
        _ => {}
    }
    let is_function = is_arn
        && matches!(parts.len(), 7 | 8)
        && (parts[2], parts[5]) == ("lambda", "function")
        && parts[6..].iter().all(|part| !part.is_empty());
    if is_function {
        Ok(Resource::Lambda { arn: text.to_owned() })
    } else {
        Err(format!(
            "{text:?} is not supported, only a Lambda function's ARN, arn:aws:{LAMBDA_TOKEN} and arn:aws:{START_EXECUTION}"
        ))
    }
}

/// `aws`, or one of AWS's others, such as `aws-cn` and `aws-us-gov`.
fn is_partition(text: &str) -> bool {
    text == "aws" || text.strip_prefix("aws-").is_some_and(|rest| !rest.is_empty())
}

fn entries<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let values = fields.array(name)?.iter().enumerate();
    values
        .map(|(n, value)| read(value).map_err(|why| format!("{name}[{n}]: {why}")))
        .collect()
}

fn retrier(value: &Value) -> Result<Retrier, String> {
    let mut fields = Fields::of(value)?;
    fields.string("Comment")?;
    let errors = error_equals(&mut fields)?;
    let backoff_rate = match fields.get("BackoffRate") {
        None => 2.0,
        Some(value) => {
            let valid = value.as_f64().filter(|rate| *rate >= 1.0);
            valid.ok_or_else(|| format!("BackoffRate: must be a number of at least 1.0, not {value}"))?
        }
    };
    let retrier = Retrier {
        errors,
        interval: Duration::from_secs(fields.seconds("IntervalSeconds", 1)?.unwrap_or(1)),
        max_attempts: fields
            .seconds("MaxAttempts", 0)?
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(3),
        backoff_rate,
        max_delay: fields.seconds("MaxDelaySeconds", 1)?.map(Duration::from_secs),
        jitter: match fields.one_of("JitterStrategy", &["FULL", "NONE"])? {
            Some("FULL") => Jitter::Full,
            _ => Jitter::None,
        },
    };
    fields.finish()?;
    Ok(retrier)
}

fn catcher(value: &Value, names: &Names<'_>) -> Result<Catcher, String> {
    let mut fields = Fields::of(value)?;
    fields.string("Comment")?;
    let errors = error_equals(&mut fields)?;
    let result_path = result_path(&mut fields)?;
    let next = names
        .find(fields.required_string("Next")?)
        .map_err(|why| format!("Next: {why}"))?;
    fields.finish()?;
    Ok(Catcher {
        errors,
        result_path,
        next,
    })
}

fn error_equals(fields: &mut Fields<'_>) -> Result<Vec<ErrorPattern>, String> {
    let values = fields.array("ErrorEquals")?;
    if values.is_empty() {
        return Err("ErrorEquals: at least one error name is needed".to_owned());
    }
    let name = |value: &Value| match value.as_str() {
        Some(RUNTIME) => Err(format!(
            "ErrorEquals: {RUNTIME} always ends the execution and can't be handled"
        )),
        Some(name) => Ok(ErrorPattern::of(name)),
        None => Err(format!("ErrorEquals: must hold strings, not {value}")),
    };
    let patterns: Vec<ErrorPattern> = values.iter().map(name).collect::<Result<_, _>>()?;
    if patterns.len() > 1 && patterns.contains(&ErrorPattern::All) {
        return Err("ErrorEquals: States.ALL must stand alone".to_owned());
    }
    Ok(patterns)
}

/// Specification, "Retrying after error": `States.ALL` must be in the last entry.
fn all_comes_last<'e>(name: &str, entries: impl Iterator<Item = &'e [ErrorPattern]>) -> Result<(), String> {
    let entries: Vec<_> = entries.collect();
    match entries
        .iter()
        .position(|errors| errors.contains(&ErrorPattern::All))
    {
        Some(at) if at + 1 < entries.len() => Err(format!(
            "{name}[{at}]: States.ALL must be in the last entry, or it hides those after it"
        )),
        _ => Ok(()),
    }
}

fn parameters_fit(task: &Task) -> Result<(), String> {
    let wanted: &[&str] = match task.resource {
        Resource::Lambda { .. } => return Ok(()),
        Resource::LambdaToken => &["FunctionName", "Payload"],
        Resource::StartExecution => &["StateMachineArn", "Name", "Input"],
    };
    let parameters = task.parameters.as_ref().ok_or("Parameters is missing")?;
    if let Some(missing) = wanted.iter().find(|name| parameters.get(name).is_none()) {
        return Err(format!("Parameters: {missing} is missing"));
    }
    if let Some(other) = parameters.names().find(|name| !wanted.contains(name)) {
        return Err(format!(
            "Parameters: {other} is not supported, only {}",
            wanted.join(", ")
        ));
    }
    if task.resource == Resource::LambdaToken && !parameters.mentions(ContextField::TaskToken) {
        return Err("Parameters: without $$.Task.Token in the Payload nobody could answer".to_owned());
    }
    // AWS answers with the ARN and a time; nothing here needs them, so nothing here makes them up.
    if task.resource == Resource::StartExecution && task.result_path != ResultPath::Discard {
        return Err("ResultPath: must be null, as the result of startExecution is not supported".to_owned());
    }
    Ok(())
}

fn heartbeat_fits(task: &Task) -> Result<(), String> {
    let Some(heartbeat) = task.heartbeat else {
        return Ok(());
    };
    if task.resource != Resource::LambdaToken {
        return Err("HeartbeatSeconds: only a task with a token can send heartbeats".to_owned());
    }
    match task.timeout {
        // Specification, "Task State": the heartbeat must be smaller than the timeout.
        Seconds::Fixed(timeout) if heartbeat >= Duration::from_secs(timeout) => {
            Err("HeartbeatSeconds: must be smaller than TimeoutSeconds".to_owned())
        }
        _ => Ok(()),
    }
}
