//! What `stats` prints for people.

use super::plot::{bar, sparkline};
use super::report::JobReport;
use crate::run::progress::duration;
use checkmill_github::render::escape::one_line;
use comfy_table::{Table, presets};
use std::fmt::Write as _;

/// Failures shown of one job.
const FAILURES: usize = 3;

/// A table for each repository: how long its jobs take and how often they fail.
#[must_use]
pub(super) fn jobs(reports: &[JobReport]) -> String {
    if reports.is_empty() {
        return "Nothing is known yet: no job has run.\n".to_owned();
    }
    let mut text = String::new();
    for group in reports.chunk_by(|a, b| a.repository == b.repository) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header([
            "JOB",
            "ATTEMPTS",
            "FAILED",
            "",
            "FLAKY",
            "QUEUED",
            "HALF",
            "MOST",
            "DURATIONS",
        ]);
        for job in group {
            let failed = job.failure_percent;
            let time = |ms: Option<u64>| ms.map(duration).unwrap_or_default();
            table.add_row([
                one_line(&job.name),
                job.attempts.to_string(),
                failed.map(percent).unwrap_or_default(),
                failed.map(bar).unwrap_or_default(),
                job.flaky_percent.map(percent).unwrap_or_default(),
                time(job.queued_ms_p50),
                time(job.run_ms_p50),
                time(job.run_ms_p90),
                sparkline(job.recent.iter().filter_map(|recent| recent.run_ms)),
            ]);
        }
        let _ = writeln!(text, "{}\n{table}\n", group[0].repository);
    }
    let longest = reports.iter().map(|job| job.recent.len()).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "Of the last {longest} attempts at most. HALF and MOST: half and nine of ten that pass take at most this long."
    );
    text
}

/// The flakiest jobs, with what they say when they fail.
#[must_use]
pub(super) fn flaky(reports: &[JobReport]) -> String {
    if reports.is_empty() {
        return "No job is known to have failed and then passed on the same commit.\n".to_owned();
    }
    let mut text = String::new();
    for job in reports {
        let share = job.flaky_percent.unwrap_or(0);
        let _ = writeln!(
            text,
            "{:>4} {} {}: {}, {} of {} attempts",
            percent(share),
            bar(share),
            job.repository,
            one_line(&job.name),
            job.flaky,
            job.attempts
        );
        for failure in job
            .failures
            .iter()
            .filter(|failure| failure.flaky > 0)
            .take(FAILURES)
        {
            let step = failure.step.as_deref().map(one_line).unwrap_or_default();
            let _ = writeln!(
                text,
                "       {} of {} times: {step}: {}",
                failure.flaky,
                failure.times,
                one_line(&failure.line)
            );
        }
    }
    text
}

