//! The Slurm backend on a real cluster, which each test starts for itself (`checkmill_testkit::slurm`).

use super::rust::{FEATURES, cargo, counted, has_nextest};
use crate::command;
use crate::outcome::Counts;
use crate::settings::Workspace;
use crate::tools;

/// In the name of each of its tests.
const TESTS: &str = "slurm_cluster";

pub(super) fn test(workspace: &Workspace) -> anyhow::Result<Counts> {
    if let Err(error) = tools::slurm() {
        return Ok(Counts::skipped(
            "the Slurm backend on a cluster",
            &format!("{error:#}"),
        ));
    }
    let mut command = cargo(workspace);
    if has_nextest() {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--features",
            FEATURES,
            "--no-fail-fast",
        ]);
        // A cluster is five daemons, and judges jobs by the clock.
        command.args(["--test-threads", "1", "--run-ignored", "only", "-E"]);
        command.arg(format!("test({TESTS})"));
    } else {
        command.args(["test", "--workspace", "--features", FEATURES, "--no-fail-fast"]);
        command.args(["--test", "contract", "--test", "serve"]);
        command.args(["--", "--ignored", "--test-threads", "1", TESTS]);
    }
    Ok(counted(&command::follow(&mut command)?))
}
