//! Where an action is: its directory, and what it must not leave.

use checkmill_core::limits::WORKFLOW_FILE_BYTES;
use checkmill_workflow::manifest::{ActionManifest, DockerImage, DockerRuns, Runs};
use checkmill_workflow::parse_action;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// A directory with an action's file. Paths are resolved: no link leads out of `root` unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    root: PathBuf,
    directory: PathBuf,
}

impl Place {
    /// The directory `path` below `root`, which is the workspace or the action's repository.
    ///
    /// # Errors
    /// It is not there, or outside; a sentence without its full stop.
    pub fn new(root: &Path, path: &str) -> Result<Self, String> {
        let root =
            fs::canonicalize(root).map_err(|error| format!("{} can't be read: {error}", root.display()))?;
        let shown = if path.is_empty() { "." } else { path };
        let directory = fs::canonicalize(root.join(path))
            .map_err(|error| format!("the directory {shown} can't be read: {error}"))?;
        if !directory.starts_with(&root) {
            return Err(format!("the directory {shown} is a link that leads out"));
        }
        if !directory.is_dir() {
            return Err(format!("{shown} is no directory"));
        }
        Ok(Self { root, directory })
    }

    /// `GITHUB_ACTION_PATH`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file that the action names, relative to its directory. It may lie beside that directory (`../dist/index.js` is in
    /// use), but not outside the repository.
    ///
    /// # Errors
    /// A sentence without its full stop.
    pub fn file(&self, what: &str, name: &str) -> Result<PathBuf, String> {
        let plain = |part: Component<'_>| {
            matches!(
                part,
                Component::Normal(_) | Component::CurDir | Component::ParentDir
            )
        };
        if name.contains('\0') || !Path::new(name).components().all(plain) {
            return Err(format!("{what}: {name:?} is not a path inside the action"));
        }
        let file = fs::canonicalize(self.directory.join(name))
            .map_err(|error| format!("{what}: {name} can't be read: {error}"))?;
        if !file.starts_with(&self.root) {
            return Err(format!("{what}: {name:?} leads out of the action's repository"));
        }
        if !file.is_file() {
            return Err(format!("{what}: {name} is not a file"));
        }
        Ok(file)
    }

    /// The action's file as it is; empty where a Dockerfile alone makes the action, none where it can't be read.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let name = ["action.yml", "action.yaml"]
            .into_iter()
            .find(|name| self.directory.join(name).exists());
        match name {
            Some(name) => read(&self.file("the action's file", name).ok()?).ok(),
            None => Some(String::new()),
        }
    }

    /// Reads `action.yml`, else `action.yaml`; a directory with a Dockerfile alone is an action, too.
    pub(super) fn manifest(&self, action: &str) -> Result<ActionManifest, String> {
        for name in ["action.yml", "action.yaml"] {
            if !self.directory.join(name).exists() {
                continue;
            }
            let text = read(&self.file("the action's file", name)?)
                .map_err(|error| format!("{name} can't be read: {error}"))?;
            return parse_action(&format!("{action}: {name}"), &text)
                .map_err(|wrong| format!("{name} is wrong\n{wrong}"));
        }
        for name in ["Dockerfile", "dockerfile"] {
            if self.directory.join(name).is_file() {
                return Ok(dockerfile(name));
            }
        }
        Err("there is no action.yml, action.yaml or Dockerfile".to_owned())
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // One byte more than the parser takes, so that it can say so.
    File::open(path)?
        .take(WORKFLOW_FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn dockerfile(name: &str) -> ActionManifest {
    ActionManifest {
        name: None,
        inputs: Vec::new(),
        runs: Runs::Docker(DockerRuns {
            image: DockerImage::File(name.to_owned()),
            entrypoint: None,
            args: Vec::new(),
            env: std::collections::BTreeMap::new(),
            pre: None,
            post: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn repository() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("repository");
        fs::create_dir_all(root.join("sub/dist")).unwrap();
        fs::create_dir_all(root.join("dist")).unwrap();
        for file in ["sub/dist/main.js", "dist/shared.js", "../secret"] {
            fs::write(root.join(file), "x").unwrap();
        }
        symlink("../secret", root.join("out")).unwrap();
        symlink("/", root.join("root")).unwrap();
        (temp, root)
    }

    #[test]
    fn files_of_the_repository_and_no_others() {
        let (_temp, root) = repository();
        let place = Place::new(&root, "sub").unwrap();
        for (name, expected) in [
            ("dist/main.js", "sub/dist/main.js"),
            ("./dist/main.js", "sub/dist/main.js"),
            ("../dist/shared.js", "dist/shared.js"),
        ] {
            assert_eq!(
                place.file("main", name).unwrap(),
                root.canonicalize().unwrap().join(expected)
            );
        }
        for (name, expected) in [
            (
                "../../secret",
                "main: \"../../secret\" leads out of the action's repository",
            ),
            ("../out", "main: \"../out\" leads out of the action's repository"),
            (
                "/etc/passwd",
                "main: \"/etc/passwd\" is not a path inside the action",
            ),
            ("dist", "main: dist is not a file"),
            ("a\0b", "main: \"a\\0b\" is not a path inside the action"),
        ] {
            assert_eq!(place.file("main", name).unwrap_err(), expected);
        }
        assert!(
            place
                .file("main", "none.js")
                .unwrap_err()
                .starts_with("main: none.js can't be read: ")
        );
    }

    #[test]
    fn directories_of_the_repository_and_no_others() {
        let (_temp, root) = repository();
        assert!(Place::new(&root, "").is_ok());
        for (path, expected) in [
            ("root/etc", "the directory root/etc is a link that leads out"),
            ("dist/shared.js", "dist/shared.js is no directory"),
        ] {
            assert_eq!(Place::new(&root, path).unwrap_err(), expected);
        }
        assert!(
            Place::new(&root, "none")
                .unwrap_err()
                .starts_with("the directory none can't be read: ")
        );
    }

    #[test]
    fn the_files_of_an_action() {
        let (_temp, root) = repository();
        let place = Place::new(&root, "").unwrap();
        assert_eq!(
            place.manifest("o/r@v1").unwrap_err(),
            "there is no action.yml, action.yaml or Dockerfile"
        );
        fs::write(root.join("Dockerfile"), "FROM x").unwrap();
        assert!(matches!(place.manifest("o/r@v1").unwrap().runs, Runs::Docker(_)));
        fs::write(root.join("action.yaml"), "runs: {using: node20, main: x}").unwrap();
        assert!(matches!(
            place.manifest("o/r@v1").unwrap().runs,
            Runs::JavaScript { .. }
        ));
        fs::write(root.join("action.yml"), "runs: 1").unwrap();
        let wrong = place.manifest("o/r@v1").unwrap_err();
        assert!(
            wrong.starts_with("action.yml is wrong\no/r@v1: action.yml:1:7: `runs` must be a mapping"),
            "{wrong}"
        );
        fs::write(root.join("action.yml"), [0xff, 0xfe]).unwrap();
        assert!(
            place
                .manifest("o/r@v1")
                .unwrap_err()
                .starts_with("action.yml can't be read: ")
        );
        fs::write(root.join("action.yml"), "#".repeat(WORKFLOW_FILE_BYTES + 10)).unwrap();
        assert!(
            place
                .manifest("o/r@v1")
                .unwrap_err()
                .contains("files of at most 1 MiB")
        );
        fs::remove_file(root.join("action.yml")).unwrap();
        symlink("../secret", root.join("action.yml")).unwrap();
        assert_eq!(
            place.manifest("o/r@v1").unwrap_err(),
            "the action's file: \"action.yml\" leads out of the action's repository"
        );
    }
}
