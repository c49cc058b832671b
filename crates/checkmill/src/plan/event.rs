//! The event: made from the repository, or read from a webhook's payload.

use crate::cli::PlanArgs;
use crate::happening;
use crate::run::event::{check_inputs, find};
use crate::schedules;
use crate::source::{self, Base, Source, repository_name};
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_core::event::{
    Event, EventKind, GitRef, Origin, PullRequest, PullRequestHead, Push, Repository, RepositoryEvent,
    RepositoryEventName, ScheduledRun, Subject, WorkflowDispatch,
};
use checkmill_core::{CommitSha, InstallationId, RepoName, RepositoryId, UnixMillis};
use checkmill_github::webhook::{Parsed, guess_event, parse_sample};
use checkmill_phases::ports::Clock as _;
use serde_json::json;
use std::path::Path;

/// Who does what happens, and whose repository it is.
const OWNER: &str = "local";
/// A delivery's id, of which GitHub gives out no such one.
const DELIVERY: &str = "00000000-0000-0000-0000-000000000000";

/// An event, and which commits decide about it.
pub(super) struct Made {
    /// In words.
    pub(super) description: String,
    pub(super) planned: Planned,
    /// What was there before: the changes are counted from it.
    pub(super) from: Option<CommitSha>,
    /// The commit whose policy holds.
    pub(super) policy_of: CommitSha,
}

pub(super) enum Planned {
    Event(Box<Event>),
    /// Nothing follows from it, and why.
    Ignored(String),
}

pub(super) fn make(args: &PlanArgs, source: &Source) -> anyhow::Result<Made> {
    let base = args.base.as_deref().map(|base| source::base(&args.path, base));
    let base = base.transpose()?;
    if args.event != "workflow_dispatch" && !(args.inputs.is_empty() && args.workflow.is_none()) {
        bail!("--input and --workflow go with --event workflow_dispatch.");
    }
    let is_name = ["push", "pull_request", "workflow_dispatch", "schedule"].contains(&args.event.as_str())
        || RepositoryEventName::parse(&args.event).is_some();
    if args.event_name.is_some() && is_name {
        bail!("--event-name goes with --event FILE.");
    }
    if args.cron.is_some() && args.event != "schedule" {
        bail!("--cron goes with --event schedule.");
    }
    let before = base.as_ref().map(|base| base.sha.clone());
    let before = before.or_else(|| source.parent.clone());
    if let Some(name) = RepositoryEventName::parse(&args.event) {
        return happening(args, source, name, base);
    }
    happening::refuse(&args.happening)?;
    match args.event.as_str() {
        "push" => push(args, source, before),
        "pull_request" => pull_request(args, source, base),
        "workflow_dispatch" => dispatch(args, source, before),
        "schedule" => schedule(args, source),
        file => payload(args, source, file, before),
    }
}

fn push(args: &PlanArgs, source: &Source, before: Option<CommitSha>) -> anyhow::Result<Made> {
    let git_ref = git_ref(source)?;
    let push = Push {
        before: before.clone(),
        after: Some(source.sha.clone()),
        forced: false,
        first: None,
        message: source.commit(&source.sha)?.1,
        git_ref,
    };
    Ok(Made {
        description: format!("a push of {} to {}", source.description, push.git_ref.short()),
        planned: event(args, source, EventKind::Push(push))?,
        from: before,
        policy_of: source.policy_commit(source.branch(), &source.sha),
    })
}

/// From the branch that is checked out to `--base`, else onto that branch itself.
fn pull(args: &PlanArgs, source: &Source, base: Option<Base>) -> anyhow::Result<PullRequest> {
    let (head, onto) = source.of_pull_request(git_ref(source)?.short(), base.as_ref());
    let base_sha = base
        .map(|base| base.sha)
        .or_else(|| source.parent.clone())
        .unwrap_or_else(|| source.sha.clone());
    let message = source.commit(&source.sha)?.1;
    Ok(PullRequest {
        action: "opened".to_owned(),
        number: 1,
        title: message.lines().next().unwrap_or_default().to_owned(),
        author: OWNER.parse()?,
        draft: false,
        labels: Vec::new(),
        head: PullRequestHead {
            git_ref: head,
            sha: source.sha.clone(),
            repository: Some(name(&args.path)?),
        },
        base_ref: onto,
        base_sha,
    })
}

