//! Whether a job runs.

use super::JobContext;
use crate::contexts::NeedsJob;
use crate::diagnostic::{Diagnostics, quoted};
use crate::expr::JobStatus;
use crate::model::{Job, Workflow};
use crate::resolve::Resolver;
use checkmill_core::JobKey;
use checkmill_core::conclusion::NeedsResult;
use std::collections::BTreeMap;

/// What the status functions answer from: all jobs that this one needs, also through others. GitHub docs, `needs`: a
/// failure or skip applies to all jobs of the chain from there on.
pub(super) fn status(workflow: &Workflow, key: &JobKey, results: &BTreeMap<JobKey, NeedsJob>) -> JobStatus {
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
pub(super) fn skipped(
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
    if context.cancelled {
        return Ok(Some("its run was cancelled".to_owned()));
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
