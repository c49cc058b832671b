//! How jobs and their checks are called.

use super::PlannedLeg;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Job, Legs, Name, Workflow};
use crate::resolve::Resolver;
use checkmill_core::{Event, JobKey};

/// Characters of a job's name with its matrix values. GitHub's runner: `JobNameBuilder` cuts there.
const JOB_NAME_CHARS: usize = 100;
/// Characters of a check's name. The workflow's name has no limit of its own.
const CHECK_NAME_CHARS: usize = 255;

/// The name of a job's check where nothing of it can be or was evaluated: its `name` where that holds no expression, else
/// its key. `key` need not be one of the workflow's.
#[must_use]
pub fn unevaluated_name(workflow: &Workflow, key: &JobKey) -> String {
    let Some(way) = workflow.way(key) else {
        return check_name(workflow, key.as_str());
    };
    let titles: Vec<String> = way.into_iter().map(|(_, job)| unevaluated_title(job)).collect();
    check_name(workflow, &titles.join(" / "))
}

fn unevaluated_title(job: &Job) -> String {
    match &job.settings.name {
        Name::Whole(name) => name.clone(),
        Name::Template(Some(name)) if !name.has_expression() && !name.value.trim().is_empty() => {
            cut(&name.value, JOB_NAME_CHARS)
        }
        Name::Template(_) => job.key.to_string(),
    }
}

/// A job that is skipped has no leg whose values its name could show.
pub(super) fn skipped_name(
    workflow: &Workflow,
    job: &Job,
    resolver: &Resolver<'_>,
) -> Result<String, Diagnostics> {
    let name = match (&job.settings.name, &job.legs) {
        (Name::Whole(name), _) => name.clone(),
        (Name::Template(Some(name)), _) if !name.has_expression() => name.value.clone(),
        (Name::Template(Some(name)), Legs::Strategy(None)) => resolver.text(name)?,
        _ => job.key.to_string(),
    };
    Ok(check_name(workflow, &name))
}

pub(crate) fn leg_name(
    workflow: &Workflow,
    job: &Job,
    leg: &PlannedLeg,
    resolver: &Resolver<'_>,
) -> Result<String, Diagnostics> {
    Ok(check_name(workflow, &leg_title(job, leg, resolver)?))
}

/// What a leg is called within its workflow.
pub(crate) fn leg_title(job: &Job, leg: &PlannedLeg, resolver: &Resolver<'_>) -> Result<String, Diagnostic> {
    let key = job.key.as_str();
    let literal = match &job.settings(leg).name {
        Name::Whole(name) => return Ok(name.clone()),
        // GitHub: a name with an expression is the whole name, without the values behind it.
        Name::Template(Some(name)) if name.has_expression() => {
            let name = resolver.text(name)?;
            return Ok(if name.trim().is_empty() {
                key.to_owned()
            } else {
                name
            });
        }
        Name::Template(Some(name)) => &name.value,
        Name::Template(None) => key,
    };
    let shown = leg.matrix.as_ref().map_or(&[][..], |leg| &leg.shown);
    let name = if shown.is_empty() {
        literal.to_owned()
    } else {
        format!("{literal} ({})", shown.join(", "))
    };
    Ok(cut(&name, JOB_NAME_CHARS))
}

/// One line, whatever an expression gave.
pub(crate) fn check_name(workflow: &Workflow, job: &str) -> String {
    let name = format!("{} / {}", workflow.name(), job.trim());
    let line: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(&line, CHECK_NAME_CHARS)
}

/// Of the names of the checks of a pull request's other events, each of its own, and of no others.
const EVENT_ENDINGS: [&str; 3] = [
    " (pull_request_target)",
    " (pull_request_review)",
    " (pull_request_review_comment)",
];

/// What a job's check is called for this event. A file with several events of a pull request has checks of them on one commit,
/// and what is required of one must not be met by another: GitHub shows the event in the same place. A name of another event
/// that ends so itself has its own event behind.
#[must_use]
pub fn name_for(event: &Event, name: &str) -> String {
    let ending = format!(" ({})", event.name());
    let is_plain = !EVENT_ENDINGS.contains(&ending.as_str());
    let written = name.trim_end();
    if is_plain && !EVENT_ENDINGS.iter().any(|ending| written.ends_with(ending)) {
        return name.to_owned();
    }
    cut(name, CHECK_NAME_CHARS - ending.len()) + &ending
}

/// As GitHub cuts names: three dots in place of the rest.
fn cut(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars - 3).chain("...".chars()).collect()
}
