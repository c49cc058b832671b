//! Jobs that need jobs: results, outputs, conditions.

use crate::conversation::REPO;
use crate::page::{page, verdict};
use crate::served::Served;
use checkmill_testkit::NewRepository;

#[tokio::test]
async fn a_job_reads_the_results_and_outputs_of_those_it_needs() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = r#"
name: CI
on: push
jobs:
  version:
    runs-on: linux
    outputs:
      version: ${{ steps.read.outputs.version }}
    steps:
      - id: read
        run: echo "version=1.2.3" >> "$GITHUB_OUTPUT"
  bad:
    runs-on: linux
    steps:
      - run: exit 3
  skipped:
    needs: bad
    runs-on: linux
    steps:
      - run: echo never
  rescue:
    needs: [bad, version]
    if: failure()
    runs-on: linux
    steps:
      - run: echo rescue
  not-this:
    needs: version
    if: needs.version.outputs.version == '2.0.0'
    runs-on: linux
    steps:
      - run: echo never
  report:
    needs: [version, bad, skipped, not-this]
    if: always()
    runs-on: linux
    steps:
      - env:
          NEEDS: ${{ toJSON(needs) }}
        run: echo "${NEEDS//$'\n'/}" > {desk}/needs
"#;
    served.push_workflow(text).await;
    insta::assert_snapshot!(served.checks(6).await, @"
    CI / bad: failure
    CI / not-this: skipped
    CI / report: success
    CI / rescue: success
    CI / skipped: skipped
    CI / version: success
    ");
    let needs: serde_json::Value = serde_json::from_str(&served.mark("needs").await).unwrap();
    insta::assert_snapshot!(needs.to_string(), @r#"
    {"bad":{"outputs":{},"result":"failure"},"not-this":{"outputs":{},"result":"skipped"},"skipped":{"outputs":{},"result":"skipped"},"version":{"outputs":{"version":"1.2.3"},"result":"success"}}
    "#);
    insta::assert_snapshot!(verdict(&served.completed("CI / skipped").await), @r#"
    CI / skipped: skipped
    Skipped
    **Skipped** (`skipped`): Skipped: it needs \`bad\`, which failed.
    "#);
    insta::assert_snapshot!(page(&served.completed("CI / not-this").await), @r#"
    CI / not-this: skipped
    Skipped

    **Skipped** (`skipped`): Skipped: its \`if: needs.version.outputs.version == '2.0.0'\` is false.

    Queued TIME
    "#);
    served.finish().await;
}

#[tokio::test]
async fn a_condition_that_can_not_be_evaluated_fails_its_job_and_no_other() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "\
name: CI
on: push
jobs:
  list:
    runs-on: linux
    outputs:
      legs: ${{ steps.say.outputs.legs }}
    steps:
      - id: say
        run: echo 'legs=no json' >> \"$GITHUB_OUTPUT\"
  each:
    needs: list
    runs-on: linux
    strategy:
      matrix:
        leg: ${{ fromJSON(needs.list.outputs.legs) }}
    steps:
      - run: echo never
";
    served.push_workflow(text).await;
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / each: failure
    CI / list: success
    ");
    insta::assert_snapshot!(page(&served.completed("CI / each").await), @r"
    CI / each: failure
    Can't run as it is written

    **Not run** (`configuration`): .checkmill/workflows/ci.yml:16:18: \`fromJSON\` was given a text that isn't JSON (line 1, column 2 of it)

    Nothing was run: correct what is said here, and push or start the workflow again.

    ```text
    .checkmill/workflows/ci.yml:16:18: `fromJSON` was given a text that isn't JSON (line 1, column 2 of it)
    16 |         leg: ${{ fromJSON(needs.list.outputs.legs) }}
       |                  ^^^^^^^^
    ```

    Queued TIME

    .checkmill/workflows/ci.yml:16:18: failure: `fromJSON` was given a text that isn't JSON (line 1, column 2 of it)
    ");
    served.finish().await;
}
