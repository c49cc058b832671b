//! `checkmill plan`: what an event would start, and what stops the rest, without running anything and without the network.
//! The decision is the planner's own ([`checkmill_phases::preview`]); this is about the event and the files that it is given.

mod event;
mod json;
mod text;

use crate::cli::PlanArgs;
use crate::output::{no_workflow, print};
use crate::source::{self, Source};
use anyhow::bail;
use checkmill_core::limits::{CHANGED_FILES, WORKFLOW_FILE_BYTES, WORKFLOW_FILES};
use checkmill_core::policy::Policy;
use checkmill_core::{CommitSha, Event};
use checkmill_github::forge::{PlanningFiles, SourceContent, SourceFile};
use checkmill_phases::dirs::{self, ACTIONS_DIR, POLICY_PATH};
use checkmill_phases::preview::{JobOutcome, WorkflowOutcome, WorkflowPreview, preview};
use event::{Made, Planned};
use std::process::ExitCode;

/// When a file is broken.
const BROKEN: u8 = 1;

/// What is printed.
struct Report {
    /// What happens, in words.
    description: String,
    /// None where nothing follows from the payload.
    event: Option<Event>,
    /// Of the files.
    sha: CommitSha,
    changed: Vec<String>,
    /// Why nothing follows from the payload.
    ignored: Option<String>,
    workflows: Vec<WorkflowPreview>,
}

/// Plans and reports. The exit code says whether every file could be read.
///
/// # Errors
/// Wrong input: the path, a ref, a payload, a workflow or input that is not there.
pub(crate) fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let scratch = tempfile::tempdir()?;
    let source = source::prepare(
        &args.path,
        args.reference.as_deref(),
        &scratch.path().join("source.git"),
    )?;
    let report = report(args, &source)?;
    print(&if args.json {
        json::json(&report)?
    } else {
        text::text(&report)
    })?;
    Ok(if report.workflows.iter().any(is_broken) {
        ExitCode::from(BROKEN)
    } else {
        ExitCode::SUCCESS
    })
}

fn report(args: &PlanArgs, source: &Source) -> anyhow::Result<Report> {
    let Made {
        description,
        planned,
        from,
        policy_of,
    } = event::make(args, source)?;
    let changed = match args.changed.as_slice() {
        [] => source.changed(from.as_ref())?,
        given => given.to_vec(),
    };
    // As many as a path filter sees.
    let changed: Vec<String> = changed.into_iter().take(CHANGED_FILES).collect();
    let mut report = Report {
        description: description + &source.policy_note(&policy_of)?,
        event: None,
        sha: source.sha.clone(),
        changed,
        ignored: None,
        workflows: Vec::new(),
    };
    match planned {
        Planned::Ignored(reason) => report.ignored = Some(reason),
        Planned::Event(event) => {
            let files = files(source, &source.sha, &policy_of)?;
            report.workflows = preview(&event, &source.sha, &files, &report.changed);
            if let Some(target) = event.as_target() {
                // Those of the default branch, as its policy.
                let files = self::files(source, &policy_of, &policy_of)?;
                report
                    .workflows
                    .extend(preview(&target, &policy_of, &files, &report.changed));
            }
            if report.workflows.is_empty() {
                let policy = source.policy(&policy_of)?;
                let mut text = no_workflow(&args.path, &dirs::under(&policy));
                // Whatever was found did not count.
                if !files.workflows.is_empty() {
                    text.push_str(&format!(
                        " There are some in {ACTIONS_DIR}: add `actions_workflows: true` to {POLICY_PATH}."
                    ));
                }
                bail!(text);
            }
            report.event = Some(*event);
        }
    }
    Ok(report)
}

/// The files of a commit as the forge would give them.
fn files(source: &Source, sha: &CommitSha, policy_of: &CommitSha) -> anyhow::Result<PlanningFiles> {
    let policy = source.file(policy_of, POLICY_PATH)?;
    let everything = Policy {
        actions_workflows: true,
        ..Policy::default()
    };
    let mut planning = PlanningFiles {
        policy: policy.map(|bytes| SourceFile {
            path: POLICY_PATH.to_owned(),
            content: content(bytes),
        }),
        workflows: Vec::new(),
        left_out: Vec::new(),
        message: source.commit(sha)?.1,
        archived: false,
        default_branch: None,
    };
    let all = source.workflows_at(sha, &everything)?;
    for dir in dirs::all() {
        let of_dir = all.iter().filter(|(path, _)| dirs::is_in(path, dir));
        for (index, (path, bytes)) in of_dir.enumerate() {
            if index < WORKFLOW_FILES {
                planning.workflows.push(SourceFile {
                    path: path.clone(),
                    content: content(bytes.clone()),
                });
            } else {
                planning.left_out.push(path.clone());
            }
        }
    }
    planning.workflows.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(planning)
}

fn content(bytes: Vec<u8>) -> SourceContent {
    if bytes.len() > WORKFLOW_FILE_BYTES {
        return SourceContent::TooLarge(bytes.len() as u64);
    }
    String::from_utf8(bytes).map_or(SourceContent::Binary, SourceContent::Text)
}

fn is_broken(workflow: &WorkflowPreview) -> bool {
    match &workflow.outcome {
        WorkflowOutcome::Broken(_) => true,
        WorkflowOutcome::NotStarted(_) => false,
        WorkflowOutcome::Started { jobs, .. } => jobs.iter().any(|job| match &job.outcome {
            JobOutcome::Broken(_) => true,
            JobOutcome::Starts { refused, .. } => !refused.is_empty(),
            _ => false,
        }),
    }
}
