//! Pull requests from branches and forks.

use crate::bench::{Bench, REPO};
use checkmill_testkit::{NewCommit, NewPullRequest, PullEdit};
use serde_json::{Value, json};

fn kinds(bench: &Bench) -> Vec<String> {
    bench.fake.take_webhooks().iter().map(|d| d.kind()).collect()
}

#[tokio::test]
async fn a_branch_is_followed_until_it_is_merged() {
    let bench = Bench::new().await;
    bench
        .fake
        .push(REPO, "topic", NewCommit::new("One").write("a", "1"))
        .unwrap();
    let number = bench
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "topic").by("ann").title("A topic"))
        .unwrap();
    let second = bench
        .fake
        .push(REPO, "topic", NewCommit::new("Two").write("b", "1"))
        .unwrap();
    for edit in [
        PullEdit::Label("ready".to_owned()),
        PullEdit::ConvertToDraft,
        PullEdit::ReadyForReview,
        PullEdit::Title("Better".to_owned()),
        PullEdit::Close,
        PullEdit::Reopen,
    ] {
        bench.fake.edit_pull_request(REPO, number, edit, "ann").unwrap();
    }
    let merged = bench.fake.merge_pull_request(REPO, number, "acme").unwrap();
    let webhooks = bench.fake.take_webhooks();
    let all: Vec<String> = webhooks.iter().map(|d| d.kind()).collect();
    assert_eq!(
        all,
        [
            "push",
            "pull_request.opened",
            "push",
            "pull_request.synchronize",
            "pull_request.labeled",
            "pull_request.converted_to_draft",
            "pull_request.ready_for_review",
            "pull_request.edited",
            "pull_request.closed",
            "pull_request.reopened",
            "push",
            "pull_request.closed",
        ]
    );
    let synchronized = webhooks[3].json();
    assert_eq!(synchronized["after"], second.as_str());
    assert_eq!(synchronized["pull_request"]["head"]["sha"], second.as_str());
    assert_eq!(synchronized["pull_request"]["base"]["sha"], bench.sha);
    assert_eq!(synchronized["pull_request"]["changed_files"], 2);
    assert_eq!(webhooks[10].json()["after"], merged.as_str());
    assert_eq!(webhooks[11].json()["pull_request"]["merged"], true);
    let token = bench.token(json!({})).await;
    let read = bench
        .get(&token, &format!("/repos/{REPO}/pulls/{number}"))
        .await
        .json();
    assert_eq!(
        (&read["state"], &read["merge_commit_sha"]),
        (&json!("closed"), &json!(merged.as_str()))
    );
    let files = bench
        .get(&token, &format!("/repos/{REPO}/contents/?ref={merged}"))
        .await
        .json();
    assert_eq!(files.as_array().unwrap().len(), 3);
    let again = bench.fake.merge_pull_request(REPO, number, "acme").unwrap_err();
    assert_eq!(
        again.to_string(),
        "acme/widgets#1 is not open, so that can't be done"
    );
}

