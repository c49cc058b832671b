//! From a file as a tool names it to a path of the repository.

use super::place::Place;
use super::repository::Repository;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A longer name is none.
const NAME_BYTES: usize = 1024;

/// Where files may lie that a step or a report file names. Only files that exist are found: GitHub shows an annotation at a
/// path of the repository, and a tool's output is full of other things that look like one.
#[derive(Debug, Clone)]
pub struct Paths {
    workspace: PathBuf,
    /// The workspace as the system sees it, where links lead to it.
    resolved: Option<PathBuf>,
    /// What relative names are relative to, the likeliest first.
    bases: Vec<PathBuf>,
    repository: Repository,
}

impl Paths {
    /// Names relative to `directory`, to one of those above it, or to the workspace.
    #[must_use]
    pub fn new(workspace: &Path, directory: &Path) -> Self {
        let resolved = fs::canonicalize(workspace)
            .ok()
            .filter(|resolved| resolved != workspace);
        let inside = normal(directory).filter(|directory| directory.starts_with(workspace));
        let mut bases: Vec<PathBuf> = inside
            .iter()
            .flat_map(|directory| directory.ancestors())
            .take_while(|base| base.starts_with(workspace))
            .map(Path::to_owned)
            .collect();
        if bases.is_empty() {
            bases.push(workspace.to_owned());
        }
        Self {
            workspace: workspace.to_owned(),
            resolved,
            bases,
            repository: Repository::default(),
        }
    }

    /// Only files of this repository have a path.
    #[must_use]
    pub fn of(mut self, repository: &Repository) -> Self {
        self.repository = repository.clone();
        self
    }

    /// Tools see the workspace under another name: that of a container.
    #[must_use]
    pub fn seen_as(mut self, name: &Path) -> Self {
        self.resolved = Some(name.to_owned());
        self
    }

    /// The path of the first place whose file is there, and its line.
    #[must_use]
    pub fn first(&self, places: &[Place]) -> Option<(String, Option<u32>)> {
        places
            .iter()
            .find_map(|place| Some((self.find(place)?, place.line)))
    }

    /// The path of a place's file, relative to the repository's root; none where there is no such file. The first place
    /// where there is one decides, also where it is another repository's.
    #[must_use]
    pub fn find(&self, place: &Place) -> Option<String> {
        self.in_repository(&self.file(place)?)
    }

    /// The same for a file that is named from where another one is, such as a project's.
    #[must_use]
    pub fn find_beside(&self, project: &str, file: &str) -> Option<String> {
        let project = self.file(&Place::new(project, None));
        let directory = project.as_deref().and_then(Path::parent);
        let beside = directory.map(|directory| self.workspace.join(directory).join(file));
        let beside = beside.filter(|_| !file.starts_with('/'));
        let found = beside.and_then(|path| self.existing(path));
        self.in_repository(&found.or_else(|| self.file(&Place::new(file, None)))?)
    }

    /// The file, relative to the workspace.
    fn file(&self, place: &Place) -> Option<PathBuf> {
        let name = place.file.strip_prefix("file://").unwrap_or(&place.file);
        let name = name.replace('\\', "/");
        if name.is_empty() || name.len() > NAME_BYTES || name.contains(char::is_control) {
            return None;
        }
        if name.starts_with('/') {
            return self.existing(self.inside(Path::new(&name)));
        }
        let folders = place
            .folders
            .iter()
            .map(String::as_str)
            .chain(std::iter::once(""));
        folders
            .flat_map(|folder| self.bases.iter().map(move |base| base.join(folder)))
            .find_map(|directory| self.existing(directory.join(&name)))
    }

    /// An absolute path below the workspace's own name, where it is below its resolved one.
    fn inside(&self, path: &Path) -> PathBuf {
        let rest = self
            .resolved
            .as_ref()
            .and_then(|resolved| path.strip_prefix(resolved).ok());
        rest.map_or_else(|| path.to_owned(), |rest| self.workspace.join(rest))
    }

