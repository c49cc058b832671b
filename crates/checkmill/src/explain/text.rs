//! The explanation for people.

use super::becomes::StepReport;
use super::detect::Dependencies;
use super::report::{JobReport, Report};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Characters of a step's name.
const NAME_CHARS: usize = 60;

pub(super) fn text(report: &Report) -> String {
    let mut text = format!(
        "{} ({})\nThis machine has {}Node.js and {} container engine.\n",
        report.name,
        report.file,
        if report.machine.node { "" } else { "no " },
        if report.machine.containers { "a" } else { "no" },
    );
    for job in &report.jobs {
        job_text(&mut text, job);
    }
    text
}

fn job_text(text: &mut String, job: &JobReport) {
    let mut about = vec![match &job.calls {
        Some(workflow) => format!("calls {workflow}"),
        None => format!("runs on {}", list(&job.runs_on)),
    }];
    if !job.needs.is_empty() {
        about.push(format!("after {}", list(&job.needs)));
    }
    if job.matrix {
        about.push("once for each leg of its matrix".to_owned());
    }
    if let Some(image) = &job.image {
        about.push(format!("in {image}"));
    }
    if !job.services.is_empty() {
        about.push(format!("beside {}", list(&job.services)));
    }
    if let Some(condition) = &job.condition {
        about.push(format!("if {}", one_line(condition)));
    }
    let _ = writeln!(text, "\n{}: {}", job.key, about.join(", "));
    if let Some(why) = &job.refused {
        let _ = writeln!(text, "  refused: {why}");
    }
    steps(text, &job.steps, "  ");
    for (what, names) in [
        ("sets up", &job.tools),
        ("variables", &job.env),
        ("secrets", &job.secrets),
        ("vars", &job.vars),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "  {what}: {}", join(names));
        }
    }
    for dependencies in &job.dependencies {
        dependencies_text(text, dependencies);
    }
}

fn steps(text: &mut String, steps: &[StepReport], indent: &str) {
    for (index, step) in steps.iter().enumerate() {
        let name: String = one_line(&step.name).chars().take(NAME_CHARS).collect();
        let _ = writeln!(text, "{indent}{}. {name}", index + 1);
        let _ = writeln!(text, "{indent}   {}: {}", step.rule.name(), one_line(&step.why));
        if !step.assumes.is_empty() {
            let _ = writeln!(text, "{indent}   uses of GitHub's image: {}", join(&step.assumes));
        }
        if let Some(condition) = &step.condition {
            let _ = writeln!(text, "{indent}   if: {}", one_line(condition));
        }
        self::steps(text, &step.steps, &format!("{indent}   "));
    }
}

fn dependencies_text(text: &mut String, of: &Dependencies) {
    let _ = write!(text, "  dependencies: {} ({})", of.manager, of.file);
    match &of.cached_by {
        Some(step) => {
            let _ = writeln!(text, ", kept by {step}");
        }
        None => {
            let _ = writeln!(text, ", downloaded anew by each run; a cache would be");
            let _ = writeln!(text, "    - uses: actions/cache@v4");
            let _ = writeln!(
                text,
                "      with:\n        key: {}\n        path: |",
                of.cache_key
            );
            for path in of.cache_path {
                let _ = writeln!(text, "          {path}");
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn list(names: &[String]) -> String {
    names.join(", ")
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
