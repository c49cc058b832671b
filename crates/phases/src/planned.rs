//! What an event means for one workflow file, before anything of it is evaluated.

use crate::called::{self, CalledFile, Gathered, Remote};
use crate::view;
use checkmill_core::graph::{self, Node};
use checkmill_core::policy::Policy;
use checkmill_core::run::{Diagnosis, Hold, Mark};
use checkmill_core::{Event, EventKind, JobKey};
use checkmill_github::forge::{PlanningFiles, SourceContent, SourceFile};
use checkmill_workflow::{
    Changed, Diagnostic, Diagnostics, Match, RemoteWorkflow, Workflow, WorkflowReference,
};
use std::collections::BTreeMap;

/// What a run that can't be evaluated has instead of jobs: one check that says why.
const BROKEN_KEY: &str = "workflow";

/// A workflow file that an event starts, before the run has a row.
pub(crate) struct Planned {
    pub(crate) path: String,
    /// The workflow's name.
    pub(crate) name: String,
    pub(crate) hold: Option<Hold>,
    pub(crate) nodes: BTreeMap<JobKey, Node>,
    /// The files that it calls.
    pub(crate) called: Vec<CalledFile>,
    /// None where the file is broken.
    pub(crate) workflow: Option<Box<Workflow>>,
}

impl Planned {
    fn of(workflow: &Workflow) -> Self {
        Self {
            path: workflow.path().to_owned(),
            name: workflow.name().to_owned(),
            hold: None,
            nodes: workflow.graph(),
            called: Vec::new(),
            workflow: Some(Box::new(workflow.clone())),
        }
    }

    /// A file that can't be read, with the diagnostics: a run of one check that fails with them.
    pub(crate) fn broken(path: &str, diagnosis: Diagnosis) -> Self {
        let key: JobKey = BROKEN_KEY.parse().expect("the constant is a job key");
        Self {
            path: path.to_owned(),
            name: path.to_owned(),
            hold: Some(Hold::Broken(diagnosis)),
            nodes: BTreeMap::from([(
                key,
                Node {
                    needs: Vec::new(),
                    expansion: None,
                },
            )]),
            called: Vec::new(),
            workflow: None,
        }
    }

    /// Without the jobs that `key` does not need, directly or through others. A broken file stays as it is.
    pub(crate) fn only(mut self, key: &JobKey) -> Self {
        if self.hold.is_none() {
            let wanted = |other: &JobKey| other == key || graph::dependents(&self.nodes, other).contains(key);
            let kept: Vec<JobKey> = self.nodes.keys().filter(|other| wanted(other)).cloned().collect();
            self.nodes.retain(|other, _| kept.contains(other));
        }
        self
    }

    pub(crate) fn held(mut self, hold: Hold) -> Self {
        self.hold.get_or_insert(hold);
        self
    }
}

/// What an event means for a workflow file.
pub(crate) enum FileMatch {
    Runs(Planned),
    /// The first rule that stopped it.
    No(String),
    NeedsChangedFiles,
    /// It calls these files of other repositories.
    NeedsWorkflows(Vec<RemoteWorkflow>),
}

/// What a file can call.
#[derive(Clone, Copy)]
pub(crate) struct Callable<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) files: &'a PlanningFiles,
    pub(crate) remote: &'a Remote,
}

