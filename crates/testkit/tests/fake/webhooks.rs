//! Which webhooks are made, and how they are delivered.

use crate::bench::{Bench, REPO};
use checkmill_core::InstallationId;
use checkmill_testkit::{Delivering, FakeGitHub, NewCommit, Onto, Options, Outcome, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn kinds(fake: &FakeGitHub) -> Vec<String> {
    fake.take_webhooks().iter().map(|d| d.kind()).collect()
}

#[tokio::test]
async fn pushes_say_what_changed() {
    let bench = Bench::new().await;
    let commits = vec![
        NewCommit::new("One").by("ann").write("a", "1").write("b", "1"),
        NewCommit::new("Two [skip ci]")
            .by("bob")
            .write("a", "2")
            .delete("b"),
    ];
    let head = bench
        .fake
        .push_commits(REPO, "main", Onto::Head, commits)
        .unwrap();
    let forced = bench
        .fake
        .push_commits(
            REPO,
            "main",
            Onto::Commit(bench.sha.parse().unwrap()),
            vec![NewCommit::new("Other").write("c", "1")],
        )
        .unwrap();
    bench
        .fake
        .push_commits(REPO, "new", Onto::Head, Vec::new())
        .unwrap();
    bench
        .fake
        .update_ref(REPO, "refs/heads/new", None, "ann")
        .unwrap();
    bench
        .fake
        .update_ref(REPO, "refs/tags/v1", Some(head.clone()), "ann")
        .unwrap();
    bench
        .fake
        .push_tags(REPO, &["a", "b", "c", "d"], &head, "ann")
        .unwrap();
    // A push that changes nothing is none.
    bench
        .fake
        .update_ref(REPO, "refs/heads/main", Some(forced.clone()), "ann")
        .unwrap();

    let pushes: Vec<Value> = bench.fake.take_webhooks().iter().map(|d| d.json()).collect();
    let shown: Vec<Value> = pushes
        .iter()
        .map(|p| {
            json!([
                p["ref"],
                p["created"],
                p["deleted"],
                p["forced"],
                p["commits"].as_array().unwrap().len(),
                p["pusher"]["name"]
            ])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!(["refs/heads/main", false, false, false, 2, "bob"]),
            json!(["refs/heads/main", false, false, true, 1, "octocat"]),
            json!(["refs/heads/new", true, false, false, 0, "octocat"]),
            json!(["refs/heads/new", false, true, false, 0, "ann"]),
            json!(["refs/tags/v1", true, false, false, 0, "ann"]),
        ]
    );
    let zero = "0".repeat(40);
    assert_eq!(pushes[0]["before"], bench.sha);
    assert_eq!(pushes[0]["after"], head.as_str());
    assert_eq!(pushes[0]["head_commit"]["message"], "Two [skip ci]");
    assert_eq!(pushes[0]["head_commit"]["modified"], json!(["a"]));
    assert_eq!(pushes[0]["head_commit"]["removed"], json!(["b"]));
    assert_eq!(pushes[2]["before"], zero);
    assert_eq!(pushes[2]["head_commit"]["id"], forced.as_str());
    assert_eq!(
        (&pushes[3]["after"], &pushes[3]["head_commit"]),
        (&json!(zero), &Value::Null)
    );
    bench.fake.finish();
}

#[tokio::test]
async fn a_dispatch_with_inputs_that_the_file_does_not_take_is_none() {
    let bench = Bench::new().await;
    let path = ".checkmill/workflows/deploy.yml";
    let text = "on: {workflow_dispatch: {inputs: {who: {required: true}, dry: {type: boolean}}}}\n\
                jobs: {a: {runs-on: x, steps: [{run: y}]}}\n";
    bench
        .fake
        .push(REPO, "main", NewCommit::new("Add it").write(path, text))
        .unwrap();
    assert_eq!(kinds(&bench.fake), ["push"]);
    let dispatch = |inputs: &[(&str, &str)]| {
        let dispatched = bench.fake.dispatch_workflow(REPO, path, "main", inputs, "ann");
        dispatched.map(|_| ()).map_err(|error| error.to_string())
    };
    insta::assert_snapshot!(dispatch(&[]).unwrap_err(), @"the inputs do not fit the workflow: .checkmill/workflows/deploy.yml:1:35: the input `who` is required and was not given");
    insta::assert_snapshot!(dispatch(&[("who", "you"), ("dry", "maybe")]).unwrap_err(), @"the inputs do not fit the workflow: .checkmill/workflows/deploy.yml:1:58: the input `dry` must be `true` or `false`, not `maybe`");
    insta::assert_snapshot!(dispatch(&[("who", "you"), ("what", "x")]).unwrap_err(), @"the inputs do not fit the workflow: .checkmill/workflows/deploy.yml:1:6: the input `what` was given, which the workflow does not declare");
    assert_eq!(kinds(&bench.fake), Vec::<String>::new());
    dispatch(&[("WHO", "you"), ("dry", "true")]).unwrap();
    assert_eq!(kinds(&bench.fake), ["workflow_dispatch"]);
    bench.fake.finish();
}

#[tokio::test]
async fn buttons_and_reruns_reach_the_app_that_owns_the_check() {
    let bench = Bench::new().await;
    let token = bench.token(json!({})).await;
    let action = json!({ "label": "Approve", "description": "Run it", "identifier": "approve" });
    let body = json!({ "name": "ci", "head_sha": bench.sha, "external_id": "job-1", "conclusion": "action_required", "actions": [action] });
    bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &token, body)
        .await;
    let check = bench.fake.check_runs(REPO).unwrap()[0].id;

    let missing = bench.fake.click_button(check, "cancel", "ann").unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the check run ci has no button \"cancel\"; it has approve"
    );
    bench.fake.click_button(check, "approve", "ann").unwrap();
    bench.fake.rerequest_check(check, "bob").unwrap();
    bench
        .fake
        .rerequest_suite(REPO, &bench.sha.parse().unwrap(), "cleo")
        .unwrap();
    bench
        .fake
        .dispatch_workflow(
            REPO,
            ".checkmill/workflows/x.yml",
            "main",
            &[("who", "you")],
            "ann",
        )
        .unwrap();
    bench.fake.ping().unwrap();
    let webhooks = bench.fake.take_webhooks();
    let all: Vec<String> = webhooks.iter().map(|d| d.kind()).collect();
    assert_eq!(
        all,
        [
            "check_run.requested_action",
            "check_run.rerequested",
            "check_suite.rerequested",
            "workflow_dispatch",
            "ping"
        ]
    );
    let clicked = webhooks[0].json();
    assert_eq!(clicked["requested_action"], json!({ "identifier": "approve" }));
    assert_eq!(clicked["check_run"]["external_id"], "job-1");
    assert_eq!(clicked["sender"]["login"], "ann");
    assert_eq!(webhooks[2].json()["check_suite"]["head_sha"], bench.sha);
    assert_eq!(webhooks[3].json()["inputs"], json!({ "who": "you" }));
    assert_eq!(webhooks[3].json()["ref"], "refs/heads/main");
    for delivery in &webhooks {
        assert_eq!(
            delivery.signature,
            sign(bench.fake.webhook_secret(), &delivery.body)
        );
    }
    assert_eq!(webhooks[0].guid.as_str(), "00000001-fa4e-4000-8000-000000000001");
}

