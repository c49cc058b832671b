//! `actions_workflows`: whether the files of `.github/workflows` are Checkmill's.

use crate::conversation::REPO;
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewRepository};

const ACTIONS: &str = ".github/workflows/ci.yml";
const CI: &str = ".checkmill/workflows/ci.yml";
const POLICY: &str = ".checkmill/config.yml";

fn workflow(name: &str) -> String {
    format!(
        "name: {name}\non: [push, workflow_dispatch]\njobs: {{a: {{runs-on: linux, steps: [{{run: 'true'}}]}}}}\n"
    )
}

#[tokio::test]
async fn a_push_starts_them_once_the_policy_says_so() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let both = NewCommit::new("Add CI")
        .write(CI, workflow("Mill"))
        .write(ACTIONS, workflow("Actions"));
    served.push(both).await;
    insta::assert_snapshot!(served.checks(1).await, @"Mill / a: success");
    let policy = NewCommit::new("Take them").write(POLICY, "actions_workflows: true\n");
    served.push(policy).await;
    // The first push's check, and the second one's two: the first push has started nothing late.
    insta::assert_snapshot!(served.checks(3).await, @"
    Actions / a: success
    Mill / a: success
    Mill / a: success
    ");
    served.finish().await;
}

#[tokio::test]
async fn a_dispatch_starts_the_file_that_it_names_and_no_other() {
    let served = Served::start(
        NewRepository::new(REPO)
            .file(CI, workflow("Mill").replace("push, ", ""))
            .file(ACTIONS, workflow("Actions").replace("push, ", ""))
            .file(POLICY, "actions_workflows: true\n"),
    )
    .await;
    for path in [ACTIONS, CI] {
        served
            .on_github(|github| github.dispatch_workflow(REPO, path, "main", &[], "ann"))
            .await;
    }
    insta::assert_snapshot!(served.checks(2).await, @"
    Actions / a: success
    Mill / a: success
    ");
    served.finish().await;
}
