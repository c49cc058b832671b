//! Changed files, refs, permissions and job tokens.

use crate::support::{Reply, SHA, Seen, TOKENS, ok, repo, sha, status, world};
use checkmill_core::event::GitRef;
use checkmill_core::policy::{Access, TokenPermissions};
use checkmill_core::{CommitSha, Login, UnixMillis};
use checkmill_github::changed_lines::ChangedLines;
use checkmill_github::forge::{ChangeSet, ChangedFiles, Forge, ForgeError};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const BEFORE: &str = "aaaa728f27ae82c7b1a177c8d03f9e96e0adf246";

fn files(range: std::ops::Range<usize>) -> Value {
    range
        .map(|n| json!({"filename": format!("f{n}"), "status": "modified"}))
        .collect()
}

fn before() -> CommitSha {
    BEFORE.parse().unwrap()
}

fn advanced() -> ChangeSet {
    ChangeSet::Advanced {
        before: before(),
        after: sha(),
    }
}

fn forced() -> ChangeSet {
    ChangeSet::Forced {
        before: before(),
        after: sha(),
    }
}

fn created(first: Option<&str>) -> ChangeSet {
    ChangeSet::Created {
        first: first.map(|sha| sha.parse().unwrap()),
        after: sha(),
    }
}

fn known(changed: ChangedFiles) -> (Vec<String>, bool) {
    match changed {
        ChangedFiles::Known { paths, truncated, .. } => (paths, truncated),
        ChangedFiles::Unknown { why } => panic!("not known: {why}"),
    }
}

fn unknown(changed: ChangedFiles) -> String {
    match changed {
        ChangedFiles::Unknown { why } => why,
        known => panic!("{known:?}"),
    }
}

