//! The end of a job: outputs, verdict, result.

use super::JobRunner;
use super::fault::Verdict;
use crate::mask::Masks;
use checkmill_core::limits::{CHECK_TEXT_CHARS, DETAIL_CHARS, OUTPUTS_BYTES};
use checkmill_workflow::expr::interpolate;
use checkmill_workflow::job::{JobResult, JobVerdict, StepResult, StepStatus};
use checkmill_workflow::log::JOB_MARK;
use std::collections::BTreeMap;

impl JobRunner<'_> {
    /// Computes the job's outputs, also of a job that failed. One that holds a secret is left out, as GitHub does it: an
    /// output is stored, and shown to other jobs.
    pub(super) fn job_outputs(&mut self) {
        let mut outputs = BTreeMap::new();
        for (name, text) in &self.description.outputs {
            match interpolate(text, &self.scope()) {
                Ok(value) if self.log.masks().hides(&value) => {
                    let message =
                        format!("##[warning]The output {name} is left out: it may contain a secret.");
                    self.log.text(&message);
                }
                Ok(value) => {
                    outputs.insert(name.clone(), value);
                }
                Err(error) => self.fail_outputs(
                    JobVerdict::Configuration,
                    format!("The output {name} can't be computed: {error}"),
                ),
            }
        }
        let bytes: usize = outputs.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > OUTPUTS_BYTES {
            let limit = OUTPUTS_BYTES / 1024;
            let largest = outputs.iter().max_by_key(|(_, value)| value.len());
            let largest = largest.map(|(name, value)| format!(", {name} alone {}", value.len()));
            let detail = format!(
                "The job's outputs have {bytes} bytes{}; the limit is {limit} KiB for all of them. Pass so much as an artifact",
                largest.unwrap_or_default()
            );
            self.fail_outputs(JobVerdict::Configuration, detail);
            outputs.clear();
        }
        self.outputs = outputs;
    }

    /// Says in the summary where it deployed to, if it did. An address that can't be computed is no reason to fail: what is
    /// deployed is.
    pub(super) fn deployed(&mut self) {
        let Some(environment) = self.description.environment.clone() else {
            return;
        };
        if self.failure.is_some() || self.stopped().is_some() {
            return;
        }
        let name = environment.name.replace(['`', '\n', '\r'], "");
        let url = environment.url.map(|url| interpolate(&url, &self.scope()));
        let line = match url {
            None => format!("Deployed to `{name}`."),
            Some(Ok(url)) if is_address(&url) => format!("Deployed to `{name}`: <{url}>"),
            Some(Ok(url)) => {
                let message = format!("##[warning]The address of the environment {name} is none: {url:?}");
                self.log.text(&message);
                format!("Deployed to `{name}`.")
            }
            Some(Err(error)) => {
                let message =
                    format!("##[warning]The address of the environment {name} can't be computed: {error}");
                self.log.text(&message);
                format!("Deployed to `{name}`.")
            }
        };
        self.summary = format!("{line}\n\n{}", self.summary);
    }

    /// Jobs that need this one would run on without what they were promised.
    fn fail_outputs(&mut self, conclusion: JobVerdict, detail: String) {
        self.log.text(&format!("##[error]{detail}"));
        self.failure.get_or_insert(Verdict::new(conclusion, detail));
    }

    fn verdict(&mut self) -> Verdict {
        if let Some(fault) = self.log.fault() {
            return Verdict::new(JobVerdict::Infrastructure, fault.to_owned());
        }
        if let Some(reason) = self.stopped() {
            return Verdict::stopped(reason, self.description.timeout_ms);
        }
        self.failure.take().unwrap_or_else(|| {
            let count = |status| {
                self.results
                    .iter()
                    .filter(|step| step.conclusion == status)
                    .count()
            };
            let (passed, skipped) = (count(StepStatus::Success), count(StepStatus::Skipped));
            let steps = if passed == 1 {
                "1 step succeeded".to_owned()
            } else {
                format!("{passed} steps succeeded")
            };
            let detail = if skipped == 0 {
                steps
            } else {
                format!("{steps}, {skipped} skipped")
            };
            Verdict::new(JobVerdict::Success, detail)
        })
    }

    /// The result. The length of the log is not known yet.
    pub(super) fn finish(mut self) -> JobResult {
        let verdict = self.verdict();
        let (annotations, tests, dropped) = self.reports.finish();
        if dropped > 0 {
            self.log.text(&format!(
                "##[warning]{dropped} annotations are not on the check: there were too many."
            ));
        }
        let name = Verdict::name(verdict.conclusion);
        let detail = self.log.masks().apply(&verdict.detail);
        let detail: String = detail
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(DETAIL_CHARS)
            .collect();
        self.log.framed(&format!("{JOB_MARK}{name} "), &detail);
        let masks = self.log.masks();
        JobResult {
            conclusion: verdict.conclusion,
            detail,
            exit_code: verdict.exit_code,
            steps: self.results.into_iter().map(|step| masked(step, masks)).collect(),
            outputs: self.outputs,
            annotations,
            tests,
            summary: cut_summary(&masks.apply(&self.summary)),
            wanted: self.wanted,
            translated: self.used,
            machine: crate::result::machine(),
            log_bytes: 0,
        }
    }
}

/// What a browser opens, and Markdown shows as it is.
fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '`');
    rest.is_some_and(|rest| !rest.is_empty()) && url.len() <= ADDRESS_BYTES && url.chars().all(plain)
}

/// Of an environment's address.
const ADDRESS_BYTES: usize = 2048;

/// A step's name and last lines, with what was to be masked only after it began.
fn masked(step: StepResult, masks: &Masks) -> StepResult {
    StepResult {
        name: masks.apply(&step.name),
        tail: step.tail.iter().map(|line| masks.apply(line)).collect(),
        ..step
    }
}

fn cut_summary(summary: &str) -> String {
    const NOTE: &str = "\n\n*The summary is longer than a check can hold and was cut here.*\n";
    if summary.chars().count() <= CHECK_TEXT_CHARS {
        return summary.to_owned();
    }
    let kept: String = summary
        .chars()
        .take(CHECK_TEXT_CHARS - NOTE.chars().count())
        .collect();
    kept + NOTE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_cut_to_what_a_check_holds() {
        assert_eq!(cut_summary("short"), "short");
        let cut = cut_summary(&"ü".repeat(CHECK_TEXT_CHARS + 1));
        assert_eq!(cut.chars().count(), CHECK_TEXT_CHARS);
        assert!(cut.ends_with("was cut here.*\n"));
    }
}
