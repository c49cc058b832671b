//! Where things are. The one place that reads the environment.

use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The workspace and where its artefacts go.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target`.
    pub(crate) target: PathBuf,
    /// Python and Node packages of the tests.
    pub(crate) tools: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .context("this crate has left its workspace")?
            .to_owned();
        if !root.join("Cargo.toml").is_file() {
            bail!(
                "the workspace is no longer at {}: build xtask anew",
                root.display()
            );
        }
        let target = match variable("CARGO_TARGET_DIR") {
            Some(dir) => root.join(dir),
            None => root.join("target"),
        };
        let tools = target.join("tools");
        Ok(Self { root, target, tools })
    }

    /// An empty directory for one purpose.
    pub(crate) fn fresh_dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.target.join("xtask").join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("{} can't be removed", dir.display()))?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("{} can't be made", dir.display()))?;
        Ok(dir)
    }
}

/// The program of this name in `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// `PATH` with `dirs` before everything else.
pub(crate) fn path_with(dirs: &[&Path]) -> OsString {
    let old = variable("PATH").unwrap_or_default();
    let all = dirs
        .iter()
        .map(|dir| dir.to_path_buf())
        .chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

/// A directory with Terraform providers, named by hand.
pub(crate) fn terraform_plugins() -> Option<PathBuf> {
    variable("CHECKMILL_TERRAFORM_PLUGINS").map(PathBuf::from)
}

pub(crate) fn home() -> Option<PathBuf> {
    variable("HOME").map(PathBuf::from)
}

/// What cargo has set for xtask as a package and would hand on. ring's build script hears of each change of them, and ring is
/// below everything that uses TLS: minutes, whenever somebody calls cargo by hand in between.
pub(crate) fn of_this_package() -> Vec<OsString> {
    let is_ours = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(is_ours)
        .collect()
}

pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
