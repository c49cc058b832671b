//! `checkmill stats`: what was learned of the jobs, for people and for machines.

mod plot;
mod report;
mod table;

use crate::cli::StatsArgs;
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_aws::connection::{AwsSettings, Connection};
use checkmill_aws::dynamodb::{DynamoStore, Histories};
use checkmill_aws::embedded;
use checkmill_core::history::JobHistory;
use report::JobReport;
use std::collections::BTreeMap;
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

/// A table on AWS, with what the environment says of region, credentials and endpoint.
fn on_aws(table: &str) -> anyhow::Result<DynamoStore> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let settings = aws_settings(&variables)?;
    let client = Connection::new(settings).dynamodb();
    Ok(DynamoStore::new(client, table, Arc::new(SystemClock)))
}

fn aws_settings(variables: &BTreeMap<String, String>) -> anyhow::Result<AwsSettings> {
    let find = |names: &[&str]| {
        let found = names.iter().find_map(|name| variables.get(*name));
        found.filter(|value| !value.is_empty()).cloned()
    };
    let (region, id, secret) = (
        find(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        find(&["AWS_ACCESS_KEY_ID"]),
        find(&["AWS_SECRET_ACCESS_KEY"]),
    );
    let (Some(region), Some(access_key_id), Some(secret)) = (region, id, secret) else {
        bail!(
            "--table needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment (and AWS_SESSION_TOKEN for \
             temporary credentials). `aws configure export-credentials --format env` prints them for a profile."
        );
    };
    Ok(AwsSettings {
        region,
        access_key_id,
        secret_access_key: secret.into(),
        session_token: find(&["AWS_SESSION_TOKEN"]).map(Into::into),
        endpoint_url: find(&["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_from_the_environment_or_are_asked_for() {
        let mut variables: BTreeMap<String, String> = [
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let refused = aws_settings(&variables).unwrap_err().to_string();
        assert!(refused.contains("AWS_SECRET_ACCESS_KEY"), "{refused}");
        variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned());
        let settings = aws_settings(&variables).unwrap();
        assert_eq!(
            (settings.region.as_str(), settings.endpoint_url),
            ("eu-central-1", None)
        );
    }
}
