//! `checkmill stats`: what was learned of the jobs, for people and for machines.

#[cfg(feature = "aws")]
mod aws;
mod plot;
mod report;
mod table;

use crate::cli::StatsArgs;
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_aws::dynamodb::{DynamoStore, Histories};
use checkmill_aws::embedded;
use checkmill_core::history::JobHistory;
use report::JobReport;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Rows of the table that are looked at: a repository that runs a hundred jobs an hour for 90 days.
const SCAN_ROWS: usize = 500_000;

/// Prints them.
///
/// # Errors
/// Wrong input: no store where it was said to be, credentials that are missing.
pub(crate) async fn stats(args: StatsArgs) -> anyhow::Result<ExitCode> {
    let found = match (&args.table, &args.data) {
        (Some(table), _) => on_aws(table)?.histories(SCAN_ROWS).await,
        (None, Some(data)) => open(data).await?.histories(SCAN_ROWS).await,
        (None, None) => bail!(
            "Say where: --data DIR for the data directory of `serve` or `run`, --table NAME for a DynamoDB table on AWS."
        ),
    };
    let found = match (&args.table, found) {
        (_, Ok(found)) => found,
        (Some(table), Err(error)) => {
            return Err(error).with_context(|| format!("The table {table} can't be read."));
        }
        (None, Err(error)) => return Err(error).context("The store can't be read."),
    };
    let Histories { scanned, cut, .. } = found;
    let others = found.histories.len();
    let reports: Vec<JobReport> = chosen(found.histories, &args).iter().map(JobReport::of).collect();
    if let (true, Some(repository)) = (reports.is_empty() && others > 0 && !args.json, &args.repository) {
        bail!("No job of {repository} has run here; {others} jobs of other repositories have.");
    }
    let mut text = match (args.json, args.flaky) {
        (true, _) => serde_json::to_string(&reports)? + "\n",
        (false, false) => table::jobs(&reports),
        (false, true) => table::flaky(&reports),
    };
    if cut && !args.json {
        text.push_str(&format!(
            "\nOnly the first {scanned} rows of the table were looked at; there are more.\n"
        ));
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Those that were asked for: by repository and name, or the flakiest first.
fn chosen(mut histories: Vec<JobHistory>, args: &StatsArgs) -> Vec<JobHistory> {
    if let Some(repository) = &args.repository {
        histories.retain(|history| history.job.repository_name == *repository);
    }
    histories.sort_by(|a, b| {
        let key = |history: &JobHistory| {
            (
                history.job.repository_name.clone(),
                history.job.workflow_path.clone(),
                history.job.name.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    if args.flaky {
        histories.retain(|history| history.tally.flaky > 0);
        let flaky = |history: &JobHistory| (history.flaky_percent(), history.tally.flaky);
        histories.sort_by_key(|history| std::cmp::Reverse(flaky(history)));
    }
    histories
}

/// The store of a data directory. It may be in use: readers do not disturb.
async fn open(data: &Path) -> anyhow::Result<DynamoStore> {
    let file = data.join("store.db");
    if !file.is_file() {
        bail!(
            "{} is no data directory: it has no store.db. `checkmill serve --data DIR` and `checkmill run --data DIR` make one.",
            data.display()
        );
    }
    Ok(embedded::open(Some(&file)).await?.store(Arc::new(SystemClock)))
}

/// A table on AWS.
#[cfg(feature = "aws")]
fn on_aws(table: &str) -> anyhow::Result<DynamoStore> {
    aws::open(table)
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &str) -> anyhow::Result<DynamoStore> {
    bail!(
        "This command was built without AWS. With it: cargo run --release --features checkmill/aws -- stats --table NAME"
    )
}
