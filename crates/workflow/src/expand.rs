//! From a job of the file to the jobs that run: its condition, and the legs of its matrix.

use crate::contexts::{NeedsJob, needs_context, strategy_context, vars_context};
use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::dialect::actions;
use crate::expr::{JobStatus, Scope};
use crate::matrix::{self, MatrixLeg};
use crate::model::{Job, Workflow};
use crate::read::Reader;
use crate::resolve::Resolver;
use crate::source::Span;
use crate::yaml::{Node, Value};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{JobKey, Millis, limits};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Characters of a job's name with its matrix values. GitHub's runner: `JobNameBuilder` cuts there.
const JOB_NAME_CHARS: usize = 100;
/// Characters of a check's name. The workflow's name has no limit of its own.
const CHECK_NAME_CHARS: usize = 255;

/// What a job's expressions can see before it starts.
#[derive(Debug, Clone, Copy)]
pub struct JobContext<'a> {
    /// From [`crate::github_context`].
    pub github: &'a Map<String, Json>,
    /// From [`crate::inputs()`].
    pub inputs: &'a Map<String, Json>,
    /// From the policy.
    pub vars: &'a BTreeMap<String, String>,
    /// Of all jobs that have ended; those that this one needs, directly or through others, must be among them. One that is
    /// not counts as skipped.
    pub results: &'a BTreeMap<JobKey, NeedsJob>,
    /// The longest `timeout-minutes` that the policy allows.
    pub run_timeout_max: Millis,
}

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Expansion {
    /// It doesn't run.
    Skipped {
        /// One sentence without the full stop.
        reason: String,
        /// The check's name.
        name: String,
    },
    Legs {
        fail_fast: bool,
        max_parallel: Option<u32>,
        /// At least one; one without matrix values for a job without a matrix.
        legs: Vec<Leg>,
    },
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// The matrix values as text, for [`checkmill_core::JobId::derive`]: no two legs of a job have the same. Empty for a
    /// job without a matrix.
    pub leg: String,
    /// The check's name: `{workflow} / {job} ({values})`, or with the job's evaluated `name`.
    pub name: String,
    /// At least one.
    pub runs_on: Vec<String>,
    pub continue_on_error: bool,
    pub timeout: Millis,
    /// What its token may do, as the file asks for it; none where it says nothing.
    pub permissions: Option<TokenPermissions>,
}

/// Evaluates a job's `if`, `strategy` and what decides about each leg. All that `needs` names must have ended.
///
/// # Errors
/// Expressions that can't be evaluated or give what can't be used, at their place in the file; also a `key` that is none
/// of the workflow's.
pub fn expand(workflow: &Workflow, key: &JobKey, context: &JobContext<'_>) -> Result<Expansion, Diagnostics> {
    let job = find(workflow, key)?;
    let mut contexts = contexts(job, context);
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(&contexts, status(workflow, key, context.results)),
    };
    if let Some(reason) = skipped(workflow, job, context, &resolver)? {
        return Ok(Expansion::Skipped {
            reason,
            name: skipped_name(workflow, job, &resolver)?,
        });
    }
    let plan = legs(workflow, job, &resolver)?;
    let mut legs = Vec::with_capacity(plan.legs.len());
    let mut found = Vec::new();
    for leg in &plan.legs {
        plan.add_contexts(leg, &mut contexts);
        match evaluate(workflow, job, leg, &contexts, context.run_timeout_max) {
            Ok(leg) => legs.push(leg),
            Err(wrong) => found.extend(wrong.as_slice().iter().cloned()),
        }
    }
    match Diagnostics::of(found, 0) {
        Some(found) => Err(found),
        None => Ok(Expansion::Legs {
            fail_fast: plan.fail_fast,
            max_parallel: plan.max_parallel,
            legs,
        }),
    }
}

pub(crate) fn find<'w>(workflow: &'w Workflow, key: &JobKey) -> Result<&'w Job, Diagnostics> {
    let missing = || {
        let message = format!("the workflow has no job `{key}`");
        Diagnostic::new(&workflow.source, Span::default(), message).into()
    };
    workflow.job(key).ok_or_else(missing)
}