fn pull_request(args: &PlanArgs, source: &Source, base: Option<Base>) -> anyhow::Result<Made> {
    let pull = pull(args, source, base)?;
    let known = (pull.base_sha != source.sha).then(|| pull.base_sha.clone());
    Ok(Made {
        description: format!(
            "a pull request with {} onto {}",
            source.description, pull.base_ref
        ),
        from: known.map(|base| source.merge_base(&base).unwrap_or(base)),
        policy_of: source.policy_commit(Some(&pull.base_ref), &pull.base_sha),
        planned: event(args, source, EventKind::PullRequest(pull))?,
    })
}

/// An event of the repository, read from a payload as GitHub would send it. What runs is what is given: as if it were the
/// default branch's head, the ref that was made or what is deployed, or the head of a pull request.
fn happening(
    args: &PlanArgs,
    source: &Source,
    name: RepositoryEventName,
    base: Option<Base>,
) -> anyhow::Result<Made> {
    let mut payload = happening::payload(name, &args.happening, source)?;
    let mut policy_of = source.sha.clone();
    if matches!(
        name,
        RepositoryEventName::PullRequestReview | RepositoryEventName::PullRequestReviewComment
    ) {
        let pull = pull(args, source, base)?;
        policy_of = source.policy_commit(Some(&pull.base_ref), &pull.base_sha);
        payload["pull_request"] = json!({
            "number": pull.number,
            "title": pull.title,
            "user": { "login": OWNER },
            "head": {
                "ref": pull.head.git_ref,
                "sha": pull.head.sha.as_str(),
                "repo": { "full_name": pull.head.repository.map(|name| name.to_string()) },
            },
            "base": { "ref": pull.base_ref, "sha": pull.base_sha.as_str() },
        });
    } else if base.is_some() {
        bail!("--base goes with --event push, pull_request and those of its reviews.");
    }
    let repository = repository(args, source)?;
    payload["repository"] = json!({
        "id": repository.id.0,
        "full_name": repository.name.to_string(),
        "default_branch": repository.default_branch,
        "private": repository.private,
        "html_url": repository.html_url,
    });
    payload["sender"] = json!({ "login": OWNER });
    let body = serde_json::to_vec(&payload)?;
    let parsed = parse_sample(name.as_str(), &body, SystemClock.now())
        .context("The payload that comes of --payload can't be used.")?;
    Ok(Made {
        description: format!("the event {} with {}", name.as_str(), source.description),
        planned: starts(parsed),
        from: None,
        policy_of,
    })
}

fn dispatch(args: &PlanArgs, source: &Source, before: Option<CommitSha>) -> anyhow::Result<Made> {
    let policy_of = source.policy_commit(source.branch(), &source.sha);
    let workflows = source.workflows(&source.policy(&policy_of)?)?;
    let paths: Vec<&str> = workflows.iter().map(|(path, _)| path.as_str()).collect();
    let workflow = match (&args.workflow, paths.as_slice()) {
        (Some(name), _) => find(&paths, name)?,
        (None, [path]) => (*path).to_owned(),
        (None, _) => bail!(
            "Name the workflow to dispatch with --workflow: {}.",
            paths.join(", ")
        ),
    };
    check_inputs(&args.inputs, &workflows, &workflow)?;
    let kind = EventKind::WorkflowDispatch(WorkflowDispatch {
        workflow: workflow.clone(),
        git_ref: git_ref(source)?,
        sha: Some(source.sha.clone()),
        inputs: args.inputs.iter().cloned().collect(),
    });
    Ok(Made {
        description: format!("a workflow_dispatch of {workflow} on {}", source.description),
        planned: event(args, source, kind)?,
        from: before,
        policy_of,
    })
}

