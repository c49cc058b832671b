//! `jobs`.

use super::{call, common, concurrency, container, keys, needs, permissions, step, strategy};
use crate::expr::Place;
use crate::model::{Call, Container, Environment, Job, Legs, Name, Settings, Timeout};
use crate::read::{Fields, Reader};
use crate::yaml::{Entry, Node, Value};
use checkmill_core::limits;

pub(super) fn jobs(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Job> {
    if entry.value.value == Value::Null || entry.value.entries().is_some_and(<[Entry]>::is_empty) {
        reader.report_with(
            entry.key_span,
            "`jobs` is empty",
            "a workflow needs at least one job",
        );
        return Vec::new();
    }
    let Some(entries) = reader.map(&entry.value, "`jobs`") else {
        return Vec::new();
    };
    if let Some(entry) = entries.get(limits::RUN_JOBS) {
        reader.report(
            entry.key_span,
            format!("a workflow can have at most {} jobs", limits::RUN_JOBS),
        );
        return Vec::new();
    }
    let mut taken = Vec::new();
    let mut read = Vec::with_capacity(entries.len());
    for entry in entries {
        let valid = common::id(reader, &entry.key, entry.key_span, "the job id", &mut taken);
        let needs = entry.value.get("needs");
        let needs = needs.map(|node| reader.literals(node, "`needs`"));
        let job = job(reader, entry);
        if let (true, Ok(key)) = (valid, entry.key.parse()) {
            read.push(needs::Written {
                key,
                key_span: entry.key_span,
                needs: needs.unwrap_or_default(),
                job,
            });
        }
    }
    needs::resolve(reader, read, &taken)
}

/// The job without what it needs.
fn job(reader: &mut Reader<'_>, entry: &Entry) -> Option<Job> {
    let what = format!("the job `{}`", crate::diagnostic::quoted(&entry.key));
    if entry.value.value == Value::Null {
        reader.report_with(
            entry.key_span,
            format!("{what} is empty"),
            "a job needs `runs-on` and `steps`, or `uses`",
        );
        return None;
    }
    let fields = reader.fields(&entry.value, &keys::JOB, &what)?;
    let call = call::call(reader, &fields, entry);
    let settings = settings(reader, &fields, entry, call.as_ref());
    let condition = fields
        .given("if")
        .and_then(|node| reader.template(node, "`if`", Place::JobIf));
    let strategy = fields
        .get("strategy")
        .inspect(|node| strategy::check(reader, node));
    let permissions = fields
        .get("permissions")
        .map(|node| permissions::permissions(reader, node));
    let concurrency = fields
        .get("concurrency")
        .inspect(|node| concurrency::check(reader, node, Place::JobConcurrency));
    let environment = fields
        .get("environment")
        .and_then(|node| environment(reader, node));
    let env = fields
        .get("env")
        .map(|node| common::env(reader, node, Place::JobEnv));
    let defaults = fields
        .get("defaults")
        .map(|node| common::defaults(reader, node, Some(Place::DefaultsRun)));
    let outputs = fields.get("outputs");
    let outputs = outputs.map(|node| common::texts(reader, node, "`outputs`", Place::JobOutputs));
    let steps = required(reader, &fields, entry, "steps").map(|node| step::steps(reader, &node));
    Some(Job {
        key: entry.key.parse().ok()?,
        key_span: entry.key_span,
        needs: Vec::new(),
        condition,
        legs: Legs::Strategy(strategy.cloned()),
        settings: settings?,
        permissions: permissions.flatten(),
        concurrency: concurrency.cloned(),
        environment,
        env: env.unwrap_or_default(),
        defaults: defaults.unwrap_or_default(),
        outputs: outputs.unwrap_or_default(),
        steps: match call {
            Some(_) => Vec::new(),
            None => steps?,
        },
        call,
        debug: false,
    })
}

/// A name, or a name with the address of what is deployed.
fn environment(reader: &mut Reader<'_>, node: &Node) -> Option<Environment> {
    let what = "`environment`";
    if !matches!(node.value, Value::Map(_)) {
        let name = reader.template(node, what, Place::JobEnvironment)?;
        return Some(Environment { name, url: None });
    }
    let fields = reader.fields(node, &keys::ENVIRONMENT, what)?;
    let url = fields
        .get("url")
        .and_then(|node| reader.template(node, "`url`", Place::JobEnvironmentUrl));
    let Some(name) = fields.get("name") else {
        reader.report(node.span, format!("{what} has no `name`"));
        return None;
    };
    Some(Environment {
        name: reader.template(name, "`name`", Place::JobEnvironment)?,
        url: url.map(|url| url.value),
    })
}

fn settings(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    entry: &Entry,
    call: Option<&Call>,
) -> Option<Settings> {
    let name = fields
        .given("name")
        .and_then(|node| reader.template(node, "`name`", Place::JobName));
    let runs_on = required(reader, fields, entry, "runs-on");
    if let Some(node) = &runs_on {
        runs_on_shape(reader, node);
    }
    let timeout = fields.entry("timeout-minutes");
    if let Some(entry) = timeout {
        minutes(reader, &entry.value, Place::JobTimeout);
    }
    let continue_on_error = fields.get("continue-on-error");
    if let Some(node) = continue_on_error {
        boolean_or_expression(reader, node, "`continue-on-error`", Place::JobContinueOnError);
    }
    let container = fields.entry("container");
    if let Some(entry) = container {
        container::check(reader, entry);
    }
    let services = fields.get("services");
    if let Some(node) = services {
        container::check_services(reader, node);
    }
    Some(Settings {
        name: Name::Template(name.filter(|name| !name.value.trim().is_empty())),
        runs_on: match call {
            // It runs nowhere itself.
            Some(call) => Node {
                span: call.span,
                value: Value::Null,
            },
            None => runs_on?,
        },
        timeout: Timeout {
            written: timeout.cloned(),
            default: limits::RUN_TIMEOUT_DEFAULT,
        },
        continue_on_error: continue_on_error.cloned(),
        variables: Vec::new(),
        container: container.map(|entry| Container::Written(entry.value.clone())),
        services: services.cloned(),
        interruptible: false,
    })
}

/// What a job needs unless it calls a workflow, which has it.
fn required(reader: &mut Reader<'_>, fields: &Fields<'_>, job: &Entry, key: &str) -> Option<Node> {
    let found = fields.entry(key);
    match found {
        Some(entry) if entry.value.value != Value::Null => return Some(entry.value.clone()),
        Some(entry) => reader.report(entry.key_span, format!("`{key}` is empty")),
        None if job.value.get("uses").is_some() => {}
        None => {
            let hint = match key {
                "runs-on" => "name the machine that it needs, such as `runs-on: ubuntu-latest`",
                _ => "a job needs at least one step, such as `- run: make test`",
            };
            reader.report_with(
                job.key_span,
                format!("the job `{}` has no `{key}`", job.key),
                hint,
            );
        }
    }
    None
}

/// `runs-on` as far as it can be judged before its expressions are evaluated.
fn runs_on_shape(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Value::Map(_) => {
            let Some(fields) = reader.fields(node, &keys::RUNS_ON, "`runs-on`") else {
                return;
            };
            match fields.get("labels") {
                Some(labels) => labels_shape(reader, labels, "`labels`"),
                // With a `group`, which has been refused, there may be none.
                None if node.get("group").is_some() => {}
                None => reader.report(node.span, "`runs-on` has no `labels`"),
            }
        }
        _ => labels_shape(reader, node, "`runs-on`"),
    }
}