/// `github`, `vars`, `inputs` and `needs`.
pub(crate) fn contexts(job: &Job, context: &JobContext<'_>) -> Map<String, Json> {
    let contexts = [
        ("github", context.github.clone()),
        ("inputs", context.inputs.clone()),
        ("needs", needs_context(&job.needs, context.results)),
        ("vars", vars_context(context.vars)),
    ];
    contexts
        .into_iter()
        .map(|(name, fields)| (name.to_owned(), Json::Object(fields)))
        .collect()
}

pub(crate) const fn scope(contexts: &Map<String, Json>, status: JobStatus) -> Scope<'_> {
    Scope {
        contexts,
        status,
        files: None,
    }
}

/// What the status functions answer from: all jobs that this one needs, also through others. GitHub docs, `needs`: a
/// failure or skip applies to all jobs of the chain from there on.
fn status(workflow: &Workflow, key: &JobKey, results: &BTreeMap<JobKey, NeedsJob>) -> JobStatus {
    let of = |key: &JobKey| results.get(key).map_or(NeedsResult::Skipped, |job| job.result);
    let ended: Vec<NeedsResult> = workflow.ancestors(key).into_iter().map(of).collect();
    let first = [
        (NeedsResult::Failure, JobStatus::Failure),
        (NeedsResult::Cancelled, JobStatus::Cancelled),
        (NeedsResult::Skipped, JobStatus::Skipped),
    ];
    let found = first.into_iter().find(|(result, _)| ended.contains(result));
    found.map_or(JobStatus::Success, |(_, status)| status)
}

/// Why the job doesn't run; none if it does.
fn skipped(
    workflow: &Workflow,
    job: &Job,
    context: &JobContext<'_>,
    resolver: &Resolver<'_>,
) -> Result<Option<String>, Diagnostics> {
    let runs = match &job.condition {
        Some(condition) => resolver.condition(condition)?,
        None => resolver.scope.status == JobStatus::Success,
    };
    if runs {
        return Ok(None);
    }
    let needed = unsuccessful(workflow, &job.key, context.results);
    Ok(Some(match (&job.condition, needed) {
        (None, Some(needed)) => format!("it needs {needed}"),
        (Some(condition), Some(needed)) => {
            format!(
                "its `if: {}` is false; it needs {needed}",
                quoted(condition.value.trim())
            )
        }
        (Some(condition), None) => format!("its `if: {}` is false", quoted(condition.value.trim())),
        (None, None) => "what it needs did not succeed".to_owned(),
    }))
}

/// The first job on the way here that did not succeed, with what became of it.
fn unsuccessful(workflow: &Workflow, key: &JobKey, results: &BTreeMap<JobKey, NeedsJob>) -> Option<String> {
    let of = |key: &JobKey| results.get(key).map_or(NeedsResult::Skipped, |job| job.result);
    let ancestors = workflow.ancestors(key);
    [NeedsResult::Failure, NeedsResult::Cancelled, NeedsResult::Skipped]
        .into_iter()
        .find_map(|wanted| {
            let key = ancestors.iter().find(|key| of(key) == wanted)?;
            let became = match wanted {
                NeedsResult::Cancelled => "was cancelled",
                NeedsResult::Skipped => "was skipped",
                NeedsResult::Failure | NeedsResult::Success => "failed",
            };
            Some(format!("`{key}`, which {became}"))
        })
}

/// A job that is skipped has no leg whose values its name could show.
fn skipped_name(workflow: &Workflow, job: &Job, resolver: &Resolver<'_>) -> Result<String, Diagnostics> {
    let name = match &job.name {
        Some(name) if !name.has_expression() => name.value.clone(),
        Some(name) if job.strategy.is_none() => resolver.text(name)?,
        _ => job.key.to_string(),
    };
    Ok(check_name(workflow, &name))
}

/// One line, whatever an expression gave.
fn check_name(workflow: &Workflow, job: &str) -> String {
    let name = format!("{} / {}", workflow.name(), job.trim());
    let line: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(&line, CHECK_NAME_CHARS)
}

/// As GitHub cuts names: three dots in place of the rest.
fn cut(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars - 3).chain("...".chars()).collect()
}

/// A strategy's legs and how they run.
pub(crate) struct Plan {
    pub(crate) fail_fast: bool,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) legs: Vec<PlannedLeg>,
}

pub(crate) struct PlannedLeg {
    pub(crate) index: usize,
    /// None for a job without a matrix.
    pub(crate) matrix: Option<MatrixLeg>,
}

