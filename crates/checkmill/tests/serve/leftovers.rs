//! The end of every conversation: nothing may be left over, and no secret may have been written down.

use crate::served::Served;
use checkmill_testkit::FakeGitHub;
use regex_lite::Regex;
use std::path::{Path, PathBuf};

impl Served {
    /// Ends the program and looks at what it leaves: no process of a job, no open check, nothing that GitHub had to refuse,
    /// no secret in its data directory or its log.
    pub(crate) async fn finish(self) {
        self.finish_but(&[]).await;
    }

    /// The same where these errors had to be logged.
    pub(crate) async fn finish_but(mut self, expected: &[&str]) {
        self.no_job_runs().await;
        self.end().await;
        let leftovers = self.github.leftovers();
        assert!(leftovers.is_empty(), "{leftovers:#?}\n{}", self.github.history());
        self.no_secret_was_kept();
        // Errors are for what an operator must look at.
        let log = self.log();
        let (known, errors): (Vec<_>, Vec<_>) = log
            .lines()
            .filter(|line| line.contains(r#""level":"ERROR""#))
            .partition(|line| expected.iter().any(|expected| line.contains(expected)));
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(known.len(), expected.len(), "{known:#?}");
    }

    /// Waits until no process of a job is left: those that a job started, and its agent.
    pub(crate) async fn no_job_runs(&self) {
        let jobs = self.data().canonicalize().unwrap().join("jobs");
        self.until("the jobs' processes to end", || {
            processes_of(&jobs).is_empty().then_some(())
        })
        .await;
    }

    fn no_secret_was_kept(&self) {
        let mut secrets = self
            .github
            .read(|state| state.tokens.keys().cloned().collect::<Vec<_>>());
        assert!(!secrets.is_empty(), "the program has asked for tokens");
        secrets.push(self.github.webhook_secret().to_owned());
        secrets.extend(
            FakeGitHub::app_private_key_pem()
                .lines()
                .nth(1)
                .map(str::to_owned),
        );
        let callback = Regex::new(r"cm1\.[A-Za-z0-9_-]{20}").expect("the pattern is one");
        let look = |place: &str, text: &str| {
            for secret in &secrets {
                assert!(!text.contains(secret), "{place} holds the secret {secret}");
            }
            assert!(!callback.is_match(text), "{place} holds a callback's token");
        };
        look("the log", &self.log());
        for path in files(self.data()) {
            let bytes = std::fs::read(&path).unwrap();
            look(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
        for check in self
            .github
            .read(|state| state.check_runs.values().cloned().collect::<Vec<_>>())
        {
            look(
                &check.name,
                &format!("{:?} {:?}", check.output, check.annotations),
            );
        }
    }
}

/// The processes that run in this directory or name it.
fn processes_of(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let belongs = |process: &PathBuf| {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let named = String::from_utf8_lossy(&command).contains(&dir.display().to_string());
        // Where the directory is gone, the link still begins with its name.
        named || std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
    };
    entries.filter(belongs).collect()
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
