//! Getting an action's repository: by git, one commit of it, from the server that the job's own repository is on.

use super::ActionFault;
use crate::git::calls::{Git, GitFault};
use crate::git::{is_ref, is_sha, is_supported};
use crate::log::writer::LogWriter;
use checkmill_core::limits::ACTION_REPOSITORY_BYTES;
use checkmill_workflow::uses::RepositoryAction;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Where actions come from when the job's repository is on no server (`checkmill run` of a directory).
const DEFAULT_SERVER: &str = "https://github.com";

/// A repository's URL, and whether the job's token is for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub url: String,
    /// It is the job's own repository, the only one that the job's token is for. Others never see that token.
    pub own: bool,
}

impl Remote {
    /// The repository of an action, beside the job's own.
    #[must_use]
    pub fn of(action: &RepositoryAction, clone_url: &str, repository: &str) -> Self {
        let (bare, end) = match clone_url.strip_suffix(".git") {
            Some(bare) => (bare, ".git"),
            None => (clone_url, ""),
        };
        let server = bare
            .strip_suffix(repository)
            .and_then(|server| server.strip_suffix('/'));
        let name = action.repository();
        let own = name.eq_ignore_ascii_case(repository);
        match server {
            Some(server) => Self {
                url: format!("{server}/{name}{end}"),
                own,
            },
            // The job's token is not for that server.
            None => Self {
                url: format!("{DEFAULT_SERVER}/{name}.git"),
                own: false,
            },
        }
    }
}

/// Where a repository at a ref is kept, as GitHub's runner does it: `_actions/owner/name/ref`. A ref that makes no plain
/// name has one that is derived.
#[must_use]
pub fn directory(actions: &Path, action: &RepositoryAction) -> PathBuf {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let git_ref = &action.git_ref;
    let name = if git_ref.bytes().all(plain) && !git_ref.starts_with('.') && git_ref.len() <= 100 {
        git_ref.clone()
    } else {
        format!("ref-{}", &hex::encode(Sha256::digest(git_ref))[..16])
    };
    actions
        .join(action.owner.to_ascii_lowercase())
        .join(action.name.to_ascii_lowercase())
        .join(name)
}

/// Downloads the repository at the action's ref into `directory`; the commit it is.
///
/// # Errors
/// See [`ActionFault`]; each names what was asked for, and why it was not to be had.
pub async fn fetch(
    action: &RepositoryAction,
    git: &Git<'_>,
    directory: &Path,
    log: &mut LogWriter,
) -> Result<String, ActionFault> {
    let broken =
        |error: std::io::Error| ActionFault::Infrastructure(format!("its directory can't be made: {error}"));
    if !is_supported(git.url) {
        return Err(ActionFault::Infrastructure(format!(
            "{:?} is no URL that git may be given",
            git.url
        )));
    }
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(broken)?;
    }
    fs::create_dir_all(directory).map_err(broken)?;
    let commit = resolve(action, git, directory, log).await?;
    // Without a template there are no hooks.
    let init = ["init", "--quiet", "--template=", "."];
    git.must(directory, &init, log)
        .await
        .map_err(|fault| explained(fault, git))?;
    let fetch = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--depth=1",
        git.url,
        &commit,
    ];
    git.retried(directory, &fetch, log)
        .await
        .map_err(|fault| explained(fault, git))?;
    // Of an annotated tag, or a commit that was named by it, the commit.
    let checkout = ["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"];
    git.must(directory, &checkout, log)
        .await
        .map_err(|fault| explained(fault, git))?;
    let said = git.must(directory, &["rev-parse", "HEAD"], log).await;
    let said = said.map_err(|fault| explained(fault, git))?;
    Ok(said
        .text
        .lines()
        .next_back()
        .unwrap_or_default()
        .trim()
        .to_owned())
}

