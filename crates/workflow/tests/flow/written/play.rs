//! A run of a file in which every step ends as the case says: which jobs come to be, in which order, and why others don't.

use super::case::Start;
use crate::support::{World, attempt, key, run_id};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::concurrency::Queueing;
use checkmill_core::event::EventKind;
use checkmill_core::graph::Node;
use checkmill_core::policy::EnvironmentRule;
use checkmill_core::{CallKey, Concurrency, JobId, JobKey, limits};
use checkmill_workflow::{
    Changed, Diagnostics, EnvironmentRules, Expansion, Leg, Match, NeedsJob, Workflow, describe, inputs,
    matches, run_concurrency, run_name,
};
use std::collections::BTreeMap;

/// The event's line and those below it.
pub(super) fn play(workflow: &Workflow, start: &Start<'_>) -> String {
    let mut lines = vec![start.line.to_owned()];
    let changed = Changed::Files {
        paths: &start.touching,
        truncated: false,
    };
    let mut event = start.event.clone();
    if let EventKind::WorkflowDispatch(dispatch) = &mut event.kind {
        workflow.path().clone_into(&mut dispatch.workflow);
    }
    match matches(workflow, &event, Some(changed)) {
        Match::No(reason) => lines.push(format!("  not started: {reason}")),
        Match::Skipped { check, detail } => lines.push(format!("  - {check}: {detail}")),
        Match::NeedsChangedFiles => lines.push("  ! the changed files are known".to_owned()),
        Match::Yes => match inputs(workflow, &event) {
            Err(wrong) => lines.extend(said(&wrong)),
            Ok(_) => {
                let mut world = World::of(workflow.clone(), &event);
                world.vars.clone_from(&start.vars);
                Run::of(world, start, &mut lines).all();
            }
        },
    }
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

fn said(wrong: &Diagnostics) -> Vec<String> {
    let line =
        |one: &checkmill_workflow::Diagnostic| format!("  ! {}:{}: {}", one.line, one.column, one.message);
    wrong.as_slice().iter().map(line).collect()
}

struct Run<'s, 't> {
    world: World,
    start: &'s Start<'t>,
    lines: &'s mut Vec<String>,
    /// What has not been expanded yet, in the order of the file; the jobs of a call where it stands.
    open: Vec<(JobKey, Node)>,
    /// The calls whose jobs are on their way.
    calls: BTreeMap<JobKey, Vec<CallKey>>,
}

impl<'s, 't> Run<'s, 't> {
    fn of(world: World, start: &'s Start<'t>, lines: &'s mut Vec<String>) -> Self {
        let mut graph = world.workflow.graph();
        let keys: Vec<JobKey> = world.workflow.keys().cloned().collect();
        let open = keys
            .into_iter()
            .filter_map(|key| graph.remove_entry(&key))
            .collect();
        Self {
            world,
            start,
            lines,
            open,
            calls: BTreeMap::new(),
        }
    }

    fn all(mut self) {
        self.about_the_run();
        // Each turn expands a job: there are no circles.
        while !self.open.is_empty() {
            let ready = |(_, node): &(JobKey, Node)| node.needs.iter().all(|need| self.has_ended(need));
            let at = self.open.iter().position(ready).unwrap();
            let (key, _) = self.open.remove(at);
            self.expand(at, &key);
        }
    }

    fn about_the_run(&mut self) {
        let World {
            workflow,
            github,
            inputs,
            vars,
            ..
        } = &self.world;
        match run_name(workflow, github, inputs, vars) {
            Ok(name) => self.lines.extend(name.map(|name| format!("  run `{name}`"))),
            Err(wrong) => self.lines.extend(said(&wrong)),
        }
        match run_concurrency(workflow, github, inputs, vars) {
            Ok(group) => self
                .lines
                .extend(group.map(|group| format!("  {}", of_group(&group)))),
            Err(wrong) => self.lines.extend(said(&wrong)),
        }
    }

    /// A call ends when its jobs have.
    fn has_ended(&self, key: &JobKey) -> bool {
        let calls = self.calls.get(key).map_or(&[][..], Vec::as_slice);
        let is_of_call = |open: &JobKey| {
            calls
                .iter()
                .any(|call| call.has(open) || open.as_str().starts_with(&format!("{}/", key.as_str())))
        };
        self.world.results.contains_key(key) && !self.open.iter().any(|(open, _)| is_of_call(open))
    }

    fn expand(&mut self, at: usize, key: &JobKey) {
        if let Some(target) = self.world.workflow.calls_elsewhere(key) {
            self.lines.push(format!("  {key} calls {target}"));
            return self.end(key, NeedsResult::Success, Vec::new());
        }
        match self.world.expand(key.as_str()) {
            Err(wrong) => {
                self.lines.extend(said(&wrong));
                self.end(key, NeedsResult::Failure, Vec::new());
            }
            Ok(Expansion::Skipped { reason, name }) => {
                self.lines.push(format!("  - {name}: {reason}"));
                self.end(key, NeedsResult::Skipped, Vec::new());
            }
            Ok(Expansion::Legs { legs, .. }) => {
                for leg in &legs {
                    self.lines.push(of_leg(leg));
                    self.describe(key, leg);
                }
                self.end(key, NeedsResult::Success, Vec::new());
            }
            Ok(Expansion::Calls {
                calls,
                nodes,
                concurrency,
                ..
            }) => {
                let groups = concurrency.values().flatten();
                self.lines
                    .extend(groups.map(|group| format!("  {key}: {}", of_group(group))));
                self.open.splice(at..at, nodes);
                self.calls.insert(key.clone(), calls.clone());
                self.end(key, NeedsResult::Success, calls);
            }
        }
    }

    fn end(&mut self, job: &JobKey, result: NeedsResult, calls: Vec<CallKey>) {
        let given = self.start.results.get(job.as_str()).copied();
        let ended = NeedsJob {
            // A job that does not run has no other end.
            result: match result {
                NeedsResult::Success => given.unwrap_or(result),
                other => other,
            },
            outputs: match result {
                NeedsResult::Success => self.start.outputs.get(job.as_str()).cloned().unwrap_or_default(),
                _ => BTreeMap::new(),
            },
            calls,
        };
        // A call's result is the worst of its jobs; what these needed has been said before.
        let failed = ended.result == NeedsResult::Failure;
        self.world.results.insert(job.clone(), ended);
        for caller in job.callers().filter(|_| failed) {
            if let Some(caller) = self.world.results.get_mut(&caller) {
                caller.result = NeedsResult::Failure;
            }
        }
    }

    /// What the agent would be told must be sound as well.
    fn describe(&mut self, job: &JobKey, leg: &Leg) {
        let id = JobId::derive(&run_id(), job, &leg.leg);
        let (rules, git_ref) = (environments(), checkmill_workflow::full_ref(&self.start.event));
        let rules = EnvironmentRules {
            rules: &rules,
            git_ref: &git_ref,
        };
        let attempt = attempt(&self.world, &id, rules);
        let described = describe(
            &self.world.workflow,
            &key(job.as_str()),
            &leg.leg,
            &self.world.context(),
            attempt,
        );
        if let Err(wrong) = described {
            self.lines.extend(said(&wrong));
        }
    }
}

/// Of the policy under which they run.
fn environments() -> BTreeMap<String, EnvironmentRule> {
    let main = EnvironmentRule {
        branches: Some(vec!["main".to_owned()]),
        tags: None,
    };
    BTreeMap::from([
        ("staging".to_owned(), EnvironmentRule::default()),
        ("production".to_owned(), main),
    ])
}

/// The check's name, and what is not as it mostly is.
fn of_leg(leg: &Leg) -> String {
    let mut line = format!("  {}", leg.name);
    if leg.runs_on != ["ubuntu-latest"] {
        line.push_str(&format!(" [on {}]", leg.runs_on.join(", ")));
    }
    if leg.timeout != limits::RUN_TIMEOUT_DEFAULT {
        line.push_str(&format!(" [{} s]", leg.timeout.as_secs_ceil()));
    }
    if leg.continue_on_error {
        line.push_str(" [may fail]");
    }
    if let Some(group) = &leg.concurrency {
        line.push_str(&format!(" [{}]", of_group(group)));
    }
    line
}

fn of_group(group: &Concurrency) -> String {
    let cancels = if group.cancel_in_progress { ", cancels" } else { "" };
    let queue = match group.queue {
        Queueing::Single => "",
        Queueing::Max => ", all wait",
    };
    format!("group {}{cancels}{queue}", group.group)
}
