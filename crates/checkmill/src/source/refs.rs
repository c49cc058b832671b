//! Branches and tags: those of the user's repository, as GitHub would have them.

use super::git::Git;
use anyhow::bail;
use checkmill_core::CommitSha;
use std::collections::BTreeMap;
use std::path::Path;

/// The branch whose policy holds for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefaultBranch {
    /// Such as `main`.
    pub(crate) name: String,
    pub(crate) sha: CommitSha,
}

/// The default branch of the repository that this one was cloned from, as far as git knows it.
pub(super) fn default_branch(path: &Path) -> Option<DefaultBranch> {
    const HEAD: &str = "refs/remotes/origin/HEAD";
    let name = Git::at(path).run(&["symbolic-ref", "--quiet", HEAD]).ok()?;
    Some(DefaultBranch {
        sha: super::resolve(path, HEAD).ok()?,
        name: name.strip_prefix("refs/remotes/origin/")?.to_owned(),
    })
}

/// What a change is to be merged into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// The branch's name, where one was named.
    pub(crate) branch: Option<String>,
    pub(crate) sha: CommitSha,
}

/// What a name means as a base: a branch of ours or of `origin`, or a commit.
///
/// # Errors
/// When there is no such repository, branch or commit.
pub(crate) fn base(path: &Path, name: &str) -> anyhow::Result<Base> {
    if !path.join(".git").exists() {
        bail!(
            "{} is not a git repository, so it has no base {name:?}. Leave --base out.",
            path.display()
        );
    }
    let of_origin = format!("refs/remotes/origin/{name}");
    let (sha, found) = match super::resolve(path, name) {
        Ok(sha) => (sha, name),
        // As on GitHub, where it is a branch like the others.
        Err(error) => match super::resolve(path, &of_origin) {
            Ok(sha) => (sha, of_origin.as_str()),
            Err(_) => return Err(error),
        },
    };
    let full = Git::at(path).run(&["rev-parse", "--symbolic-full-name", "--end-of-options", found]);
    let full = full.unwrap_or_default();
    let full = full.lines().last().unwrap_or_default();
    let branch = full
        .strip_prefix("refs/heads/")
        .or_else(|| full.strip_prefix("refs/remotes/origin/"));
    Ok(Base {
        branch: branch.map(str::to_owned),
        sha,
    })
}

/// The branch that is checked out, as a full ref.
pub(super) fn current_branch(path: &Path) -> String {
    let head = Git::at(path).run(&["symbolic-ref", "--quiet", "HEAD"]);
    head.unwrap_or_else(|_| "refs/heads/main".to_owned())
}

/// Makes the branches and tags of a repository in ours, for jobs that fetch them all. A branch that is known of `origin` alone is
/// one too: GitHub has it.
pub(super) fn copy(path: &Path, git_dir: &Path) -> anyhow::Result<()> {
    let list = Git::at(path).run(&[
        "for-each-ref",
        "--format=%(objectname) %(refname)",
        "refs/heads",
        "refs/tags",
        "refs/remotes/origin",
    ])?;
    let lines = list.lines().filter_map(|line| line.split_once(' '));
    let (of_origin, own): (Vec<_>, Vec<_>) =
        lines.partition(|(_, name)| name.starts_with("refs/remotes/origin/"));
    let mut refs: BTreeMap<String, &str> = own
        .into_iter()
        .map(|(sha, name)| (name.to_owned(), sha))
        .collect();
    for (sha, name) in of_origin {
        let branch = name.trim_start_matches("refs/remotes/origin/");
        let full = format!("refs/heads/{branch}");
        if branch != "HEAD" && has_place(&refs, &full) {
            refs.insert(full, sha);
        }
    }
    let commands: String = refs
        .iter()
        .map(|(name, sha)| format!("create {name} {sha}\n"))
        .collect();
    Git::bare(git_dir).fed(&["update-ref", "--stdin"], &commands)?;
    Ok(())
}

/// Whether a ref can be added: there is none of that name, none above it (`a` of `a/b`) and none below.
fn has_place(refs: &BTreeMap<String, &str>, name: &str) -> bool {
    let below = format!("{name}/");
    let above = |(at, _): (usize, &str)| refs.contains_key(&name[..at]);
    let is_below = refs
        .range(below.clone()..)
        .next()
        .is_some_and(|(found, _)| found.starts_with(&below));
    !refs.contains_key(name) && !is_below && !name.match_indices('/').any(above)
}

#[cfg(test)]
mod tests {
    use super::has_place;

    #[test]
    fn a_branch_of_origin_gives_way_to_our_own() {
        let refs = ["refs/heads/a", "refs/heads/b/c", "refs/heads/b-"]
            .map(|name| (name.to_owned(), "0"))
            .into();
        let cases = [
            ("a", false),
            ("a/b", false),
            ("a/b/c", false),
            ("b", false),
            ("b/c", false),
            ("b/d", true),
            ("ab", true),
        ];
        for (name, expected) in cases {
            assert_eq!(
                has_place(&refs, &format!("refs/heads/{name}")),
                expected,
                "{name}"
            );
        }
    }
}
