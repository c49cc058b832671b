//! What this machine has that actions need.

use serde::Serialize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    pub(super) node: bool,
    /// A container engine is installed; whether it answers is known when a job asks it.
    pub(super) containers: bool,
}

impl Machine {
    /// By the programs in `PATH`.
    pub(super) fn here() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let has = |name: &str| {
            directories
                .iter()
                .any(|directory| is_program(&directory.join(name)))
        };
        Self {
            node: has("node"),
            containers: has("docker") || has("podman"),
        }
    }
}

fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
