//! A second opinion: the adapter and the webhook parser against `emulate` (npm), a GitHub that we didn't write.
//!
//! Runs where `CHECKMILL_EMULATE` names emulate's `dist/index.js` (0.12.2) and `CHECKMILL_NODE` a Node of 22.15 or later;
//! says SKIPPED elsewhere. emulate is more lenient than GitHub (`checkmill-testkit` is the strict one), so what counts here is
//! that its own reading of GitHub's documentation and ours meet.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Router, routing};
use checkmill_core::event::GitRef;
use checkmill_core::policy::TokenPermissions;
use checkmill_core::{CheckRunId, CommitSha, Conclusion, Event, EventKind, JobId, UnixMillis};
use checkmill_github::client::{GitHub, GitHubSettings};
use checkmill_github::forge::{
    Annotation, AnnotationLevel, Beside, ChangeSet, ChangedFiles, CheckState, CheckStatus, Forge, NewCheck,
    RepoRef, SourceContent,
};
use checkmill_github::settings::AppId;
use checkmill_github::webhook::{Parsed, WebhookSecrets, parse};
use checkmill_testkit::key::TEST_ONLY_APP_KEY_PEM;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const APP: u64 = 7;
/// One page: emulate replaces the annotations with each update, where GitHub's documentation says that they are appended.
const ANNOTATIONS: u32 = 40;
const SECRET: &str = "s3cret";
const DIR: &str = ".checkmill/workflows";
const POLICY: &str = ".checkmill/config.yml";

struct Emulator {
    /// Killed when it is dropped.
    _process: Child,
    port: u16,
    events: UnboundedReceiver<Event>,
    github: GitHub,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own switches, and the machine's clock"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "emulate goes by the machine's clock")]
fn now() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixMillis(u64::try_from(since.unwrap().as_millis()).unwrap())
}

impl Emulator {
    async fn start() -> Option<Self> {
        let (script, node) = (variable("CHECKMILL_EMULATE")?, variable("CHECKMILL_NODE")?);
        let (events, port) = (unbounded_channel(), free_port().await);
        let hook = listen(events.0).await;
        let directory = tempfile::tempdir().unwrap();
        let seed = directory.path().join("seed.yaml");
        // JSON is YAML.
        std::fs::write(&seed, seed_of(hook).to_string()).unwrap();
        let mut process = Command::new(node)
            .args([
                script.as_str(),
                "--service",
                "github",
                "--port",
                &port.to_string(),
                "--seed",
            ])
            .arg(&seed)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Ready.") {
                let url = format!("http://127.0.0.1:{port}").parse().unwrap();
                let settings =
                    GitHubSettings::new(url, AppId(APP), TEST_ONLY_APP_KEY_PEM.into(), Arc::new(now));
                let github = GitHub::new(settings).unwrap();
                return Some(Self {
                    _process: process,
                    port,
                    events: events.1,
                    github,
                });
            }
        }
        panic!("emulate ended before it was ready");
    }

    /// As the user octocat.
    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer octo-token\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len(),
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        // Chunked or not, the JSON is from the first brace to the last.
        let (from, to) = (rest.find(['{', '[']), rest.rfind(['}', ']']));
        from.zip(to).map_or(Value::Null, |(from, to)| {
            serde_json::from_str(&rest[from..=to]).unwrap()
        })
    }

    async fn write(&self, path: &str, text: &str, branch: &str) {
        let content = base64(text);
        let body = json!({"message": format!("Write {path}"), "content": content, "branch": branch});
        self.ask("PUT", &format!("/repos/octocat/hello/contents/{path}"), body)
            .await;
    }

    /// The next event of this name; others are passed over.
    async fn event(&mut self, name: &str) -> Event {
        loop {
            let event = tokio::time::timeout(std::time::Duration::from_secs(20), self.events.recv()).await;
            let event = event.expect("an event within 20 s").expect("the listener lives");
            if event.name() == name {
                return event;
            }
        }
    }
}

