//! What runs, but hardly as it was meant: names that don't exist, filters of a matrix that filter nothing, scripts with
//! somebody else's text in them.
//!
//! It reads the tree and not the model, so that a file with errors gets its warnings too. What can't be known without
//! running is passed over.

mod checkout;
mod facts;
mod references;

use crate::diagnostic::{Diagnostic, quoted};
use crate::expr;
use crate::nearest::nearest;
use crate::read::Reader;
use crate::rule::Rule;
use crate::source::{Source, Span};
use crate::yaml::{self, Entry, Node, Value, offset_in_source};
use checkmill_core::schedule::Timing;
use facts::{Facts, JobFacts};

/// Everything that is noticed in a file.
pub(crate) fn notices(path: &str, text: &str) -> Vec<Diagnostic> {
    let source = Source::new(path, text);
    // What is no YAML is an error, and has no more to tell.
    let Ok(root) = yaml::parse(&source) else {
        return Vec::new();
    };
    let facts = Facts::of(&root);
    let mut lint = Lint {
        source: &source,
        facts: &facts,
        found: Vec::new(),
    };
    for entry in root.entries().unwrap_or_default() {
        if entry.key == "jobs" {
            for entry in entry.value.entries().unwrap_or_default() {
                lint.job(entry);
            }
        } else if entry.key == "on" {
            let outputs = entry
                .value
                .get("workflow_call")
                .and_then(|call| call.get("outputs"));
            outputs
                .into_iter()
                .for_each(|outputs| lint.texts(outputs, false, &Scope::default()));
            lint.schedule(&entry.value);
        } else {
            lint.texts(&entry.value, false, &Scope::default());
        }
    }
    lint.found
}

/// Where an expression stands.
#[derive(Default, Clone, Copy)]
struct Scope<'f> {
    job: Option<&'f JobFacts<'f>>,
    /// The steps that have run by then; none outside of steps and outputs.
    steps_before: Option<usize>,
}

