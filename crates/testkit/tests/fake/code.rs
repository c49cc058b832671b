//! Files, refs, commits and comparisons.

use crate::bench::{Bench, REPO};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use checkmill_core::{CommitSha, UnixMillis};
use checkmill_testkit::client;
use checkmill_testkit::content::{Commit, CommitParts, FileMode, MemoryContent, RepositoryContent, Tree};
use checkmill_testkit::git_object::Signature;
use checkmill_testkit::{NewCommit, NewRepository, Onto};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test]
async fn files_and_directories() {
    let bench = Bench::new().await;
    let commit = NewCommit::new("More")
        .write("dir/a.txt", "ä\n")
        .write("dir/sub/b.bin", [0, 159, 146, 150])
        .write("big.txt", vec![b'x'; 1024 * 1024 + 1])
        .write_mode("link", "dir/a.txt", FileMode::SymbolicLink);
    bench.fake.push(REPO, "main", commit).unwrap();
    let token = bench.token(json!({})).await;
    let contents = async |path: &str| bench.get(&token, &format!("/repos/{REPO}/contents/{path}")).await;

    let file = contents("dir/a.txt").await.json();
    assert_eq!(file["type"], "file");
    assert_eq!(
        STANDARD
            .decode(file["content"].as_str().unwrap().replace('\n', ""))
            .unwrap(),
        "ä\n".as_bytes()
    );
    assert_eq!(file["size"], 3);
    let listed = contents("dir").await.json();
    let names: Vec<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["type"].as_str().unwrap(), e["path"].as_str().unwrap()))
        .collect();
    assert_eq!(names, ["file dir/a.txt", "dir dir/sub"]);
    assert_eq!(contents("").await.json().as_array().unwrap().len(), 4);
    let big = contents("big.txt").await.json();
    assert_eq!((&big["encoding"], &big["content"]), (&json!("none"), &json!("")));
    assert_eq!(contents("link").await.json()["target"], "dir/a.txt");
    for missing in [
        "nothing",
        "dir/a.txt/x",
        "dir/sub?ref=nobranch",
        &format!("dir?ref={}", bench.sha),
    ] {
        assert_eq!(contents(missing).await.status, 404, "{missing}");
    }
    assert_eq!(
        contents(&format!("README.md?ref={}", bench.sha)).await.status,
        200
    );
    assert_eq!(contents("README.md?ref=refs/heads/main").await.status, 200);

    let url = format!(
        "{}/repos/{REPO}/contents/dir/sub/b.bin?ref=main",
        bench.fake.url()
    );
    let authorization = format!("Bearer {token}");
    let headers = [
        ("user-agent", "bench"),
        ("authorization", authorization.as_str()),
        ("accept", "application/vnd.github.raw+json"),
    ];
    let raw = client::send(Method::GET, &url, &headers, "").await.unwrap();
    assert_eq!(raw.body, [0_u8, 159, 146, 150].as_slice());
}

#[tokio::test]
async fn refs_and_commits() {
    let bench = Bench::new().await;
    let commit = NewCommit::new("Subject\n\nBody")
        .by("ann")
        .write("a", "1\n2\n")
        .delete("README.md");
    let sha = bench.fake.push(REPO, "feature/x", commit).unwrap();
    bench
        .fake
        .update_ref(REPO, "refs/tags/v1", Some(sha.clone()), "ann")
        .unwrap();
    let token = bench.token(json!({})).await;
    let get = async |path: &str| bench.get(&token, &format!("/repos/{REPO}/{path}")).await;
    for (name, expected) in [
        ("heads/main", Some(bench.sha.as_str())),
        ("heads/feature/x", Some(sha.as_str())),
        ("tags/v1", Some(sha.as_str())),
        ("heads/feature", None),
        ("tags/v2", None),
    ] {
        let answer = get(&format!("git/ref/{name}")).await;
        let found = answer.json()["object"]["sha"].as_str().map(str::to_owned);
        assert_eq!(found.as_deref(), expected, "{name}");
        assert_eq!(answer.status, if expected.is_some() { 200 } else { 404 });
    }
    for name in [sha.as_str(), "feature/x", "heads/feature/x", "v1", "refs/tags/v1"] {
        let answer = get(&format!("commits/{name}")).await.json();
        assert_eq!(answer["sha"], sha.as_str(), "{name}");
        assert_eq!(answer["commit"]["message"], "Subject\n\nBody");
        assert_eq!(answer["parents"][0]["sha"], bench.sha);
        assert_eq!(
            answer["stats"],
            json!({ "additions": 2, "deletions": 1, "total": 3 })
        );
        assert_eq!(answer["author"]["login"], "ann");
    }
    assert_eq!(get("commits/nothing").await.status, 422);
}

