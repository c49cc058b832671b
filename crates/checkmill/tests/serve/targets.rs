//! `pull_request_target`: the default branch's files for a pull request, whatever its author wrote, and less rights than others.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository, Role, Route, Status};

const FORK: &str = "mallory/hello";
const HEAD: &str = "CI / test";
const TARGET: &str = "CI / test (pull_request_target)";

const BOTH: &str = r#"
name: CI
on: [pull_request, pull_request_target]
jobs:
  test:
    runs-on: linux
    steps:
      - env:
          KEY: ${{ secrets.DEPLOY_KEY }}
          HEAD: ${{ github.event.pull_request.head.sha }}
        run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA $GITHUB_HEAD_REF>$GITHUB_BASE_REF $HEAD ${#KEY}" >> "{desk}/$GITHUB_EVENT_NAME"
"#;

const PWN: &str = r#"
name: CI
on: pull_request_target
permissions: write-all
jobs:
  test:
    runs-on: linux
    steps:
      - uses: actions/checkout@v6
        with:
          ref: ${{ github.event.pull_request.head.sha }}
      - run: sh test.sh > {desk}/pwned
"#;

/// Its commits can be fetched from nowhere.
fn repository() -> NewRepository {
    NewRepository::new(REPO)
        .clone_url("file:///nowhere/octocat/hello.git")
        .file("README.md", "Hello")
        .collaborator("ann", Role::Maintain)
}

impl Served {
    /// Mallory opens a pull request from a fork; its head.
    async fn mallory_opens(&self, commit: NewCommit) -> checkmill_core::CommitSha {
        self.github.fork(REPO, "mallory").unwrap();
        let commit = commit.by("mallory");
        let head = self.on_github(|github| github.push(FORK, "better", commit)).await;
        let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
        self.on_github(|github| github.open_pull_request(pull)).await;
        head
    }
}

#[tokio::test]
async fn the_default_branchs_file_runs_at_once_and_the_forks_own_waits() {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::create_dir(secrets.path().join("octocat")).unwrap();
    std::fs::write(
        secrets.path().join("octocat/hello.json"),
        r#"{"DEPLOY_KEY": "opensesame"}"#,
    )
    .unwrap();
    let variable = (
        "CHECKMILL_SECRETS".to_owned(),
        secrets.path().display().to_string(),
    );
    let served = Served::start_with(repository(), vec![variable]).await;
    let main = served.push_workflow(BOTH).await;
    served.logged("a workflow does not match").await;
    // What the fork makes of the file is for its own event only.
    let evil = BOTH
        .replace("CI\n", "CI\nenv: {EVIL: 1}\n")
        .replace("echo", "echo evil");
    let commit = NewCommit::new("Improve").write(CI, served.workflow(&evil));
    let before = served.github.requests(Route::GraphQl);
    let head = served.mallory_opens(commit).await;
    let target = served.completed(TARGET).await;
    assert_eq!(
        (target.line(), &target.head_sha),
        (format!("{TARGET}: success"), &head)
    );
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / test (pull_request_target): success
    CI / test: action_required
    ");
    assert_eq!(
        served.github.requests(Route::GraphQl),
        before + 1,
        "both commits' files in one request"
    );
    let told = || {
        let told = served.mark_now("pull_request_target").unwrap();
        told.replace(main.as_str(), "MAIN").replace(head.as_str(), "HEAD")
    };
    assert_eq!(
        told(),
        "pull_request_target refs/heads/main MAIN better>main HEAD 0",
        "and no secret"
    );
    assert_eq!(
        served.mark_now("pull_request"),
        None,
        "nothing of the fork has run"
    );

    // A re-run is of the same commit, however main has moved.
    served.push(NewCommit::new("Move").write("x", "x")).await;
    let again = served.rerun(&target, "octocat").await;
    assert_eq!(
        (again.line(), &again.head_sha),
        (format!("{TARGET}: success"), &head)
    );
    assert_eq!(told().lines().count(), 2);
    assert!(told().lines().all(|line| line.contains(" MAIN ")), "{}", told());

    // The approval is the fork's commit's; the other run is none of it.
    let waiting = served.completed(HEAD).await;
    served.click(&waiting, "approve", "ann").await;
    served.after(&waiting).await;
    let ran = served.mark("pull_request").await;
    assert!(ran.starts_with("evil pull_request refs/pull/1/head"), "{ran}");
    insta::assert_snapshot!(served.checks_now(), @"
    CI / test (pull_request_target): success
    CI / test (pull_request_target): success
    CI / test: action_required
    CI / test: success
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_job_that_would_run_what_the_fork_holds_is_stopped() {
    let served = Served::start(repository()).await;
    served.push_workflow(PWN).await;
    let commit = NewCommit::new("Improve").write("test.sh", "id");
    served.mallory_opens(commit).await;
    let refused = served.completed(TARGET).await;
    assert_eq!(refused.line(), format!("{TARGET}: failure"));
    let page = page(&refused);
    assert!(
        page.contains("is no branch or tag of the repository, and this job must not run what a fork"),
        "{page}"
    );
    assert_eq!(served.mark_now("pwned"), None);
    served.finish().await;
}

/// What somebody has read and approved may be checked out, and nothing that the fork pushes after it. (There is no git server
/// here: what is not refused fails at its fetch.)
#[tokio::test]
async fn an_approval_is_for_one_commit() {
    let policy = "pull_request_target: {forks: approval}\n";
    for (git_ref, expected) in [
        ("${{ github.event.pull_request.head.sha }}", "git fetch failed"),
        ("refs/pull/1/head", "this job must not run what a fork"),
    ] {
        let served = Served::start(repository()).await;
        let text = PWN.replace("${{ github.event.pull_request.head.sha }}", git_ref);
        let files = served.first_commit(&text).write(".checkmill/config.yml", policy);
        served.push(files).await;
        served
            .mallory_opens(NewCommit::new("Improve").write("test.sh", "echo first"))
            .await;
        let waiting = served.completed(TARGET).await;
        served
            .on_github(|github| {
                let evil = NewCommit::new("More")
                    .by("mallory")
                    .write("test.sh", "echo second");
                github.push(FORK, "better", evil)
            })
            .await;
        served.click(&waiting, "approve", "ann").await;
        let approved = served
            .check_that(TARGET, "after the approval", |check| {
                check.id != waiting.id
                    && check.head_sha == waiting.head_sha
                    && check.status == Status::Completed
            })
            .await;
        let page = page(&approved);
        assert!(page.contains(expected), "{page}");
        assert_eq!(served.mark_now("pwned"), None);
        served.finish().await;
    }
}

#[tokio::test]
async fn a_policy_can_want_an_approval_or_none_of_it() {
    let served = Served::start(repository()).await;
    let policy = "pull_request_target: {forks: approval}\n";
    let files = served.first_commit(BOTH).write(".checkmill/config.yml", policy);
    served.push(files).await;
    let head = served
        .mallory_opens(
            NewCommit::new("Improve").write(".checkmill/config.yml", "pull_request_target: {forks: run}\n"),
        )
        .await;
    let waiting = served.completed(TARGET).await;
    insta::assert_snapshot!(page(&waiting).lines().take(4).collect::<Vec<_>>().join("\n"), @"
    CI / test (pull_request_target): action_required
    Waits for an approval

    **Not run yet** (`approval_required`): The commit SHA comes from the fork mallory/hello and nobody approved it yet.
    ");
    assert_eq!(waiting.head_sha, head);
    assert_eq!(served.mark_now("pull_request_target"), None);
    served.click(&waiting, "approve", "ann").await;
    assert_eq!(served.after(&waiting).await.line(), format!("{TARGET}: success"));
    assert!(
        served.checks_now().contains(&format!("{HEAD}: action_required")),
        "the fork's own files were not what was approved: {}",
        served.checks_now()
    );

    let policy =
        NewCommit::new("Rather not").write(".checkmill/config.yml", "pull_request_target: {forks: never}\n");
    served.push(policy).await;
    served
        .on_github(|github| {
            github.push(
                FORK,
                "better",
                NewCommit::new("More").by("mallory").write("x", "y"),
            )
        })
        .await;
    let never = served
        .check_that(TARGET, "of the newest commit", |check| {
            check.head_sha != head && check.status == Status::Completed
        })
        .await;
    assert_eq!(never.line(), format!("{TARGET}: action_required"));
    assert!(
        page(&never).contains("this repository's policy never runs those"),
        "{}",
        page(&never)
    );
    served.finish().await;
}

/// The repository's own pull requests need no approval, and a file that has the event for nothing else says nothing.
#[tokio::test]
async fn a_pull_request_of_the_repository_itself_and_a_broken_file() {
    let served = Served::start(repository()).await;
    let files = served.first_commit(BOTH).write(
        ".checkmill/workflows/broken.yml",
        "on: pull_request_target\njobs: {a: {}}\n",
    );
    served.push(files).await;
    // The push says what is broken.
    served.checks(1).await;
    let commit = NewCommit::new("Change").delete(".checkmill/workflows/broken.yml");
    served.pull_request("feature", commit).await;
    served.completed(HEAD).await;
    served.completed(TARGET).await;
    assert_eq!(
        served.github.check_runs(REPO).unwrap().len(),
        3,
        "{}",
        served.checks_now()
    );
    served.finish().await;
}
