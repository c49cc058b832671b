//! `go test`, as text.

use super::Message;
use crate::report::place::{Place, leading};
use crate::report::{FAILURES, Failure, PLACES, TestRun, Tool, millis};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of one test that are kept until it is known how it ended.
const LINES: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Go {
    /// Of the package that runs; its name comes last.
    failed: Vec<Failed>,
    /// What is printed belongs to this test: with `-v` until its end, without from there on.
    current: Option<String>,
    printed: BTreeMap<String, Vec<String>>,
    tests: Option<TestRun>,
}

#[derive(Debug)]
struct Failed {
    name: String,
    duration_ms: Option<u64>,
}

impl Go {
    pub(super) fn line(&mut self, line: &str) {
        let begun = ["=== RUN ", "=== CONT ", "=== NAME "];
        if let Some(name) = begun.iter().find_map(|mark| line.strip_prefix(mark)) {
            self.current = Some(name.trim().to_owned());
        } else if let Some((outcome, name, seconds)) = ended(line.trim_start()) {
            self.end_test(outcome, name, seconds);
        } else if let Some(package) = line
            .strip_prefix("FAIL\t")
            .or_else(|| line.strip_prefix("ok  \t"))
        {
            self.end_package(package.split(['\t', ' ']).next().unwrap_or_default());
        } else if let Some(current) = &self.current
            && (self.printed.len() < FAILURES || self.printed.contains_key(current))
        {
            let lines = self.printed.entry(current.clone()).or_default();
            if lines.len() < LINES {
                lines.push(line.to_owned());
            }
        }
    }

    fn end_test(&mut self, outcome: &str, name: &str, seconds: &str) {
        let run = self.tests.get_or_insert_with(|| TestRun::of(Tool::Go));
        if outcome == "FAIL" {
            self.current = Some(name.to_owned());
            if self.failed.len() < FAILURES {
                self.failed.push(Failed {
                    name: name.to_owned(),
                    duration_ms: millis(seconds),
                });
            } else {
                run.failed += 1;
            }
            return;
        }
        if outcome == "PASS" {
            run.passed += 1;
        } else {
            run.skipped += 1;
        }
        self.current = None;
        self.printed.remove(name);
    }

    fn end_package(&mut self, package: &str) {
        self.current = None;
        let failed = std::mem::take(&mut self.failed);
        let mut printed = std::mem::take(&mut self.printed);
        let names: BTreeSet<_> = failed.iter().map(|failed| failed.name.clone()).collect();
        for Failed { name, duration_ms } in failed {
            let lines = printed.remove(&name).unwrap_or_default();
            let (message, places) = entries(lines.iter().map(String::as_str), package);
            // A test that failed only because a subtest did has nothing to say.
            let within = format!("{name}/");
            let above = names
                .range(within.clone()..)
                .next()
                .is_some_and(|name| name.starts_with(&within));
            if above && message.is_empty() {
                continue;
            }
            self.tests
                .get_or_insert_with(|| TestRun::of(Tool::Go))
                .fail(Failure {
                    suite: package.to_owned(),
                    name,
                    message,
                    places,
                    duration_ms,
                });
        }
    }

    pub(super) fn finish(mut self) -> TestRun {
        self.end_package("");
        self.tests.unwrap_or_default()
    }
}

/// `--- FAIL: TestX (0.00s)`: outcome, name, seconds.
fn ended(text: &str) -> Option<(&str, &str, &str)> {
    let (outcome, rest) = text.strip_prefix("--- ")?.split_once(": ")?;
    let (name, seconds) = rest.rsplit_once(" (")?;
    let seconds = seconds.strip_suffix("s)")?;
    matches!(outcome, "PASS" | "FAIL" | "SKIP").then_some((outcome, name, seconds))
}

/// What a test printed: its last entry, `    x_test.go:14: text` with the lines below it, or the panic that ended it; and the
/// places, of a panic those of its trace. Go names a file without its directory, which is the end of the package's path.
pub(in crate::report) fn entries<'a>(
    lines: impl Iterator<Item = &'a str>,
    package: &str,
) -> (String, Vec<Place>) {
    let mut message = Message::default();
    let mut places: Vec<Place> = Vec::new();
    let mut panicked = false;
    for line in lines {
        let text = line.trim_start();
        let entry = leading(text).filter(|located| located.file.ends_with(".go"));
        match entry {
            Some(located) if panicked && (located.rest.is_empty() || located.rest.starts_with(" +")) => {
                let room = places.len() < PLACES;
                places.extend(room.then(|| located.place()));
            }
            Some(located) if !panicked && located.rest.starts_with(": ") => {
                message = Message::default();
                message.push(&located.rest[2..]);
                places = vec![Place {
                    folders: folders(package),
                    ..located.place()
                }];
            }
            Some(located) if !panicked && located.rest == ":" => {
                message = Message::default();
                places = vec![Place {
                    folders: folders(package),
                    ..located.place()
                }];
            }
            _ if line.starts_with("panic: ") && !panicked => {
                panicked = true;
                message = Message::default();
                message.push(line);
                places.clear();
            }
            _ if !panicked && !places.is_empty() && !is_frame(text) => message.push(text),
            _ => {}
        }
    }
    (message.text(), places)
}

/// Of go's own words around a test.
fn is_frame(text: &str) -> bool {
    text == "FAIL"
        || text == "PASS"
        || text.starts_with("exit status ")
        || text.starts_with("=== ")
        || text.starts_with("--- ")
}

/// `example.com/demo/calc`: that, `demo/calc`, `calc`.
fn folders(package: &str) -> Vec<String> {
    let mut rest = package;
    let mut folders = vec![rest.to_owned()];
    while let Some((_, after)) = rest.split_once('/') {
        folders.push(after.to_owned());
        rest = after;
    }
    folders.truncate(PLACES);
    folders.retain(|folder| !folder.is_empty());
    folders
}
