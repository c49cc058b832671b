//! Jobs that call workflows: of the same commit, and of another repository at a ref.

use crate::conversation::{CI, REPO};
use crate::page::{page, verdict};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository, Role};

const BUILD: &str = ".github/workflows/build.yml";
const SHARED: &str = "octo/shared";

const CALLER: &str = r#"
name: CI
on: push
env: {GREETING: not passed on}
jobs:
  setup:
    runs-on: linux
    outputs: {modes: "${{ steps.say.outputs.modes }}"}
    steps:
      - id: say
        run: echo 'modes=["debug","release"]' >> "$GITHUB_OUTPUT"
  build:
    needs: setup
    strategy:
      matrix:
        mode: ${{ fromJSON(needs.setup.outputs.modes) }}
    uses: ./.github/workflows/build.yml
    with:
      mode: ${{ matrix.mode }}
      command: echo "built it" && true
    secrets:
      word: open-${{ matrix.mode }}-sesame
  publish:
    needs: build
    runs-on: linux
    steps:
      - run: echo "${{ needs.build.result }} ${{ needs.build.outputs.file }}" > {desk}/published
"#;
const CALLEE: &str = r#"
on:
  workflow_call:
    inputs:
      mode: {type: string, required: true}
      command: {type: string}
      strict: {type: boolean, default: true}
    secrets:
      word: {required: true}
    outputs:
      file: {value: "${{ jobs.link.outputs.file }}"}
jobs:
  compile:
    runs-on: linux
    steps:
      - name: Build
        run: ${{ inputs.command }}
      - run: |
          echo "${{ toJSON(inputs.strict) }} ${GREETING:-nothing} ${WORD%-*} ${{ github.workflow }}" > {desk}/${{ inputs.mode }}
          echo "the word is $WORD"
        env:
          WORD: ${{ secrets.word }}
  link:
    needs: compile
    name: Link
    runs-on: linux
    outputs: {file: "${{ steps.file.outputs.file }}"}
    steps:
      - id: file
        run: echo "file=${{ inputs.mode }}.tar" >> "$GITHUB_OUTPUT"
"#;

#[tokio::test]
async fn a_file_of_the_same_commit_for_each_leg_of_a_matrix() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let commit = served.first_commit(CALLER).write(BUILD, served.workflow(CALLEE));
    served.push(commit).await;
    insta::assert_snapshot!(served.checks(6).await, @"");
    insta::assert_snapshot!(served.mark("debug").await, @"");
    insta::assert_snapshot!(served.mark("published").await, @"");
    // What a script is given by its caller runs; what was passed as a secret is masked.
    insta::assert_snapshot!(page(&served.completed("CI / build (debug) / compile").await), @"");
    served.finish().await;
}

const REMOTE: &str = r"
name: CI
on: push
jobs:
  shared:
    uses: octo/shared/.github/workflows/greet.yml@v1
    with: {who: you}
  after:
    needs: shared
    runs-on: linux
    steps:
      - run: echo '${{ needs.shared.outputs.said }}' > {desk}/said
";
const GREET: &str = r"
on:
  workflow_call:
    inputs: {who: {type: string}}
    outputs: {said: {value: '${{ jobs.inner.outputs.said }}'}}
jobs:
  inner:
    uses: ./.github/workflows/say.yml
    with: {text: 'hello ${{ inputs.who }}'}
";

fn say(greeting: &str) -> String {
    format!(
        "
on:
  workflow_call:
    inputs: {{text: {{type: string}}}}
    outputs: {{said: {{value: '${{{{ jobs.say.outputs.said }}}}'}}}}
jobs:
  say:
    runs-on: linux
    outputs: {{said: '${{{{ steps.say.outputs.said }}}}'}}
    steps:
      - id: say
        run: echo 'said={greeting} ${{{{ inputs.text }}}}' >> \"$GITHUB_OUTPUT\"
"
    )
}

fn shared() -> NewRepository {
    NewRepository::new(SHARED)
        .not_installed()
        .file(".github/workflows/greet.yml", GREET)
        .file(".github/workflows/say.yml", say("unreleased"))
}

