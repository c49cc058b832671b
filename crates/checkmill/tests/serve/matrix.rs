//! Matrices: legs from another job's output, `continue-on-error`, `fail-fast`, `max-parallel`.

use crate::conversation::REPO;
use crate::page::{page, verdict};
use crate::served::Served;
use checkmill_testkit::NewRepository;

#[tokio::test]
async fn legs_come_from_another_jobs_output_and_one_may_fail() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  list:
    runs-on: linux
    outputs:
      legs: ${{ steps.say.outputs.legs }}
    steps:
      - id: say
        run: echo 'legs=[{"os":"linux","may":false},{"os":"plan9","may":true}]' >> "$GITHUB_OUTPUT"
  each:
    needs: list
    name: on ${{ matrix.os }}
    runs-on: linux
    continue-on-error: ${{ matrix.may }}
    strategy:
      matrix:
        include: ${{ fromJSON(needs.list.outputs.legs) }}
    steps:
      - run: test "${{ matrix.os }}" = linux
  last:
    needs: each
    runs-on: linux
    steps:
      - run: echo "${{ needs.each.result }}" > {desk}/result
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(served.checks(4).await, @"
    CI / last: success
    CI / list: success
    CI / on linux: success
    CI / on plan9: neutral
    ");
    insta::assert_snapshot!(page(&served.completed("CI / on plan9").await), @r#"
    CI / on plan9: neutral
    Failed, which continue-on-error allows

    **Failed, allowed** (`neutral`): Allowed to fail (continue-on-error): Step "Run test "plan9" = linux" failed with exit code 1

    The job has `continue-on-error`, so it does not stand in the way of a merge.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ❌ | Run test "plan9" = linux | failure (exit code 1) | TIME |

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/1 Run test "plan9" = linux
    ##[group]Run test "plan9" = linux
    test "plan9" = linux
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[error]Process completed with exit code 1.
    ##[endstep]failure TIME
    ##[job]failure Step "Run test "plan9" = linux" failed with exit code 1
    ```
    "#);
    assert_eq!(served.mark_now("result").as_deref(), Some("success"));
    served.finish().await;
}

#[tokio::test]
async fn a_leg_that_fails_cancels_its_siblings() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  leg:
    runs-on: linux
    strategy:
      matrix:
        n: [1, 2, 3]
      max-parallel: 2
    steps:
      - run: |
          echo started > {desk}/${{ matrix.n }}
          case ${{ matrix.n }} in
            1) until [ -e {desk}/2 ]; do sleep 0.05; done; exit 1 ;;
            *) sleep 300 ;;
          esac
  other:
    runs-on: linux
    steps:
      - run: echo other
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(served.checks(4).await, @"
    CI / leg (1): failure
    CI / leg (2): cancelled
    CI / leg (3): cancelled
    CI / other: success
    ");
    insta::assert_snapshot!(verdict(&served.completed("CI / leg (2)").await), @"
    CI / leg (2): cancelled
    Cancelled: another leg failed
    **Cancelled** (`cancelled`): Cancelled by fail-fast: another leg of the matrix failed.
    ");
    assert_eq!(served.mark_now("3"), None, "it waited for a place and got none");
    served.finish().await;
}

#[tokio::test]
async fn no_more_legs_run_at_once_than_max_parallel_says() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  leg:
    runs-on: linux
    strategy:
      max-parallel: 2
      matrix:
        n: [1, 2, 3, 4, 5]
    steps:
      - run: |
          echo "$(date +%s%N) 1" >> {desk}/times
          sleep 0.3
          echo "$(date +%s%N) -1" >> {desk}/times
"#;
    served.push_workflow(text).await;
    served.checks(5).await;
    let times = served.mark("times").await;
    let mut moments: Vec<(u128, i32)> = times
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(at, change)| (at.parse().unwrap(), change.parse().unwrap()))
        .collect();
    moments.sort_unstable();
    let mut at_once = 0;
    let most = moments.iter().map(|(_, change)| {
        at_once += change;
        at_once
    });
    assert_eq!(most.max(), Some(2), "{times}");
    assert_eq!(moments.len(), 10);
    served.finish().await;
}
