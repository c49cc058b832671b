//! What the policy refuses of a file, whatever event comes.

use super::{scope, timeout};
use crate::diagnostic::Diagnostic;
use crate::expr::JobStatus;
use crate::model::{Job, Legs, Settings, Workflow};
use crate::resolve::Resolver;
use crate::text::has_expression;
use checkmill_core::Millis;
use serde_json::Map;

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

fn settings(job: &Job) -> Vec<&Settings> {
    match &job.legs {
        Legs::Strategy(_) => vec![&job.settings],
        Legs::Listed(legs) => legs.iter().map(|leg| &leg.settings).collect(),
    }
}
