//! `checkmill stats`: what runs with the same `--data` leave behind.

use crate::program::{Project, without_times};

const WORKFLOW: &str = "
name: CI
on: push
jobs:
  sure:
    runs-on: linux
    steps:
      - run: echo sure
  broken:
    runs-on: linux
    steps:
      - name: Test
        run: |
          echo \"error: $RANDOM tests failed\"
          exit 3
";

#[tokio::test]
async fn what_earlier_runs_did_is_shown() {
    let project = Project::with_workflow(WORKFLOW);
    let data = project.desk().join("data");
    let data = data.to_str().unwrap();
    for _ in 0..2 {
        assert_eq!(project.run(&["--data", data]).await.code, Some(1));
    }
    let shown = project.checkmill(&["stats", "--data", data]).await;
    let plots = regex_lite::Regex::new("[▁▂▃▄▅▆▇█]+$| +$").unwrap();
    let text = without_times(&shown.stdout);
    let text: Vec<_> = text
        .lines()
        .map(|line| plots.replace_all(line, "").trim_end().to_owned())
        .collect();
    insta::assert_snapshot!(text.join("\n"), @"
    local/project
     JOB          ATTEMPTS  FAILED              FLAKY  QUEUED  HALF   MOST   DURATIONS
     CI / broken  2         100%    ██████████  0%
     CI / sure    2         0%                  0%

    Of the last 2 attempts at most. HALF and MOST: half and nine of ten that pass take at most this long.
    ");
    let flaky = project.checkmill(&["stats", "--data", data, "--flaky"]).await;
    insta::assert_snapshot!(flaky.stdout, @"No job is known to have failed and then passed on the same commit.");

    let other = project
        .checkmill(&["stats", "octocat/nothing", "--data", data])
        .await;
    insta::assert_snapshot!(other.refusal(&project), @"2: checkmill: No job of octocat/nothing has run here; 2 jobs of other repositories have.");
    let json = project
        .checkmill(&["stats", "octocat/nothing", "--data", data, "--json"])
        .await;
    assert_eq!((json.code, json.stdout.as_str()), (Some(0), "[]\n"));
    let json = project.checkmill(&["stats", "--data", data, "--json"]).await;
    let jobs: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(jobs[0]["name"], "CI / broken");
    assert_eq!(jobs[0]["failures"][0]["line"], "error: N tests failed");
    assert_eq!(
        (&jobs[0]["failures"][0]["times"], &jobs[0]["attempts"]),
        (&2.into(), &2.into())
    );
}

#[tokio::test]
async fn without_a_store_it_says_what_to_do() {
    let project = Project::new(&[]);
    let nowhere = project.checkmill(&["stats", "--data", "."]).await;
    insta::assert_snapshot!(nowhere.refusal(&project), @"2: checkmill: . is no data directory: it has no store.db. `checkmill serve --data DIR` and `checkmill run --data DIR` make one.");
    let unsaid = project.checkmill(&["stats"]).await;
    insta::assert_snapshot!(unsaid.refusal(&project), @"2: checkmill: Say where: --data DIR for the data directory of `serve` or `run`, --table NAME for a DynamoDB table on AWS.");
}
