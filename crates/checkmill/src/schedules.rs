//! The schedules of a repository's workflows, for whoever plays the clock.

use anyhow::bail;
use checkmill_core::schedule::Timing;
use std::collections::BTreeSet;

/// The schedule that `cron` names, else the only one there is.
///
/// # Errors
/// None of that text, or several to choose from. A broken file has none; its own check says so.
pub(crate) fn chosen(workflows: &[(String, Vec<u8>)], cron: Option<&str>) -> anyhow::Result<Timing> {
    let read = |(path, bytes): &(String, Vec<u8>)| {
        let workflow = checkmill_workflow::parse(path, &String::from_utf8_lossy(bytes));
        workflow
            .map(|workflow| workflow.schedule().to_vec())
            .unwrap_or_default()
    };
    let all: BTreeSet<Timing> = workflows.iter().flat_map(read).collect();
    let listed = || {
        let shown = all.iter().map(|timing| match &timing.timezone {
            Some(timezone) => format!("{:?} ({timezone})", timing.cron),
            None => format!("{:?}", timing.cron),
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    match (cron, all.iter().collect::<Vec<_>>().as_slice()) {
        (_, []) => bail!("No workflow has a schedule."),
        (None, [only]) => Ok((*only).clone()),
        (None, _) => bail!("Name the schedule with --cron: {}.", listed()),
        (Some(cron), some) => match some.iter().find(|timing| timing.cron == cron) {
            Some(timing) => Ok((*timing).clone()),
            None => bail!("There is no schedule {cron:?}. There is: {}.", listed()),
        },
    }
}