fn percent(value: usize) -> String {
    format!("{value}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_core::history::{AttemptSummary, Failure, JobHistory, Outcome, StepSummary, Subject};
    use checkmill_core::{AttemptNumber, HistoryId, JobKey, Millis, RepositoryId, UnixMillis};

    /// Attempts that end a minute apart, each of these outcomes at a commit of this number.
    fn report(name: &str, ends: &[(Outcome, u64)]) -> JobReport {
        let key: JobKey = "test".parse().unwrap();
        let history = JobHistory::new(Subject {
            repository: RepositoryId(1),
            repository_name: "octocat/hello".parse().unwrap(),
            id: HistoryId::derive("ci.yml", &key, name),
            workflow_path: "ci.yml".to_owned(),
            key,
            leg: String::new(),
            name: name.to_owned(),
        });
        let ends = ends.iter().zip(1_u64..);
        let history = ends.fold(history, |history, ((outcome, commit), n)| {
            let failed = *outcome == Outcome::Failure;
            let attempt = AttemptSummary {
                job: format!("{n:016x}-00000000").parse().unwrap(),
                attempt: AttemptNumber::FIRST,
                at: UnixMillis(n * 60_000),
                sha: format!("{commit:040x}").parse().unwrap(),
                place: "refs/heads/main".to_owned(),
                outcome: *outcome,
                ran: Some(Millis::from_secs(10 * n)),
                queued: Millis(300),
                backend: "process".to_owned(),
                machine: "node7".to_owned(),
                trigger: "push".to_owned(),
                failure: failed.then(|| Failure {
                    step: Some("Test".to_owned()),
                    line: "error: \u{1b}[1m3\u{1b}[0m tests failed".to_owned(),
                }),
                steps: vec![StepSummary {
                    name: "Test".to_owned(),
                    passed: !failed,
                    ran: Millis(9000),
                }],
            };
            history.record(&attempt, None).unwrap()
        });
        JobReport::of(&history)
    }

    fn reports() -> Vec<JobReport> {
        use Outcome::{Failure, Infrastructure, Success};
        vec![
            report(
                "CI / flaky",
                &[
                    (Failure, 1),
                    (Success, 1),
                    (Failure, 2),
                    (Success, 2),
                    (Success, 3),
                ],
            ),
            report("CI / sure", &[(Success, 1), (Success, 2), (Infrastructure, 3)]),
        ]
    }

    fn trimmed(text: &str) -> String {
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn people_see_tables_and_plots() {
        insta::assert_snapshot!(trimmed(&jobs(&reports())), @"
        octocat/hello
         JOB         ATTEMPTS  FAILED        FLAKY  QUEUED  HALF    MOST    DURATIONS
         CI / flaky  5         40%     ████  40%    0.3 s   40.0 s  50.0 s  ▂▃▅▆█
         CI / sure   3         0%            0%     0.3 s   10.0 s  20.0 s  ▃▅█

        Of the last 5 attempts at most. HALF and MOST: half and nine of ten that pass take at most this long.
        ");
        insta::assert_snapshot!(jobs(&[]), @"Nothing is known yet: no job has run.");
    }

    #[test]
    fn the_flakiest_say_what_they_say() {
        insta::assert_snapshot!(trimmed(&flaky(&reports()[..1])), @"
        40% ████ octocat/hello: CI / flaky, 2 of 5 attempts
              2 of 2 times: Test: error: N tests failed
        ");
        insta::assert_snapshot!(flaky(&[]), @"No job is known to have failed and then passed on the same commit.");
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        insta::assert_snapshot!(serde_json::to_string(&reports()[..1]).unwrap(), @r#"[{"repository":"octocat/hello","workflow":"ci.yml","job":"test","leg":"","name":"CI / flaky","attempts":5,"success":3,"failure":2,"infrastructure":0,"timeout":0,"other":0,"flaky":2,"failure_percent":40,"flaky_percent":40,"run_ms_p50":40000,"run_ms_p90":50000,"queued_ms_p50":300,"backends":["process"],"machines":["node7"],"recent":[{"at":60000,"outcome":"failure","run_ms":10000,"queued_ms":300,"commit":"0000000000000000000000000000000000000001","ref":"refs/heads/main","backend":"process","machine":"node7","flaky":true,"retried":null},{"at":120000,"outcome":"success","run_ms":20000,"queued_ms":300,"commit":"0000000000000000000000000000000000000001","ref":"refs/heads/main","backend":"process","machine":"node7","flaky":false,"retried":null},{"at":180000,"outcome":"failure","run_ms":30000,"queued_ms":300,"commit":"0000000000000000000000000000000000000002","ref":"refs/heads/main","backend":"process","machine":"node7","flaky":true,"retried":null},{"at":240000,"outcome":"success","run_ms":40000,"queued_ms":300,"commit":"0000000000000000000000000000000000000002","ref":"refs/heads/main","backend":"process","machine":"node7","flaky":false,"retried":null},{"at":300000,"outcome":"success","run_ms":50000,"queued_ms":300,"commit":"0000000000000000000000000000000000000003","ref":"refs/heads/main","backend":"process","machine":"node7","flaky":false,"retried":null}],"steps":[{"name":"Test","success":3,"failure":2,"run_ms_p50":9000}],"failures":[{"step":"Test","line":"error: N tests failed","times":2,"flaky":2,"first_at":60000,"last_at":180000,"fixed_by":"0000000000000000000000000000000000000003"}]}]"#);
    }
}
