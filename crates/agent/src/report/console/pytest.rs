//! pytest: the sections of what failed, the short summary, and the line of counts.

use super::Message;
use crate::report::place::{Place, leading};
use crate::report::{FAILURES, Failure, PLACES, TestRun, Tool};

#[derive(Debug, Default)]
pub(super) struct Pytest {
    part: Part,
    sections: Vec<Section>,
    /// Of the session that runs.
    failures: Vec<Failure>,
    /// One for each session: each has a report file of its own, or none.
    tests: Vec<TestRun>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Elsewhere,
    Sections,
    Summary,
}

/// What a failed test said, below `____ title ____`.
#[derive(Debug, Default)]
struct Section {
    title: String,
    message: Message,
    /// In the order of the trace, the outermost first.
    places: Vec<Place>,
    taken: bool,
}

impl Pytest {
    pub(super) fn line(&mut self, line: &str) {
        if let Some(counts) = counts(line) {
            self.end_session(&counts);
        } else if let Some(title) = framed(line, '=') {
            self.part = match title {
                "FAILURES" | "ERRORS" => Part::Sections,
                "short test summary info" => Part::Summary,
                _ => Part::Elsewhere,
            };
        } else if self.part == Part::Sections {
            self.section_line(line);
        } else if self.part == Part::Summary {
            self.summary_line(line);
        }
    }

    fn section_line(&mut self, line: &str) {
        if let Some(title) = framed(line, '_').filter(|title| !title.starts_with("_ ")) {
            if self.sections.len() < FAILURES {
                self.sections.push(Section {
                    title: title.to_owned(),
                    ..Section::default()
                });
            }
            return;
        }
        let Some(section) = self.sections.last_mut() else {
            return;
        };
        if let Some(text) = line.strip_prefix("E  ") {
            section.message.push(text.trim_start());
        } else if let Some(located) =
            leading(line).filter(|located| located.rest.starts_with(": ") || located.rest == ":")
        {
            if section.places.len() == PLACES {
                section.places.remove(0);
            }
            section.places.push(located.place());
        }
    }

    /// `FAILED tests/x.py::TestC::test_a[1] - message`
    fn summary_line(&mut self, line: &str) {
        let Some(rest) = line
            .strip_prefix("FAILED ")
            .or_else(|| line.strip_prefix("ERROR "))
        else {
            return;
        };
        // A parameter may hold the separator itself.
        let (id, message) = match rest.split_once("] - ") {
            Some((id, message)) if id.contains('[') => (&rest[..=id.len()], message),
            _ => rest.split_once(" - ").unwrap_or((rest, "")),
        };
        let (suite, name) = id.split_once("::").unwrap_or(("", id));
        let mut failure = Failure {
            suite: suite.to_owned(),
            name: name.to_owned(),
            message: message.trim().to_owned(),
            ..Failure::default()
        };
        if let Some(section) = self.section_of(id, suite, name) {
            section.taken = true;
            if !section.message.is_empty() {
                failure.message = section.message.text();
            }
            failure.places = section.places.iter().rev().cloned().collect();
        }
        if self.failures.len() < FAILURES {
            self.failures.push(failure);
        }
    }

    /// The section's title has the name with dots, or the whole id where the file could not be read.
    fn section_of(&mut self, id: &str, suite: &str, name: &str) -> Option<&mut Section> {
        let dotted = name.replace("::", ".");
        let fits = |section: &Section| {
            let title = section.title.as_str();
            let of = title.rsplit(" of ").next().unwrap_or(title);
            !section.taken
                && (title == dotted || (title.starts_with("ERROR ") && (of == dotted || title.ends_with(id))))
        };
        let here = |section: &Section| section.places.iter().any(|place| place.file.ends_with(suite));
        let at = self
            .sections
            .iter()
            .position(|section| fits(section) && here(section));
        let at = at.or_else(|| self.sections.iter().position(fits))?;
        self.sections.get_mut(at)
    }

    fn end_session(&mut self, counts: &[(u64, &str)]) {
        let mut run = TestRun::of(Tool::Pytest);
        for (count, what) in counts {
            match *what {
                "passed" | "xpassed" => run.passed += count,
                "failed" | "error" | "errors" => run.failed += count,
                "skipped" | "xfailed" => run.skipped += count,
                _ => {}
            }
        }
        self.close(run);
        self.part = Part::Elsewhere;
    }

    fn close(&mut self, mut run: TestRun) {
        run.failures = std::mem::take(&mut self.failures);
        let listed = !run.failures.is_empty();
        // Where the summary is switched off, the sections are all there is.
        for section in std::mem::take(&mut self.sections).into_iter().filter(|_| !listed) {
            run.remember(Failure {
                name: section.title,
                message: section.message.text(),
                places: section.places.into_iter().rev().collect(),
                ..Failure::default()
            });
        }
        if self.tests.len() < FAILURES {
            self.tests.push(run);
        }
    }

    pub(super) fn finish(mut self) -> Vec<TestRun> {
        if !self.failures.is_empty() {
            // It was ended before it could count.
            let failed = self.failures.len() as u64;
            self.close(TestRun {
                failed,
                ..TestRun::of(Tool::Pytest)
            });
        }
        self.tests
    }
}

/// The text between two runs of a sign: `==== FAILURES ====`.
fn framed(line: &str, sign: char) -> Option<&str> {
    let text = line.strip_prefix(sign)?.strip_suffix(sign)?;
    let text = text.trim_matches(sign);
    let inner = text.strip_prefix(' ')?.strip_suffix(' ')?;
    (!inner.is_empty()).then_some(inner)
}

/// `== 4 failed, 2 passed in 0.06s ==`, with or without the frame, and nothing else.
fn counts(line: &str) -> Option<Vec<(u64, &str)>> {
    const WORDS: [&str; 11] = [
        "passed",
        "failed",
        "error",
        "errors",
        "skipped",
        "xfailed",
        "xpassed",
        "deselected",
        "warning",
        "warnings",
        "rerun",
    ];
    let text = framed(line, '=').unwrap_or(line);
    let (counts, time) = text.rsplit_once(" in ")?;
    // Past a minute the time is shown as 0:01:02, too.
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    seconds.parse::<f64>().ok()?;
    counts
        .split(", ")
        .map(|part| {
            let (count, what) = part.split_once(' ')?;
            // So small that no sum overflows.
            let count: u32 = count.parse().ok()?;
            Some((u64::from(count), *WORDS.iter().find(|word| **word == what)?))
        })
        .collect()
}
