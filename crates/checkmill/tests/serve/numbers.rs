//! `github.run_number` and who a run is for: what the `github`, `job` and `runner` contexts say of a run.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository, Role};

const CALLED: &str = ".checkmill/workflows/called.yml";
const OTHER: &str = ".checkmill/workflows/other.yml";

const WORKFLOW: &str = r#"
name: CI
run-name: "Build ${{ github.run_number }}"
on: push
concurrency: ci-${{ github.run_number }}
env: {NUMBER: "${{ github.run_number }}"}
jobs:
  build:
    if: github.run_number > 0
    runs-on: linux
    steps:
      - run: |
          echo "CI ${{ github.run_number }} $GITHUB_RUN_NUMBER $NUMBER attempt $GITHUB_RUN_ATTEMPT by $GITHUB_ACTOR for $GITHUB_TRIGGERING_ACTOR" >> {desk}/ran
          test -e {desk}/repaired
  called:
    uses: ./.checkmill/workflows/called.yml
"#;

const CALLED_TEXT: &str = r#"
on: workflow_call
jobs:
  job:
    runs-on: linux
    steps:
      - run: echo "called $GITHUB_RUN_NUMBER of ${{ github.workflow_ref }} in ${{ job.workflow_ref }} at ${{ job.workflow_sha }}" >> {desk}/called
"#;

const OTHER_TEXT: &str = r#"
name: Other
on: push
jobs:
  job: {runs-on: linux, steps: [run: "echo $GITHUB_RUN_NUMBER >> {desk}/other"]}
"#;

fn lines(served: &Served, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(served.desk().join(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn runs_of_a_file_are_counted() {
    let served = Served::start(NewRepository::new(REPO).collaborator("ann", Role::Write)).await;
    let files = NewCommit::new("Add CI")
        .write(CI, served.workflow(WORKFLOW))
        .write(CALLED, served.workflow(CALLED_TEXT));
    let first = served.push(files).await;
    served.completed("CI / build").await;
    served.completed("CI / called / job").await;
    // Another file begins at 1, and what GitHub would not run is not counted.
    served
        .push(NewCommit::new("Nothing [skip ci]").write("x", "y"))
        .await;
    let files = NewCommit::new("Another").write(OTHER, served.workflow(OTHER_TEXT));
    let second = served.push(files).await;
    served.completed("Other / job").await;
    served.concluded(7).await;

    // Another attempt has the number of its run, and says who asked for it.
    let checks = served.github.check_runs(REPO).unwrap();
    let of = |check: &&checkmill_testkit::CheckRun| check.name == "CI / build" && check.head_sha == second;
    let build = checks.iter().find(of).unwrap();
    served.allow("repaired");
    served.rerun(build, "ann").await;
    insta::assert_snapshot!(lines(&served, "ran").join("\n"), @"
    CI 1 1 1 attempt 1 by octocat for octocat
    CI 2 2 2 attempt 1 by octocat for octocat
    CI 2 2 2 attempt 2 by octocat for ann
    ");
    insta::assert_snapshot!(lines(&served, "other").join("\n"), @"1");
    let called = lines(&served, "called").join("\n");
    let called = called
        .replace(first.as_str(), "FIRST")
        .replace(second.as_str(), "SECOND");
    insta::assert_snapshot!(called, @"
    called 1 of octocat/hello/.checkmill/workflows/ci.yml@refs/heads/main in octocat/hello/.checkmill/workflows/called.yml@refs/heads/main at FIRST
    called 2 of octocat/hello/.checkmill/workflows/ci.yml@refs/heads/main in octocat/hello/.checkmill/workflows/called.yml@refs/heads/main at SECOND
    ");
    served.finish().await;
}

/// GitHub sends the same delivery again when somebody asks it to, or when it has not had our answer.
#[tokio::test]
async fn a_delivery_that_comes_again_takes_no_number() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let file = NewCommit::new("Add CI").write(OTHER, served.workflow(OTHER_TEXT));
    served.github.push(REPO, "main", file).unwrap();
    let deliveries = served.github.take_webhooks();
    for _ in 0..3 {
        served.deliver(&deliveries).await;
    }
    served.completed("Other / job").await;
    served.push(NewCommit::new("Change").write("x", "y")).await;
    served.concluded(2).await;
    assert_eq!(lines(&served, "other"), ["1", "2"]);
    served.finish().await;
}

const CONTEXTS: &str = r#"
on: push
jobs:
  a:
    runs-on: linux
    steps:
      - env:
          GITHUB: ${{ toJSON(github) }}
          JOB: ${{ toJSON(job) }}
        run: |
          echo "$GITHUB" > {desk}/github
          echo "$JOB" > {desk}/job
          env | grep -E '^GITHUB_(ACTOR|REPOSITORY|RUN|REF|RETENTION|TRIGGERING).*' | sort > {desk}/env
          echo done > {desk}/done
"#;

#[tokio::test]
async fn who_it_is_for() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let sha = served.push_workflow(CONTEXTS).await;
    served.mark("done").await;
    let check = served.completed(&format!("{CI} / a")).await;
    let json =
        |name| -> serde_json::Value { serde_json::from_str(&lines(&served, name).join("\n")).unwrap() };
    let github = json("github");
    let payload = &github["event"];
    let text = |value: &serde_json::Value| value.as_u64().unwrap().to_string();
    assert_eq!(github["actor_id"], text(&payload["sender"]["id"]));
    assert_eq!(
        github["repository_owner_id"],
        text(&payload["repository"]["owner"]["id"])
    );
    assert_eq!(github["repository_visibility"], "public");
    assert_eq!(github["secret_source"], "Actions");
    assert_eq!(github["run_number"], "1");
    let env = lines(&served, "env").join("\n");
    for name in ["ACTOR_ID", "REPOSITORY_OWNER_ID", "RUN_NUMBER"] {
        let value = github[name.to_lowercase()].as_str().unwrap();
        assert!(env.contains(&format!("GITHUB_{name}={value}\n")), "{name}: {env}");
    }
    assert_eq!(
        json("job"),
        serde_json::json!({
            "status": "success",
            "check_run_id": check.id.0,
            "workflow_repository": REPO,
            "workflow_file_path": CI,
            "workflow_ref": format!("{REPO}/{CI}@refs/heads/main"),
            "workflow_sha": sha.as_str(),
        })
    );
    served.finish().await;
}
