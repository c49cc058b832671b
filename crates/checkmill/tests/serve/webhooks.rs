//! How webhooks are answered.

use crate::conversation::REPO;
use crate::served::Served;
use checkmill_testkit::NewRepository;
use http::Method;
use tokio::io::AsyncWriteExt as _;

async fn status(served: &Served, path: &str, headers: &[(&str, String)], body: &[u8]) -> u16 {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    served
        .request(Method::POST, path, &headers, body.to_vec())
        .await
        .unwrap()
        .status
}

#[tokio::test]
async fn it_answers_webhooks_at_every_path_and_says_why_it_refuses() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let healthy = served
        .request(Method::GET, "/healthz", &[], Vec::new())
        .await
        .unwrap();
    assert_eq!(healthy.status, 200);
    served.github.ping().unwrap();
    let ping = served.github.take_webhooks().remove(0);
    for path in ["/", "/webhook", "/api/github/webhooks"] {
        assert_eq!(
            status(&served, path, &ping.headers(), &ping.body).await,
            200,
            "{path}"
        );
    }
    let wrong = [("x-hub-signature-256", format!("sha256={}", "0".repeat(64)))];
    let over = vec![b' '; 25 * 1024 * 1024 + 1];
    let job = "/jobs/0123456789abcdef-01234567/1/end";
    assert_eq!(status(&served, "/webhook", &[], b"{}").await, 400, "no signature");
    assert_eq!(
        status(&served, "/webhook", &wrong, b"{}").await,
        401,
        "a wrong signature"
    );
    assert_eq!(
        status(&served, "/webhook", &[], &over).await,
        413,
        "a body over GitHub's limit"
    );
    assert_eq!(
        status(&served, "/jobs/x/1/end", &[], &[]).await,
        404,
        "no job's path"
    );
    assert_eq!(status(&served, job, &[], &[]).await, 401, "no token");
    served.end().await;
}

/// Anybody can open connections to it.
#[tokio::test]
async fn clients_that_stall_do_not_keep_it_from_ending() {
    let mut served = Served::start(NewRepository::new(REPO)).await;
    let mut stalled = Vec::new();
    for head in [
        "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        "POST /webhook HTTP/1.1\r\nHost",
        "",
    ] {
        let mut client = served.connect().await;
        client.write_all(head.as_bytes()).await.unwrap();
        stalled.push(client);
    }
    served.end().await;
    drop(stalled);
}

#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    let served = Served::start(NewRepository::new(REPO)).await;
    let text = "
name: CI
on: push
jobs:
  test:
    runs-on: linux
    steps:
      - run: echo started >> {desk}/starts
";
    served
        .github
        .push(REPO, "main", served.first_commit(text))
        .unwrap();
    let deliveries = served.github.take_webhooks();
    served.deliver(&deliveries).await;
    served.deliver(&deliveries).await;
    served.completed("CI / test").await;
    served.deliver(&deliveries).await;

    // What was delivered before the next push is planned before it, too.
    served.push_workflow(&text.replace("starts", "more")).await;
    served.mark("more").await;
    insta::assert_snapshot!(served.checks(2).await, @"
    CI / test: success
    CI / test: success
    ");
    assert_eq!(served.mark_now("starts").as_deref(), Some("started"), "once");
    served.finish().await;
}
