//! From the fake GitHub's checks to the live table, and from the rows to the report.

use super::progress::CheckLine;
use super::report::{CheckReport, Report, RunReport, TestCounts};
use super::shown::Shown;
use crate::local::system::System;
use anyhow::Context as _;
use checkmill_core::limits::CHECK_TEXT_CHARS;
use checkmill_core::run::Hold;
use checkmill_core::{AttemptNumber, Job, JobState, Reason, UnixMillis};
use checkmill_github::render::cut;
use checkmill_github::render::escape::ZERO_WIDTH;
use checkmill_phases::keys;
use checkmill_phases::plan::PlannedRuns;
use checkmill_phases::ports::{Blobs as _, Runs};
use checkmill_phases::steps::{steps, telling};
use checkmill_phases::times::started_at;
use checkmill_testkit::{CheckRun, FakeGitHub, Status};
use checkmill_workflow::job::{JobResult, StepResult, StepStatus};
use std::collections::BTreeMap;
use std::path::Path;

/// The checks as they are now, by their number.
pub(crate) fn lines(github: &FakeGitHub, now: UnixMillis) -> BTreeMap<u64, CheckLine> {
    github.read(|state| {
        // Each attempt has a check of its own, under the same name.
        let mut attempts = BTreeMap::<&str, u32>::new();
        let mut lines = BTreeMap::new();
        for (id, check) in &state.check_runs {
            let attempt = attempts
                .entry(check.external_id.as_deref().unwrap_or_default())
                .or_default();
            *attempt += 1;
            lines.insert(id.0, line(check, *attempt, now));
        }
        lines
    })
}

/// A check's name, with what tells a second attempt from the first.
pub(super) fn shown_name(name: &str, attempt: u32) -> String {
    match attempt {
        1 => name.to_owned(),
        later => format!("{name} (attempt {later})"),
    }
}

/// When the check first had this status. GitHub's own times are whole seconds; those of the changes are exact.
fn first(check: &CheckRun, wanted: Status) -> Option<UnixMillis> {
    let mut statuses = check.statuses.iter();
    statuses.find(|(_, status)| *status == wanted).map(|(at, _)| *at)
}

fn line(check: &CheckRun, attempt: u32, now: UnixMillis) -> CheckLine {
    let started = first(check, Status::InProgress).unwrap_or(check.created_at);
    let ended = first(check, Status::Completed).unwrap_or(now);
    CheckLine {
        name: shown_name(&check.name, attempt),
        state: match check.conclusion {
            Some(conclusion) => conclusion.as_str().to_owned(),
            None => check.status.as_str().replace('_', " "),
        },
        ended: check.status == Status::Completed,
        passes: check.conclusion.is_some_and(checkmill_core::Conclusion::passes),
        elapsed_ms: ended.since(started).0,
    }
}

/// The jobs of the runs, in the order in which they were queued.
///
/// # Errors
/// The store's.
pub(crate) async fn jobs(system: &System, planned: &PlannedRuns) -> anyhow::Result<Vec<Job>> {
    let mut all = Vec::new();
    for run in &planned.runs {
        all.extend(
            system
                .store()
                .load_with_jobs(run)
                .await?
                .map(|(_, jobs)| jobs)
                .unwrap_or_default(),
        );
    }
    all.sort_by(|a, b| (a.queued_at, &a.name).cmp(&(b.queued_at, &b.name)));
    Ok(all)
}

/// Whether the job is still to be reported.
pub(crate) const fn is_open(job: &Job) -> bool {
    !matches!(job.state, JobState::Concluded { .. })
}

/// What came of it, as far as it has come to an end.
///
/// # Errors
/// The store's.
pub(crate) async fn report(
    system: &System,
    github: &FakeGitHub,
    planned: &PlannedRuns,
    forge_requests: u64,
) -> anyhow::Result<Report> {
    // Before the report's own reads.
    let mut usage = system.usage();
    usage.forge_requests = forge_requests;
    let mut checks = Vec::new();
    for job in jobs(system, planned).await? {
        let of_job = checks_of(github, &job);
        checks.extend(earlier(system, &of_job, &job).await?);
        checks.push(check(system, of_job.get(job.attempt.0 as usize - 1), &job).await?);
    }
    let mut runs = Vec::new();
    for id in &planned.runs {
        let run = Runs::load(system.store(), id).await?;
        runs.extend(run.map(|run| RunReport {
            id: run.id.to_string(),
            workflow: run.workflow_name,
            name: run.title,
        }));
    }
    Ok(Report {
        run: planned.runs.iter().map(ToString::to_string).collect(),
        runs,
        checks,
        usage,
    })
}

