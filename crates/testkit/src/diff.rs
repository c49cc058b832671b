//! What changed between two trees, as GitHub lists it.

use crate::content::{File, Objects, Tree};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Removed,
    Modified,
    /// Moved with its content unchanged. GitHub also finds near matches; the fake only equal ones.
    Renamed,
}

impl ChangeKind {
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
            Self::Renamed => "renamed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileChange {
    pub(crate) path: String,
    pub(crate) kind: ChangeKind,
    /// Of a rename.
    pub(crate) previous_path: Option<String>,
    /// The blob after the change; before it for a removed file.
    pub(crate) blob: String,
    pub(crate) additions: u64,
    pub(crate) deletions: u64,
    /// In the unified format; none for what is no text.
    pub(crate) patch: Option<String>,
}

/// The changes from `before` to `after`, sorted by path; a rename is one change under its new path.
#[must_use]
pub(crate) fn between(objects: &Objects, before: &Tree, after: &Tree) -> Vec<FileChange> {
    let mut removed: BTreeMap<&str, &File> = before
        .0
        .iter()
        .filter(|(path, _)| !after.0.contains_key(*path))
        .map(|(path, file)| (path.as_str(), file))
        .collect();
    let mut changes = Vec::new();
    for (path, new) in &after.0 {
        match before.0.get(path) {
            Some(old) if old == new => {}
            Some(old) => changes.push(change(objects, path, ChangeKind::Modified, Some(old), Some(new))),
            None => {
                let source = removed
                    .iter()
                    .find(|(_, old)| old.id == new.id)
                    .map(|(path, _)| *path);
                if let Some(from) = source {
                    removed.remove(from);
                    let mut renamed = change(objects, path, ChangeKind::Renamed, Some(new), Some(new));
                    renamed.previous_path = Some(from.to_owned());
                    changes.push(renamed);
                } else {
                    changes.push(change(objects, path, ChangeKind::Added, None, Some(new)));
                }
            }
        }
    }
    for (path, old) in removed {
        changes.push(change(objects, path, ChangeKind::Removed, Some(old), None));
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

fn change(
    objects: &Objects,
    path: &str,
    kind: ChangeKind,
    old: Option<&File>,
    new: Option<&File>,
) -> FileChange {
    let (additions, deletions) = counts(objects, old, new);
    FileChange {
        path: path.to_owned(),
        kind,
        previous_path: None,
        blob: new.or(old).map(|file| file.id.clone()).unwrap_or_default(),
        additions,
        deletions,
        patch: patch(objects, old, new),
    }
}

/// One hunk from the first line that differs to the last. GitHub's are smaller where lines in between are alike.
fn patch(objects: &Objects, old: Option<&File>, new: Option<&File>) -> Option<String> {
    const CONTEXT: usize = 3;
    if old.map(|f| &f.id) == new.map(|f| &f.id) {
        return None;
    }
    let text = |file: Option<&File>| {
        let content = file.and_then(|file| objects.blob(&file.id)).unwrap_or_default();
        String::from_utf8(content.to_vec()).ok()
    };
    let (old, new) = (text(old)?, text(new)?);
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let alike = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let before = alike(&mut old.iter().zip(&new));
    let after = alike(&mut old[before..].iter().rev().zip(new[before..].iter().rev()));
    let start = before.saturating_sub(CONTEXT);
    let tail = after.min(CONTEXT);
    let (old_end, new_end) = (old.len() - after, new.len() - after);
    let first = |count: usize| if count == 0 { 0 } else { start + 1 };
    let (old_count, new_count) = (old_end + tail - start, new_end + tail - start);
    let mut patch = format!(
        "@@ -{},{old_count} +{},{new_count} @@",
        first(old_count),
        first(new_count)
    );
    let parts = [
        (' ', &new[start..before]),
        ('-', &old[before..old_end]),
        ('+', &new[before..new_end]),
        (' ', &new[new_end..new_end + tail]),
    ];
    for (sign, lines) in parts {
        for line in lines {
            patch.push_str(&format!("\n{sign}{line}"));
        }
    }
    Some(patch)
}

/// Lines added and deleted. Lines that only moved count as unchanged, unlike in a real diff; nobody decides by these.
fn counts(objects: &Objects, old: Option<&File>, new: Option<&File>) -> (u64, u64) {
    if old.map(|f| &f.id) == new.map(|f| &f.id) {
        return (0, 0);
    }
    let mut balance: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for (file, step) in [(old, -1), (new, 1)] {
        let content = file.and_then(|file| objects.blob(&file.id)).unwrap_or_default();
        for line in content.split_inclusive(|b| *b == b'\n') {
            *balance.entry(line.to_vec()).or_default() += step;
        }
    }
    let sum = |sign: i64| -> u64 {
        balance
            .values()
            .map(|n| u64::try_from(n * sign).unwrap_or_default())
            .sum()
    };
    (sum(1), sum(-1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::FileMode;
    use bytes::Bytes;

    #[test]
    fn changes_are_named_as_github_names_them() {
        let mut objects = Objects::default();
        let mut tree = |files: &[(&str, &'static str)]| {
            let files = files.iter().map(|(path, text)| {
                let file = objects
                    .memory
                    .add_blob(Bytes::from_static(text.as_bytes()), FileMode::Regular);
                ((*path).to_owned(), file)
            });
            Tree(files.collect())
        };
        let before = tree(&[
            ("gone", "1\n"),
            ("kept", "k\n"),
            ("old", "same\n"),
            ("edited", "a\nb\n"),
        ]);
        let after = tree(&[
            ("kept", "k\n"),
            ("new", "same\n"),
            ("edited", "a\nc\nd\n"),
            ("made", "m\n"),
        ]);
        let shown: Vec<String> = between(&objects, &before, &after)
            .iter()
            .map(|c| format!("{} {} +{} -{}", c.kind.as_str(), c.path, c.additions, c.deletions))
            .collect();
        assert_eq!(
            shown,
            [
                "modified edited +2 -1",
                "removed gone +0 -1",
                "added made +1 -0",
                "renamed new +0 -0"
            ]
        );
    }
}
