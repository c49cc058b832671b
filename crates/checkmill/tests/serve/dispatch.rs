//! "Run workflow", with inputs.

use crate::conversation::{CI, REPO};
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::NewRepository;

const WORKFLOW: &str = r#"
name: Deploy
on:
  workflow_dispatch:
    inputs:
      where:
        type: choice
        options: [staging, production]
        default: staging
      dry:
        type: boolean
        default: true
      copies:
        type: number
        required: true
      note:
        type: string
jobs:
  deploy:
    runs-on: linux
    steps:
      - if: ${{ !inputs.dry }}
        env:
          INPUTS: ${{ toJSON(inputs) }}
        run: echo "${INPUTS//$'\n'/}" > {desk}/inputs
      - if: ${{ inputs.copies == 3 }}
        run: echo three > {desk}/three
"#;

async fn dispatch(served: &Served, inputs: &[(&str, &str)]) {
    served
        .on_github(|github| github.dispatch_workflow(REPO, CI, "main", inputs, "ann"))
        .await;
}

#[tokio::test]
async fn inputs_come_in_their_types() {
    let served = Served::start(NewRepository::new(REPO)).await;
    served.push_workflow(WORKFLOW).await;
    dispatch(
        &served,
        &[("dry", "false"), ("copies", "3"), ("note", "it's \"fine\" $HOME")],
    )
    .await;
    insta::assert_snapshot!(served.checks(1).await, @"Deploy / deploy: success");
    insta::assert_snapshot!(served.mark("inputs").await, @r#"
    {  "copies": 3,  "dry": false,  "note": "it's \"fine\" $HOME",  "where": "staging"}
    "#);
    assert_eq!(served.mark_now("three").as_deref(), Some("three"));
    served.finish().await;
}

/// GitHub looks at the inputs when it is asked; the file may be another one by the time that Checkmill reads it.
#[tokio::test]
async fn inputs_that_fit_no_longer_fail_with_the_place_of_their_declaration() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let before = WORKFLOW
        .replace("type: choice", "type: string")
        .replace("        options: [staging, production]\n", "")
        .replace("required: true", "default: 1")
        .replace("      note:", "      nots:");
    served.push_workflow(&before).await;
    let inputs = [("where", "prodution"), ("nots", "x")];
    served
        .github
        .dispatch_workflow(REPO, CI, "main", &inputs, "ann")
        .unwrap();
    let dispatched = served.github.take_webhooks();
    served.push_workflow(WORKFLOW).await;
    served.deliver(&dispatched).await;
    insta::assert_snapshot!(page(&served.completed(CI).await), @r"
    .checkmill/workflows/ci.yml: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:4:3: the input \`nots\` was given, which the workflow does not declare

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:4:3: the input `nots` was given, which the workflow does not declare
    4 |   workflow_dispatch:
      |   ^^^^^^^^^^^^^^^^^
      = help: did you mean `note`?

    .checkmill/workflows/ci.yml:6:7: the input `where` must be one of `staging`, `production`, not `prodution`
    6 |       where:
      |       ^^^^^

    .checkmill/workflows/ci.yml:13:7: the input `copies` is required and was not given
    13 |       copies:
       |       ^^^^^^
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:4:3: failure: the input `nots` was given, which the workflow does not declare
    did you mean `note`?
    .checkmill/workflows/ci.yml:6:7: failure: the input `where` must be one of `staging`, `production`, not `prodution`
    .checkmill/workflows/ci.yml:13:7: failure: the input `copies` is required and was not given
    ");
    assert_eq!(served.mark_now("inputs"), None);
    served.finish().await;
}