/// Reads one file and decides. A broken file runs whatever its triggers may have been: nobody can know them, and silence
/// would look like success.
pub(crate) fn plan_file(
    event: &Event,
    file: &SourceFile,
    changed: Option<Changed<'_>>,
    callable: Callable<'_>,
) -> FileMatch {
    let broken = |diagnosis: Diagnosis| match &event.kind {
        _ if !changes_files(event) => {
            FileMatch::No("the file is broken, which its commit's checks say".to_owned())
        }
        _ => FileMatch::Runs(Planned::broken(&file.path, diagnosis)),
    };
    let text = match &file.content {
        SourceContent::Text(text) => text,
        SourceContent::TooLarge(bytes) => return broken(view::too_large(&file.path, *bytes).into()),
        SourceContent::Binary => return broken(view::not_text(&file.path).into()),
    };
    let workflow = match checkmill_workflow::parse(&file.path, text) {
        Ok(workflow) => workflow,
        Err(diagnostics) => return broken(diagnosis(&diagnostics)),
    };
    match checkmill_workflow::matches(&workflow, event, changed) {
        Match::No(reason) => FileMatch::No(reason),
        Match::NeedsChangedFiles => FileMatch::NeedsChangedFiles,
        Match::Skipped { check, detail } => {
            FileMatch::Runs(Planned::of(&workflow).held(Hold::Unmatched { check, detail }))
        }
        Match::Yes => match inputs(&workflow, event, callable.policy) {
            Err(diagnostics) => broken(diagnosis(&diagnostics)),
            // None of its jobs is looked at.
            Ok(_) if skips_ci(event, &callable.files.message) => FileMatch::Runs(Planned::of(&workflow)),
            Ok(_) => {
                let mut planned = Planned::of(&workflow);
                match called::gather(workflow, event, callable) {
                    Gathered::Needs(wanted) => FileMatch::NeedsWorkflows(wanted),
                    Gathered::Broken(diagnostics) => broken(diagnosis(&diagnostics)),
                    Gathered::All(called) => {
                        planned.called = called;
                        FileMatch::Runs(planned)
                    }
                }
            }
        },
    }
}

/// Whether the inputs are what the workflow and the policy let them be.
fn inputs(workflow: &Workflow, event: &Event, policy: &Policy) -> Result<(), Diagnostics> {
    let inputs = checkmill_workflow::inputs(workflow, event)?;
    checkmill_workflow::check_environments(workflow, &inputs, &policy.environments)
}

/// Whether the file, where it can be read, has the event at all. Most have not: with each pull request, that is not worth a word.
pub(crate) fn names_target(file: &SourceFile) -> bool {
    let SourceContent::Text(text) = &file.content else {
        return true;
    };
    checkmill_workflow::parse(&file.path, text)
        .map_or(true, |workflow| checkmill_workflow::names_target(&workflow))
}

/// Whether it may be about a commit that nobody has seen before. Labels, comments and the clock change no file: what is broken
/// has been said.
pub(crate) fn changes_files(event: &Event) -> bool {
    match &event.kind {
        EventKind::PullRequest(pr) => ["opened", "synchronize", "reopened"].contains(&pr.action.as_str()),
        EventKind::PullRequestTarget(_)
        | EventKind::Schedule(_)
        | EventKind::Release(_)
        | EventKind::IssueComment(_)
        | EventKind::WorkflowRun(_)
        | EventKind::Repository(_) => false,
        _ => true,
    }
}

/// Whether the head commit's message asks for no CI.
pub(crate) fn skips_ci(event: &Event, message: &str) -> bool {
    matches!(event.kind, EventKind::Push(_) | EventKind::PullRequest(_))
        && checkmill_workflow::skip_ci(message)
}

/// The policy of a file; what is wrong where it has mistakes.
pub(crate) fn policy(path: &str, text: &str) -> Result<Policy, Diagnosis> {
    checkmill_workflow::parse_policy(path, text).map_err(|diagnostics| diagnosis(&diagnostics))
}

/// Diagnostics as they are kept: their text for the check, their places for its annotations.
pub(crate) fn diagnosis(diagnostics: &Diagnostics) -> Diagnosis {
    let mark = |one: &Diagnostic| Mark {
        path: one.path.clone(),
        line: one.line,
        column: one.column,
        end_column: one.end_column,
        message: match &one.hint {
            Some(hint) => format!("{}\n{hint}", one.message),
            None => one.message.clone(),
        },
    };
    Diagnosis {
        text: diagnostics.to_string(),
        // What stands in another repository's file is no line of this one.
        marks: diagnostics
            .as_slice()
            .iter()
            .filter(|one| one.path.parse::<WorkflowReference>().is_err())
            .map(mark)
            .collect(),
    }
}
