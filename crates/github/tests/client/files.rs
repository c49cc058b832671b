//! The files that planning needs.

use crate::support::{Reply, SHA, Seen, ok, repo, sha, status, world};
use checkmill_core::limits;
use checkmill_github::forge::{
    Beside, BranchFiles, Forge, ForgeError, PlanningFiles, SourceContent, SourceFile,
};
use serde_json::{Value, json};

const DIR: &str = ".checkmill/workflows";
const POLICY: &str = ".checkmill/config.yml";

async fn files(world: &crate::support::World) -> Result<PlanningFiles, ForgeError> {
    world
        .github
        .planning_files(&repo(), &sha(), &[DIR], POLICY, Beside::Nothing)
        .await
}

fn blob(name: &str, text: &str) -> Value {
    json!({"name": name, "type": "blob", "object": {"text": text, "byteSize": text.len(), "isBinary": false, "isTruncated": false}})
}

fn answer(entries: Vec<Value>) -> Reply {
    ok(
        json!({"data": {"repository": {"policy": null, "commit": {"message": "Fix"}, "d0": {"entries": entries}}}}),
    )
}

fn text(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: format!("{DIR}/{path}"),
        content: SourceContent::Text(text.to_owned()),
    }
}

#[tokio::test]
async fn one_request_reads_everything() {
    let world = world(|_: &Seen| {
        answer(vec![
            blob("b.yml", "on: push"),
            blob("a.yaml", "on: x"),
            blob("c.md", "no"),
        ])
    })
    .await;
    let found = files(&world).await.unwrap();
    assert_eq!(
        found.workflows,
        [text("a.yaml", "on: x"), text("b.yml", "on: push")]
    );
    assert_eq!(
        (found.message.as_str(), found.policy, found.left_out),
        ("Fix", None, Vec::new())
    );
    let calls = world.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].line(), "POST /graphql");
    assert!(
        calls[0].body["query"]
            .as_str()
            .unwrap()
            .starts_with("query PlanningFiles(")
    );
    assert_eq!(calls[0].body["variables"]["d0"], format!("{SHA}:{DIR}"));
    assert_eq!(calls[0].body["variables"]["policy"], format!("HEAD:{POLICY}"));
}

#[tokio::test]
async fn a_file_that_graphql_cuts_is_read_by_itself() {
    let world = world(|seen: &Seen| {
        if seen.method == "POST" {
            let cut = |name: &str| {
                json!({"name": name, "type": "blob", "object": {"text": "x", "byteSize": 600_000, "isBinary": false, "isTruncated": true}})
            };
            answer(vec![cut("a.yml"), cut("b.yml"), cut("c.yml")])
        } else if seen.target.contains("a.yml") {
            Reply::Bytes(200, b"whole".to_vec())
        } else if seen.target.contains("b.yml") {
            Reply::Bytes(200, vec![0xff, 0xfe])
        } else {
            Reply::Bytes(200, vec![b'x'; limits::WORKFLOW_FILE_BYTES + 1])
        }
    })
    .await;
    let found = files(&world).await.unwrap();
    let content: Vec<_> = found.workflows.into_iter().map(|file| file.content).collect();
    assert_eq!(
        content,
        [
            SourceContent::Text("whole".to_owned()),
            SourceContent::Binary,
            SourceContent::TooLarge(limits::WORKFLOW_FILE_BYTES as u64 + 1),
        ]
    );
    let raw = &world.calls()[1];
    assert_eq!(
        raw.line(),
        format!("GET /repos/o/r/contents/{DIR}/a.yml?ref={SHA}")
    );
    assert_eq!(raw.headers["accept"], "application/vnd.github.raw+json");
}

#[tokio::test]
async fn files_past_the_limit_are_counted() {
    let world = world(|_: &Seen| {
        answer(
            (0..130)
                .map(|n| blob(&format!("{n:03}.yml"), "on: push"))
                .collect(),
        )
    })
    .await;
    let found = files(&world).await.unwrap();
    assert_eq!(
        (found.workflows.len(), found.left_out.len()),
        (limits::WORKFLOW_FILES, 30)
    );
    assert_eq!(found.workflows[99].path, format!("{DIR}/099.yml"));
}

#[tokio::test]
async fn a_commit_that_is_not_known_yet_is_asked_for_once_more() {
    let unknown = || ok(json!({"data": {"repository": {"policy": null, "commit": null, "d0": null}}}));
    let world_then = world(move |seen: &Seen| if seen.nth == 0 { unknown() } else { answer(vec![]) }).await;
    assert!(files(&world_then).await.is_ok());
    assert_eq!(world_then.slept(), [2000]);

    let never = world(move |_: &Seen| unknown()).await;
    assert_eq!(
        files(&never).await.unwrap_err().to_string(),
        "GitHub does not know commit 6113728 in o/r, or the App may not see it"
    );
    assert_eq!(never.lines().len(), 2);
}

