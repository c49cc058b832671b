//! The repository as the fake GitHub is to have it, and the event that happens in it.

use super::content::GitContent;
use crate::cli::{EventName, RunArgs};
use crate::happening;
use crate::schedules;
use crate::source::{self, Base, Source, repository_name};
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_core::event::{
    EventKind, GitRef, Repository as EventRepository, RepositoryEventName, ScheduledRun,
};
use checkmill_core::policy::Policy;
use checkmill_core::schedule::Timing;
use checkmill_core::{CommitSha, DeliveryId, Event, JobKey, RepositoryId};
use checkmill_phases::dirs::{ACTIONS_DIR, POLICY_PATH, WORKFLOW_DIRS};
use checkmill_phases::ports::Clock as _;
use checkmill_testkit::{FakeGitHub, NewPullRequest, NewRepository};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Why there is nothing to run, as far as the policy and GitHub's own directory tell.
fn nothing(args: &RunArgs, source: &Source, policy_of: &CommitSha) -> anyhow::Result<String> {
    if let Err(mistakes) = source.parsed_policy(policy_of)? {
        bail!(
            "The policy is broken, so that only Checkmill's own workflows count, and there is none.\n\n{mistakes}"
        );
    }
    let mut text = format!(
        "{} has no workflow{}: put one at {}/ci.yml.",
        args.path.display(),
        args.reference
            .iter()
            .map(|name| format!(" at {name}"))
            .collect::<String>(),
        WORKFLOW_DIRS[0]
    );
    let everything = Policy {
        actions_workflows: true,
        ..Policy::default()
    };
    if !source.workflows(&everything)?.is_empty() {
        text.push_str(&format!(
            " There are some in {ACTIONS_DIR}: they run with `actions_workflows: true` in {POLICY_PATH}."
        ));
    }
    Ok(text)
}

/// Who does what happens: the owner, who may do everything.
pub(super) const OWNER: &str = "local";

pub(crate) struct Repository {
    pub(crate) source: Source,
    name: String,
    /// Whose policy holds, where it is not the commit's own.
    policy_note: String,
    event: EventName,
    /// For `pull_request`: what it is for, where that was said.
    base: Option<Base>,
    pub(crate) only_workflow: Option<String>,
    inputs: Vec<(String, String)>,
    /// For `workflow_dispatch`: the workflow's path.
    dispatched: Option<String>,
    /// For `schedule`: which one has come.
    timing: Option<Timing>,
    /// For an event of the repository: its payload.
    payload: Option<Value>,
}

impl Repository {
    /// Reads the directory and checks what the command line asks for.
    ///
    /// # Errors
    /// A path, ref, workflow, job or input that is not there.
    pub(crate) fn prepare(args: &RunArgs, git_dir: &Path) -> anyhow::Result<Self> {
        let source = source::prepare(&args.path, args.reference.as_deref(), git_dir)?;
        if args.event != EventName::PullRequest && args.base.is_some() {
            bail!("--base goes with --event pull_request.");
        }
        let base = args.base.as_deref().map(|base| source::base(&args.path, base));
        let base = base.transpose()?;
        let named = base.as_ref().and_then(|base| base.branch.as_deref());
        // What a pull request is to be merged into is still at the parent.
        let before = base.as_ref().map(|base| &base.sha).or(source.parent.as_ref());
        let at = match (args.event, before) {
            (EventName::PullRequest, Some(before)) => before,
            _ => &source.sha,
        };
        let policy_of = source.policy_commit(named.or(source.branch()), at);
        let workflows = source.workflows(&source.policy(&policy_of)?)?;
        let paths: Vec<&str> = workflows.iter().map(|(path, _)| path.as_str()).collect();
        if paths.is_empty() {
            bail!(nothing(args, &source, &policy_of)?);
        }
        let only_workflow = args
            .workflow
            .as_deref()
            .map(|name| find(&paths, name))
            .transpose()?;
        if let Some(key) = &args.job {
            check_job(key, &workflows, only_workflow.as_deref())?;
        }
        if args.event != EventName::WorkflowDispatch && !args.inputs.is_empty() {
            bail!("--input goes with --event workflow_dispatch.");
        }
        if args.event != EventName::Schedule && args.cron.is_some() {
            bail!("--cron goes with --event schedule.");
        }
        let payload = match args.event {
            // There would have to be a pull request, whose own event starts workflows, too.
            EventName::Other(
                name @ (RepositoryEventName::PullRequestReview
                | RepositoryEventName::PullRequestReviewComment),
            ) => bail!(
                "{} is of a pull request that is there: `checkmill plan` says what it would start.",
                name.as_str()
            ),
            EventName::Other(name) if name.comes_in_masses() => bail!(
                "{} counts from a push to the default branch on: `checkmill plan` says what it would start.",
                name.as_str()
            ),
            EventName::Other(name) => Some(happening::payload(name, &args.happening, &source)?),
            _ => {
                happening::refuse(&args.happening)?;
                None
            }
        };
        let dispatched = match (args.event, &only_workflow) {
            (EventName::WorkflowDispatch, Some(path)) => Some(path.clone()),
            (EventName::WorkflowDispatch, None) => Some(dispatchable(&workflows)?),
            _ => None,
        };
        if let Some(path) = &dispatched {
            check_inputs(&args.inputs, &workflows, path)?;
        }
        let is_considered =
            |(path, _): &(String, Vec<u8>)| only_workflow.as_ref().is_none_or(|only| only == path);
        let considered: Vec<_> = workflows
            .iter()
            .filter(|file| is_considered(file))
            .cloned()
            .collect();
        Ok(Self {
            name: format!("{OWNER}/{}", repository_name(&args.path)),
            policy_note: source.policy_note(&policy_of)?,
            source,
            event: args.event,
            base,
            only_workflow,
            inputs: args.inputs.clone(),
            dispatched,
            timing: match args.event {
                EventName::Schedule => Some(schedules::chosen(&considered, args.cron.as_deref())?),
                _ => None,
            },
            payload,
        })
    }

