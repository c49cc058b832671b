//! Outputs that jobs read of called workflows, and that those do not have.

use crate::diagnostic::{Diagnostic, quoted};
use crate::expr;
use crate::model::{Job, Workflow};
use crate::nearest::nearest;
use crate::rule::Rule;
use crate::source::Span;
use crate::yaml::{self, Node, Value, offset_in_source};

impl Workflow {
    /// Every `needs.<job>.outputs.<name>` of the file whose job calls a workflow without that output. GitHub makes an empty
    /// text of it: a warning.
    #[must_use]
    pub fn unknown_outputs(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if self.jobs.iter().any(|job| job.call.is_some())
            && let Ok(root) = yaml::parse(&self.source)
        {
            self.unknown_below(&root, false, &mut found);
        }
        found
    }

    fn unknown_below(&self, node: &Node, is_condition: bool, found: &mut Vec<Diagnostic>) {
        match &node.value {
            Value::Text(text) => {
                for read in expr::reads(text, is_condition) {
                    let names: Vec<&str> = read.names.iter().map(String::as_str).collect();
                    let Some((message, hint)) = self.unknown(read.context, &names) else {
                        continue;
                    };
                    let at = |offset| offset_in_source(&self.source, node.span, text, offset);
                    let span = Span::new(at(read.range.start), at(read.range.end));
                    let diagnostic =
                        Diagnostic::new(&self.source, span, message).of_rule(Rule::UnknownOutput);
                    found.push(diagnostic.with_hint(hint));
                }
            }
            Value::List(items) => items
                .iter()
                .for_each(|item| self.unknown_below(item, false, found)),
            Value::Map(entries) => entries
                .iter()
                .for_each(|entry| self.unknown_below(&entry.value, entry.key == "if", found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn unknown(&self, context: &str, names: &[&str]) -> Option<(String, String)> {
        let ("needs" | "jobs", [key, outputs, name, ..]) = (context, names) else {
            return None;
        };
        let is_it = |job: &&Job| job.key.as_str().eq_ignore_ascii_case(key);
        let job = self.jobs.iter().find(is_it)?;
        let callee = job.call.as_ref()?.callee.as_deref()?;
        let declared = &callee.triggers.workflow_call.as_ref()?.outputs;
        let is_known = declared
            .iter()
            .any(|output| output.name.eq_ignore_ascii_case(name));
        if is_known || !outputs.eq_ignore_ascii_case("outputs") {
            return None;
        }
        let message = format!(
            "`{}`, which `{}` calls, has no output `{}`",
            callee.path(),
            job.key,
            quoted(name)
        );
        let hint = match nearest(name, declared.iter().map(|output| output.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "declare it under `on.workflow_call.outputs` of `{}`",
                callee.path()
            ),
        };
        Some((message, hint))
    }
}
