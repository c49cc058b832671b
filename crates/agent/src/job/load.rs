//! Getting the actions that steps use: those of repositories before the first step, as GitHub does it, those of the
//! workspace when their step comes.

use super::JobRunner;
use super::fault::{Fault, Verdict};
use crate::actions::fetch::{self, Remote};
use crate::actions::place::Place;
use crate::actions::{ActionFault, Loaded};
use crate::environment::{self, Variables};
use crate::exec::Ended;
use crate::git::calls::Git;
use checkmill_core::limits::{
    ACTION_DOWNLOAD, ACTION_REPOSITORIES, ACTION_REPOSITORY_BYTES, COMPOSITE_DEPTH,
};
use checkmill_workflow::job::{JobVerdict, StepAction, StepDescription};
use checkmill_workflow::uses::{ActionReference, RepositoryAction, is_allowed};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl<'j> JobRunner<'j> {
    /// Downloads what the steps of the job use.
    pub(super) async fn set_up(&mut self) -> Result<(), Verdict> {
        let steps = self.description.steps.iter().collect();
        match self.download(steps, 0).await {
            Ok(()) => Ok(()),
            // What the verdict of a stopped job is, is known.
            Err(Fault::Stopped) => Ok(()),
            Err(fault) => {
                self.log.text(&format!("##[error]{}", fault.sentence()));
                let conclusion = match fault {
                    Fault::Infrastructure(_) => JobVerdict::Infrastructure,
                    _ => JobVerdict::Configuration,
                };
                let sentence = fault.sentence();
                Err(Verdict::new(conclusion, sentence.trim_end_matches('.')))
            }
        }
    }

    /// Downloads what these steps use, and what that uses.
    pub(super) async fn download(&mut self, steps: Vec<&StepDescription>, depth: usize) -> Result<(), Fault> {
        let mut open: Vec<(ActionReference, usize)> = used(steps, depth);
        while let Some((reference, depth)) = open.pop() {
            self.allowed(&reference)?;
            let ActionReference::Repository(action) = &reference else {
                continue;
            };
            if self.loaded.contains_key(&reference) {
                continue;
            }
            if depth >= COMPOSITE_DEPTH {
                return Err(too_deep(&reference));
            }
            let loaded = self
                .get(action)
                .await
                .map_err(|fault| explained(&reference, fault))?;
            open.extend(used(loaded.manifest.steps().iter().collect(), depth + 1));
            self.loaded.insert(reference, Arc::new(loaded));
        }
        Ok(())
    }

    /// The action of a step.
    pub(super) async fn load(&mut self, reference: &ActionReference) -> Result<Arc<Loaded>, Fault> {
        self.allowed(reference)?;
        if let Some(loaded) = self.loaded.get(reference) {
            return Ok(loaded.clone());
        }
        match reference {
            ActionReference::Local(local) => {
                let read = Place::new(&self.surroundings.layout.workspace, local.path())
                    .and_then(|place| Loaded::read(reference.clone(), place));
                let loaded = read.map_err(|problem| {
                    let hint = if problem.ends_with("Dockerfile") || problem.contains("can't be read") {
                        "; is the repository checked out (actions/checkout) in a step before?"
                    } else {
                        ""
                    };
                    Fault::Configuration(format!("The action {reference} can't be used: {problem}{hint}"))
                })?;
                // What it uses is not known before.
                let depth = self.frames.len() + 1;
                self.download(loaded.manifest.steps().iter().collect(), depth)
                    .await?;
                Ok(Arc::new(loaded))
            }
            _ => Err(Fault::Infrastructure(format!(
                "The action {reference} was not downloaded"
            ))),
        }
    }

    /// Whether the policy has nothing against it.
    pub(super) fn allowed(&self, reference: &ActionReference) -> Result<(), Fault> {
        if is_allowed(&self.description.actions, reference) {
            return Ok(());
        }
        Err(Fault::Configuration(format!(
            "The repository's policy does not allow the action {reference}; allow it with `actions` in \
             .checkmill/config.yml of the default branch"
        )))
    }

    async fn get(&mut self, action: &RepositoryAction) -> Result<Loaded, ActionFault> {
        let surroundings = self.surroundings;
        let directory = fetch::directory(&surroundings.layout.actions, action);
        if !self.fetched.contains(&directory) {
            if self.fetched.len() >= ACTION_REPOSITORIES {
                return Err(ActionFault::Configuration(format!(
                    "the job's actions come from more than {ACTION_REPOSITORIES} repositories"
                )));
            }
            let source = &self.description.checkout;
            let remote = Remote::of(action, &source.clone_url, &source.repository);
            let token = surroundings.secrets.job_token().filter(|_| remote.own);
            let deadline = Instant::now() + Duration::from_millis(ACTION_DOWNLOAD.0);
            let mut git = self
                .git(&remote.url, token, &Variables::new(), Some(deadline), false)
                .map_err(ActionFault::Infrastructure)?;
            git.bytes_max = Some(ACTION_REPOSITORY_BYTES);
            git.quiet = true;
            let commit = fetch::fetch(action, &git, &directory, self.log).await?;
            self.log.text(&format!(
                "Download action repository '{}@{}' (SHA:{commit})",
                action.repository(),
                action.git_ref
            ));
            self.fetched.insert(directory.clone());
        }
        let reference = ActionReference::Repository(action.clone());
        Place::new(&directory, &action.path)
            .and_then(|place| Loaded::read(reference, place))
            .map_err(ActionFault::Configuration)
    }

    /// git for this remote, with the variables of a step.
    pub(super) fn git<'g>(
        &self,
        url: &'g str,
        token: Option<&'g str>,
        step: &Variables,
        deadline: Option<Instant>,
        goes_on: bool,
    ) -> Result<Git<'g>, String>
    where
        'j: 'g,
    {
        let surroundings = self.surroundings;
        let mut variables = surroundings.environment.clone();
        variables.extend(self.outer_env());
        variables.extend(step.clone());
        let path = environment::path(&self.added_paths, &variables.remove("PATH").unwrap_or_default());
        let path = self.path_and_own(&path);
        variables.insert("PATH".to_owned(), path.clone());
        let workspace = &surroundings.layout.workspace;
        let program = environment::find_program("git", &path, workspace)
            .ok_or("git is not installed where the job runs")?;
        Ok(Git {
            program,
            environment: variables,
            url,
            token,
            ours: &surroundings.layout.ours,
            graces: surroundings.graces,
            retry_delays: &surroundings.retry_delays,
            deadline,
            control: surroundings.control.clone(),
            goes_on,
            bytes_max: None,
            quiet: false,
        })
    }
}

