//! `cargo test` and `cargo nextest`.

use super::panic::Panic;
use super::{Message, diagnostic};
use crate::commands::Annotation;
use crate::report::place::Place;
use crate::report::{FAILURES, Failure, TestRun, Tool, millis};
use checkmill_workflow::job::ResultLevel;

#[derive(Debug, Default)]
pub(super) struct Cargo {
    /// nextest runs each test in a libtest of its own and shows what that prints: then only nextest's own lines count.
    nextest: bool,
    /// The binary whose tests run.
    suite: String,
    /// Between `running 3 tests` and `test result:`.
    running: bool,
    /// Tests that failed in the binary that runs, or in nextest's whole run.
    failed: Vec<Failed>,
    /// The one whose output is shown.
    section: Option<usize>,
    panic: Option<Panic>,
    /// Of tests whose output is not shown in a section.
    panics: Vec<Panic>,
    tests: Option<TestRun>,
    /// One for each run of nextest; the names of the failures of the last one follow its counts.
    nextests: Vec<TestRun>,
    /// The run has said its counts.
    counted: bool,
}

#[derive(Debug, Default)]
struct Failed {
    suite: String,
    name: String,
    duration_ms: Option<u64>,
    panic: Option<Panic>,
    /// What it printed, for one that did not panic.
    printed: Message,
}

impl Cargo {
    pub(super) fn line(&mut self, line: &str, found: &mut Vec<Annotation>) {
        if let Some(panic) = &mut self.panic {
            if panic.line(line) {
                return;
            }
            self.end_panic(found);
        }
        if let Some(panic) = Panic::begins(line) {
            self.panic = Some(panic);
        } else if let Some(text) = nextest_begins(line) {
            if self.counted && text.starts_with("Nextest run ID ") {
                self.close_nextest();
            }
            self.nextest = true;
        } else if self.nextest {
            self.nextest_line(line);
        } else {
            self.libtest_line(line);
        }
    }

    fn libtest_line(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.end_binary(result);
        } else if let Some(suite) = binary(line) {
            self.suite = suite;
        } else if line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")) {
            self.running = true;
        } else if !self.running {
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            let name = name.strip_suffix(" - should panic").unwrap_or(name);
            self.failed(name);
        } else if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|line| line.strip_suffix(" stdout ----"))
        {
            self.section = self.failed(name);
        } else if line == "failures:" {
            self.section = None;
        } else if let Some(failed) = self.section.and_then(|at| self.failed.get_mut(at)) {
            failed.printed.push(line);
        }
    }

    /// The failed test of this name in the binary that runs, new where it is not known yet.
    fn failed(&mut self, name: &str) -> Option<usize> {
        if let Some(at) = self.failed.iter().position(|failed| failed.name == name) {
            return Some(at);
        }
        if self.failed.len() >= FAILURES {
            return None;
        }
        self.failed.push(Failed {
            suite: self.suite.clone(),
            name: name.to_owned(),
            ..Failed::default()
        });
        Some(self.failed.len() - 1)
    }

    /// `FAILED. 2 passed; 2 failed; 1 ignored; 0 measured; …`
    fn end_binary(&mut self, result: &str) {
        let (_, counts) = result.split_once(". ").unwrap_or_default();
        let run = self.tests.get_or_insert_with(|| TestRun::of(Tool::CargoTest));
        for (count, what) in counts.split("; ").filter_map(counted) {
            match what {
                "passed" => run.passed += count,
                "failed" => run.failed += count,
                "ignored" => run.skipped += count,
                _ => {}
            }
        }
        let failed = self.take_failed();
        let run = self.tests.get_or_insert_default();
        failed.into_iter().for_each(|failure| run.remember(failure));
        self.running = false;
    }

    fn nextest_line(&mut self, line: &str) {
        let text = line.trim();
        if let Some((_, counts)) = text
            .strip_prefix("Summary [")
            .and_then(|text| text.split_once("tests run: "))
        {
            self.end_nextest(counts);
        } else if let Some((duration_ms, suite, name)) = nextest_failure(text) {
            let known = self
                .failed
                .iter()
                .position(|failed| failed.suite == suite && failed.name == name);
            self.section = known.or_else(|| {
                (self.failed.len() < FAILURES).then(|| {
                    self.failed.push(Failed {
                        suite: suite.to_owned(),
                        name: name.to_owned(),
                        duration_ms,
                        ..Failed::default()
                    });
                    self.failed.len() - 1
                })
            });
        } else if text.starts_with("PASS [") || text.starts_with("stdout ─") {
            // What a test prints there begins with the frame of its own libtest.
            self.section = None;
        } else if text.starts_with("stderr ─") {
            self.section = self.failed.len().checked_sub(1);
        } else if let Some(failed) = self.section.and_then(|at| self.failed.get_mut(at))
            && !text.starts_with("stack backtrace:")
        {
            failed.printed.push(text);
        }
    }

    /// `5 tests run: 2 passed (1 slow), 3 failed, 1 skipped`, from what follows the colon.
    fn end_nextest(&mut self, counts: &str) {
        let mut run = TestRun::of(Tool::Nextest);
        let plain: String = counts
            .split('(')
            .map(|part| part.rsplit(')').next().unwrap_or(part))
            .collect();
        for (count, what) in plain.split(',').filter_map(counted) {
            match what {
                "passed" => run.passed += count,
                "skipped" => run.skipped += count,
                "failed" | "timed" | "exec" => run.failed += count,
                _ => {}
            }
        }
        if self.nextests.len() < FAILURES {
            self.nextests.push(run);
        }
        self.counted = true;
        self.section = None;
    }

    fn end_panic(&mut self, found: &mut Vec<Annotation>) {
        let Some(panic) = self.panic.take() else { return };
        let section = if self.nextest { None } else { self.section };
        match section.and_then(|at| self.failed.get_mut(at)) {
            Some(failed) => {
                failed.panic.get_or_insert(panic);
            }
            // No test, but the program that the step runs.
            None if panic.thread == "main" && !self.running && !self.nextest => {
                let message = panic.message.text();
                found.push(diagnostic(
                    ResultLevel::Error,
                    &panic.place,
                    None,
                    Some("panicked"),
                    &message,
                ));
            }
            None if self.panics.len() < FAILURES => self.panics.push(panic),
            None => {}
        }
    }

    fn take_failed(&mut self) -> Vec<Failure> {
        self.section = None;
        let mut panics = std::mem::take(&mut self.panics);
        let failed = std::mem::take(&mut self.failed);
        let with_panic = failed.into_iter().map(|mut failed| {
            if failed.panic.is_none() {
                let own = panics.iter().position(|panic| panic.thread == failed.name);
                failed.panic = own.map(|at| panics.swap_remove(at));
            }
            failed.into_failure()
        });
        with_panic.collect()
    }

    /// A run of nextest has ended; one that was killed has not said how many there were.
    fn close_nextest(&mut self) {
        let failures = self.take_failed();
        if !std::mem::take(&mut self.counted) {
            self.nextests.push(TestRun {
                failed: failures.len() as u64,
                ..TestRun::of(Tool::Nextest)
            });
        }
        if let Some(run) = self.nextests.last_mut() {
            failures.into_iter().for_each(|failure| run.remember(failure));
        }
    }

    pub(super) fn finish(mut self, found: &mut Vec<Annotation>) -> Vec<TestRun> {
        self.end_panic(found);
        if self.nextest {
            self.close_nextest();
        } else {
            // A binary that crashed has not said how many there were.
            let failures = self.take_failed();
            if !failures.is_empty() {
                let run = self.tests.get_or_insert_with(|| TestRun::of(Tool::CargoTest));
                failures.into_iter().for_each(|failure| run.fail(failure));
            }
        }
        self.tests.into_iter().chain(self.nextests).collect()
    }
}

