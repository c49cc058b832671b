//! A start with credentials that GitHub does not take, or with no GitHub.

use crate::served::Served;
use checkmill_testkit::{FakeGitHub, Fault, NewRepository, Route};
use std::process::Stdio;
use tokio::process::Command;

#[tokio::test]
async fn a_key_of_another_app_is_refused_at_the_start() {
    let github = FakeGitHub::start(checkmill_testkit::Options::default())
        .await
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_checkmill"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("GH_APP_ID", github.app_id().to_string())
        .env("GH_PRIVATE_KEY", checkmill_testkit::key::TEST_ONLY_OTHER_KEY_PEM)
        .env("GH_WEBHOOK_SECRET", github.webhook_secret())
        .env("GITHUB_API_URL", github.url())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with("checkmill: GitHub does not take the App's credentials: ")
            && last.contains("is this the key of App 1, and is the clock right?"),
        "{stderr}"
    );
}

/// What ran before goes on, and GitHub will be back.
#[tokio::test]
async fn a_github_that_is_away_does_not_keep_the_server_down() {
    let mut served = Served::start(NewRepository::new("octocat/hello")).await;
    served.kill().await;
    for _ in 0..8 {
        served.github.fail_next(Route::GetApp, Fault::Status(502));
    }
    served.restart();
    served
        .logged("GitHub can't be asked whether it knows the App")
        .await;
}