/// One for each attempt that has begun, the first one first.
fn checks_of(github: &FakeGitHub, job: &Job) -> Vec<CheckRun> {
    let is_of_job = |check: &&CheckRun| check.external_id.as_deref() == Some(job.id.as_str());
    github.read(|state| {
        let of_job = state.check_runs.values().filter(is_of_job);
        of_job.cloned().collect()
    })
}

/// The attempts before the present one, each of which was followed by another without anybody asking. A job's row knows its
/// present attempt only; the others are what their checks say.
async fn earlier(system: &System, checks: &[CheckRun], job: &Job) -> anyhow::Result<Vec<CheckReport>> {
    let mut reports = Vec::new();
    for (number, check) in (AttemptNumber::FIRST.0..job.attempt.0).zip(checks) {
        let attempt = AttemptNumber(number);
        let started = first(check, Status::InProgress);
        let ended = first(check, Status::Completed).unwrap_or(check.created_at);
        let queued_until = started.unwrap_or(ended);
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let result = result(system, job, attempt).await?;
        let mut steps = result.iter().flat_map(|result| &result.steps);
        let failing = steps.find(|step| step.outcome == StepStatus::Failure);
        reports.push(CheckReport {
            name: job.name.clone(),
            conclusion: check.conclusion.map(checkmill_core::Conclusion::as_str),
            reason: reason_in(&text(&check.output.summary)),
            attempt: number,
            queued_ms: queued_until.since(check.created_at).0,
            run_ms: ended.since(queued_until).0,
            log: cut(&log(system, job, attempt).await?, CHECK_TEXT_CHARS),
            is_last: false,
            passes: check.conclusion.is_some_and(checkmill_core::Conclusion::passes),
            detail: [
                Some(text(&check.output.title)),
                fault_in(&text(&check.output.summary)),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": "),
            tests: counts(result.as_ref()),
            shown: Shown::new(check, result.as_ref()),
            tail: tail(failing, diagnostics(system, job, attempt).await?),
        });
    }
    Ok(reports)
}

/// The reason's class in a check's summary, which begins with `**Verdict** (`class`)`.
fn reason_in(summary: &str) -> Option<String> {
    let (_, behind) = summary.split_once("** (`")?;
    let (class, _) = behind.split_once('`')?;
    Some(class.to_owned())
}

/// What broke, where that was the infrastructure: behind the class, in Markdown.
fn fault_in(summary: &str) -> Option<String> {
    let class = format!("(`{}`): ", Reason::Infrastructure.class());
    let (_, detail) = summary.lines().next()?.split_once(&class)?;
    Some(detail.replace(ZERO_WIDTH, "").replace('\\', ""))
}

