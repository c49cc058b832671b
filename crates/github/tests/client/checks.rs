//! Check runs.

use crate::support::{APP, Reply, SHA, Seen, ok, repo, sha, status, world};
use checkmill_core::event::ButtonAction;
use checkmill_core::{CheckRunId, Conclusion, UnixMillis, limits};
use checkmill_github::forge::{
    Annotation, AnnotationLevel, CheckState, CheckStatus, Forge, ForgeError, NewCheck,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const JOB: &str = "0123456789abcdef-01234567";
const ID: CheckRunId = CheckRunId(9);

fn annotation(n: u32) -> Annotation {
    Annotation {
        path: "src/lib.rs".to_owned(),
        start_line: n,
        end_line: n,
        start_column: None,
        end_column: None,
        level: AnnotationLevel::Failure,
        title: None,
        message: format!("m{n}"),
    }
}

fn state(annotations: u32) -> CheckState {
    CheckState {
        status: CheckStatus::Completed {
            conclusion: Conclusion::Failure,
            started_at: Some(UnixMillis(1_700_000_000_000)),
            completed_at: UnixMillis(1_700_000_060_000),
        },
        title: "Failed".to_owned(),
        summary: "**Failed**".to_owned(),
        text: Some("log".to_owned()),
        annotations: (1..=annotations).map(annotation).collect(),
        details_url: Some("https://ci.example/1".to_owned()),
        buttons: Vec::new(),
    }
}

fn new(state: CheckState) -> NewCheck {
    NewCheck {
        name: "CI / test (a, b)".to_owned(),
        sha: sha(),
        job: JOB.parse().unwrap(),
        state,
    }
}

/// A check run that takes annotations as GitHub does.
fn server(there: usize) -> impl Fn(&Seen) -> Reply {
    let count = AtomicUsize::new(there);
    move |seen: &Seen| {
        let sent = seen.body["output"]["annotations"].as_array().map_or(0, Vec::len);
        assert!(sent <= limits::ANNOTATIONS_PER_REQUEST);
        let count = count.fetch_add(sent, Ordering::SeqCst) + sent;
        ok(json!({"id": 9, "output": {"annotations_count": count}}))
    }
}

fn pages(calls: &[Seen]) -> Vec<(String, usize)> {
    let of = |seen: &Seen| seen.body["output"]["annotations"].as_array().map_or(0, Vec::len);
    calls
        .iter()
        .map(|seen| (seen.method.to_string(), of(seen)))
        .collect()
}

fn page(method: &str, annotations: usize) -> (String, usize) {
    (method.to_owned(), annotations)
}

#[tokio::test]
async fn what_a_new_check_sends() {
    let world = world(server(0)).await;
    let queued = CheckState {
        status: CheckStatus::Queued,
        text: None,
        buttons: vec![ButtonAction::Cancel],
        ..state(0)
    };
    assert_eq!(world.github.create_check(&repo(), &new(queued)).await, Ok(ID));
    let calls = world.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line(), "POST /repos/o/r/check-runs");
    insta::assert_snapshot!(serde_json::to_string_pretty(&calls[0].body).unwrap(), @r#"
    {
      "actions": [
        {
          "description": "Stop this job",
          "identifier": "cancel",
          "label": "Cancel"
        }
      ],
      "details_url": "https://ci.example/1",
      "external_id": "0123456789abcdef-01234567",
      "head_sha": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
      "name": "CI / test (a, b)",
      "output": {
        "summary": "**Failed**",
        "title": "Failed"
      },
      "status": "queued"
    }
    "#);
}

#[tokio::test]
async fn what_a_completed_check_sends() {
    let world = world(server(0)).await;
    let mut state = state(2);
    state.annotations[0].start_column = Some(3);
    state.annotations[0].title = Some("clippy\n(x)".to_owned());
    state.annotations[1] = Annotation {
        path: String::new(),
        start_line: 0,
        end_line: 0,
        start_column: Some(0),
        level: AnnotationLevel::Notice,
        message: " ".to_owned(),
        ..annotation(1)
    };
    world.github.update_check(&repo(), ID, &state).await.unwrap();
    let calls = world.calls();
    assert_eq!(calls[1].line(), "PATCH /repos/o/r/check-runs/9");
    insta::assert_snapshot!(serde_json::to_string_pretty(&calls[1].body).unwrap(), @r#"
    {
      "actions": [],
      "completed_at": "2023-11-14T22:14:20Z",
      "conclusion": "failure",
      "details_url": "https://ci.example/1",
      "output": {
        "annotations": [
          {
            "annotation_level": "failure",
            "end_column": 3,
            "end_line": 1,
            "message": "m1",
            "path": "src/lib.rs",
            "start_column": 3,
            "start_line": 1,
            "title": "clippy (x)"
          },
          {
            "annotation_level": "notice",
            "end_line": 1,
            "message": "notice",
            "path": ".github",
            "start_line": 1
          }
        ],
        "summary": "**Failed**",
        "text": "log",
        "title": "Failed"
      },
      "started_at": "2023-11-14T22:13:20Z",
      "status": "completed"
    }
    "#);
}

#[tokio::test]
async fn annotations_go_in_pages_of_fifty() {
    let world = world(server(0)).await;
    world
        .github
        .create_check(&repo(), &new(state(120)))
        .await
        .unwrap();
    assert_eq!(
        pages(&world.calls()),
        [page("POST", 50), page("PATCH", 50), page("PATCH", 20)]
    );
}

#[tokio::test]
async fn an_update_asks_how_many_annotations_are_there_and_goes_on_from_them() {
    let table = [
        (
            0,
            vec![
                page("GET", 0),
                page("PATCH", 50),
                page("PATCH", 50),
                page("PATCH", 20),
            ],
        ),
        (50, vec![page("GET", 0), page("PATCH", 50), page("PATCH", 20)]),
        (120, vec![page("GET", 0), page("PATCH", 0)]),
        (500, vec![page("GET", 0), page("PATCH", 0)]),
    ];
    for (there, expected) in table {
        let world = world(server(there)).await;
        world.github.update_check(&repo(), ID, &state(120)).await.unwrap();
        assert_eq!(pages(&world.calls()), expected, "{there}");
    }
}

/// The page arrived, its answer did not. The second update continues after it: nothing is shown twice.
#[tokio::test]
async fn a_page_whose_answer_is_lost_is_not_sent_twice() {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, taken) = (Arc::clone(&count), server(0));
    let world = world(move |seen: &Seen| {
        let reply = taken(seen);
        let sent = seen.body["output"]["annotations"].as_array().map_or(0, Vec::len);
        counted.fetch_add(sent, Ordering::SeqCst);
        if sent == 50 && counted.load(Ordering::SeqCst) == 100 {
            Reply::BreakOff
        } else {
            reply
        }
    })
    .await;
    let first = world.github.update_check(&repo(), ID, &state(120)).await;
    assert!(matches!(first, Err(ForgeError::Transient(_))), "{first:?}");
    world.github.update_check(&repo(), ID, &state(120)).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 120);
    assert_eq!(
        pages(&world.calls()),
        [
            page("GET", 0),
            page("PATCH", 50),
            page("PATCH", 50),
            page("GET", 0),
            page("PATCH", 20)
        ]
    );
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent() {
    let world = world(server(0)).await;
    world.github.create_check(&repo(), &new(state(0))).await.unwrap();
    world.github.update_check(&repo(), ID, &state(0)).await.unwrap();
    assert_eq!(world.lines().len(), 1, "the same as at its creation");
    let other = CheckState {
        title: "Other".to_owned(),
        ..state(0)
    };
    for _ in 0..3 {
        world.github.update_check(&repo(), ID, &other).await.unwrap();
    }
    world
        .github
        .update_check(&repo(), CheckRunId(10), &other)
        .await
        .unwrap();
    assert_eq!(
        world.lines()[1..],
        ["PATCH /repos/o/r/check-runs/9", "PATCH /repos/o/r/check-runs/10"]
    );
}

#[tokio::test]
async fn what_failed_is_sent_again() {
    let world = world(|seen: &Seen| match seen.nth {
        0 => status(422, "Validation Failed"),
        _ => ok(json!({"id": 9})),
    })
    .await;
    assert!(matches!(
        world.github.update_check(&repo(), ID, &state(0)).await,
        Err(ForgeError::Invalid(_))
    ));
    world.github.update_check(&repo(), ID, &state(0)).await.unwrap();
    assert_eq!(world.lines().len(), 2);
}

#[tokio::test]
async fn texts_are_cut_and_never_empty() {
    let world = world(server(0)).await;
    let long = CheckState {
        title: "é".repeat(300),
        summary: "s\n".repeat(100_000),
        text: Some("```\n".repeat(100_001)),
        ..state(0)
    };
    world.github.update_check(&repo(), ID, &long).await.unwrap();
    let empty = CheckState {
        title: String::new(),
        summary: " ".to_owned(),
        text: None,
        ..state(0)
    };
    world.github.update_check(&repo(), ID, &empty).await.unwrap();
    let calls = world.calls();
    let output = |at: usize, name: &str| {
        calls[at].body["output"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(output(0, "title").chars().count() <= limits::CHECK_TITLE_CHARS);
    for name in ["summary", "text"] {
        let text = output(0, name);
        assert!(
            text.len() <= limits::CHECK_TEXT_CHARS && text.contains("characters left out"),
            "{name}"
        );
    }
    assert_eq!(
        (output(1, "title"), output(1, "summary")),
        ("Checkmill".to_owned(), "Checkmill".to_owned())
    );
}

fn run(id: u64, name: &str, external_id: &str, app: u64) -> Value {
    json!({"id": id, "name": name, "external_id": external_id, "app": {"id": app}, "head_sha": SHA})
}

#[tokio::test]
async fn the_newest_check_of_ours_is_found() {
    let name = "CI / test (a, b)";
    let world = world(move |seen: &Seen| {
        let first = seen.target.ends_with("&page=1");
        let runs = if first {
            vec![
                run(5, name, JOB, APP),
                run(30, name, "0123456789abcdef-ffffffff", APP),
                run(31, name, JOB, APP + 1),
            ]
        } else {
            vec![run(7, name, JOB, APP), run(32, "CI / other", JOB, APP)]
        };
        let link = if first {
            "<http://x>; rel=\"next\""
        } else {
            "<http://x>; rel=\"prev\""
        };
        Reply::Json(
            200,
            vec![("link", link.to_owned())],
            json!({"total_count": 5, "check_runs": runs}),
        )
    })
    .await;
    let find = async |after: Option<u64>| {
        let job = JOB.parse().unwrap();
        world
            .github
            .find_check(&repo(), &sha(), name, &job, after.map(CheckRunId))
            .await
            .unwrap()
    };
    assert_eq!(find(None).await, Some(CheckRunId(7)));
    assert_eq!(find(Some(5)).await, Some(CheckRunId(7)));
    assert_eq!(find(Some(7)).await, None);
    assert_eq!(
        world.lines()[0],
        format!(
            "GET /repos/o/r/commits/{SHA}/check-runs?check_name=CI%20%2F%20test%20%28a%2C%20b%29&filter=all&per_page=100&page=1"
        )
    );
}
