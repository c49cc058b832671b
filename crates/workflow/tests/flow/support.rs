//! Events and contexts for the tests.

use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{
    Comment, EndedRun, Event, EventKind, GitRef, Issue, IssueComment, Origin, PullRequest, PullRequestHead,
    Push, Release, Repository, RepositoryEvent, RepositoryEventName, ScheduledRun, Subject, WorkflowDispatch,
};
use checkmill_core::policy::{AllowedActions, ContainerPolicy, EnvironmentRule};
use checkmill_core::schedule::Timing;
use checkmill_core::{
    AccountId, AttemptNumber, CommitSha, InstallationId, JobId, JobKey, RepositoryId, RunId, UnixMillis,
    limits,
};
use checkmill_workflow::job::CheckoutSource;
use checkmill_workflow::{
    AttemptInfo, Diagnostics, EnvironmentRules, Expansion, JobContext, Leg, NeedsJob, RunContext, Workflow,
    expand, github_context, parse,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(crate) const PATH: &str = ".checkmill/workflows/ci.yml";

pub(crate) fn sha(digit: char) -> CommitSha {
    digit.to_string().repeat(40).parse().unwrap()
}

pub(crate) fn event(kind: EventKind) -> Event {
    Event {
        delivery: "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap(),
        installation: InstallationId(7),
        repository: Repository {
            id: RepositoryId(42),
            name: "octo/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: Some(AccountId(9919)),
            private: false,
            internal: false,
            clone_url: "https://github.com/octo/hello.git".to_owned(),
            html_url: "https://github.com/octo/hello".to_owned(),
        },
        sender: "octocat".parse().unwrap(),
        sender_id: Some(AccountId(583_231)),
        received_at: UnixMillis(0),
        kind,
    }
}

pub(crate) fn push(git_ref: &str) -> Event {
    event(EventKind::Push(Push {
        git_ref: GitRef::parse(git_ref).unwrap(),
        before: Some(sha('1')),
        after: Some(sha('2')),
        forced: false,
        first: None,
        message: "Say hello".to_owned(),
    }))
}

pub(crate) fn pull_request(action: &str, base: &str) -> Event {
    event(EventKind::PullRequest(PullRequest {
        action: action.to_owned(),
        number: 5,
        title: "Add a greeting".to_owned(),
        author: "mona".parse().unwrap(),
        draft: false,
        labels: vec!["greeting".to_owned()],
        head: PullRequestHead {
            git_ref: "feature".to_owned(),
            sha: sha('3'),
            repository: Some("octo/hello".parse().unwrap()),
        },
        base_ref: base.to_owned(),
        base_sha: sha('1'),
    }))
}

/// The same for the default branch's files.
pub(crate) fn pull_request_target(action: &str, base: &str) -> Event {
    pull_request(action, base)
        .as_target()
        .expect("it is of a pull request")
}

pub(crate) fn dispatch(inputs: &[(&str, &str)]) -> Event {
    event(EventKind::WorkflowDispatch(WorkflowDispatch {
        workflow: PATH.to_owned(),
        git_ref: GitRef::Branch("main".to_owned()),
        sha: None,
        inputs: inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }))
}

pub(crate) fn schedule(cron: &str, timezone: Option<&str>) -> Event {
    event(EventKind::Schedule(ScheduledRun {
        timing: Timing {
            cron: cron.to_owned(),
            timezone: timezone.map(str::to_owned),
        },
        at: UnixMillis(0),
    }))
}

pub(crate) fn release(action: &str) -> Event {
    event(EventKind::Release(Release {
        action: action.to_owned(),
        id: 11,
        tag: "v1".to_owned(),
        name: "One".to_owned(),
        body: "The first".to_owned(),
        target: "main".to_owned(),
        draft: false,
        prerelease: false,
        author: "mona".parse().unwrap(),
        html_url: "https://github.com/octo/hello/releases/tag/v1".to_owned(),
    }))
}

pub(crate) fn comment(action: &str, is_pull_request: bool) -> Event {
    event(EventKind::IssueComment(IssueComment {
        action: action.to_owned(),
        issue: Issue {
            number: 5,
            title: "Add a greeting".to_owned(),
            state: "open".to_owned(),
            author: "mona".parse().unwrap(),
            labels: vec!["greeting".to_owned()],
            is_pull_request,
            html_url: "https://github.com/octo/hello/pull/5".to_owned(),
        },
        comment: Comment {
            id: 7,
            body: "/deploy $(id)".to_owned(),
            author: "hubot".parse().unwrap(),
            association: "NONE".to_owned(),
            html_url: String::new(),
        },
    }))
}

/// The end of a run of a fork's pull request.
/// An event of the repository, about the commit that events of its name are about; its payload has the action alone.
pub(crate) fn happening(name: &str, action: Option<&str>) -> Event {
    let name = RepositoryEventName::parse(name).unwrap();
    let subject = match name {
        RepositoryEventName::PullRequestReview | RepositoryEventName::PullRequestReviewComment => {
            let EventKind::PullRequest(pull) = pull_request(action.unwrap(), "main").kind else {
                panic!("it is one")
            };
            Subject::PullRequest { pull }
        }
        RepositoryEventName::Create => Subject::Ref {
            git_ref: GitRef::Tag("v2".to_owned()),
        },
        RepositoryEventName::Deployment | RepositoryEventName::DeploymentStatus => Subject::Deployed {
            sha: sha('4'),
            written: "staging".to_owned(),
            origin: Origin::Ref {
                git_ref: GitRef::Branch("staging".to_owned()),
            },
        },
        _ => Subject::DefaultBranch,
    };
    event(EventKind::Repository(RepositoryEvent {
        name,
        action: action.map(str::to_owned),
        subject,
        payload: serde_json::json!({ "action": action }).to_string(),
    }))
}

pub(crate) fn ended_run(workflow: &str, head_branch: &str) -> Event {
    event(EventKind::WorkflowRun(EndedRun {
        run: run_id(),
        workflow_name: workflow.to_owned(),
        workflow_path: ".checkmill/workflows/build.yml".to_owned(),
        title: Some("Build for mona".to_owned()),
        event: "pull_request".to_owned(),
        conclusion: "failure".to_owned(),
        head_branch: head_branch.to_owned(),
        head_sha: sha('3'),
        head_repository: Some("mona/hello".parse().unwrap()),
        actor: "mona".parse().unwrap(),
        pull_request: Some(5),
        depth: 1,
    }))
}

pub(crate) fn key(text: &str) -> JobKey {
    text.parse().unwrap()
}

pub(crate) fn run_id() -> RunId {
    "0123456789abcdef".parse().unwrap()
}

/// The workflow, or a panic with what is wrong with it.
pub(crate) fn workflow(text: &str) -> Workflow {
    parse(PATH, text).unwrap_or_else(|wrong| panic!("{wrong}"))
}

pub(crate) const LIGHTNING: &str = ".lightning/workflows/ci.yml";

/// The workflow of a file of `.lightning/workflows`, or a panic with what is wrong with it.
pub(crate) fn lightning(text: &str) -> Workflow {
    parse(LIGHTNING, text).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// What is wrong with a file.
pub(crate) fn wrong(text: &str) -> String {
    parse(PATH, text)
        .map(|_| ())
        .expect_err("the file is wrong")
        .to_string()
}

/// Everything that jobs are expanded from; the results of the jobs can be changed between two of them.
pub(crate) struct World {
    pub(crate) workflow: Workflow,
    pub(crate) github: Map<String, Value>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) results: BTreeMap<JobKey, NeedsJob>,
    pub(crate) actions: AllowedActions,
}

impl World {
    pub(crate) fn new(text: &str) -> Self {
        Self::with_event(text, &push("refs/heads/main"))
    }

    pub(crate) fn with_event(text: &str, event: &Event) -> Self {
        Self::of(workflow(text), event)
    }

    /// From a file of `.lightning/workflows`.
    pub(crate) fn lightning(text: &str) -> Self {
        Self::of(lightning(text), &push("refs/heads/main"))
    }

    pub(crate) fn of(workflow: Workflow, event: &Event) -> Self {
        let inputs = checkmill_workflow::inputs(&workflow, event).unwrap_or_else(|wrong| panic!("{wrong}"));
        let github = github_context(&RunContext {
            event,
            sha: &sha('2'),
            workflow: &workflow,
            run: &run_id(),
            number: Some(7),
            attempt: AttemptNumber::FIRST,
            triggering_actor: &event.sender,
            has_secrets: true,
            api_url: "https://api.github.com",
            inputs: &inputs,
        });
        Self {
            workflow,
            github,
            inputs,
            vars: BTreeMap::new(),
            results: BTreeMap::new(),
            actions: AllowedActions::All,
        }
    }

    pub(crate) fn context(&self) -> JobContext<'_> {
        JobContext {
            cancelled: false,
            github: &self.github,
            inputs: &self.inputs,
            vars: &self.vars,
            results: &self.results,
            run_timeout_max: limits::RUN_TIMEOUT_MAX,
        }
    }

    pub(crate) fn ended(mut self, job: &str, result: NeedsResult, outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let calls = Vec::new();
        let ended = NeedsJob {
            result,
            outputs,
            calls,
        };
        self.results.insert(key(job), ended);
        self
    }

    pub(crate) fn expand(&self, job: &str) -> Result<Expansion, Diagnostics> {
        expand(&self.workflow, &key(job), &self.context())
    }

    pub(crate) fn legs(&self, job: &str) -> Vec<Leg> {
        match self.expand(job) {
            Ok(Expansion::Legs { legs, .. }) => legs,
            Ok(Expansion::Skipped { reason, .. }) => panic!("skipped: {reason}"),
            Ok(Expansion::Calls { calls, .. }) => panic!("it calls: {calls:?}"),
            Err(wrong) => panic!("{wrong}"),
        }
    }

    pub(crate) fn names(&self, job: &str) -> Vec<String> {
        self.legs(job).into_iter().map(|leg| leg.name).collect()
    }

    /// What is wrong with a job.
    pub(crate) fn wrong(&self, job: &str) -> String {
        self.expand(job)
            .expect_err("the job can't be expanded")
            .to_string()
    }
}

