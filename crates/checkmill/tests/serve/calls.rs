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
    insta::assert_snapshot!(served.checks(6).await, @"
    CI / build (debug) / Link: success
    CI / build (debug) / compile: success
    CI / build (release) / Link: success
    CI / build (release) / compile: success
    CI / publish: success
    CI / setup: success
    ");
    insta::assert_snapshot!(served.mark("debug").await, @"true nothing open-debug CI");
    insta::assert_snapshot!(served.mark("published").await, @"success release.tar");
    // What a script is given by its caller runs; what was passed as a secret is masked.
    insta::assert_snapshot!(page(&served.completed("CI / build (debug) / compile").await), @r#"
    CI / build (debug) / compile: success
    Passed in TIME

    **Passed** (`success`): 2 steps succeeded

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Build | success | TIME |
    | ✅ | Run echo "true \${GREETING:-nothing} \${WORD%-\*} CI" &gt; /TMP/desk/debug | success | TIME |

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    ##[step]1/2 Build
    ##[group]Run echo "built it" && true
    echo "built it" && true
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    built it
    ##[endstep]success TIME
    ##[step]2/2 Run echo "true ${GREETING:-nothing} ${WORD%-*} CI" > /TMP/desk/debug
    ##[group]Run echo "true ${GREETING:-nothing} ${WORD%-*} CI" > /TMP/desk/${CHECKMILL_EXPR_1}
    echo "true ${GREETING:-nothing} ${WORD%-*} CI" > /TMP/desk/${CHECKMILL_EXPR_1}
    echo "the word is $WORD"
    shell: /usr/bin/bash -e {0}
    env:
      WORD: ***
      CHECKMILL_EXPR_1: debug  # inputs.mode
    ##[endgroup]
    the word is ***
    ##[endstep]success TIME
    ##[job]success 2 steps succeeded
    ```
    "#);
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
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / after: success
    CI / shared / inner / say: success
    ");
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
    insta::assert_snapshot!(page(&served.completed(CI).await), @r"
    .checkmill/workflows/ci.yml: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:4:13: \`octo/nowhere/.github/workflows/a.yml@&#8203;v1\` can't be called: GitHub has no repository octo/nowhere, or the App may not see it

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:4:13: `octo/nowhere/.github/workflows/a.yml@v1` can't be called: GitHub has no repository octo/nowhere, or the App may not see it
    4 |   a: {uses: octo/nowhere/.github/workflows/a.yml@v1}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:5:13: `octo/shared/.github/workflows/greet.yml@v9` can't be called: octo/shared has no branch, tag or commit `v9`
    5 |   b: {uses: octo/shared/.github/workflows/greet.yml@v9}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:6:13: `octo/shared/.github/workflows/gone.yml@main` can't be called: octo/shared has no `.github/workflows/gone.yml` at `main`
    6 |   c: {uses: octo/shared/.github/workflows/gone.yml@main}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:7:13: `octocat/secret/.github/workflows/a.yml@main` can't be called: octocat/secret is private, and a public repository can't call its workflows
    7 |   d: {uses: octocat/secret/.github/workflows/a.yml@main}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:8:13: `octo/hidden/.github/workflows/a.yml@main` can't be called: GitHub has no repository octo/hidden, or the App may not see it
    8 |   e: {uses: octo/hidden/.github/workflows/a.yml@main}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:9:13: `./.github/workflows/gone.yml` can't be called: the commit has no such file
    9 |   f: {uses: ./.github/workflows/gone.yml}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    .checkmill/workflows/ci.yml:10:66: `octo/shared/.github/workflows/greet.yml@main` has no input `whom`
    10 |   g: {uses: octo/shared/.github/workflows/greet.yml@main, with: {whom: x}}
       |                                                                  ^^^^
      = help: did you mean `who`?
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:4:13: failure: `octo/nowhere/.github/workflows/a.yml@v1` can't be called: GitHub has no repository octo/nowhere, or the App may not see it
    .checkmill/workflows/ci.yml:5:13: failure: `octo/shared/.github/workflows/greet.yml@v9` can't be called: octo/shared has no branch, tag or commit `v9`
    .checkmill/workflows/ci.yml:6:13: failure: `octo/shared/.github/workflows/gone.yml@main` can't be called: octo/shared has no `.github/workflows/gone.yml` at `main`
    .checkmill/workflows/ci.yml:7:13: failure: `octocat/secret/.github/workflows/a.yml@main` can't be called: octocat/secret is private, and a public repository can't call its workflows
    .checkmill/workflows/ci.yml:8:13: failure: `octo/hidden/.github/workflows/a.yml@main` can't be called: GitHub has no repository octo/hidden, or the App may not see it
    .checkmill/workflows/ci.yml:9:13: failure: `./.github/workflows/gone.yml` can't be called: the commit has no such file
    .checkmill/workflows/ci.yml:10:66: failure: `octo/shared/.github/workflows/greet.yml@main` has no input `whom`
    did you mean `who`?
    ");
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
    insta::assert_snapshot!(verdict(&served.after(&waiting).await), @"
    CI / call / forked: success
    Passed in TIME
    **Passed** (`success`): 1 step succeeded
    ");
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
    insta::assert_snapshot!(served.checks(3).await, @"
    CI / after: skipped
    CI / call / first: failure
    CI / call / second: skipped
    ");
    insta::assert_snapshot!(verdict(&served.completed("CI / after").await), @r"
    CI / after: skipped
    Skipped
    **Skipped** (`skipped`): Skipped: it needs \`call\`, which failed.
    ");
    served.allow("repaired");
    served
        .on_github(|github| github.rerequest_suite(REPO, &sha, "ann"))
        .await;
    insta::assert_snapshot!(served.checks(6).await, @"
    CI / after: skipped
    CI / after: success
    CI / call / first: failure
    CI / call / first: success
    CI / call / second: skipped
    CI / call / second: success
    ");
    served.finish().await;
}
