//! From a directory to one commit in a repository of our own.

use super::git::Git;
use super::{Source, refs, resolve};
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};

/// Repositories within the directory that are named; the rest is counted.
const NAMED: usize = 3;

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
    let at = git_dir.to_string_lossy();
    Git::at(&path).run(&["init", "--quiet", "--bare", "--initial-branch=main", &at])?;
    // The jobs fetch exactly one commit, by its id.
    Git::bare(git_dir).run(&["config", "uploadpack.allowAnySHA1InWant", "true"])?;
    if is_repository {
        share(&path, git_dir)?;
    }
    match reference {
        Some(reference) if is_repository => of_reference(&path, reference, git_dir),
        Some(reference) => bail!(
            "{} is not a git repository, so it has no ref {reference:?}. Leave --ref out to run its files as they are.",
            path.display()
        ),
        None if is_repository => of_working_tree(&path, git_dir),
        None => of_plain_files(&path, git_dir),
    }
}

/// Lets our repository see what the user's has: objects, where a shallow history ends, branches and tags.
fn share(path: &Path, git_dir: &Path) -> anyhow::Result<()> {
    let objects = own(path, "objects")?;
    std::fs::write(
        git_dir.join("objects/info/alternates"),
        format!("{}\n", objects.display()),
    )?;
    let shallow = own(path, "shallow")?;
    if shallow.exists() {
        std::fs::copy(shallow, git_dir.join("shallow"))?;
    }
    refs::copy(path, git_dir)
}

/// Where the repository of a directory keeps something.
fn own(path: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let place = Git::at(path).run(&["rev-parse", "--path-format=absolute", "--git-path", what])?;
    Ok(place.into())
}

fn of_reference(path: &Path, reference: &str, git_dir: &Path) -> anyhow::Result<Source> {
    let sha = resolve(path, reference)?;
    let full = Git::at(path)
        .run(&["rev-parse", "--symbolic-full-name", "--end-of-options", reference])
        .ok()
        .and_then(|text| text.lines().last().map(str::to_owned))
        .filter(|full| full.starts_with("refs/heads/") || full.starts_with("refs/tags/"));
    let git_ref = full.unwrap_or_else(|| refs::current_branch(path));
    let description = format!("{reference} of {}", path.display());
    source(path, git_dir, sha.as_str(), git_ref, description)
}

/// What `git commit --all` would make of it, untracked files included.
fn of_working_tree(path: &Path, git_dir: &Path) -> anyhow::Result<Source> {
    // The repository's own settings and its own idea of which files are tracked and which ignored, but what is written goes to us.
    let index = git_dir.join("index");
    copy_index(&own(path, "index")?, &index)?;
    let git = Git::at(path)
        .with("GIT_INDEX_FILE", &index)
        .with("GIT_OBJECT_DIRECTORY", git_dir.join("objects"));
    let (tree, without) = tree_of_files(&git)?;
    let git_ref = refs::current_branch(path);
    let head = Git::at(path).run(&["rev-parse", "--verify", "HEAD"]).ok();
    if let Some(head) = &head
        && Git::at(path).run(&["rev-parse", "HEAD^{tree}"])? == tree
    {
        let description = format!("HEAD of {}{without}", path.display());
        return source(path, git_dir, head, git_ref, description);
    }
    let sha = commit(git_dir, &tree, head.as_deref())?;
    let description = match head {
        Some(_) => format!(
            "the working tree of {}, uncommitted changes included{without}",
            path.display()
        ),
        None => format!("the files of {}{without}", path.display()),
    };
    source(path, git_dir, &sha, git_ref, description)
}

fn of_plain_files(path: &Path, git_dir: &Path) -> anyhow::Result<Source> {
    let (tree, without) = tree_of_files(&Git::with_files_of(path, git_dir))?;
    let sha = commit(git_dir, &tree, None)?;
    let description = format!("the files of {}{without}", path.display());
    source(path, git_dir, &sha, "refs/heads/main".to_owned(), description)
}

/// With the time of its last change, by which git tells the files that may have changed since.
fn copy_index(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    std::fs::copy(from, to)?;
    let changed = std::fs::metadata(from)?.modified()?;
    std::fs::File::options()
        .append(true)
        .open(to)?
        .set_modified(changed)?;
    Ok(())
}

/// The tree of all files that are not ignored; and in words for people, what is left out of it.
fn tree_of_files(git: &Git<'_>) -> anyhow::Result<(String, String)> {
    let untracked = git.run(&["ls-files", "--others", "--exclude-standard", "-z"])?;
    // So git lists repositories of their own, of which it would take a commit's id for the files.
    let within: Vec<&str> = untracked
        .split('\0')
        .filter_map(|path| path.strip_suffix('/'))
        .collect();
    let mut add = ["-c", "core.fsmonitor=false", "-c", "core.splitIndex=false"]
        .map(str::to_owned)
        .to_vec();
    add.extend(["add", "--all", "--", "."].map(str::to_owned));
    add.extend(within.iter().map(|path| format!(":(exclude,literal,top){path}")));
    git.run(&add)?;
    let tree = git.run(&["write-tree"])?;
    Ok((tree, without(&within)))
}

fn without(within: &[&str]) -> String {
    let mut names: Vec<String> = within.iter().take(NAMED).map(|name| (*name).to_owned()).collect();
    if within.len() > NAMED {
        names.push(format!("{} more", within.len() - NAMED));
    }
    match names.as_slice() {
        [] => String::new(),
        [one] => format!(" (without {one}, a git repository of its own)"),
        [most @ .., last] => format!(
            " (without {} and {last}, git repositories of their own)",
            most.join(", ")
        ),
    }
}

fn commit(git_dir: &Path, tree: &str, parent: Option<&str>) -> anyhow::Result<String> {
    let message = if parent.is_some() { "Working tree" } else { "Files" };
    let mut args = vec!["commit-tree", tree, "-m", message];
    if let Some(parent) = parent {
        args.extend(["-p", parent]);
    }
    Git::bare(git_dir).run(&args)
}

fn source(
    path: &Path,
    git_dir: &Path,
    sha: &str,
    git_ref: String,
    description: String,
) -> anyhow::Result<Source> {
    let git = Git::bare(git_dir);
    let commit_of = |name: &str| {
        let commit = format!("{name}^{{commit}}");
        git.run(&["rev-parse", "--verify", "--quiet", &commit]).ok()
    };
    // An annotated tag stays one.
    if commit_of(&git_ref).as_deref() != Some(sha) {
        git.run(&["update-ref", &git_ref, sha])
            .with_context(|| format!("{git_ref} can't be made."))?;
    }
    Ok(Source {
        git_dir: git_dir.to_owned(),
        sha: sha.parse()?,
        parent: commit_of(&format!("{sha}^1")).and_then(|parent| parent.parse().ok()),
        git_ref,
        default_branch: refs::default_branch(path),
        description,
    })
}