#[tokio::test]
async fn a_fork_s_commits_are_known_to_the_repository_it_came_from() {
    let bench = Bench::new().await;
    bench.fake.fork(REPO, "mallory").unwrap();
    let fork = "mallory/widgets";
    let commit = NewCommit::new("Evil").by("mallory").write("evil", "1");
    let sha = bench.fake.push(fork, "main", commit).unwrap();
    assert_eq!(
        kinds(&bench),
        Vec::<String>::new(),
        "the App is not installed on the fork"
    );
    let number = bench
        .fake
        .open_pull_request(NewPullRequest::from_fork(REPO, fork, "main").by("mallory"))
        .unwrap();
    let opened = bench.fake.take_webhooks()[0].json();
    assert_eq!(opened["pull_request"]["head"]["repo"]["full_name"], fork);
    assert_eq!(opened["pull_request"]["base"]["repo"]["full_name"], REPO);
    assert_eq!(opened["repository"]["full_name"], REPO);

    let token = bench.token(json!({})).await;
    let body = json!({ "name": "ci", "head_sha": sha.as_str(), "conclusion": "action_required" });
    let made = bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &token, body)
        .await
        .json();
    assert_eq!(
        made["pull_requests"],
        json!([]),
        "GitHub lists no forks' pull requests"
    );
    let suites = bench
        .get(&token, &format!("/repos/{REPO}/commits/{sha}/check-suites"))
        .await
        .json();
    assert_eq!(suites["check_suites"][0]["head_branch"], Value::Null);
    let files = bench
        .get(&token, &format!("/repos/{REPO}/pulls/{number}/files"))
        .await
        .json();
    assert_eq!(files[0]["filename"], "evil");
    let compared = bench
        .get(&token, &format!("/repos/{REPO}/compare/main...mallory:main"))
        .await
        .json();
    assert_eq!(compared["ahead_by"], 1);
    let next = bench
        .fake
        .push(
            fork,
            "main",
            NewCommit::new("More").by("mallory").write("more", "1"),
        )
        .unwrap();
    let webhooks = bench.fake.take_webhooks();
    assert_eq!(webhooks.len(), 1);
    assert_eq!(webhooks[0].json()["pull_request"]["head"]["sha"], next.as_str());
    assert_eq!(webhooks[0].kind(), "pull_request.synchronize");
}

#[tokio::test]
async fn a_branch_of_the_repository_itself_is_listed_with_its_checks() {
    let bench = Bench::new().await;
    let sha = bench
        .fake
        .push(REPO, "topic", NewCommit::new("One").write("a", "1"))
        .unwrap();
    bench
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "topic"))
        .unwrap();
    let token = bench.token(json!({})).await;
    let body = json!({ "name": "ci", "head_sha": sha.as_str(), "conclusion": "success" });
    let made = bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &token, body)
        .await
        .json();
    assert_eq!(made["pull_requests"][0]["number"], 1);
    assert_eq!(made["pull_requests"][0]["base"]["ref"], "main");
    bench
        .fake
        .update_ref(REPO, "refs/heads/topic", None, "ann")
        .unwrap();
    assert_eq!(
        kinds(&bench),
        ["push", "pull_request.opened", "push", "pull_request.closed"]
    );
}

#[tokio::test]
async fn pages_of_files() {
    let bench = Bench::new().await;
    let mut commit = NewCommit::new("Many");
    for number in 0..120 {
        commit = commit.write(&format!("f{number:03}"), "x");
    }
    bench.fake.push(REPO, "many", commit).unwrap();
    bench
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "many"))
        .unwrap();
    let token = bench.token(json!({})).await;
    let path = format!("/repos/{REPO}/pulls/1/files?per_page=100");
    let first = bench.get(&token, &path).await;
    assert_eq!(first.json().as_array().unwrap().len(), 100);
    assert!(first.header("link").unwrap().contains("page=2>; rel=\"next\""));
    let second = bench.get(&token, &format!("{path}&page=2")).await.json();
    assert_eq!(second.as_array().unwrap().len(), 20);
    assert_eq!(
        bench.get(&token, &format!("/repos/{REPO}/pulls/2")).await.status,
        404
    );
}

#[tokio::test]
async fn a_merge_that_conflicts_is_said_to() {
    let bench = Bench::new().await;
    bench
        .fake
        .push(REPO, "topic", NewCommit::new("Mine").write("README.md", "mine"))
        .unwrap();
    bench
        .fake
        .open_pull_request(NewPullRequest::new(REPO, "topic"))
        .unwrap();
    bench
        .fake
        .push(
            REPO,
            "main",
            NewCommit::new("Theirs").write("README.md", "theirs"),
        )
        .unwrap();
    let error = bench.fake.merge_pull_request(REPO, 1, "acme").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the merge of pull request 1 has conflicts at README.md"
    );
}
