//! The one comment of a run.

use crate::support::{APP, Reply, Seen, ok, repo, status, world};
use checkmill_github::forge::Forge;
use serde_json::{Value, json};

const MARKER: &str = "<!-- checkmill:run:0123456789abcdef -->";

fn comment(id: u64, body: &str, app: Option<u64>) -> Value {
    json!({"id": id, "body": body, "user": {"type": "User"}, "performed_via_github_app": app.map(|id| json!({"id": id}))})
}

fn server(comments: Vec<Value>) -> impl Fn(&Seen) -> Reply {
    move |seen: &Seen| match (seen.method.as_str(), seen.target.split('?').next().unwrap()) {
        ("GET", "/repos/o/r/issues/4/comments") => ok(json!(comments)),
        ("POST", "/repos/o/r/issues/4/comments") => Reply::Json(201, vec![], json!({"id": 99})),
        ("PATCH", path) => {
            let id: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
            let there = comments.iter().any(|comment| comment["id"] == id);
            if there {
                ok(json!({"id": id}))
            } else {
                status(404, "Not Found")
            }
        }
        other => panic!("{other:?}"),
    }
}

async fn write(comments: Vec<Value>, known: Option<u64>) -> (u64, Vec<String>) {
    let world = world(server(comments)).await;
    let id = world
        .github
        .write_comment(&repo(), 4, known, MARKER, &format!("{MARKER}\nbody"))
        .await
        .unwrap();
    (id, world.lines())
}

#[tokio::test]
async fn the_first_is_written() {
    let (id, lines) = write(vec![comment(1, "nice work", None)], None).await;
    assert_eq!(id, 99);
    assert_eq!(
        lines,
        [
            "GET /repos/o/r/issues/4/comments?per_page=100&page=1",
            "POST /repos/o/r/issues/4/comments"
        ]
    );
}

#[tokio::test]
async fn the_known_one_is_updated() {
    let (id, lines) = write(vec![comment(5, MARKER, Some(APP))], Some(5)).await;
    assert_eq!(
        (id, lines),
        (5, vec!["PATCH /repos/o/r/issues/comments/5".to_owned()])
    );
}

#[tokio::test]
async fn a_lost_one_is_found_by_its_marker() {
    let (id, lines) = write(vec![comment(1, "x", None), comment(5, MARKER, Some(APP))], None).await;
    assert_eq!(id, 5);
    assert_eq!(lines[1], "PATCH /repos/o/r/issues/comments/5");
}

#[tokio::test]
async fn a_deleted_one_is_written_anew() {
    let (id, lines) = write(vec![], Some(5)).await;
    assert_eq!(id, 99);
    assert_eq!(lines.len(), 3);
}

#[tokio::test]
async fn another_persons_copy_of_the_marker_is_left_alone() {
    let others = vec![comment(1, MARKER, None), comment(2, MARKER, Some(APP + 1))];
    assert_eq!(write(others, None).await.0, 99);
}

#[tokio::test]
async fn ours_on_a_later_page_is_found() {
    let world = world(|seen: &Seen| match seen.target.as_str() {
        "/repos/o/r/issues/4/comments?per_page=100&page=1" => Reply::Json(
            200,
            vec![("link", "<http://x>; rel=\"next\"".to_owned())],
            json!([comment(1, "x", None)]),
        ),
        "/repos/o/r/issues/4/comments?per_page=100&page=2" => ok(json!([comment(5, MARKER, Some(APP))])),
        "/repos/o/r/issues/comments/5" => ok(json!({"id": 5})),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(
        world.github.write_comment(&repo(), 4, None, MARKER, "b").await,
        Ok(5)
    );
}

#[tokio::test]
async fn a_very_long_one_is_cut_and_keeps_its_marker() {
    let world = world(server(vec![])).await;
    let body = format!("{MARKER}\n{}", "long line\n".repeat(10_000));
    world
        .github
        .write_comment(&repo(), 4, None, MARKER, &body)
        .await
        .unwrap();
    let sent = world.calls()[1].body["body"].as_str().unwrap().to_owned();
    assert!(sent.len() <= 65_535 && sent.starts_with(MARKER));
}

/// A lost answer: the comment may be there, and the next try finds it.
#[tokio::test]
async fn writing_is_not_repeated_blindly() {
    let world = world(|seen: &Seen| {
        if seen.method == "POST" {
            status(502, "Bad gateway")
        } else {
            ok(json!([]))
        }
    })
    .await;
    assert!(
        world
            .github
            .write_comment(&repo(), 4, None, MARKER, "b")
            .await
            .is_err()
    );
    assert_eq!(world.lines().len(), 2);
}
