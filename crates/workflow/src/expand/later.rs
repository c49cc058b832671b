//! What of a job can't be known before the jobs that it needs have ended.

use crate::expr;
use crate::model::{Job, Legs, Name, Workflow};
use crate::yaml::{Node, Value};
use checkmill_core::JobKey;

/// A key of a job whose value hangs on how other jobs end or on what they put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaterKey {
    If,
    Strategy,
    Name,
    RunsOn,
    TimeoutMinutes,
    ContinueOnError,
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
        }
    }
}

impl Workflow {
    /// The keys of a job that read what the jobs it needs put out, or how these end. That they succeed, which every `if`
    /// implies, is not counted.
    #[must_use]
    pub fn decided_later(&self, key: &JobKey) -> Vec<LaterKey> {
        let Some(job) = self.job(key).filter(|job| !job.needs.is_empty()) else {
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
        ];
        of.into_iter()
            .filter(|(_, later)| *later)
            .map(|(key, _)| key)
            .collect()
    }

    /// The same workflow in which a job has no `if`: it runs when what it needs succeeds.
    #[must_use]
    pub fn without_condition(&self, key: &JobKey) -> Self {
        let mut workflow = self.clone();
        for job in workflow.jobs.iter_mut().filter(|job| job.key == *key) {
            job.condition = None;
        }
        workflow
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
