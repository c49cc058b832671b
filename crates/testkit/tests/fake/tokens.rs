//! App JWTs and installation tokens.

use crate::bench::{Bench, REPO};
use checkmill_core::{InstallationId, Millis};
use checkmill_testkit::client;
use checkmill_testkit::key::{TEST_ONLY_APP_KEY_PEM, TEST_ONLY_OTHER_KEY_PEM, sign_jwt};
use checkmill_testkit::{NewApp, NewRepository, Route};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_jwt_must_be_signed_in_time_by_a_known_app() {
    let bench = Bench::new().await;
    let now = bench.now_secs();
    let right = TEST_ONLY_APP_KEY_PEM;
    let table = [
        (
            "good",
            right,
            json!({ "iat": now - 60, "exp": now + 540, "iss": "1" }),
            200,
            "",
        ),
        (
            "number as issuer",
            right,
            json!({ "iat": now, "exp": now + 600, "iss": 1 }),
            200,
            "",
        ),
        (
            "client id",
            right,
            json!({ "iat": now, "exp": now + 60, "iss": "Iv23fake1" }),
            200,
            "",
        ),
        (
            "wrong key",
            TEST_ONLY_OTHER_KEY_PEM,
            json!({ "iat": now - 60, "exp": now + 540, "iss": "1" }),
            401,
            "could not be decoded",
        ),
        (
            "expired",
            right,
            json!({ "iat": now - 600, "exp": now, "iss": "1" }),
            401,
            "'exp'",
        ),
        (
            "too long",
            right,
            json!({ "iat": now - 60, "exp": now + 541, "iss": "1" }),
            401,
            "too far in the future",
        ),
        (
            "from the future",
            right,
            json!({ "iat": now + 1, "exp": now + 300, "iss": "1" }),
            401,
            "'iat'",
        ),
        (
            "no iat",
            right,
            json!({ "exp": now + 300, "iss": "1" }),
            401,
            "'iat'",
        ),
        ("no exp", right, json!({ "iat": now, "iss": "1" }), 401, "'exp'"),
        (
            "no issuer",
            right,
            json!({ "iat": now, "exp": now + 300 }),
            401,
            "'iss'",
        ),
        (
            "another app",
            right,
            json!({ "iat": now, "exp": now + 300, "iss": "2" }),
            404,
            "Integration not found",
        ),
    ];
    for (name, key, claims, status, message) in table {
        let jwt = sign_jwt(key, &claims).unwrap();
        let answer = bench.get(&jwt, "/app").await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let shown = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(shown.contains(message), "{name}: {shown}");
    }
    for garbage in ["a.b.c", "..", "x", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(bench.get(garbage, "/app").await.status, 401, "{garbage}");
    }
    assert_eq!(bench.fake.take_refused().len(), 12);
    bench.fake.finish();
}

#[tokio::test]
async fn a_token_lives_one_hour_unless_it_is_revoked() {
    let bench = Bench::new().await;
    let clock = bench.fake.clock().unwrap();
    let path = format!("/repos/{REPO}");
    let token = bench.token(json!({})).await;
    assert_eq!(bench.get(&token, &path).await.status, 200);
    clock.advance(Millis::from_minutes(60));
    assert_eq!(bench.get(&token, &path).await.status, 401);

    let revoked = bench.token(json!({})).await;
    let gone = bench
        .request("DELETE", "/installation/token", &revoked, json!(null))
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(bench.get(&revoked, &path).await.status, 401);

    let of_the_suspended = bench.token(json!({})).await;
    let installation = InstallationId(bench.installation);
    bench.fake.set_suspended(installation, true).unwrap();
    assert_eq!(bench.get(&of_the_suspended, &path).await.status, 403);
    let mint = format!("/app/installations/{installation}/access_tokens");
    assert_eq!(
        bench.request("POST", &mint, &bench.jwt(), json!({})).await.status,
        403
    );
    bench.fake.set_suspended(installation, false).unwrap();
    assert_eq!(bench.get(&of_the_suspended, &path).await.status, 200);

    bench.fake.uninstall(installation).unwrap();
    assert_eq!(bench.get(&of_the_suspended, &path).await.status, 401);
    assert_eq!(
        bench.request("POST", &mint, &bench.jwt(), json!({})).await.status,
        404
    );
    let kinds: Vec<String> = bench.fake.take_webhooks().iter().map(|d| d.kind()).collect();
    assert_eq!(
        kinds,
        [
            "installation.suspend",
            "installation.unsuspend",
            "installation.deleted"
        ]
    );
}

