//! `actions/checkout`, built in: the exact commit of the event, without history, as GitHub's own action does it by default.
//!
//! Differences on purpose: the token is never written to `.git/config`. With `persist-credentials: true` later steps get it
//! by environment; without, which is the default here, they don't get it. Git LFS, sparse checkouts, SSH and other
//! repositories are refused.

pub mod options;

use crate::environment::Variables;
use crate::exec::Ended;
use crate::git;
use crate::git::calls::{Git, GitFault};
use crate::log::writer::LogWriter;
use checkmill_workflow::job::CheckoutSource;
use options::{Options, Submodules};
use std::fs;
use std::io;
use std::path::Path;

/// Everything a checkout needs.
pub struct Checkout<'a> {
    pub source: &'a CheckoutSource,
    pub options: &'a Options,
    pub workspace: &'a Path,
    /// For the source's URL and with the token to use.
    pub git: Git<'a>,
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

impl From<GitFault> for CheckoutFault {
    fn from(fault: GitFault) -> Self {
        match fault {
            GitFault::Failed { sentence, .. } => Self::Infrastructure(sentence),
            GitFault::TooLarge => Self::Infrastructure("the repository is larger than it may be".to_owned()),
            GitFault::Ended(ended) => Self::Ended(ended),
        }
    }
}

/// Whether only who may write to the repository can have made the ref: anybody can make a `refs/pull/N/head`.
fn is_own(git_ref: &str) -> bool {
    ["refs/heads/", "refs/tags/"]
        .iter()
        .any(|prefix| git_ref.starts_with(prefix))
}

fn not_own(asked: &str) -> CheckoutFault {
    CheckoutFault::Configuration(format!(
        "ref: {asked:?} is no branch or tag of the repository, and this job must not run what a fork's pull request holds: it \
         has rights that nobody gave the fork. Use `pull_request`; or let the fork's commits wait for an approval with \
         `pull_request_target: {{forks: approval}}` in the policy, after which a job of \
         `pull_request_target` may check out the approved one by its id, `github.event.pull_request.head.sha`"
    ))
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
            self.git
                .must(&directory, &["clean", "-ffdx", "--quiet"], log)
                .await?;
        }
        self.submodules(&directory, log).await?;
        let commit = self.git.must(&directory, &["rev-parse", "HEAD"], log).await?.text;
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
        let token = self.git.token.filter(|_| self.options.persist_credentials);
        let setting = token.and_then(|token| git::credentials(&self.source.clone_url, token));
        setting.map_or_else(Variables::new, |setting| git::configuration(&[setting]))
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
                .git
                .call(directory, &["config", "--get", "remote.origin.url"], log)
                .await?;
            if said.code == 0 && said.text.trim() == url {
                return Ok(false);
            }
        }
        empty(directory).map_err(failed)?;
        // Without a template there are no hooks but the job's own.
        self.git
            .must(directory, &["init", "--quiet", "--template=", "."], log)
            .await?;
        self.git
            .must(directory, &["remote", "add", "origin", url], log)
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
        let only = self.source.only.as_deref();
        if git::is_sha(asked) {
            let known = |only: &[String]| only.iter().any(|sha| sha.eq_ignore_ascii_case(asked));
            if only.is_some_and(|only| !known(only)) {
                return Err(not_own(asked));
            }
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
        if only.is_some() && asked.starts_with("refs/") && !is_own(asked) {
            return Err(not_own(asked));
        }
        let candidates = if asked.starts_with("refs/") {
            vec![asked.to_owned()]
        } else {
            vec![format!("refs/heads/{asked}"), format!("refs/tags/{asked}")]
        };
        let mut arguments = vec!["ls-remote", "origin"];
        arguments.extend(candidates.iter().map(String::as_str));
        let listed = self.git.retried(directory, &arguments, log).await?.text;
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
        } else {
            // `checkmill run` in a shallow clone: all of the history that is there.
            arguments.push("--update-shallow".to_owned());
            if directory.join(".git/shallow").exists() {
                arguments.push("--unshallow".to_owned());
            }
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
        self.git.retried(directory, &arguments, log).await?;
        if let (Some(tracking), None) = (&tracking, self.options.depth) {
            // The branch may have moved on; here it stands at the event's commit.
            self.git
                .must(directory, &["update-ref", tracking, &target.sha], log)
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
                self.git
                    .must(
                        directory,
                        &["checkout", "--quiet", "--force", "-B", branch, &remote],
                        log,
                    )
                    .await?
            }
            None => {
                self.git
                    .must(
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
        self.git.must(directory, &sync, log).await?;
        self.git.retried(directory, &update, log).await?;
        Ok(())
    }
}

struct Target {
    sha: String,
    git_ref: Option<String>,
    /// `sha` is a commit, and not perhaps an annotated tag.
    exact: bool,
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
