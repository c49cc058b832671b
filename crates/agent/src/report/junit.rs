//! JUnit XML: the reports of surefire, Gradle, pytest, nextest, go-junit-report, jest-junit, node and their like. There is no
//! standard; what all have is `testcase` elements, with an element inside that says how they failed.

use super::console::{go_entries, panic_in_text};
use super::place::{self, Place};
use super::{Failure, Message, PLACES, TestCase, TestOutcome, TestRun, Tool, millis};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Of what a failed test has written; the message and the places are at the beginning.
const TEXT_BYTES: usize = 64 * 1024;
/// Attributes of one element.
const ATTRIBUTES: usize = 100;
/// Elements inside each other. A deeper file is no report.
const DEPTH: usize = 64;

/// Why a file is no JUnit report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JunitError {
    /// Some other XML: not a mistake where the file was only found by its name.
    #[error("its root element is {0:?}, not testsuites or testsuite")]
    OtherXml(String),
    /// The file of a tool that broke down before it wrote.
    #[error("it has no root element")]
    Empty,
    #[error("byte {offset}: {problem}")]
    Broken { offset: u64, problem: String },
}

/// Reads a report. No entity of the file's own is expanded.
///
/// # Errors
/// Where the text is no JUnit report, or is broken: all or nothing, for half a report would pass for a better one.
pub fn parse(text: &str) -> Result<TestRun, JunitError> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string());
        let event = event.and_then(|event| report.event(event));
        match event {
            Ok(true) => {}
            Ok(false) => break,
            Err(problem) => {
                let offset = reader.buffer_position();
                return Err(report
                    .other
                    .map_or(JunitError::Broken { offset, problem }, JunitError::OtherXml));
            }
        }
    }
    if !report.begun {
        return Err(JunitError::Empty);
    }
    Ok(report.run)
}

#[derive(Default)]
struct Report {
    run: TestRun,
    /// There has been an element.
    begun: bool,
    /// The root's name, where it is another.
    other: Option<String>,
    depth: usize,
    /// The names of the suites around, the outermost first.
    suites: Vec<Suite>,
    case: Option<Case>,
    /// The text that is being read belongs to this.
    text_of: Option<Text>,
}

#[derive(Default)]
struct Suite {
    name: String,
    file: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Failure,
    Output,
}

/// A test case as it is being read.
#[derive(Default)]
struct Case {
    name: String,
    class: String,
    /// It is no test, but what broke in a suite beside its tests.
    of_suite: bool,
    file: Option<String>,
    line: Option<u32>,
    duration_ms: Option<u64>,
    failed: bool,
    skipped: bool,
    message: String,
    failure: String,
    /// Standard output and error: where the failure itself says nothing.
    output: String,
}

impl Report {
    /// Takes an event; whether to go on.
    fn event(&mut self, event: Event<'_>) -> Result<bool, String> {
        match event {
            Event::Start(element) => self.start(&element)?,
            Event::End(element) => self.end(element.local_name().into_inner()),
            Event::Text(text) => self.text(&text),
            Event::CData(text) => self.text(&text),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(sign)) => self.text(sign.encode_utf8(&mut [0; 4])),
                _ => match &*entity {
                    "lt" => self.text("<"),
                    "gt" => self.text(">"),
                    "amp" => self.text("&"),
                    "apos" => self.text("'"),
                    "quot" => self.text("\""),
                    _ => {}
                },
            },
            Event::Eof if self.depth > 0 => return Err("the file ends too early".to_owned()),
            Event::Eof => return Ok(false),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Empty(_) => {}
        }
        Ok(true)
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        let name = element.local_name().into_inner().to_owned();
        if self.depth == 0 && !matches!(name.as_str(), "testsuites" | "testsuite") {
            self.other = Some(name);
            return Err("another root element".to_owned());
        }
        self.begun = true;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("more than {DEPTH} elements inside each other"));
        }
        let attributes = Attributes::of(element);
        match (name.as_str(), &mut self.case) {
            ("testsuites" | "testsuite", _) => self.suite(&attributes),
            ("testcase", _) => {
                self.case = Some(Case {
                    name: attributes.text("name"),
                    class: attributes.text("classname"),
                    file: attributes.get("file"),
                    line: attributes.get("line").and_then(|line| line.trim().parse().ok()),
                    duration_ms: attributes.get("time").and_then(|time| millis(&time)),
                    skipped: attributes.get("status").is_some_and(|status| status == "notrun"),
                    ..Case::default()
                });
            }
            ("failure" | "error", Some(case)) => {
                case.failed = true;
                if case.message.is_empty() {
                    case.message = attributes.text("message");
                }
                self.text_of = Some(Text::Failure);
            }
            // Directly in the suite, not in its properties or output.
            ("failure" | "error", None) if self.depth == self.suites.len() + 1 => {
                let names = self.suites.iter().rev().map(|suite| &suite.name);
                let mut names = names.filter(|name| !name.is_empty()).cloned();
                self.case = Some(Case {
                    name: names.next().unwrap_or_else(|| "test suite".to_owned()),
                    class: names.next().unwrap_or_default(),
                    of_suite: true,
                    failed: true,
                    message: attributes.text("message"),
                    ..Case::default()
                });
                self.text_of = Some(Text::Failure);
            }
            ("skipped" | "disabled", Some(case)) => case.skipped = true,
            ("system-out" | "system-err", Some(case)) if case.failed || self.text_of.is_none() => {
                self.text_of = Some(Text::Output);
            }
            ("property", _) if attributes.text("name") == "go.version" => self.run.tool = Some(Tool::Go),
            _ => {}
        }
        Ok(())
    }

    fn suite(&mut self, attributes: &Attributes) {
        let name = attributes.text("name");
        match name.as_str() {
            "nextest-run" => self.run.tool = Some(Tool::Nextest),
            "pytest" | "pytest tests" => self.run.tool = Some(Tool::Pytest),
            _ => {}
        }
        self.suites.push(Suite {
            name,
            file: attributes.get("file").or_else(|| attributes.get("filepath")),
        });
    }

    fn text(&mut self, text: &str) {
        let (Some(case), Some(of)) = (&mut self.case, self.text_of) else {
            return;
        };
        let into = match of {
            Text::Failure => &mut case.failure,
            Text::Output => &mut case.output,
        };
        let room = TEXT_BYTES.saturating_sub(into.len());
        into.push_str(&text[..text.floor_char_boundary(room)]);
    }

    fn end(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        match name {
            "testsuites" | "testsuite" => {
                self.suites.pop();
            }
            "testcase" => self.end_case(),
            "failure" | "error" | "system-out" | "system-err" => {
                self.text_of = None;
                if self.case.as_ref().is_some_and(|case| case.of_suite) {
                    self.end_case();
                }
            }
            _ => {}
        }
    }

    fn end_case(&mut self) {
        let Some(case) = self.case.take() else { return };
        let id = case.id(&self.suites);
        let outcome = if case.failed {
            let failure = case.into_failure(&self.suites, self.run.tool);
            self.run.fail(failure);
            TestOutcome::Failed
        } else if case.skipped {
            self.run.skipped += 1;
            TestOutcome::Skipped
        } else {
            self.run.passed += 1;
            TestOutcome::Passed
        };
        self.run.cases.push(TestCase { id, outcome });
    }
}

