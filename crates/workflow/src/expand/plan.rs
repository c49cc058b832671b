//! The legs of a job, before anything is evaluated for one of them.

use super::scope;
use crate::contexts::strategy_context;
use crate::diagnostic::Diagnostics;
use crate::dialect::actions;
use crate::expr::JobStatus;
use crate::matrix::{self, MatrixLeg};
use crate::model::{Job, Legs, ListedLeg, Settings, Workflow};
use crate::read::Reader;
use crate::resolve::Resolver;
use checkmill_core::AttemptNumber;
use serde_json::{Map, Value as Json};

/// A strategy's legs and how they run.
pub(crate) struct Plan {
    pub(crate) fail_fast: bool,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) legs: Vec<PlannedLeg>,
}

pub(crate) struct PlannedLeg {
    pub(crate) index: usize,
    /// None for a job without a matrix.
    pub(crate) matrix: Option<MatrixLeg>,
}

impl PlannedLeg {
    pub(crate) fn text(&self) -> &str {
        self.matrix.as_ref().map_or("", |leg| &leg.text)
    }
}

impl Job {
    /// The leg's own settings, else the job's.
    pub(crate) fn settings(&self, leg: &PlannedLeg) -> &Settings {
        match &self.legs {
            Legs::Listed(legs) => legs.get(leg.index).map_or(&self.settings, |leg| &leg.settings),
            Legs::Strategy(_) => &self.settings,
        }
    }
}

impl Plan {
    /// Sets `matrix` and `strategy` to those of a leg.
    pub(crate) fn add_contexts(&self, leg: &PlannedLeg, contexts: &mut Map<String, Json>) {
        let matrix = leg
            .matrix
            .as_ref()
            .map_or(Json::Null, |leg| Json::Object(leg.values.clone()));
        let strategy = strategy_context(self.fail_fast, leg.index, self.legs.len(), self.max_parallel);
        contexts.insert("matrix".to_owned(), matrix);
        contexts.insert("strategy".to_owned(), strategy);
    }
}

pub(crate) fn legs(workflow: &Workflow, job: &Job, resolver: &Resolver<'_>) -> Result<Plan, Diagnostics> {
    let alone = || {
        vec![PlannedLeg {
            index: 0,
            matrix: None,
        }]
    };
    let node = match &job.legs {
        Legs::Listed(legs) => return Ok(listed(legs)),
        Legs::Strategy(None) => {
            return Ok(Plan {
                fail_fast: true,
                max_parallel: None,
                legs: alone(),
            });
        }
        Legs::Strategy(Some(node)) => node,
    };
    let node = resolver.node(node)?;
    let mut reader = Reader::new(&workflow.source);
    let strategy = actions::strategy(&mut reader, &node).filter(|_| reader.is_clean());
    let plan = strategy.and_then(|strategy| {
        let legs = match &strategy.matrix {
            Some(matrix) => {
                let number = |(index, leg)| PlannedLeg {
                    index,
                    matrix: Some(leg),
                };
                matrix::legs(&mut reader, matrix)?
                    .into_iter()
                    .enumerate()
                    .map(number)
                    .collect()
            }
            None => alone(),
        };
        Some(Plan {
            fail_fast: strategy.fail_fast,
            max_parallel: strategy.max_parallel,
            legs,
        })
    });
    reader.finish(plan)
}

/// The legs as they were expanded: a re-run has those of the first attempt, whatever `github.run_attempt` and
/// `github.triggering_actor` say now.
pub(crate) fn legs_of_first_attempt(
    workflow: &Workflow,
    job: &Job,
    mut contexts: Map<String, Json>,
) -> Result<Plan, Diagnostics> {
    if let Some(Json::Object(github)) = contexts.get_mut("github") {
        let first = Json::String(AttemptNumber::FIRST.to_string());
        github.insert("run_attempt".to_owned(), first);
        if let Some(actor) = github.get("actor").cloned() {
            github.insert("triggering_actor".to_owned(), actor);
        }
    }
    let resolver = Resolver {
        source: &workflow.source,
        scope: scope(&contexts, JobStatus::Success),
    };
    legs(workflow, job, &resolver)
}

/// Legs that stand side by side, none of which stops another.
fn listed(legs: &[ListedLeg]) -> Plan {
    let number = |(index, leg): (usize, &ListedLeg)| PlannedLeg {
        index,
        matrix: leg.matrix.clone(),
    };
    Plan {
        fail_fast: false,
        max_parallel: None,
        legs: legs.iter().enumerate().map(number).collect(),
    }
}
