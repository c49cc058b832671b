//! A workflow file, read and checked.

use crate::call::WorkflowReference;
use crate::filter::{NameList, PatternList};
use crate::matrix::MatrixLeg;
use crate::source::{Source, Span};
use crate::text::Text;
use crate::uses::ActionReference;
use crate::yaml::{Entry, Node, Value};
use checkmill_core::CommitSha;
use checkmill_core::event::RepositoryEventName;
use checkmill_core::graph;
use checkmill_core::policy::TokenPermissions;
use checkmill_core::schedule::Timing;
use checkmill_core::{JobKey, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One workflow file. Built by [`crate::parse`] only, so that what can be checked without an event has been checked.
#[derive(Debug, Clone)]
pub struct Workflow {
    pub(crate) source: Source,
    /// The commit of another repository's file, which a ref meant when the run was planned.
    pub(crate) commit: Option<CommitSha>,
    /// What checks of its jobs begin with: `name`, else the path; the file's name in the Lightning dialect.
    pub(crate) name: String,
    /// What its runs are called.
    pub(crate) run_name: Option<Text>,
    pub(crate) triggers: Triggers,
    pub(crate) unmatched: Unmatched,
    pub(crate) env: Vec<EnvEntry>,
    pub(crate) defaults: Defaults,
    pub(crate) permissions: Option<TokenPermissions>,
    /// Unevaluated.
    pub(crate) concurrency: Option<Node>,
    /// In the order of the file; at least one.
    pub(crate) jobs: Vec<Job>,
}

impl Workflow {
    /// Path of the file in the repository.
    #[must_use]
    pub fn path(&self) -> &str {
        self.source.path()
    }

    /// What checks of its jobs begin with: `name` of the workflow, else its path; the file's name in the Lightning dialect.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The jobs' keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &JobKey> {
        self.jobs.iter().map(|job| &job.key)
    }

    /// The jobs of the workflow that a job calls, by the keys of its file and in its order.
    #[must_use]
    pub fn keys_called_by(&self, key: &JobKey) -> Vec<&JobKey> {
        let job = self.way(key).and_then(|mut way| way.pop());
        let call = job.and_then(|(_, job)| job.call.as_ref());
        let callee = call.and_then(|call| call.callee.as_deref());
        callee.map_or_else(Vec::new, |callee| callee.keys().collect())
    }

    /// When it runs by the clock, in the order of the file.
    #[must_use]
    pub fn schedule(&self) -> &[Timing] {
        &self.triggers.schedule
    }

    /// The names of the workflows whose runs it follows.
    #[must_use]
    pub fn follows(&self) -> &[String] {
        let trigger = self.triggers.workflow_run.as_ref();
        trigger.map_or(&[], |trigger| &trigger.workflows)
    }

    /// The events of the repository that start it, but for those of a type of their own.
    pub fn repository_events(&self) -> impl Iterator<Item = RepositoryEventName> {
        self.triggers.repository.keys().copied()
    }

    /// The names of the inputs that `workflow_dispatch` declares, in the order of the file.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        let trigger = self.triggers.workflow_dispatch.iter();
        trigger.flat_map(|trigger| trigger.inputs.iter().map(|input| input.name.as_str()))
    }

    /// Whether somebody may dispatch it.
    #[must_use]
    pub const fn is_dispatchable(&self) -> bool {
        self.triggers.workflow_dispatch.is_some()
    }

    /// The jobs as a graph of which nothing is expanded yet.
    #[must_use]
    pub fn graph(&self) -> BTreeMap<JobKey, graph::Node> {
        let node = |job: &Job| graph::Node {
            needs: job.needs.clone(),
            expansion: None,
        };
        self.jobs.iter().map(|job| (job.key.clone(), node(job))).collect()
    }

    /// What the job's token may do, as the job or else its workflow asks for it; none where neither says anything. A job of a
    /// called workflow gets no more than the job that calls it. GitHub docs: permissions can only be maintained or reduced.
    #[must_use]
    pub fn permissions(&self, key: &JobKey) -> Option<TokenPermissions> {
        let way = self.way(key)?;
        let mut granted = None;
        for (level, (workflow, job)) in way.into_iter().enumerate() {
            let asked = job
                .permissions
                .as_ref()
                .or(workflow.permissions.as_ref())
                .cloned();
            granted = match (level, asked, granted) {
                (0, asked, _) => asked,
                (_, asked, granted) => {
                    let granted: TokenPermissions = granted.unwrap_or_else(TokenPermissions::read_only);
                    Some(asked.map_or(granted.clone(), |asked| asked.intersect(&granted)))
                }
            };
        }
        granted
    }

    /// The workflow files that its jobs call, each once, in the order of the file.
    #[must_use]
    pub fn calls(&self) -> Vec<&WorkflowReference> {
        let mut calls: Vec<&WorkflowReference> = Vec::new();
        for call in self.jobs.iter().filter_map(|job| job.call.as_ref()) {
            if !calls.contains(&&call.target) {
                calls.push(&call.target);
            }
        }
        calls
    }

    /// The jobs on the way to one of a called workflow, each with its workflow, the run's own first and that job last.
    pub(crate) fn way(&self, key: &JobKey) -> Option<Vec<(&Self, &Job)>> {
        let mut callers: Vec<JobKey> = key.callers().collect();
        callers.reverse();
        let mut workflow = self;
        let mut way = Vec::with_capacity(callers.len() + 1);
        for caller in callers {
            let job = workflow.job(&caller.own())?;
            way.push((workflow, job));
            workflow = job.call.as_ref()?.callee.as_ref()?;
        }
        way.push((workflow, workflow.job(&key.own())?));
        Some(way)
    }

    /// What a job is called apart from its legs.
    pub(crate) fn title<'a>(&'a self, key: &'a JobKey) -> &'a str {
        match self.job(key).map(|job| &job.settings.name) {
            Some(Name::Whole(name)) => name,
            _ => key.as_str(),
        }
    }

    pub(crate) fn job(&self, key: &JobKey) -> Option<&Job> {
        self.jobs.iter().find(|job| job.key == *key)
    }

    /// The jobs that `key` needs, directly or through others, in the order of the file.
    pub(crate) fn ancestors(&self, key: &JobKey) -> Vec<&JobKey> {
        let mut found: BTreeSet<&JobKey> = BTreeSet::new();
        let mut open: Vec<&JobKey> = vec![key];
        while let Some(next) = open.pop() {
            let needs = self.job(next).map_or(&[][..], |job| &job.needs);
            open.extend(needs.iter().filter(|need| found.insert(need)));
        }
        self.keys().filter(|key| found.contains(key)).collect()
    }
}

