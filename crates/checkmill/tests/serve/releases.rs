//! Releases: the workflow files of the tag's commit, and the tag checked out.

use crate::conversation::REPO;
use crate::served::Served;
use checkmill_testkit::NewRepository;

const WORKFLOW: &str = r#"
name: Publish
on:
  release:
    types: [published]
jobs:
  upload:
    if: "!github.event.release.prerelease"
    runs-on: linux
    steps:
      - run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_REF_TYPE $GITHUB_SHA" > {desk}/ran
          echo "${{ github.event.release.tag_name }} ${{ github.event.release.body }}" >> {desk}/ran
"#;

#[tokio::test]
async fn a_published_release_runs_at_its_tag() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let tagged = served.push_workflow(WORKFLOW).await;
    served
        .on_github(|github| github.push_tags(REPO, &["v1"], &tagged, "ann"))
        .await;
    served
        .push(checkmill_testkit::NewCommit::new("Go on").write("next", "x"))
        .await;
    served
        .on_github(|github| github.publish_release(REPO, "v1", "Fast $(id)", "ann"))
        .await;
    insta::assert_snapshot!(served.checks(1).await, @"Publish / upload: success");
    let ran = served.mark("ran").await.replace(tagged.as_str(), "SHA");
    insta::assert_snapshot!(ran, @"
    release refs/tags/v1 tag SHA
    v1 Fast $(id)
    ");
    served.finish().await;
}
