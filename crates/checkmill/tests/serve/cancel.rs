//! The Cancel button.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository, Role};

const SLOW: &str = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - name: Wait
        run: |
          echo "the first words"
          echo started > {desk}/started
          until [ -e {desk}/go ]; do sleep 0.05; done
      - name: Never
        run: echo more > {desk}/more
"#;

fn repository() -> NewRepository {
    NewRepository::new(REPO)
        .collaborator("ann", Role::Write)
        .collaborator("bob", Role::Read)
}

#[tokio::test]
async fn a_writer_cancels_a_job_that_runs() {
    let served = Served::start(repository()).await;
    served.push_workflow(SLOW).await;
    let check = served.running("CI / slow").await;
    served.mark("started").await;
    insta::assert_snapshot!(page(&check), @"
    CI / slow: in_progress
    Running

    The job runs.

    Queued TIME · on `process`

    [Cancel]: Stop this job
    ");

    served.click(&check, "cancel", "ann").await;
    insta::assert_snapshot!(page(&served.completed("CI / slow").await), @r#"
CI / slow: cancelled
Cancelled by ann

**Cancelled** (`cancelled`): Cancelled by @&#8203;ann.

| | Step | Result | Duration |
|---|---|---|---:|
| 🚫 | Wait | cancelled | TIME |
| ⏭️ | Never | skipped |  |

Queued TIME · ran TIME · on `process`


### Log

```text
##[step]1/2 Wait
##[group]Run echo "the first words"
echo "the first words"
echo started > /TMP/desk/started
until [ -e /TMP/desk/go ]; do sleep 0.05; done
shell: /usr/bin/bash -e {0}
##[endgroup]
the first words
##[error]The step was stopped.
##[endstep]cancelled TIME
##[step]2/2 Never
##[endstep]skipped TIME
##[job]cancelled The job was cancelled
```
"#);
    served.no_job_runs().await;
    assert_eq!(served.mark_now("more"), None);
    served.finish().await;
}

#[tokio::test]
async fn a_stranger_can_not_cancel() {
    let served = Served::start(repository()).await;
    served.push_workflow(SLOW).await;
    let check = served.running("CI / slow").await;
    served.click(&check, "cancel", "bob").await;
    served.logged("refused: no write permission").await;
    served.allow("go");
    assert_eq!(served.completed("CI / slow").await.line(), "CI / slow: success");
    assert_eq!(served.mark_now("more").as_deref(), Some("more"));
    served.finish().await;
}

#[tokio::test]
async fn a_click_that_comes_too_late_changes_nothing() {
    let served = Served::start(repository()).await;
    served.push_workflow(SLOW).await;
    let check = served.running("CI / slow").await;
    served.github.click_button(check.id, "cancel", "ann").unwrap();
    let late = served.github.take_webhooks();
    served.allow("go");
    let passed = served.completed("CI / slow").await;
    assert_eq!(passed.line(), "CI / slow: success");

    served.deliver(&late).await;
    // What was delivered before the next push is planned before its jobs end.
    served.push(NewCommit::new("More").write("x", "x")).await;
    served.after(&passed).await;
    assert_eq!(served.github.check_run(passed.id).unwrap(), passed);
    served.finish().await;
}

#[tokio::test]
async fn a_job_that_hides_its_processes_is_stopped_whole() {
    let served = Served::start(repository()).await;
    let text = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - run: |
          setsid sleep 300 &
          (setsid sleep 300 &)
          echo started > {desk}/started
          wait
"#;
    served.push_workflow(text).await;
    served.mark("started").await;
    let check = served.running("CI / slow").await;
    served.click(&check, "cancel", "ann").await;
    assert_eq!(served.completed("CI / slow").await.line(), "CI / slow: cancelled");
    served.no_job_runs().await;
    served.finish().await;
}