#[tokio::test]
async fn a_file_of_another_repository_stays_as_it_was_for_a_re_run() {
    let served = Served::start(NewRepository::new(REPO).collaborator("ann", Role::Write)).await;
    let github = &served.github;
    github.add_repository(shared()).unwrap();
    let release = |text: &str| {
        let commit = NewCommit::new("Release").write(".github/workflows/say.yml", say(text));
        let sha = github.push(SHARED, "main", commit).unwrap();
        github
            .push_annotated_tag(SHARED, "v1", &sha, "Release", "octo")
            .unwrap();
    };
    release("first");
    served.push_workflow(REMOTE).await;
    insta::assert_snapshot!(served.checks(2).await, @"");
    assert_eq!(served.mark("said").await, "first hello you");

    // The ref moves on; the run does not.
    release("second");
    std::fs::remove_file(served.desk().join("said")).unwrap();
    let check = served.completed("CI / shared / inner / say").await;
    served.rerun(&check, "ann").await;
    let after = served.completed("CI / after").await;
    served.rerun(&after, "ann").await;
    assert_eq!(served.mark("said").await, "first hello you");
    served.push(NewCommit::new("Again").write("x", "y")).await;
    served.checks(6).await;
    assert_eq!(served.mark("said").await, "second hello you");
    served.finish().await;
}

#[tokio::test]
async fn files_that_can_not_be_had_are_refused_by_name() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let github = &served.github;
    github.add_repository(shared()).unwrap();
    let secret = NewRepository::new("octocat/secret").private();
    github
        .add_repository(secret.file(".github/workflows/a.yml", say("x")))
        .unwrap();
    let hidden = NewRepository::new("octo/hidden").private().not_installed();
    github
        .add_repository(hidden.file(".github/workflows/a.yml", say("x")))
        .unwrap();
    let text = "\
name: CI
on: push
jobs:
  a: {uses: octo/nowhere/.github/workflows/a.yml@v1}
  b: {uses: octo/shared/.github/workflows/greet.yml@v9}
  c: {uses: octo/shared/.github/workflows/gone.yml@main}
  d: {uses: octocat/secret/.github/workflows/a.yml@main}
  e: {uses: octo/hidden/.github/workflows/a.yml@main}
  f: {uses: ./.github/workflows/gone.yml}
  g: {uses: octo/shared/.github/workflows/greet.yml@main, with: {whom: x}}
";
    served.push_workflow(text).await;
    insta::assert_snapshot!(page(&served.completed(CI).await), @"");
    served.finish().await;
}

#[tokio::test]
async fn a_forks_commit_brings_its_own_called_file_and_waits_for_its_approval() {
    let repository = NewRepository::new(REPO).collaborator("ann", Role::Write).file(
        BUILD,
        "on: workflow_call\njobs: {own: {runs-on: linux, steps: [run: 'true']}}\n",
    );
    let served = Served::start(repository).await;
    served.github.fork(REPO, "mallory").unwrap();
    let commit = NewCommit::new("Improve")
        .by("mallory")
        .write(
            CI,
            "name: CI\non: pull_request\njobs: {call: {uses: ./.github/workflows/build.yml}}\n",
        )
        .write(
            BUILD,
            "on: workflow_call\njobs: {forked: {runs-on: linux, steps: [run: 'true']}}\n",
        );
    let fork = "mallory/hello";
    served
        .on_github(|github| github.push(fork, "better", commit))
        .await;
    let pull = NewPullRequest::from_fork(REPO, fork, "better").by("mallory");
    served.on_github(|github| github.open_pull_request(pull)).await;
    let waiting = served.completed("CI / call / forked").await;
    assert_eq!(waiting.line(), "CI / call / forked: action_required");
    served.click(&waiting, "approve", "ann").await;
    insta::assert_snapshot!(verdict(&served.after(&waiting).await), @"");
    served.finish().await;
}

#[tokio::test]
async fn a_failed_job_of_a_call_runs_again_and_what_needs_the_call_after_it() {
    let served = Served::start(NewRepository::new(REPO).collaborator("ann", Role::Write)).await;
    let caller = "\
name: CI
on: push
jobs:
  call: {uses: ./.github/workflows/build.yml}
  after:
    needs: call
    runs-on: linux
    steps: [run: 'true']
";
    let callee = "\
on: workflow_call
jobs:
  first:
    runs-on: linux
    steps: [run: test -e {desk}/repaired]
  second:
    needs: first
    runs-on: linux
    steps: [run: 'true']
";
    let commit = served.first_commit(caller).write(BUILD, served.workflow(callee));
    let sha = served.push(commit).await;
    insta::assert_snapshot!(served.checks(3).await, @"");
    insta::assert_snapshot!(verdict(&served.completed("CI / after").await), @"");
    served.allow("repaired");
    served
        .on_github(|github| github.rerequest_suite(REPO, &sha, "ann"))
        .await;
    insta::assert_snapshot!(served.checks(6).await, @"");
    served.finish().await;
}
