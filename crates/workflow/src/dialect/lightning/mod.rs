//! The language of `.lightning/workflows`, as Borda/GH-app-bot runs it: one script a file, run once for each combination of
//! parameters. `docs/lightning-workflows.md` has its rules.
//!
//! It has no expressions: a `${{` is the text that it is.

mod keys;
mod parametrize;
mod scalar;
mod script;
mod setting;
mod trigger;

pub(crate) use keys::ALL as KEYS;

use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::matrix::{self, MatrixLeg};
use crate::model::{Container, Defaults, Job, Legs, ListedLeg, Name, Settings, Timeout, Unmatched, Workflow};
use crate::read::{Fields, Reader};
use crate::source::{Source, Span};
use crate::text::Text;
use crate::yaml::{self, Node, Value};
use checkmill_core::{JobKey, Millis};
use parametrize::Parameters;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The key of a file's one job.
const JOB: &str = "run";
const NAME: &str = "Lit Job";
const IMAGE: &str = "ubuntu:22.04";
const MACHINE: &str = "CPU";
const TIMEOUT: Millis = Millis::from_minutes(60);

pub(super) fn parse(path: &str, text: &str) -> Result<Workflow, Diagnostics> {
    let source = Source::new(path, text);
    let node = yaml::parse(&source)?;
    if node.value == Value::Null {
        return Err(Diagnostic::new(&source, node.span, "the file is empty")
            .with_hint("a workflow needs at least `run`")
            .into());
    }
    let mut reader = Reader::new(&source);
    let workflow = workflow(&mut reader, &node);
    reader.finish(workflow)
}

fn workflow(reader: &mut Reader<'_>, node: &Node) -> Option<Workflow> {
    let fields = reader.fields(node, &keys::FILE, "a workflow")?;
    let triggers = trigger::triggers(reader, fields.entry("trigger"));
    let script = match fields.get("run").filter(|node| node.value != Value::Null) {
        Some(node) => scalar::nonempty(reader, node, "`run`"),
        None => {
            let hint = "it is the script that the job runs, such as `run: make test`";
            reader.report_with(node.span, "`run` is missing", hint);
            None
        }
    };
    let debug = mode(reader, &fields);
    let env = script::env(reader, &fields);
    let combinations = parametrize::combinations(reader, &fields);
    check_settings(reader, &fields, combinations.as_deref());
    // With mistakes in them, legs can't be made; the mistakes have been said.
    if !reader.is_clean() {
        return None;
    }
    let general = settings(reader, &fields, &Vec::new())?;
    let legs = match combinations {
        Some(combinations) => {
            let span = fields.get("parametrize").map_or(node.span, |node| node.span);
            legs(reader, &fields, &combinations, span)?
        }
        None => vec![ListedLeg {
            matrix: None,
            settings: shown(general.clone(), &[]),
        }],
    };
    let path = reader.source.path();
    Some(Workflow {
        commit: None,
        run_name: None,
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        source: reader.source.clone(),
        triggers,
        unmatched: Unmatched::Skipped,
        env: script::environment_of_every_job(),
        defaults: Defaults::default(),
        permissions: None,
        concurrency: None,
        jobs: vec![Job {
            key: job_key()?,
            key_span: Span::default(),
            needs: Vec::new(),
            condition: None,
            legs: Legs::Listed(legs),
            settings: general,
            permissions: None,
            environment: None,
            concurrency: None,
            env,
            defaults: Defaults::default(),
            outputs: BTreeMap::new(),
            steps: script::steps(&script?),
            call: None,
            debug,
        }],
    })
}

fn job_key() -> Option<JobKey> {
    JOB.parse().ok()
}

/// Whether `mode` is `debug`.
fn mode(reader: &mut Reader<'_>, fields: &Fields<'_>) -> bool {
    let node = fields.get("mode").filter(|node| node.value != Value::Null);
    let Some(text) = node.and_then(|node| scalar::nonempty(reader, node, "`mode`")) else {
        return false;
    };
    match text.as_str() {
        "info" => false,
        "debug" => true,
        other => {
            let message = format!("`mode` can't be `{}`", quoted(other));
            reader.report_with(text.span, message, "it is one of `info` and `debug`");
            false
        }
    }
}

