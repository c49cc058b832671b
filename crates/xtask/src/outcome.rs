//! What came of the steps: counts, the closing table, and what test runners say at their end.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Counts {
    /// One check that is not made of tests.
    pub(crate) const fn one(success: bool) -> Self {
        Self {
            passed: success as u32,
            failed: !success as u32,
            skipped: 0,
        }
    }

    /// One check that could not be made. Says so at once and loudly.
    pub(crate) fn skipped(what: &str, why: &str) -> Self {
        println!("SKIPPED: {what} — {why}");
        Self {
            skipped: 1,
            ..Self::default()
        }
    }

    /// The counts of a test run; a run that failed without a failed test (it did not compile) is one failure.
    pub(crate) fn of_tests(success: bool, lines: &[String]) -> Self {
        let mut counts = lines.iter().filter_map(|line| of_line(line)).sum::<Self>();
        if !success && counts.failed == 0 {
            counts.failed = 1;
        }
        counts
    }
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), std::ops::Add::add)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The summary lines of `cargo test`, `cargo nextest` and `terraform test`.
///
/// What nextest calls skipped is what its filter left out, which another step runs: not counted. Tests print `SKIPPED:`
/// where they can't run.
fn of_line(line: &str) -> Option<Counts> {
    // nextest repeats, farther in, what a failed test's own process printed at its end.
    let is_libtest = line.starts_with("test result: ");
    let line = line.trim_start();
    if line.starts_with("SKIPPED: ") {
        return Some(Counts {
            skipped: 1,
            ..Counts::default()
        });
    }
    let is_nextest = line.starts_with("Summary [") && line.contains(" run: ");
    let is_terraform =
        (line.starts_with("Success! ") || line.starts_with("Failure! ")) && line.contains("passed");
    if !is_nextest && !is_libtest && !is_terraform {
        return None;
    }
    Some(Counts {
        passed: number_before(line, "passed"),
        failed: number_before(line, "failed")
            + if is_nextest {
                number_before(line, "timed")
            } else {
                0
            },
        skipped: if is_libtest {
            number_before(line, "ignored")
        } else {
            0
        },
    })
}

fn number_before(line: &str, word: &str) -> u32 {
    let words: Vec<&str> = line
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    words
        .windows(2)
        .find(|pair| pair[1] == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

/// One row of the closing table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) step: &'static str,
    pub(crate) counts: Counts,
    pub(crate) elapsed: Duration,
}

/// The closing table. Its last line is the sum, and nothing is printed after it.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("\nstep          passed  failed  skipped     time\n");
    for row in rows {
        let Counts {
            passed,
            failed,
            skipped,
        } = row.counts;
        let seconds = row.elapsed.as_secs();
        text.push_str(&format!(
            "{:<13} {passed:>6}  {failed:>6}  {skipped:>7}  {:>3}m{:02}s{}\n",
            row.step,
            seconds / 60,
            seconds % 60,
            if failed > 0 { "  FAILED" } else { "" },
        ));
    }
    let total: Counts = rows.iter().map(|row| row.counts).sum();
    text.push_str(&format!("\n{total}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: u32, failed: u32, skipped: u32) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn summaries_of_the_runners_are_understood() {
        let cases = [
            (
                "     Summary [   5.215s] 123 tests run: 120 passed (2 slow), 2 failed, 1 timed out, 9 skipped",
                counts(120, 3, 0),
            ),
            (
                "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped",
                counts(1, 0, 0),
            ),
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                counts(3, 0, 1),
            ),
            (
                "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured",
                counts(3, 2, 0),
            ),
            ("Success! 10 passed, 0 failed.", counts(10, 0, 0)),
            ("Failure! 9 passed, 1 failed.", counts(9, 1, 0)),
            ("SKIPPED: the emulator — no Python", counts(0, 0, 1)),
        ];
        for (line, expected) in cases {
            assert_eq!(of_line(line), Some(expected), "{line}");
        }
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored",
            "Success! The configuration is valid.",
        ] {
            assert_eq!(of_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_has_failed_once() {
        let lines = ["error[E0425]: cannot find value".to_owned()];
        assert_eq!(Counts::of_tests(false, &lines), counts(0, 1, 0));
        let lines = ["test result: FAILED. 3 passed; 2 failed; 0 ignored".to_owned()];
        assert_eq!(Counts::of_tests(false, &lines), counts(3, 2, 0));
    }

    #[test]
    fn the_last_line_is_the_sum() {
        let row = |step, counts, seconds| Row {
            step,
            counts,
            elapsed: Duration::from_secs(seconds),
        };
        insta::assert_snapshot!(table(&[row("fmt", counts(1, 0, 0), 2), row("tests", counts(120, 3, 0), 310), row("emulator", counts(0, 0, 1), 0)]), @r"
        step          passed  failed  skipped     time
        fmt                1       0        0    0m02s
        tests            120       3        0    5m10s  FAILED
        emulator           0       0        1    0m00s

        121 passed, 3 failed, 1 skipped
        ");
    }
}
