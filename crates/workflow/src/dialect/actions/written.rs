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
    /// Whether it or its job has an `if`: it may never run.
    pub is_conditional: bool,
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
    let mut found = Vec::new();
    for Entry { value: job, .. } in jobs {
        let Some(Value::List(steps)) = job.get("steps").map(|steps| &steps.value) else {
            continue;
        };
        let shell = default_shell(job).or_else(|| default_shell(&root));
        let is_conditional = job.get("if").is_some();
        for step in steps {
            if let Some(action) = action(&source, step, shell) {
                let is_conditional = is_conditional || step.get("if").is_some();
                found.push(WrittenStep {
                    is_conditional,
                    action,
                });
            }
        }
    }
    found
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
