//! Git's object ids, computed as git does, so that the fake's commits are those a real repository with the same content has.

use crate::timestamp;
use checkmill_core::UnixMillis;
use ring::digest;
use std::collections::BTreeMap;

fn object_id(kind: &str, body: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(format!("{kind} {}\0", body.len()).as_bytes());
    context.update(body);
    hex::encode(context.finish())
}

#[must_use]
pub fn blob_id(content: &[u8]) -> String {
    object_id("blob", content)
}

/// One line of a tree object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeLine {
    /// `100644`, `100755`, `120000`, or `40000` for a directory.
    pub mode: &'static str,
    pub name: String,
    /// 40 hexadecimal digits.
    pub id: String,
}

/// The id of a tree. The lines may come in any order: git sorts them by name, a directory's with a `/` behind it.
#[must_use]
pub fn tree_id(lines: &[TreeLine]) -> String {
    let sorted: BTreeMap<Vec<u8>, &TreeLine> = lines
        .iter()
        .map(|line| {
            let slash = if line.mode == "40000" { "/" } else { "" };
            (format!("{}{slash}", line.name).into_bytes(), line)
        })
        .collect();
    let mut body = Vec::new();
    for line in sorted.values() {
        body.extend_from_slice(format!("{} {}\0", line.mode, line.name).as_bytes());
        body.extend(hex::decode(&line.id).unwrap_or_default());
    }
    object_id("tree", &body)
}

/// Who wrote a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub email: String,
    pub at: UnixMillis,
}

impl Signature {
    /// The time as GitHub shows it.
    #[must_use]
    pub fn date(&self) -> String {
        timestamp::format(self.at)
    }

    fn line(&self) -> String {
        format!("{} <{}> {} +0000", self.name, self.email, self.at.0 / 1000)
    }
}

#[must_use]
pub fn commit_id(
    tree: &str,
    parents: &[impl AsRef<str>],
    author: &Signature,
    committer: &Signature,
    message: &str,
) -> String {
    let mut body = format!("tree {tree}\n");
    for parent in parents {
        body.push_str(&format!("parent {}\n", parent.as_ref()));
    }
    body.push_str(&format!(
        "author {}\ncommitter {}\n\n{message}",
        author.line(),
        committer.line()
    ));
    object_id("commit", body.as_bytes())
}

/// The id of an annotated tag of a commit.
#[must_use]
pub fn tag_id(commit: &str, name: &str, tagger: &Signature, message: &str) -> String {
    let body = format!(
        "object {commit}\ntype commit\ntag {name}\ntagger {}\n\n{message}",
        tagger.line()
    );
    object_id("tag", body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: `git hash-object --stdin`, `git mktree` and `git hash-object -t commit --stdin` on the same input.
    #[test]
    fn ids_are_those_of_git() {
        assert_eq!(blob_id(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(tree_id(&[]), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        let file = TreeLine {
            mode: "100644",
            name: "a.txt".to_owned(),
            id: blob_id(b"hello\n"),
        };
        let dir = TreeLine {
            mode: "40000",
            name: "a".to_owned(),
            id: tree_id(std::slice::from_ref(&file)),
        };
        let tree = tree_id(&[dir, file]);
        assert_eq!(tree, "27f704b090dd7eb56abd66cef08166f7c35d9ce7");
        let who = Signature {
            name: "Ann".to_owned(),
            email: "ann@example.org".to_owned(),
            at: UnixMillis(1_700_000_000_000),
        };
        assert_eq!(
            tag_id("5809d259f7d84f1b72b6e039e8d8589f42bfdfcf", "v1", &who, "One\n"),
            "1284ad36fdca7c87866d566f18ec6ef055394b33"
        );
        assert_eq!(
            commit_id(&tree, &[] as &[&str], &who, &who, "First\n"),
            "5809d259f7d84f1b72b6e039e8d8589f42bfdfcf"
        );
    }
}
