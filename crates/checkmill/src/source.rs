//! The repository that `checkmill run` and `plan` work on: a directory, turned into one commit in a bare repository of our own, from
//! which the jobs check out. The user's repository is read and never written.

use anyhow::{Context as _, bail};
use checkmill_core::CommitSha;
use checkmill_core::policy::Policy;
use checkmill_phases::dirs::{self, POLICY_PATH};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// What the commit stands for, in words for people.
    pub(crate) description: String,
}

/// Name and mail of the commits we make; fixed dates make the same files the same commit.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "Checkmill"),
    ("GIT_AUTHOR_EMAIL", "checkmill@localhost"),
    ("GIT_AUTHOR_DATE", "2000-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "Checkmill"),
    ("GIT_COMMITTER_EMAIL", "checkmill@localhost"),
    ("GIT_COMMITTER_DATE", "2000-01-01T00:00:00Z"),
];

/// Runs git and gives what it printed, without the newline at the end.
fn git<I: AsRef<OsStr>>(dir: &Path, args: &[I], env: &[(&str, &OsStr)]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(args)
        .stdin(std::process::Stdio::null());
    // A hook or alias of the caller's repository that runs us must not redirect our git to it.
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
    ] {
        command.env_remove(variable);
    }
    command.envs(IDENTITY).envs(env.iter().copied());
    let words = || {
        args.iter()
            .map(|arg| arg.as_ref().to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let output = command
        .output()
        .context("`git` can't be started. Install git and try again.")?;
    if !output.status.success() {
        bail!(
            "`git {}` failed: {}",
            words(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end_matches('\n')
        .to_owned())
}

/// Prepares the commit of the directory `path`: of `reference` where one is given, else of its files as they are.
///
/// # Errors
/// When `path` is no directory, the reference does not exist, or git fails.
pub(crate) fn prepare(path: &Path, reference: Option<&str>, git_dir: &Path) -> anyhow::Result<Source> {
    if !path.is_dir() {
        bail!(
            "{} is not a directory. Name the directory of a repository.",
            path.display()
        );
    }
    let path = path.canonicalize()?;
    let is_repository = path.join(".git").exists();
    git(
        &path,
        &[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &git_dir.to_string_lossy(),
        ],
        &[],
    )?;
    // The jobs fetch exactly one commit, by its id.
    git(git_dir, &["config", "uploadpack.allowAnySHA1InWant", "true"], &[])?;
    if is_repository {
        let objects = git(
            &path,
            &["rev-parse", "--path-format=absolute", "--git-path", "objects"],
            &[],
        )?;
        std::fs::write(git_dir.join("objects/info/alternates"), format!("{objects}\n"))?;
    }
    match reference {
        Some(reference) if is_repository => of_reference(&path, reference, git_dir),
        Some(reference) => bail!(
            "{} is not a git repository, so it has no ref {reference:?}. Leave --ref out to run its files as they are.",
            path.display()
        ),
        None => of_files(&path, is_repository, git_dir),
    }
}

fn of_reference(path: &Path, reference: &str, git_dir: &Path) -> anyhow::Result<Source> {
    let sha = resolve(path, reference)?;
    let full = git(
        path,
        &["rev-parse", "--symbolic-full-name", "--end-of-options", reference],
        &[],
    )
    .ok()
    .and_then(|text| text.lines().last().map(str::to_owned))
    .filter(|full| full.starts_with("refs/heads/") || full.starts_with("refs/tags/"));
    let git_ref = full.unwrap_or_else(|| current_branch(path));
    source(
        git_dir,
        sha.as_str(),
        git_ref,
        format!("{reference} of {}", path.display()),
    )
}

fn of_files(path: &Path, is_repository: bool, git_dir: &Path) -> anyhow::Result<Source> {
    let tree_env: [(&str, &OsStr); 2] = [
        ("GIT_DIR", git_dir.as_os_str()),
        ("GIT_WORK_TREE", path.as_os_str()),
    ];
    git(path, &["add", "--all", "."], &tree_env)?;
    let tree = git(path, &["write-tree"], &tree_env)?;
    let head = if is_repository {
        git(path, &["rev-parse", "--verify", "HEAD"], &[]).ok()
    } else {
        None
    };
    if let Some(head) = &head
        && git(path, &["rev-parse", "HEAD^{tree}"], &[])? == tree
    {
        return source(
            git_dir,
            head,
            current_branch(path),
            format!("HEAD of {}", path.display()),
        );
    }
    let message = match &head {
        Some(_) => "Working tree",
        None => "Files",
    };
    let mut args = vec![
        "commit-tree".to_owned(),
        tree,
        "-m".to_owned(),
        message.to_owned(),
    ];
    if let Some(head) = &head {
        args.extend(["-p".to_owned(), head.clone()]);
    }
    let sha = git(path, &args, &[("GIT_DIR", git_dir.as_os_str())])?;
    let git_ref = if is_repository {
        current_branch(path)
    } else {
        "refs/heads/main".to_owned()
    };
    let description = match head {
        Some(_) => format!(
            "the working tree of {}, uncommitted changes included",
            path.display()
        ),
        None => format!("the files of {}", path.display()),
    };
    source(git_dir, &sha, git_ref, description)
}

fn current_branch(path: &Path) -> String {
    git(path, &["symbolic-ref", "--quiet", "HEAD"], &[]).unwrap_or_else(|_| "refs/heads/main".to_owned())
}

fn source(git_dir: &Path, sha: &str, git_ref: String, description: String) -> anyhow::Result<Source> {
    git(git_dir, &["update-ref", &git_ref, sha], &[])?;
    let parent = git(
        git_dir,
        &["rev-parse", "--verify", "--quiet", &format!("{sha}^1")],
        &[],
    )
    .ok();
    Ok(Source {
        git_dir: git_dir.to_owned(),
        sha: sha.parse()?,
        parent: parent.and_then(|parent| parent.parse().ok()),
        git_ref,
        description,
    })
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
    let sha = git(path, &["rev-parse", "--verify", "--end-of-options", &commit], &[])
        .with_context(|| format!("{} has no commit {name:?}.", path.display()))?;
    Ok(sha.parse()?)
}

/// The default branch of the repository that this one was cloned from, as far as git knows it.
pub(crate) fn default_branch(path: &Path) -> Option<String> {
    let name = git(
        path,
        &["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"],
        &[],
    )
    .ok()?;
    name.strip_prefix("origin/").map(str::to_owned)
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
    /// All files of a commit; submodules are none.
    ///
    /// # Errors
    /// When there is no such commit or git fails.
    pub(crate) fn tree(&self, sha: &CommitSha) -> anyhow::Result<Vec<TreeFile>> {
        let list = git(&self.git_dir, &["ls-tree", "-r", "-l", "-z", sha.as_str()], &[])?;
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
        let text = git(
            &self.git_dir,
            &["log", "-1", "--format=%P%n%B", sha.as_str()],
            &[],
        )?;
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
        let output = Command::new("git")
            .current_dir(&self.git_dir)
            .args(["cat-file", "blob", id])
            .output()
            .context("`git` can't be started.")?;
        if !output.status.success() {
            bail!(
                "The file {id} can't be read: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(output.stdout)
    }

    /// The workflow files of the commit that count under a policy, with their contents, by path.
    ///
    /// # Errors
    /// When git fails.
    pub(crate) fn workflows(&self, policy: &Policy) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let is_one =
            |path: &str| (path.ends_with(".yml") || path.ends_with(".yaml")) && dirs::counts(path, policy);
        let files = self
            .tree(&self.sha)?
            .into_iter()
            .filter(|file| is_one(&file.path));
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
        let text = self.file(sha, POLICY_PATH)?;
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let policy = text.and_then(|text| checkmill_workflow::parse_policy(POLICY_PATH, &text).ok());
        Ok(policy.unwrap_or_default())
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
        let list = git(&self.git_dir, &args, &[])?;
        Ok(list
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// Where the history of the commit and another one's part; none where they have nothing in common.
    pub(crate) fn merge_base(&self, other: &CommitSha) -> Option<CommitSha> {
        let args = ["merge-base", other.as_str(), self.sha.as_str()];
        git(&self.git_dir, &args, &[]).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, path: &str, text: &str) {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn a_plain_directory_is_one_commit_of_its_files_and_always_the_same_one() {
        let dir = tempfile::tempdir().unwrap();
        let files = dir.path().join("files");
        write(&files, ".checkmill/workflows/ci.yml", "on: push\n");
        write(&files, "a ü.txt", "text");
        let first = prepare(&files, None, &dir.path().join("one.git")).unwrap();
        let second = prepare(&files, None, &dir.path().join("two.git")).unwrap();
        assert_eq!(first.sha, second.sha);
        assert_eq!(
            (first.git_ref.as_str(), first.parent.as_ref()),
            ("refs/heads/main", None)
        );
        let paths: Vec<_> = first
            .tree(&first.sha)
            .unwrap()
            .into_iter()
            .map(|file| file.path)
            .collect();
        assert_eq!(paths, [".checkmill/workflows/ci.yml", "a ü.txt"]);
        assert_eq!(
            first.workflows(&Policy::default()).unwrap(),
            [(".checkmill/workflows/ci.yml".to_owned(), b"on: push\n".to_vec())]
        );
        let refused = prepare(&files, Some("v1"), &dir.path().join("three.git"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("is not a git repository"), "{refused}");
    }

    #[test]
    fn a_repository_gives_its_commit_or_its_working_tree_and_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("repo");
        write(&repo, "file", "one");
        write(&repo, ".gitignore", "ignored\n");
        write(&repo, "ignored", "secret");
        git(&repo, &["init", "--quiet", "--initial-branch=trunk", "."], &[]).unwrap();
        git(&repo, &["add", "."], &[]).unwrap();
        git(&repo, &["commit", "--quiet", "-m", "First"], &[]).unwrap();
        git(&repo, &["tag", "v1"], &[]).unwrap();

        let clean = prepare(&repo, None, &dir.path().join("clean.git")).unwrap();
        assert_eq!(clean.git_ref, "refs/heads/trunk");

        write(&repo, "file", "two");
        let before = git(&repo, &["count-objects"], &[]).unwrap();
        let dirty = prepare(&repo, None, &dir.path().join("dirty.git")).unwrap();
        assert_eq!(dirty.parent.as_ref(), Some(&clean.sha));
        let (parents, message) = dirty.commit(&dirty.sha).unwrap();
        assert_eq!(
            (parents.as_slice(), message.as_str()),
            (std::slice::from_ref(&clean.sha), "Working tree")
        );
        assert_eq!(git(&repo, &["count-objects"], &[]).unwrap(), before);

        let tagged = prepare(&repo, Some("v1"), &dir.path().join("tagged.git")).unwrap();
        assert_eq!((tagged.sha, tagged.git_ref.as_str()), (clean.sha, "refs/tags/v1"));
        let missing = prepare(&repo, Some("nowhere"), &dir.path().join("missing.git")).unwrap_err();
        assert!(
            format!("{missing:#}").contains("has no commit \"nowhere\""),
            "{missing:#}"
        );
    }
}