/// Reports what is wrong with what the file and its parameters set, each value once.
fn check_settings(reader: &mut Reader<'_>, fields: &Fields<'_>, combinations: Option<&[Parameters<'_>]>) {
    let mut checked: Vec<(&str, Span)> = Vec::new();
    for key in setting::KEYS {
        if let Some(node) = fields.get(key).filter(|node| node.value != Value::Null) {
            setting::check(reader, key, node);
        }
    }
    for (key, node) in combinations.unwrap_or_default().iter().flatten() {
        let is_setting = setting::KEYS.contains(key);
        let is_new = !checked.contains(&(*key, node.span));
        // What counts as nothing replaces nothing.
        if is_setting && is_new && !scalar::is_falsy(reader, node) {
            checked.push((*key, node.span));
            setting::check(reader, key, node);
        }
    }
}

fn legs(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    combinations: &[Parameters<'_>],
    span: Span,
) -> Option<Vec<ListedLeg>> {
    let mut matrix = Vec::with_capacity(combinations.len());
    for parameters in combinations {
        let leg = matrix_leg(reader, parameters);
        // One is enough to refuse them all; all of them would not fit into memory.
        let is_too_large = leg.is_too_large();
        matrix.push(leg);
        if is_too_large {
            break;
        }
    }
    let matrix = matrix::checked(reader, span, matrix)?;
    let mut legs = Vec::with_capacity(matrix.len());
    for (matrix, parameters) in matrix.into_iter().zip(combinations) {
        let settings = settings(reader, fields, parameters)?;
        legs.push(ListedLeg {
            settings: shown(settings, &matrix.shown),
            matrix: Some(matrix),
        });
    }
    Some(legs)
}

fn matrix_leg(reader: &mut Reader<'_>, parameters: &Parameters<'_>) -> MatrixLeg {
    let mut shown = Vec::with_capacity(parameters.len());
    for (_, node) in parameters {
        let text = scalar::parameter(reader, node);
        shown.push(if scalar::is_falsy(reader, node) {
            "n/a".to_owned()
        } else {
            text
        });
    }
    let values: Map<String, Json> = parameters
        .iter()
        .map(|(key, node)| ((*key).to_owned(), node.to_json()))
        .collect();
    MatrixLeg {
        text: Json::Object(values.clone()).to_string(),
        values,
        shown,
    }
}

/// A leg's name: `{name} ({p1, p2})`, with nothing in the parentheses of one without parameters.
fn shown(mut settings: Settings, values: &[String]) -> Settings {
    if let Name::Whole(name) = &mut settings.name {
        *name = format!("{name} ({})", values.join(", "));
    }
    settings
}

/// What holds with these parameters. The script sees them over `env`, then `image` and `machine`.
fn settings(reader: &mut Reader<'_>, fields: &Fields<'_>, parameters: &Parameters<'_>) -> Option<Settings> {
    let find = |reader: &Reader<'_>, key: &str| setting::find(reader, fields, parameters, key);
    let name = match find(reader, "name") {
        Some(node) => setting::name(reader, node)?,
        None => NAME.to_owned(),
    };
    let own_image = match find(reader, "image") {
        Some(node) => Some(setting::image(reader, node)?),
        None => None,
    };
    let machine = match find(reader, "machine") {
        Some(node) => setting::machine(reader, node)?,
        None => Text {
            value: MACHINE.to_owned(),
            span: Span::default(),
        },
    };
    let interruptible = match find(reader, "interruptible") {
        Some(node) => setting::interruptible(reader, node)?,
        None => false,
    };
    let written = match find(reader, "timeout") {
        Some(node) => Some(setting::timeout(reader, node)?),
        None => None,
    };
    let optional = own_image.is_none();
    let image = own_image.unwrap_or_else(|| IMAGE.to_owned());
    let mut variables = script::parameters(reader, parameters);
    variables.push(script::variable("image", &image, Span::default()));
    variables.push(script::variable("machine", &machine.value, machine.span));
    let label = Text::verbatim(&machine.value, machine.span);
    Some(Settings {
        name: Name::Whole(name),
        runs_on: Node {
            span: label.span,
            value: Value::Text(label.value),
        },
        timeout: Timeout {
            written,
            default: TIMEOUT,
        },
        continue_on_error: None,
        variables,
        container: Some(Container::Image { image, optional }),
        services: None,
        interruptible,
    })
}
