//! What `checkmill run` prints at the end.

use super::outcome::shown_name;
use super::progress::duration;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::fmt::Write as _;

/// The object that `--json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Ids of the runs, one for each workflow file that matched.
    pub(crate) run: Vec<String>,
    /// The same runs with their workflows.
    pub(crate) runs: Vec<RunReport>,
    pub(crate) checks: Vec<CheckReport>,
    pub(crate) usage: Usage,
}

#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    pub(crate) id: String,
    pub(crate) workflow: String,
    /// `run-name`, where the workflow has one.
    pub(crate) name: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    pub(crate) name: String,
    pub(crate) conclusion: &'static str,
    /// The reason's class.
    pub(crate) reason: &'static str,
    pub(crate) attempt: u32,
    /// From queued to running; to the end for a job that never ran.
    pub(crate) queued_ms: u64,
    /// From running to the end.
    pub(crate) run_ms: u64,
    /// The job's log, its middle cut where it is long (more of it: `--keep-logs`); of one that can't run as it is
    /// written, what is wrong with it.
    pub(crate) log: String,
    #[serde(skip)]
    pub(crate) passes: bool,
    #[serde(skip)]
    pub(crate) detail: String,
    /// Last lines of the failing step, or what is wrong with the file.
    #[serde(skip)]
    pub(crate) tail: Vec<String>,
}

/// What the run cost, in the units that AWS and GitHub count.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Usage {
    /// Of Step Functions.
    pub(crate) state_transitions: u64,
    pub(crate) lambda_invocations: u64,
    pub(crate) store_reads: u64,
    pub(crate) store_writes: u64,
    pub(crate) queue_messages: u64,
    pub(crate) forge_requests: u64,
    pub(crate) backend_requests: u64,
}

impl Report {
    /// Whether every check lets a merge pass.
    #[must_use]
    pub(crate) fn passes(&self) -> bool {
        self.checks.iter().all(|check| check.passes)
    }

    /// The table for people, with what failed below it.
    #[must_use]
    pub(crate) fn for_people(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(["", "CHECK", "CONCLUSION", "REASON", "QUEUED", "RAN"]);
        for check in &self.checks {
            table.add_row([
                if check.passes { "✓" } else { "✗" }.to_owned(),
                shown_name(&check.name, check.attempt),
                check.conclusion.to_owned(),
                check.reason.to_owned(),
                duration(check.queued_ms),
                duration(check.run_ms),
            ]);
        }
        let mut text = format!("{table}\n");
        for check in self
            .checks
            .iter()
            .filter(|check| check.conclusion != "success" && check.conclusion != "skipped")
        {
            let _ = writeln!(text, "\n{}: {}", check.name, check.detail);
            for line in &check.tail {
                let _ = writeln!(text, "{}", format!("  │ {line}").trim_end());
            }
        }
        let _ = writeln!(text, "\n{}", self.counts());
        text
    }

    /// Skipped and cancelled ones are counted apart, where there are any.
    fn counts(&self) -> String {
        let of = |conclusion: &str| {
            let like = |check: &&CheckReport| check.conclusion == conclusion;
            self.checks.iter().filter(like).count()
        };
        let (skipped, cancelled) = (of("skipped"), of("cancelled"));
        let passed = self.checks.iter().filter(|check| check.passes).count() - skipped;
        let failed = self.checks.len() - passed - skipped - cancelled;
        let mut text = format!("{passed} passed, {failed} failed");
        for (count, what) in [(skipped, "skipped"), (cancelled, "cancelled")] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, conclusion: &'static str, reason: &'static str, passes: bool) -> CheckReport {
        CheckReport {
            name: name.to_owned(),
            conclusion,
            reason,
            attempt: 1,
            queued_ms: 120,
            run_ms: 2345,
            log: "line\n".to_owned(),
            passes,
            detail: "Step \"Test\" failed with exit code 3.".to_owned(),
            tail: vec!["assertion failed".to_owned()],
        }
    }

    #[test]
    fn people_see_a_table_and_what_failed() {
        let report = Report {
            run: vec!["0123456789abcdef".to_owned()],
            runs: Vec::new(),
            checks: vec![
                check("CI / build", "success", "success", true),
                check("CI / test (2)", "failure", "test", false),
            ],
            usage: Usage::default(),
        };
        assert!(!report.passes());
        let text: Vec<_> = report
            .for_people()
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
            CHECK          CONCLUSION  REASON   QUEUED  RAN
         ✓  CI / build     success     success  0.1 s   2.3 s
         ✗  CI / test (2)  failure     test     0.1 s   2.3 s

        CI / test (2): Step "Test" failed with exit code 3.
          │ assertion failed

        1 passed, 1 failed
        "#);
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        let report = Report {
            run: vec!["0123456789abcdef".to_owned()],
            runs: Vec::new(),
            checks: vec![check("CI / build", "success", "success", true)],
            usage: Usage {
                state_transitions: 7,
                ..Usage::default()
            },
        };
        insta::assert_snapshot!(
            serde_json::to_string(&report).unwrap(),
            @r#"{"run":["0123456789abcdef"],"runs":[],"checks":[{"name":"CI / build","conclusion":"success","reason":"success","attempt":1,"queued_ms":120,"run_ms":2345,"log":"line\n"}],"usage":{"state_transitions":7,"lambda_invocations":0,"store_reads":0,"store_writes":0,"queue_messages":0,"forge_requests":0,"backend_requests":0}}"#
        );
    }
}
