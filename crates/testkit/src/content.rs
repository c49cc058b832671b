//! What a repository holds: commits, trees and blobs. In memory, or read from elsewhere through [`RepositoryContent`].

use crate::git_object::{self, Signature, TreeLine};
use bytes::Bytes;
use checkmill_core::CommitSha;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The objects of a repository, such as those of a git directory on disk. Refs are not part of it: the fake holds them.
///
/// Calls come while the fake is locked, so they should answer from memory or with one quick read.
pub trait RepositoryContent: Send + Sync {
    /// None where the repository has no such commit. Parents may be unknown, as in a shallow clone.
    fn commit(&self, sha: &CommitSha) -> Option<Commit>;

    /// All files of a commit. None where the repository has no such commit.
    fn tree(&self, sha: &CommitSha) -> Option<Arc<Tree>>;

    /// The content of a file, by [`File::id`].
    fn blob(&self, id: &str) -> Option<Bytes>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub sha: CommitSha,
    pub parents: Vec<CommitSha>,
    pub message: String,
    pub author: Signature,
    pub committer: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    Regular,
    Executable,
    /// The content is the target's path.
    SymbolicLink,
}

impl FileMode {
    /// As git writes it in a tree.
    #[must_use]
    pub const fn octal(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::SymbolicLink => "120000",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The blob's id, 40 hexadecimal digits.
    pub id: String,
    pub mode: FileMode,
    pub size_bytes: u64,
}

/// The files of a commit by path, without leading or doubled `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree(pub BTreeMap<String, File>);

/// What a path of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    File(&'a File),
    /// A directory; its id as a tree object.
    Directory(String),
}

impl Tree {
    /// The direct children of a directory (`""` is the root) by name. None where there is no such directory.
    #[must_use]
    pub fn children(&self, dir: &str) -> Option<BTreeMap<&str, Entry<'_>>> {
        let prefix = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let mut names: BTreeMap<&str, Option<&File>> = BTreeMap::new();
        for (path, file) in self.0.range(prefix.clone()..) {
            let Some(rest) = path.strip_prefix(&prefix) else {
                break;
            };
            match rest.split_once('/') {
                Some((name, _)) => names.insert(name, None),
                None => names.insert(rest, Some(file)),
            };
        }
        if names.is_empty() && !dir.is_empty() {
            return None;
        }
        let children = names.into_iter().map(|(name, file)| {
            let entry = file.map_or_else(
                || Entry::Directory(self.directory_id(&format!("{prefix}{name}"))),
                Entry::File,
            );
            (name, entry)
        });
        Some(children.collect())
    }

    /// What is at this path (`""` is the root).
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Entry<'_>> {
        if let Some(file) = self.0.get(path) {
            return Some(Entry::File(file));
        }
        self.children(path)
            .map(|_| Entry::Directory(self.directory_id(path)))
    }

    /// The id of a directory's tree object; of the root for `""`.
    #[must_use]
    pub fn directory_id(&self, dir: &str) -> String {
        let lines: Vec<TreeLine> = self
            .children(dir)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, entry)| match entry {
                Entry::File(file) => TreeLine {
                    mode: file.mode.octal(),
                    name: name.to_owned(),
                    id: file.id.clone(),
                },
                Entry::Directory(id) => TreeLine {
                    mode: "40000",
                    name: name.to_owned(),
                    id,
                },
            })
            .collect();
        git_object::tree_id(&lines)
    }
}

/// The objects that pushes to the fake make.
#[derive(Debug, Default)]
pub struct MemoryContent {
    commits: BTreeMap<CommitSha, (Commit, Arc<Tree>)>,
    blobs: BTreeMap<String, Bytes>,
}

impl RepositoryContent for MemoryContent {
    fn commit(&self, sha: &CommitSha) -> Option<Commit> {
        self.commits.get(sha).map(|(commit, _)| commit.clone())
    }

    fn tree(&self, sha: &CommitSha) -> Option<Arc<Tree>> {
        self.commits.get(sha).map(|(_, tree)| Arc::clone(tree))
    }

    fn blob(&self, id: &str) -> Option<Bytes> {
        self.blobs.get(id).cloned()
    }
}

impl MemoryContent {
    /// Keeps a file's content.
    pub fn add_blob(&mut self, content: Bytes, mode: FileMode) -> File {
        let id = git_object::blob_id(&content);
        let size_bytes = content.len() as u64;
        self.blobs.insert(id.clone(), content);
        File { id, mode, size_bytes }
    }

