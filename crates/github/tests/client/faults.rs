//! What is tried again, what is waited for, and what is told to the caller.

use crate::support::{Reply, SHA, Seen, TOKENS, ok, raw_world, repo, status, token, world};
use checkmill_core::event::GitRef;
use checkmill_core::{Login, Millis};
use checkmill_github::client::{GitHub, GitHubSettings};
use checkmill_github::forge::{Beside, ChangeSet, CheckState, CheckStatus, Forge, ForgeError, NewCheck};
use checkmill_github::settings::{ApiUrl, AppId, SettingsError};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn main_branch() -> GitRef {
    GitRef::Branch("main".to_owned())
}

fn the_ref() -> Reply {
    ok(json!({"object": {"sha": SHA, "type": "commit"}}))
}

fn check() -> NewCheck {
    NewCheck {
        name: "CI / test".to_owned(),
        sha: SHA.parse().unwrap(),
        job: "0123456789abcdef-01234567".parse().unwrap(),
        state: CheckState {
            status: CheckStatus::Queued,
            title: "Queued".to_owned(),
            summary: "Waiting".to_owned(),
            text: None,
            annotations: Vec::new(),
            details_url: None,
            buttons: Vec::new(),
        },
    }
}

fn limited(status: u16, headers: Vec<(&'static str, String)>, message: &str) -> Reply {
    Reply::Json(status, headers, json!({ "message": message }))
}

#[tokio::test]
async fn a_read_is_tried_three_times() {
    let world = world(|seen: &Seen| match seen.nth {
        0 => status(502, "Bad gateway"),
        1 => Reply::BreakOff,
        _ => the_ref(),
    })
    .await;
    assert_eq!(
        world.github.resolve_ref(&repo(), &main_branch()).await,
        Ok(Some(SHA.parse().unwrap()))
    );
    assert_eq!(world.slept(), [250, 500]);
    assert_eq!(world.github.requests().load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn and_no_more_often() {
    let world = world(|_: &Seen| status(503, "Unicorn!")).await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub could not be reached or failed: the ref refs/heads/main of o/r: status 503: Unicorn!"
    );
    assert_eq!(world.lines().len(), 3);
}

/// A function of 60 s makes several calls; each ends in time for its phase to say that it may be tried again.
#[tokio::test]
async fn a_slow_github_is_not_asked_for_longer_than_an_operation_may_take() {
    let world = world(|_: &Seen| Reply::After(Millis::from_secs(7), Box::new(status(503, "Unicorn!")))).await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert!(matches!(error, ForgeError::Transient(_)), "{error}");
    // The third try would begin after the 10 s.
    assert_eq!((world.lines().len(), world.slept()), (2, vec![250]));
    // The next operation has its own time.
    world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert_eq!(world.lines().len(), 4);
}

#[tokio::test]
async fn the_time_is_that_of_all_pages_together() {
    let page = |n: usize| {
        let files: Vec<_> = (0..100)
            .map(|file| json!({ "filename": format!("{n}/{file}") }))
            .collect();
        let next = ("link", "<http://x/>; rel=\"next\"".to_owned());
        Reply::Json(200, vec![next], json!(files))
    };
    let world = world(move |seen: &Seen| {
        if seen.target.ends_with("&page=1") {
            // Leaves a twentieth of a second of the 30 s.
            Reply::After(Millis(29_950), Box::new(page(1)))
        } else {
            Reply::Silence
        }
    })
    .await;
    let error = world
        .github
        .changed_files(&repo(), &ChangeSet::PullRequest { number: 3 })
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"GitHub could not be reached or failed: the files of the pull request 3 of o/r: no answer within 1 s");
    // The second page was asked for once: no other try has time.
    assert_eq!(world.lines().len(), 2, "{:?}", world.lines());
}

#[tokio::test]
async fn no_rate_limit_is_waited_for_past_the_end() {
    let world = world(|_: &Seen| {
        let reply = limited(429, vec![("retry-after", "5".to_owned())], "slow down");
        Reply::After(Millis::from_secs(8), Box::new(reply))
    })
    .await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert!(matches!(error, ForgeError::RateLimited { .. }), "{error}");
    assert_eq!((world.lines().len(), world.slept()), (1, vec![]));
}

/// The answer may have been lost after the check was made: the caller looks for it before it creates another.
#[tokio::test]
async fn creating_a_check_is_never_repeated_blindly() {
    for reply in [|| status(502, "Bad gateway"), || Reply::BreakOff] {
        let world = world(move |_: &Seen| reply()).await;
        let error = world.github.create_check(&repo(), &check()).await.unwrap_err();
        assert!(matches!(error, ForgeError::Transient(_)), "{error}");
        assert_eq!(world.lines(), ["POST /repos/o/r/check-runs"]);
        assert!(world.slept().is_empty());
    }
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_even_when_creating() {
    let world = world(|seen: &Seen| match seen.nth {
        0 => limited(429, vec![("retry-after", "2".to_owned())], "slow down"),
        _ => Reply::Json(201, vec![], json!({"id": 9})),
    })
    .await;
    assert_eq!(world.github.create_check(&repo(), &check()).await.unwrap().0, 9);
    assert_eq!(world.slept(), [2000]);
}

#[tokio::test]
async fn a_long_rate_limit_is_the_state_machines() {
    let reset = ("x-ratelimit-reset", "1700000120".to_owned());
    let spent = ("x-ratelimit-remaining", "0".to_owned());
    let table = [
        (limited(429, vec![("retry-after", "90".to_owned())], "x"), 90),
        (
            limited(
                403,
                vec![spent, reset],
                "API rate limit exceeded for installation ID 1.",
            ),
            120,
        ),
        (
            limited(403, vec![], "You have exceeded a secondary rate limit."),
            60,
        ),
    ];
    for (reply, secs) in table {
        let reply = std::sync::Mutex::new(Some(reply));
        let world = world(move |_: &Seen| reply.lock().unwrap().take().expect("one request")).await;
        let error = world
            .github
            .resolve_ref(&repo(), &main_branch())
            .await
            .unwrap_err();
        let ForgeError::RateLimited { retry_after, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(retry_after, Millis::from_secs(secs));
        assert!(world.slept().is_empty());
    }
}

#[tokio::test]
async fn a_young_token_is_given_time() {
    let world = world(|seen: &Seen| match seen.nth {
        0 | 1 => status(401, "Bad credentials"),
        _ => the_ref(),
    })
    .await;
    assert!(world.github.resolve_ref(&repo(), &main_branch()).await.is_ok());
    assert_eq!(world.slept(), [1000, 1000]);
    assert_eq!(world.tokens_made(), 1);
}

#[tokio::test]
async fn an_older_token_is_replaced_once() {
    let world = world(|seen: &Seen| {
        if seen.nth > 0 && seen.authorization() == "Bearer t0" {
            status(401, "Bad credentials")
        } else {
            the_ref()
        }
    })
    .await;
    assert!(world.github.resolve_ref(&repo(), &main_branch()).await.is_ok());
    world.pass(Millis::from_secs(6));
    assert!(world.github.resolve_ref(&repo(), &main_branch()).await.is_ok());
    assert_eq!(world.tokens_made(), 2);
    assert!(world.slept().is_empty());
}

#[tokio::test]
async fn tokens_that_are_never_accepted_end_in_an_error() {
    let world = world(|_: &Seen| status(401, "Bad credentials")).await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GitHub could not be reached or failed: the ref refs/heads/main of o/r: the App's credentials are not accepted: Bad credentials"
    );
    assert_eq!(world.tokens_made(), 2);
    assert!(world.lines().len() <= 7, "{:?}", world.lines());
}

#[tokio::test]
async fn a_token_is_renewed_before_it_runs_out() {
    let world = world(|_: &Seen| the_ref()).await;
    for pass in [0, 49, 2] {
        world.pass(Millis::from_minutes(pass));
        world.github.resolve_ref(&repo(), &main_branch()).await.unwrap();
    }
    assert_eq!(world.tokens_made(), 2);
    let used: Vec<_> = world
        .calls()
        .iter()
        .map(|seen| seen.authorization().to_owned())
        .collect();
    assert_eq!(used, ["Bearer t0", "Bearer t0", "Bearer t1"]);
}

#[tokio::test]
async fn a_wrong_app_key_is_told_as_such() {
    let world = raw_world("", |_: &Seen| {
        status(401, "A JSON web token could not be decoded")
    })
    .await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"GitHub could not be reached or failed: the ref refs/heads/main of o/r: the App's credentials are not accepted: A JSON web token could not be decoded (is this the key of App 7, and is the clock right?)");
    let jwt = &world.seen()[0];
    assert!(jwt.authorization().starts_with("Bearer eyJ"));
    assert!(!error.to_string().contains("eyJ"));
}

#[tokio::test]
async fn an_installation_that_is_gone() {
    let world = raw_world("", |_: &Seen| status(404, "Not Found")).await;
    // Through an operation that reads a 404 as "none": the installation's is not mistaken for it.
    let login: Login = "octocat".parse().unwrap();
    let write = world.github.may_write(&repo(), &login).await;
    assert!(
        matches!(&write, Err(ForgeError::NotInstalled(what)) if what.contains("installation 1")),
        "{write:?}"
    );
    let resolved = world.github.resolve_ref(&repo(), &main_branch()).await;
    assert!(
        matches!(resolved, Err(ForgeError::NotInstalled(_))),
        "{resolved:?}"
    );
}

#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let world = world(|seen: &Seen| match seen.target.as_str() {
        "/repositories/2/check-runs" => Reply::Json(201, vec![], json!({"id": 9})),
        _ => {
            let location = format!(
                "http://{}/repositories/2/check-runs",
                seen.headers["host"].to_str().unwrap()
            );
            Reply::Json(307, vec![("location", location)], json!({}))
        }
    })
    .await;
    assert_eq!(world.github.create_check(&repo(), &check()).await.unwrap().0, 9);
    assert_eq!(
        world.lines(),
        ["POST /repos/o/r/check-runs", "POST /repositories/2/check-runs"]
    );
    assert_eq!(world.calls()[1].body["name"], "CI / test");
}

