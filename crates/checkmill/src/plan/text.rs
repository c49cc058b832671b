//! The plan for people: a tree of workflows and jobs.

use super::Report;
use crate::output::count;
use checkmill_core::concurrency::Queueing;
use checkmill_core::{Concurrency, Job, JobKey};
use checkmill_phases::preview::{JobOutcome, JobPreview, WorkflowOutcome, WorkflowPreview};
use checkmill_workflow::LaterKey;
use comfy_table::{Table, presets};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) fn text(report: &Report) -> String {
    let mut text = format!("Planning {}.\n", report.description);
    if let Some(reason) = &report.ignored {
        let _ = writeln!(text, "\nNothing starts: {reason}.");
        return text;
    }
    for workflow in &report.workflows {
        workflow_text(&mut text, workflow);
    }
    let _ = writeln!(text, "\n{}", summary(&report.workflows));
    text
}

fn workflow_text(text: &mut String, workflow: &WorkflowPreview) {
    let WorkflowPreview { path, name, outcome } = workflow;
    match outcome {
        WorkflowOutcome::NotStarted(reason) => {
            let _ = writeln!(text, "\n– {path}: {reason}");
        }
        WorkflowOutcome::Broken(diagnosis) => {
            let _ = writeln!(text, "\n✗ {path} is broken");
            quote(text, &diagnosis.text);
        }
        WorkflowOutcome::Started {
            waits_for,
            concurrency,
            jobs,
            ..
        } => {
            let title = if name == path {
                path.clone()
            } else {
                format!("{name} ({path})")
            };
            let _ = writeln!(text, "\n✓ {title}");
            if let Some(reason) = waits_for {
                let _ = writeln!(text, "  Nothing of it runs yet: {reason}");
            }
            if let Some(concurrency) = concurrency {
                let _ = writeln!(text, "  All of it is {}", in_group(concurrency));
            }
            let _ = writeln!(text, "{}", table(jobs));
            for job in jobs {
                match &job.outcome {
                    JobOutcome::Broken(diagnosis) => quote(text, &diagnosis.text),
                    // Of a matrix, all say the same of one place.
                    JobOutcome::Starts { refused, .. } => {
                        let texts: BTreeSet<&str> =
                            refused.iter().map(|(_, one)| one.text.as_str()).collect();
                        texts.into_iter().for_each(|one| quote(text, one));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn quote(text: &mut String, lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(text, "{}", format!("    │ {line}").trim_end());
    }
}

/// A line for each job, or for each of its legs.
fn table(jobs: &[JobPreview]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["", "JOB", "RUNS ON", "AFTER", ""]);
    for job in jobs {
        let alone = || job.name.clone();
        let needs: Vec<JobKey> = job.needs.iter().map(JobKey::own).collect();
        let after = list(needs.iter().map(JobKey::as_str));
        let mut row = |mark: &str, name: String, runs_on: String, note: String| {
            table.add_row([format!(" {mark}"), name, runs_on, after.clone(), note]);
        };
        match &job.outcome {
            JobOutcome::Calls { concurrency } if concurrency.is_empty() => {}
            JobOutcome::Calls { concurrency } => row(
                "✓",
                alone(),
                String::new(),
                format!("what it calls is {}", in_groups(concurrency)),
            ),
            JobOutcome::Elsewhere(uses) => row(
                "?",
                alone(),
                String::new(),
                format!("its jobs are those of {uses}"),
            ),
            JobOutcome::Skipped(reason) => row("–", alone(), String::new(), format!("skipped: {reason}")),
            JobOutcome::Broken(_) => row(
                "✗",
                alone(),
                String::new(),
                "can't be planned as it is written".to_owned(),
            ),
            JobOutcome::Starts { legs, later, refused } => {
                let (mark, note) = match later.as_slice() {
                    [] => ("✓", String::new()),
                    keys => ("?", decided_later(keys, &needs)),
                };
                for leg in legs {
                    let group = leg.concurrency.as_ref().map(in_group);
                    let notes = [note.clone(), group.unwrap_or_default()]
                        .into_iter()
                        .filter(|note| !note.is_empty());
                    let notes: Vec<String> = notes.collect();
                    row(mark, leg.name.clone(), labels(leg), notes.join("; "));
                }
                for (name, _) in refused {
                    let note = "refused when it starts, for its environment".to_owned();
                    row("✗", name.clone(), String::new(), note);
                }
                if legs.is_empty() && refused.is_empty() {
                    row(mark, alone(), String::new(), note);
                }
            }
        }
    }
    let lines: Vec<String> = table
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// What a concurrency group means for who is in it.
fn in_group(concurrency: &Concurrency) -> String {
    let how = match (concurrency.cancel_in_progress, concurrency.queue) {
        (true, _) => "cancels what runs in it",
        (false, Queueing::Single) => "waits for what runs in it",
        (false, Queueing::Max) => "waits for all before it",
    };
    format!("in the concurrency group `{}` and {how}", concurrency.group)
}

fn in_groups(concurrency: &[Concurrency]) -> String {
    let mut groups: Vec<String> = Vec::new();
    for group in concurrency.iter().map(in_group) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.join(", ")
}

fn labels(leg: &Job) -> String {
    leg.runs_on.join(", ")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn decided_later(keys: &[LaterKey], needs: &[JobKey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.as_str())).collect();
    let (is, have) = (
        if keys.len() == 1 { "is" } else { "are" },
        if needs.len() == 1 { "has" } else { "have" },
    );
    format!(
        "{} {is} decided when {} {have} ended",
        keys.join(" and "),
        list(needs.iter().map(JobKey::as_str))
    )
}

/// How many of each.
fn summary(workflows: &[WorkflowPreview]) -> String {
    let (mut started, mut skipped, mut later, mut broken, mut elsewhere) = (0, 0, 0, 0, 0);
    for workflow in workflows {
        match &workflow.outcome {
            WorkflowOutcome::NotStarted(_) => {}
            WorkflowOutcome::Broken(_) => broken += 1,
            WorkflowOutcome::Started { jobs, .. } => {
                for job in jobs {
                    match &job.outcome {
                        JobOutcome::Starts {
                            legs,
                            later: keys,
                            refused,
                        } => {
                            broken += refused.len();
                            match keys.is_empty() {
                                true => started += legs.len(),
                                false if legs.is_empty() && !refused.is_empty() => {}
                                false => later += 1,
                            }
                        }
                        JobOutcome::Calls { .. } => {}
                        JobOutcome::Elsewhere(_) => elsewhere += 1,
                        JobOutcome::Skipped(_) => skipped += 1,
                        JobOutcome::Broken(_) => broken += 1,
                    }
                }
            }
        }
    }
    let mut parts = vec![format!("{} would start", count(started, "job"))];
    for (number, what) in [
        (later, "decided later"),
        (elsewhere, "of another repository"),
        (skipped, "skipped"),
        (broken, "broken"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}