    /// Keeps a commit. Its id is git's own unless `sha` says that the commit exists elsewhere under that one.
    pub fn add_commit(&mut self, new: CommitParts, tree: Tree, sha: Option<CommitSha>) -> CommitSha {
        let CommitParts {
            parents,
            message,
            signature,
        } = new;
        let sha = sha.unwrap_or_else(|| {
            let parents: Vec<&str> = parents.iter().map(CommitSha::as_str).collect();
            let root = tree.directory_id("");
            git_object::commit_id(&root, &parents, &signature, &signature, &message)
                .parse()
                .expect("a SHA-1 in hexadecimal is a commit id")
        });
        let commit = Commit {
            sha: sha.clone(),
            parents,
            message,
            author: signature.clone(),
            committer: signature,
        };
        self.commits.insert(sha.clone(), (commit, Arc::new(tree)));
        sha
    }
}

/// A commit without its tree; author and committer are the same.
#[derive(Debug, Clone)]
pub struct CommitParts {
    pub parents: Vec<CommitSha>,
    pub message: String,
    pub signature: Signature,
}

/// All objects that a repository and its forks see: GitHub keeps one store for all of them.
#[derive(Default)]
pub struct Objects {
    pub memory: MemoryContent,
    pub attached: Vec<Arc<dyn RepositoryContent>>,
}

impl Objects {
    fn sources(&self) -> impl Iterator<Item = &dyn RepositoryContent> {
        let memory: &dyn RepositoryContent = &self.memory;
        std::iter::once(memory).chain(self.attached.iter().map(AsRef::as_ref))
    }

    #[must_use]
    pub fn commit(&self, sha: &CommitSha) -> Option<Commit> {
        self.sources().find_map(|source| source.commit(sha))
    }

    #[must_use]
    pub fn tree(&self, sha: &CommitSha) -> Option<Arc<Tree>> {
        self.sources().find_map(|source| source.tree(sha))
    }

    #[must_use]
    pub fn blob(&self, id: &str) -> Option<Bytes> {
        self.sources().find_map(|source| source.blob(id))
    }

    /// The commit and all its known ancestors, newest first as `git log` has it for a line of history.
    #[must_use]
    pub fn ancestors(&self, sha: &CommitSha) -> Vec<CommitSha> {
        let mut seen = BTreeSet::new();
        let mut order = Vec::new();
        let mut next = std::collections::VecDeque::from([sha.clone()]);
        while let Some(sha) = next.pop_front() {
            let Some(commit) = self.commit(&sha) else { continue };
            if seen.insert(sha.clone()) {
                order.push(sha);
                next.extend(commit.parents);
            }
        }
        order
    }

    /// Commits reachable from `to` and not from `from`, oldest first.
    #[must_use]
    pub fn between(&self, from: Option<&CommitSha>, to: &CommitSha) -> Vec<CommitSha> {
        let old: BTreeSet<CommitSha> = from
            .map(|from| self.ancestors(from).into_iter().collect())
            .unwrap_or_default();
        let mut new = self.ancestors(to);
        new.retain(|sha| !old.contains(sha));
        new.reverse();
        new
    }

    /// The nearest commit that both have in their history.
    #[must_use]
    pub fn merge_base(&self, a: &CommitSha, b: &CommitSha) -> Option<CommitSha> {
        let of_a: BTreeSet<CommitSha> = self.ancestors(a).into_iter().collect();
        self.ancestors(b).into_iter().find(|sha| of_a.contains(sha))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut memory = MemoryContent::default();
        Tree(
            paths
                .iter()
                .map(|path| {
                    let file = memory.add_blob(Bytes::from_static(b"x"), FileMode::Regular);
                    ((*path).to_owned(), file)
                })
                .collect(),
        )
    }

    #[test]
    fn a_directory_lists_only_its_direct_children() {
        let tree = tree(&["a/b/c.txt", "a/d.txt", "ab.txt", "a.txt"]);
        let names = |dir: &str| {
            tree.children(dir)
                .map(|c| c.keys().map(|k| (*k).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names("").unwrap(), ["a", "a.txt", "ab.txt"]);
        assert_eq!(names("a").unwrap(), ["b", "d.txt"]);
        assert_eq!(names("a/b/c.txt"), None);
        assert_eq!(names("b"), None);
        assert!(matches!(tree.at("a/b"), Some(Entry::Directory(_))));
        assert!(matches!(tree.at("a/d.txt"), Some(Entry::File(_))));
    }

    #[test]
    fn an_empty_tree_still_has_a_root() {
        assert_eq!(Tree::default().children("").unwrap().len(), 0);
        assert_eq!(
            Tree::default().directory_id(""),
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        );
    }
}
