//! Actions: those of repositories, artifacts from job to job, caches from push to push.

use crate::conversation::REPO;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};
use std::path::Path;
use std::process::Command;

const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  build:
    runs-on: linux
    outputs:
      said: ${{ steps.greet.outputs.said }}
    steps:
      - id: cache
        uses: actions/cache@v4
        with: {path: deps, key: 'deps-${{ hashFiles(''none'') }}1', restore-keys: deps-}
      - run: |
          echo "${{ steps.cache.outputs.cache-hit }} $(cat deps/made-by 2>/dev/null || echo nobody)" > {desk}/hit-$GITHUB_SHA
          mkdir -p deps dist/sub
          [ -e deps/made-by ] || echo $GITHUB_SHA > deps/made-by
          echo built > dist/one.txt
          echo deep > dist/sub/two.txt
      - id: greet
        uses: tools/greet@v1
        with: {who: Mona}
      - id: upload
        uses: actions/upload-artifact@v4
        with: {name: dist, path: dist, if-no-files-found: error}
      - run: '[ -n "${{ steps.upload.outputs.artifact-id }}" ]'
  test:
    needs: build
    runs-on: linux
    steps:
      - uses: actions/download-artifact@v4
        with: {name: dist, path: out}
      - run: echo "$(cat out/one.txt out/sub/two.txt | tr '\n' ' ')${{ needs.build.outputs.said }}" > {desk}/test-$GITHUB_SHA
"#;

const GREET: &str = r#"
inputs: {who: {required: true}}
outputs: {said: {value: '${{ steps.say.outputs.said }}'}}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      run: echo "said=Hello ${{ inputs.who }}" >> "$GITHUB_OUTPUT"
"#;

fn git(directory: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    let status = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(directory)
        .status();
    assert!(status.unwrap().success(), "git {arguments:?}");
}

/// A repository of an action, tagged v1, on a server that is a directory.
pub(crate) fn publish(server: &Path, name: &str, files: &[(&str, &str)]) {
    let directory = server.join(name);
    std::fs::create_dir_all(&directory).unwrap();
    for (file, content) in files {
        std::fs::write(directory.join(file), content).unwrap();
    }
    git(&directory, &["init", "--quiet"]);
    git(&directory, &["add", "."]);
    git(&directory, &["commit", "--quiet", "-m", "First"]);
    git(&directory, &["tag", "v1"]);
}

#[tokio::test]
async fn artifacts_reach_the_next_job_and_caches_the_next_push() {
    let server = tempfile::tempdir().unwrap();
    publish(server.path(), "tools/greet", &[("action.yml", GREET)]);
    let url = format!("file://{}/{REPO}", server.path().display());
    let served = Served::start(NewRepository::new(REPO).clone_url(&url)).await;
    let first = served.push_workflow(WORKFLOW).await;
    assert_eq!(
        served.mark(&format!("test-{first}")).await,
        "built deep Hello Mona"
    );
    assert_eq!(served.mark(&format!("hit-{first}")).await, " nobody");
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / build: success
    CI / test: success
    ");
    served.concluded(2).await;

    let second = served.push(NewCommit::new("Again").write("file", "2")).await;
    assert_eq!(
        served.mark(&format!("hit-{second}")).await,
        format!("true {first}")
    );
    assert_eq!(
        served.mark(&format!("test-{second}")).await,
        "built deep Hello Mona"
    );
    served.checks(4).await;
    served.finish().await;
}

const JAVASCRIPT: &str = r#"
name: CI
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - id: js
        uses: tools/js@v1
        with: {say: hello}
      - run: echo "${{ steps.js.outputs.said }}" > {desk}/said
"#;

#[tokio::test]
async fn a_javascript_action_runs_and_cleans_up() {
    if Command::new("node").arg("--version").output().is_err() {
        println!("SKIPPED: a JavaScript action — node is not installed");
        if let Some(directory) = std::env::var_os("CHECKMILL_SKIPPED") {
            let file = Path::new(&directory).join("a_served_javascript_action");
            std::fs::write(file, "a JavaScript action, served — node is not installed\n").unwrap();
        }
        return;
    }
    let server = tempfile::tempdir().unwrap();
    let main = "const fs = require('fs'); fs.appendFileSync(process.env.GITHUB_OUTPUT, `said=${process.env.INPUT_SAY}\\n`); \
                fs.appendFileSync(process.env.GITHUB_STATE, 'kept=yes\\n');";
    let post = "if (process.env.STATE_kept !== 'yes') process.exit(1);";
    let manifest = "inputs: {say: }\nruns: {using: node20, main: main.js, post: post.js}";
    let files = [("action.yml", manifest), ("main.js", main), ("post.js", post)];
    publish(server.path(), "tools/js", &files);
    let url = format!("file://{}/{REPO}", server.path().display());
    let served = Served::start(NewRepository::new(REPO).clone_url(&url)).await;
    served.push_workflow(JAVASCRIPT).await;
    assert_eq!(served.mark("said").await, "hello");
    let check = served.completed("CI / build").await;
    insta::assert_snapshot!(crate::page::page(&check), @r#"
    CI / build: success
    Passed in TIME

    **Passed** (`success`): 3 steps succeeded

    | | Step | Result | Duration |
    |---|---|---|---:|
    | ✅ | Run tools/js@&#8203;v1 | success | TIME |
    | ✅ | Run echo "hello" &gt; /TMP/desk/said | success | TIME |
    | ✅ | Post Run tools/js@&#8203;v1 | success | TIME |

    Queued TIME · ran TIME · on `process`


    ### Log

    ```text
    Download action repository 'tools/js@v1' (SHA:SHA)
    ##[step]1/2 Run tools/js@v1
    ##[group]Run tools/js@v1
    with:
      say: hello
    ##[endgroup]
    ##[endstep]success TIME
    ##[step]2/2 Run echo "hello" > /TMP/desk/said
    ##[group]Run echo "hello" > /TMP/desk/said
    echo "hello" > /TMP/desk/said
    shell: /usr/bin/bash -e {0}
    ##[endgroup]
    ##[endstep]success TIME
    ##[step]3/3 Post Run tools/js@v1
    ##[endstep]success TIME
    ##[job]success 3 steps succeeded
    ```
    "#);
    served.finish().await;
}

#[tokio::test]
async fn an_action_that_the_policy_does_not_allow_is_not_run() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let policy = served
        .first_commit(JAVASCRIPT)
        .write(".checkmill/config.yml", "actions: [octo/*]\n");
    served.push(policy).await;
    let check = served.completed("CI / build").await;
    insta::assert_snapshot!(crate::page::page(&check), @r"
    CI / build: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:9:15: the repository's policy does not allow the action \`tools/js@&#8203;v1\`

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:9:15: the repository's policy does not allow the action `tools/js@v1`
    9 |         uses: tools/js@v1
      |               ^^^^^^^^^^^
      = help: allow it with `actions` in `.checkmill/config.yml` of the default branch
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:9:15: failure: the repository's policy does not allow the action `tools/js@v1`
    allow it with `actions` in `.checkmill/config.yml` of the default branch
    ");
    served.finish().await;
}
