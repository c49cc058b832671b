//! The control API and the program that serves it.

use checkmill_testkit::client;
use http::Method;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// The program, ended with the test.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(config: &Value) -> Self {
        let file = std::env::temp_dir().join(format!(
            "fake-github-{}-{}.json",
            std::process::id(),
            config["seed"]
        ));
        std::fs::File::create(&file)
            .unwrap()
            .write_all(config.to_string().as_bytes())
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fake-github"))
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        std::fs::remove_file(&file).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["app_id"], 1);
        Self {
            child,
            url: ready["url"].as_str().unwrap().to_owned(),
        }
    }

    async fn tell(&self, command: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/_control/{command}", self.url);
        let answer = client::send(Method::POST, &url, &[], body.to_string())
            .await
            .unwrap();
        (answer.status, answer.json())
    }

    async fn look(&self, what: &str) -> Value {
        let url = format!("{}/_control/{what}", self.url);
        client::send(Method::GET, &url, &[], "").await.unwrap().json()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn another_process_plays_the_people() {
    let mut program = Program::start(&json!({ "seed": "control", "clock": "fake" }));
    let repository =
        json!({ "name": "acme/widgets", "files": { "README.md": "x" }, "collaborators": { "ann": "write" } });
    let (status, made) = program.tell("repository", repository).await;
    assert_eq!(status, 200, "{made}");
    assert!(made["installation"].is_number());
    let push = json!({ "repo": "acme/widgets", "branch": "topic", "files": { "a": "1", "README.md": null } });
    let (_, pushed) = program.tell("push", push).await;
    assert!(pushed["sha"].is_string(), "{pushed}");
    let pull = json!({ "repo": "acme/widgets", "branch": "topic", "by": "ann" });
    assert_eq!(
        program.tell("open_pull_request", pull).await,
        (200, json!({ "number": 1 }))
    );
    let label = json!({ "repo": "acme/widgets", "number": 1, "edit": { "label": "x" } });
    assert_eq!(program.tell("edit_pull_request", label).await.0, 200);
    let close = json!({ "repo": "acme/widgets", "number": 1, "edit": "close" });
    assert_eq!(program.tell("edit_pull_request", close).await.0, 200);
    let fault = json!({ "route": "GET /app", "fault": { "status": 502 } });
    assert_eq!(program.tell("fault", fault).await.0, 200);
    assert_eq!(
        program.tell("advance", json!({ "ms": 1000 })).await.1["now_ms"],
        1_767_225_601_000_u64
    );

    let state = program.look("state").await;
    assert_eq!(
        state["repositories"][0]["refs"]["refs/heads/topic"],
        pushed["sha"]
    );
    let kinds: Vec<&str> = state["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "push",
            "pull_request.opened",
            "pull_request.labeled",
            "pull_request.closed"
        ]
    );
    client::send(
        Method::GET,
        &format!("{}/app", program.url),
        &[("user-agent", "x")],
        "",
    )
    .await
    .unwrap();
    client::send(
        Method::GET,
        &format!("{}/app", program.url),
        &[("user-agent", "x")],
        "",
    )
    .await
    .unwrap();
    let requests = program.look("requests").await;
    assert_eq!(requests["counts"]["GET /app"], 2);
    assert_eq!(
        requests["refused"],
        json!(["GET /app by nobody -> 401 \"Requires authentication\""])
    );
    assert_eq!(program.look("leftovers").await.as_array().unwrap().len(), 5);

    let waiting = json!({ "until": { "requests": { "route": "GET /app", "count": 2 } } });
    assert_eq!(program.tell("wait", waiting).await.0, 200);
    let in_vain =
        json!({ "until": { "checks_completed": { "repo": "acme/widgets", "count": 1 } }, "limit_ms": 10 });
    assert_eq!(program.tell("wait", in_vain).await.0, 408);

    // It ends with its stdin.
    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
}

#[tokio::test]
async fn commands_that_make_no_sense_are_explained() {
    let program = Program::start(&json!({ "seed": "senseless" }));
    let table = [
        ("nonsense", json!({}), 400, "unknown variant `nonsense`"),
        (
            "push",
            json!({ "repo": "acme/widgets", "colour": 1 }),
            400,
            "unknown field `colour`",
        ),
        ("push", json!({}), 400, "missing field `repo`"),
        (
            "push",
            json!({ "repo": "acme/widgets" }),
            422,
            "the fake GitHub has no repository acme/widgets",
        ),
        (
            "push",
            json!({ "repo": "widgets" }),
            422,
            "is not a repository (owner/name)",
        ),
        ("advance", json!({ "ms": 1 }), 422, "a clock that can be moved"),
        (
            "fault",
            json!({ "route": "GET /x", "fault": "drop_before_effect" }),
            422,
            "is not a route",
        ),
        (
            "click",
            json!({ "check": 1, "identifier": "x", "by": "a" }),
            422,
            "there is no check run 1",
        ),
    ];
    for (command, body, status, error) in table {
        let (got, answer) = program.tell(command, body).await;
        assert_eq!(got, status, "{command}: {answer}");
        assert!(
            answer["error"].as_str().unwrap().contains(error),
            "{command}: {answer}"
        );
    }
}

#[test]
fn a_bad_configuration_is_explained() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fake-github"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, error) = run(&["/nowhere/config.json"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("/nowhere/config.json can't be read"), "{error}");
    assert!(run(&["a", "b"]).1.contains("one argument at most"));
}

#[tokio::test]
async fn in_process_the_control_api_is_closed() {
    let bench = crate::bench::Bench::new().await;
    let url = format!("{}/_control/state", bench.fake.url());
    let answer = client::send(Method::GET, &url, &[("user-agent", "x")], "")
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
}
