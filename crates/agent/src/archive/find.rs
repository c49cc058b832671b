//! The files that a `path` of several patterns names, in the workspace and outside.
//!
//! Patterns are those of `@actions/glob`, as in `hashFiles`; `~` is the home directory, and a relative one is below the
//! workspace.

use crate::hash_files::glob::{self, Pattern};
use checkmill_core::limits::ARCHIVE_FILES;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How directories are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Files, and those that links lead to. `hidden`: also those whose name, or whose directory's, begins with a dot.
    Artifact { hidden: bool },
    /// Everything as it is: files, links, directories.
    Cache,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Absolute, sorted.
    pub paths: Vec<PathBuf>,
    /// What all patterns have in common before their first wildcard.
    pub root: PathBuf,
}

/// Searches for what the patterns name.
///
/// # Errors
/// A directory that can't be read, or too many files; a sentence without its full stop.
pub fn find(text: &str, workspace: &Path, home: Option<&Path>, mode: Mode) -> Result<Found, String> {
    let patterns = patterns(text, workspace, home)?;
    let mut roots: Vec<PathBuf> = patterns
        .iter()
        .filter(|pattern| !pattern.exclude)
        .map(Pattern::literal_beginning)
        .collect();
    let root = common(&roots);
    roots.sort();
    roots.dedup_by(|later, earlier| later.starts_with(earlier));
    let mut walk = Walk {
        patterns: &patterns,
        mode,
        open: Vec::new(),
        paths: Vec::new(),
    };
    for root in &roots {
        walk.path(root).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => {
                format!("the path {text:?} names more than {ARCHIVE_FILES} files")
            }
            _ => format!("{} can't be searched: {error}", root.display()),
        })?;
    }
    walk.paths.sort();
    walk.paths.dedup();
    Ok(Found {
        paths: walk.paths,
        root,
    })
}

fn patterns(text: &str, workspace: &Path, home: Option<&Path>) -> Result<Vec<Pattern>, String> {
    let mut absolute = Vec::new();
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let bare = line.trim_start_matches('!');
        let marks = &line[..line.len() - bare.len()];
        let bare = bare.trim();
        let whole = if bare == "~" || bare.starts_with("~/") {
            let home =
                home.ok_or_else(|| format!("{line:?} is in the home directory, and there is no HOME"))?;
            format!("{}/{}", escaped(home), &bare[1..])
        } else if bare.starts_with('/') {
            bare.to_owned()
        } else {
            format!("{}/{bare}", escaped(workspace))
        };
        absolute.push(format!("{marks}{}", without_dots(&whole)));
    }
    glob::parse(&absolute, "")
}

/// A directory of ours in a pattern: no character of it is a wildcard.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if "*?[\\".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// `/a/./b/../c` is `/a/c`.
fn without_dots(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// The directory that all of these are in; that of one alone is it itself, or where the file is.
fn common(roots: &[PathBuf]) -> PathBuf {
    let directory = |path: &PathBuf| {
        if path.is_file() {
            path.parent().unwrap_or(path).to_owned()
        } else {
            path.clone()
        }
    };
    let mut roots = roots.iter().map(directory);
    let first = roots.next().unwrap_or_else(|| PathBuf::from("/"));
    roots.fold(first, |common, path| {
        let shared = common
            .components()
            .zip(path.components())
            .take_while(|(a, b)| a == b);
        shared.map(|(name, _)| name).collect()
    })
}

struct Walk<'a> {
    patterns: &'a [Pattern],
    mode: Mode,
    /// The directories that are being walked, resolved: a link back into one of them is not followed.
    open: Vec<PathBuf>,
    paths: Vec<PathBuf>,
}

