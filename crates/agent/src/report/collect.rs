//! What a job has said so far, from its steps and its files, within limits and each thing once.

use super::TestRun;
use super::console::Console;
use super::files::{Known, Search, Seen};
use super::matcher::{self, Matched, Matchers};
use super::paths::Paths;
use super::place::Place;
use super::repository::Repository;
use super::summary::{self, Tests};
use crate::annotations::Annotations;
use crate::clock::SharedClock;
use crate::commands::Annotation;
use crate::mask::Masks;
use checkmill_core::UnixMillis;
use checkmill_core::limits::PROBLEM_MATCHER_FILE_BYTES;
use checkmill_workflow::job::{ResultAnnotation, TestSummary};
use std::path::Path;

/// The reports of one job.
#[derive(Debug)]
pub struct Reports {
    annotations: Annotations,
    matchers: Matchers,
    tests: Tests,
    repository: Repository,
    /// Files that look like reports and are not the job's.
    known: Known,
    /// When the job began: what is older is not its.
    since: UnixMillis,
}

impl Reports {
    /// Of a job of this repository.
    #[must_use]
    pub fn new(since: UnixMillis, repository: Repository) -> Self {
        Self {
            annotations: Annotations::default(),
            matchers: Matchers::default(),
            tests: Tests::default(),
            repository,
            known: Known::default(),
            since,
        }
    }

    pub const fn annotations_mut(&mut self) -> &mut Annotations {
        &mut self.annotations
    }

    /// The repository was checked out into this directory, relative to the workspace.
    pub fn checked_out(&mut self, directory: &Path) {
        self.repository.checked_out(directory);
    }

    /// Where the files are that a tool names in this directory.
    #[must_use]
    pub fn paths(&self, workspace: &Path, directory: &Path) -> Paths {
        Paths::new(workspace, directory).of(&self.repository)
    }

    /// How many annotations were not kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.annotations.dropped()
    }

    /// Remembers the files that a step has brought: they are not the job's.
    pub fn bring(&mut self, before: &Seen, after: Seen) {
        self.known.bring(before, after);
    }

    /// Finds what the job has written.
    #[must_use]
    pub fn written(&self, search: &Search<'_>, clock: &SharedClock) -> super::files::FoundFiles {
        search.written(&self.known, self.since, clock)
    }

    /// Registers the matchers of a file; what is wrong with it, sentences' ends that name the place.
    pub fn add_matchers(&mut self, file: &Path) -> Vec<String> {
        match super::files::read(file, PROBLEM_MATCHER_FILE_BYTES) {
            Ok(text) => match matcher::parse(&text) {
                Ok((matchers, mut problems)) => {
                    problems.extend(self.matchers.add(matchers).err());
                    problems
                }
                Err(problem) => vec![format!("it is no file of problem matchers: {problem}")],
            },
            Err(error) => vec![format!("it can't be read: {error}")],
        }
    }

    /// Removes matchers: the one of this owner, or all that a file names; what is wrong.
    pub fn remove_matchers(&mut self, owner: Option<&str>, file: &Path) -> Option<String> {
        if let Some(owner) = owner {
            self.matchers.remove(owner);
            return None;
        }
        let text = match super::files::read(file, PROBLEM_MATCHER_FILE_BYTES) {
            Ok(text) => text,
            Err(error) => return Some(format!("it can't be read: {error}")),
        };
        match matcher::parse(&text) {
            Ok((matchers, _)) => {
                for matcher in matchers {
                    self.matchers.remove(matcher.owner());
                }
                None
            }
            Err(problem) => Some(format!("it is no file of problem matchers: {problem}")),
        }
    }

    /// A step begins.
    pub fn begin_step(&mut self) {
        self.matchers.reset();
    }

    /// Takes a line of a step, masked and without terminal controls; whether the first annotation had to be left out.
    pub fn line(&mut self, line: &str, console: Option<&mut Console>, paths: &Paths) -> bool {
        let matched = self.matchers.line(line);
        let recognised = console.map(|console| console.line(line)).unwrap_or_default();
        match matched {
            // What a job says of a line itself comes before what we make of it.
            Some(matched) => self.matched(matched, paths),
            None => {
                let mut full = false;
                for annotation in recognised {
                    full |= self.found(annotation, paths);
                }
                full
            }
        }
    }

    /// What a job says itself is kept: as on GitHub, a file that is none of the repository is left out, and with it the line.
    fn matched(&mut self, matched: Matched, paths: &Paths) -> bool {
        let Matched {
            annotation,
            from_path,
        } = matched;
        let path = annotation.file.as_deref().and_then(|file| match &from_path {
            Some(project) => paths.find_beside(project, file),
            None => paths.find(&Place::new(file, None)),
        });
        self.annotations.recognise(match path {
            Some(path) => Annotation {
                file: Some(path),
                ..annotation
            },
            None => Annotation {
                file: None,
                line: None,
                end_line: None,
                column: None,
                end_column: None,
                ..annotation
            },
        })
    }

    /// Keeps an annotation whose file is one of the repository.
    pub fn found(&mut self, annotation: Annotation, paths: &Paths) -> bool {
        let path = annotation
            .file
            .as_deref()
            .and_then(|file| paths.find(&Place::new(file, None)));
        match path {
            Some(path) => self.annotations.recognise(Annotation {
                file: Some(path),
                ..annotation
            }),
            None => false,
        }
    }

    /// The tests that a step has printed.
    pub fn printed(&mut self, runs: Vec<TestRun>, paths: &Paths, masks: &Masks) {
        for run in runs {
            self.tests.printed(run, paths, masks);
        }
    }

    /// The tests of a report file.
    pub fn reported(&mut self, run: TestRun, paths: &Paths, masks: &Masks) {
        self.tests.reported(run, paths, masks);
    }

    /// All of it; failed tests have an annotation where their place is known. How many annotations were left out comes last.
    #[must_use]
    pub fn finish(mut self) -> (Vec<ResultAnnotation>, TestSummary, usize) {
        let tests = self.tests.summary();
        for annotation in tests.failures.iter().filter_map(summary::annotation) {
            self.annotations.add_test(annotation);
        }
        let dropped = self.annotations.dropped();
        (self.annotations.into_kept(), tests, dropped)
    }
}
