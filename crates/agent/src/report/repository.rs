//! Which directories of the workspace hold the job's repository, and which another one.

use super::files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A longer `.git/config` is not read.
const CONFIG_BYTES: u64 = 64 * 1024;

/// The job's repository, as far as its files are in the workspace.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    /// Under which names others know it as a remote, as [`plain`] has them.
    remotes: Vec<String>,
    /// Where Checkmill's own checkout has put it, relative to the workspace.
    checkouts: BTreeSet<PathBuf>,
}

impl Repository {
    /// The repository at these URLs.
    #[must_use]
    pub fn of(urls: &[&str]) -> Self {
        let remotes = urls.iter().map(|url| plain(url));
        Self {
            remotes: remotes.filter(|remote| !remote.is_empty()).collect(),
            checkouts: BTreeSet::new(),
        }
    }

    /// It was checked out into this directory, relative to the workspace.
    pub fn checked_out(&mut self, directory: &Path) {
        self.checkouts.insert(directory.to_owned());
    }

    /// The repository's root above a file, both relative to the workspace. None where the file is another repository's, or
    /// beside ours; where nothing is known of any, the workspace is taken for ours.
    ///
    /// As GitHub's runner does it (actions/runner, `OutputManager.cs`): the innermost `.git` decides by its remotes, and that
    /// of a submodule is a file, which decides nothing.
    #[must_use]
    pub fn root_above(&self, workspace: &Path, file: &Path) -> Option<PathBuf> {
        for directory in file.ancestors().skip(1) {
            if self.checkouts.contains(directory) {
                return Some(directory.to_owned());
            }
            let git = workspace.join(directory).join(".git");
            if git.is_dir() {
                return self
                    .is_remote_in(&git.join("config"))
                    .then(|| directory.to_owned());
            }
        }
        self.checkouts.is_empty().then(PathBuf::new)
    }

    fn is_remote_in(&self, config: &Path) -> bool {
        let Ok(text) = files::read(config, CONFIG_BYTES) else {
            return false;
        };
        let mut of_remote = false;
        text.lines().map(str::trim).any(|line| {
            if line.starts_with('[') {
                of_remote = line.starts_with("[remote ");
            }
            let setting = line.split_once('=').filter(|_| of_remote);
            setting.is_some_and(|(name, url)| {
                name.trim().eq_ignore_ascii_case("url") && self.remotes.contains(&plain(url.trim()))
            })
        })
    }
}

/// A URL without what depends on the way there: `https://t@github.com/Octo/Hello.git/` and `git@github.com:octo/hello` are
/// `github.com/octo/hello`. Names on GitHub have no case.
fn plain(url: &str) -> String {
    let scp = |url: &str| match url.split_once(':') {
        Some((host, path)) if !host.contains('/') => format!("{host}/{path}"),
        _ => url.to_owned(),
    };
    let rest = url
        .split_once("://")
        .map_or_else(|| scp(url), |(_, rest)| rest.to_owned());
    let host = match rest.split_once('@') {
        Some((user, host)) if !user.contains('/') => host,
        _ => &rest,
    };
    let path = host.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_many_urls() {
        for url in [
            "https://github.com/octo/hello",
            "https://github.com/Octo/Hello.git",
            "https://x-access-token:t@github.com/octo/hello/",
            "git@github.com:octo/hello.git",
            "ssh://git@github.com/octo/hello.git",
        ] {
            assert_eq!(plain(url), "github.com/octo/hello", "{url}");
        }
        for (url, expected) in [
            ("file:///srv/a.git", "/srv/a"),
            ("/srv/a@b", "/srv/a@b"),
            ("../a:b", "../a:b"),
            ("", ""),
        ] {
            assert_eq!(plain(url), expected, "{url}");
        }
    }

    #[test]
    fn the_innermost_repository_decides() {
        let temp = tempfile::tempdir().unwrap();
        let git = |directory: &str, config: &str| {
            let git = temp.path().join(directory).join(".git");
            std::fs::create_dir_all(&git).unwrap();
            std::fs::write(git.join("config"), config).unwrap();
        };
        git(
            "ours",
            "[core]\n\tbare = false\n[remote \"up\"]\n\turl = git@h:Octo/Hello.git\n",
        );
        git("ours/dep", "[remote \"origin\"]\n\turl = https://h/octo/dep\n");
        // Its submodule is ours, and it is not.
        git(
            "around",
            "[remote \"origin\"]\n\turl = https://h/octo/around\n[submodule \"x\"]\n\turl = https://h/octo/hello\n",
        );
        git("none", "");
        std::fs::create_dir_all(temp.path().join("ours/sub")).unwrap();
        std::fs::write(temp.path().join("ours/sub/.git"), "gitdir: ../.git/modules/sub\n").unwrap();
        let mut repository = Repository::of(&["https://h/octo/hello.git", ""]);
        let root = |repository: &Repository, file: &str| {
            let root = repository.root_above(temp.path(), Path::new(file));
            root.map(|root| root.to_str().unwrap().to_owned())
        };
        let table = [
            ("ours/a/b.c", Some("ours")),
            ("ours/sub/b.c", Some("ours")),
            ("ours/dep/b.c", None),
            ("around/b.c", None),
            ("none/b.c", None),
            ("b.c", Some("")),
        ];
        for (file, expected) in table {
            assert_eq!(root(&repository, file).as_deref(), expected, "{file}");
        }
        repository.checked_out(Path::new("mine"));
        for (file, expected) in [
            ("mine/b.c", Some("mine")),
            ("b.c", None),
            ("ours/b.c", Some("ours")),
        ] {
            assert_eq!(root(&repository, file).as_deref(), expected, "{file}");
        }
    }
}