async fn check(system: &System, check: Option<&CheckRun>, job: &Job) -> anyhow::Result<CheckReport> {
    let log = log(system, job, job.attempt).await?;
    let shown = |result: Option<&JobResult>| check.map(|check| Shown::new(check, result)).unwrap_or_default();
    let Some(end) = job.end().filter(|_| !is_open(job)) else {
        return Ok(CheckReport {
            name: job.name.clone(),
            conclusion: None,
            reason: None,
            attempt: job.attempt.0,
            queued_ms: 0,
            run_ms: 0,
            log: cut(&log, CHECK_TEXT_CHARS),
            is_last: true,
            passes: false,
            detail: "It could not be brought to its end.".to_owned(),
            tests: None,
            shown: shown(None),
            tail: Vec::new(),
        });
    };
    let result = result(system, job, job.attempt).await?;
    let run_ms = started_at(job, result.as_ref()).map_or(0, |started| end.at.since(started).0);
    let conclusion = end.reason.conclusion();
    let diagnostics = diagnostics(system, job, job.attempt).await?;
    let steps = steps(end, result.as_ref(), Some(&log));
    let step = telling(end, &steps);
    Ok(CheckReport {
        name: job.name.clone(),
        conclusion: Some(conclusion.as_str()),
        reason: Some(end.reason.class().to_owned()),
        attempt: job.attempt.0,
        queued_ms: end.at.since(job.queued_at).0.saturating_sub(run_ms),
        run_ms,
        log: cut(&log, CHECK_TEXT_CHARS),
        is_last: true,
        passes: conclusion.passes(),
        detail: match (&diagnostics, step) {
            (Some(_), _) => "Can't run as it is written.".to_owned(),
            (None, Some(step)) if end.reason == Reason::RunTimeout => {
                format!("{} The step \"{}\" was running.", end.detail, step.name)
            }
            (None, _) => end.detail.clone(),
        },
        tests: counts(result.as_ref()),
        shown: shown(result.as_ref()),
        tail: tail(step, diagnostics),
    })
}

/// Where the job has said anything of tests.
fn counts(result: Option<&JobResult>) -> Option<TestCounts> {
    let tests = &result?.tests;
    let counts = TestCounts {
        passed: tests.passed,
        failed: tests.failed,
        skipped: tests.skipped,
    };
    (tests.passed + tests.failed + tests.skipped > 0).then_some(counts)
}

/// Last lines of the step that tells, or what is wrong with the file.
fn tail(step: Option<&StepResult>, diagnostics: Option<String>) -> Vec<String> {
    match (step, diagnostics) {
        (Some(step), _) => step.tail.clone(),
        (None, Some(text)) => text.lines().map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    }
}

/// What is wrong with the file that the job comes from, where that kept it from running.
async fn diagnostics(system: &System, job: &Job, attempt: AttemptNumber) -> anyhow::Result<Option<String>> {
    let run = Runs::load(system.store(), &job.id.run()).await?;
    if let Some(Hold::Broken(diagnosis)) = run.and_then(|run| run.hold) {
        return Ok(Some(diagnosis.text));
    }
    let kept = system.blobs().get(&keys::diagnostics(&job.id, attempt)).await?;
    Ok(kept
        .and_then(|bytes| keys::decode_diagnosis(&bytes))
        .map(|diagnosis| diagnosis.text))
}

async fn result(system: &System, job: &Job, attempt: AttemptNumber) -> anyhow::Result<Option<JobResult>> {
    let bytes = system.blobs().get(&keys::result(&job.id, attempt)).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

async fn log(system: &System, job: &Job, attempt: AttemptNumber) -> anyhow::Result<String> {
    match system.blobs().get(&keys::log(&job.id, attempt)).await? {
        Some(log) => Ok(String::from_utf8_lossy(&log).into_owned()),
        None => Ok(diagnostics(system, job, attempt).await?.unwrap_or_default()),
    }
}

/// Writes each job's log as it is kept (at most `LOG_BYTES`) to a file named after its check, and the page of its last check
/// beside it.
///
/// # Errors
/// A file that can't be written.
pub(crate) async fn keep_logs(
    system: &System,
    github: &FakeGitHub,
    planned: &PlannedRuns,
    dir: &Path,
) -> anyhow::Result<()> {
    for job in jobs(system, planned).await? {
        let plain = |c: char| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        };
        // A workflow without a name is called after its path, which begins with a dot: `ls` would not show it.
        let name: String = job.name.chars().map(plain).take(150).collect();
        let name = name.trim_start_matches('.');
        let path = dir.join(format!("{name}-{}.log", &job.id.as_str()[17..]));
        std::fs::write(&path, log(system, &job, job.attempt).await?)
            .with_context(|| format!("The log {} can't be written.", path.display()))?;
        if let Some(check) = checks_of(github, &job).last() {
            let path = path.with_extension("md");
            std::fs::write(&path, Shown::new(check, None).page(&job.name))
                .with_context(|| format!("The check {} can't be written.", path.display()))?;
        }
    }
    Ok(())
}
