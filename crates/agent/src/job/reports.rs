//! The report files of a job: which are its own, and what they say. Whatever is wrong with one is a warning in the log and
//! changes no verdict.

use super::JobRunner;
use super::control::Course;
use crate::environment::Variables;
use crate::hash_files::glob::Pattern;
use crate::report::files::{self, DEFAULT_PATTERNS, Search, Seen};
use crate::report::junit::{self, JunitError};
use crate::report::sarif;
use checkmill_core::limits::{REPORT_BYTES, REPORT_FILE_BYTES, REPORT_TIME};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Patterns of report files, one a line, in place of [`DEFAULT_PATTERNS`]. Empty: nothing is recognised that the job has not
/// said itself, in files or in output.
const VARIABLE: &str = "CHECKMILL_REPORTS";

impl JobRunner<'_> {
    /// Whether known tools are recognised in the output of a step with these variables.
    pub(super) fn recognises(&self, step: &Variables) -> bool {
        let wanted = step
            .get(VARIABLE)
            .map(String::as_str)
            .or_else(|| self.wanted_reports());
        wanted.is_none_or(|patterns| !patterns.trim().is_empty())
    }

    /// What the job wants read, where it says so: in `env`, in `GITHUB_ENV`, or the machine's own variable.
    fn wanted_reports(&self) -> Option<&str> {
        let variables = [&self.env, &self.surroundings.environment];
        variables
            .into_iter()
            .find_map(|variables| variables.get(VARIABLE))
            .map(String::as_str)
    }

    /// Which files count as reports, and whether the job has said so itself.
    fn patterns(&self) -> Result<(Vec<Pattern>, bool), String> {
        let workspace = &self.surroundings.layout.workspace;
        match self.wanted_reports() {
            Some(lines) => Ok((files::patterns(lines, workspace)?, true)),
            None => Ok((files::patterns(&DEFAULT_PATTERNS.join("\n"), workspace)?, false)),
        }
    }

    /// The reports that are there before or after a checkout or a download. What such a step brings is not of this job: its
    /// tests read it.
    pub(super) fn see_reports(&self) -> Seen {
        // A wrong pattern is told once, at the end.
        let patterns = self.patterns().map(|(patterns, _)| patterns).unwrap_or_default();
        let search = Search {
            workspace: &self.surroundings.layout.workspace,
            patterns: &patterns,
        };
        search.see(&self.surroundings.clock)
    }

    /// After the last step: reads what the job has written.
    pub(super) fn read_reports(&mut self) {
        if matches!(self.surroundings.control.course(), Course::Forced(_)) {
            return;
        }
        let (patterns, asked) = match self.patterns() {
            Ok(patterns) => patterns,
            Err(problem) => return self.warn(&format!("{VARIABLE} is not used: {problem}")),
        };
        if patterns.is_empty() {
            return;
        }
        let workspace = &self.surroundings.layout.workspace;
        let search = Search {
            workspace,
            patterns: &patterns,
        };
        let started = self.now();
        let found = self.reports.written(&search, &self.surroundings.clock);
        if let Some(why) = found.incomplete {
            self.warn(&format!("Some report files may be missing: {why}"));
        }
        let (hasher, mut seen) = (RandomState::new(), HashSet::new());
        let mut bytes = 0;
        for (at, path) in found.paths.iter().enumerate() {
            let left = found.paths.len() - at;
            if self.now().since(started) > REPORT_TIME {
                let limit = REPORT_TIME.0 / 1000;
                return self.warn(&format!(
                    "{left} report files are not read: all together took more than {limit} s"
                ));
            }
            if bytes > REPORT_BYTES {
                let limit = REPORT_BYTES / 1024 / 1024;
                return self.warn(&format!(
                    "{left} report files are not read: all together have more than {limit} MiB"
                ));
            }
            match files::read(&workspace.join(path), REPORT_FILE_BYTES) {
                Ok(text) => {
                    bytes += text.len() as u64;
                    // The same file in two places: tools copy their reports together.
                    if seen.insert(hasher.hash_one(&text)) {
                        self.read_report(path, &text, asked);
                    }
                }
                Err(error) => self.warn(&format!("The report {} is not used: {error}", path.display())),
            }
        }
    }

    fn read_report(&mut self, path: &Path, text: &str, asked: bool) {
        let workspace = &self.surroundings.layout.workspace;
        let directory = workspace.join(path);
        let paths = self
            .reports
            .paths(workspace, directory.parent().unwrap_or(workspace));
        let shown = path.display();
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            match sarif::parse(text) {
                Ok(findings) => {
                    let count = findings.annotations.len();
                    self.log.text(&format!("Report {shown}: {count} results."));
                    if let Some(problem) = &findings.problem {
                        let broken = findings.broken;
                        self.warn(&format!(
                            "Of the report {shown} {broken} results are not used: {problem}"
                        ));
                    }
                    for annotation in findings.annotations {
                        let annotation = self.masked(annotation);
                        self.reports.found(annotation, &paths);
                    }
                }
                Err(problem) => self.warn(&format!("The report {shown} is no SARIF: {problem}")),
            }
            return;
        }
        match junit::parse(text) {
            Ok(run) => {
                let tests = run.passed + run.failed + run.skipped;
                self.log
                    .text(&format!("Report {shown}: {tests} tests, {} failed.", run.failed));
                self.reports.reported(run, &paths, self.log.masks());
            }
            Err(JunitError::Empty) if text.trim().is_empty() => {
                self.warn(&format!("The report {shown} is empty"));
            }
            // Found by its name only, which other files have, too.
            Err(JunitError::OtherXml(_)) if !asked => {}
            Err(problem) => self.warn(&format!("The report {shown} is no JUnit XML: {problem}")),
        }
    }

    fn masked(&self, annotation: crate::commands::Annotation) -> crate::commands::Annotation {
        let masks = self.log.masks();
        crate::commands::Annotation {
            message: masks.apply(&annotation.message),
            title: annotation.title.map(|title| masks.apply(&title)),
            // A path with a secret in it is none that could be shown.
            file: annotation.file.map(|file| masks.apply(&file)),
            ..annotation
        }
    }

    fn warn(&mut self, sentence: &str) {
        self.log.text(&format!("##[warning]{sentence}."));
    }
}