/// What steps use, the first one last: it is taken from the end.
fn used(steps: Vec<&StepDescription>, depth: usize) -> Vec<(ActionReference, usize)> {
    let uses = steps.into_iter().rev().filter_map(|step| match &step.action {
        StepAction::Uses { uses, .. } => Some((uses.clone(), depth)),
        StepAction::Run { .. } => None,
    });
    uses.collect()
}

pub(super) fn too_deep(reference: &ActionReference) -> Fault {
    Fault::Configuration(format!(
        "The action {reference} can't be used: composite actions may be inside one another {COMPOSITE_DEPTH} times, \
         as on GitHub"
    ))
}

fn explained(reference: &ActionReference, fault: ActionFault) -> Fault {
    let sentence = |problem: &str| format!("The action {reference} can't be used: {problem}");
    match fault {
        ActionFault::Configuration(problem) => Fault::Configuration(sentence(&problem)),
        ActionFault::Infrastructure(problem) => Fault::Infrastructure(sentence(&problem)),
        ActionFault::Ended(Ended::TimedOut) => {
            let minutes = ACTION_DOWNLOAD.0 / 60_000;
            Fault::Infrastructure(sentence(&format!(
                "its download took more than {minutes} minutes"
            )))
        }
        ActionFault::Ended(_) => Fault::Stopped,
    }
}
