//! The comment on a pull request.

use crate::conversation::{CI, REPO};
use crate::page::comment;
use crate::served::Served;
use checkmill_testkit::{Comment, Fault, NewCommit, NewRepository, Role, Route};

const WORKFLOW: &str = "
name: CI
on: pull_request
jobs:
  build:
    runs-on: linux
    steps:
      - run: echo built
  test:
    needs: build
    runs-on: linux
    steps:
      - name: Test
        run: test -e {desk}/repaired
";

/// What the workflow calls the run is somebody's title.
#[tokio::test]
async fn a_run_with_a_name_is_called_by_it() {
    let served = Served::start(NewRepository::new(REPO).file("README.md", "x")).await;
    let named =
        format!("run-name: 'Test of `${{{{ github.head_ref }}}}` for @${{{{ github.actor }}}}'{WORKFLOW}");
    let commit = NewCommit::new("Change").write(CI, served.workflow(&named));
    let pull = served.pull_request("change", commit).await;
    insta::assert_snapshot!(comment(&only_comment(&served, pull, 0).await), @r#"
    <!-- checkmill:run:RUN -->
    ### ❌ CI: 1 of 2 jobs did not pass

    Test of \`change\` for @&#8203;octocat

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / build](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |
    | ❌ | [CI / test](<https://github.com/octocat/hello/runs/CHECK>) | **test**: Step "Test" failed with exit code 1 | TIME |

    Commit SHA
    "#);
    let check = served.completed("CI / build").await;
    let summary = check.output.summary.unwrap_or_default();
    insta::assert_snapshot!(summary.lines().last().unwrap_or_default(), @r"Run: Test of \`change\` for @&#8203;octocat");
    served.finish().await;
}

fn change(served: &Served) -> NewCommit {
    NewCommit::new("Change").write(CI, served.workflow(WORKFLOW))
}

/// The only comment there is, once it has been edited so often.
async fn only_comment(served: &Served, pull: u64, edits: u32) -> Comment {
    let look = || {
        let comments = served.github.comments(REPO, pull).unwrap();
        let [comment] = comments.as_slice() else {
            return None;
        };
        (comment.edits >= edits).then(|| comment.clone())
    };
    served.until("the comment", look).await
}

#[tokio::test]
async fn a_failure_is_said_once_and_corrected_when_a_rerun_passes() {
    let repository = NewRepository::new(REPO).file("README.md", "x");
    let served = Served::start(repository.collaborator("ann", Role::Write)).await;
    let pull = served.pull_request("change", change(&served)).await;
    let first = only_comment(&served, pull, 0).await;
    insta::assert_snapshot!(comment(&first), @r#"
    <!-- checkmill:run:RUN -->
    ### ❌ CI: 1 of 2 jobs did not pass

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / build](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |
    | ❌ | [CI / test](<https://github.com/octocat/hello/runs/CHECK>) | **test**: Step "Test" failed with exit code 1 | TIME |

    Commit SHA
    "#);

    served.allow("repaired");
    served.rerun(&served.completed("CI / test").await, "ann").await;
    let second = only_comment(&served, pull, 1).await;
    assert_eq!(second.id, first.id);
    insta::assert_snapshot!(comment(&second), @"
    <!-- checkmill:run:RUN -->
    ### ✅ CI: 2 jobs passed

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / build](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |
    | ✅ | [CI / test](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |

    Commit SHA
    ");
    served.finish().await;
}

/// Nobody else is about to write it: the next try need not wait for this one's claim to run out.
#[tokio::test]
async fn a_comment_that_could_not_be_written_is_written_at_the_next_try() {
    let repository = NewRepository::new(REPO).file("README.md", "x");
    let served = Served::start(repository.collaborator("ann", Role::Write)).await;
    served.github.fail_next(Route::CreateComment, Fault::Status(502));
    let pull = served.pull_request("change", change(&served)).await;
    only_comment(&served, pull, 0).await;
    assert_eq!(served.github.requests(Route::CreateComment), 2);
    assert!(
        !served.log().contains("Checkmill.Conflict"),
        "the claim of the failed try was in the way"
    );
    served.finish().await;
}

#[tokio::test]
async fn nothing_is_said_about_a_success_unless_the_policy_wants_it() {
    let served = Served::start(NewRepository::new(REPO).file("README.md", "x")).await;
    served.allow("repaired");
    let quiet = served.pull_request("quiet", change(&served)).await;
    served.concluded(2).await;

    served
        .push(NewCommit::new("Policy").write(".checkmill/config.yml", "comment: always\n"))
        .await;
    let loud = served.pull_request("loud", change(&served)).await;
    let said = only_comment(&served, loud, 0).await;
    insta::assert_snapshot!(comment(&said), @"
        <!-- checkmill:run:RUN -->
        ### ✅ CI: 2 jobs passed

        | | Job | Result | Duration |
        |---|---|---|---:|
        | ✅ | [CI / build](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |
        | ✅ | [CI / test](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |

        Commit SHA
        ");
    assert_eq!(served.github.comments(REPO, quiet).unwrap(), []);
    served.finish().await;
}

/// A re-run gave another matrix: what the run no longer has is not in its comment.
#[tokio::test]
async fn legs_that_a_rerun_left_out_are_not_in_the_comment() {
    let text = r#"
name: CI
on: pull_request
jobs:
  list:
    runs-on: linux
    outputs:
      legs: ${{ steps.legs.outputs.legs }}
    steps:
      - id: legs
        run: if [ -e {desk}/other ]; then echo 'legs=[3]'; else echo 'legs=[1, 2]'; fi >> "$GITHUB_OUTPUT"
      - run: test -e {desk}/other
  test:
    needs: list
    if: always()
    runs-on: linux
    strategy:
      fail-fast: false
      matrix:
        leg: ${{ fromJSON(needs.list.outputs.legs) }}
    steps:
      - name: Test
        run: exit ${{ matrix.leg }}
"#;
    let repository = NewRepository::new(REPO).file("README.md", "x");
    let served = Served::start(repository.collaborator("ann", Role::Write)).await;
    let commit = NewCommit::new("Change").write(CI, served.workflow(text));
    let pull = served.pull_request("change", commit).await;
    let first = comment(&only_comment(&served, pull, 0).await);
    assert!(
        first.contains("CI / test (1)") && first.contains("CI / test (2)"),
        "{first}"
    );

    served.allow("other");
    let sha = served.completed("CI / list").await.head_sha;
    served
        .on_github(|github| github.rerequest_suite(REPO, &sha, "ann"))
        .await;
    let told = || {
        let comments = served.github.comments(REPO, pull).unwrap();
        comments
            .into_iter()
            .find(|comment| comment.body.contains("CI / test (3)"))
    };
    insta::assert_snapshot!(comment(&served.until("the new leg", told).await), @r#"
    <!-- checkmill:run:RUN -->
    ### ❌ CI: 1 of 2 jobs did not pass

    | | Job | Result | Duration |
    |---|---|---|---:|
    | ✅ | [CI / list](<https://github.com/octocat/hello/runs/CHECK>) | success | TIME |
    | ❌ | [CI / test (3)](<https://github.com/octocat/hello/runs/CHECK>) | **test**: Step "Test" failed with exit code 3 | TIME |

    Commit SHA
    "#);
    served.finish().await;
}

#[tokio::test]
async fn a_policy_can_forbid_comments() {
    let policy = NewRepository::new(REPO).file(".checkmill/config.yml", "comment: never\n");
    let served = Served::start(policy).await;
    let pull = served.pull_request("change", change(&served)).await;
    insta::assert_snapshot!(served.checks(2).await, @"
CI / build: success
CI / test: failure
");
    served.concluded(2).await;
    assert_eq!(served.github.comments(REPO, pull).unwrap(), []);
    served.finish().await;
}
