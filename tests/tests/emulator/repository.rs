//! A repository that is there twice with the same commits: on the fake GitHub, whose API the functions ask, and as a git
//! directory, which the jobs clone.

use anyhow::{Context, ensure};
use checkmill_core::CommitSha;
use checkmill_testkit::{FakeGitHub, NewCommit, NewRepository, Role};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Somebody with write permission.
pub(crate) const MAINTAINER: &str = "octocat";

#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) name: String,
    dir: PathBuf,
}

impl Repository {
    pub(crate) fn create(github: &FakeGitHub, name: &str, dir: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir)?;
        let this = Self {
            name: name.to_owned(),
            dir,
        };
        this.git(&["init", "--quiet", "--initial-branch=main"])?;
        // A job fetches the one commit that it is for, whatever branch points to it by then.
        this.git(&["config", "uploadpack.allowAnySHA1InWant", "true"])?;
        let url = format!("file://{}", this.dir.display());
        let repository = NewRepository::new(name)
            .clone_url(&url)
            .collaborator(MAINTAINER, Role::Write);
        github
            .add_repository(repository)
            .context("the fake GitHub takes no repository")?;
        Ok(this)
    }

    /// Commits these files and pushes them to `main`; the webhook goes out at once.
    pub(crate) fn push(
        &self,
        github: &FakeGitHub,
        message: &str,
        files: &[(&str, &str)],
    ) -> anyhow::Result<CommitSha> {
        let mut commit = NewCommit::new(message).by(MAINTAINER);
        for (path, content) in files {
            let file = self.dir.join(path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, content)?;
            commit = commit.write(path, content);
        }
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        let sha: CommitSha = self.git(&["rev-parse", "HEAD"])?.trim().parse()?;
        let pushed = github.push(&self.name, "main", commit.with_sha(sha))?;
        Ok(pushed)
    }

    fn git(&self, args: &[&str]) -> anyhow::Result<String> {
        git(&self.dir, args)
    }
}

fn git(dir: &Path, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=octocat",
            "-c",
            "user.email=octocat@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .context("git can't be started")?;
    ensure!(
        output.status.success(),
        "git {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