#[tokio::test]
async fn a_redirect_elsewhere_does_not_get_the_token() {
    let other = raw_world("", |_: &Seen| the_ref()).await;
    let elsewhere = format!("{}/x", other.url);
    let tricky = |world: &str| format!("{world}.evil.example/x");
    for location in [
        elsewhere,
        "//evil.example/x".to_owned(),
        tricky("http://127.0.0.1:1"),
    ] {
        let world =
            world(move |_: &Seen| Reply::Json(302, vec![("location", location.clone())], json!({}))).await;
        let error = world
            .github
            .resolve_ref(&repo(), &main_branch())
            .await
            .unwrap_err();
        assert!(matches!(error, ForgeError::Invalid(_)), "{error}");
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let world = world(|_: &Seen| Reply::Json(301, vec![("location", "/again".to_owned())], json!({}))).await;
    let error = world
        .github
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too many redirects"), "{error}");
    assert_eq!(world.lines().len(), 4);
}

/// tokio's clock stands still and jumps to the next timer when nothing else can happen: the limit passes in no time.
#[tokio::test]
async fn a_silent_server_is_given_up_on() {
    let world = world(|_: &Seen| Reply::Silence).await;
    // The token comes while time still runs, so that only the silent request meets the limit.
    let fast = world
        .github
        .job_token(&repo(), &checkmill_core::policy::TokenPermissions::read_only())
        .await;
    assert!(fast.is_ok());
    tokio::time::pause();
    let error = world.github.create_check(&repo(), &check()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Transient(_)), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let settings = |url: &str| {
        let mut settings = GitHubSettings::new(
            url.parse().unwrap(),
            AppId(1),
            crate::support::KEY.into(),
            Arc::new(|| checkmill_core::UnixMillis(0)),
        );
        settings.sleep = Arc::new(|_| Box::pin(std::future::ready(())));
        settings
    };
    // A port that was free a moment ago.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let github = GitHub::new(settings(&format!("http://127.0.0.1:{port}"))).unwrap();
    let error = github.resolve_ref(&repo(), &main_branch()).await.unwrap_err();
    assert!(
        matches!(&error, ForgeError::Transient(text) if text.contains("onnect")),
        "{error}"
    );
}

/// Whatever TLS needs is there: without a cryptography provider this would panic instead of failing.
#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    let plain = raw_world("", |_: &Seen| the_ref()).await;
    let clock = Arc::new(|| checkmill_core::UnixMillis(0));
    let url = plain.url.replace("http://", "https://").parse().unwrap();
    let mut settings = GitHubSettings::new(url, AppId(1), crate::support::KEY.into(), clock);
    settings.sleep = Arc::new(|_| Box::pin(std::future::ready(())));
    let error = GitHub::new(settings)
        .unwrap()
        .resolve_ref(&repo(), &main_branch())
        .await
        .unwrap_err();
    assert!(matches!(error, ForgeError::Transient(_)), "{error}");
    assert!(plain.seen().is_empty());
}

