//! The inputs of `actions/upload-artifact` and `actions/download-artifact`.

use super::find::{Found, Mode};
use super::pack::Item;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Where the files of an artifact are in its archive.
pub const PLACE: &str = "files";

/// What is done where the path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNone {
    Warn,
    Error,
    Ignore,
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub name: String,
    pub path: String,
    pub if_none: IfNone,
    /// gzip's, 0 to 9.
    pub level: u32,
    pub overwrite: bool,
    pub mode: Mode,
    /// `retention-days` as written, where it is.
    pub retention: Option<String>,
}

/// A download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    pub which: Which,
    /// As written, relative to the workspace.
    pub path: String,
    /// Of several, all go into one directory.
    pub merge: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    Name(String),
    Ids(Vec<String>),
    /// Empty for all.
    Pattern(String),
}

/// The input of this name, trimmed; empty where there is none.
pub(super) fn input<'w>(with: &'w BTreeMap<String, String>, name: &str) -> &'w str {
    with.iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .unwrap_or_default()
}

pub(super) fn boolean(with: &BTreeMap<String, String>, name: &str) -> Result<bool, String> {
    match input(with, name).to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        other => Err(format!("{name}: {other:?} is neither true nor false")),
    }
}

impl Upload {
    /// # Errors
    /// An input whose value makes no sense.
    pub fn parse(with: &BTreeMap<String, String>) -> Result<Self, String> {
        let path = input(with, "path");
        if path.is_empty() {
            return Err("path: say which files, such as `path: dist`".to_owned());
        }
        let name = input(with, "name");
        let if_none = match input(with, "if-no-files-found") {
            "" | "warn" => IfNone::Warn,
            "error" => IfNone::Error,
            "ignore" => IfNone::Ignore,
            other => {
                return Err(format!(
                    "if-no-files-found: {other:?} is not warn, error or ignore"
                ));
            }
        };
        let level = match input(with, "compression-level") {
            "" => 6,
            text => text
                .parse()
                .ok()
                .filter(|level| *level <= 9)
                .ok_or_else(|| format!("compression-level: {text:?} is not a number from 0 to 9"))?,
        };
        let retention = input(with, "retention-days");
        Ok(Self {
            name: if name.is_empty() { "artifact" } else { name }.to_owned(),
            path: path.to_owned(),
            if_none,
            level,
            overwrite: boolean(with, "overwrite")?,
            mode: Mode::Artifact {
                hidden: boolean(with, "include-hidden-files")?,
            },
            retention: Some(retention).filter(|text| !text.is_empty()).map(str::to_owned),
        })
    }

    /// The files as they go into the archive: relative to what the patterns have in common.
    #[must_use]
    pub fn items(found: &Found) -> Vec<Item> {
        let name = |path: &Path| path.strip_prefix(&found.root).unwrap_or(path).to_owned();
        let item = |path: &PathBuf| Item {
            path: path.clone(),
            name: Path::new(PLACE).join(name(path)),
        };
        found.paths.iter().map(item).collect()
    }
}

impl Download {
    /// `run` is the run's own id, `repository` its own repository: only its artifacts can be had.
    ///
    /// # Errors
    /// An input whose value makes no sense, or asks for what is elsewhere.
    pub fn parse(with: &BTreeMap<String, String>, run: &str, repository: &str) -> Result<Self, String> {
        for (name, own) in [("run-id", run), ("repository", repository)] {
            let value = input(with, name);
            if !value.is_empty() && !value.eq_ignore_ascii_case(own) {
                return Err(format!(
                    "{name}: {value:?} is not this run's own ({own}); artifacts of other runs can't be had"
                ));
            }
        }
        let (name, ids, pattern) = (
            input(with, "name"),
            input(with, "artifact-ids"),
            input(with, "pattern"),
        );
        let which = match (name, ids) {
            ("", "") => Which::Pattern(pattern.to_owned()),
            (name, "") => Which::Name(name.to_owned()),
            ("", ids) => Which::Ids(ids.split(',').map(|id| id.trim().to_owned()).collect()),
            _ => return Err("name and artifact-ids: give one of the two".to_owned()),
        };
        Ok(Self {
            which,
            path: input(with, "path").to_owned(),
            merge: boolean(with, "merge-multiple")?,
        })
    }