#[tokio::test]
async fn an_annotated_tag_is_an_object_of_its_own() {
    let bench = Bench::new().await;
    let sha = bench.sha.parse().unwrap();
    bench
        .fake
        .push_annotated_tag(REPO, "v1", &sha, "One", "ann")
        .unwrap();
    let push = bench.fake.take_webhooks()[0].json();
    let tag = push["after"].as_str().unwrap().to_owned();
    assert_ne!(tag, bench.sha);
    assert_eq!(push["head_commit"]["id"], bench.sha);
    let token = bench.token(json!({})).await;
    let get = async |path: &str| bench.get(&token, &format!("/repos/{REPO}/{path}")).await;
    let pointer = get("git/ref/tags/v1").await.json();
    assert_eq!(
        (&pointer["object"]["type"], &pointer["object"]["sha"]),
        (&json!("tag"), &json!(tag))
    );
    let object = get(&format!("git/tags/{tag}")).await.json();
    assert_eq!(
        (&object["tag"], &object["object"]["sha"]),
        (&json!("v1"), &json!(bench.sha))
    );
    assert_eq!(get("commits/v1").await.json()["sha"], bench.sha);
    assert_eq!(get(&format!("git/tags/{}", bench.sha)).await.status, 404);
    let check = json!({ "name": "x", "head_sha": tag });
    let checks = format!("/repos/{REPO}/check-runs");
    assert_eq!(
        bench.request("POST", &checks, &token, check).await.status,
        422,
        "it is no commit"
    );
    let query = "{ repository(owner: \"acme\", name: \"widgets\") {
        tag: object(expression: \"v1\") { __typename oid ... on Tag { name target { oid } } }
        file: object(expression: \"v1:README.md\") { ... on Blob { text } } } }";
    let answer = bench
        .request("POST", "/graphql", &token, json!({ "query": query }))
        .await
        .json();
    let expected = json!({
        "tag": { "__typename": "Tag", "oid": tag, "name": "v1", "target": { "oid": bench.sha } },
        "file": { "text": "Hello\n" },
    });
    assert_eq!(answer["data"]["repository"], expected);
    // Moved, it is a plain tag.
    let other = bench
        .fake
        .push(REPO, "main", NewCommit::new("x").write("x", "y"))
        .unwrap();
    bench
        .fake
        .update_ref(REPO, "refs/tags/v1", Some(other), "ann")
        .unwrap();
    assert_eq!(get("git/ref/tags/v1").await.json()["object"]["type"], "commit");
}

#[tokio::test]
async fn content_is_read_from_elsewhere() {
    /// A repository of two commits, as one on disk would be.
    #[derive(Default)]
    struct Elsewhere(MemoryContent);
    impl RepositoryContent for Elsewhere {
        fn commit(&self, sha: &CommitSha) -> Option<Commit> {
            self.0.commit(sha)
        }
        fn tree(&self, sha: &CommitSha) -> Option<Arc<Tree>> {
            self.0.tree(sha)
        }
        fn blob(&self, id: &str) -> Option<Bytes> {
            self.0.blob(id)
        }
    }
    let mut content = Elsewhere::default();
    let signature = Signature {
        name: "ann".to_owned(),
        email: "a@b".to_owned(),
        at: UnixMillis(0),
    };
    let mut parents = Vec::new();
    for text in ["one\n", "two\n"] {
        let file = content
            .0
            .add_blob(Bytes::from_static(text.as_bytes()), FileMode::Regular);
        let tree = Tree([("f".to_owned(), file)].into());
        let parts = CommitParts {
            parents: parents.clone(),
            message: text.to_owned(),
            signature: signature.clone(),
        };
        parents = vec![content.0.add_commit(parts, tree, None)];
    }
    let head = parents.remove(0);
    let first = content.commit(&head).unwrap().parents[0].clone();
    let bench = Bench::new().await;
    let repository = NewRepository::new("acme/disk")
        .content(Arc::new(content))
        .git_ref("refs/heads/main", first.clone())
        .clone_url("file:///nowhere");
    bench.fake.add_repository(repository).unwrap();
    bench
        .fake
        .update_ref("acme/disk", "refs/heads/main", Some(head.clone()), "ann")
        .unwrap();
    let push = bench.fake.take_webhooks()[0].json();
    assert_eq!(
        (&push["before"], &push["after"]),
        (&json!(first.as_str()), &json!(head.as_str()))
    );
    assert_eq!(push["commits"][0]["modified"], json!(["f"]));
    assert_eq!(push["repository"]["clone_url"], "file:///nowhere");
    let unknown = "f".repeat(40).parse().unwrap();
    let error = bench
        .fake
        .update_ref("acme/disk", "refs/heads/main", Some(unknown), "ann")
        .unwrap_err();
    assert!(
        error.to_string().starts_with("acme/disk has no commit ffff"),
        "{error}"
    );
    let token = bench.token(json!({})).await;
    let file = bench.get(&token, "/repos/acme/disk/contents/f").await.json();
    assert_eq!(file["size"], 4);
}

#[tokio::test]
async fn comparisons_start_from_the_merge_base() {
    let bench = Bench::new().await;
    let branch = NewCommit::new("Branch")
        .write("b.txt", "b\n")
        .write("README.md", "Hello\nthere\n");
    let branch = bench.fake.push(REPO, "topic", branch).unwrap();
    let main = bench
        .fake
        .push(REPO, "main", NewCommit::new("Main").write("m.txt", "m\n"))
        .unwrap();
    let token = bench.token(json!({})).await;
    let compare = async |range: &str| bench.get(&token, &format!("/repos/{REPO}/compare/{range}")).await;
    let diverged = compare("main...topic").await.json();
    assert_eq!(diverged["status"], "diverged");
    assert_eq!(diverged["merge_base_commit"]["sha"], bench.sha);
    let shown: Vec<String> = diverged["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            format!(
                "{} {} +{} -{}",
                f["status"].as_str().unwrap(),
                f["filename"].as_str().unwrap(),
                f["additions"],
                f["deletions"]
            )
        })
        .collect();
    assert_eq!(shown, ["modified README.md +1 -0", "added b.txt +1 -0"]);
    for (range, status) in [
        (format!("{}...{main}", bench.sha), "ahead"),
        (format!("{branch}...{}", bench.sha), "behind"),
        ("main...main".to_owned(), "identical"),
    ] {
        assert_eq!(compare(&range).await.json()["status"], status, "{range}");
    }
    let alone = bench
        .fake
        .push_commits(
            REPO,
            "alone",
            Onto::Nothing,
            vec![NewCommit::new("Root").write("r", "r")],
        )
        .unwrap();
    for (range, status) in [
        (format!("main...{alone}"), 404),
        ("main...nothing".to_owned(), 404),
        ("main..topic".to_owned(), 404),
    ] {
        assert_eq!(compare(&range).await.status, status, "{range}");
    }
}

