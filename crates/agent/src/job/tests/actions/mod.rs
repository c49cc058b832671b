//! Actions of repositories and of the workspace, from a git server that is a directory.

mod composite;
mod docker;
mod hostile;
mod javascript;
mod storage;
mod translated;
mod translated_run;

use super::checkout::git;
use crate::testing::World;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Repositories by `owner/name`, the job's own, `octo/hello`, among them.
pub(super) struct Server {
    temp: tempfile::TempDir,
}

impl Server {
    pub(super) fn new() -> Self {
        let server = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        server.commit("octo/hello", &[("README", "hello")]);
        server
    }

    pub(super) fn path(&self, repository: &str) -> PathBuf {
        self.temp.path().join(repository)
    }

    /// Writes files and commits them to `main`; the commit.
    pub(super) fn commit(&self, repository: &str, files: &[(&str, &str)]) -> String {
        let directory = self.path(repository);
        if !directory.exists() {
            fs::create_dir_all(&directory).unwrap();
            git(&directory, &["init", "-q", "-b", "main"]);
        }
        for (name, content) in files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            if name.ends_with(".sh") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        git(&directory, &["add", "."]);
        git(&directory, &["commit", "-q", "--allow-empty", "-m", "A commit"]);
        git(&directory, &["rev-parse", "HEAD"])
    }

    /// An annotated tag at the last commit.
    pub(super) fn tag(&self, repository: &str, name: &str) {
        git(&self.path(repository), &["tag", "-a", "-m", name, name]);
    }

    /// A job of `octo/hello`.
    pub(super) fn world(&self, steps: Value) -> World {
        let sha = git(&self.path("octo/hello"), &["rev-parse", "HEAD"]);
        World::new(steps).with(
            "checkout",
            json!({
                "clone_url": format!("file://{}/octo/hello", self.temp.path().display()),
                "repository": "octo/hello", "sha": sha, "git_ref": "refs/heads/main",
            }),
        )
    }
}

/// A `uses` step with further keys.
pub(super) fn uses(action: &str, keys: Value) -> Value {
    let mut step = json!({"type": "uses", "uses": action});
    step.as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    step
}

pub(super) fn checkout() -> Value {
    uses("actions/checkout@v4", json!({}))
}