/// Page `page` of `total` files, with GitHub's `Link`.
fn page(seen: &Seen, total: usize) -> (Vec<(&'static str, String)>, Value) {
    let query = |name: &str| {
        let value = seen
            .target
            .split(['?', '&'])
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        value.unwrap().parse::<usize>().unwrap()
    };
    let (per_page, page) = (query("per_page"), query("page"));
    let end = (page * per_page).min(total);
    let next = format!(
        "<http://x/?page={}>; rel=\"next\", <http://x/?page=9>; rel=\"last\"",
        page + 1
    );
    let last = "<http://x/?page=1>; rel=\"first\"".to_owned();
    let link = ("link", if end < total { next } else { last });
    (vec![link], files((page - 1) * per_page..end))
}

#[tokio::test]
async fn a_push_is_compared() {
    let world = world(|_: &Seen| {
        ok(json!({"files": [
            {"filename": "a.rs", "patch": "@@ -3 +3,2 @@\n x\n+y"},
            {"filename": "new.rs", "previous_filename": "old.rs", "status": "renamed"},
            {"filename": "a.rs"},
        ]}))
    })
    .await;
    let changed = world.github.changed_files(&repo(), &advanced()).await.unwrap();
    let mut lines = ChangedLines::default();
    lines.add("a.rs", Some("@@ -3 +3,2 @@\n x\n+y"));
    lines.add("new.rs", None);
    assert_eq!(
        changed,
        ChangedFiles::Known {
            paths: ["a.rs", "new.rs", "old.rs"].map(str::to_owned).to_vec(),
            lines,
            truncated: false
        }
    );
    assert_eq!(
        world.lines(),
        [format!(
            "GET /repos/o/r/compare/{BEFORE}...{SHA}?per_page=1&page=1"
        )]
    );
}

#[tokio::test]
async fn three_hundred_compared_files_may_be_more() {
    for (count, truncated) in [(299, false), (300, true)] {
        let world = world(move |_: &Seen| ok(json!({"files": files(0..count)}))).await;
        let changed = world.github.changed_files(&repo(), &advanced()).await.unwrap();
        let (paths, more) = known(changed);
        assert_eq!((paths.len(), more), (count, truncated));
    }
}

/// GitHub docs: a push of more than 1,000 commits runs the workflow whatever it changes.
#[tokio::test]
async fn the_changes_of_a_thousand_commits_are_not_looked_at() {
    for (commits, is_known) in [(1000, true), (1001, false)] {
        let world = world(move |_: &Seen| ok(json!({"total_commits": commits, "files": files(0..2)}))).await;
        let changed = world.github.changed_files(&repo(), &advanced()).await.unwrap();
        assert_eq!(
            matches!(changed, ChangedFiles::Known { .. }),
            is_known,
            "{commits}"
        );
    }
}

/// A comparison would be with the merge base, which is neither of the two.
#[tokio::test]
async fn a_forced_push_compares_the_two_trees() {
    let blob = |path: &str, sha: &str| json!({"path": path, "mode": "100644", "type": "blob", "sha": sha});
    let world = world(move |seen: &Seen| {
        let own = if seen.target.contains(BEFORE) {
            blob("mine", "1")
        } else {
            blob("theirs", "2")
        };
        ok(json!({"sha": "x", "tree": [blob("same", "0"), own], "truncated": false}))
    })
    .await;
    let changed = world.github.changed_files(&repo(), &forced()).await.unwrap();
    assert_eq!(known(changed).0, ["mine", "theirs"]);
    assert_eq!(
        world.lines(),
        [BEFORE, SHA].map(|sha| format!("GET /repos/o/r/git/trees/{sha}?recursive=1"))
    );
}

#[tokio::test]
async fn what_github_can_not_compare_is_not_known() {
    for (of, code) in [(advanced(), 404), (forced(), 404), (created(None), 422)] {
        let world = world(move |_: &Seen| status(code, "Not Found")).await;
        let changed = world.github.changed_files(&repo(), &of).await.unwrap();
        assert_eq!(
            unknown(changed),
            "GitHub does not have the commits that the push lies between"
        );
    }
    let cut = world(|_: &Seen| ok(json!({"sha": "x", "tree": [], "truncated": true}))).await;
    let changed = cut.github.changed_files(&repo(), &forced()).await.unwrap();
    assert_eq!(
        unknown(changed),
        "the repository has more files than GitHub lists at once"
    );
    // A pull request that is gone is no such thing.
    let gone = world(|_: &Seen| status(404, "Not Found")).await;
    let files = gone
        .github
        .changed_files(&repo(), &ChangeSet::PullRequest { number: 4 })
        .await;
    assert!(matches!(files, Err(ForgeError::NotFound(_))), "{files:?}");
}

#[tokio::test]
async fn a_new_branch_is_compared_with_the_parent_of_its_first_commit() {
    let first = "cccc728f27ae82c7b1a177c8d03f9e96e0adf246";
    let world = world(move |seen: &Seen| {
        if seen.target.contains("/commits/") {
            ok(json!({"sha": first, "parents": [{"sha": BEFORE}, {"sha": SHA}], "files": files(0..1)}))
        } else {
            ok(json!({"total_commits": 2, "files": files(3..5)}))
        }
    })
    .await;
    let changed = world
        .github
        .changed_files(&repo(), &created(Some(first)))
        .await
        .unwrap();
    assert_eq!(known(changed).0, ["f3", "f4"]);
    assert_eq!(
        world.lines(),
        [
            format!("GET /repos/o/r/commits/{first}?per_page=1&page=1"),
            format!("GET /repos/o/r/compare/{BEFORE}...{SHA}?per_page=1&page=1"),
        ]
    );
}

#[tokio::test]
async fn in_a_new_history_every_file_is_new() {
    let first = "cccc728f27ae82c7b1a177c8d03f9e96e0adf246";
    let world = world(move |seen: &Seen| {
        if seen.target.contains("/commits/") {
            ok(json!({"sha": first, "parents": [], "files": files(0..1)}))
        } else {
            let blob = json!({"path": "a", "mode": "100644", "type": "blob", "sha": "1"});
            ok(json!({"sha": "x", "tree": [blob], "truncated": false}))
        }
    })
    .await;
    let changed = world
        .github
        .changed_files(&repo(), &created(Some(first)))
        .await
        .unwrap();
    assert_eq!(known(changed).0, ["a"]);
}

#[tokio::test]
async fn the_files_of_a_commit_come_in_pages() {
    for (total, pages, truncated) in [
        (0, 1, false),
        (100, 1, false),
        (101, 2, false),
        (300, 3, false),
        (301, 3, true),
    ] {
        let world = world(move |seen: &Seen| {
            let (headers, files) = page(seen, total);
            Reply::Json(200, headers, json!({"sha": SHA, "files": files}))
        })
        .await;
        // One commit, or none that is new: the head's own changes.
        for (n, of) in [created(Some(SHA)), created(None)].iter().enumerate() {
            let (paths, more) = known(world.github.changed_files(&repo(), of).await.unwrap());
            assert_eq!((paths.len(), more), (total.min(300), truncated), "{total}");
            assert_eq!(world.lines().len(), (n + 1) * pages, "{total}");
        }
    }
}

#[tokio::test]
async fn the_files_of_a_pull_request_come_in_pages() {
    for (total, pages) in [(5, 1), (250, 3)] {
        let world = world(move |seen: &Seen| {
            let (headers, files) = page(seen, total);
            Reply::Json(200, headers, files)
        })
        .await;
        let changed = world
            .github
            .changed_files(&repo(), &ChangeSet::PullRequest { number: 4 })
            .await
            .unwrap();
        assert_eq!(known(changed).0.len(), total);
        assert_eq!(
            world.lines()[0],
            "GET /repos/o/r/pulls/4/files?per_page=100&page=1"
        );
        assert_eq!(world.lines().len(), pages);
    }
}

/// Without `Link`, as of an emulator: a full page is followed, another is not.
#[tokio::test]
async fn pages_without_links() {
    let world = world(|seen: &Seen| ok(page(seen, 150).1)).await;
    let changed = world
        .github
        .changed_files(&repo(), &ChangeSet::PullRequest { number: 4 })
        .await
        .unwrap();
    let (paths, truncated) = known(changed);
    assert_eq!((paths.len(), truncated), (150, false));
}

#[tokio::test]
async fn refs() {
    let tag = "bbbb728f27ae82c7b1a177c8d03f9e96e0adf246";
    let world = world(move |seen: &Seen| {
        let object = |sha: &str, kind: &str| ok(json!({"object": {"sha": sha, "type": kind}}));
        match seen.target.strip_prefix("/repos/o/r/git/").unwrap() {
            "ref/heads/feature/%C3%BC" | "ref/tags/light" => object(SHA, "commit"),
            "ref/tags/annotated" => object(tag, "tag"),
            "ref/tags/file" => object(tag, "blob"),
            "ref/heads/empty-repository" => status(409, "Git Repository is empty."),
            path if path == format!("tags/{tag}") => object(SHA, "commit"),
            _ => status(404, "Not Found"),
        }
    })
    .await;
    let commit: Option<CommitSha> = Some(sha());
    let branch = |name: &str| GitRef::Branch(name.to_owned());
    let table = [
        (branch("feature/ü"), commit.clone()),
        (GitRef::Tag("light".to_owned()), commit.clone()),
        (GitRef::Tag("annotated".to_owned()), commit),
        (GitRef::Tag("file".to_owned()), None),
        (branch("empty-repository"), None),
        (branch("gone"), None),
    ];
    for (git_ref, expected) in table {
        assert_eq!(
            world.github.resolve_ref(&repo(), &git_ref).await,
            Ok(expected),
            "{git_ref}"
        );
    }
}

#[tokio::test]
async fn who_may_write() {
    let table = [
        (ok(json!({"permission": "admin", "role_name": "admin"})), Ok(true)),
        (
            ok(json!({"permission": "write", "role_name": "maintain"})),
            Ok(true),
        ),
        (
            ok(json!({"permission": "write", "role_name": "a-role-of-ours"})),
            Ok(true),
        ),
        (ok(json!({"permission": "write"})), Ok(true)),
        (
            ok(json!({"permission": "read", "role_name": "triage"})),
            Ok(false),
        ),
        (ok(json!({"permission": "none", "role_name": "none"})), Ok(false)),
        (status(404, "Not Found"), Ok(false)),
        (
            status(403, "Resource not accessible by integration"),
            Err(ForgeError::Forbidden(
                "the permission of dependabot[bot] in o/r: Resource not accessible by integration".to_owned(),
            )),
        ),
    ];
    for (reply, expected) in table {
        let shown = format!("{reply:?}");
        let reply = std::sync::Mutex::new(Some(reply));
        let world = world(move |_: &Seen| reply.lock().unwrap().take().expect("one request")).await;
        let login: Login = "dependabot[bot]".parse().unwrap();
        assert_eq!(world.github.may_write(&repo(), &login).await, expected, "{shown}");
        assert_eq!(
            world.lines(),
            ["GET /repos/o/r/collaborators/dependabot%5Bbot%5D/permission"]
        );
    }
}

#[tokio::test]
async fn a_jobs_token_is_for_one_repository_and_has_what_both_allow() {
    let world = world(|seen: &Seen| panic!("{}", seen.line())).await;
    let wanted = [
        ("contents", Access::Write),
        ("checks", Access::Read),
        ("packages", Access::Write),
    ];
    let wanted = TokenPermissions(wanted.map(|(name, access)| (name.to_owned(), access)).into());
    let token = world.github.job_token(&repo(), &wanted).await.unwrap();
    assert_eq!(token.token.expose_secret(), "t1");
    assert_eq!(token.expires_at, UnixMillis(1_700_003_600_000));
    assert!(!format!("{token:?}").contains("t1"));
    let requests = world.seen();
    assert_eq!(requests.len(), 2, "the App's own, then the job's");
    assert_eq!(requests[1].line(), TOKENS);
    assert_eq!(
        requests[1].body,
        json!({"repository_ids": [2], "permissions": {"checks": "read", "contents": "read", "metadata": "read"}})
    );
}
