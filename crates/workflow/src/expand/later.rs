//! What of a job can't be known before the jobs that it needs have ended.

use crate::expr;
use crate::model::{Job, Legs, Name, Workflow};
use crate::yaml::{Node, Value};
use checkmill_core::JobKey;
use std::sync::Arc;

/// A key of a job whose value hangs on how other jobs end or on what they put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaterKey {
    If,
    Strategy,
    Name,
    RunsOn,
    TimeoutMinutes,
    ContinueOnError,
    With,
    Concurrency,
}

impl LaterKey {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Strategy => "strategy",
            Self::Name => "name",
            Self::RunsOn => "runs-on",
            Self::TimeoutMinutes => "timeout-minutes",
            Self::ContinueOnError => "continue-on-error",
            Self::With => "with",
            Self::Concurrency => "concurrency",
        }
    }
}

impl Workflow {
    /// The keys of a job that read what the jobs it needs put out, or how these end. That they succeed, which every `if`
    /// implies, is not counted.
    #[must_use]
    pub fn decided_later(&self, key: &JobKey) -> Vec<LaterKey> {
        let job = self.way(key).and_then(|way| way.last().map(|(_, job)| *job));
        let Some(job) = job.filter(|job| !job.needs.is_empty()) else {
            return Vec::new();
        };
        let reads = |node: Option<&Node>| node.is_some_and(reads_needs);
        let settings = &job.settings;
        let strategy = match &job.legs {
            Legs::Strategy(strategy) => strategy.as_ref(),
            Legs::Listed(_) => None,
        };
        let name = match &settings.name {
            Name::Template(name) => name.as_ref(),
            Name::Whole(_) => None,
        };
        let timeout = settings.timeout.written.as_ref();
        let of = [
            (LaterKey::If, asks(job)),
            (LaterKey::Strategy, reads(strategy)),
            (
                LaterKey::Name,
                name.is_some_and(|name| text_reads_needs(&name.value, false)),
            ),
            (LaterKey::RunsOn, reads_needs(&settings.runs_on)),
            (LaterKey::TimeoutMinutes, reads(timeout.map(|entry| &entry.value))),
            (
                LaterKey::ContinueOnError,
                reads(settings.continue_on_error.as_ref()),
            ),
            (LaterKey::Concurrency, reads(job.concurrency.as_ref())),
            (
                LaterKey::With,
                job.call
                    .iter()
                    .any(|call| call.with.iter().any(|given| reads_needs(&given.value))),
            ),
        ];
        of.into_iter()
            .filter(|(_, later)| *later)
            .map(|(key, _)| key)
            .collect()
    }

    /// Whether the name of a job's environment reads what the jobs it needs put out.
    #[must_use]
    pub fn environment_decided_later(&self, key: &JobKey) -> bool {
        let job = self.way(key).and_then(|way| way.last().map(|(_, job)| *job));
        let environment = job.and_then(|job| job.environment.as_ref());
        environment.is_some_and(|environment| text_reads_needs(&environment.name.value, false))
    }

    /// The same workflow in which a job has no `if`: it runs when what it needs succeeds.
    #[must_use]
    pub fn without_condition(&self, key: &JobKey) -> Self {
        let mut callers: Vec<JobKey> = key.callers().collect();
        callers.reverse();
        let mut workflow = self.clone();
        let mut of = &mut workflow;
        for caller in callers {
            let job = of.jobs.iter_mut().find(|job| job.key == caller.own());
            let Some(callee) = job.and_then(|job| job.call.as_mut()?.callee.as_mut()) else {
                return workflow;
            };
            of = Arc::make_mut(callee);
        }
        let own = key.own();
        for job in of.jobs.iter_mut().filter(|job| job.key == own) {
            job.condition = None;
        }
        workflow
    }

    /// The workflow file that a job calls, where [`crate::Linker`] did not look at it.
    #[must_use]
    pub fn calls_elsewhere(&self, key: &JobKey) -> Option<String> {
        let (_, job) = self.way(key)?.pop()?;
        let call = job.call.as_ref().filter(|call| call.callee.is_none())?;
        Some(call.target.to_string())
    }
}

fn asks(job: &Job) -> bool {
    let asks = |text: &str| text_reads_needs(text, true) || expr::asks_for_failure(text);
    job.condition
        .as_ref()
        .is_some_and(|condition| asks(&condition.value))
}

fn text_reads_needs(text: &str, is_condition: bool) -> bool {
    expr::reads(text, is_condition)
        .iter()
        .any(|read| read.context == "needs")
}

fn reads_needs(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text_reads_needs(text, false),
        Value::List(items) => items.iter().any(reads_needs),
        Value::Map(entries) => entries.iter().any(|entry| reads_needs(&entry.value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