/// What a ref stands for: a branch before a tag of the same name, as with the checkout; a full commit is itself.
async fn resolve(
    action: &RepositoryAction,
    git: &Git<'_>,
    directory: &Path,
    log: &mut LogWriter,
) -> Result<String, ActionFault> {
    let asked = action.git_ref.as_str();
    if is_sha(asked) {
        return Ok(asked.to_ascii_lowercase());
    }
    let unknown = || {
        let shortened = asked.len() >= 7 && asked.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hint = if shortened {
            "; a commit must be named by all of its digits"
        } else {
            ""
        };
        ActionFault::Configuration(format!(
            "the repository {} has no branch or tag {asked:?}{hint}",
            action.repository()
        ))
    };
    if !is_ref(asked) {
        return Err(unknown());
    }
    let candidates = if asked.starts_with("refs/") {
        vec![asked.to_owned()]
    } else {
        vec![format!("refs/heads/{asked}"), format!("refs/tags/{asked}")]
    };
    let mut arguments = vec!["ls-remote", git.url];
    arguments.extend(candidates.iter().map(String::as_str));
    let listed = git.retried(directory, &arguments, log).await;
    let listed = listed.map_err(|fault| explained(fault, git))?.text;
    let found = candidates.iter().find_map(|candidate| {
        let line = listed
            .lines()
            .find(|line| line.split('\t').nth(1) == Some(candidate.as_str()))?;
        line.split('\t')
            .next()
            .filter(|sha| is_sha(sha))
            .map(str::to_owned)
    });
    found.ok_or_else(unknown)
}

fn explained(fault: GitFault, git: &Git<'_>) -> ActionFault {
    match fault {
        GitFault::Failed {
            sentence,
            permanent: true,
        } => {
            let login = if git.token.is_some() {
                "with the job's token"
            } else {
                "without a login; of private repositories only the job's own can be used"
            };
            ActionFault::Configuration(format!("{} can't be read {login}: {sentence}", git.url))
        }
        GitFault::Failed { sentence, .. } => ActionFault::Infrastructure(sentence),
        GitFault::TooLarge => ActionFault::Configuration(format!(
            "its repository is larger than {} MiB",
            ACTION_REPOSITORY_BYTES / (1024 * 1024)
        )),
        GitFault::Ended(ended) => ActionFault::Ended(ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_workflow::uses::ActionReference;

    fn action(text: &str) -> RepositoryAction {
        match text.parse().unwrap() {
            ActionReference::Repository(action) => action,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn actions_come_from_the_jobs_own_server() {
        let table = [
            (
                "https://github.com/octo/hello.git",
                "https://github.com/tools/x.git false",
            ),
            (
                "https://ghe.example.com/octo/hello",
                "https://ghe.example.com/tools/x false",
            ),
            (
                "file:///srv/git/octo/hello.git",
                "file:///srv/git/tools/x.git false",
            ),
            ("file:///home/me/project", "https://github.com/tools/x.git false"),
            (
                "file:///home/me/notocto/hello",
                "https://github.com/tools/x.git false",
            ),
        ];
        for (clone_url, expected) in table {
            let remote = Remote::of(&action("tools/x@v1"), clone_url, "octo/hello");
            assert_eq!(format!("{} {}", remote.url, remote.own), expected, "{clone_url}");
        }
        let own = Remote::of(
            &action("Octo/Hello/x@v1"),
            "https://github.com/octo/hello.git",
            "octo/hello",
        );
        assert!(own.own);
        let local = Remote::of(&action("octo/hello@v1"), "file:///home/me/project", "octo/hello");
        assert!(!local.own, "github.com has nothing to do with that token");
    }

    #[test]
    fn each_ref_has_a_directory_of_its_own() {
        let name = |text: &str| directory(Path::new("/a"), &action(text)).display().to_string();
        assert_eq!(name("Octo/Tool/sub@v1.2"), "/a/octo/tool/v1.2");
        assert_eq!(name("octo/tool@a/b"), "/a/octo/tool/ref-c14cddc033f64b9d");
        assert_ne!(name("octo/tool@a/b"), name("octo/tool@a-b"));
        for odd in ["octo/tool@..", "octo/tool@.git", "octo/tool@../../x"] {
            assert!(name(odd).starts_with("/a/octo/tool/ref-"), "{odd}");
        }
    }
}
