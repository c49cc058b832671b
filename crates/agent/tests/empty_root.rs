//! The static agent where there is nothing but itself: no library, no loader, no shell, no name service.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use checkmill_backends::attempt::{AttemptDir, AttemptEnd, RESULT_FILE, SubmitRecord};
use checkmill_workflow::job::{JobResult, JobVerdict};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// In a namespace of its own, so that nothing of it stays. `$1` is the root.
const ENTER: &str = "mount --rbind /proc \"$1/proc\" && mount --bind /dev/null \"$1/dev/null\" \\
    && exec \"$(command -v chroot)\" \"$1\" /agent run --dir /attempt";

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]);
    command
}

/// Says loudly that it can't run here, and leaves word of it for `cargo xtask test`, which counts.
fn skipped(why: &str) {
    let what = "the static agent in an empty root";
    println!("SKIPPED: {what} — {why}");
    if let Some(directory) = std::env::var_os("CHECKMILL_SKIPPED") {
        fs::write(
            Path::new(&directory).join("empty_root"),
            format!("{what} — {why}\n"),
        )
        .unwrap();
    }
}

/// A root with the agent, an attempt and a hosts file.
fn root(agent: &Path, callback: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    for directory in ["proc", "dev", "etc/ssl/certs", "attempt"] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    // Without any certificates there is no HTTP client, not even for a URL that needs none.
    let certificates = "etc/ssl/certs/ca-certificates.crt";
    fs::copy(Path::new("/").join(certificates), path(certificates)).unwrap();
    fs::write(path("dev/null"), "").unwrap();
    fs::write(path("etc/hosts"), "127.0.0.1 checkmill.example\n").unwrap();
    fs::copy(agent, path("agent")).unwrap();
    // The one program that is there is what the step runs.
    let description = json!({
        "job": "0123456789abcdef-01234567",
        "attempt": 1,
        "name": "ci / test",
        "checkout": {"clone_url": "file:///nowhere", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"},
        "contexts": {"github": {"event": {}}},
        "env": [],
        "defaults": {},
        "steps": [{"type": "run", "run": "nothing", "shell": "/agent --version {0}", "name": "Step"}],
        "outputs": {},
        "timeout_ms": 60_000,
        "callback": {"url": callback},
    });
    let record = SubmitRecord {
        key: "0a1b2c3d-0123456789abcdef-01234567-1".to_owned(),
        name: "ci / test".to_owned(),
        labels: Vec::new(),
        submitted_ms: 0,
        backstop_ms: 60_000,
    };
    let attempt = AttemptDir::new(path("attempt"));
    attempt
        .describe(&serde_json::to_vec(&description).unwrap(), &record)
        .unwrap();
    root
}

/// The paths of the requests that come, each answered with 200.
fn paths(listener: TcpListener) -> mpsc::Receiver<String> {
    let (sender, paths) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let path = first.split_whitespace().nth(1).unwrap();
            sender.send(path.to_owned()).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
    });
    paths
}

#[test]
#[ignore = "wants the static agent: cargo xtask test --only agent"]
fn it_runs_a_job_and_reports_by_name() {
    let agent = std::env::var_os("CHECKMILL_AGENT").expect("the static agent's path");
    let allowed = unshare().arg("true").stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return skipped("no namespaces can be made");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let root = root(
        &PathBuf::from(agent),
        &format!("http://checkmill.example:{port}/jobs/j/1"),
    );
    let paths = paths(listener);
    let mut command = unshare();
    command
        .args(["sh", "-c", ENTER, "sh"])
        .arg(root.path())
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("GITHUB_TOKEN", "ghs_root")
        .env("CHECKMILL_CALLBACK_TOKEN", "cm1.root")
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let attempt = AttemptDir::new(root.path().join("attempt"));
    let end = attempt.exit().unwrap().expect("an exit").end;
    assert_eq!(end, AttemptEnd::Exited { code: 0 }, "{output:?}");
    let result: JobResult = serde_json::from_slice(&attempt.read(RESULT_FILE).unwrap().unwrap()).unwrap();
    assert_eq!(result.conclusion, JobVerdict::Success);
    let log = fs::read_to_string(root.path().join("attempt/log")).unwrap();
    assert!(log.contains(" checkmill-agent "), "{log}");
    let paths: Vec<_> = paths.try_iter().collect();
    assert_eq!(paths.first().unwrap(), "/jobs/j/1/running");
    assert_eq!(paths.last().unwrap(), "/jobs/j/1/end");
}
