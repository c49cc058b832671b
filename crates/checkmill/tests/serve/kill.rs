//! SIGKILL at any moment. The moments are others in each run; a failure prints the seed that gives them again.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_core::Conclusion;
use checkmill_testkit::{CheckRun, NewCommit, NewRepository, Role, Status};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Gives the moments of an earlier run again.
const SEED: &str = "CHECKMILL_KILL_SEED";
const KILLS: u32 = 14;
/// A life of the program until it is killed, in milliseconds: shorter than its start, and longer than any job.
const LIFE_MS: std::ops::Range<u64> = 5..700;
/// Pushes of the first workflow; the last ones come while the program is being killed.
const PUSHES: usize = 6;
/// Jobs of each.
const JOBS: usize = 5;

/// Four legs and a job that needs them. Each says in a file that it started: once is right, twice is not.
const WORKFLOW: &str = r#"
name: CI
on: {push: {branches: [main]}}
jobs:
  leg:
    runs-on: linux
    strategy:
      fail-fast: false
      matrix:
        n: [1, 2, 3, 4]
    steps:
      - run: |
          echo started >> "{desk}/$GITHUB_SHA-${{ matrix.n }}"
          sleep 0.4
          exit $(( ${{ matrix.n }} == 3 ))
  last:
    needs: leg
    if: always()
    runs-on: linux
    steps:
      - run: echo started >> "{desk}/$GITHUB_SHA-last"
"#;

/// Ends by the Cancel button only.
const ENDLESS: &str = r#"
name: Endless
on: {push: {branches: [endless]}}
jobs:
  endless:
    runs-on: linux
    steps:
      - run: |
          echo started >> "{desk}/$GITHUB_SHA-endless"
          while :; do sleep 0.05; done
"#;

/// The moments of the kills. Splitmix64 (Steele, Lea, Flood 2014).
struct Moments(u64);

impl Moments {
    fn new() -> (Self, u64) {
        let given = std::env::var_os(SEED).map(|text| text.to_string_lossy().parse());
        let seed = match given {
            Some(seed) => seed.expect("the seed is a number"),
            None => RandomState::new().hash_one(0),
        };
        (Self(seed), seed)
    }

    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        Duration::from_millis(LIFE_MS.start + mixed % (LIFE_MS.end - LIFE_MS.start))
    }
}

/// The endless job's check, once there is something to cancel.
fn endless(served: &Served) -> Option<CheckRun> {
    let checks = served.github.check_runs(REPO).unwrap();
    let mut running = checks
        .into_iter()
        .filter(|check| check.status == Status::InProgress);
    running.find(|check| check.name == "Endless / endless")
}

/// Somebody presses its button, whether the program is there or not.
fn cancel(served: &Served, check: &CheckRun) -> tokio::task::JoinHandle<()> {
    served.github.click_button(check.id, "cancel", "ann").unwrap();
    served.deliver_in_background(served.github.take_webhooks())
}

#[tokio::test]
async fn killed_at_any_moment_it_finishes_every_job_once() {
    let (mut moments, seed) = Moments::new();
    // Shown where the test fails.
    println!("{SEED}={seed}");
    let repository = NewRepository::new(REPO).collaborator("ann", Role::Write);
    let mut served = Served::start(repository).await;
    let commit = NewCommit::new("Add CI")
        .write(CI, served.workflow(WORKFLOW))
        .write(".checkmill/workflows/endless.yml", served.workflow(ENDLESS));
    served.github.push(REPO, "main", commit).unwrap();
    let push = |served: &Served, branch: &str, n: usize| {
        let commit = NewCommit::new("More").write("file", format!("{n}"));
        served.github.push(REPO, branch, commit).unwrap();
        served.deliver_in_background(served.github.take_webhooks())
    };
    let mut delivering = vec![push(&served, "endless", 0)];
    let mut pushed = 1;
    let mut is_cancelled = false;
    for kill in 0..KILLS {
        if kill % 2 == 0 && pushed < PUSHES {
            delivering.push(push(&served, "main", pushed));
            pushed += 1;
        }
        if let Some(check) = endless(&served).filter(|_| !is_cancelled) {
            is_cancelled = true;
            delivering.push(cancel(&served, &check));
        }
        served.run_for(moments.next()).await;
        served.kill_and_restart().await;
    }
    if !is_cancelled {
        let check = served.running("Endless / endless").await;
        delivering.push(cancel(&served, &check));
    }
    for delivery in delivering {
        delivery.await.unwrap();
    }
    let count = PUSHES * JOBS + 1;
    let checks = served.github.wait_for_checks(REPO, count).await;

    let now = served.checks_now();
    assert_eq!(checks.len(), count, "one check for each job:\n{now}");
    for check in &checks {
        let expected = match check.name.as_str() {
            "CI / leg (3)" => Conclusion::Failure,
            "Endless / endless" => Conclusion::Cancelled,
            _ => Conclusion::Success,
        };
        let Some(conclusion) = check.conclusion else {
            panic!("{} is open:\n{now}", check.name);
        };
        assert_eq!(conclusion, expected, "{}: {:?}", check.name, check.output);
    }
    let mut marks = 0;
    for entry in std::fs::read_dir(served.desk()).unwrap() {
        let path = entry.unwrap().path();
        let starts = std::fs::read_to_string(&path).unwrap().lines().count();
        assert_eq!(starts, 1, "{} was started {starts} times", path.display());
        marks += 1;
    }
    assert_eq!(marks, count, "every job was started");
    served.no_job_runs().await;
    served.finish().await;
}
