//! Time limits, cancelling, broken surroundings.

use super::super::control::StopReason;
use crate::testing::{World, appears, run, run_with};
use checkmill_workflow::job::{JobVerdict, StepStatus};
use serde_json::json;
use std::fs;
use std::path::Path;

fn is_alive(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_step_past_its_time_is_ended_with_all_its_processes() {
    let script =
        "setsid sleep 1000 & echo $! > a; (trap '' INT TERM; sleep 1000) & echo $! > b; echo waiting; wait";
    let mut world = World::new(json!([
        run_with(script, json!({"name": "Slow", "timeout_minutes": "${{ 0.005 }}"})),
        run_with("echo cleaned", json!({"if": "always()"})),
    ]));
    world.surroundings.graces.interrupt = std::time::Duration::from_millis(100);
    world.surroundings.graces.terminate = std::time::Duration::from_millis(100);
    let ran = world.run().await;
    assert_eq!(ran.result.detail, "Step \"Slow\" timed out after 0.005 minutes");
    assert_eq!(
        (ran.result.conclusion, ran.result.steps[0].outcome),
        (JobVerdict::Failure, StepStatus::Failure)
    );
    assert!(ran.log.contains("\ncleaned\n"), "{}", ran.log);
    let workspace = &world.surroundings.layout.workspace;
    crate::processes::end_all(std::collections::BTreeSet::new, std::time::Duration::ZERO).await;
    for file in ["a", "b"] {
        assert!(!is_alive(&workspace.join(file)), "{file} lives");
    }
}

#[tokio::test]
async fn a_cancelled_job_runs_what_always_runs_and_nothing_else() {
    let world = World::new(json!([
        run_with(
            "trap 'echo got INT; exit 1' INT; echo x > started; while true; do sleep 0.05; done",
            json!({"name": "Long", "id": "long"})
        ),
        run("echo never"),
        run_with(
            "echo \"then ${{ steps.long.outcome }} ${{ job.status }}\"",
            json!({"if": "cancelled()"})
        ),
        run_with("echo never", json!({"if": "failure()"})),
        run_with("echo always", json!({"if": "always()"})),
    ]));
    let started = world.surroundings.layout.workspace.join("started");
    let ran = world
        .run_while(async {
            appears(&started).await;
            world.controller.stop(StopReason::Cancelled);
        })
        .await;
    let outcomes: Vec<_> = ran.result.steps.iter().map(|step| step.outcome).collect();
    use StepStatus::{Cancelled, Skipped, Success};
    assert_eq!(
        outcomes,
        [Cancelled, Skipped, Success, Skipped, Success],
        "{}",
        ran.log
    );
    assert!(
        ran.log.contains("\ngot INT\n") && ran.log.contains("\nthen cancelled cancelled\n"),
        "{}",
        ran.log
    );
    assert_eq!(
        (ran.result.conclusion, ran.exit_code),
        (JobVerdict::Cancelled, 143)
    );
    assert_eq!(ran.result.detail, "The job was cancelled");
}

#[tokio::test]
async fn a_step_that_always_runs_is_not_interrupted_until_it_is_forced() {
    let world = World::new(json!([
        run_with(
            "echo x > started; until [ -e go ]; do sleep 0.02; done; echo finished",
            json!({"if": "always()"})
        ),
        run_with("echo x > second; sleep 1000", json!({"if": "always()"})),
        run_with("echo never", json!({"if": "always()"})),
    ]));
    let workspace = world.surroundings.layout.workspace.clone();
    let ran = world
        .run_while(async {
            appears(&workspace.join("started")).await;
            world.controller.stop(StopReason::TimedOut);
            fs::write(workspace.join("go"), "").unwrap();
            appears(&workspace.join("second")).await;
            world.controller.force();
        })
        .await;
    assert!(
        ran.log.contains("\nfinished\n") && !ran.log.contains("\nnever"),
        "{}",
        ran.log
    );
    assert_eq!(ran.result.detail, "The job ran longer than its limit of 1 minute");
    assert_eq!(
        (ran.result.conclusion, ran.exit_code),
        (JobVerdict::TimedOut, 124)
    );
}

#[tokio::test]
async fn a_log_that_can_not_be_written_ends_the_job() {
    let world = World::new(json!([
        run("yes"),
        run_with("echo never", json!({"if": "always()"}))
    ]));
    std::os::unix::fs::symlink("/dev/full", world.attempt().join("log")).unwrap();
    let description = serde_json::from_value(world.description.clone()).unwrap();
    let clock = world.surroundings.clock.clone();
    let mut log = crate::log::writer::LogWriter::create(
        world.attempt(),
        "log",
        clock,
        crate::log::spill::LOG_LIMITS,
        crate::mask::Masks::default(),
    )
    .unwrap();
    let result = super::super::run(&description, &world.surroundings, &mut log).await;
    assert_eq!(
        (result.conclusion, crate::result::exit_code(&result)),
        (JobVerdict::Infrastructure, 75)
    );
    assert!(
        result
            .detail
            .contains("the log could not be written: No space left"),
        "{}",
        result.detail
    );
}

#[tokio::test]
async fn a_step_that_never_stops_printing_can_be_stopped() {
    let world = World::new(json!([run("yes")]));
    let log = world.attempt().join("log");
    let ran = world
        .run_while(async {
            while fs::metadata(&log).map_or(0, |data| data.len()) < 1_000_000 {
                tokio::task::yield_now().await;
            }
            world.controller.stop(StopReason::Cancelled);
        })
        .await;
    assert_eq!(ran.result.conclusion, JobVerdict::Cancelled);
}
