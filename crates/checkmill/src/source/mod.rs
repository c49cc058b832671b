//! The repository that `checkmill run` and `plan` work on: a directory, turned into one commit in a bare repository of our own, from
//! which the jobs check out. The user's repository is read and never written.

mod git;
mod prepare;
mod refs;
#[cfg(test)]
mod tests;

use anyhow::Context as _;
use checkmill_core::CommitSha;
use checkmill_core::policy::Policy;
use checkmill_phases::dirs::{self, POLICY_PATH};
use checkmill_workflow::{Diagnostics, parse_policy};
use git::Git;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
pub(crate) use prepare::prepare;
pub(crate) use refs::{Base, DefaultBranch, base};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What a URL's path must not hold as it is.
const NOT_IN_A_PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The branch of a pull request's changes where it can't be the one that is checked out.
const HEAD_BRANCH: &str = "changes";

/// A commit to run, and where `git` finds it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The bare repository.
    pub(crate) git_dir: PathBuf,
    pub(crate) sha: CommitSha,
    /// Its first parent, if it has one.
    pub(crate) parent: Option<CommitSha>,
    /// Full ref, such as `refs/heads/main`.
    pub(crate) git_ref: String,
    /// The default branch of the repository that this one was cloned from, where git knows it.
    pub(crate) default_branch: Option<DefaultBranch>,
    /// What the commit stands for, in words for people.
    pub(crate) description: String,
}

/// The directory's name as a repository's name.
pub(crate) fn repository_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = full
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).take(100).collect();
    if name.trim_matches('.').is_empty() {
        "repository".to_owned()
    } else {
        name
    }
}

/// The commit that a name of the repository at `path` means.
///
/// # Errors
/// When there is no such repository or commit.
pub(crate) fn resolve(path: &Path, name: &str) -> anyhow::Result<CommitSha> {
    let commit = format!("{name}^{{commit}}");
    let sha = Git::at(path)
        .run(&["rev-parse", "--verify", "--end-of-options", &commit])
        .with_context(|| format!("{} has no commit {name:?}.", path.display()))?;
    Ok(sha.parse()?)
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// As git writes it, such as `100644`.
    pub(crate) mode: String,
    /// The blob's id.
    pub(crate) id: String,
    pub(crate) size_bytes: u64,
    pub(crate) path: String,
}

