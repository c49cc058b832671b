//! One program of the cluster.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A child process that does not outlive this value.
pub(super) struct Daemon {
    name: String,
    child: Child,
}

impl Daemon {
    pub(super) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self, String> {
        let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| error.to_string())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // A group of its own: Ctrl-C in a terminal is for the test.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{} can't be started: {error}", command.get_program().display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // By SIGTERM, so that the controller writes its state; it has no long work.
        let pid = self.child.id().to_string();
        let told = Command::new("kill").arg(&pid).status();
        if !told.is_ok_and(|told| told.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