impl PlannedLeg {
    pub(crate) fn text(&self) -> &str {
        self.matrix.as_ref().map_or("", |leg| &leg.text)
    }
}

impl Plan {
    /// Sets `matrix` and `strategy` to those of a leg.
    pub(crate) fn add_contexts(&self, leg: &PlannedLeg, contexts: &mut Map<String, Json>) {
        let matrix = leg
            .matrix
            .as_ref()
            .map_or(Json::Null, |leg| Json::Object(leg.values.clone()));
        let strategy = strategy_context(self.fail_fast, leg.index, self.legs.len(), self.max_parallel);
        contexts.insert("matrix".to_owned(), matrix);
        contexts.insert("strategy".to_owned(), strategy);
    }
}

pub(crate) fn legs(workflow: &Workflow, job: &Job, resolver: &Resolver<'_>) -> Result<Plan, Diagnostics> {
    let alone = || {
        vec![PlannedLeg {
            index: 0,
            matrix: None,
        }]
    };
    let Some(node) = &job.strategy else {
        return Ok(Plan {
            fail_fast: true,
            max_parallel: None,
            legs: alone(),
        });
    };
    let node = resolver.node(node)?;
    let mut reader = Reader::new(&workflow.source);
    let strategy = actions::strategy(&mut reader, &node).filter(|_| reader.is_clean());
    let plan = strategy.and_then(|strategy| {
        let legs = match &strategy.matrix {
            Some(matrix) => {
                let number = |(index, leg)| PlannedLeg {
                    index,
                    matrix: Some(leg),
                };
                matrix::legs(&mut reader, matrix)?
                    .into_iter()
                    .enumerate()
                    .map(number)
                    .collect()
            }
            None => alone(),
        };
        Some(Plan {
            fail_fast: strategy.fail_fast,
            max_parallel: strategy.max_parallel,
            legs,
        })
    });
    reader.finish(plan)
}

fn evaluate(
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
    Ok(Leg {
        leg: leg.text().to_owned(),
        name: leg_name(workflow, job, leg, &resolver)?,
        runs_on: runs_on(workflow, &resolver.node(&job.runs_on)?)?,
        continue_on_error: continue_on_error(workflow, job, &resolver)?,
        timeout: timeout(workflow, job, &resolver, run_timeout_max)?,
        permissions: workflow.permissions(&job.key).cloned(),
    })
}

pub(crate) fn leg_name(
    workflow: &Workflow,
    job: &Job,
    leg: &PlannedLeg,
    resolver: &Resolver<'_>,
) -> Result<String, Diagnostics> {
    let key = job.key.as_str();
    let literal = match &job.name {
        // GitHub: a name with an expression is the whole name, without the values behind it.
        Some(name) if name.has_expression() => {
            let name = resolver.text(name)?;
            return Ok(check_name(
                workflow,
                if name.trim().is_empty() { key } else { &name },
            ));
        }
        Some(name) => &name.value,
        None => key,
    };
    let shown = leg.matrix.as_ref().map_or(&[][..], |leg| &leg.shown);
    let name = if shown.is_empty() {
        literal.to_owned()
    } else {
        format!("{literal} ({})", shown.join(", "))
    };
    Ok(check_name(workflow, &cut(&name, JOB_NAME_CHARS)))
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
    reader.finish(Some(labels))
}

fn continue_on_error(workflow: &Workflow, job: &Job, resolver: &Resolver<'_>) -> Result<bool, Diagnostics> {
    let Some(node) = &job.continue_on_error else {
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
    job: &Job,
    resolver: &Resolver<'_>,
    max: Millis,
) -> Result<Millis, Diagnostics> {
    let Some(node) = &job.timeout_minutes else {
        return Ok(limits::RUN_TIMEOUT_DEFAULT.min(max));
    };
    let node = resolver.node(node)?;
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
                let message = format!(
                    "`timeout-minutes` is {minutes}, more than the {max_minutes} that the policy allows"
                );
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
            format!("`timeout-minutes` is {minutes}; it must be more than 0"),
            "give it in minutes",
        ),
        _ => {
            let message = format!(
                "`timeout-minutes` must be a number; the expression gives {}",
                node.kind()
            );
            wrong(
                message,
                "a variable or an output is a text; make a number of it with `fromJSON`",
            )
        }
    }
}
