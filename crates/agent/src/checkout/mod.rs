//! `actions/checkout`, built in: the exact commit of the event, without history, as GitHub's own action does it by default.
//!
//! Differences on purpose: the token is never written to `.git/config`. With `persist-credentials: true` later steps get it
//! by environment; without, which is the default here, they don't get it. Git LFS, sparse checkouts, SSH and other
//! repositories are refused.

pub mod git;
pub mod options;

use crate::environment::Variables;
use crate::exec::{self, Ended, Graces, Program};
use crate::job::control::Control;
use crate::log::lines::Lines;
use crate::log::writer::LogWriter;
use checkmill_workflow::job::CheckoutSource;
use options::{Options, Submodules};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Before the second and third try of what the network may have broken. GitHub's checkout waits 10 to 20 s, twice.
pub const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];
/// Of what git says, the last part is kept to judge a failure by, in bytes.
const KEPT_BYTES: usize = 16 * 1024;

/// Everything a checkout needs.
pub struct Checkout<'a> {
    pub source: &'a CheckoutSource,
    pub options: &'a Options,
    /// The job's token, where there is one.
    pub token: Option<&'a str>,
    pub workspace: &'a Path,
    /// Where files of ours may be written.
    pub ours: &'a Path,
    pub git: PathBuf,
    /// The step's variables.
    pub environment: Variables,
    pub graces: Graces,
    pub retry_delays: &'a [Duration],
    pub deadline: Option<Instant>,
    pub control: Control,
    /// Goes on when the job is cancelled.
    pub goes_on: bool,
}

/// What was checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    pub commit: String,
    /// The ref that was asked for, or the event's.
    pub git_ref: String,
    /// Variables by which later steps' git has the token, where that was asked for.
    pub credentials: Variables,
}

/// Why nothing was checked out.
#[derive(Debug)]
pub enum CheckoutFault {
    /// The workflow asks for something that isn't there.
    Configuration(String),
    Infrastructure(String),
    Ended(Ended),
}

struct Said {
    code: i32,
    text: String,
}