    /// Whether an artifact is one of those asked for.
    #[must_use]
    pub fn wants(&self, name: &str, id: &str) -> bool {
        match &self.which {
            Which::Name(wanted) => name == wanted,
            Which::Ids(ids) => ids.iter().any(|wanted| wanted == id),
            Which::Pattern(pattern) if pattern.is_empty() => true,
            // GitHub's action has minimatch: braces, and `!` in front for all others.
            Which::Pattern(pattern) => fast_glob::glob_match(pattern, name),
        }
    }

    /// The directory for one of them.
    #[must_use]
    pub fn directory(&self, workspace: &Path, home: Option<&Path>, name: &str) -> PathBuf {
        let base = match (self.path.strip_prefix('~'), home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => workspace.join(&self.path),
        };
        let own = Path::new(name);
        let is_plain = matches!(
            own.components().collect::<Vec<_>>().as_slice(),
            [Component::Normal(_)]
        );
        match &self.which {
            Which::Name(_) => base,
            // As of version 5 of GitHub's action; before, it had a directory of its own.
            Which::Ids(ids) if ids.len() == 1 => base,
            _ if self.merge || !is_plain => base,
            _ => base.join(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn uploads() {
        let plain = Upload::parse(&with(&[("path", " dist ")])).unwrap();
        assert_eq!(
            (
                plain.name.as_str(),
                plain.path.as_str(),
                plain.level,
                plain.if_none
            ),
            ("artifact", "dist", 6, IfNone::Warn)
        );
        assert_eq!(plain.mode, Mode::Artifact { hidden: false });
        let table = [
            (("path", ""), "path: say which files, such as `path: dist`"),
            (
                ("if-no-files-found", "x"),
                "if-no-files-found: \"x\" is not warn, error or ignore",
            ),
            (
                ("compression-level", "10"),
                "compression-level: \"10\" is not a number from 0 to 9",
            ),
            (
                ("overwrite", "yes"),
                "overwrite: \"yes\" is neither true nor false",
            ),
        ];
        for (pair, expected) in table {
            let mut inputs = with(&[("path", "x")]);
            inputs.extend(with(&[pair]));
            assert_eq!(Upload::parse(&inputs).unwrap_err(), expected);
        }
    }

    #[test]
    fn downloads() {
        let parse = |pairs: &[(&str, &str)]| Download::parse(&with(pairs), "0123", "octo/hello");
        let named = parse(&[("name", "a"), ("path", "out"), ("run-id", "0123")]).unwrap();
        assert!(named.wants("a", "") && !named.wants("b", ""));
        assert_eq!(named.directory(Path::new("/w"), None, "a"), Path::new("/w/out"));
        let all = parse(&[("path", "~/x")]).unwrap();
        assert!(all.wants("anything", ""));
        assert_eq!(
            all.directory(Path::new("/w"), Some(Path::new("/h")), "a"),
            Path::new("/h/x/a")
        );
        let some = parse(&[("pattern", "logs-*"), ("merge-multiple", "true")]).unwrap();
        assert!(some.wants("logs-1", "") && !some.wants("log-1", ""));
        assert_eq!(some.directory(Path::new("/w"), None, "logs-1"), Path::new("/w/"));
        for (pattern, wanted, others) in [
            ("!logs", &["dist", "logs-1"][..], &["logs"][..]),
            ("{linux,mac}-*", &["linux-1", "mac-2"], &["windows-1", "linux"]),
            ("a[0-9]?", &["a1x"], &["ab1", "a1"]),
            ("*", &["a", "a.b"], &[]),
        ] {
            let some = parse(&[("pattern", pattern)]).unwrap();
            let is_wanted = |name: &&&str| some.wants(name, "");
            assert_eq!(wanted.iter().filter(is_wanted).count(), wanted.len(), "{pattern}");
            assert_eq!(others.iter().filter(is_wanted).count(), 0, "{pattern}");
        }
        let ids = parse(&[("artifact-ids", "1, 2")]).unwrap();
        assert!(ids.wants("x", "2") && !ids.wants("x", "3"));
        assert_eq!(ids.directory(Path::new("/w"), None, "x"), Path::new("/w/x"));
        let id = parse(&[("artifact-ids", "1")]).unwrap();
        assert_eq!(id.directory(Path::new("/w"), None, "x"), Path::new("/w/"));
        for (pairs, expected) in [
            (
                &[("run-id", "9")][..],
                "run-id: \"9\" is not this run's own (0123); artifacts of other runs can't be had",
            ),
            (
                &[("name", "a"), ("artifact-ids", "1")][..],
                "name and artifact-ids: give one of the two",
            ),
        ] {
            assert_eq!(parse(pairs).unwrap_err(), expected);
        }
    }
}
