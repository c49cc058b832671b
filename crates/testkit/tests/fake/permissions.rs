//! What is hidden (404), what is forbidden (403), and who may write.

use crate::bench::{Bench, REPO};
use checkmill_testkit::{NewRepository, Role};
use serde_json::{Value, json};

#[tokio::test]
async fn what_a_token_cannot_see_is_not_there() {
    let bench = Bench::new().await;
    for repository in [
        NewRepository::new("rival/secret")
            .private()
            .not_installed()
            .file("a", "b"),
        NewRepository::new("rival/open").not_installed().file("a", "b"),
    ] {
        bench.fake.add_repository(repository).unwrap();
    }
    let token = bench.token(json!({})).await;
    let table = [
        ("GET", "/repos/rival/secret", json!(null), 404),
        ("GET", "/repos/rival/secret/contents/a", json!(null), 404),
        ("POST", "/repos/rival/secret/check-runs", json!({}), 404),
        ("GET", "/repos/rival/open", json!(null), 200),
        ("GET", "/repos/rival/open/contents/a", json!(null), 200),
        ("POST", "/repos/rival/open/check-runs", json!({}), 403),
        ("GET", "/repos/acme/nothing", json!(null), 404),
        ("GET", "/repos/ACME/Widgets", json!(null), 200),
        ("GET", "/repos/acme/widgets/nonsense", json!(null), 404),
    ];
    for (method, path, body, status) in table {
        let answer = bench.request(method, path, &token, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn each_route_wants_its_permission() {
    let bench = Bench::new().await;
    let sha = bench.sha.clone();
    let commit_checks = format!("/repos/{REPO}/commits/{sha}/check-runs");
    let check = json!({ "name": "x", "head_sha": sha });
    let table: [(Value, &str, &str, Value, u16); 9] = [
        (
            json!({ "checks": "write" }),
            "POST",
            "/repos/acme/widgets/check-runs",
            check.clone(),
            201,
        ),
        (
            json!({ "checks": "read" }),
            "POST",
            "/repos/acme/widgets/check-runs",
            check.clone(),
            403,
        ),
        (
            json!({ "contents": "read" }),
            "POST",
            "/repos/acme/widgets/check-runs",
            check,
            403,
        ),
        (
            json!({ "checks": "read" }),
            "GET",
            &commit_checks,
            json!(null),
            200,
        ),
        (
            json!({ "contents": "read" }),
            "GET",
            &commit_checks,
            json!(null),
            403,
        ),
        (
            json!({ "contents": "read" }),
            "GET",
            "/repos/acme/widgets/contents/README.md",
            json!(null),
            200,
        ),
        (
            json!({ "checks": "write" }),
            "GET",
            "/repos/acme/widgets/contents/README.md",
            json!(null),
            403,
        ),
        (
            json!({ "checks": "write" }),
            "GET",
            "/repos/acme/widgets",
            json!(null),
            200,
        ),
        (
            json!({ "checks": "write" }),
            "POST",
            "/repos/acme/widgets/issues/1/comments",
            json!({ "body": "x" }),
            403,
        ),
    ];
    for (permissions, method, path, body, status) in table {
        let token = bench.token(json!({ "permissions": permissions })).await;
        let answer = bench.request(method, path, &token, body).await;
        assert_eq!(
            answer.status,
            status,
            "{permissions} {method} {path}: {}",
            answer.text()
        );
        if status == 403 {
            assert_eq!(answer.json()["message"], "Resource not accessible by integration");
            assert!(answer.header("x-accepted-github-permissions").is_some());
            assert!(answer.json()["documentation_url"].is_string());
        }
    }
}

#[tokio::test]
async fn people_have_roles_and_no_checks() {
    let bench = Bench::new().await;
    for (login, role) in [
        ("reader", Role::Read),
        ("sorter", Role::Triage),
        ("writer", Role::Write),
        ("keeper", Role::Maintain),
        ("boss", Role::Admin),
    ] {
        bench.fake.set_role(REPO, login, Some(role)).unwrap();
    }
    bench.fake.personal_token("stranger").unwrap();
    let token = bench.token(json!({})).await;
    let table = [
        ("reader", 200, "read", "read"),
        ("sorter", 200, "read", "triage"),
        ("writer", 200, "write", "write"),
        ("Keeper", 200, "write", "maintain"),
        ("boss", 200, "admin", "admin"),
        ("acme", 200, "admin", "admin"),
        ("stranger", 200, "none", "none"),
        ("nobody-at-all", 404, "", ""),
    ];
    for (login, status, permission, role) in table {
        let path = format!("/repos/{REPO}/collaborators/{login}/permission");
        let answer = bench.get(&token, &path).await;
        assert_eq!(answer.status, status, "{login}");
        if status == 200 {
            assert_eq!(answer.json()["permission"], permission, "{login}");
            assert_eq!(answer.json()["role_name"], role, "{login}");
        }
    }
    let personal = bench.fake.personal_token("writer").unwrap();
    let check = json!({ "name": "x", "head_sha": bench.sha });
    let refused = bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &personal, check)
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.json()["message"],
        "You must authenticate via a GitHub App."
    );
    let stranger = bench.fake.personal_token("stranger").unwrap();
    assert_eq!(bench.get(&stranger, &format!("/repos/{REPO}")).await.status, 404);
}
