//! git at work on one directory: its words in the log, its faults judged, the token shown to nobody but the remote.

use super::{configuration, credentials, is_local, is_permanent};
use crate::environment::Variables;
use crate::exec::{self, Ended, Graces, Program};
use crate::job::control::Control;
use crate::log::lines::Lines;
use crate::log::writer::LogWriter;
use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Before the second and third try of what the network may have broken. GitHub's checkout waits 10 to 20 s, twice.
pub const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];
/// Of what git says, the last part is kept to judge a failure by, in bytes.
const KEPT_BYTES: usize = 16 * 1024;
/// Between two looks at how large a directory has grown.
const SIZE_INTERVAL: Duration = Duration::from_millis(250);

/// How git is called, for one remote.
pub struct Git<'a> {
    pub program: PathBuf,
    /// The step's variables.
    pub environment: Variables,
    pub url: &'a str,
    pub token: Option<&'a str>,
    /// Where files of ours may be written.
    pub ours: &'a Path,
    pub graces: Graces,
    pub retry_delays: &'a [Duration],
    pub deadline: Option<Instant>,
    pub control: Control,
    /// Goes on when the job is cancelled.
    pub goes_on: bool,
    /// How many bytes the directory it works in may come to hold; none is no limit.
    pub bytes_max: Option<u64>,
    /// What it does and says is not for the log.
    pub quiet: bool,
}

/// What git said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    /// The last part of it.
    pub text: String,
}

/// Why a call did no good.
#[derive(Debug)]
pub enum GitFault {
    /// A sentence without its full stop; `permanent` where it will be the same next time.
    Failed {
        sentence: String,
        permanent: bool,
    },
    /// The directory holds more than it may.
    TooLarge,
    Ended(Ended),
}

impl Git<'_> {
    /// A call that has to work, of a kind that the network can't break.
    ///
    /// # Errors
    /// See [`GitFault`].
    pub async fn must(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, GitFault> {
        let said = self.call(directory, arguments, log).await?;
        if said.code == 0 {
            Ok(said)
        } else {
            Err(failed(arguments, &said))
        }
    }

    /// A call that the network can break: tried again, unless what git says shows that it is no use.
    ///
    /// # Errors
    /// See [`GitFault`].
    pub async fn retried(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, GitFault> {
        for delay in self.retry_delays {
            let said = self.call(directory, arguments, log).await?;
            if said.code == 0 {
                return Ok(said);
            }
            if is_permanent(&said.text) {
                return Err(failed(arguments, &said));
            }
            log.text(&format!(
                "##[warning]git {} failed; trying again in {} s.",
                arguments[0],
                delay.as_secs()
            ));
            self.wait(*delay).await?;
        }
        self.must(directory, arguments, log).await
    }

    async fn wait(&self, delay: Duration) -> Result<(), GitFault> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = self.control.clone().stop_of_step(|| self.goes_on) => Err(GitFault::Ended(Ended::Stopped)),
        }
    }

    /// Calls git, its words going to the log. They are no workflow commands: a server has no say here.
    ///
    /// # Errors
    /// See [`GitFault`]; an exit code other than 0 is none.
    pub async fn call(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, GitFault> {
        let program = Program {
            path: self.program.clone(),
            arguments: arguments.iter().map(OsString::from).collect(),
            directory: directory.to_owned(),
            environment: self.variables()?,
        };
        let quiet = self.quiet || matches!(arguments[0], "config" | "rev-parse" | "ls-remote");
        if !quiet {
            log.text(&format!("[command]git {}", arguments.join(" ")));
        }
        let mut lines = Lines::default();
        let mut kept: Vec<u8> = Vec::new();
        let output = |bytes: &[u8]| {
            kept.extend_from_slice(bytes);
            let excess = kept.len().saturating_sub(KEPT_BYTES);
            kept.drain(..excess);
            if !quiet {
                lines.push(bytes, log.masks()).iter().for_each(|line| {
                    log.output(&line.text);
                });
                log.flush();
            }
            log.fault().is_none()
        };
        let timeout = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let too_large = Cell::new(false);
        let stop = async {
            tokio::select! {
                () = self.control.clone().stop_of_step(|| self.goes_on) => {}
                () = grows_beyond(directory, self.bytes_max) => too_large.set(true),
            }
        };
        let ended = exec::run(&program, self.graces, timeout, stop, output).await;
        if let Some(line) = lines.finish().filter(|_| !quiet) {
            log.output(&line.text);
            log.flush();
        }
        if too_large.get() || self.bytes_max.is_some_and(|most| bytes_of(directory) > most) {
            return Err(GitFault::TooLarge);
        }
        match ended {
            Ok(Ended::Exited(code)) => Ok(Said {
                code,
                text: String::from_utf8_lossy(&kept).into_owned(),
            }),
            Ok(ended) => Err(GitFault::Ended(ended)),
            Err(error) => Err(broken(format!("git could not be started: {error}"))),
        }
    }

    fn variables(&self) -> Result<Variables, GitFault> {
        let mut variables = self.environment.clone();
        variables.retain(|name, _| !name.starts_with("GIT_"));
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        set("GIT_TERMINAL_PROMPT", "0");
        set("GIT_LFS_SKIP_SMUDGE", "1");
        set("LC_ALL", "C");
        // No helper may answer with the user's own password.
        let mut settings = vec![
            ("credential.helper".to_owned(), String::new()),
            ("protocol.version".to_owned(), "2".to_owned()),
        ];
        settings.extend(self.token.and_then(|token| credentials(self.url, token)));
        if is_local(self.url) {
            // A repository of another user of this machine; its git process reads nothing but this file.
            let path = self.ours.join("gitconfig");
            fs::write(&path, "[safe]\n\tdirectory = *\n")
                .map_err(|error| broken(format!("git's settings can't be written: {error}")))?;
            set("GIT_CONFIG_GLOBAL", &path.to_string_lossy());
            set("GIT_CONFIG_NOSYSTEM", "1");
            settings.push(("protocol.file.allow".to_owned(), "always".to_owned()));
        }
        variables.extend(configuration(&settings));
        Ok(variables)
    }
}

const fn broken(sentence: String) -> GitFault {
    GitFault::Failed {
        sentence,
        permanent: false,
    }
}

fn failed(arguments: &[&str], said: &Said) -> GitFault {
    let lines = said.text.lines().rev().map(str::trim);
    let last = lines
        .clone()
        .find(|line| line.starts_with("fatal: "))
        .or_else(|| lines.clone().find(|line| !line.is_empty()))
        .unwrap_or("it said nothing");
    GitFault::Failed {
        sentence: format!("git {} failed with exit code {}: {last}", arguments[0], said.code),
        permanent: is_permanent(&said.text),
    }
}

/// Ready once the directory holds more than so many bytes.
async fn grows_beyond(directory: &Path, most: Option<u64>) {
    let Some(most) = most else {
        return std::future::pending().await;
    };
    while bytes_of(directory) <= most {
        tokio::time::sleep(SIZE_INTERVAL).await;
    }
}

/// Of all files in the directory. What vanishes meanwhile, or can't be read, is nothing.
fn bytes_of(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => bytes_of(&entry.path()),
            Ok(_) => entry.metadata().map_or(0, |data| data.len()),
            Err(_) => 0,
        })
        .sum()
}