impl Failed {
    fn into_failure(self) -> Failure {
        let (message, place) = match self.panic {
            Some(panic) => (panic.message.text(), Some(panic.place)),
            None => (self.printed.text(), None),
        };
        Failure {
            places: place.into_iter().chain(of_doctest(&self.name)).collect(),
            suite: self.suite,
            name: self.name,
            message,
            duration_ms: self.duration_ms,
        }
    }
}

/// `src/lib.rs - add (line 3)`
fn of_doctest(name: &str) -> Option<Place> {
    let (file, rest) = name.split_once(" - ")?;
    let (_, line) = rest.rsplit_once("(line ")?;
    Some(Place::new(file, line.trim_end_matches(')').parse().ok()))
}

/// `     Running unittests src/lib.rs (target/debug/deps/demo-8348ca7a80742723)`, `   Doc-tests demo`
fn binary(line: &str) -> Option<String> {
    let text = line.trim_start();
    if text.len() == line.len() {
        return None;
    }
    if let Some(name) = text.strip_prefix("Doc-tests ") {
        return Some(format!("doc-tests {name}"));
    }
    let (_, path) = text
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once('(')?;
    let name = path.rsplit(['/', '\\']).next()?;
    Some(name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned())
}

/// ` Nextest run ID …`, `    Starting 5 tests across 2 binaries`
fn nextest_begins(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let starts = text.starts_with("Starting ") && text.contains(" across ");
    (starts || text.starts_with("Nextest run ID ")).then_some(text)
}

/// `FAIL [   0.016s] (2/5) demo::whole end_to_end`, and its like for tests that were killed or took too long.
fn nextest_failure(text: &str) -> Option<(Option<u64>, &str, &str)> {
    let (status, rest) = text.split_once(" [")?;
    if !(matches!(status, "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL") || status.starts_with("SIG")) {
        return None;
    }
    let (seconds, rest) = rest.split_once("s] ")?;
    let rest = match rest.trim_start().strip_prefix('(') {
        Some(rest) => rest.split_once(") ")?.1,
        None => rest.trim_start(),
    };
    let (suite, name) = rest.split_once(' ')?;
    Some((millis(seconds), suite, name.trim()))
}

/// `3 failed`; of several words the first.
fn counted(text: &str) -> Option<(u64, &str)> {
    let (count, what) = text.trim().split_once(' ')?;
    // So small that no sum overflows.
    let count: u32 = count.parse().ok()?;
    Some((u64::from(count), what.split(' ').next().unwrap_or(what)))
}