/// A workflow with one job, `build`, of which these lines are a part. They are indented to fit.
pub(crate) fn job(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let runs_on = if lines.contains("    runs-on:") {
        ""
    } else {
        "    runs-on: linux\n"
    };
    let steps = if lines.contains("    steps:") {
        ""
    } else {
        "    steps:\n      - run: make\n"
    };
    format!("on: push\nname: CI\njobs:\n  build:\n{lines}{runs_on}{steps}")
}

/// An attempt of a job of the world's repository, at the commit `2222…` of main; the rest is for `..`.
pub(crate) fn attempt<'a>(
    world: &'a World,
    job: &'a JobId,
    environments: EnvironmentRules<'a>,
) -> AttemptInfo<'a> {
    AttemptInfo {
        job,
        attempt: AttemptNumber::FIRST,
        checkout: CheckoutSource {
            clone_url: "https://github.com/octo/hello.git".to_owned(),
            repository: "octo/hello".to_owned(),
            sha: sha('2').to_string(),
            git_ref: "refs/heads/main".to_owned(),
            only: None,
        },
        callback: None,
        actions: &world.actions,
        containers: ContainerPolicy::Restricted,
        environments,
    }
}

/// A policy without environments.
pub(crate) fn no_environments() -> EnvironmentRules<'static> {
    static NONE: BTreeMap<String, EnvironmentRule> = BTreeMap::new();
    EnvironmentRules {
        rules: &NONE,
        git_ref: "refs/heads/main",
    }
}