impl Checkout<'_> {
    /// Checks out into `{workspace}/{path}`.
    ///
    /// # Errors
    /// See [`CheckoutFault`].
    pub async fn run(&self, log: &mut LogWriter) -> Result<CheckedOut, CheckoutFault> {
        if !git::is_supported(&self.source.clone_url) {
            let url = &self.source.clone_url;
            return Err(CheckoutFault::Infrastructure(format!(
                "the clone URL {url:?} is none that git may be given"
            )));
        }
        let directory = self.workspace.join(&self.options.path);
        let fresh = self.prepare(&directory, log).await?;
        let target = self.target(&directory, log).await?;
        self.fetch(&directory, &target, log).await?;
        self.check_out(&directory, &target, log).await?;
        if !fresh && self.options.clean {
            self.must(&directory, &["clean", "-ffdx", "--quiet"], log).await?;
        }
        self.submodules(&directory, log).await?;
        let commit = self.must(&directory, &["rev-parse", "HEAD"], log).await?.text;
        let commit = commit.lines().next_back().unwrap_or_default().trim().to_owned();
        if target.exact && commit != target.sha {
            let message = format!("checked out {commit}, which is not the commit {}", target.sha);
            return Err(CheckoutFault::Infrastructure(message));
        }
        Ok(CheckedOut {
            commit,
            git_ref: target.git_ref.unwrap_or(target.sha),
            credentials: self.credentials(),
        })
    }

    fn credentials(&self) -> Variables {
        let setting = self.auth().filter(|_| self.options.persist_credentials);
        setting.map_or_else(Variables::new, |setting| git::configuration(&[setting]))
    }

    fn auth(&self) -> Option<(String, String)> {
        let token = self.options.token.as_deref().or(self.token)?;
        git::credentials(&self.source.clone_url, token)
    }

    /// A repository with our remote in the directory; whether it is new. What else is there goes, as with GitHub's action.
    async fn prepare(&self, directory: &Path, log: &mut LogWriter) -> Result<bool, CheckoutFault> {
        let failed = |error: io::Error| {
            CheckoutFault::Infrastructure(format!("the workspace can't be prepared: {error}"))
        };
        fs::create_dir_all(directory).map_err(failed)?;
        let url = self.source.clone_url.as_str();
        if directory.join(".git").is_dir() {
            let said = self
                .git(directory, &["config", "--get", "remote.origin.url"], log)
                .await?;
            if said.code == 0 && said.text.trim() == url {
                return Ok(false);
            }
        }
        empty(directory).map_err(failed)?;
        // Without a template there are no hooks but the job's own.
        self.must(directory, &["init", "--quiet", "--template=", "."], log)
            .await?;
        self.must(directory, &["remote", "add", "origin", url], log)
            .await?;
        Ok(true)
    }

    /// The commit to check out, and the ref it is known by.
    async fn target(&self, directory: &Path, log: &mut LogWriter) -> Result<Target, CheckoutFault> {
        let Some(asked) = self.options.git_ref.as_deref() else {
            let git_ref = Some(self.source.git_ref.clone()).filter(|text| git::is_ref(text));
            return Ok(Target {
                sha: self.source.sha.clone(),
                git_ref,
                exact: true,
            });
        };
        if git::is_sha(asked) {
            return Ok(Target {
                sha: asked.to_ascii_lowercase(),
                git_ref: None,
                exact: true,
            });
        }
        if !git::is_ref(asked) {
            return Err(CheckoutFault::Configuration(format!(
                "ref: {asked:?} is not a branch, a tag or a commit"
            )));
        }
        let candidates = if asked.starts_with("refs/") {
            vec![asked.to_owned()]
        } else {
            vec![format!("refs/heads/{asked}"), format!("refs/tags/{asked}")]
        };
        let mut arguments = vec!["ls-remote", "origin"];
        arguments.extend(candidates.iter().map(String::as_str));
        let listed = self.retried(directory, &arguments, log).await?.text;
        let found = candidates.into_iter().find_map(|candidate| {
            let line = listed
                .lines()
                .find(|line| line.split('\t').nth(1) == Some(candidate.as_str()))?;
            Some(Target {
                sha: line.split('\t').next()?.to_owned(),
                git_ref: Some(candidate),
                exact: false,
            })
        });
        found.ok_or_else(|| {
            CheckoutFault::Configuration(format!("ref: the repository has no branch or tag {asked:?}"))
        })
    }

    async fn fetch(
        &self,
        directory: &Path,
        target: &Target,
        log: &mut LogWriter,
    ) -> Result<(), CheckoutFault> {
        let mut arguments: Vec<String> = ["fetch", "--no-recurse-submodules", "--prune", "--force"]
            .map(str::to_owned)
            .into();
        arguments.push(if self.options.tags { "--tags" } else { "--no-tags" }.to_owned());
        if let Some(depth) = self.options.depth {
            arguments.push(format!("--depth={depth}"));
        } else if directory.join(".git/shallow").exists() {
            arguments.push("--unshallow".to_owned());
        }
        arguments.push("origin".to_owned());
        let tracking = target.git_ref.as_deref().and_then(git::tracking_ref);
        match (&tracking, self.options.depth) {
            (Some(tracking), Some(_)) => arguments.push(format!("+{}:{tracking}", target.sha)),
            (None, Some(_)) => arguments.push(target.sha.clone()),
            (_, None) => arguments.extend([
                "+refs/heads/*:refs/remotes/origin/*".to_owned(),
                "+refs/tags/*:refs/tags/*".to_owned(),
                target.sha.clone(),
            ]),
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.retried(directory, &arguments, log).await?;
        if let (Some(tracking), None) = (&tracking, self.options.depth) {
            // The branch may have moved on; here it stands at the event's commit.
            self.must(directory, &["update-ref", tracking, &target.sha], log)
                .await?;
        }
        Ok(())
    }

    async fn check_out(
        &self,
        directory: &Path,
        target: &Target,
        log: &mut LogWriter,
    ) -> Result<(), CheckoutFault> {
        let branch = target
            .git_ref
            .as_deref()
            .and_then(|git_ref| git_ref.strip_prefix("refs/heads/"));
        match branch.filter(|branch| git::is_ref(branch) && *branch != "HEAD") {
            Some(branch) => {
                let remote = format!("refs/remotes/origin/{branch}");
                self.must(
                    directory,
                    &["checkout", "--quiet", "--force", "-B", branch, &remote],
                    log,
                )
                .await?
            }
            None => {
                self.must(
                    directory,
                    &["checkout", "--quiet", "--force", "--detach", &target.sha],
                    log,
                )
                .await?
            }
        };
        Ok(())
    }

    async fn submodules(&self, directory: &Path, log: &mut LogWriter) -> Result<(), CheckoutFault> {
        if self.options.submodules == Submodules::No {
            return Ok(());
        }
        let depth = self.options.depth.map(|depth| format!("--depth={depth}"));
        let mut sync = vec!["submodule", "sync"];
        let mut update = vec!["submodule", "update", "--init", "--force"];
        update.extend(depth.as_deref());
        if self.options.submodules == Submodules::Recursive {
            sync.push("--recursive");
            update.push("--recursive");
        }
        self.must(directory, &sync, log).await?;
        self.retried(directory, &update, log).await.map(|_| ())
    }

    /// A call that has to work, of a kind that the network can't break.
    async fn must(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, CheckoutFault> {
        let said = self.git(directory, arguments, log).await?;
        if said.code == 0 {
            Ok(said)
        } else {
            Err(failed(arguments, &said))
        }
    }

    /// A call that the network can break: tried again, unless what git says shows that it is no use.
    async fn retried(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, CheckoutFault> {
        for delay in self.retry_delays {
            let said = self.git(directory, arguments, log).await?;
            if said.code == 0 {
                return Ok(said);
            }
            if git::is_permanent(&said.text) {
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

    async fn wait(&self, delay: Duration) -> Result<(), CheckoutFault> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = self.control.clone().stop_of_step(|| self.goes_on) => Err(CheckoutFault::Ended(Ended::Stopped)),
        }
    }

    /// Calls git, its words going to the log. They are no workflow commands: a server has no say here.
    async fn git(
        &self,
        directory: &Path,
        arguments: &[&str],
        log: &mut LogWriter,
    ) -> Result<Said, CheckoutFault> {
        let program = Program {
            path: self.git.clone(),
            arguments: arguments.iter().map(OsString::from).collect(),
            directory: directory.to_owned(),
            environment: self.git_environment()?,
        };
        let quiet = matches!(arguments[0], "config" | "rev-parse" | "ls-remote");
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
        let stop = self.control.clone().stop_of_step(|| self.goes_on);
        let ended = exec::run(&program, self.graces, timeout, stop, output).await;
        if let Some(line) = lines.finish().filter(|_| !quiet) {
            log.output(&line.text);
            log.flush();
        }
        match ended {
            Ok(Ended::Exited(code)) => Ok(Said {
                code,
                text: String::from_utf8_lossy(&kept).into_owned(),
            }),
            Ok(ended) => Err(CheckoutFault::Ended(ended)),
            Err(error) => Err(CheckoutFault::Infrastructure(format!(
                "git could not be started: {error}"
            ))),
        }
    }

    fn git_environment(&self) -> Result<Variables, CheckoutFault> {
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
        settings.extend(self.auth());
        if git::is_local(&self.source.clone_url) {
            // A repository of another user of this machine; its git process reads nothing but this file.
            let path = self.ours.join("gitconfig");
            fs::write(&path, "[safe]\n\tdirectory = *\n").map_err(|error| {
                CheckoutFault::Infrastructure(format!("git's settings can't be written: {error}"))
            })?;
            set("GIT_CONFIG_GLOBAL", &path.to_string_lossy());
            set("GIT_CONFIG_NOSYSTEM", "1");
            settings.push(("protocol.file.allow".to_owned(), "always".to_owned()));
        }
        variables.extend(git::configuration(&settings));
        Ok(variables)
    }
}

struct Target {
    sha: String,
    git_ref: Option<String>,
    /// `sha` is a commit, and not perhaps an annotated tag.
    exact: bool,
}

fn failed(arguments: &[&str], said: &Said) -> CheckoutFault {
    let last = said
        .text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it said nothing");
    CheckoutFault::Infrastructure(format!(
        "git {} failed with exit code {}: {last}",
        arguments[0], said.code
    ))
}

/// Removes what is in a directory, but not the directory.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
