//! Jobs in microVMs of a stand-in for fcctl-web, from a push to the finished check.

use crate::conversation::REPO;
use crate::page::page;
use crate::served::Served;
use checkmill_testkit::firecracker::{DISK, FakeFirecracker, Options, TOKEN};
use checkmill_testkit::{CheckRun, NewRepository, Role};

struct Site {
    host: FakeFirecracker,
    served: Served,
    /// The file of backends.
    files: tempfile::TempDir,
}

impl Site {
    async fn start(callback: bool) -> Self {
        let files = tempfile::tempdir().unwrap();
        let host = FakeFirecracker::start(Options::default()).await.unwrap();
        let token = files.path().join("token");
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let text = format!(
            r#"
[[backend]]
name = "microvms"
labels = ["microvm", "rust"]
[backend.firecracker]
url = "{url}"
token-file = "{token}"
vm-type = "focal-ci"
agent = "{program}"
agent-arguments = ["agent"]
directory = "{DISK}/checkmill"
callback = {callback}
[[backend.firecracker.for]]
label = "rust"
vm-type = "rust-ci"
"#,
            url = host.url(),
            token = token.display(),
            program = env!("CARGO_BIN_EXE_checkmill"),
        );
        let file = files.path().join("backends.toml");
        std::fs::write(&file, text).unwrap();
        let repository = NewRepository::new(REPO).collaborator("ann", Role::Write);
        let variables = vec![("CHECKMILL_BACKENDS".to_owned(), file.display().to_string())];
        let served = Served::start_with(repository, variables).await;
        Self { host, served, files }
    }

    async fn finish(self) {
        let none = || self.host.vms().is_empty().then_some(());
        self.served.until("no VM", none).await;
        assert_eq!(self.host.refused(), Vec::<String>::new());
        self.served.finish().await;
    }
}

fn line(check: &CheckRun) -> String {
    let page = page(check);
    page.lines().take(4).collect::<Vec<_>>().join(" / ")
}

const TWO: &str = r#"
name: CI
on: push
jobs:
  code:
    runs-on: microvm
    strategy:
      fail-fast: false
      matrix:
        code: [0, 3]
    steps:
      - name: End
        run: |
          echo "in a VM"
          exit ${{ matrix.code }}
  rust:
    runs-on: rust
    steps:
      - run: sleep 1000
        timeout-minutes: 0.02
"#;

#[tokio::test]
async fn microvms_run_jobs_to_their_checks_with_a_callback_and_without() {
    for callback in [false, true] {
        let site = Site::start(callback).await;
        site.served.push_workflow(TWO).await;
        assert_eq!(
            site.served.checks(3).await,
            "CI / code (0): success\nCI / code (3): failure\nCI / rust: failure",
            "callback: {callback}"
        );
        let failed = page(&site.served.completed("CI / code (3)").await);
        assert!(
            failed.contains("in a VM") && failed.contains("exit code 3"),
            "{failed}"
        );
        // The step's own limit, kept by the agent.
        let slow = page(&site.served.completed("CI / rust").await);
        assert!(slow.contains("0.02"), "{slow}");
        site.finish().await;
    }
}

/// A job that waits for the mark `go`.
const WAITING: &str = r#"
name: CI
on: push
jobs:
  slow:
    runs-on: microvm
    steps:
      - name: Wait
        run: |
          echo run >> {desk}/started
          until [ -e {desk}/go ]; do sleep 0.05; done
"#;

#[tokio::test]
async fn microvms_are_deleted_when_their_job_is_cancelled() {
    let site = Site::start(false).await;
    site.served.push_workflow(WAITING).await;
    let check = site.served.running("CI / slow").await;
    site.served.mark("started").await;
    site.served.click(&check, "cancel", "ann").await;
    insta::assert_snapshot!(line(&site.served.completed("CI / slow").await), @"CI / slow: cancelled / Cancelled by ann /  / **Cancelled** (`cancelled`): Cancelled by @&#8203;ann.");
    site.finish().await;
}

#[tokio::test]
async fn microvms_that_break_down_have_their_job_tried_again() {
    let site = Site::start(false).await;
    site.served.push_workflow(WAITING).await;
    let first = site.served.running("CI / slow").await;
    site.served.mark("started").await;
    let vm = site.host.vms()[0].id.clone();
    site.host.break_down(&vm);
    let lost = site
        .served
        .check_that("CI / slow", "completed", |check| {
            check.id == first.id && check.conclusion.is_some()
        })
        .await;
    let lost = line(&lost).replace(&vm, "VM");
    insta::assert_snapshot!(lost, @"CI / slow: failure / No verdict: the infrastructure failed; retried as attempt 2 /  / **No verdict** (`infrastructure`): The job was lost: its VM VM is failed");
    site.served.allow("go");
    assert_eq!(site.served.after(&first).await.line(), "CI / slow: success");
    site.finish().await;
}

#[tokio::test]
async fn microvms_answer_a_probe() {
    let site = Site::start(false).await;
    let probe = |token: &str| {
        std::fs::write(site.files.path().join("token"), token).unwrap();
        let file = site.files.path().join("backends.toml");
        tokio::process::Command::new(env!("CARGO_BIN_EXE_checkmill"))
            .args(["backends", "--probe", "--backends"])
            .arg(file)
            .output()
    };
    let output = probe(TOKEN).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("microvms"), "{text}");
    let output = probe("another.token").await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("does not accept the token"), "{text}");
    std::fs::write(site.files.path().join("token"), TOKEN).unwrap();
    site.finish().await;
}
