//! SARIF 2.1.0 as GitHub's code scanning takes it.
//!
//! Source of the rules: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub docs, "SARIF support
//! for code scanning".

use crate::program::{CI, Project};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every severity, a place behind text that is not ASCII, and a path that no URI may have as it is.
const TEXT: &str = "\
on: push
jobs:
  a:
    name: Prüfen
    runs-on: linux
    steps:
      - run: echo 'ü' ${{ steps.nope.outputs.x }} ${{ github.event.head_commit.message }}
        shel: bash
";

async fn sarif(files: &[(&str, &str)]) -> Value {
    let project = Project::new(files);
    let ended = project.checkmill(&["lint", "--format", "sarif"]).await;
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test]
async fn a_result_for_each_mistake() {
    let log = sarif(&[(".checkmill/workflows/a b.yml", TEXT)]).await;
    let results = serde_json::to_string_pretty(&log["runs"][0]["results"]).unwrap();
    insta::assert_snapshot!(results, @r#"
    [
      {
        "level": "warning",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".checkmill/workflows/a%20b.yml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 47,
                "endLine": 7,
                "startColumn": 27,
                "startLine": 7
              }
            }
          }
        ],
        "message": {
          "text": "The job `a` has no step with the id `nope`."
        },
        "ruleId": "unknown-step",
        "ruleIndex": 9
      },
      {
        "level": "note",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".checkmill/workflows/a%20b.yml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 90,
                "endLine": 7,
                "startColumn": 51,
                "startLine": 7
              }
            }
          }
        ],
        "message": {
          "text": "`github.event.head_commit.message` can be text that an outsider chooses, and stands in a script. Set an `env` variable to it and use that; Checkmill does so, GitHub Actions runs what it holds."
        },
        "ruleId": "untrusted-input",
        "ruleIndex": 18
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": ".checkmill/workflows/a%20b.yml",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 13,
                "endLine": 8,
                "startColumn": 9,
                "startLine": 8
              }
            }
          }
        ],
        "message": {
          "text": "Unknown key `shel` in a step. Did you mean `shell`?"
        },
        "ruleId": "unknown-key",
        "ruleIndex": 1
      }
    ]
    "#);
}

#[tokio::test]
async fn without_a_mistake_results_are_there_and_empty() {
    let text = "on: push\njobs: {a: {runs-on: linux, steps: [{run: make}]}}\n";
    let log = sarif(&[(CI, text)]).await;
    // One left out would mean that the tool did not look.
    assert_eq!(log["runs"][0]["results"], json!([]));
}

/// What code scanning refuses a file without.
#[tokio::test]
async fn it_is_what_code_scanning_demands() {
    let broken_policy = (".checkmill/config.yml", "fork: never\n");
    let log = sarif(&[(CI, TEXT), broken_policy, (".checkmill/workflows/empty.yml", "")]).await;
    assert_eq!(log["version"], "2.1.0");
    assert!(text(&log["$schema"]).contains("sarif-2.1.0"));
    assert_eq!(log["runs"].as_array().unwrap().len(), 1);
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(!text(&driver["name"]).is_empty());
    let ids: Vec<&str> = list(&driver["rules"])
        .iter()
        .map(|rule| text(&rule["id"]))
        .collect();
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        ids.len(),
        "ids are unique"
    );
    for rule in list(&driver["rules"]) {
        assert!(text(&rule["shortDescription"]["text"]).ends_with('.'), "{rule}");
        assert!(is_level(&rule["defaultConfiguration"]["level"]), "{rule}");
    }
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = list(&run["results"]);
    assert!(results.len() >= 5, "{results:?}");
    for result in results {
        judge(result, &ids);
    }
}

fn judge(result: &Value, ids: &[&str]) {
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(ids.get(index), Some(&text(&result["ruleId"])), "{result}");
    assert!(is_level(&result["level"]), "{result}");
    let message = text(&result["message"]["text"]);
    assert!(message.len() > 10 && message.len() < 1000, "{result}");
    let [location] = list(&result["locations"]) else {
        panic!("one place: {result}");
    };
    let place = &location["physicalLocation"];
    let uri = text(&place["artifactLocation"]["uri"]);
    assert!(
        !uri.starts_with('/') && !uri.contains("://") && !uri.contains(' '),
        "{uri} is relative"
    );
    let number = |key: &str| {
        place["region"][key]
            .as_u64()
            .filter(|number| *number > 0)
            .unwrap()
    };
    assert!(number("startLine") <= number("endLine"), "{result}");
    assert!(number("startColumn") < number("endColumn"), "{result}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn is_level(value: &Value) -> bool {
    ["none", "note", "warning", "error"].contains(&text(value))
}
