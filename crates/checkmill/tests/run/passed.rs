//! `--pass-env`: which variables of the machine jobs see.

use crate::program::Project;

const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  show:
    runs-on: linux
    steps:
      - run: echo "${MILL_A-none} ${MILL_B-none} ${MILL_C-none}" > {desk}/seen
"#;

#[tokio::test]
async fn jobs_see_the_variables_that_are_named() {
    let project = Project::with_workflow(WORKFLOW);
    let set = [("MILL_A", "a"), ("MILL_B", "b"), ("MILL_C", "c")];
    let seen = async |variables: &[(&str, &str)], args: &[&str]| {
        let variables = [&set, variables].concat();
        let ended = project
            .checkmill_with(&variables, &[&["run", "."], args].concat())
            .await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        project.mark("seen").unwrap()
    };
    assert_eq!(seen(&[], &[]).await, "none none none");
    let named = ["--pass-env", "MILL_A", "--pass-env", "MILL_C"];
    assert_eq!(seen(&[], &named).await, "a none c");
    let list = [("CHECKMILL_PASS_ENV", "MILL_B,MILL_C")];
    assert_eq!(seen(&list, &[]).await, "none b c");
    assert_eq!(seen(&[("CHECKMILL_PASS_ENV", "")], &[]).await, "none none none");
}

#[tokio::test]
async fn a_setting_of_checkmill_is_refused() {
    let project = Project::with_workflow(WORKFLOW);
    let ended = project.run(&["--pass-env", "GH_PRIVATE_KEY"]).await;
    insta::assert_snapshot!(ended.refusal(&project), @"
    2: error: invalid value 'GH_PRIVATE_KEY' for '--pass-env <NAME>': it is a setting of Checkmill, which no job may see

    For more information, try '--help'.
    ");
}
