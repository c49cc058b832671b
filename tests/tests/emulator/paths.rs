//! Every path through the state machine, on both engines: the emulator's and ours. Neither knows of the other; the states
//! that they visit must be the same, and those that the table names.

use crate::aws::STATES;
use crate::emulator::Emulator;
use crate::report::Report;
use crate::settings::Settings;
use crate::wait;
use anyhow::{Context, ensure};
use checkmill_asl::job::{self, Functions};
use checkmill_asl::paths::{Scenario, Table};
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const STATE_MACHINE: &str = "paths";

pub(crate) async fn check(settings: &Settings, report: &mut Report) {
    let table = match Table::load() {
        Ok(table) => table,
        Err(error) => {
            report
                .check("paths: the table can be read", async { Err(error.into()) })
                .await;
            return;
        }
    };
    let mut started = None;
    let up = async {
        let emulator = start(settings, &table)?;
        let arn = create(&emulator).await?;
        started = Some((emulator, arn));
        Ok(())
    };
    if !report
        .check("paths: the definition is taken by Step Functions", up)
        .await
    {
        return;
    }
    let Some((emulator, arn)) = started else { return };
    for scenario in &table.scenarios {
        let name = format!("paths: {}", scenario.name);
        report
            .check(&name, compare(&emulator, &arn, &table, scenario))
            .await;
    }
}

/// An emulator that answers the tasks from the table and does not wait between them.
fn start(settings: &Settings, table: &Table) -> anyhow::Result<Emulator> {
    let dir = settings.scratch.join("paths");
    fs::create_dir_all(&dir)?;
    let mocks = dir.join("mocks.json");
    fs::write(&mocks, table.mock_config(STATE_MACHINE).to_string())?;
    let mocks = mocks
        .to_str()
        .context("the scratch directory's name is no text")?;
    Emulator::start(
        &settings.ministack,
        &dir,
        &[("SFN_MOCK_CONFIG", mocks), ("SFN_WAIT_SCALE", "0")],
    )
}

async fn create(emulator: &Emulator) -> anyhow::Result<String> {
    let request = json!({
        "name": STATE_MACHINE,
        "definition": job::definition(&Functions::LOCAL)?,
        "roleArn": "arn:aws:iam::000000000000:role/paths",
    });
    let created = emulator.aws.call(STATES, "CreateStateMachine", &request).await?;
    Ok(text(&created, "stateMachineArn")?.to_owned())
}

async fn compare(
    emulator: &Emulator,
    machine: &str,
    table: &Table,
    scenario: &Scenario,
) -> anyhow::Result<()> {
    let ours = Arc::new(job::machine(&Functions::LOCAL)?);
    let expected = scenario
        .replay(&ours, table.input.clone())
        .map_err(anyhow::Error::msg)?;
    ensure!(
        expected.visited == scenario.visited,
        "our engine leaves the table: {:?}",
        expected.visited
    );

    let start = json!({
        "stateMachineArn": format!("{machine}#{}", scenario.name),
        "name": scenario.name,
        "input": table.input.to_string(),
    });
    let started = emulator.aws.call(STATES, "StartExecution", &start).await?;
    let execution = json!({ "executionArn": text(&started, "executionArn")? });
    let ended = wait::until("the execution's end", Duration::from_secs(30), async || {
        let seen = emulator.aws.call(STATES, "DescribeExecution", &execution).await?;
        let status = text(&seen, "status")?.to_owned();
        Ok(if status == "RUNNING" {
            Err(seen.to_string())
        } else {
            Ok(seen)
        })
    })
    .await?;

    let visited = visited(emulator, &execution).await?;
    ensure!(
        visited == expected.visited,
        "the engines part:\n  ours   {:?}\n  theirs {visited:?}",
        expected.visited
    );
    let status = text(&ended, "status")?;
    ensure!(
        status == expected.status,
        "ours ends as {}, theirs as {status}",
        expected.status
    );
    let error = ended.get("error").and_then(Value::as_str).map(str::to_owned);
    ensure!(
        error == expected.error,
        "ours fails with {:?}, theirs with {error:?}",
        expected.error
    );
    Ok(())
}

/// The names of the states that were entered, from the execution's history.
async fn visited(emulator: &Emulator, execution: &Value) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut request = execution.clone();
    loop {
        let page = emulator.aws.call(STATES, "GetExecutionHistory", &request).await?;
        let events = page
            .get("events")
            .and_then(Value::as_array)
            .context("a history without events")?;
        let entered = events
            .iter()
            .filter_map(|event| event.get("stateEnteredEventDetails")?.get("name")?.as_str());
        names.extend(entered.map(str::to_owned));
        match page.get("nextToken") {
            Some(token) if !token.is_null() => request["nextToken"] = token.clone(),
            _ => return Ok(names),
        }
    }
}

pub(crate) fn text<'v>(value: &'v Value, field: &str) -> anyhow::Result<&'v str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .with_context(|| format!("no {field} in {value}"))
}
