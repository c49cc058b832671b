//! The tests of a whole job: from what its steps printed and from its report files.

use super::paths::Paths;
use super::{Failure, TestCase, TestOutcome, TestRun, Tool};
use crate::annotations::cut;
use crate::commands::Annotation;
use crate::mask::Masks;
use checkmill_core::limits::{FAILED_TEST_MESSAGE_BYTES, FAILED_TESTS, TEST_NAME_BYTES};
use checkmill_workflow::job::{FailedTest, ResultLevel, TestSummary};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// Tests of report files that are known again in others.
const TOLD: usize = 500_000;

/// Runs of tests, each in the words of its tool.
#[derive(Debug, Default)]
pub struct Tests {
    printed: Vec<Run>,
    reported: Vec<Run>,
    /// By the hash of a test, its outcome and its place, how often the file tells it that tells it most often.
    told: HashMap<u64, u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Run {
    tool: Option<Tool>,
    /// All that it tells.
    counts: Counts,
    /// Of those, what no report file before has told.
    fresh: Counts,
    /// Of the fresh ones.
    failures: Vec<FailedTest>,
    /// Of all tests that failed and were remembered, without what is around them.
    names: HashSet<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    const fn of(run: &TestRun) -> Self {
        Self {
            passed: run.passed,
            failed: run.failed,
            skipped: run.skipped,
        }
    }

    const fn add(&mut self, outcome: TestOutcome) {
        match outcome {
            TestOutcome::Passed => self.passed += 1,
            TestOutcome::Failed => self.failed += 1,
            TestOutcome::Skipped => self.skipped += 1,
        }
    }

    const fn ran(self) -> u64 {
        self.passed + self.failed
    }

    /// Skipped tests are not in every report.
    fn equal(self, other: Self) -> bool {
        (self.passed, self.failed) == (other.passed, other.failed)
    }
}

impl Tests {
    /// A run that a step printed.
    pub fn printed(&mut self, run: TestRun, paths: &Paths, masks: &Masks) {
        let room = room(&self.printed);
        let (counts, names) = (Counts::of(&run), names(&run));
        let failures = run.failures.into_iter().take(room).map(|failure| {
            let place = paths.first(&failure.places);
            failed_test(failure, place, masks)
        });
        self.printed.push(Run {
            tool: run.tool,
            counts,
            fresh: counts,
            failures: failures.collect(),
            names,
        });
    }

    /// A run that a report file holds. A test that another file has told with the same outcome, and if it failed, of the same
    /// source file, counts once; one that a file tells twice was run twice.
    pub fn reported(&mut self, run: TestRun, paths: &Paths, masks: &Masks) {
        let room = room(&self.reported);
        let (counts, names) = (Counts::of(&run), names(&run));
        let mut fresh = Counts::default();
        let mut failures = Vec::new();
        let mut remembered = run.failures.into_iter();
        let mut here = HashMap::new();
        for case in &run.cases {
            let failure = match case.outcome {
                TestOutcome::Failed => remembered.next(),
                TestOutcome::Passed | TestOutcome::Skipped => None,
            };
            let place = failure.as_ref().and_then(|failure| paths.first(&failure.places));
            if !self.is_fresh(case, place.as_ref().map(|(path, _)| path.as_str()), &mut here) {
                continue;
            }
            fresh.add(case.outcome);
            let wanted = failure.filter(|_| failures.len() < room);
            failures.extend(wanted.map(|failure| failed_test(failure, place, masks)));
        }
        self.reported.push(Run {
            tool: run.tool,
            counts,
            fresh,
            failures,
            names,
        });
    }

    /// Whether no file has told the test as often as this one, which has told those in `here`.
    fn is_fresh(&mut self, case: &TestCase, path: Option<&str>, here: &mut HashMap<u64, u32>) -> bool {
        let key = self.hasher.hash_one((case.id, case.outcome, path));
        let times = here.entry(key).or_default();
        *times += 1;
        if self.told.len() >= TOLD && !self.told.contains_key(&key) {
            return true;
        }
        let told = self.told.entry(key).or_default();
        let is_fresh = *times > *told;
        *told = (*told).max(*times);
        is_fresh
    }

