//! The tests of a job: how many failed, and which.

use super::cut::cut_line;
use super::escape::inline;
use super::span::grouped;

/// Of a suite's or a test's name in the table, of a message and of a place.
const CELL_BYTES: usize = 200;
/// Of the whole table: a check's summary holds 65,535 characters, and has the steps and last lines, too.
const TABLE_BYTES: usize = 20_000;

/// What a job's tests came to. Texts are masked, of any length, and from anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tests<'a> {
    /// 0 where the tools did not say.
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
    /// Those that are known by name.
    pub failures: &'a [FailedTest<'a>],
}

/// One test that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailedTest<'a> {
    pub suite: &'a str,
    pub name: &'a str,
    pub message: &'a str,
    pub path: Option<&'a str>,
    pub line: Option<u32>,
}

impl Tests<'_> {
    const fn ran(&self) -> u64 {
        self.passed.saturating_add(self.failed)
    }

    /// `12 of 340 tests failed`; nothing where none did.
    pub(super) fn failed(&self) -> Option<String> {
        let count = |number: u64| grouped(usize::try_from(number).unwrap_or(usize::MAX));
        match (self.passed, self.failed) {
            (_, 0) => None,
            (0, 1) => Some("1 test failed".to_owned()),
            // Where only failed tests were named, nobody knows of how many.
            (0, failed) => Some(format!("{} tests failed", count(failed))),
            (_, failed) => Some(format!("{} of {} tests failed", count(failed), count(self.ran()))),
        }
    }

    /// A line of counts, and a table of the failed tests, ending in a newline; nothing for no tests.
    pub(super) fn section(&self) -> String {
        let count = |number: u64| grouped(usize::try_from(number).unwrap_or(usize::MAX));
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!(", {} skipped", count(skipped)),
        };
        match self.failed() {
            None if self.passed == 0 && self.skipped == 0 => String::new(),
            None if self.passed == 1 => format!("1 test passed{skipped}.\n"),
            None => format!("{} tests passed{skipped}.\n", count(self.passed)),
            Some(failed) => format!("#### {failed}{skipped}\n\n{}", self.table()),
        }
    }

    fn table(&self) -> String {
        let mut out = String::from("| Suite | Test | Message | Place |\n|---|---|---|---|\n");
        let mut shown = 0;
        for failure in self.failures {
            let row = failure.row();
            if out.len() + row.len() > TABLE_BYTES {
                break;
            }
            out.push_str(&row);
            shown += 1;
        }
        let more = self.failed.saturating_sub(shown);
        if shown == 0 {
            return String::new();
        }
        if more > 0 {
            let more = grouped(usize::try_from(more).unwrap_or(usize::MAX));
            out.push_str(&format!("\n*… and {more} more; the log has them all.*\n"));
        }
        out
    }
}

impl FailedTest<'_> {
    fn row(&self) -> String {
        let first = self.message.lines().map(str::trim).find(|line| !line.is_empty());
        let place = match (self.path, self.line) {
            (Some(path), Some(line)) => format!("{path}:{line}"),
            (Some(path), None) => path.to_owned(),
            (None, _) => String::new(),
        };
        let cells = [self.suite, self.name, first.unwrap_or_default(), &place]
            .map(|text| inline(&cut_line(text, CELL_BYTES)));
        format!("| {} |\n", cells.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure<'a>(name: &'a str, message: &'a str) -> FailedTest<'a> {
        FailedTest {
            suite: "tests.test_sums",
            name,
            message,
            path: Some("tests/test_sums.py"),
            line: Some(14),
        }
    }

    #[test]
    fn counts() {
        let of = |passed, failed, skipped| {
            let tests = Tests {
                passed,
                failed,
                skipped,
                failures: &[],
            };
            tests.section()
        };
        let table = [
            ((0, 0, 0), ""),
            ((1, 0, 0), "1 test passed.\n"),
            ((1340, 0, 2), "1,340 tests passed, 2 skipped.\n"),
            ((0, 0, 2), "0 tests passed, 2 skipped.\n"),
            ((328, 12, 0), "#### 12 of 340 tests failed\n\n"),
            ((3, 1, 2), "#### 1 of 4 tests failed, 2 skipped\n\n"),
            ((0, 1, 0), "#### 1 test failed\n\n"),
            ((0, 3, 0), "#### 3 tests failed\n\n"),
        ];
        for ((passed, failed, skipped), expected) in table {
            assert_eq!(of(passed, failed, skipped), expected);
        }
    }

    #[test]
    fn a_table_of_failed_tests_that_no_text_breaks() {
        let failures = [
            failure("test_adds", "\nAssertionError: a | b\nassert 2 == 3"),
            FailedTest {
                path: None,
                ..failure("x\n| y | `z` <b> @octocat", "# no heading")
            },
        ];
        let tests = Tests {
            passed: 1,
            failed: 5,
            skipped: 0,
            failures: &failures,
        };
        insta::assert_snapshot!(tests.section(), @r"
        #### 5 of 6 tests failed

        | Suite | Test | Message | Place |
        |---|---|---|---|
        | tests.test\_sums | test\_adds | AssertionError: a &#124; b | tests/test\_sums.py:14 |
        | tests.test\_sums | x &#124; y &#124; \`z\` &lt;b&gt; @&#8203;octocat | #&#8203; no heading |  |

        *… and 3 more; the log has them all.*
        ");
    }

    #[test]
    fn a_long_table_is_cut_between_rows() {
        let long = "|".repeat(10_000);
        let failures = vec![failure(&long, &long); 200];
        let tests = Tests {
            passed: 0,
            failed: 300,
            skipped: 0,
            failures: &failures,
        };
        let section = tests.section();
        assert!(section.len() < TABLE_BYTES + 200, "{}", section.len());
        let rows = section.lines().filter(|line| line.starts_with("| tests")).count();
        assert!(section.ends_with(&format!("*… and {} more; the log has them all.*\n", 300 - rows)));
    }
}