fn seed_of(hook: u16) -> Value {
    let permissions = json!({
        "checks": "write", "contents": "read", "issues": "write", "metadata": "read", "pull_requests": "write",
    });
    json!({
        "tokens": {"octo-token": {"login": "octocat", "scopes": ["repo", "user"]}},
        "github": {
            "users": [{"login": "octocat"}, {"login": "reader"}],
            "repos": [{"owner": "octocat", "name": "hello", "auto_init": true}],
            "apps": [{
                "app_id": APP, "slug": "checkmill", "name": "Checkmill", "permissions": permissions,
                "events": ["push", "pull_request", "check_run", "check_suite", "workflow_dispatch"],
                "webhook_url": format!("http://127.0.0.1:{hook}/webhook"), "webhook_secret": SECRET,
                "private_key": TEST_ONLY_APP_KEY_PEM,
                "installations": [{"installation_id": 100, "account": "octocat", "repository_selection": "all"}],
            }],
        },
    })
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Takes webhooks, verifies and parses them, and hands the events on.
async fn listen(events: UnboundedSender<Event>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new()
        .route("/webhook", routing::post(hook))
        .with_state(events);
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn hook(State(events): State<UnboundedSender<Event>>, headers: HeaderMap, body: Bytes) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secrets = WebhookSecrets::new(SECRET.into(), None).unwrap();
    assert_eq!(secrets.verify(&body, header("x-hub-signature-256")), Ok(()));
    let (name, delivery) = (
        header("x-github-event").unwrap(),
        header("x-github-delivery").unwrap(),
    );
    if let Parsed::Event(event) = parse(name, delivery, &body, now()).unwrap() {
        let _ = events.send(*event);
    }
}

/// RFC 4648, for one request that wants it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
            out.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    out
}

fn state(annotations: u32, at: UnixMillis) -> CheckState {
    let annotation = |n| Annotation {
        path: "README.md".to_owned(),
        start_line: n,
        end_line: n,
        start_column: None,
        end_column: None,
        level: AnnotationLevel::Warning,
        title: None,
        message: format!("m{n}"),
    };
    CheckState {
        status: CheckStatus::Completed {
            conclusion: Conclusion::Failure,
            started_at: Some(at),
            completed_at: at,
        },
        title: "Failed".to_owned(),
        summary: "**Failed**".to_owned(),
        text: Some("log".to_owned()),
        annotations: (1..=annotations).map(annotation).collect(),
        details_url: None,
        buttons: Vec::new(),
    }
}

#[tokio::test]
async fn the_way_of_a_push_and_a_pull_request() {
    let Some(mut emulator) = Emulator::start().await else {
        eprintln!("\n==== SKIPPED: CHECKMILL_EMULATE and CHECKMILL_NODE do not name emulate and Node ====\n");
        return;
    };
    emulator
        .write(&format!("{DIR}/ci.yml"), "on: push\n", "main")
        .await;
    emulator.event("push").await;
    emulator.write(POLICY, "forks: never\n", "main").await;
    let event = emulator.event("push").await;
    let EventKind::Push(push) = &event.kind else {
        unreachable!("asked for by name")
    };
    let repo = RepoRef {
        installation: event.installation,
        id: event.repository.id,
        name: event.repository.name.clone(),
    };
    let sha = push.after.clone().unwrap();
    read(&emulator.github, &repo, push.before.as_ref(), &sha).await;
    let check = check(&emulator.github, &repo, &sha).await;
    let shown = emulator
        .ask(
            "GET",
            &format!("/repos/octocat/hello/check-runs/{check}"),
            Value::Null,
        )
        .await;
    assert_eq!(shown["conclusion"], "failure");
    assert_eq!(shown["output"]["annotations_count"], ANNOTATIONS);

    let topic = json!({"ref": "refs/heads/topic", "sha": sha});
    emulator.ask("POST", "/repos/octocat/hello/git/refs", topic).await;
    emulator.write("b.txt", "b", "topic").await;
    let pull = json!({"title": "Topic", "head": "topic", "base": "main"});
    let pull = emulator.ask("POST", "/repos/octocat/hello/pulls", pull).await;
    let number = pull["number"].as_u64().unwrap();
    let EventKind::PullRequest(opened) = emulator.event("pull_request").await.kind else {
        unreachable!("by name")
    };
    assert_eq!(
        (opened.action.as_str(), opened.number, opened.base_ref.as_str()),
        ("opened", number, "main")
    );
    let changed = emulator
        .github
        .changed_files(&repo, &ChangeSet::PullRequest { number })
        .await
        .unwrap();
    // A stub of emulate's: no pull request changes anything.
    assert_eq!(paths(changed), Vec::<String>::new());
    let marker = "<!-- checkmill:run:0123456789abcdef -->";
    let write = async |known, text: &str| {
        let body = format!("{marker}\n{text}");
        emulator
            .github
            .write_comment(&repo, number, known, marker, &body)
            .await
            .unwrap()
    };
    let first = write(None, "one").await;
    assert_eq!(write(Some(first), "two").await, first);
    assert_eq!(write(None, "three").await, first, "found by its marker");
}