    /// All together. What a tool printed gives way to its report files, which tell the same.
    #[must_use]
    pub fn summary(self) -> TestSummary {
        let mut summary = TestSummary::default();
        let Self {
            printed, reported, ..
        } = self;
        let printed: Vec<_> = untold(printed, &reported);
        for run in reported.into_iter().chain(printed) {
            summary.passed += run.fresh.passed;
            summary.failed += run.fresh.failed.max(run.failures.len() as u64);
            summary.skipped += run.fresh.skipped;
            let room = FAILED_TESTS - summary.failures.len();
            summary.failures.extend(run.failures.into_iter().take(room));
        }
        summary
    }
}

impl Run {
    /// Whether this report file may be that of a printed run.
    fn is_of(&self, printed: &Self) -> bool {
        self.tool == printed.tool || self.tool.is_none()
    }

    /// Whether it tells of a printed run of pytest what that counts in another way: a test that passes and breaks afterwards
    /// is two there, and so are the failures of its parts. The tests that failed are the same.
    fn retells(&self, printed: &Self) -> bool {
        let (file, run) = (self.counts, printed.counts);
        printed.tool == Some(Tool::Pytest)
            && (self.tool.is_some() || !printed.names.is_empty())
            && printed.names.is_subset(&self.names)
            && file.failed <= run.failed
            && run
                .ran()
                .checked_sub(file.ran())
                .is_some_and(|more| more <= run.failed)
    }
}

/// How many failures more are named.
fn room(runs: &[Run]) -> usize {
    let known: usize = runs.iter().map(|run| run.failures.len()).sum();
    FAILED_TESTS.saturating_sub(known)
}

/// `test_a[b::c]` of `TestX::test_a[b::c]`: pytest prints the classes with the name, and its reports have them apart.
fn names(run: &TestRun) -> HashSet<String> {
    let bare = |name: &str| {
        let end = name.find('[').unwrap_or(name.len());
        let begin = name[..end].rfind("::").map_or(0, |at| at + 2);
        name[begin..].to_owned()
    };
    run.failures.iter().map(|failure| bare(&failure.name)).collect()
}

/// The printed runs that no report file tells. Where the files of a tool have as many tests as it has printed, they tell all;
/// else, and where a file does not say whose it is, a run is told by a file with the same counts, or with the same tests that
/// failed.
fn untold(printed: Vec<Run>, reported: &[Run]) -> Vec<Run> {
    let ran = |runs: &[Run], tool| -> u64 {
        let runs = runs.iter().filter(|run| run.tool == tool);
        runs.map(|run| run.counts.ran()).sum()
    };
    let all_told: Vec<_> = printed
        .iter()
        .map(|run| {
            let reported_by = reported.iter().any(|report| report.tool == run.tool);
            reported_by && ran(reported, run.tool) >= ran(&printed, run.tool)
        })
        .collect();
    let mut files: Vec<&Run> = reported.iter().collect();
    let runs = printed.into_iter().zip(all_told).filter(|(run, all_told)| {
        let of_run = |file: &&Run| file.is_of(run);
        let told = files
            .iter()
            .position(|file| of_run(file) && file.counts.equal(run.counts))
            .or_else(|| files.iter().position(|file| of_run(file) && file.retells(run)));
        if let Some(at) = told {
            files.swap_remove(at);
        }
        !*all_told && told.is_none()
    });
    runs.map(|(run, _)| run).collect()
}

fn failed_test(failure: Failure, place: Option<(String, Option<u32>)>, masks: &Masks) -> FailedTest {
    let (path, line) = place.unzip();
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

    /// Its tests are known again by their number.
    fn run(tool: Option<Tool>, passed: u64, failed: &[&str]) -> TestRun {
        let cases = [(passed, TestOutcome::Passed), (1, TestOutcome::Skipped)]
            .into_iter()
            .flat_map(|(count, outcome)| (0..count).map(move |id| TestCase { id, outcome }));
        let failed_cases = failed.iter().map(|name| TestCase {
            id: name.bytes().map(u64::from).sum(),
            outcome: TestOutcome::Failed,
        });
        TestRun {
            cases: cases.chain(failed_cases).collect(),
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
        // Failures of a test's parts are printed beside its own.
        let parts = TestRun {
            failed: 3,
            ..run(Some(Tool::Pytest), 1, &["TestA::a[x::y]"])
        };
        assert_eq!(
            summary(vec![parts], vec![run(None, 1, &["a[x::y]"])]),
            (1, 1, 1, names(&["a[x::y]"]))
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
