//! Calls of the `git` program.

use anyhow::{Context as _, bail};
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Name and mail of the commits we make; fixed dates make the same files the same commit.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "Checkmill"),
    ("GIT_AUTHOR_EMAIL", "checkmill@localhost"),
    ("GIT_AUTHOR_DATE", "2000-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "Checkmill"),
    ("GIT_COMMITTER_EMAIL", "checkmill@localhost"),
    ("GIT_COMMITTER_DATE", "2000-01-01T00:00:00Z"),
];

/// A hook or alias of the caller's repository that runs us must not redirect our git to it.
const NOT_INHERITED: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// git on one repository.
pub(super) struct Git<'a> {
    dir: &'a Path,
    git_dir: Option<&'a Path>,
    variables: Vec<(&'static str, OsString)>,
}

impl<'a> Git<'a> {
    /// On the repository that git finds for a directory.
    pub(super) const fn at(dir: &'a Path) -> Self {
        Self {
            dir,
            git_dir: None,
            variables: Vec::new(),
        }
    }

    /// On a bare repository. It is named, as `safe.bareRepository` may forbid git to find one.
    pub(super) const fn bare(git_dir: &'a Path) -> Self {
        Self {
            dir: git_dir,
            git_dir: Some(git_dir),
            variables: Vec::new(),
        }
    }

    /// On a bare repository, with the files of a directory.
    pub(super) fn with_files_of(dir: &'a Path, git_dir: &'a Path) -> Self {
        let git = Self {
            dir,
            ..Self::bare(git_dir)
        };
        git.with("GIT_WORK_TREE", dir)
    }

    /// With a variable in its environment.
    pub(super) fn with(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// Runs git and gives what it printed, without the newline at the end.
    ///
    /// # Errors
    /// When git can't be started or fails.
    pub(super) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> anyhow::Result<String> {
        let printed = self.bytes(args)?;
        Ok(String::from_utf8_lossy(&printed)
            .trim_end_matches('\n')
            .to_owned())
    }

    /// Runs git and gives what it printed.
    ///
    /// # Errors
    /// When git can't be started or fails.
    pub(super) fn bytes<S: AsRef<OsStr>>(&self, args: &[S]) -> anyhow::Result<Vec<u8>> {
        self.fed(args, "")
    }

    /// The same with an input for git, which may not print much before it has read all of it.
    ///
    /// # Errors
    /// When git can't be started or fails.
    pub(super) fn fed<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> anyhow::Result<Vec<u8>> {
        let mut command = Command::new("git");
        command.current_dir(self.dir);
        for variable in NOT_INHERITED {
            command.env_remove(variable);
        }
        command.envs(IDENTITY).envs(self.variables.iter().cloned());
        if let Some(git_dir) = self.git_dir {
            command.arg("--git-dir").arg(git_dir);
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("`git` can't be started. Install git and try again.")?;
        if let Some(mut stdin) = child.stdin.take() {
            // What git doesn't read, it says itself.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let words: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
            bail!(
                "`git {}` failed: {}",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(output.stdout)
    }
}