#[tokio::test]
async fn errors_of_graphql() {
    let world = world(|_: &Seen| {
        ok(json!({"data": {"repository": null}, "errors": [{"type": "NOT_FOUND", "path": ["repository"], "message": "Could not resolve to a Repository"}]}))
    })
    .await;
    assert!(matches!(files(&world).await, Err(ForgeError::NotFound(_))));
}

/// GitHub by REST only, as an emulator has it.
fn rest(seen: &Seen) -> Reply {
    let listing = json!([
        {"name": "b.yml", "path": format!("{DIR}/b.yml"), "type": "file", "size": 5},
        {"name": "a.yml", "path": format!("{DIR}/a.yml"), "type": "file", "size": 5},
        {"name": "huge.yml", "path": format!("{DIR}/huge.yml"), "type": "file", "size": 2_000_000},
        {"name": "x.md", "path": format!("{DIR}/x.md"), "type": "file", "size": 5},
        {"name": "sub.yml", "path": format!("{DIR}/sub.yml"), "type": "dir", "size": 0},
    ]);
    match seen.target.strip_prefix("/repos/o/r/") {
        Some(path) if path == format!("commits/{SHA}") => {
            ok(json!({"sha": SHA, "commit": {"message": "Fix"}}))
        }
        Some(path) if path == format!("contents/{DIR}?ref={SHA}") => ok(listing),
        Some(path) if path == format!("contents/{DIR}/a.yml?ref={SHA}") => {
            Reply::Bytes(200, b"on: a".to_vec())
        }
        Some(path) if path == format!("contents/{DIR}/b.yml?ref={SHA}") => {
            Reply::Bytes(200, b"on: b".to_vec())
        }
        Some(path) if path == format!("contents/{POLICY}") => Reply::Bytes(200, b"forks: never".to_vec()),
        _ => status(404, "Not Found"),
    }
}

#[tokio::test]
async fn without_graphql_the_files_are_read_one_by_one() {
    let world = world(rest).await;
    for _ in 0..2 {
        let found = files(&world).await.unwrap();
        let huge = SourceFile {
            path: format!("{DIR}/huge.yml"),
            content: SourceContent::TooLarge(2_000_000),
        };
        assert_eq!(
            found.workflows,
            [text("a.yml", "on: a"), text("b.yml", "on: b"), huge]
        );
        assert_eq!(
            found.policy.unwrap().content,
            SourceContent::Text("forks: never".to_owned())
        );
        assert_eq!(found.message, "Fix");
    }
    let asked = world
        .lines()
        .iter()
        .filter(|line| *line == "POST /graphql")
        .count();
    assert_eq!(asked, 1, "once is enough to know");
}

/// A pull request's planning: the default branch's files besides, with and without GraphQL.
#[tokio::test]
async fn the_default_branchs_files_come_along_where_they_are_asked_for() {
    const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";
    let head = BranchFiles {
        sha: HEAD.parse().unwrap(),
        workflows: vec![text("a.yml", "on: main")],
        left_out: Vec::new(),
    };
    let graphql = world(|_: &Seen| {
        ok(json!({"data": {"repository": {
            "policy": null, "commit": {"message": "Fix"}, "head": {"oid": HEAD},
            "d0": {"entries": [blob("a.yml", "on: pull")]}, "h0": {"entries": [blob("a.yml", "on: main"), blob("x.md", "")]},
        }}}))
    })
    .await;
    let rest = world(|seen: &Seen| match seen.target.strip_prefix("/repos/o/r/") {
        Some("commits/HEAD") => ok(json!({"sha": HEAD, "commit": {"message": "Main"}})),
        Some(path) if path == format!("contents/{DIR}?ref={HEAD}") => {
            ok(json!([{"name": "a.yml", "path": format!("{DIR}/a.yml"), "type": "file", "size": 5}]))
        }
        Some(path) if path == format!("contents/{DIR}/a.yml?ref={HEAD}") => {
            Reply::Bytes(200, b"on: main".to_vec())
        }
        _ => rest(seen),
    })
    .await;
    for (world, requests) in [(&graphql, 1), (&rest, 9)] {
        let (repo, sha) = (repo(), sha());
        let asked = world
            .github
            .planning_files(&repo, &sha, &[DIR], POLICY, Beside::DefaultBranch);
        let found = asked.await.unwrap();
        assert_eq!(found.default_branch.as_ref(), Some(&head));
        assert_eq!(found.message, "Fix");
        assert_eq!(world.lines().len(), requests, "{:?}", world.lines());
    }
}

#[tokio::test]
async fn by_rest_too_nothing_there_is_nothing() {
    let empty = world(|seen: &Seen| {
        if seen.target.contains("/commits/") {
            rest(seen)
        } else {
            status(404, "Not Found")
        }
    })
    .await;
    let found = files(&empty).await.unwrap();
    assert_eq!(
        found,
        PlanningFiles {
            message: "Fix".to_owned(),
            ..PlanningFiles::default()
        }
    );

    let gone = world(|_: &Seen| status(404, "Not Found")).await;
    assert!(matches!(files(&gone).await, Err(ForgeError::NotFound(what)) if what.contains("6113728")));
}
