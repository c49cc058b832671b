//! `cargo xtask soak`: the properties, again and again, each time from a seed of its own.

use crate::command;
use crate::settings::Workspace;
use crate::steps::rust::{self, FEATURES};
use std::time::{Duration, Instant};

/// Where nothing else is asked for.
pub(crate) const MINUTES: u32 = 10;
/// The tests whose cases are drawn: those of the simulation, where a thousand cases are not many.
const PROPERTIES: &str = "binary(simulation) & test(property::)";

/// Runs rounds until the time is over; an error at the first that finds something, which prints its seed.
pub(crate) fn run(workspace: &Workspace, minutes: u32) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a command that runs for a time")]
    let begun = Instant::now();
    let time = Duration::from_secs(u64::from(minutes) * 60);
    let mut rounds = 0_u32;
    while begun.elapsed() < time {
        rounds += 1;
        println!("\n=== round {rounds} ===");
        let mut nextest = rust::cargo(workspace);
        nextest
            .args([
                "nextest",
                "run",
                "--workspace",
                "--features",
                FEATURES,
                "-E",
                PROPERTIES,
            ])
            .env_remove("PROPTEST_RNG_SEED");
        command::must(&mut nextest)?;
    }
    println!("{rounds} rounds found nothing");
    Ok(())
}
