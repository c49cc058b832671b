//! What the policy refuses of a file, whatever event comes.

use super::{scope, timeout};
use crate::diagnostic::{Diagnostic, quoted};
use crate::expr::JobStatus;
use crate::model::{Job, Legs, Settings, Workflow};
use crate::nearest::nearest;
use crate::resolve::Resolver;
use crate::rule::Rule;
use crate::text::has_expression;
use checkmill_core::Millis;
use checkmill_core::policy::EnvironmentRule;
use serde_json::Map;
use std::collections::BTreeMap;

impl Workflow {
    /// The jobs' timeouts that are more than `max`, as far as they are written as numbers.
    #[must_use]
    pub fn timeouts_beyond(&self, max: Millis) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for settings in self.jobs.iter().flat_map(settings) {
            let written = settings.timeout.written.as_ref();
            if written.is_some_and(|entry| entry.value.any_text(&has_expression)) {
                continue;
            }
            let contexts = Map::new();
            let resolver = Resolver {
                source: &self.source,
                scope: scope(&contexts, JobStatus::Success),
            };
            if let Err(refused) = timeout(self, &settings.timeout, &resolver, max) {
                found.extend(refused.as_slice().iter().cloned());
            }
        }
        found
    }
}

impl Workflow {
    /// The jobs' environments that are not among `known`, as far as they are written without an expression.
    #[must_use]
    pub fn unknown_environments(&self, known: &BTreeMap<String, EnvironmentRule>) -> Vec<Diagnostic> {
        let name = |job: &'_ Job| {
            job.environment
                .as_ref()
                .map(|environment| environment.name.clone())
        };
        let is_known = |name: &str| known.keys().any(|one| one.eq_ignore_ascii_case(name));
        let names = self.jobs.iter().filter_map(name);
        let unknown = names.filter(|name| {
            let text = name.value.trim();
            !name.has_expression() && !text.is_empty() && !is_known(text)
        });
        unknown
            .map(|name| {
                let text = name.value.trim();
                let message = format!("the policy has no environment `{}`", quoted(text));
                let hint = match nearest(text, known.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{}`?", quoted(near)),
                    None => "name it in `environments` in `.checkmill/config.yml`".to_owned(),
                };
                Diagnostic::new(&self.source, name.span, message)
                    .of_rule(Rule::UnknownEnvironment)
                    .with_hint(hint)
            })
            .collect()
    }
}

fn settings(job: &Job) -> Vec<&Settings> {
    match &job.legs {
        Legs::Strategy(_) => vec![&job.settings],
        Legs::Listed(legs) => legs.iter().map(|leg| &leg.settings).collect(),
    }
}
