//! What the README shows.

use crate::program::Project;
use std::path::Path;

#[tokio::test]
async fn the_readme_shows_the_plan_of_the_example() {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let hello = hello.to_str().unwrap();
    let project = Project::new(&[]);
    let ended = project.checkmill(&["plan", hello, "--event", "push"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (_, plan) = ended.stdout.split_once("\n\n").unwrap();
    assert_eq!(shown("plan"), plan.trim_end());
    let ended = project.checkmill(&["lint", hello]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn the_readme_shows_what_lint_says() {
    let text = "\
name: CI
on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: make
  test:
    needs: biuld
    runs-on: linux
    steps:
      - run: make test
        timeout-minute: 5
";
    let project = Project::new(&[(".checkmill/workflows/ci.yml", text)]);
    let ended = project.checkmill(&["lint"]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(shown("lint"), ended.stdout.trim_end());
}

fn shown(name: &str) -> &'static str {
    let readme = include_str!("../../../../README.md");
    let shown = readme
        .split_once(&format!("<!-- {name} -->\n```\n"))
        .and_then(|(_, rest)| rest.split_once(&format!("\n```\n<!-- /{name} -->")));
    shown.expect("the README has it").0
}
