//! What earlier attempts teach, as people see it: retries that nobody asks for, failures that come back, and who fixed them.

use crate::conversation::{CI, REPO};
use crate::served::Served;
use checkmill_testkit::{CheckRun, NewCommit, NewRepository, Role};

/// Fails as long as the desk does not allow it.
const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - name: Try
        run: |
          echo "attempt $GITHUB_RUN_ATTEMPT of $GITHUB_SHA" >> {desk}/ran
          if test -e {desk}/sometimes -a "$GITHUB_RUN_ATTEMPT" = 2; then exit 0; fi
          if test -e {desk}/repaired; then exit 0; fi
          echo "error: $RANDOM of $RANDOM tests failed"
          exit 1
"#;

fn repository() -> NewRepository {
    NewRepository::new(REPO).collaborator("ann", Role::Write)
}

/// The lines of the check's summary that speak of other attempts, without what differs from run to run.
fn notes(check: &CheckRun) -> String {
    let date = regex_lite::Regex::new(r"\d{4}-\d\d-\d\d").unwrap();
    let commit = regex_lite::Regex::new(r"\[`[0-9a-f]{7}`\]\(http[^)]*/commit/([0-9a-f]{40})\)").unwrap();
    let output = format!(
        "{}\n{}",
        check.output.title.clone().unwrap_or_default(),
        check.output.summary.clone().unwrap_or_default()
    );
    let telling = ["etried", "same way", "usual", "cache"];
    let lines = output
        .lines()
        .filter(|line| telling.iter().any(|word| line.contains(word)));
    let lines = lines.map(|line| {
        commit
            .replace_all(&date.replace_all(line, "DATE"), "SHA")
            .into_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn change(served: &Served, n: u32) -> String {
    let commit = NewCommit::new("Change").write("change", n.to_string());
    served.push(commit).await.to_string()
}

#[tokio::test]
async fn a_flaky_job_is_retried_once_and_ends_green() {
    let served = Served::start(repository()).await;
    served.allow("sometimes");
    // The first time nobody knows: it stays red until somebody asks for another try.
    served.push_workflow(WORKFLOW).await;
    let first = served.completed("CI / test").await;
    assert_eq!(
        (first.line().as_str(), notes(&first).as_str()),
        ("CI / test: failure", "")
    );
    let again = served.rerun(&first, "ann").await;
    assert_eq!(again.line(), "CI / test: success");

    // From then on it is known.
    change(&served, 1).await;
    served.checks(4).await;
    let mut checks = served.github.check_runs(REPO).unwrap();
    checks.sort_by_key(|check| check.id);
    let [_, _, failed, passed] = &checks[..] else {
        panic!("{checks:#?}")
    };
    assert_eq!(
        (failed.line(), passed.line()),
        ("CI / test: failure".to_owned(), "CI / test: success".to_owned())
    );
    assert_eq!(failed.external_id, passed.external_id, "the same job");
    insta::assert_snapshot!(notes(failed), @r#"
    Step "Try" failed with exit code 1; retried as attempt 2
    **Retried as attempt 2**: this failure has come and gone on the same commit before. `retry` in `.checkmill/config.yml` sets how often.
    It failed the same way 2 times since DATE.
    "#);
    insta::assert_snapshot!(notes(passed), @"Retried automatically before this attempt: 1 × flaky failure.");
    served.concluded(3).await;
    served.finish().await;
}

#[tokio::test]
async fn a_failure_that_comes_back_says_so_and_who_fixed_it() {
    let served = Served::start(repository()).await;
    served.push_workflow(WORKFLOW).await;
    let first = served.completed("CI / test").await;
    served.allow("repaired");
    let fix = change(&served, 1).await;
    let fixed = served.after(&first).await;
    assert_eq!(
        (fixed.line().as_str(), notes(&fixed).as_str()),
        ("CI / test: success", "")
    );
    std::fs::remove_file(served.desk().join("repaired")).unwrap();
    change(&served, 2).await;
    let back = served.after(&fixed).await;
    assert_eq!(back.line(), "CI / test: failure");
    insta::assert_snapshot!(notes(&back), @"It failed the same way 2 times since DATE, last fixed by SHA.");
    let summary = back.output.summary.clone().unwrap_or_default();
    assert!(summary.contains(&format!("/commit/{fix})")), "{summary}");
    served.concluded(3).await;
    served.finish().await;
}

#[tokio::test]
async fn an_infrastructure_failure_is_retried_as_often_as_the_policy_says() {
    let workflow = WORKFLOW.replace(
        "error: $RANDOM of $RANDOM tests failed",
        "curl: (6) Could not resolve host: crates.io",
    );
    let served = Served::start(repository()).await;
    let commit = NewCommit::new("Add CI")
        .write(CI, served.workflow(&workflow))
        .write(".checkmill/config.yml", "retry: {infrastructure: 2}\n");
    served.push(commit).await;
    insta::assert_snapshot!(served.checks(3).await, @"
    CI / test: failure
    CI / test: failure
    CI / test: failure
    ");
    let last = served.completed("CI / test").await;
    insta::assert_snapshot!(notes(&last), @"
    Retried automatically before this attempt: 2 × infrastructure failure.
    It failed the same way 3 times since DATE.
    ");
    let ran = served.mark("ran").await;
    assert_eq!(ran.lines().count(), 3);
    served.concluded(1).await;
    served.finish().await;
}
