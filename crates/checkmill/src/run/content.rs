//! The git repository as the fake GitHub reads it.

use crate::source::{Source, TreeFile};
use bytes::Bytes;
use checkmill_core::{CommitSha, UnixMillis};
use checkmill_testkit::content::{Commit, File, FileMode, RepositoryContent, Tree};
use checkmill_testkit::git_object::Signature;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The commits of a source, read with git when they are asked for.
pub(crate) struct GitContent {
    source: Source,
    trees: Mutex<BTreeMap<CommitSha, Arc<Tree>>>,
}

impl GitContent {
    #[must_use]
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            trees: Mutex::default(),
        }
    }

    fn read_tree(&self, sha: &CommitSha) -> Option<Tree> {
        let list = self.source.tree(sha).ok()?;
        let file = |line: &TreeFile| {
            let mode = match line.mode.as_str() {
                "100755" => FileMode::Executable,
                "120000" => FileMode::SymbolicLink,
                _ => FileMode::Regular,
            };
            (
                line.path.clone(),
                File {
                    id: line.id.clone(),
                    mode,
                    size_bytes: line.size_bytes,
                },
            )
        };
        Some(Tree(list.iter().map(file).collect()))
    }
}

impl RepositoryContent for GitContent {
    fn commit(&self, sha: &CommitSha) -> Option<Commit> {
        let (parents, message) = self.source.commit(sha).ok()?;
        let signature = Signature {
            name: "Checkmill".to_owned(),
            email: "checkmill@localhost".to_owned(),
            at: UnixMillis(0),
        };
        Some(Commit {
            sha: sha.clone(),
            parents,
            message,
            author: signature.clone(),
            committer: signature,
        })
    }

    fn tree(&self, sha: &CommitSha) -> Option<Arc<Tree>> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(sha) {
            return Some(tree.clone());
        }
        let tree = Arc::new(self.read_tree(sha)?);
        trees.insert(sha.clone(), tree.clone());
        Some(tree)
    }

    fn blob(&self, id: &str) -> Option<Bytes> {
        self.source.blob(id).ok().map(Bytes::from)
    }
}