/// What a workflow shows of an event that it names and whose branch or tag its filters don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmatched {
    /// Nothing, as GitHub Actions.
    Silent,
    /// A skipped check that says why.
    Skipped,
}

/// `on`. An event that is absent starts nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Triggers {
    pub(crate) push: Option<PushTrigger>,
    pub(crate) pull_request: Option<PullRequestTrigger>,
    pub(crate) pull_request_target: Option<PullRequestTrigger>,
    pub(crate) merge_group: bool,
    pub(crate) schedule: Vec<Timing>,
    /// Activity types of releases.
    pub(crate) release: Option<Vec<String>>,
    /// Activity types of comments.
    pub(crate) issue_comment: Option<Vec<String>>,
    pub(crate) workflow_run: Option<WorkflowRunTrigger>,
    /// The other events of a repository, each with its activity types; none where every activity counts.
    pub(crate) repository: BTreeMap<RepositoryEventName, Option<Vec<String>>>,
    pub(crate) workflow_dispatch: Option<DispatchTrigger>,
    pub(crate) workflow_call: Option<CallTrigger>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct PushTrigger {
    pub(crate) branches: Option<Filter>,
    pub(crate) tags: Option<Filter>,
    pub(crate) paths: Option<Filter>,
}

#[derive(Debug, Clone)]
pub(crate) struct PullRequestTrigger {
    /// Activity types.
    pub(crate) types: Vec<String>,
    pub(crate) branches: Option<Filter>,
    pub(crate) paths: Option<Filter>,
}

/// The ends of other workflows' runs.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowRunTrigger {
    /// Their names; at least one.
    pub(crate) workflows: Vec<String>,
    pub(crate) branches: Option<Filter>,
}

/// `branches` or `branches-ignore`, and the same for tags and paths.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Only(PatternList),
    Ignore(PatternList),
    /// `branches` of the Lightning dialect.
    Names(NameList),
}

#[derive(Debug, Clone)]
pub(crate) struct DispatchTrigger {
    pub(crate) span: Span,
    pub(crate) inputs: Vec<Input>,
}

/// `workflow_call`: what those who call the workflow may and must give, and what they get.
#[derive(Debug, Clone)]
pub(crate) struct CallTrigger {
    /// Defaults may hold expressions.
    pub(crate) inputs: Vec<Input>,
    pub(crate) secrets: Vec<DeclaredSecret>,
    pub(crate) outputs: Vec<DeclaredOutput>,
}

#[derive(Debug, Clone)]
pub(crate) struct DeclaredSecret {
    pub(crate) name: String,
    pub(crate) required: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct DeclaredOutput {
    pub(crate) name: String,
    pub(crate) value: Text,
}

/// An input of `workflow_dispatch` or `workflow_call`.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) required: bool,
    pub(crate) default: Option<Text>,
    pub(crate) kind: InputKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputKind {
    Text,
    Boolean,
    Number,
    /// One of these; at least one.
    Choice(Vec<String>),
    /// The name of an environment of the policy.
    Environment,
}

/// A variable of an `env`, its value unevaluated.
#[derive(Debug, Clone)]
pub(crate) struct EnvEntry {
    pub(crate) name: String,
    pub(crate) value: Text,
}

/// `defaults.run`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) shell: Option<Text>,
    pub(crate) working_directory: Option<Text>,
}