/// What runs is what is given, as if it were the default branch's head.
fn schedule(args: &PlanArgs, source: &Source) -> anyhow::Result<Made> {
    let workflows = source.workflows(&source.policy(&source.sha)?)?;
    let timing = schedules::chosen(&workflows, args.cron.as_deref())?;
    let description = format!("the schedule {:?} with {}", timing.cron, source.description);
    let kind = EventKind::Schedule(ScheduledRun {
        timing,
        at: SystemClock.now(),
    });
    Ok(Made {
        description,
        planned: event(args, source, kind)?,
        from: None,
        policy_of: source.sha.clone(),
    })
}

fn payload(args: &PlanArgs, source: &Source, file: &str, before: Option<CommitSha>) -> anyhow::Result<Made> {
    let body = std::fs::read(file).with_context(|| {
        format!("--event must be push, pull_request, workflow_dispatch, schedule, another event's name or a webhook's payload; {file:?} can't be read.")
    })?;
    serde_json::from_slice::<serde::de::IgnoredAny>(&body).with_context(|| {
        format!("--event must be push, pull_request, workflow_dispatch, schedule, another event's name or a webhook's payload; {file:?} is no JSON.")
    })?;
    let Some(name) = args.event_name.as_deref().or_else(|| guess_event(&body)) else {
        bail!("{file} looks like no event that Checkmill acts on. Name it with --event-name.");
    };
    let parsed =
        parse_sample(name, &body, SystemClock.now()).with_context(|| format!("{file} can't be used."))?;
    Ok(Made {
        description: format!("the {name} of {file} with {}", source.description),
        planned: starts(parsed),
        from: before,
        policy_of: source.policy_commit(source.branch(), &source.sha),
    })
}

fn git_ref(source: &Source) -> anyhow::Result<GitRef> {
    GitRef::parse(&source.git_ref)
        .with_context(|| format!("{} is neither a branch nor a tag.", source.git_ref))
}

fn name(path: &Path) -> anyhow::Result<RepoName> {
    Ok(format!("{OWNER}/{}", repository_name(path)).parse()?)
}

fn repository(args: &PlanArgs, source: &Source) -> anyhow::Result<Repository> {
    let name = name(&args.path)?;
    let page = format!("https://github.com/{name}");
    let current = GitRef::parse(&source.git_ref).map(|git_ref| git_ref.short().to_owned());
    Ok(Repository {
        id: RepositoryId(0),
        default_branch: source
            .default_branch
            .as_ref()
            .map(|branch| branch.name.clone())
            .or(current)
            .unwrap_or_else(|| "main".to_owned()),
        owner_id: None,
        private: false,
        internal: false,
        clone_url: format!("{page}.git"),
        html_url: page,
        name,
    })
}

fn event(args: &PlanArgs, source: &Source, kind: EventKind) -> anyhow::Result<Planned> {
    Ok(Planned::Event(Box::new(Event {
        delivery: DELIVERY.parse()?,
        installation: InstallationId(0),
        repository: repository(args, source)?,
        sender: OWNER.parse()?,
        sender_id: None,
        received_at: UnixMillis(0),
        kind,
    })))
}

/// What a payload is to workflows.
fn starts(parsed: Parsed) -> Planned {
    match parsed {
        Parsed::Event(mut event) => match &mut event.kind {
            EventKind::Push(_)
            | EventKind::PullRequest(_)
            | EventKind::MergeGroup(_)
            | EventKind::WorkflowDispatch(_)
            | EventKind::Release(_)
            | EventKind::IssueComment(_) => Planned::Event(event),
            EventKind::Repository(other) => {
                believe(other);
                Planned::Event(event)
            }
            _ => Planned::Ignored("it is about checks, and starts no workflow".to_owned()),
        },
        Parsed::Ping => Planned::Ignored("GitHub only tries the webhook out".to_owned()),
        Parsed::Ignored { reason } => Planned::Ignored(reason),
    }
}

/// There is no GitHub to be asked whether what is deployed is a branch or a tag. What looks like one is.
fn believe(event: &mut RepositoryEvent) {
    if let Subject::Deployed { written, origin, .. } = &mut event.subject
        && written.parse::<CommitSha>().is_err()
    {
        let git_ref = GitRef::parse(written).unwrap_or_else(|| GitRef::Branch(written.clone()));
        *origin = Origin::Ref { git_ref };
    }
}
