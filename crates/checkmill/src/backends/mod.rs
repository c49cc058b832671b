//! `checkmill backends`: what there is, and whether it works.

mod open;
mod probe;

pub(crate) use open::{Here, open};

use crate::cli::BackendsArgs;
use crate::output::{count, print};
use crate::passed::PassedVariables;
use anyhow::Context as _;
use checkmill_backends::port::Backend;
use checkmill_backends::process::Orphans;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::Arc;

/// One backend, as `--json` has it.
#[derive(Debug, Serialize)]
struct Report {
    name: String,
    labels: String,
    /// Jobs of ours that use its compute; none where it can't be asked.
    running: Option<usize>,
    /// How long the job of `--probe` took from its submit to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Lists the backends of a file and asks each for its jobs; with `--probe`, each runs one.
///
/// # Errors
/// A file that can't be read or has a mistake.
pub(crate) async fn backends(args: &BackendsArgs) -> anyhow::Result<ExitCode> {
    // Jobs of the probe end with this program; those of a server are in its own directory.
    let scratch = tempfile::tempdir().context("There is no place for a job's files.")?;
    let passed = PassedVariables { names: Vec::new() };
    let here = Here {
        root: scratch.path(),
        passed: &passed,
        orphans: Orphans::Stop,
    };
    let backends = open(args.backends.as_deref(), here)?;
    let mut reports = Vec::new();
    for (name, labels, backend) in backends.all_with_labels() {
        reports.push(report(name, labels.to_string(), backend, args.probe).await);
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&reports)?))?;
    } else {
        print(&table(&reports))?;
    }
    let fine = reports.iter().all(|report| report.problem.is_none());
    Ok(ExitCode::from(u8::from(!fine)))
}

async fn report(name: &str, labels: String, backend: &Arc<dyn Backend>, probe: bool) -> Report {
    let mut report = Report {
        name: name.to_owned(),
        labels,
        running: None,
        probe_ms: None,
        problem: None,
    };
    match backend.list().await {
        Ok(jobs) => report.running = Some(jobs.iter().filter(|job| job.live).count()),
        Err(error) => report.problem = Some(error.to_string()),
    }
    if probe && report.problem.is_none() {
        match probe::run(backend.as_ref()).await {
            Ok(took) => report.probe_ms = Some(took.0),
            Err(problem) => report.problem = Some(problem),
        }
    }
    report
}

fn table(reports: &[Report]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["BACKEND", "LABELS", "STATE"]);
    for report in reports {
        let state = match (&report.problem, report.probe_ms, report.running) {
            (Some(problem), ..) => format!("✗ {problem}"),
            (None, Some(ms), _) => format!("✓ ran a job in {}.{} s", ms / 1000, ms % 1000 / 100),
            (None, None, running) => format!("✓ {} running", count(running.unwrap_or(0), "job")),
        };
        table.add_row([report.name.clone(), report.labels.clone(), state]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}