#[tokio::test]
async fn a_token_is_minted_for_what_the_installation_has() {
    let bench = Bench::new().await;
    let other = bench
        .fake
        .add_repository(NewRepository::new("acme/other").private().file("a", "b"))
        .unwrap();
    let outside = NewRepository::new("acme/outside").private().not_installed();
    let outside = bench.fake.add_repository(outside).unwrap();
    let path = format!("/app/installations/{}/access_tokens", bench.installation);
    let table = [
        (json!({}), 201, ""),
        (
            json!({ "repositories": ["widgets"], "permissions": { "checks": "write" } }),
            201,
            "",
        ),
        (json!({ "repository_ids": [other.0] }), 201, ""),
        (
            json!({ "repositories": ["outside"] }),
            422,
            "not accessible to the parent installation",
        ),
        (
            json!({ "repositories": ["nothing"] }),
            422,
            "not accessible to the parent installation",
        ),
        (
            json!({ "repository_ids": [outside.0] }),
            422,
            "not accessible to the parent installation",
        ),
        (json!({ "repositories": "widgets" }), 422, "not an array"),
        (
            json!({ "permissions": { "contents": "write" } }),
            422,
            "not granted to this installation",
        ),
        (
            json!({ "permissions": { "administration": "read" } }),
            422,
            "not granted",
        ),
        (
            json!({ "permissions": { "content": "read" } }),
            422,
            "not a permitted key",
        ),
        (
            json!({ "permissions": { "contents": "all" } }),
            422,
            "not a possible value",
        ),
        (json!({ "repos": ["widgets"] }), 422, "not a permitted key"),
        (json!(["widgets"]), 400, "JSON object"),
    ];
    for (body, status, message) in table {
        let answer = bench.request("POST", &path, &bench.jwt(), body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        let shown = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(shown.contains(message), "{body}: {shown}");
    }
    let wish = json!({ "repositories": ["widgets"], "permissions": { "checks": "write" } });
    let scoped = bench.request("POST", &path, &bench.jwt(), wish).await.json();
    assert_eq!(
        scoped["permissions"],
        json!({ "checks": "write", "metadata": "read" })
    );
    assert_eq!(scoped["repository_selection"], "selected");
    assert_eq!(scoped["expires_at"], "2026-01-01T01:00:00Z");
    let token = scoped["token"].as_str().unwrap();
    let seen = bench.get(token, "/installation/repositories").await.json();
    assert_eq!(seen["total_count"], 1);
    assert_eq!(seen["repositories"][0]["full_name"], REPO);
    assert_eq!(bench.get(token, "/repos/acme/other").await.status, 404);
    assert_eq!(
        bench.get(token, &format!("/repos/{REPO}/contents/")).await.status,
        403
    );
}

#[tokio::test]
async fn an_installation_belongs_to_one_app() {
    let bench = Bench::new().await;
    let second = bench
        .fake
        .add_app(NewApp {
            slug: "other".to_owned(),
            ..NewApp::default()
        })
        .unwrap();
    let theirs = bench.fake.installation(second, "acme").unwrap();
    let path = format!("/app/installations/{theirs}/access_tokens");
    assert_eq!(
        bench.request("POST", &path, &bench.jwt(), json!({})).await.status,
        404
    );
    let mine = bench
        .get(&bench.jwt(), &format!("/repos/{REPO}/installation"))
        .await;
    assert_eq!(mine.json()["id"], bench.installation);
    let listed = bench.get(&bench.jwt(), "/app/installations").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(bench.fake.requests(Route::ListInstallations), 1);
}

#[tokio::test]
async fn nobody_gets_in_without_a_name() {
    let bench = Bench::new().await;
    let token = format!("Bearer {}", bench.token(json!({})).await);
    let url = format!("{}/repos/{REPO}", bench.fake.url());
    let agent = ("user-agent", "bench");
    let table: [(&[(&str, &str)], u16); 6] = [
        (&[agent, ("authorization", &token)], 200),
        (
            &[agent, ("authorization", &token.replace("Bearer", "token"))],
            200,
        ),
        (&[("authorization", &token)], 403),
        (&[agent], 401),
        (&[agent, ("authorization", "Bearer ghs_nobody")], 401),
        (&[agent, ("authorization", "Basic eDp5")], 401),
    ];
    for (headers, status) in table {
        let answer = client::send(Method::GET, &url, headers, "").await.unwrap();
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
    }
    let jwt = bench.get(&bench.jwt(), &format!("/repos/{REPO}")).await;
    assert_eq!(jwt.status, 401, "a JWT is no token");
}

#[tokio::test]
async fn both_base_paths_answer() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    for prefix in ["", "/api/v3"] {
        let answer = bench.get(&token, &format!("{prefix}/repos/{REPO}")).await;
        assert_eq!(answer.json()["full_name"], REPO);
    }
    for path in ["/graphql", "/api/graphql"] {
        let query = json!({ "query": "{ rateLimit { limit } }" });
        let answer = bench.request("POST", path, &token, query).await;
        assert_eq!(
            answer.json(),
            json!({ "data": { "rateLimit": { "limit": 5000 } } })
        );
    }
    let nowhere = bench.get(&token, "/api/v4/app").await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(
        bench.fake.take_refused().len(),
        1,
        "an unknown path is worth a word"
    );
}