impl Source {
    fn git(&self) -> Git<'_> {
        Git::bare(&self.git_dir)
    }

    /// Where jobs fetch the commit.
    pub(crate) fn clone_url(&self) -> String {
        let path = percent_encode(self.git_dir.as_os_str().as_bytes(), &NOT_IN_A_PATH);
        format!("file://{path}")
    }

    /// All files of a commit; submodules are none.
    ///
    /// # Errors
    /// When there is no such commit or git fails.
    pub(crate) fn tree(&self, sha: &CommitSha) -> anyhow::Result<Vec<TreeFile>> {
        let list = self.git().run(&["ls-tree", "-r", "-l", "-z", sha.as_str()])?;
        // MODE SP TYPE SP ID SP+ SIZE TAB PATH
        let line = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let mut facts = facts.split_ascii_whitespace();
            let (mode, kind, id, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
            let file = || TreeFile {
                mode: mode.to_owned(),
                id: id.to_owned(),
                size_bytes: size.parse().unwrap_or(0),
                path: path.to_owned(),
            };
            (kind == "blob").then(file)
        };
        Ok(list.split('\0').filter_map(line).collect())
    }

    /// Parents and message of a commit.
    ///
    /// # Errors
    /// When there is no such commit or git fails.
    pub(crate) fn commit(&self, sha: &CommitSha) -> anyhow::Result<(Vec<CommitSha>, String)> {
        let text = self.git().run(&["log", "-1", "--format=%P%n%B", sha.as_str()])?;
        let (parents, message) = text.split_once('\n').unwrap_or((&text, ""));
        let parents = parents
            .split_ascii_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok((parents, message.to_owned()))
    }

    /// A file's content by its blob's id.
    ///
    /// # Errors
    /// When there is no such blob or git fails.
    pub(crate) fn blob(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        self.git().bytes(&["cat-file", "blob", id])
    }

    /// The workflow files of the commit that count under a policy, with their contents, by path.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn workflows(&self, policy: &Policy) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        self.workflows_at(&self.sha, policy)
    }

    /// Those of another commit.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn workflows_at(
        &self,
        sha: &CommitSha,
        policy: &Policy,
    ) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let is_one =
            |path: &str| (path.ends_with(".yml") || path.ends_with(".yaml")) && dirs::counts(path, policy);
        let files = self.tree(sha)?.into_iter().filter(|file| is_one(&file.path));
        files.map(|file| Ok((file.path, self.blob(&file.id)?))).collect()
    }

    /// A file of a commit; none where it is not there.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn file(&self, sha: &CommitSha, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let file = self.tree(sha)?.into_iter().find(|file| file.path == path);
        file.map(|file| self.blob(&file.id)).transpose()
    }

    /// The policy of a commit; the default where it has none, or a broken one, which planning reports.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn policy(&self, sha: &CommitSha) -> anyhow::Result<Policy> {
        Ok(self.parsed_policy(sha)?.unwrap_or_default())
    }

    /// The same with what is wrong with it.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn parsed_policy(&self, sha: &CommitSha) -> anyhow::Result<Result<Policy, Diagnostics>> {
        let Some(bytes) = self.file(sha, POLICY_PATH)? else {
            return Ok(Ok(Policy::default()));
        };
        Ok(parse_policy(POLICY_PATH, &String::from_utf8_lossy(&bytes)))
    }

    /// The commit whose policy holds when a branch, or a tag (none), is at `at`: the default branch's. Where git knows of none, what
    /// is there is taken for it.
    pub(crate) fn policy_commit(&self, branch: Option<&str>, at: &CommitSha) -> CommitSha {
        match &self.default_branch {
            Some(default) if branch != Some(default.name.as_str()) => default.sha.clone(),
            _ => at.clone(),
        }
    }

    /// The branches of a pull request: whose changes it has, and what it is to be merged into. It comes from the branch that is
    /// checked out where it is for another one, and where that one is not the default branch, whose policy holds as it is.
    pub(crate) fn of_pull_request(&self, current: &str, base: Option<&Base>) -> (String, String) {
        let onto = base.and_then(|base| base.branch.as_deref()).unwrap_or(current);
        let is_default = self
            .default_branch
            .as_ref()
            .is_some_and(|one| one.name == current);
        let head = match onto == current || is_default {
            true => HEAD_BRANCH,
            false => current,
        };
        (head.to_owned(), onto.to_owned())
    }

    /// Whose policy holds, as the end of a sentence; nothing where the commit's own says the same.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn policy_note(&self, of: &CommitSha) -> anyhow::Result<String> {
        if self.file(of, POLICY_PATH)? == self.file(&self.sha, POLICY_PATH)? {
            return Ok(String::new());
        }
        let name = match &self.default_branch {
            Some(default) => default.name.as_str(),
            None => of.as_str().get(..7).unwrap_or_default(),
        };
        Ok(format!(", under the policy of {name}"))
    }

    /// The branch that the event is about; none for a tag.
    pub(crate) fn branch(&self) -> Option<&str> {
        self.git_ref.strip_prefix("refs/heads/")
    }

    /// The paths in which a commit differs from an earlier one; all of its files where there is none.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn changed(&self, from: Option<&CommitSha>) -> anyhow::Result<Vec<String>> {
        let Some(from) = from else {
            return Ok(self.tree(&self.sha)?.into_iter().map(|file| file.path).collect());
        };
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--no-renames",
            "--name-only",
            from.as_str(),
            self.sha.as_str(),
        ];
        let list = self.git().run(&args)?;
        Ok(list
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Where the history of the commit and another one's part; none where they have nothing in common.
    pub(crate) fn merge_base(&self, other: &CommitSha) -> Option<CommitSha> {
        let args = ["merge-base", other.as_str(), self.sha.as_str()];
        self.git().run(&args).ok()?.parse().ok()
    }
}