    /// The event in words.
    pub(crate) fn event_text(&self) -> String {
        let short = self
            .source
            .git_ref
            .trim_start_matches("refs/heads/")
            .trim_start_matches("refs/tags/");
        let event = match self.event {
            EventName::Push => format!("a push to {short}"),
            EventName::PullRequest => {
                let (_, onto) = self.source.of_pull_request(short, self.base.as_ref());
                format!("a pull request onto {onto}")
            }
            EventName::WorkflowDispatch => format!("a workflow_dispatch on {short}"),
            EventName::Schedule => {
                let cron = self.timing.as_ref().map_or("", |timing| &timing.cron);
                format!("the schedule {cron:?} on {short}")
            }
            EventName::Other(name) => format!("the event {} on {short}", name.as_str()),
        };
        event + &self.policy_note
    }

    /// Makes the repository on the fake GitHub, and the event happen; the event itself where GitHub would not tell of it.
    ///
    /// # Errors
    /// What the fake refuses.
    pub(crate) fn announce(&self, github: &FakeGitHub) -> anyhow::Result<Option<Event>> {
        let Source {
            sha, parent, git_ref, ..
        } = &self.source;
        // A schedule is the default branch's, and so are most events: the one whose files are here stands for it.
        let default = self.source.default_branch.as_ref();
        let default = default.filter(|_| !matches!(self.event, EventName::Schedule | EventName::Other(_)));
        let branch = match (GitRef::parse(git_ref), default) {
            (Some(GitRef::Branch(branch)), _) => branch,
            (_, Some(default)) => default.name.clone(),
            (_, None) => "main".to_owned(),
        };
        let (head, branch) = match self.event {
            EventName::PullRequest => self.source.of_pull_request(&branch, self.base.as_ref()),
            _ => (String::new(), branch),
        };
        let parent = self.base.as_ref().map(|base| &base.sha).or(parent.as_ref());
        let trunk = format!("refs/heads/{branch}");
        let content = GitContent::new(self.source.clone());
        let mut repository = NewRepository::new(&self.name)
            .default_branch(default.map_or(&branch, |default| &default.name))
            .clone_url(&self.source.clone_url())
            .content(Arc::new(content));
        if let Some(default) = default.filter(|default| default.name != branch) {
            repository = repository.git_ref(&format!("refs/heads/{}", default.name), default.sha.clone());
        }
        // What was there before the event.
        match (self.event, parent) {
            (EventName::WorkflowDispatch | EventName::Schedule | EventName::Other(_), _) => {
                repository = repository.git_ref(git_ref, sha.clone())
            }
            (_, Some(parent)) => repository = repository.git_ref(&trunk, parent.clone()),
            (EventName::PullRequest, None) => repository = repository.git_ref(&trunk, sha.clone()),
            (EventName::Push, None) => {}
        }
        if self.event == EventName::PullRequest {
            repository = repository.git_ref(&format!("refs/heads/{head}"), sha.clone());
        } else if *git_ref != trunk {
            repository = repository.git_ref(&trunk, default.map_or(sha, |default| &default.sha).clone());
        }
        let id = github.add_repository(repository)?;
        match self.event {
            EventName::Push => github.update_ref(&self.name, git_ref, Some(sha.clone()), OWNER)?,
            EventName::PullRequest => {
                let new = NewPullRequest::new(&self.name, &head).by(OWNER).onto(&branch);
                github.open_pull_request(new)?;
            }
            EventName::WorkflowDispatch => {
                let inputs: Vec<_> = self
                    .inputs
                    .iter()
                    .map(|(k, v)| (k.as_str(), v.as_str()))
                    .collect();
                let workflow = self.dispatched.as_deref().context("a workflow is named")?;
                github.dispatch_workflow(&self.name, workflow, git_ref, &inputs, OWNER)?;
            }
            EventName::Schedule => return self.struck(github, id).map(Some),
            EventName::Other(name) => {
                github.subscribe(name)?;
                let payload = self.payload.clone().context("a payload is made")?;
                github.happen(&self.name, name, payload, OWNER)?;
            }
        }
        Ok(None)
    }