impl Walk<'_> {
    fn path(&mut self, path: &Path) -> io::Result<()> {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden && self.mode == (Mode::Artifact { hidden: false }) {
            return Ok(());
        }
        let data = match self.mode {
            Mode::Artifact { .. } => fs::metadata(path),
            Mode::Cache => fs::symlink_metadata(path),
        };
        // A link to nowhere, or nothing at all.
        let Ok(data) = data else { return Ok(()) };
        if data.is_dir() {
            if self.mode == Mode::Cache {
                self.take(path)?;
            }
            return self.directory(path);
        }
        if data.is_file() || data.is_symlink() {
            self.take(path)?;
        }
        Ok(())
    }

    fn directory(&mut self, path: &Path) -> io::Result<()> {
        let resolved = fs::canonicalize(path)?;
        if self.open.contains(&resolved) {
            return Ok(());
        }
        self.open.push(resolved);
        for entry in fs::read_dir(path)? {
            self.path(&entry?.path())?;
        }
        self.open.pop();
        Ok(())
    }

    /// The last pattern that matches decides.
    fn take(&mut self, path: &Path) -> io::Result<()> {
        let text = path.to_string_lossy();
        let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty()).collect();
        let last = self.patterns.iter().rev().find(|pattern| pattern.matches(&names));
        if last.is_some_and(|pattern| !pattern.exclude) {
            self.paths.push(path.to_owned());
        }
        if self.paths.len() > ARCHIVE_FILES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> tempfile::TempDir {
        let temp = tempfile::Builder::new().prefix("odd[x]").tempdir().unwrap();
        for file in [
            "a.txt",
            "dist/one.js",
            "dist/two.map",
            "dist/.hidden/x",
            ".env",
            "home/.cache/y",
            "lib/deep/z.js",
        ] {
            let path = temp.path().join("w").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        symlink("one.js", temp.path().join("w/dist/link.js")).unwrap();
        symlink("..", temp.path().join("w/dist/up")).unwrap();
        symlink("nowhere", temp.path().join("w/dist/broken")).unwrap();
        temp
    }

    fn found(text: &str, mode: Mode) -> String {
        let temp = tree();
        let workspace = temp.path().join("w");
        let found = find(text, &workspace, Some(&workspace.join("home")), mode).unwrap();
        let short = |path: &Path| {
            path.strip_prefix(&workspace)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        let paths: Vec<String> = found.paths.iter().map(|path| short(path)).collect();
        format!("{} | {}", paths.join(" "), short(&found.root))
    }

    #[test]
    fn artifacts_are_files_and_keep_what_is_hidden() {
        let plain = Mode::Artifact { hidden: false };
        let table = [
            ("a.txt", "a.txt | "),
            (
                "dist",
                "dist/link.js dist/one.js dist/two.map dist/up/a.txt dist/up/lib/deep/z.js | dist",
            ),
            ("dist\n!dist/up\n!dist/*.map", "dist/link.js dist/one.js | dist"),
            ("dist/*.js", "dist/link.js dist/one.js | dist"),
            ("./dist/../lib/**/*.js\na.txt", "a.txt lib/deep/z.js | "),
            ("lib/deep/z.js\nlib/deep", "lib/deep/z.js | lib/deep"),
            (".env", " | "),
            ("none\n# a comment", " | none"),
            ("../w/a.txt", "a.txt | "),
        ];
        for (text, expected) in table {
            assert_eq!(found(text, plain), expected, "{text:?}");
        }
        assert_eq!(
            found(".env\n~/.cache", Mode::Artifact { hidden: true }),
            ".env home/.cache/y | "
        );
    }

    #[test]
    fn caches_are_everything_as_it_is() {
        assert_eq!(
            found("dist\n!dist/up", Mode::Cache),
            "dist dist/.hidden dist/.hidden/x dist/broken dist/link.js dist/one.js dist/two.map | dist"
        );
        assert_eq!(
            found("~/.cache", Mode::Cache),
            "home/.cache home/.cache/y | home/.cache"
        );
        let lost = find("~/x", Path::new("/w"), None, Mode::Cache).unwrap_err();
        assert_eq!(lost, "\"~/x\" is in the home directory, and there is no HOME");
    }
}
