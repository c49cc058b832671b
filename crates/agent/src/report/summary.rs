//! The tests of a whole job: from what its steps printed and from its report files.

use super::paths::Paths;
use super::{Failure, TestRun, Tool};
use crate::annotations::cut;
use crate::commands::Annotation;
use crate::mask::Masks;
use checkmill_core::limits::{FAILED_TEST_MESSAGE_BYTES, FAILED_TESTS, TEST_NAME_BYTES};
use checkmill_workflow::job::{FailedTest, ResultLevel, TestSummary};

/// Runs of tests, each in the words of its tool.
#[derive(Debug, Default)]
pub struct Tests {
    printed: Vec<Run>,
    reported: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    tool: Option<Tool>,
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<FailedTest>,
}

impl Tests {
    /// A run that a step printed.
    pub fn printed(&mut self, run: TestRun, paths: &Paths, masks: &Masks) {
        let known = self.printed.iter().map(|run| run.failures.len()).sum();
        self.printed.push(Run::of(run, known, paths, masks));
    }

    /// A run that a report file holds.
    pub fn reported(&mut self, run: TestRun, paths: &Paths, masks: &Masks) {
        let known = self.reported.iter().map(|run| run.failures.len()).sum();
        self.reported.push(Run::of(run, known, paths, masks));
    }

    /// All together. What a tool printed gives way to its report files, which tell the same.
    #[must_use]
    pub fn summary(self) -> TestSummary {
        let mut summary = TestSummary::default();
        let Self { printed, reported } = self;
        let printed: Vec<_> = untold(printed, &reported);
        for run in reported.into_iter().chain(printed) {
            summary.passed += run.passed;
            summary.failed += run.failed.max(run.failures.len() as u64);
            summary.skipped += run.skipped;
            let room = FAILED_TESTS - summary.failures.len();
            summary.failures.extend(run.failures.into_iter().take(room));
        }
        summary
    }
}

impl Run {
    /// `known` failures are kept already.
    fn of(run: TestRun, known: usize, paths: &Paths, masks: &Masks) -> Self {
        let room = FAILED_TESTS.saturating_sub(known);
        let failures = run.failures.into_iter().take(room);
        Self {
            tool: run.tool,
            passed: run.passed,
            failed: run.failed,
            skipped: run.skipped,
            failures: failures
                .map(|failure| failed_test(failure, paths, masks))
                .collect(),
        }
    }

    const fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    /// Skipped tests are not in every report.
    fn equals(&self, other: &Self) -> bool {
        (self.passed, self.failed) == (other.passed, other.failed)
    }
}

/// The printed runs that no report file tells. Where the files of a tool have as many tests as it has printed, they tell all;
/// else, and where a file does not say whose it is, a run is told by a file with the same counts.
fn untold(printed: Vec<Run>, reported: &[Run]) -> Vec<Run> {
    let ran = |runs: &[Run], tool| -> u64 { runs.iter().filter(|run| run.tool == tool).map(Run::ran).sum() };
    let all_told: Vec<_> = printed
        .iter()
        .map(|run| {
            let reported_by = reported.iter().any(|report| report.tool == run.tool);
            reported_by && ran(reported, run.tool) >= ran(&printed, run.tool)
        })
        .collect();
    let mut files: Vec<&Run> = reported.iter().collect();
    let runs = printed.into_iter().zip(all_told).filter(|(run, all_told)| {
        let told = files
            .iter()
            .position(|file| file.equals(run) && (file.tool == run.tool || file.tool.is_none()));
        if let Some(at) = told {
            files.swap_remove(at);
        }
        !*all_told && told.is_none()
    });
    runs.map(|(run, _)| run).collect()
}

fn failed_test(failure: Failure, paths: &Paths, masks: &Masks) -> FailedTest {
    let (path, line) = paths.first(&failure.places).unzip();
    let text = |text: &str, bytes| cut(masks.apply(text), bytes);
    FailedTest {
        suite: text(failure.suite.trim(), TEST_NAME_BYTES),
        name: text(failure.name.trim(), TEST_NAME_BYTES),
        message: text(failure.message.trim(), FAILED_TEST_MESSAGE_BYTES),
        path: path.map(|path| masks.apply(&path)),
        line: line.flatten(),
        duration_ms: failure.duration_ms,
    }
}

/// A failed test at its line; none where its file is not known.
#[must_use]
pub fn annotation(test: &FailedTest) -> Option<Annotation> {
    let message = match test.message.as_str() {
        "" => "The test failed.",
        message => message,
    };
    Some(Annotation {
        level: ResultLevel::Error,
        message: message.to_owned(),
        title: Some(format!("{} failed", test.name)),
        file: Some(test.path.clone()?),
        line: test.line,
        end_line: None,
        column: None,
        end_column: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn run(tool: Option<Tool>, passed: u64, failed: &[&str]) -> TestRun {
        TestRun {
            tool,
            passed,
            failed: failed.len() as u64,
            skipped: 1,
            failures: failed
                .iter()
                .map(|name| Failure {
                    name: (*name).to_owned(),
                    ..Failure::default()
                })
                .collect(),
        }
    }

    fn summary(printed: Vec<TestRun>, reported: Vec<TestRun>) -> (u64, u64, u64, Vec<String>) {
        let paths = Paths::new(Path::new("/nowhere"), Path::new("/nowhere"));
        let mut masks = Masks::default();
        masks.add("hunter2");
        let mut tests = Tests::default();
        printed
            .into_iter()
            .for_each(|run| tests.printed(run, &paths, &masks));
        reported
            .into_iter()
            .for_each(|run| tests.reported(run, &paths, &masks));
        let TestSummary {
            passed,
            failed,
            skipped,
            failures,
        } = tests.summary();
        (
            passed,
            failed,
            skipped,
            failures.into_iter().map(|test| test.name).collect(),
        )
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let pytest = || run(Some(Tool::Pytest), 3, &["a", "b"]);
        let cargo = || run(Some(Tool::CargoTest), 5, &["hunter2"]);
        assert_eq!(
            summary(vec![pytest(), cargo()], vec![]),
            (8, 3, 2, names(&["a", "b", "***"]))
        );
        assert_eq!(
            summary(vec![pytest(), cargo()], vec![pytest()]),
            (8, 3, 2, names(&["a", "b", "***"]))
        );
        // A tool that does not say who it is, by its counts.
        let unknown = TestRun {
            tool: None,
            ..cargo()
        };
        assert_eq!(
            summary(vec![pytest(), cargo()], vec![unknown]),
            (8, 3, 2, names(&["***", "a", "b"]))
        );
        // The second session of two has a file.
        let unit = || run(Some(Tool::Pytest), 9, &["u"]);
        assert_eq!(
            summary(vec![unit(), pytest()], vec![pytest()]),
            (12, 3, 2, names(&["a", "b", "u"]))
        );
        let other = run(None, 1, &["x"]);
        assert_eq!(
            summary(vec![pytest()], vec![other]),
            (4, 3, 2, names(&["x", "a", "b"]))
        );
    }

    #[test]
    fn failures_are_named_up_to_a_limit_and_counted_beyond() {
        let names: Vec<_> = (0..FAILED_TESTS + 20).map(|n| n.to_string()).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let (_, failed, _, named) = summary(vec![], vec![run(None, 0, &names), run(None, 1, &["last"])]);
        assert_eq!((failed, named.len()), (names.len() as u64 + 1, FAILED_TESTS));
    }
}
