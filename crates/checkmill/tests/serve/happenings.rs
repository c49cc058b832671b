//! Events that happen in a repository: which file runs, for which commit, with which rights, and what starts nothing.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_core::event::RepositoryEventName as Name;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository, Role};
use serde_json::{Value, json};

const FORK: &str = "mallory/hello";

const WORKFLOW: &str = r#"
name: Chores
on:
  issues:
    types: [opened]
  repository_dispatch:
    types: [deploy]
jobs:
  note:
    runs-on: linux
    steps:
      - run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA" >> {desk}/ran
          echo "${{ github.event.action }} ${{ github.event.issue.title }}${{ github.event.client_payload.where }}" >> {desk}/ran
"#;

impl Served {
    async fn happens(&self, name: Name, fields: Value, by: &str) {
        self.on_github(|github| github.happen(REPO, name, fields, by))
            .await;
    }
}

#[tokio::test]
async fn issues_and_dispatches_run_the_default_branchs_file() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.github.subscribe(Name::Issues).unwrap();
    served.github.subscribe(Name::RepositoryDispatch).unwrap();
    let main = served.push_workflow(WORKFLOW).await;
    let issue = |action: &str| json!({"action": action, "issue": {"number": 3, "title": "$(id)", "user": {"login": "stranger"}}});
    served.happens(Name::Issues, issue("opened"), "stranger").await;
    insta::assert_snapshot!(served.checks(1).await, @"Chores / note: success");
    served.happens(Name::Issues, issue("closed"), "stranger").await;
    served
        .logged("`closed` is not among the `types` of `issues`")
        .await;
    let dispatched =
        |action: &str| json!({"action": action, "branch": "main", "client_payload": {"where": "staging"}});
    served
        .happens(Name::RepositoryDispatch, dispatched("build"), "ann")
        .await;
    served
        .logged("`build` is not among the `types` of `repository_dispatch`")
        .await;
    served
        .happens(Name::RepositoryDispatch, dispatched("deploy"), "ann")
        .await;
    insta::assert_snapshot!(served.checks(2).await, @"
    Chores / note: success
    Chores / note: success
    ");
    let ran = served
        .mark_now("ran")
        .unwrap_or_default()
        .replace(main.as_str(), "MAIN");
    insta::assert_snapshot!(ran, @"
    issues refs/heads/main MAIN
    opened $(id)
    repository_dispatch refs/heads/main MAIN
    deploy staging
    ");
    served.finish().await;
}

/// What Checkmill, or a job with its token, does, starts no workflow: else one could start itself for ever.
#[tokio::test]
async fn what_checkmill_itself_does_starts_nothing() {
    let text = r#"
name: Echo
on: [issues, check_run, check_suite, status, repository_dispatch]
jobs:
  note:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME" >> {desk}/ran
"#;
    let served = Served::start(NewRepository::new(REPO)).await;
    for name in [Name::Issues, Name::Status, Name::RepositoryDispatch] {
        served.github.subscribe(name).unwrap();
    }
    served.push_workflow(text).await;
    served.logged("the schedules of a repository changed").await;
    let issue = json!({"action": "opened", "issue": {"number": 3}});
    let dispatched = json!({"action": "go", "branch": "main", "client_payload": {}});
    let status = json!({"sha": "1".repeat(40), "state": "success", "context": "x"});
    for (name, fields) in [
        (Name::Issues, &issue),
        (Name::RepositoryDispatch, &dispatched),
        (Name::Status, &status),
    ] {
        served.happens(name, fields.clone(), "checkmill[bot]").await;
        let told = format!(
            r#""event":"{}","why":"Checkmill or one of its jobs has made it"#,
            name.as_str()
        );
        served.logged(&told).await;
    }
    let app = served.github.app_id();
    let check = |app: u64| json!({"action": "completed", "check_run": {"id": 1, "head_sha": "1".repeat(40), "app": {"id": app}}});
    served.happens(Name::CheckRun, check(app), "checkmill[bot]").await;
    served.logged("the check is one of Checkmill's own").await;
    served
        .happens(Name::Issues, issue.clone(), "github-actions[bot]")
        .await;
    served.logged("a workflow of GitHub Actions has made it").await;
    // What a job pushes with its token.
    served
        .push(
            NewCommit::new("Format")
                .by("checkmill[bot]")
                .write("a.txt", "text"),
        )
        .await;
    served
        .logged(r#""event":"push","why":"Checkmill or one of its jobs has made it"#)
        .await;
    assert_eq!(served.checks_now(), "", "nothing has started");

    // Another App's check does, and so does another bot's issue; the checks of these runs are ours and start no more.
    served.happens(Name::CheckRun, check(app + 1), "other[bot]").await;
    served.checks(1).await;
    served.happens(Name::Issues, issue, "dependabot[bot]").await;
    insta::assert_snapshot!(served.checks(2).await, @"
    Echo / note: success
    Echo / note: success
    ");
    assert_eq!(served.mark_now("ran").as_deref(), Some("check_run\nissues"));
    served.finish().await;
}

/// Of the events that other programs make in masses, GitHub is asked for files only where a workflow waits for them.
#[tokio::test]
async fn checks_of_others_cost_nothing_where_nobody_waits_for_them() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    served.logged("a workflow does not match").await;
    let before = served.github.requests(checkmill_testkit::Route::GraphQl);
    let check =
        json!({"action": "completed", "check_run": {"id": 1, "head_sha": "1".repeat(40), "app": {"id": 99}}});
    served.happens(Name::CheckRun, check, "other[bot]").await;
    served
        .logged("no workflow of the default branch waits for it")
        .await;
    assert_eq!(served.github.requests(checkmill_testkit::Route::GraphQl), before);
    served.finish().await;
}

const REVIEWED: &str = r#"
name: CI
on: pull_request_review
jobs:
  test:
    runs-on: linux
    steps:
      - env:
          KEY: ${{ secrets.DEPLOY_KEY }}
        run: echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA ${{ github.event.review.state }} ${#KEY}" >> {desk}/ran
"#;

/// Anybody may review. A fork's commit is not trusted by it, and its files are the fork's.
#[tokio::test]
async fn a_review_of_a_forks_pull_request_waits_for_an_approval() {
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
    let repository = NewRepository::new(REPO)
        .file("README.md", "Hello")
        .collaborator("ann", Role::Maintain);
    let served = Served::start_with(repository, vec![variable]).await;
    served.github.subscribe(Name::PullRequestReview).unwrap();
    served.github.fork(REPO, "mallory").unwrap();
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(CI, served.workflow(REVIEWED));
    let head = served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
    let number = served.on_github(|github| github.open_pull_request(pull)).await;
    served.logged("a workflow does not match").await;
    for reviewer in ["mallory", "ann"] {
        served
            .on_github(|github| github.review(REPO, number, reviewer, "approved", "Fine"))
            .await;
    }
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / test (pull_request_review): action_required
    CI / test (pull_request_review): action_required
    ");
    assert_eq!(served.mark_now("ran"), None, "a review approves no run");
    let waiting = served.completed("CI / test (pull_request_review)").await;
    insta::assert_snapshot!(page(&waiting), @"
    CI / test (pull_request_review): action_required
    Waits for an approval

    **Not run yet** (`approval_required`): The commit SHA comes from the fork mallory/hello and nobody approved it yet.

    Somebody with write permission can press **Approve and run**. It runs exactly this commit, once; a later push needs an approval of its own. Look at the changes first: they run with this repository's token.

    Queued TIME

    [Approve and run]: Run this commit of a fork, once
    ");
    served.click(&waiting, "approve", "ann").await;
    let approved = served.after(&waiting).await;
    assert_eq!(approved.line(), "CI / test (pull_request_review): success");
    assert_eq!(approved.head_sha, head);
    // The approval is for the commit, so the other review's run has it, too.
    served.checks(4).await;
    let ran = served.mark("ran").await.replace(head.as_str(), "HEAD");
    assert!(
        ran.lines()
            .all(|line| line == "pull_request_review refs/pull/1/head HEAD approved 0"),
        "no secret for a fork's commit: {ran}"
    );
    served.finish().await;
}

/// GitHub finds a fork's commit by its id, and other Apps deploy those, too.
#[tokio::test]
async fn what_is_deployed_by_its_id_is_not_trusted_unless_it_is_the_default_branchs() {
    let text = r#"
name: Deployed
on: [deployment, create]
jobs:
  smoke:
    runs-on: linux
    steps:
      - run: echo "$GITHUB_EVENT_NAME>$GITHUB_REF $GITHUB_SHA" >> {desk}/ran
"#;
    let served = Served::start(NewRepository::new(REPO).file("README.md", "Hello")).await;
    for name in [Name::Deployment, Name::Create] {
        served.github.subscribe(name).unwrap();
    }
    let main = served.push_workflow(text).await;
    served.github.fork(REPO, "mallory").unwrap();
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(CI, served.workflow(&text.replace("echo", "echo evil")));
    let strange = served
        .on_github(|github| github.push(FORK, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, FORK, "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    let deployment = |sha: &str, git_ref: &str| json!({"action": "created", "deployment": {"id": 1, "sha": sha, "ref": git_ref}});
    let by_id = deployment(strange.as_str(), strange.as_str());
    served.happens(Name::Deployment, by_id, "preview[bot]").await;
    insta::assert_snapshot!(page(&served.completed("Deployed / smoke").await), @"
    Deployed / smoke: action_required
    Waits for an approval

    **Not run yet** (`approval_required`): The commit SHA comes from no branch or tag that was named (perhaps from a fork) and nobody approved it yet.

    Somebody with write permission can press **Approve and run**. It runs exactly this commit, once; a later push needs an approval of its own. Look at the changes first: they run with this repository's token.

    Queued TIME

    [Approve and run]: Run this commit of a fork, once
    ");
    let by_ref = deployment(strange.as_str(), "refs/pull/1/head");
    served.happens(Name::Deployment, by_ref, "preview[bot]").await;
    served.checks(2).await;
    assert_eq!(served.mark_now("ran"), None);

    served
        .happens(Name::Deployment, deployment(main.as_str(), main.as_str()), "ann")
        .await;
    served.checks(3).await;
    served
        .happens(Name::Deployment, deployment(main.as_str(), "main"), "ann")
        .await;
    served.checks(4).await;
    let tag = served
        .github
        .update_ref(REPO, "refs/tags/v1", Some(main.clone()), "ann");
    tag.unwrap();
    let webhooks = served.github.take_webhooks();
    served.deliver(&webhooks).await;
    insta::assert_snapshot!(served.checks(5).await, @"
    Deployed / smoke: action_required
    Deployed / smoke: action_required
    Deployed / smoke: success
    Deployed / smoke: success
    Deployed / smoke: success
    ");
    let ran = served
        .mark_now("ran")
        .unwrap_or_default()
        .replace(main.as_str(), "MAIN");
    insta::assert_snapshot!(ran, @"
    deployment> MAIN
    deployment>refs/heads/main MAIN
    create>refs/tags/v1 MAIN
    ");
    served.finish().await;
}
