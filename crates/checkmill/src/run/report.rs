//! What `checkmill run` prints at the end.

use super::outcome::shown_name;
use super::progress::duration;
use super::shown::Shown;
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
    /// One for each attempt, those of a job in their order.
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
    /// None where the job could not be brought to its end.
    pub(crate) conclusion: Option<&'static str>,
    /// The reason's class.
    pub(crate) reason: Option<String>,
    pub(crate) attempt: u32,
    /// From queued to running; to the end for a job that never ran.
    pub(crate) queued_ms: u64,
    /// From running to the end.
    pub(crate) run_ms: u64,
    /// The job's log, its middle cut where it is long (more of it: `--keep-logs`); of one that can't run as it is
    /// written, what is wrong with it.
    pub(crate) log: String,
    /// Whether no other attempt followed: only then it counts.
    #[serde(skip)]
    pub(crate) is_last: bool,
    #[serde(skip)]
    pub(crate) passes: bool,
    /// The reason in words.
    #[serde(rename = "message")]
    pub(crate) detail: String,
    /// What its tests came to, where it has said: none of them may have kept the job from passing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tests: Option<TestCounts>,
    /// What it has on its page; nothing where there is no check.
    #[serde(flatten)]
    pub(crate) shown: Shown,
    /// Last lines of the failing step, or what is wrong with the file.
    #[serde(skip)]
    pub(crate) tail: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct TestCounts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
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
    /// Whether the last check of every job lets a merge pass.
    #[must_use]
    pub(crate) fn passes(&self) -> bool {
        self.last().all(|check| check.passes)
    }

    fn last(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| check.is_last)
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
                check.conclusion.unwrap_or("not ended").to_owned(),
                check.reason.clone().unwrap_or_default(),
                duration(check.queued_ms),
                duration(check.run_ms),
            ]);
        }
        let mut text = format!("{table}\n");
        let failed = |check: &CheckReport| check.tests.map_or(0, |tests| tests.failed);
        let speaks = |check: &&CheckReport| {
            !matches!(check.conclusion, Some("success" | "skipped")) || failed(check) > 0
        };
        for check in self.checks.iter().filter(speaks) {
            let name = shown_name(&check.name, check.attempt);
            let tests = match (check.conclusion, failed(check)) {
                (Some("success"), 1) => ", though 1 test failed",
                (Some("success"), failed) => &format!(", though {failed} tests failed"),
                _ => "",
            };
            let _ = writeln!(text, "\n{name}: {}{tests}", check.detail);
            for line in &check.tail {
                let _ = writeln!(text, "{}", format!("  │ {line}").trim_end());
            }
            for line in check.shown.lines(&check.tail).iter().chain(&check.shown.model) {
                let _ = writeln!(text, "{}", format!("  {line}").trim_end());
            }
        }
        let _ = writeln!(text, "\n{}", self.counts());
        text
    }

    /// Of the last attempts. Skipped, cancelled and unended ones are counted apart, where there are any.
    fn counts(&self) -> String {
        let of = |conclusion: Option<&str>| {
            let like = |check: &&CheckReport| check.conclusion == conclusion;
            self.last().filter(like).count()
        };
        let (skipped, cancelled, open) = (of(Some("skipped")), of(Some("cancelled")), of(None));
        let passed = self.last().filter(|check| check.passes).count() - skipped;
        let failed = self.last().count() - passed - skipped - cancelled - open;
        let mut text = format!("{passed} passed, {failed} failed");
        for (count, what) in [
            (skipped, "skipped"),
            (cancelled, "cancelled"),
            (open, "not ended"),
        ] {
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
            conclusion: Some(conclusion),
            reason: Some(reason.to_owned()),
            attempt: 1,
            queued_ms: 120,
            run_ms: 2345,
            log: "line\n".to_owned(),
            is_last: true,
            passes,
            detail: "Step \"Test\" failed with exit code 3.".to_owned(),
            tests: None,
            shown: Shown::default(),
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
    fn failed_tests_of_a_job_that_passed_are_told() {
        let of = |failed| CheckReport {
            detail: "2 steps succeeded".to_owned(),
            tests: Some(TestCounts {
                passed: 3,
                failed,
                skipped: 0,
            }),
            tail: Vec::new(),
            ..check(&format!("CI / {failed}"), "success", "success", true)
        };
        let report = Report {
            run: Vec::new(),
            runs: Vec::new(),
            checks: vec![of(0), of(1), of(2)],
            usage: Usage::default(),
        };
        let text = report.for_people();
        let (_, below) = text.split_once("\n\n").unwrap();
        insta::assert_snapshot!(below, @"
        CI / 1: 2 steps succeeded, though 1 test failed

        CI / 2: 2 steps succeeded, though 2 tests failed

        3 passed, 0 failed
        ");
    }

    /// Of a job that was tried again only the last attempt counts; one without an end is no success.
    #[test]
    fn every_attempt_is_shown_and_the_last_one_counts() {
        let mut report = Report {
            run: Vec::new(),
            runs: Vec::new(),
            checks: vec![
                CheckReport {
                    is_last: false,
                    ..check("CI / flaky", "failure", "test", false)
                },
                CheckReport {
                    attempt: 2,
                    ..check("CI / flaky", "success", "success", true)
                },
            ],
            usage: Usage::default(),
        };
        assert!(report.passes());
        report.checks.push(CheckReport {
            conclusion: None,
            reason: None,
            detail: "It could not be brought to its end.".to_owned(),
            tests: None,
            tail: Vec::new(),
            ..check("CI / stuck", "", "", false)
        });
        assert!(!report.passes());
        let text: Vec<_> = report
            .for_people()
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
            CHECK                   CONCLUSION  REASON   QUEUED  RAN
         ✗  CI / flaky              failure     test     0.1 s   2.3 s
         ✓  CI / flaky (attempt 2)  success     success  0.1 s   2.3 s
         ✗  CI / stuck              not ended            0.1 s   2.3 s

        CI / flaky: Step "Test" failed with exit code 3.
          │ assertion failed

        CI / stuck: It could not be brought to its end.

        1 passed, 0 failed, 1 not ended
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
            @r#"{"run":["0123456789abcdef"],"runs":[],"checks":[{"name":"CI / build","conclusion":"success","reason":"success","attempt":1,"queued_ms":120,"run_ms":2345,"log":"line\n","message":"Step \"Test\" failed with exit code 3.","title":"","summary":"","text":"","annotations":[]}],"usage":{"state_transitions":7,"lambda_invocations":0,"store_reads":0,"store_writes":0,"queue_messages":0,"forge_requests":0,"backend_requests":0}}"#
        );
    }
}
