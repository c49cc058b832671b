//! Reports: what the output and the files of a job say about its code and its tests.
//!
//! The parsers are pure and take any bytes: [`console`] knows the tools that most jobs use, [`matcher`] what a job has
//! registered, [`junit`] and [`sarif`] its report files. [`collect`] puts together what they find; [`files`], [`paths`] and
//! [`repository`] look at the workspace. `docs/reports.md` tells users about all of it.

pub mod collect;
pub mod console;
pub mod files;
pub mod junit;
pub mod matcher;
pub mod paths;
pub mod place;
pub mod repository;
pub mod sarif;
pub mod summary;

use place::Place;

/// Of the message of a failed test, these many lines.
const MESSAGE_LINES: usize = 12;
/// Failures that one run of a tool remembers; more are counted. Past it a reader has other worries.
const FAILURES: usize = 1000;
/// Places at which a failure may have happened, the likeliest first.
const PLACES: usize = 12;

/// Who ran tests. A report file of a tool tells all that its output tells, so that one counts and not both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    CargoTest,
    Nextest,
    Pytest,
    Go,
}

/// One run of a tool, or one report file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestRun {
    /// None for a report file of an unknown tool.
    pub tool: Option<Tool>,
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// At most a thousand of them.
    pub failures: Vec<Failure>,
    /// Of a report file, each of its tests in order. Those that failed are in the order of `failures`.
    pub cases: Vec<TestCase>,
}

/// A test of a report file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestCase {
    /// Of its class or suite, its name and the file that it is said to be in: by which it is known again in another report.
    pub id: u64,
    pub outcome: TestOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TestOutcome {
    Passed,
    Failed,
    Skipped,
}

/// A test that failed, as a tool tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    pub suite: String,
    pub name: String,
    pub message: String,
    /// The likeliest first.
    pub places: Vec<Place>,
    pub duration_ms: Option<u64>,
}

impl TestRun {
    const fn of(tool: Tool) -> Self {
        Self {
            tool: Some(tool),
            passed: 0,
            failed: 0,
            skipped: 0,
            failures: Vec::new(),
            cases: Vec::new(),
        }
    }

    /// Whether it says anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skipped == 0 && self.failures.is_empty()
    }

    /// Counts a failed test, and remembers it while there is room.
    fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        self.remember(failure);
    }

    fn remember(&mut self, failure: Failure) {
        if self.failures.len() < FAILURES {
            self.failures.push(failure);
        }
    }
}

/// Lines of a message, as they come, of which the first few are kept.
#[derive(Debug, Clone, Default)]
struct Message(Vec<String>);

impl Message {
    /// A line's bytes: a dump of a data structure on one line is not read by anybody.
    const LINE_BYTES: usize = 1000;

    fn push(&mut self, line: &str) {
        let blank = line.trim().is_empty();
        if self.0.len() < MESSAGE_LINES && !(blank && self.0.is_empty()) {
            let end = line.floor_char_boundary(Self::LINE_BYTES);
            self.0.push(line[..end].trim_end().to_owned());
        }
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn text(&self) -> String {
        self.0.join("\n").trim_end().to_owned()
    }

    fn of(text: &str) -> Self {
        let mut message = Self::default();
        text.lines().take(200).for_each(|line| message.push(line));
        message
    }
}

/// A span in seconds as report files write it, in milliseconds: `0.012`, `1,234.5`.
fn millis(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.trim().replace(',', "").parse().ok()?;
    let span = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(span.as_millis()).ok()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
