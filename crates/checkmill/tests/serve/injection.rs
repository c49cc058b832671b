//! Text that outsiders choose is data, wherever a workflow puts it.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{NewCommit, NewPullRequest, NewRepository};

const WORKFLOW: &str = r#"
name: CI
on: pull_request
env:
  TITLE: ${{ github.event.pull_request.title }}
jobs:
  careless:
    runs-on: linux
    steps:
      - name: Branch
        run: echo ${{ github.head_ref }} > {desk}/branch
      - name: Quoted
        run: echo "${{ github.event.pull_request.title }}" > {desk}/title
      - name: Single quotes
        run: echo '${{ github.event.pull_request.title }}' > {desk}/single
      - name: Through env
        run: echo "${{ env.TITLE }}" > {desk}/env
      - name: In a command substitution
        run: echo "$(printf '%s' "${{ github.head_ref }}")" > {desk}/substituted
"#;

#[tokio::test]
async fn a_hostile_branch_and_title_do_not_execute() {
    let served = Served::start(NewRepository::new(REPO).file(CI, "on: push\n")).await;
    let hole = served.desk().join("hole");
    // git takes no blanks in a branch's name.
    let branch = format!(
        "x\";touch${{IFS}}{0};`touch${{IFS}}{0}`$(touch${{IFS}}{0})'",
        hole.display()
    );
    let title = format!(
        "\"; touch {0}; $(touch {0}) `touch {0}` '; touch {0}; '",
        hole.display()
    );
    served
        .on_github(|github| {
            let commit = NewCommit::new("Improve").write(CI, served.workflow(WORKFLOW));
            github.push(REPO, &branch, commit)?;
            github.open_pull_request(NewPullRequest::new(REPO, &branch).title(&title))
        })
        .await;
    insta::assert_snapshot!(served.checks(1).await, @"CI / careless: success");
    for (mark, expected) in [
        ("branch", &branch),
        ("title", &title),
        ("single", &title),
        ("env", &title),
        ("substituted", &branch),
    ] {
        assert_eq!(served.mark(mark).await, *expected, "{mark}");
    }
    assert!(!hole.exists(), "the text of an outsider was executed");
    served.finish().await;
}
