//! The numbers of a workflow file's runs: `github.run_number`.
//!
//! GitHub docs: "A unique number for each run of a particular workflow in a repository. This number begins at 1 for the
//! workflow's first run, and increments with each new run. This number does not change if you re-run the workflow run."

use crate::ids::{RepositoryId, RunId, WorkflowId};
use crate::limits::RUN_NUMBERS_KNOWN;
use serde::{Deserialize, Serialize};

/// How often a workflow file of a repository has run. Its row is written before the run is, and knows the newest runs by
/// name: planning that was cut off in between finds the number that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNumbers {
    pub repository: RepositoryId,
    pub id: WorkflowId,
    /// The file's path, for people.
    pub path: String,
    /// Of the newest run; 0 before the first.
    pub last: u64,
    /// The newest runs, the newest last; no more than [`RUN_NUMBERS_KNOWN`].
    pub newest: Vec<RunId>,
    /// The repository's own commits have it, so it is never forgotten. Of a file that only forks have, anybody could make any
    /// number.
    pub kept: bool,
    /// Bumped by every write; a write names the version it read.
    pub version: u64,
}

impl RunNumbers {
    /// Of a file that has not run, before its row is written.
    #[must_use]
    pub fn new(repository: RepositoryId, path: &str) -> Self {
        Self {
            repository,
            id: WorkflowId::derive(path),
            path: path.to_owned(),
            last: 0,
            newest: Vec::new(),
            kept: false,
            version: 0,
        }
    }

    /// The number of one of the newest runs.
    #[must_use]
    pub fn of(&self, run: &RunId) -> Option<u64> {
        let after = self.newest.iter().rev().position(|known| known == run)?;
        self.last.checked_sub(u64::try_from(after).ok()?)
    }

    /// With one more run, whose number is then [`RunNumbers::last`]; `kept` where a commit of the repository's own runs.
    #[must_use]
    pub fn with(&self, run: &RunId, kept: bool) -> Self {
        let mut newest = self.newest.clone();
        newest.push(run.clone());
        let known = newest.len().saturating_sub(RUN_NUMBERS_KNOWN);
        newest.drain(..known);
        Self {
            last: self.last + 1,
            newest,
            kept: self.kept || kept,
            version: self.version + 1,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u64) -> RunId {
        format!("{n:016x}").parse().unwrap()
    }

    #[test]
    fn runs_are_counted_from_1() {
        let none = RunNumbers::new(RepositoryId(7), "ci.yml");
        assert_eq!((none.last, none.of(&run(1))), (0, None));
        let two = none.with(&run(1), false).with(&run(2), false);
        assert_eq!(
            (two.of(&run(1)), two.of(&run(2)), two.of(&run(3))),
            (Some(1), Some(2), None)
        );
        assert_eq!((two.last, two.version), (2, 2));
    }

    #[test]
    fn the_newest_are_known_by_name() {
        let known = RUN_NUMBERS_KNOWN as u64;
        let mut numbers = RunNumbers::new(RepositoryId(7), "ci.yml");
        for n in 1..=known + 5 {
            numbers = numbers.with(&run(n), false);
        }
        assert_eq!(
            (numbers.last, numbers.newest.len()),
            (known + 5, RUN_NUMBERS_KNOWN)
        );
        for n in 1..=known + 5 {
            assert_eq!(numbers.of(&run(n)), (n > 5).then_some(n), "{n}");
        }
    }

    #[test]
    fn a_file_of_the_repositorys_own_stays_one() {
        let forks = RunNumbers::new(RepositoryId(7), "ci.yml").with(&run(1), false);
        assert!(!forks.kept);
        assert!(forks.with(&run(2), true).with(&run(3), false).kept);
    }
}
