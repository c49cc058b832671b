//! From the text of a definition to a [`Machine`]. What is not supported is refused here, never ignored.

mod fields;
mod states;
mod suggest;
mod task;

use crate::document;
use crate::machine::{Machine, State, StateId};
use fields::Fields;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Characters of a state's name. Specification, "States": at most 80.
const NAME_CHARS: usize = 80;
/// States of one machine; a definition of AWS's largest size (1 MB) has fewer.
const STATES_MAX: usize = 10_000;

/// Why a definition can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the definition is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// At the top level.
    #[error("the state machine: {problem}")]
    Machine { problem: String },
    #[error("state {state:?}: {problem}")]
    State { state: String, problem: String },
}

/// The states by name, for `Next` and its like.
struct Names<'v>(Vec<&'v str>);

impl Names<'_> {
    fn find(&self, name: &str) -> Result<StateId, String> {
        let found = self
            .0
            .binary_search(&name)
            .ok()
            .and_then(|at| u16::try_from(at).ok());
        found.map(StateId).ok_or_else(|| {
            let hint = suggest::nearest(name, self.0.iter().copied());
            format!("there is no state {name:?}{}", suggest::did_you_mean(hint))
        })
    }
}

pub(crate) fn machine(definition: &str) -> Result<Machine, LoadError> {
    let document = document::parse(definition)?;
    let problem = |problem| LoadError::Machine { problem };
    let mut fields = Fields::of(&document).map_err(problem)?;
    let (states, start, timeout) = top_level(&mut fields).map_err(problem)?;
    fields.finish().map_err(problem)?;

    let mut names: Vec<&str> = states.keys().map(String::as_str).collect();
    names.sort_unstable();
    let names = Names(names);
    let start = names
        .find(start)
        .map_err(|why| problem(format!("StartAt: {why}")))?;
    let mut read = Vec::with_capacity(states.len());
    for name in &names.0 {
        let state = |problem| LoadError::State {
            state: (*name).to_owned(),
            problem,
        };
        if name.is_empty() || name.chars().count() > NAME_CHARS {
            return Err(state(format!("a state's name has 1 to {NAME_CHARS} characters")));
        }
        let kind = states::kind(&states[*name], &names).map_err(state)?;
        read.push(State {
            name: Arc::from(*name),
            kind,
        });
    }
    let machine = Machine {
        start,
        states: read,
        timeout,
    };
    every_state_is_reachable(&machine)?;
    Ok(machine)
}

type TopLevel<'v> = (&'v serde_json::Map<String, Value>, &'v str, Option<Duration>);

fn top_level<'v>(fields: &mut Fields<'v>) -> Result<TopLevel<'v>, String> {
    fields.string("Comment")?;
    fields.one_of("Version", &["1.0"])?;
    fields.one_of("QueryLanguage", &["JSONPath"])?;
    let start = fields.required_string("StartAt")?;
    let timeout = fields.seconds("TimeoutSeconds", 1)?.map(Duration::from_secs);
    let states = fields.get("States").ok_or("States is missing")?;
    let states = states.as_object().ok_or("States: must be an object")?;
    if states.len() > STATES_MAX {
        return Err(format!(
            "States: {} states, and {STATES_MAX} are the limit",
            states.len()
        ));
    }
    Ok((states, start, timeout))
}

fn every_state_is_reachable(machine: &Machine) -> Result<(), LoadError> {
    let edges = machine.edges();
    let mut reached = BTreeSet::from([machine.start]);
    let mut todo = vec![machine.start];
    while let Some(from) = todo.pop() {
        let next = edges.iter().filter(|edge| edge.from == from).map(|edge| edge.to);
        todo.extend(next.filter(|to| reached.insert(*to)));
    }
    match machine.states().find(|id| !reached.contains(id)) {
        None => Ok(()),
        Some(lost) => Err(LoadError::State {
            state: machine.name(lost).to_owned(),
            problem: "no way leads here from StartAt".to_owned(),
        }),
    }
}
