//! What is evaluated for each leg.

use super::{Leg, PlannedLeg, leg_name, scope};
use crate::concurrency;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expr::JobStatus;
use crate::model::{Job, Settings, Timeout, Workflow};
use crate::read::Reader;
use crate::resolve::Resolver;
use crate::yaml::{Entry, Node, Value};
use checkmill_core::Millis;
use checkmill_core::limits::LABELS_BYTES;
use serde_json::{Map, Value as Json};

pub(super) fn evaluate(
    workflow: &Workflow,
    job: &Job,
    leg: &PlannedLeg,
    contexts: &Map<String, Json>,
    run_timeout_max: Millis,
) -> Result<Leg, Diagnostics> {
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(contexts, JobStatus::Success),
    };
    let settings = job.settings(leg);
    Ok(Leg {
        leg: leg.text().to_owned(),
        name: leg_name(workflow, job, leg, &resolver)?,
        runs_on: runs_on(workflow, &resolver.node(&settings.runs_on)?)?,
        continue_on_error: continue_on_error(workflow, settings, &resolver)?,
        timeout: timeout(workflow, &settings.timeout, &resolver, run_timeout_max)?,
        permissions: workflow.permissions(&job.key),
        concurrency: concurrency::evaluate(workflow, job.concurrency.as_ref(), contexts)?,
    })
}

fn runs_on(workflow: &Workflow, node: &Node) -> Result<Vec<String>, Diagnostics> {
    let mut reader = Reader::new(&workflow.source);
    let node = node.get("labels").unwrap_or(node);
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        reader.report(node.span, "`runs-on` must name at least one label");
    }
    let mut labels = Vec::with_capacity(items.len());
    for item in items {
        if item.value == Value::Null {
            let hint = "what is not set is nothing; add a label for that case, such as `|| 'linux'`";
            reader.report_with(item.span, "the expression in `runs-on` gives nothing", hint);
        } else if let Some(text) = reader.nonempty_text(item, "a label of `runs-on`") {
            labels.push(text.value.trim().to_owned());
        }
    }
    if labels.iter().map(String::len).sum::<usize>() > LABELS_BYTES {
        let message = format!("the labels of `runs-on` have more than {LABELS_BYTES} bytes together");
        reader.report(node.span, message);
    }
    reader.finish(Some(labels))
}

fn continue_on_error(
    workflow: &Workflow,
    settings: &Settings,
    resolver: &Resolver<'_>,
) -> Result<bool, Diagnostics> {
    let Some(node) = &settings.continue_on_error else {
        return Ok(false);
    };
    let node = resolver.node(node)?;
    match &node.value {
        Value::Bool(value) => Ok(*value),
        _ => {
            let message = format!(
                "`continue-on-error` must be `true` or `false`; the expression gives {}",
                node.kind()
            );
            let hint = match node.value {
                Value::Null => "what is not set is nothing; add `|| false`",
                _ => "make a boolean of it, such as with `== 'true'` or `fromJSON`",
            };
            Err(Diagnostic::new(&workflow.source, node.span, message)
                .with_hint(hint)
                .into())
        }
    }
}

pub(crate) fn timeout(
    workflow: &Workflow,
    timeout: &Timeout,
    resolver: &Resolver<'_>,
    max: Millis,
) -> Result<Millis, Diagnostics> {
    let Some(Entry { key, value, .. }) = &timeout.written else {
        return Ok(timeout.default.min(max));
    };
    let node = resolver.node(value)?;
    let wrong = |message: String, hint: &str| {
        Err(Diagnostic::new(&workflow.source, node.span, message)
            .with_hint(hint)
            .into())
    };
    match node.value {
        Value::Number(minutes) if minutes > 0.0 => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "limits are far below 2^53 milliseconds"
            )]
            let max_minutes = max.0 as f64 / 60_000.0;
            if minutes > max_minutes {
                let message =
                    format!("`{key}` is {minutes}, more than the {max_minutes} that the policy allows");
                return wrong(
                    message,
                    "ask for less, or raise `timeout-minutes-max` in .checkmill/config.yml",
                );
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the limit"
            )]
            let millis = (minutes * 60_000.0).ceil() as u64;
            Ok(Millis(millis))
        }
        Value::Number(minutes) => wrong(
            format!("`{key}` is {minutes}; it must be more than 0"),
            "give it in minutes",
        ),
        _ => {
            let message = format!("`{key}` must be a number; the expression gives {}", node.kind());
            wrong(
                message,
                "a variable or an output is a text; make a number of it with `fromJSON`",
            )
        }
    }
}
