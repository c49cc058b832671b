//! What the agent refuses when a step runs, as far as that is known before: its own functions are asked for each step. What
//! depends on the machine or the event is left out.

use checkmill_agent::archive::{artifact, cache};
use checkmill_agent::checkout::options as checkout;
use checkmill_agent::script::foreseen;
use checkmill_agent::script::shell::Shell;
use checkmill_workflow::expr::{untrusted_references, untrusted_references_of_action};
use checkmill_workflow::job::CheckoutSource;
use checkmill_workflow::uses::Builtin;
use checkmill_workflow::{Diagnostic, Rule, Written, WrittenAction, WrittenStep};
use std::collections::BTreeMap;
use std::ops::Range;

/// Inputs whose only value that works is that of the run, which no file knows.
const OF_THE_RUN: [&str; 3] = ["repository", "run-id", "github-server-url"];

/// Takes the place of what an expression gives: a name, a path, a pattern and a boolean.
const ANYTHING: &str = "true";

pub(super) fn of_steps(path: &str, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for step in checkmill_workflow::written_steps(path, text) {
        match &step.action {
            WrittenAction::Run { run, shell } => script(&mut found, &step, run, shell.as_ref()),
            WrittenAction::Builtin { action, uses, with } => {
                if let Some((place, problem)) = inputs(*action, uses, with) {
                    found.push(told(&step, place, None, &problem));
                }
            }
        }
    }
    found
}

fn script(found: &mut Vec<Diagnostic>, step: &WrittenStep, run: &Written, shell: Option<&Written>) {
    if shell.is_some_and(Written::has_expression) {
        return;
    }
    match (Shell::parse(shell.map(Written::text)), shell) {
        (Err(error), Some(shell)) => found.push(told(step, shell, None, &error.to_string())),
        (Err(_), None) => {}
        (Ok(shell), _) => {
            let references = match step.own_inputs {
                true => untrusted_references_of_action,
                false => untrusted_references,
            };
            for (part, error) in foreseen::refused(run.text(), shell.kind, references) {
                found.push(told(step, run, Some(part), &error.to_string()));
            }
        }
    }
}

/// The agent's words: what is wrong, and behind a semicolon what to do.
fn told(step: &WrittenStep, place: &Written, part: Option<Range<usize>>, problem: &str) -> Diagnostic {
    let (message, hint) = match problem.split_once("; ") {
        Some((message, hint)) => (message, Some(hint)),
        None => (problem, None),
    };
    if step.may_pass {
        let message = format!("where this step runs, it is refused: {message}");
        place.diagnostic(part, Rule::RefusedIfReached, &message, hint)
    } else {
        let message = format!("this step can't be run: {message}");
        place.diagnostic(part, Rule::Refused, &message, hint)
    }
}

/// The first input that is wrong whatever the expressions give, with its place: that of the action where it is missing.
fn inputs<'w>(
    action: Builtin,
    uses: &'w Written,
    with: &'w BTreeMap<String, Written>,
) -> Option<(&'w Written, String)> {
    let is_of_the_run = |name: &str| OF_THE_RUN.iter().any(|one| one.eq_ignore_ascii_case(name));
    let mut values = BTreeMap::new();
    for (name, value) in with.iter().filter(|(name, _)| !is_of_the_run(name)) {
        let value_now = if value.has_expression() {
            ANYTHING
        } else {
            value.text()
        };
        values.insert(name.clone(), value_now.to_owned());
    }
    loop {
        let problem = parse(action, &values).err()?;
        // All of them begin with the input that they are about.
        let about = problem.split(':').next().unwrap_or_default();
        let input = with.iter().find(|(name, _)| name.eq_ignore_ascii_case(about));
        match input {
            // What it will be is not known.
            Some((name, value)) if value.has_expression() => values.remove(name)?,
            Some((_, value)) => return Some((value, problem)),
            None => return Some((uses, problem)),
        };
    }
}

fn parse(action: Builtin, with: &BTreeMap<String, String>) -> Result<(), String> {
    match action {
        Builtin::Checkout => {
            let source = CheckoutSource {
                clone_url: String::new(),
                repository: String::new(),
                sha: String::new(),
                git_ref: String::new(),
                only: None,
            };
            checkout::Options::parse(with, &source).map(drop)
        }
        Builtin::UploadArtifact => artifact::Upload::parse(with).map(drop),
        Builtin::DownloadArtifact => artifact::Download::parse(with, "", "").map(drop),
        Builtin::Cache | Builtin::CacheRestore | Builtin::CacheSave => cache::Options::parse(with).map(drop),
    }
}
