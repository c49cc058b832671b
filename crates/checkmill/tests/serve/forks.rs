//! Pull requests from forks: nothing runs before somebody who may write has approved exactly that commit.

use crate::conversation::{CI, REPO};
use crate::page::{page, verdict};
use crate::served::Served;
use checkmill_testkit::{CheckRun, NewCommit, NewPullRequest, NewRepository, Role, Status};

const FORK: &str = "mallory/hello";
const WORKFLOW: &str = r#"
name: CI
on: pull_request
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_SHA" >> {desk}/ran
"#;

fn repository() -> NewRepository {
    NewRepository::new(REPO)
        .file("README.md", "Hello")
        .collaborator("ann", Role::Maintain)
        .collaborator("bob", Role::Read)
}

#[tokio::test]
async fn a_forks_commit_runs_once_it_is_approved_and_the_next_one_does_not() {
    let served = Served::start(repository()).await;
    served.github.fork(REPO, "mallory").unwrap();
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(CI, served.workflow(WORKFLOW));
    let first = served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    let waiting = served.completed("CI / test").await;
    insta::assert_snapshot!(page(&waiting), @"
        CI / test: action_required
        Waits for an approval

        **Not run yet** (`approval_required`): The commit SHA comes from the fork mallory/hello and nobody approved it yet.

        Somebody with write permission can press **Approve and run**. It runs exactly this commit, once; a later push needs an approval of its own. Look at the changes first: they run with this repository's token.

        Queued TIME

        [Approve and run]: Run this commit of a fork, once
        ");

    for stranger in ["bob", "mallory"] {
        served.click(&waiting, "approve", stranger).await;
        served.logged(&format!(r#""sender":"{stranger}""#)).await;
    }
    assert_eq!(served.checks_now(), "CI / test: action_required");
    assert_eq!(served.mark_now("ran"), None, "nothing of the fork has run");

    served.click(&waiting, "approve", "ann").await;
    let approved = served.after(&waiting).await;
    insta::assert_snapshot!(verdict(&approved), @"
    CI / test: success
    Passed in TIME
    **Passed** (`success`): 1 step succeeded
    ");
    assert_eq!(approved.head_sha, first);
    assert_eq!(served.mark_now("ran").as_deref(), Some(first.as_str()));
    let waited = served.github.check_run(waiting.id).unwrap();
    insta::assert_snapshot!(page(&waited), @"
    CI / test: action_required
    Approved by ann; runs as attempt 2

    **Not run in this attempt** (`approval_required`): it waited for an approval, which ann gave.

    Attempt 2 runs the commit. It has a check of its own.
    ");

    // Mallory had it approved; now comes what nobody has seen.
    let commit = NewCommit::new("One more thing")
        .by("mallory")
        .write("evil", "yes");
    let second = served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let waiting_again = served.after(&approved).await;
    assert_eq!(waiting_again.line(), "CI / test: action_required");
    assert_eq!(waiting_again.head_sha, second);
    let buttons = |check: &CheckRun| served.github.check_run(check.id).unwrap().actions.len();
    assert_eq!((buttons(&waiting), buttons(&waiting_again)), (0, 1));

    served.click(&waiting_again, "approve", "ann").await;
    let approved_again = served.after(&waiting_again).await;
    assert_eq!(approved_again.line(), "CI / test: success");
    let ran = served.mark("ran").await;
    assert_eq!(ran.lines().collect::<Vec<_>>(), [first.as_str(), second.as_str()]);
    insta::assert_snapshot!(served.checks_now(), @"
    CI / test: action_required
    CI / test: action_required
    CI / test: success
    CI / test: success
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_policy_can_keep_forks_out_for_good() {
    let served = Served::start(repository().file(".checkmill/config.yml", "forks: never\n")).await;
    served.github.fork(REPO, "mallory").unwrap();
    // The fork's own policy counts for nothing.
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(CI, served.workflow(WORKFLOW))
        .write(".checkmill/config.yml", "forks: approval\n");
    served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    insta::assert_snapshot!(page(&served.completed("CI / test").await), @"
    CI / test: action_required
    Commits of forks don't run here

    **Not run** (`fork_refused`): The commit SHA comes from the fork mallory/hello, and this repository's policy never runs those.

    Somebody with write permission who has looked at the changes can push them to a branch of this repository: there they run.

    Queued TIME
    ");
    assert_eq!(served.mark_now("ran"), None);
    served.finish().await;
}

/// A skipped check lets a merge pass. What a fork's files and messages skip by themselves nobody has read.
#[tokio::test]
async fn what_a_fork_skips_waits_for_the_approval_too() {
    const SKIPS: &str = r#"
name: CI
on: pull_request
jobs:
  off:
    if: false
    runs-on: linux
    steps:
      - run: echo
  test:
    name: test (pull_request_target)
    runs-on: linux
    steps:
      - run: echo
"#;
    let elsewhere = "name: Docs\non: {pull_request: {paths: [docs/**]}}\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: echo\n";
    let served = Served::start(repository()).await;
    served.github.fork(REPO, "mallory").unwrap();
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(CI, SKIPS)
        .write(".checkmill/workflows/docs.yml", elsewhere);
    served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    let waiting = served.completed("CI / off").await;
    let named = served
        .completed("CI / test (pull_request_target) (pull_request)")
        .await;
    insta::assert_snapshot!(served.checks_now(), @"
    CI / off: action_required
    CI / test (pull_request_target) (pull_request): action_required
    ");
    served.click(&waiting, "approve", "ann").await;
    assert_eq!(served.after(&waiting).await.line(), "CI / off: skipped");
    served.after(&named).await;

    let commit = NewCommit::new("Again [skip ci]").by("mallory").write("x", "y");
    let skipped = served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    for name in ["CI / off", "CI / test (pull_request_target) (pull_request)"] {
        let held = served
            .check_that(name, "of the newest commit", |check| {
                check.head_sha == skipped && check.status == Status::Completed
            })
            .await;
        assert_eq!(held.line(), format!("{name}: action_required"));
    }
    served.finish().await;
}