/// All of them.
fn paths(changed: ChangedFiles) -> Vec<String> {
    match changed {
        ChangedFiles::Known {
            paths,
            truncated: false,
            ..
        } => paths,
        other => panic!("not all are known: {other:?}"),
    }
}

async fn read(github: &GitHub, repo: &RepoRef, before: Option<&CommitSha>, sha: &CommitSha) {
    // It has no GraphQL: this is the way by REST.
    let files = github
        .planning_files(repo, sha, &[DIR, ".nowhere"], POLICY, Beside::Nothing)
        .await
        .unwrap();
    assert_eq!(files.message, format!("Write {POLICY}"));
    assert_eq!(files.workflows.len(), 1);
    assert_eq!(
        files.workflows[0].content,
        SourceContent::Text("on: push\n".to_owned())
    );
    assert_eq!(
        files.policy.unwrap().content,
        SourceContent::Text("forks: never\n".to_owned())
    );
    let after = sha.clone();
    let advanced = before
        .cloned()
        .map(|before| ChangeSet::Advanced { before, after });
    let created = ChangeSet::Created {
        first: None,
        after: sha.clone(),
    };
    for of in advanced.iter().chain([&created]) {
        let changed = github.changed_files(repo, of).await.unwrap();
        assert_eq!(paths(changed), [POLICY], "{of}");
    }
    let branch = |name: &str| GitRef::Branch(name.to_owned());
    assert_eq!(
        github.resolve_ref(repo, &branch("main")).await,
        Ok(Some(sha.clone()))
    );
    assert_eq!(github.resolve_ref(repo, &branch("nowhere")).await, Ok(None));
    assert_eq!(
        github.may_write(repo, &"octocat".parse().unwrap()).await,
        Ok(true)
    );
    assert_eq!(
        github.may_write(repo, &"reader".parse().unwrap()).await,
        Ok(false)
    );
    let token = github
        .job_token(repo, &TokenPermissions::read_only())
        .await
        .unwrap();
    assert!(token.expires_at > now());
}

async fn check(github: &GitHub, repo: &RepoRef, sha: &CommitSha) -> CheckRunId {
    let job: JobId = "0123456789abcdef-01234567".parse().unwrap();
    let queued = CheckState {
        status: CheckStatus::Queued,
        ..state(0, now())
    };
    let new = NewCheck {
        name: "CI / test".to_owned(),
        sha: sha.clone(),
        job: job.clone(),
        state: queued,
    };
    let id = github.create_check(repo, &new).await.unwrap();
    assert_eq!(
        github.find_check(repo, sha, "CI / test", &job, None).await,
        Ok(Some(id))
    );
    assert_eq!(
        github.find_check(repo, sha, "CI / test", &job, Some(id)).await,
        Ok(None)
    );
    github
        .update_check(repo, id, &state(ANNOTATIONS, now()))
        .await
        .unwrap();
    id
}

#[test]
fn base64_of_the_rfc() {
    for (text, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(text), expected);
    }
}