    /// What the sweep would make of the schedule when its time has come.
    fn struck(&self, github: &FakeGitHub, id: RepositoryId) -> anyhow::Result<Event> {
        let timing = self.timing.clone().context("a schedule is chosen")?;
        let at = SystemClock.now();
        let repository = github.read(|state| {
            let known = state.repositories.get(&id)?;
            Some(EventRepository {
                id,
                name: known.name.clone(),
                default_branch: known.default_branch.clone(),
                owner_id: None,
                private: known.private,
                internal: false,
                clone_url: known.clone_url.clone(),
                html_url: state.repository_web_url(known),
            })
        });
        Ok(Event {
            delivery: DeliveryId::of_schedule(id, &timing, at),
            installation: github.installation(github.app_id(), OWNER)?,
            repository: repository.context("the repository was just made")?,
            sender: OWNER.parse()?,
            sender_id: None,
            received_at: at,
            kind: EventKind::Schedule(ScheduledRun { timing, at }),
        })
    }
}

/// The workflow file with this path or file name.
pub(crate) fn find(paths: &[&str], name: &str) -> anyhow::Result<String> {
    let name = name.trim_start_matches("./");
    let is = |path: &&&str| **path == name || path.rsplit('/').next() == Some(name);
    match paths.iter().find(is) {
        Some(path) => Ok((*path).to_owned()),
        None => bail!("There is no workflow {name:?}. There is: {}.", paths.join(", ")),
    }
}

/// The only workflow that can be dispatched, or may: what is broken says so by its check.
fn dispatchable(workflows: &[(String, Vec<u8>)]) -> anyhow::Result<String> {
    let takes = |(path, bytes): &&(String, Vec<u8>)| {
        checkmill_workflow::parse(path, &String::from_utf8_lossy(bytes))
            .map_or(true, |workflow| workflow.is_dispatchable())
    };
    let able: Vec<&str> = workflows
        .iter()
        .filter(takes)
        .map(|(path, _)| path.as_str())
        .collect();
    match able.as_slice() {
        [path] => Ok((*path).to_owned()),
        [] => bail!("No workflow has `workflow_dispatch` in its `on`."),
        _ => bail!(
            "Name the workflow to dispatch with --workflow: {}.",
            able.join(", ")
        ),
    }
}

fn check_job(key: &str, workflows: &[(String, Vec<u8>)], only: Option<&str>) -> anyhow::Result<()> {
    let key: JobKey = key.parse().context("--job must name a job's key.")?;
    let (mut known, mut broken) = (Vec::new(), Vec::new());
    for (path, bytes) in workflows
        .iter()
        .filter(|(path, _)| only.is_none_or(|only| only == path))
    {
        match checkmill_workflow::parse(path, &String::from_utf8_lossy(bytes)) {
            Ok(workflow) if workflow.keys().any(|known| *known == key) => return Ok(()),
            Ok(workflow) => {
                for key in workflow.keys().map(ToString::to_string) {
                    if !known.contains(&key) {
                        known.push(key);
                    }
                }
            }
            Err(_) => broken.push(path.as_str()),
        }
    }
    let mut text = format!("There is no job {:?}.", key.as_str());
    if !known.is_empty() {
        text.push_str(&format!(" There is: {}.", known.join(", ")));
    }
    if !broken.is_empty() {
        let broken = broken.join(", ");
        text.push_str(&format!(
            " What can't be read: {broken}; `checkmill lint` says why."
        ));
    }
    bail!(text)
}

/// Whether the dispatched workflow takes these inputs; GitHub does not start one that doesn't.
pub(crate) fn check_inputs(
    inputs: &[(String, String)],
    workflows: &[(String, Vec<u8>)],
    dispatched: &str,
) -> anyhow::Result<()> {
    let Some((_, bytes)) = workflows.iter().find(|(path, _)| path == dispatched) else {
        return Ok(());
    };
    // A broken file gets its own check.
    let Ok(workflow) = checkmill_workflow::parse(dispatched, &String::from_utf8_lossy(bytes)) else {
        return Ok(());
    };
    let known: Vec<&str> = workflow.input_names().collect();
    for (name, _) in inputs {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let there_is = if known.is_empty() {
                "It has none.".to_owned()
            } else {
                format!("There is: {}.", known.join(", "))
            };
            bail!("{dispatched} has no input {name:?}. {there_is}");
        }
    }
    let given = inputs.iter().cloned().collect();
    if let Err(wrong) = checkmill_workflow::dispatch_inputs(&workflow, &given) {
        let wrong: Vec<&str> = wrong.as_slice().iter().map(|one| one.message.as_str()).collect();
        bail!("{dispatched} can't be dispatched so: {}.", wrong.join("; "));
    }
    Ok(())
}