impl Case {
    /// See [`TestCase::id`]. A suite's name counts only where there is no class: of two reports of the same tests, one may
    /// have a suite for each class, and the other one for all.
    fn id(&self, suites: &[Suite]) -> u64 {
        let suite = suites.last().map(|suite| suite.name.as_str()).unwrap_or_default();
        let class = match self.class.as_str() {
            "" => suite,
            class => class,
        };
        let of_suite = suites.iter().rev().find_map(|suite| suite.file.as_deref());
        let mut hasher = DefaultHasher::new();
        (class.trim(), self.name.trim(), self.file.as_deref().or(of_suite)).hash(&mut hasher);
        hasher.finish()
    }

    fn into_failure(self, suites: &[Suite], tool: Option<Tool>) -> Failure {
        let (message, mut places) = self.said(tool);
        let suite_name = suites.last().map(|suite| suite.name.as_str()).unwrap_or_default();
        // pytest counts lines from 0 here.
        let line = self.line.map(|line| {
            if tool == Some(Tool::Pytest) {
                line.saturating_add(1)
            } else {
                line
            }
        });
        let of_suite = suites.iter().rev().find_map(|suite| suite.file.as_deref());
        let file = self.file.as_deref().or(of_suite);
        places.extend(file.map(|file| Place::new(file, line)));
        // Linters that pretend to be tests name the file as a suite.
        if line.is_some_and(|line| line > 0) && file.is_none() {
            places.push(Place::new(suite_name, line));
        }
        places.truncate(PLACES);
        Failure {
            suite: if self.class.is_empty() && !self.of_suite {
                suite_name.to_owned()
            } else {
                self.class
            },
            name: self.name,
            message,
            places,
            duration_ms: self.duration_ms,
        }
    }

    /// The message for people, and the places that the texts name.
    fn said(&self, tool: Option<Tool>) -> (String, Vec<Place>) {
        let texts = [self.failure.as_str(), self.message.as_str(), self.output.as_str()];
        if let Some((message, place)) = texts.iter().find_map(|text| panic_in_text(text)) {
            return (message, vec![place]);
        }
        let package = if self.class.contains('/') || tool == Some(Tool::Go) {
            self.class.as_str()
        } else {
            ""
        };
        let (message, places) = go_entries(self.failure.lines(), package);
        if !message.is_empty() {
            return (message, places);
        }
        let mut places = texts
            .iter()
            .map(|text| place::in_text(text))
            .find(|places| !places.is_empty())
            .unwrap_or_default();
        if tool == Some(Tool::Pytest) {
            // The trace ends where the error was raised.
            places.reverse();
        }
        const EMPTY_WORDS: [&str; 3] = ["", "Failed", "failed"];
        let message = [self.message.as_str(), &self.failure, &self.output];
        let message = message
            .iter()
            .map(|text| text.trim())
            .find(|text| !EMPTY_WORDS.contains(text));
        (Message::of(message.unwrap_or_default()).text(), places)
    }
}

/// An element's attributes, those that can be read.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn of(element: &BytesStart<'_>) -> Self {
        let mut attributes = element.attributes();
        let read = attributes.with_checks(false).take(ATTRIBUTES);
        let pairs = read.filter_map(Result::ok).map(|attribute| {
            let name = attribute.key.local_name().into_inner().to_owned();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            // One with an entity of its own stays as it is written.
            let value = value.unwrap_or_else(|_| attribute.value.clone());
            let end = value.floor_char_boundary(TEXT_BYTES);
            (name, value[..end].to_owned())
        });
        Self(pairs.collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self
            .0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())?;
        Some(value.clone())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