fn labels_shape(reader: &mut Reader<'_>, node: &Node, what: &str) {
    let (list, item) = match &node.value {
        Value::List(items) if items.is_empty() => {
            return reader.report(node.span, format!("{what} is empty"));
        }
        Value::List(items) => (items.as_slice(), format!("an item of {what}")),
        Value::Map(_) | Value::Null => return reader.wrong_type(node, what, "a text or a list of texts"),
        _ => (std::slice::from_ref(node), what.to_owned()),
    };
    for node in list {
        if let Some(label) = reader.nonempty_text(node, &item) {
            reader.check(&label, Place::JobRunsOn);
        }
    }
}

/// `timeout-minutes` of a job or a step: a number above zero, or an expression.
pub(super) fn minutes(reader: &mut Reader<'_>, node: &Node, place: Place) -> Option<String> {
    let what = "`timeout-minutes`";
    match &node.value {
        Value::Number(minutes) if *minutes > 0.0 && minutes.is_finite() => {}
        Value::Number(_) => {
            reader.report(node.span, format!("{what} must be more than 0"));
            return None;
        }
        Value::Text(text) if crate::text::has_expression(text) => {}
        _ => {
            reader.wrong_type(node, what, "a number or an expression");
            return None;
        }
    }
    reader.template(node, what, place).map(|text| text.value)
}

/// A boolean, or an expression that gives one.
pub(super) fn boolean_or_expression(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    place: Place,
) -> Option<String> {
    match &node.value {
        Value::Bool(_) => {}
        Value::Text(text) if crate::text::has_expression(text) => {}
        _ => {
            reader.wrong_type(node, what, "`true`, `false` or an expression");
            return None;
        }
    }
    reader.template(node, what, place).map(|text| text.value)
}