#[test]
fn it_is_not_built_outside_a_runtime() {
    let clock = Arc::new(|| checkmill_core::UnixMillis(0));
    let settings = GitHubSettings::new(ApiUrl::default(), AppId(1), crate::support::KEY.into(), clock);
    assert!(!format!("{settings:?}").contains("PRIVATE"));
    assert!(matches!(GitHub::new(settings), Err(SettingsError::Client(_))));
}

#[tokio::test]
async fn a_bad_key_is_refused_at_once() {
    let clock = Arc::new(|| checkmill_core::UnixMillis(0));
    let settings = GitHubSettings::new(ApiUrl::default(), AppId(1), "hunter2".into(), clock);
    let error = GitHub::new(settings).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"the GitHub App's private key can't be used: it is no PEM text (no BEGIN line). Generate one on the App's settings page and give the whole file");
}

#[tokio::test]
async fn what_every_request_carries() {
    let world = world(|_: &Seen| the_ref()).await;
    world.github.resolve_ref(&repo(), &main_branch()).await.unwrap();
    let headers = &world.calls()[0].headers;
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    assert_eq!(
        headers.get_all("user-agent").iter().count(),
        1,
        "GitHub refuses requests without one"
    );
}

/// GitHub docs: REST at `/api/v3`, GraphQL at `/api/graphql`.
#[tokio::test]
async fn the_paths_of_an_enterprise_server() {
    let world = raw_world("/api/v3", |seen: &Seen| match seen.line().as_str() {
        "POST /api/v3/app/installations/1/access_tokens" => token(seen),
        "POST /api/graphql" => {
            ok(json!({"data": {"repository": {"commit": {"message": "m"}, "policy": null, "d0": null}}}))
        }
        "GET /api/v3/repos/o/r/git/ref/heads/main" => the_ref(),
        other => panic!("{other}"),
    })
    .await;
    world.github.resolve_ref(&repo(), &main_branch()).await.unwrap();
    let files = world
        .github
        .planning_files(&repo(), &SHA.parse().unwrap(), &["w"], "p", Beside::Nothing)
        .await
        .unwrap();
    assert_eq!(files.message, "m");
    assert_ne!(world.seen()[0].line(), TOKENS);
}
