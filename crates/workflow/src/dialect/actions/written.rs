//! What the steps of a file say before anything runs, with their places: for whoever knows which of it can't run.

use super::common;
use crate::diagnostic::Diagnostic;
use crate::expr::Place;
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::{Source, Span};
use crate::uses::{ActionReference, Builtin};
use crate::yaml::{self, Entry, Node, Value, offset_in_source};
use std::collections::BTreeMap;
use std::ops::Range;

/// A text of a file and where it stands.
#[derive(Debug, Clone)]
pub struct Written {
    source: Source,
    span: Span,
    text: String,
}

impl Written {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether some of it is known only when it runs.
    #[must_use]
    pub fn has_expression(&self) -> bool {
        crate::text::has_expression(&self.text)
    }

    /// Something to say about all of it, or about these bytes of its text.
    #[must_use]
    pub fn diagnostic(
        &self,
        part: Option<Range<usize>>,
        rule: Rule,
        message: &str,
        hint: Option<&str>,
    ) -> Diagnostic {
        let at = |offset| offset_in_source(&self.source, self.span, &self.text, offset);
        let span = part.map_or(self.span, |part| Span::new(at(part.start), at(part.end)));
        let diagnostic = Diagnostic::new(&self.source, span, message).of_rule(rule);
        match hint {
            Some(hint) => diagnostic.with_hint(hint),
            None => diagnostic,
        }
    }
}

/// A step as far as its file could be read.
#[derive(Debug, Clone)]
pub struct WrittenStep {
    /// Whether the job may pass though the step can't be run: one of them has an `if` or `continue-on-error`.
    pub may_pass: bool,
    /// Whether `inputs` may be the workflow's own word, as where another calls this one.
    pub own_inputs: bool,
    pub action: WrittenAction,
}

#[derive(Debug, Clone)]
pub enum WrittenAction {
    Run {
        run: Written,
        /// Its own or that of the `defaults`, the nearest.
        shell: Option<Written>,
    },
    Builtin {
        action: Builtin,
        /// Where it is named.
        uses: Written,
        /// By the names as written; those that it does not have are left out.
        with: BTreeMap<String, Written>,
    },
}

/// The steps of all jobs that run a script or an action that is built in, in the order of the file.
pub(in crate::dialect) fn steps(path: &str, text: &str) -> Vec<WrittenStep> {
    let source = Source::new(path, text);
    let Ok(root) = yaml::parse(&source) else {
        return Vec::new();
    };
    let jobs = root.get("jobs").and_then(Node::entries).unwrap_or_default();
    let own_inputs = root.get("on").is_some_and(|on| names(on, "workflow_call"));
    let mut found = Vec::new();
    for Entry { value: job, .. } in jobs {
        let Some(Value::List(steps)) = job.get("steps").map(|steps| &steps.value) else {
            continue;
        };
        let shell = default_shell(job).or_else(|| default_shell(&root));
        for step in steps {
            found.extend(action(&source, step, shell).map(|action| WrittenStep {
                may_pass: may_pass(job) || may_pass(step),
                own_inputs,
                action,
            }));
        }
    }
    found
}

fn may_pass(node: &Node) -> bool {
    let goes_on = node.get("continue-on-error");
    node.get("if").is_some() || goes_on.is_some_and(|goes_on| !matches!(goes_on.value, Value::Bool(false)))
}

/// Whether `on` names the event, in whichever of its forms.
fn names(on: &Node, event: &str) -> bool {
    match &on.value {
        Value::List(events) => events.iter().any(|one| names(one, event)),
        Value::Map(_) => on.get(event).is_some(),
        value => matches!(value, Value::Text(text) if text == event),
    }
}

fn default_shell(of: &Node) -> Option<&Node> {
    of.get("defaults")?.get("run")?.get("shell")
}

fn action(source: &Source, step: &Node, default_shell: Option<&Node>) -> Option<WrittenAction> {
    if let Some(run) = step.get("run") {
        let shell = step.get("shell").or(default_shell);
        return Some(WrittenAction::Run {
            run: written(source, run)?,
            shell: shell.and_then(|shell| written(source, shell)),
        });
    }
    let uses = written(source, step.get("uses")?)?;
    let Ok(ActionReference::Builtin { action, .. }) = uses.text.parse() else {
        return None;
    };
    let with = step.get("with").map(|with| inputs(source, action, with));
    Some(WrittenAction::Builtin {
        action,
        uses,
        with: with.unwrap_or_default(),
    })
}

fn inputs(source: &Source, action: Builtin, with: &Node) -> BTreeMap<String, Written> {
    // Mistakes have been told by the one who reads the file for good.
    let texts = common::texts(&mut Reader::new(source), with, "`with`", Place::StepWith);
    let is_known = |entry: &&Entry| {
        action
            .inputs()
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&entry.key))
    };
    let input = |entry: &Entry| {
        let input = Written {
            source: source.clone(),
            span: entry.value.span,
            text: texts.get(&entry.key)?.clone(),
        };
        Some((entry.key.clone(), input))
    };
    let entries = with.entries().unwrap_or_default();
    entries.iter().filter(is_known).filter_map(input).collect()
}

fn written(source: &Source, node: &Node) -> Option<Written> {
    let Value::Text(text) = &node.value else {
        return None;
    };
    Some(Written {
        source: source.clone(),
        span: node.span,
        text: text.clone(),
    })
}
