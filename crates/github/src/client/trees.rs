//! The difference of two commits by their trees. GitHub compares commits with three dots only: against their merge base, which
//! after a forced push is neither of the two.

use super::api::Api;
use super::failure::Failure;
use crate::changed_lines::ChangedLines;
use crate::forge::{ChangedFiles, RepoRef};
use checkmill_core::{CommitSha, limits};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// GitHub docs, "Get a tree", with `recursive`: at most 100,000 entries and 7 MB.
#[derive(Debug, Default, Deserialize)]
struct Tree {
    tree: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Entry {
    path: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

/// The paths at which the two commits have something else; everything in `after` where there is no `before`.
pub(super) async fn difference(
    api: &Api<'_>,
    repo: &RepoRef,
    before: Option<&CommitSha>,
    after: &CommitSha,
) -> Result<ChangedFiles, Failure> {
    let before = match before {
        Some(before) => read(api, repo, before).await?,
        None => Tree::default(),
    };
    let after = read(api, repo, after).await?;
    Ok(between(&before, &after))
}

async fn read(api: &Api<'_>, repo: &RepoRef, sha: &CommitSha) -> Result<Tree, Failure> {
    let path = format!("/repos/{}/git/trees/{sha}?recursive=1", repo.name);
    api.get(repo.installation, &path).await
}

fn between(before: &Tree, after: &Tree) -> ChangedFiles {
    if before.truncated || after.truncated {
        return ChangedFiles::Unknown {
            why: "the repository has more files than GitHub lists at once".to_owned(),
        };
    }
    let (old, new) = (files(before), files(after));
    let all: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let mut paths: Vec<String> = all
        .into_iter()
        .filter(|path| old.get(path) != new.get(path))
        .map(str::to_owned)
        .collect();
    let truncated = paths.len() > limits::CHANGED_FILES;
    paths.truncate(limits::CHANGED_FILES);
    ChangedFiles::Known {
        paths,
        lines: ChangedLines::default(),
        truncated,
    }
}

/// Mode and object of each path; a submodule counts as a file, a directory as what is in it.
fn files(tree: &Tree) -> BTreeMap<&str, (&str, &str)> {
    let files = tree.tree.iter().filter(|entry| entry.kind != "tree");
    files
        .map(|entry| (entry.path.as_str(), (entry.mode.as_str(), entry.sha.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str, &str, &str)]) -> Tree {
        let entry = |(path, kind, mode, sha): &(&str, &str, &str, &str)| Entry {
            path: (*path).to_owned(),
            mode: (*mode).to_owned(),
            kind: (*kind).to_owned(),
            sha: (*sha).to_owned(),
        };
        Tree {
            tree: entries.iter().map(entry).collect(),
            truncated: false,
        }
    }

    fn known(paths: &[&str]) -> ChangedFiles {
        ChangedFiles::Known {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            lines: ChangedLines::default(),
            truncated: false,
        }
    }

    #[test]
    fn what_differs_is_what_came_went_or_is_another() {
        let before = tree(&[
            ("same", "blob", "100644", "1"),
            ("changed", "blob", "100644", "2"),
            ("executable", "blob", "100644", "3"),
            ("gone", "blob", "100644", "4"),
            ("dir", "tree", "040000", "5"),
            ("dir/a", "blob", "100644", "6"),
            ("module", "commit", "160000", "7"),
        ]);
        let after = tree(&[
            ("same", "blob", "100644", "1"),
            ("changed", "blob", "100644", "20"),
            ("executable", "blob", "100755", "3"),
            ("come", "blob", "100644", "4"),
            ("dir", "tree", "040000", "50"),
            ("dir/a", "blob", "100644", "60"),
            ("module", "commit", "160000", "70"),
        ]);
        let different = known(&["changed", "come", "dir/a", "executable", "gone", "module"]);
        assert_eq!(between(&before, &after), different);
        assert_eq!(between(&after, &after), known(&[]));
        assert_eq!(
            between(&Tree::default(), &tree(&[("a", "blob", "100644", "1")])),
            known(&["a"])
        );
    }

    #[test]
    fn what_is_not_listed_whole_is_not_known() {
        let cut = Tree {
            truncated: true,
            ..Tree::default()
        };
        for (before, after) in [(&cut, &Tree::default()), (&Tree::default(), &cut)] {
            assert!(matches!(between(before, after), ChangedFiles::Unknown { .. }));
        }
    }

    #[test]
    fn no_more_paths_than_the_limit() {
        let names: Vec<String> = (0..=limits::CHANGED_FILES).map(|n| format!("f{n:04}")).collect();
        let entries: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), "blob", "100644", "1"))
            .collect();
        for (count, more) in [(limits::CHANGED_FILES, false), (limits::CHANGED_FILES + 1, true)] {
            let ChangedFiles::Known { paths, truncated, .. } =
                between(&Tree::default(), &tree(&entries[..count]))
            else {
                panic!("not known")
            };
            assert_eq!((paths.len(), truncated), (limits::CHANGED_FILES, more));
        }
    }
}
