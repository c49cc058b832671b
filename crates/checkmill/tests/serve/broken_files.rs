//! Workflow files and policies with mistakes: people see what and where, and the rest goes on.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const GOOD: &str = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo ran >> {desk}/ran
";

#[tokio::test]
async fn a_broken_workflow_file_fails_by_itself_and_the_other_one_runs() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let broken = "\
name: Lint
on: push
jobs:
  lint:
    runs-on: linux
    stesp:
      - run: echo never
";
    let commit = served
        .first_commit(GOOD)
        .write(".checkmill/workflows/lint.yml", broken);
    served.push(commit).await;
    insta::assert_snapshot!(served.checks(2).await, @"
        .checkmill/workflows/lint.yml: failure
        CI / test: success
        ");
    let check = served.completed(".checkmill/workflows/lint.yml").await;
    insta::assert_snapshot!(page(&check), @r"
    .checkmill/workflows/lint.yml: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/lint.yml:4:3: the job \`lint\` has no \`steps\`

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/lint.yml:4:3: the job `lint` has no `steps`
    4 |   lint:
      |   ^^^^
      = help: a job needs at least one step, such as `- run: make test`

    .checkmill/workflows/lint.yml:6:5: unknown key `stesp` in the job `lint`
    6 |     stesp:
      |     ^^^^^
      = help: did you mean `steps`?
    ```

    Queued TIME

    .checkmill/workflows/lint.yml:4:3: failure: the job `lint` has no `steps`
    a job needs at least one step, such as `- run: make test`
    .checkmill/workflows/lint.yml:6:5: failure: unknown key `stesp` in the job `lint`
    did you mean `steps`?
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_wrong_use_of_an_action_is_refused_where_it_stands() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "\
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - uses: actions/setup-node
      - uses: actions/cache@v4
        with:
          path: target
          kye: deps
";
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed(CI).await), @r"
    .checkmill/workflows/ci.yml: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:7:15: step 1 uses \`actions/setup-node\` without a version

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:7:15: step 1 uses `actions/setup-node` without a version
    7 |       - uses: actions/setup-node
      |               ^^^^^^^^^^^^^^^^^^
      = help: add `@` and a tag, a branch or a commit, such as `actions/setup-node@v1`

    .checkmill/workflows/ci.yml:11:11: unknown input `kye` of `actions/cache`
    11 |           kye: deps
       |           ^^^
      = help: did you mean `key`?
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:7:15: failure: step 1 uses `actions/setup-node` without a version
    add `@` and a tag, a branch or a commit, such as `actions/setup-node@v1`
    .checkmill/workflows/ci.yml:11:11: failure: unknown input `kye` of `actions/cache`
    did you mean `key`?
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_broken_policy_stops_everything_until_it_is_repaired() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let commit = served
        .first_commit(GOOD)
        .write(".checkmill/config.yml", "version: 1\nfork: never\n");
    served.push(commit).await;
    let check = served.completed(".checkmill/config.yml").await;
    insta::assert_snapshot!(page(&check), @r"
    .checkmill/config.yml: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/config.yml:2:1: unknown key \`fork\` in the policy

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/config.yml:2:1: unknown key `fork` in the policy
    2 | fork: never
      | ^^^^
      = help: did you mean `forks`?
    ```

    Queued TIME

    .checkmill/config.yml:2:1: failure: unknown key `fork` in the policy
    did you mean `forks`?
    ");
    insta::assert_snapshot!(served.checks_now(), @".checkmill/config.yml: failure");

    served
        .push(NewCommit::new("Repair").write(".checkmill/config.yml", "version: 1\nforks: never\n"))
        .await;
    served.completed("CI / test").await;
    assert_eq!(
        served.mark_now("ran").as_deref(),
        Some("ran"),
        "only the second push ran"
    );
    served.finish().await;
}

#[tokio::test]
async fn a_mistake_that_shows_only_when_a_step_runs_says_where() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - name: List
        id: list
        run: echo 'all=not json' >> $GITHUB_OUTPUT
      - name: Use
        run: echo ${{ fromJSON(steps.list.outputs.all)[0] }}
";
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed("CI / test").await), @r#"
    CI / test: failure
    Can't run as it is written

    **Stopped** (`configuration`): Step "Use" can't be run: \`run\` can't be computed: \`fromJSON\` was given a text that isn't JSON (line 1, column 2 of it), at position 1 of \`fromJSON(steps.list.outputs.all)\[0\]\`

    Correct what is said here, and push or start the workflow again.

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | List | success | TIME |
    | ❌ | Use | failure | TIME |

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/2 List
    ##[group]Run echo 'all=not json' >> $GITHUB_OUTPUT
    echo 'all=not json' >> $GITHUB_OUTPUT
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[endstep]success TIME
    ##[step]2/2 Use
    ##[error]`run` can't be computed: `fromJSON` was given a text that isn't JSON (line 1, column 2 of it), at position 1 of `fromJSON(steps.list.outputs.all)[0]`
    ##[endstep]failure TIME
    ##[job]configuration Step "Use" can't be run: `run` can't be computed: `fromJSON` was given a text that isn't JSON (line 1, column 2 of it), at position 1 of `fromJSON(steps.list.outputs.all)[0]`
    ```
    "#);
    served.finish().await;
}
