//! What runs by the clock. The tests don't wait for one: they set back the program's own while it is away.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_aws::clock::SystemClock;
use checkmill_aws::dynamodb::DynamoStore;
use checkmill_aws::embedded;
use checkmill_core::schedule::Timer;
use checkmill_core::{Millis, Schedule};
use checkmill_phases::ports::{Clock as _, Schedules};
use checkmill_testkit::{NewCommit, NewRepository};
use std::sync::Arc;

const WORKFLOW: &str = r#"
name: Nightly
on:
  schedule:
    - cron: '30 5 * * 1-5'
      timezone: Europe/Berlin
    - cron: '0 0 1 1 *'
jobs:
  clean:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA $GITHUB_ACTOR" >> {desk}/ran
      - run: echo "${{ github.event.schedule }}" >> {desk}/ran
"#;

impl Served {
    /// The store of the program, which must not run meanwhile.
    async fn store(&self) -> DynamoStore {
        let embedded = embedded::open(Some(&self.data().join("store.db"))).await.unwrap();
        embedded.store(Arc::new(SystemClock))
    }

    /// Starts the program again and lets it sweep.
    async fn come_back(&mut self) {
        const SWEPT: &str = r#""message":"swept""#;
        let before = self.log().matches(SWEPT).count();
        self.restart();
        self.logged_times(SWEPT, before + 1).await;
    }

    async fn schedule(&self) -> Option<Schedule> {
        let id = self
            .github
            .read(|state| *state.repositories.keys().next().unwrap());
        self.store().await.load(id).await.unwrap()
    }

    /// Sets the times of the schedules back by so much, and gives what they are then.
    async fn let_pass(&self, span: Millis) -> Schedule {
        let schedule = self.schedule().await.unwrap();
        let now = SystemClock.now();
        let passed = |timer: &Timer| Timer {
            next: timer.next.min(now) - span,
            ..timer.clone()
        };
        let passed = Schedule {
            timers: schedule.timers.iter().map(passed).collect(),
            version: schedule.version + 1,
            ..schedule
        };
        self.store().await.save(&passed).await.unwrap();
        passed
    }
}

#[tokio::test]
async fn a_time_that_came_while_the_server_was_away_is_run_once() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.logged("the schedules of a repository changed").await;
    served.kill().await;
    served.let_pass(Millis::from_minutes(60 * 24 * 9)).await;
    // What runs is the branch as it is by then.
    let head = served
        .github
        .push(REPO, "main", NewCommit::new("More").write("more", "x"))
        .unwrap();
    drop(served.github.take_webhooks());

    served.restart();
    insta::assert_snapshot!(served.checks(2).await, @"
    Nightly / clean: success
    Nightly / clean: success
    ");
    let mut ran: Vec<String> = served
        .mark("ran")
        .await
        .replace(head.as_str(), "SHA")
        .lines()
        .map(str::to_owned)
        .collect();
    ran.sort();
    insta::assert_snapshot!(ran.join("\n"), @"
    0 0 1 1 *
    30 5 * * 1-5
    schedule refs/heads/main SHA octocat
    schedule refs/heads/main SHA octocat
    ");
    let checks = served.github.check_runs(REPO).unwrap();
    assert!(checks.iter().all(|check| check.head_sha == head));

    served.kill().await;
    served.come_back().await;
    assert_eq!(
        served.github.check_runs(REPO).unwrap().len(),
        2,
        "{}",
        served.checks_now()
    );
    served.finish().await;
}

#[tokio::test]
async fn a_schedule_that_is_removed_is_gone() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.logged("the schedules of a repository changed").await;
    let without = NewCommit::new("Nothing by the clock").write(
        CI,
        served.workflow(&WORKFLOW.replace(
            "schedule:\n    - cron: '30 5 * * 1-5'\n      timezone: Europe/Berlin\n    - cron: '0 0 1 1 *'",
            "push:\n    branches: [none]",
        )),
    );
    served.push(without).await;
    served
        .logged_times("the schedules of a repository changed", 2)
        .await;
    served.kill().await;
    assert_eq!(served.schedule().await.unwrap().timers, []);
    served.come_back().await;
    served.finish().await;
}

#[tokio::test]
async fn an_archived_or_suspended_repository_rests() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.logged("the schedules of a repository changed").await;
    served.kill().await;
    served.let_pass(Millis::from_minutes(5)).await;
    served.github.set_archived(REPO, true).unwrap();

    served.restart();
    served
        .logged("a repository with schedules can't be had; they rest")
        .await;
    served.kill().await;
    let rested = served.schedule().await.unwrap();
    assert_eq!((rested.rests, rested.timers.len()), (1, 2));
    assert!(rested.due_at().unwrap() > SystemClock.now());

    served.github.set_archived(REPO, false).unwrap();
    // Another minute than the one that met with it.
    served.let_pass(Millis::from_minutes(9)).await;
    served.restart();
    served.github.wait_for_checks(REPO, 2).await;
    served
        .logged_times("the schedules of a repository changed", 2)
        .await;
    served.kill().await;
    assert_eq!(served.schedule().await.unwrap().rests, 0);
    served.come_back().await;
    served.finish().await;
}
