//! Time limits: of a job, of a step, and of the wait for compute.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

#[tokio::test]
async fn a_job_that_runs_too_long_is_stopped_and_its_log_kept() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    timeout-minutes: 0.03
    steps:
      - name: Wait
        run: |
          echo "the first words"
          sleep 300
      - name: Never
        run: echo never
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed("CI / slow").await), @r#"
    CI / slow: timed_out
    Stopped at its time limit after TIME, in step "Wait"

    **Timed out** (`run_timeout`): The job ran longer than its limit of TIME.

    The step **Wait** had been running for TIME.

    The job was stopped and its log kept. `timeout-minutes` (`timeout` in `.lightning/workflows`) sets the limit.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | 🚫 | Wait | cancelled | TIME |
    | ⏭️ | Never | skipped |  |

    #### Last lines of Wait

    ```text
    the first words
    ```

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/2 Wait
    ##[group]Run echo "the first words"
    echo "the first words"
    sleep 300
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    the first words
    ##[error]The step was stopped.
    ##[endstep]cancelled TIME
    ##[step]2/2 Never
    ##[endstep]skipped TIME
    ##[job]timed_out The job ran longer than its limit of TIME
    ```
    "#);
    served.no_job_runs().await;
    served.finish().await;
}

/// The agent can't say how its steps went any more: the log can.
#[tokio::test]
async fn a_time_limit_names_its_step_also_where_the_agent_dies() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    timeout-minutes: 0.03
    steps:
      - name: Prepare
        run: echo ready
      - name: Wait
        run: |
          trap 'sleep 3; kill -9 $PPID' INT
          echo "the first words"
          for n in $(seq 300); do sleep 1; done
"#;
    served.push_workflow(text).await;
    let check = served.completed("CI / slow").await;
    let page = page(&check);
    let summary = page.split("### Log").next().unwrap_or_default();
    insta::assert_snapshot!(summary, @r#"
    CI / slow: timed_out
    Stopped at its time limit after TIME, in step "Wait"

    **Timed out** (`run_timeout`): The job ran longer than its limit of TIME.

    The step **Wait** had been running for TIME.

    The job was stopped and its log kept. `timeout-minutes` (`timeout` in `.lightning/workflows`) sets the limit.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Prepare | success | TIME |
    | 🚫 | Wait | cancelled | TIME |

    #### Last lines of Wait

    ```text
    the first words
    ```

    Queued TIME · ran TIME · on `process`
    "#);
    served.no_job_runs().await;
    served.finish().await;
}

#[tokio::test]
async fn a_step_that_runs_too_long_fails_and_the_job_can_go_on() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: linux
    steps:
      - name: Wait
        timeout-minutes: 0.01
        run: sleep 300
      - name: Clean up
        if: failure()
        run: echo cleaned
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed("CI / slow").await), @r#"
    CI / slow: failure
    Step "Wait" failed

    **Failed** (`test`): Step "Wait" timed out after 0.01 minutes

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Wait | failure | TIME |
    | ✅ | Clean up | success | TIME |

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/2 Wait
    ##[group]Run sleep 300
    sleep 300
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[error]The step has timed out after 0.01 minutes.
    ##[endstep]failure TIME
    ##[step]2/2 Clean up
    ##[group]Run echo cleaned
    echo cleaned
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    cleaned
    ##[endstep]success TIME
    ##[job]failure Step "Wait" timed out after 0.01 minutes
    ```
    "#);
    served.finish().await;
}

#[tokio::test]
async fn a_job_that_no_compute_takes_in_time_says_so() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo never > {desk}/ran
";
    // Less than a millisecond: over before the job can be started.
    let commit = NewCommit::new("Add CI")
        .write(CI, served.workflow(text))
        .write(".checkmill/config.yml", "queue-timeout-minutes: 0.00001\n");
    served.push(commit).await;
    insta::assert_snapshot!(page(&served.completed("CI / test").await), @"
    CI / test: timed_out
    No compute within TIME

    **Timed out** (`queue_timeout`): No compute took the job within its queue limit of TIME.

    No backend took the job in time: it may be full, or down, or none may have these labels. **Re-run** queues the job again; `queue-timeout-minutes` in `.checkmill/config.yml` sets the limit.

    Queued TIME
    ");
    assert_eq!(served.mark_now("ran"), None);
    served.finish().await;
}
