//! `.lightning/workflows`, pushed as it is to a repository that had another bot.

use crate::conversation::REPO;
use crate::page::{page, verdict};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const LEGS: &str = r#"
name: Tests
trigger:
  push: {branches: [main]}
  pull_request:
parametrize:
  matrix:
    py-version: [3.10, 3.11]
    extra: ['']
env:
  GREETING: it's ${{ no }} expression
run: |
  test -f .lightning/workflows/legs.yml
  echo ran >> {desk}/ran-$py_version
  printenv GREETING machine image LIGHTNING_DEBUG GITHUB_REPOSITORY_OWNER GITHUB_REPOSITORY_NAME > {desk}/env
  test "$GITHUB_REPOSITORY_REF" = "$(git rev-parse HEAD)"
  test -z "${GITHUB_TOKEN:-}"
  if [ $py_version = 3.11 ]; then
    test -e {desk}/repaired | cat
  fi
"#;

/// Runs on no backend without containers.
const IMAGE: &str = "
image: python:3.11
machine: L4
trigger: push
run: python --version
";

fn first_commit(served: &Served) -> NewCommit {
    NewCommit::new("Move from another bot")
        .write(".lightning/workflows/legs.yml", served.workflow(LEGS))
        .write(".lightning/workflows/image.yaml", IMAGE)
        .write(
            ".lightning/workflows/release.yml",
            "name: Release\ntrigger: {push: {branches: ['release/*']}}\nrun: exit 1\n",
        )
        .write(
            ".lightning/workflows/pulls.yml",
            "trigger: [pull_request]\nrun: exit 1\n",
        )
        .write(".lightning/workflows/broken.yml", "trigger: push\nrn: make\n")
        .write(".lightning/README.md", "no workflow")
}

#[tokio::test]
async fn each_file_is_judged_by_itself_and_one_leg_is_run_again() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.push(first_commit(&served)).await;
    insta::assert_snapshot!(served.checks(5).await, @"
    .lightning/workflows/broken.yml: failure
    image.yaml / Lit Job (): failure
    legs.yml / Tests (3.10, n/a): success
    legs.yml / Tests (3.11, n/a): failure
    release.yml / Release [push]: skipped
    ");
    let skipped = page(&served.completed("release.yml / Release [push]").await);
    assert!(skipped.contains("is not for this push"), "{skipped}");
    let image = verdict(&served.completed("image.yaml / Lit Job ()").await);
    assert!(
        image.contains("python:3.11") && image.contains("has no containers"),
        "{image}"
    );
    let broken = page(&served.completed(".lightning/workflows/broken.yml").await);
    assert!(broken.contains("did you mean `run`?"), "{broken}");
    insta::assert_snapshot!(served.mark("env").await, @"
    it's ${{ no }} expression
    CPU
    ubuntu:22.04
    1
    octocat
    hello
    ");

    let failed = served.completed("legs.yml / Tests (3.11, n/a)").await;
    served.allow("repaired");
    let again = served.rerun(&failed, "octocat").await;
    assert_eq!(again.line(), "legs.yml / Tests (3.11, n/a): success");
    assert_eq!(served.mark("ran-3.11").await, "ran\nran");
    assert_eq!(
        served.mark("ran-3.10").await,
        "ran",
        "the other leg stays as it is"
    );
    served.finish().await;
}

#[tokio::test]
async fn a_pull_request_is_judged_by_its_base_branch() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "trigger: {pull_request: {branches: [main]}}\nrun: echo $GITHUB_EVENT_NAME > {desk}/event\n";
    let commit = NewCommit::new("Add CI").write(".lightning/workflows/ci.yml", served.workflow(text));
    served.pull_request("topic", commit).await;
    insta::assert_snapshot!(served.checks(1).await, @"ci.yml / Lit Job (): success");
    assert_eq!(served.mark("event").await, "pull_request");
    served.finish().await;
}