#[tokio::test]
async fn a_comparison_lists_at_most_300_files_on_its_first_page() {
    let bench = Bench::new().await;
    let mut commit = NewCommit::new("Many");
    for number in 0..301 {
        commit = commit.write(&format!("f{number:03}"), "x");
    }
    bench.fake.push(REPO, "many", commit).unwrap();
    let token = bench.token(json!({})).await;
    let path = format!("/repos/{REPO}/compare/main...many");
    let files = |answer: &Value| answer["files"].as_array().map(Vec::len);
    assert_eq!(files(&bench.get(&token, &path).await.json()), Some(300));
    assert_eq!(
        files(
            &bench
                .get(&token, &format!("{path}?page=2&per_page=100"))
                .await
                .json()
        ),
        None
    );
}

#[tokio::test]
async fn trees() {
    let bench = Bench::new().await;
    let commit = NewCommit::new("More")
        .clear()
        .write("dir/sub/a.txt", "hello\n")
        .write_mode("run", "hello\n", FileMode::Executable);
    let sha = bench.fake.push(REPO, "main", commit).unwrap();
    let token = bench.token(json!({"permissions": {"contents": "read"}})).await;
    let tree = async |arg: &str| bench.get(&token, &format!("/repos/{REPO}/git/trees/{arg}")).await;
    let listed = |answer: &Value| -> Vec<String> {
        let entries = answer["tree"].as_array().unwrap().iter();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        entries
            .map(|entry| {
                format!(
                    "{} {} {} {}",
                    text(entry, "mode"),
                    text(entry, "type"),
                    text(entry, "path"),
                    &text(entry, "sha")[..7]
                )
            })
            .collect()
    };
    let root = tree(sha.as_str()).await.json();
    assert_eq!(
        listed(&root),
        ["040000 tree dir 0093dd4", "100755 blob run ce01362"]
    );
    assert_eq!(root["truncated"], false);
    // GitHub docs: any value means all levels.
    for arg in ["main?recursive=1", "heads/main?recursive=false"] {
        let all = tree(arg).await.json();
        assert_eq!(
            listed(&all),
            [
                "040000 tree dir 0093dd4",
                "040000 tree dir/sub 2e81171",
                "100644 blob dir/sub/a.txt ce01362",
                "100755 blob run ce01362"
            ]
        );
        assert_eq!(all["sha"], root["sha"]);
        assert_eq!(all["tree"][2]["size"], 6);
    }
    assert_eq!(tree("0123456789abcdef0123456789abcdef01234567").await.status, 404);
    let blind = bench.token(json!({"permissions": {"checks": "write"}})).await;
    let refused = bench.get(&blind, &format!("/repos/{REPO}/git/trees/main")).await;
    assert_eq!(refused.status, 403);
}