#[tokio::test]
async fn echoes_come_only_where_they_are_wanted() {
    let bench = Bench::with(Options {
        echoes: true,
        ..Options::default()
    })
    .await;
    let sha = bench
        .fake
        .push(REPO, "topic", NewCommit::new("x").write("x", "y"))
        .unwrap();
    let token = bench.token(json!({})).await;
    let body = json!({ "name": "ci", "head_sha": sha.as_str(), "conclusion": "success" });
    bench
        .request("POST", &format!("/repos/{REPO}/check-runs"), &token, body)
        .await;
    assert_eq!(
        kinds(&bench.fake),
        [
            "push",
            "check_suite.requested",
            "check_run.created",
            "check_run.completed",
            "check_suite.completed"
        ]
    );
}

#[tokio::test]
async fn access_given_and_taken() {
    let bench = Bench::new().await;
    let installation = InstallationId(bench.installation);
    bench.fake.announce_installation(installation).unwrap();
    bench.fake.set_access(installation, REPO, false).unwrap();
    bench.fake.push(REPO, "main", NewCommit::new("unheard")).unwrap();
    let token = bench.token(json!({})).await;
    assert_eq!(bench.get(&token, &format!("/repos/{REPO}")).await.status, 404);
    bench.fake.set_access(installation, REPO, true).unwrap();
    assert_eq!(bench.get(&token, &format!("/repos/{REPO}")).await.status, 200);
    assert_eq!(
        kinds(&bench.fake),
        [
            "installation.created",
            "installation_repositories.removed",
            "installation_repositories.added"
        ]
    );
}

/// Answers every request with 202 and gives the raw requests.
async fn receiver() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook", listener.local_addr().unwrap());
    let (sender, received) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let text = String::from_utf8_lossy(&request).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| {
                        line.to_ascii_lowercase()
                            .strip_prefix("content-length: ")
                            .map(str::to_owned)
                    });
                    if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                        sender.send(text).unwrap();
                        break;
                    }
                }
                let read = stream.read(&mut buffer).await.unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            stream
                .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
        }
    });
    (url, received)
}

