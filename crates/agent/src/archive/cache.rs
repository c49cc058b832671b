//! The inputs of `actions/cache` and its relatives.

use super::artifact::{boolean, input};
use super::pack::Item;
use checkmill_core::limits::CACHE_KEYS;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The form of our archives: caches in another one are not found.
const FORM: &str = "tar-gzip-1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub key: String,
    pub restore_keys: Vec<String>,
    pub path: String,
    pub fail_on_miss: bool,
    /// Look, don't restore.
    pub lookup_only: bool,
}

impl Options {
    /// # Errors
    /// An input that is missing or whose value makes no sense.
    pub fn parse(with: &BTreeMap<String, String>) -> Result<Self, String> {
        let (key, path) = (input(with, "key"), input(with, "path"));
        for (name, value) in [("key", key), ("path", path)] {
            if value.is_empty() {
                return Err(format!("{name}: it is missing or empty"));
            }
        }
        let lines = input(with, "restore-keys").lines().map(str::trim);
        let restore_keys: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if restore_keys.len() >= CACHE_KEYS {
            return Err(format!(
                "restore-keys: with the key there can be at most {CACHE_KEYS}"
            ));
        }
        Ok(Self {
            key: key.to_owned(),
            restore_keys,
            path: path.to_owned(),
            fail_on_miss: boolean(with, "fail-on-cache-miss")?,
            lookup_only: boolean(with, "lookup-only")?,
        })
    }

    /// What the archive is of, as GitHub's action has it: the paths as they are written.
    #[must_use]
    pub fn version(&self) -> String {
        let mut lines: Vec<&str> = self
            .path
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines.push(FORM);
        hex::encode(Sha256::digest(lines.join("|")))
    }
}

/// Where what is cached belongs: the workspace, else the home directory, else wherever it is.
pub struct Places<'a> {
    pub workspace: &'a Path,
    pub home: Option<&'a Path>,
}

impl Places<'_> {
    /// By their names in an archive.
    #[must_use]
    pub fn all(&self) -> Vec<(&'static str, PathBuf)> {
        let mut places = vec![("workspace", self.workspace.to_owned())];
        places.extend(self.home.map(|home| ("home", home.to_owned())));
        places.push(("root", PathBuf::from("/")));
        places
    }

    #[must_use]
    pub fn item(&self, path: &Path) -> Item {
        let relative = self
            .all()
            .into_iter()
            .find_map(|(name, base)| Some(Path::new(name).join(path.strip_prefix(base).ok()?)));
        Item {
            path: path.to_owned(),
            name: relative.unwrap_or_else(|| path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options, String> {
        let pairs = pairs.iter();
        Options::parse(
            &pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn inputs() {
        let options = parse(&[
            ("key", "k"),
            ("path", "a\n b \n"),
            ("restore-keys", "x-\n\n y-\n"),
        ])
        .unwrap();
        assert_eq!(options.restore_keys, ["x-", "y-"]);
        let same = parse(&[("key", "other"), ("path", "a\nb")]).unwrap();
        let other = parse(&[("key", "k"), ("path", "b\na")]).unwrap();
        assert_eq!((options.version().len(), options.version()), (64, same.version()));
        assert_ne!(options.version(), other.version());
        assert_eq!(
            parse(&[("path", "a")]).unwrap_err(),
            "key: it is missing or empty"
        );
        assert_eq!(
            parse(&[("key", "a"), ("path", " ")]).unwrap_err(),
            "path: it is missing or empty"
        );
        let many = "k\n".repeat(10);
        assert_eq!(
            parse(&[("key", "a"), ("path", "p"), ("restore-keys", &many)]).unwrap_err(),
            "restore-keys: with the key there can be at most 10"
        );
    }

    #[test]
    fn places() {
        let places = Places {
            workspace: Path::new("/h/work/r"),
            home: Some(Path::new("/h")),
        };
        for (path, expected) in [
            ("/h/work/r/target/x", "workspace/target/x"),
            ("/h/.cargo", "home/.cargo"),
            ("/opt/tool", "root/opt/tool"),
        ] {
            assert_eq!(places.item(Path::new(path)).name, Path::new(expected));
        }
    }
}
