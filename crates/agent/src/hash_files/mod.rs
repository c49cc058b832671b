//! `hashFiles`: one hash over the files of the workspace that match.

pub mod glob;

use checkmill_workflow::expr::HashFiles;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The workspace as `hashFiles` sees it.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl HashFiles for Workspace {
    /// SHA-256 over the SHA-256 of each file, the files in the order of their paths.
    fn hash_files(&self, patterns: &[String], follow_symlinks: bool) -> Result<String, String> {
        let patterns = glob::parse(patterns, &self.root.to_string_lossy())?;
        let mut files = Vec::new();
        let mut walk = Walk {
            patterns: &patterns,
            follow_symlinks,
            open: Vec::new(),
            files: &mut files,
        };
        walk.directory(&self.root, &mut Vec::new())
            .map_err(|error| format!("the workspace can't be read: {error}"))?;
        if files.is_empty() {
            return Ok(String::new());
        }
        files.sort();
        let mut all = Sha256::new();
        for file in &files {
            let digest = hash(file).map_err(|error| {
                let shown = file.strip_prefix(&self.root).unwrap_or(file);
                format!("{} can't be read: {error}", shown.display())
            })?;
            all.update(digest);
        }
        Ok(hex::encode(all.finalize()))
    }
}

fn hash(path: &Path) -> io::Result<impl AsRef<[u8]>> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hash.finalize()),
            read => hash.update(&buffer[..read]),
        }
    }
}

struct Walk<'a> {
    patterns: &'a [glob::Pattern],
    follow_symlinks: bool,
    /// The directories that are being walked, resolved: a link back into one of them is not followed.
    open: Vec<PathBuf>,
    files: &'a mut Vec<PathBuf>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &Path, names: &mut Vec<String>) -> io::Result<()> {
        let resolved = fs::canonicalize(path)?;
        if self.open.contains(&resolved) {
            return Ok(());
        }
        self.open.push(resolved);
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            names.push(entry.file_name().to_string_lossy().into_owned());
            self.entry(&entry.path(), entry.file_type()?, names)?;
            names.pop();
        }
        self.open.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, kind: fs::FileType, names: &mut Vec<String>) -> io::Result<()> {
        if kind.is_dir() {
            return self.directory(path, names);
        }
        if kind.is_symlink() {
            match fs::metadata(path) {
                Ok(target) if target.is_dir() && self.follow_symlinks => return self.directory(path, names),
                Ok(target) if target.is_file() => {}
                // A link to a directory that is not followed, to nothing, or to a device.
                _ => return Ok(()),
            }
        } else if !kind.is_file() {
            return Ok(());
        }
        if self.is_wanted(names) {
            self.files.push(path.to_owned());
        }
        Ok(())
    }

    /// The last pattern that matches decides.
    fn is_wanted(&self, names: &[String]) -> bool {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let last = self.patterns.iter().rev().find(|pattern| pattern.matches(&names));
        last.is_some_and(|pattern| !pattern.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let temp = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("b.lock", "two"),
            ("a/x.lock", "one"),
            ("a/y.txt", "other"),
            (".h/z.lock", "three"),
        ] {
            let path = temp.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let workspace = Workspace::new(temp.path());
        (temp, workspace)
    }

    fn hash_of(workspace: &Workspace, patterns: &[&str]) -> String {
        let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        workspace.hash_files(&patterns, false).unwrap()
    }

    fn hash_of_texts(texts: &[&str]) -> String {
        let digests = texts
            .iter()
            .flat_map(|text| Sha256::digest(text.as_bytes()).to_vec())
            .collect::<Vec<_>>();
        hex::encode(Sha256::digest(digests))
    }

    #[test]
    fn the_hash_is_that_of_the_hashes_in_the_order_of_the_paths() {
        let (_temp, workspace) = workspace();
        assert_eq!(
            hash_of(&workspace, &["**/*.lock"]),
            hash_of_texts(&["three", "one", "two"])
        );
        assert_eq!(hash_of(&workspace, &["a"]), hash_of_texts(&["one", "other"]));
        assert_eq!(
            hash_of(&workspace, &["**", "!**/*.lock"]),
            hash_of_texts(&["other"])
        );
        assert_eq!(
            hash_of(&workspace, &["**/*.lock", "!a/**", "a/x.lock"]),
            hash_of_texts(&["three", "one", "two"])
        );
        assert_eq!(hash_of(&workspace, &["nothing"]), "");
    }

    #[test]
    fn links_to_files_count_and_links_to_directories_only_on_request_and_never_round_and_round() {
        let (temp, workspace) = workspace();
        std::os::unix::fs::symlink("../b.lock", temp.path().join("a/link.lock")).unwrap();
        std::os::unix::fs::symlink("..", temp.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", temp.path().join("a/dangling.lock")).unwrap();
        assert_eq!(hash_of(&workspace, &["a/*.lock"]), hash_of_texts(&["two", "one"]));
        let followed = workspace.hash_files(&["**/x.lock".to_owned()], true).unwrap();
        assert_eq!(followed, hash_of_texts(&["one"]));
    }

    #[test]
    fn a_pattern_that_leads_out_is_an_error() {
        let (_temp, workspace) = workspace();
        let error = workspace.hash_files(&["../*".to_owned()], false).unwrap_err();
        assert!(error.contains("leads out of the workspace"), "{error}");
    }
}