/// A job, its expressions unevaluated.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) key: JobKey,
    pub(crate) key_span: Span,
    pub(crate) needs: Vec<JobKey>,
    pub(crate) condition: Option<Text>,
    pub(crate) legs: Legs,
    /// Those of every leg that has none of its own.
    pub(crate) settings: Settings,
    pub(crate) permissions: Option<TokenPermissions>,
    /// Unevaluated.
    pub(crate) concurrency: Option<Node>,
    pub(crate) environment: Option<Environment>,
    pub(crate) env: Vec<EnvEntry>,
    pub(crate) defaults: Defaults,
    pub(crate) outputs: BTreeMap<String, String>,
    /// At least one, unless the job calls a workflow.
    pub(crate) steps: Vec<Step>,
    /// The workflow that it calls instead of running steps.
    pub(crate) call: Option<Call>,
    /// Its log shows what `::debug::` says.
    pub(crate) debug: bool,
}

/// `environment` of a job, unevaluated.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) name: Text,
    /// Known when its steps have run.
    pub(crate) url: Option<String>,
}

/// `uses` of a job, with what goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) target: WorkflowReference,
    /// Of `uses`' value.
    pub(crate) span: Span,
    /// `with`: scalars, unevaluated.
    pub(crate) with: Vec<Entry>,
    pub(crate) secrets: GivenSecrets,
    /// Once [`crate::Linker`] has found it.
    pub(crate) callee: Option<Arc<Workflow>>,
}

/// `secrets` of a job that calls a workflow.
#[derive(Debug, Clone)]
pub(crate) enum GivenSecrets {
    /// Those that the map names, and no others.
    Named(Vec<GivenSecret>),
    /// All that the caller has.
    Inherited(Span),
}

#[derive(Debug, Clone)]
pub(crate) struct GivenSecret {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    /// Unevaluated.
    pub(crate) value: Text,
}

/// The legs of a job.
#[derive(Debug, Clone)]
pub(crate) enum Legs {
    /// Those of a `strategy`, which may hold expressions; one leg where there is none.
    Strategy(Option<Node>),
    /// Written out by the dialect. None of them stops another.
    Listed(Vec<ListedLeg>),
}

/// A leg that was known when the file was read.
#[derive(Debug, Clone)]
pub(crate) struct ListedLeg {
    /// None for a job without parameters.
    pub(crate) matrix: Option<MatrixLeg>,
    pub(crate) settings: Settings,
}

/// What can differ from leg to leg, unevaluated. What may hold expressions and gives something else than a text stays a
/// tree until they are evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) runs_on: Node,
    pub(crate) timeout: Timeout,
    pub(crate) continue_on_error: Option<Node>,
    /// What a leg has beside the job's `env`, and wins over it.
    pub(crate) variables: Vec<EnvEntry>,
    pub(crate) container: Option<Container>,
    /// `services`, unevaluated.
    pub(crate) services: Option<Node>,
    /// The machine may be taken away while the job runs (a spot instance).
    pub(crate) interruptible: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Name {
    /// `name`, else the job's key; the values of the matrix come behind it, unless it holds an expression.
    Template(Option<Text>),
    /// As the dialect makes it, complete and literal.
    Whole(String),
}

/// How long a job may run, in minutes.
#[derive(Debug, Clone)]
pub(crate) struct Timeout {
    /// As the file says it, under the dialect's key.
    pub(crate) written: Option<Entry>,
    /// Where the file says nothing.
    pub(crate) default: Millis,
}

/// What a job runs in.
#[derive(Debug, Clone)]
pub(crate) enum Container {
    /// `container`, unevaluated.
    Written(Node),
    /// An image, literal.
    Image {
        image: String,
        /// The dialect's default: a backend without containers runs the job without.
        optional: bool,
    },
}

impl Container {
    /// The image as it is written; none where the whole of it is a mapping without one.
    pub(crate) fn image(&self) -> Option<&str> {
        let node = match self {
            Self::Image { image, .. } => return Some(image),
            Self::Written(node) => node.get("image").unwrap_or(node),
        };
        match &node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A step, its expressions unevaluated.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) condition: Option<String>,
    pub(crate) env: Vec<EnvEntry>,
    pub(crate) continue_on_error: Option<String>,
    pub(crate) timeout_minutes: Option<String>,
    pub(crate) action: Action,
}

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Run {
        run: String,
        shell: Option<String>,
        working_directory: Option<String>,
    },
    Uses {
        action: ActionReference,
        /// Of `uses`' value.
        span: Span,
        with: BTreeMap<String, String>,
    },
}