struct Lint<'a> {
    source: &'a Source,
    facts: &'a Facts<'a>,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn report(&mut self, rule: Rule, span: Span, message: String, hint: Option<String>) {
        let diagnostic = Diagnostic::new(self.source, span, message).of_rule(rule);
        self.found.push(match hint {
            Some(hint) => diagnostic.with_hint(hint),
            None => diagnostic,
        });
    }

    fn schedule(&mut self, on: &Node) {
        let Some(Value::List(items)) = on.get("schedule").map(|node| &node.value) else {
            return;
        };
        for cron in items.iter().filter_map(|item| item.get("cron")) {
            let Value::Text(text) = &cron.value else { continue };
            let timing = Timing {
                cron: text.clone(),
                timezone: None,
            };
            if timing.is_too_often() {
                let message =
                    "this schedule comes oftener than every five minutes, and runs no oftener".to_owned();
                let hint =
                    Some("leave at least five minutes between its times, such as `*/5 * * * *`".to_owned());
                self.report(Rule::ScheduleInterval, cron.span, message, hint);
            }
        }
    }

    fn job(&mut self, entry: &Entry) {
        let facts = self.facts;
        let job = facts.job(&entry.key);
        for entry in entry.value.entries().unwrap_or_default() {
            let scope = Scope {
                job,
                steps_before: (entry.key == "outputs").then_some(usize::MAX),
            };
            match (entry.key.as_str(), &entry.value.value) {
                ("steps", Value::List(steps)) => {
                    for (index, step) in steps.iter().enumerate() {
                        self.step(
                            step,
                            Scope {
                                job,
                                steps_before: Some(index),
                            },
                        );
                    }
                }
                ("strategy", _) => {
                    self.texts(&entry.value, false, &scope);
                    self.matrix(&entry.value);
                }
                (key, _) => self.texts(&entry.value, key == "if", &scope),
            }
        }
    }

    fn step(&mut self, step: &Node, scope: Scope<'_>) {
        for entry in step.entries().unwrap_or_default() {
            self.texts(&entry.value, entry.key == "if", &scope);
            if let ("run", Value::Text(script)) = (entry.key.as_str(), &entry.value.value) {
                self.script(script, entry.value.span);
            }
        }
        for (input, event) in checkout::of_outsiders(step, &self.facts.events) {
            let message = format!(
                "on `{event}` this checks out what an outsider may have written, with the rights of the default branch"
            );
            let hint = "a fork's commit is refused here; do what needs it in a workflow for `pull_request`, and only what needs \
                        the rights in this one";
            self.report(
                Rule::OutsidersCheckout,
                input.span,
                message,
                Some(hint.to_owned()),
            );
        }
    }

    /// All texts at and below a node.
    fn texts(&mut self, node: &Node, is_condition: bool, scope: &Scope<'_>) {
        match &node.value {
            Value::Text(text) => {
                for read in expr::reads(text, is_condition) {
                    if let Some((rule, message, hint)) = references::judge(&read, self.facts, scope) {
                        let at = |offset| offset_in_source(self.source, node.span, text, offset);
                        let span = Span::new(at(read.range.start), at(read.range.end));
                        self.report(rule, span, message, hint);
                    }
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.texts(item, false, scope)),
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| self.texts(&entry.value, false, scope)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn script(&mut self, script: &str, span: Span) {
        for reference in expr::untrusted_references_but(script, &self.facts.closed_inputs) {
            // What can't be parsed counts as untrusted; here, it is an error and has been told as one.
            if !expr::is_expression(&reference.expression) {
                continue;
            }
            let at = |offset| offset_in_source(self.source, span, script, offset);
            let message = format!(
                "`{}` can be text that an outsider chooses, and stands in a script",
                quoted(&reference.expression)
            );
            let hint = "set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds";
            let place = Span::new(at(reference.range.start), at(reference.range.end));
            self.report(Rule::UntrustedInput, place, message, Some(hint.to_owned()));
        }
    }

    /// The filters of a matrix in which nothing is left to evaluate.
    fn matrix(&mut self, strategy: &Node) {
        let closed = strategy
            .get("matrix")
            .is_some_and(|matrix| !super::strategy::holds_expression(matrix));
        let mut reader = Reader::new(self.source);
        let read = super::strategy(&mut reader, strategy).filter(|_| closed && reader.is_clean());
        let Some(matrix) = read.and_then(|strategy| strategy.matrix) else {
            return;
        };
        for item in crate::matrix::idle_excludes(&matrix) {
            let place = item.entries().and_then(<[Entry]>::first);
            let message = "this item of `exclude` matches no combination of the matrix".to_owned();
            let hint = Some("compare its values with those of the matrix".to_owned());
            self.report(
                Rule::MatrixFilter,
                place.map_or(item.span, |entry| entry.key_span),
                message,
                hint,
            );
        }
        let axes = || matrix.axes.iter().map(|(name, _)| name.as_str());
        for entry in matrix.include.iter().filter_map(Node::entries).flatten() {
            let key = entry.key.as_str();
            let is_axis = axes().any(|axis| axis.eq_ignore_ascii_case(key));
            if let Some(near) = nearest(key, axes()).filter(|near| !is_axis && differs_little(near, key)) {
                let message = format!(
                    "`include` adds the key `{}`, which the matrix does not have",
                    quoted(key)
                );
                let hint = Some(format!("did you mean `{near}`?"));
                self.report(Rule::MatrixFilter, entry.key_span, message, hint);
            }
        }
    }
}

/// `include` may well add a key that continues another one's name, such as `os-name` beside `os`.
fn differs_little(axis: &str, key: &str) -> bool {
    axis.len() > 1 && !key.starts_with(axis) && !axis.starts_with(key) || axis.len().abs_diff(key.len()) == 1
}
