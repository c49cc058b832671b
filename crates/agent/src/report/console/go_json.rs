//! `go test -json`: an event on each line, those of packages that are tested at the same time between each other.

use super::go::entries;
use crate::report::{FAILURES, Failure, TestRun, Tool};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Lines of one test that are kept until it is known how it ended.
const LINES: usize = 200;
/// Tests that run at the same time.
const RUNNING: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct GoJson {
    printed: BTreeMap<(String, String), Vec<String>>,
    /// What the compiler has just said.
    built: Vec<String>,
    /// Tests with a subtest that failed.
    above: BTreeSet<(String, String)>,
    tests: Option<TestRun>,
}

/// The events of `go doc test2json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    output: String,
    #[serde(default)]
    elapsed: Option<f64>,
}

impl GoJson {
    /// Takes a line; whether it was an event.
    pub(super) fn line(&mut self, line: &str) -> bool {
        self.built.clear();
        if !(line.starts_with("{\"") && line.contains("\"Action\":\"")) {
            return false;
        }
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            return false;
        };
        if event.action == "build-output" {
            self.built.push(event.output.trim_end().to_owned());
        } else if !event.test.is_empty() {
            self.event(event);
        }
        true
    }

    pub(super) fn built(&self) -> &[String] {
        &self.built
    }

    fn event(&mut self, event: Event) {
        let key = (event.package, event.test);
        match event.action.as_str() {
            "output" => self.output(key, &event.output),
            ended @ ("pass" | "fail" | "skip") => {
                let lines = self.printed.remove(&key).unwrap_or_default();
                let run = self.tests.get_or_insert_with(|| TestRun::of(Tool::Go));
                match ended {
                    "pass" => run.passed += 1,
                    "skip" => run.skipped += 1,
                    _ => self.fail(key, &lines, event.elapsed),
                }
            }
            _ => {}
        }
    }

    fn output(&mut self, key: (String, String), text: &str) {
        if self.printed.len() < RUNNING || self.printed.contains_key(&key) {
            let lines = self.printed.entry(key).or_default();
            if lines.len() < LINES {
                lines.push(text.trim_end_matches('\n').to_owned());
            }
        }
    }

    fn fail(&mut self, key: (String, String), lines: &[String], elapsed: Option<f64>) {
        let (package, name) = key;
        let (message, places) = entries(lines.iter().map(String::as_str), &package);
        if let Some((above, _)) = name.rsplit_once('/')
            && self.above.len() < FAILURES
        {
            self.above.insert((package.clone(), above.to_owned()));
        }
        let only_below = message.is_empty() && self.above.contains(&(package.clone(), name.clone()));
        if only_below {
            return;
        }
        let failure = Failure {
            suite: package,
            name,
            message,
            places,
            duration_ms: elapsed.and_then(|seconds| super::super::millis(&seconds.to_string())),
        };
        self.tests
            .get_or_insert_with(|| TestRun::of(Tool::Go))
            .fail(failure);
    }

    pub(super) fn finish(self) -> TestRun {
        self.tests.unwrap_or_default()
    }
}