#[tokio::test]
async fn webhooks_are_posted_once_and_again_under_the_same_id() {
    let (url, mut received) = receiver().await;
    let bench = Bench::with(Options {
        delivering: Delivering::To(url),
        ..Options::default()
    })
    .await;
    bench
        .fake
        .push(REPO, "main", NewCommit::new("x").write("x", "y"))
        .unwrap();
    let first = received.recv().await.unwrap();
    bench.fake.wait_for_deliveries().await;
    let guid = bench.fake.read(|s| s.deliveries[0].guid.clone());
    bench.fake.redeliver(&guid).unwrap();
    let second = received.recv().await.unwrap();
    bench.fake.wait_for_deliveries().await;

    assert!(first.starts_with("POST /webhook HTTP/1.1\r\n"), "{first}");
    for header in [
        "x-github-event: push\r\n".to_owned(),
        format!("x-github-delivery: {guid}\r\n"),
        "content-type: application/json\r\n".to_owned(),
        "user-agent: GitHub-Hookshot/".to_owned(),
        "x-hub-signature-256: sha256=".to_owned(),
    ] {
        assert!(first.contains(&header), "{header} in {first}");
        assert!(second.contains(&header), "{header} in {second}");
    }
    assert_eq!(
        first.split_once("\r\n\r\n").unwrap().1,
        second.split_once("\r\n\r\n").unwrap().1
    );
    let outcomes = bench.fake.read(|s| {
        s.deliveries
            .iter()
            .map(|d| (d.redelivery, d.outcome.clone()))
            .collect::<Vec<_>>()
    });
    let answered = Outcome::Answered {
        status: 202,
        body: "ok".to_owned(),
    };
    assert_eq!(outcomes, [(false, answered.clone()), (true, answered)]);
    bench.fake.finish();
}

#[tokio::test]
async fn the_deliveries_api_lists_and_redelivers() {
    let bench = Bench::new().await;
    for number in 0..3 {
        bench
            .fake
            .push(REPO, "main", NewCommit::new("x").write("x", number.to_string()))
            .unwrap();
    }
    let taken = bench.fake.take_webhooks();
    bench.fake.record_answer(&taken[0], 502, "bad gateway");
    bench.fake.record_answer(&taken[1], 202, "");
    let jwt = bench.jwt();
    let ids = |list: &Value| -> Vec<u64> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|d| d["id"].as_u64().unwrap())
            .collect()
    };
    let page = bench.get(&jwt, "/app/hook/deliveries?per_page=1").await;
    assert_eq!(ids(&page.json()), [8002], "one that is on its way is not listed");
    let next = page
        .header("link")
        .unwrap()
        .split(['<', '>'])
        .nth(1)
        .unwrap()
        .to_owned();
    let rest = bench
        .get(&jwt, next.strip_prefix(&bench.fake.url()).unwrap())
        .await;
    assert_eq!(ids(&rest.json()), [8001]);
    assert_eq!(rest.header("link"), None);
    let failed = bench
        .get(&jwt, "/app/hook/deliveries?status=failure")
        .await
        .json();
    assert_eq!(ids(&failed), [8001], "a status of 400 and more, or none");
    assert_eq!(failed[0]["status_code"], 502);
    let whole = bench.get(&jwt, "/app/hook/deliveries/8001").await.json();
    assert_eq!(whole["request"]["payload"]["ref"], "refs/heads/main");
    assert_eq!(
        whole["request"]["headers"]["x-github-delivery"],
        taken[0].guid.as_str()
    );
    assert_eq!(whole["response"]["payload"], "bad gateway");
    let again = bench
        .request("POST", "/app/hook/deliveries/8001/attempts", &jwt, json!(null))
        .await;
    assert_eq!(again.status, 202);
    let redelivered = bench.fake.take_webhooks();
    assert_eq!(redelivered.len(), 1);
    assert!(redelivered[0].redelivery);
    assert_eq!(
        (&redelivered[0].guid, &redelivered[0].body),
        (&taken[0].guid, &taken[0].body)
    );
    assert_eq!(
        bench
            .request("POST", "/app/hook/deliveries/9/attempts", &jwt, json!(null))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn seeds_keep_two_fakes_apart() {
    let guid = async |seed: &str| {
        let bench = Bench::with(Options {
            seed: seed.to_owned(),
            ..Options::default()
        })
        .await;
        bench
            .fake
            .push(REPO, "main", NewCommit::new("x").write("x", "y"))
            .unwrap();
        let token = bench.token(json!({})).await;
        (bench.fake.take_webhooks()[0].guid.to_string(), token)
    };
    let (a, b, again) = (guid("a").await, guid("b").await, guid("a").await);
    assert_ne!(a.0, b.0);
    assert_ne!(a.1, b.1);
    assert_eq!(a, again);
}