    fn existing(&self, path: PathBuf) -> Option<PathBuf> {
        let path = normal(&path)?;
        let relative = path.strip_prefix(&self.workspace).ok()?;
        let is_file = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
        is_file.then(|| relative.to_owned())
    }

    /// From the repository's root: a checkout may have a `path` of its own.
    fn in_repository(&self, file: &Path) -> Option<String> {
        let root = self.repository.root_above(&self.workspace, file)?;
        let path = file.strip_prefix(&root).unwrap_or(file);
        path.to_str().map(str::to_owned)
    }
}

/// The path without `.` and `..`; none where it leads above the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            other => normal.push(other),
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(files: &[&str]) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for file in files {
            let path = temp.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        temp
    }

    #[test]
    fn names_are_found_from_where_the_tool_ran() {
        let temp = workspace(&[
            "a.rs",
            "rust/src/a.rs",
            "rust/b.rs",
            "go/calc/x_test.go",
            "go/x_test.go",
        ]);
        let root = temp.path();
        let paths = Paths::new(root, &root.join("rust/src/../src"));
        let absolute = root.join("rust/./b.rs").to_str().unwrap().to_owned();
        let table = [
            ("a.rs", Some("rust/src/a.rs")),
            ("b.rs", Some("rust/b.rs")),
            ("rust/src/../b.rs", Some("rust/b.rs")),
            ("rust\\b.rs", Some("rust/b.rs")),
            (&absolute, Some("rust/b.rs")),
            ("c.rs", None),
            ("src", None),
            ("../../../etc/passwd", None),
            ("/etc/passwd", None),
            ("", None),
            ("a\nb", None),
        ];
        for (name, expected) in table {
            assert_eq!(paths.find(&Place::new(name, None)).as_deref(), expected, "{name}");
        }
        let place = Place {
            folders: vec!["demo/calc".to_owned(), "calc".to_owned()],
            ..Place::new("x_test.go", Some(3))
        };
        let paths = Paths::new(root, &root.join("go"));
        assert_eq!(
            paths.first(&[Place::new("none.go", Some(1)), place]),
            Some(("go/calc/x_test.go".to_owned(), Some(3)))
        );
        let outside = Paths::new(root, Path::new("/etc"));
        assert_eq!(outside.find(&Place::new("a.rs", None)).as_deref(), Some("a.rs"));
    }

    #[test]
    fn paths_begin_at_the_repositorys_root() {
        let temp = workspace(&[
            "app/src/a.rs",
            "app/sub/.git",
            "app/sub/b.rs",
            "app/dep/.git/config",
            "app/dep/src/a.rs",
            "app/dep/x.proj",
        ]);
        let mut repository = Repository::default();
        repository.checked_out(Path::new("app"));
        let paths = |directory: &str| Paths::new(temp.path(), &temp.path().join(directory)).of(&repository);
        let find = |name| paths("").find(&Place::new(name, None));
        assert_eq!(find("app/src/a.rs").as_deref(), Some("src/a.rs"));
        assert_eq!(find("app/sub/b.rs").as_deref(), Some("sub/b.rs"));
        assert_eq!(find("app/dep/src/a.rs"), None);
        // What the other repository's tools say is not said of our file of the same name.
        assert_eq!(paths("app/dep").find(&Place::new("src/a.rs", None)), None);
        assert_eq!(paths("app").find_beside("dep/x.proj", "src/a.rs"), None);
        assert_eq!(
            paths("app").find_beside("sub/b.rs", "../src/a.rs").as_deref(),
            Some("src/a.rs")
        );
        assert_eq!(
            paths("app").find_beside("none", "src/a.rs").as_deref(),
            Some("src/a.rs")
        );
    }

    #[test]
    fn a_link_to_the_workspace_is_seen_through() {
        let temp = workspace(&["real/a.rs"]);
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(temp.path().join("real"), &link).unwrap();
        let real = fs::canonicalize(temp.path().join("real/a.rs")).unwrap();
        let paths = Paths::new(&link, &link);
        assert_eq!(
            paths.find(&Place::new(real.to_str().unwrap(), None)).as_deref(),
            Some("a.rs")
        );
    }
}
