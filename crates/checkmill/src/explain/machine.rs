//! What this machine has that actions need.

use serde::Serialize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Machine {
    pub(super) node: bool,
    /// A container engine is installed; whether it answers is known when a job asks it.
    pub(super) containers: bool,
}

impl Machine {
    /// By the programs in `PATH`.
    pub(super) fn here() -> Self {
        Self {
            node: has_program("node"),
            containers: has_program("docker") || has_program("podman"),
        }
    }
}

/// Whether `PATH` has the program.
pub(super) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| is_program(&directory.join(name)))
}

/// Whether the variable is set, and not empty.
pub(super) fn has_variable(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
