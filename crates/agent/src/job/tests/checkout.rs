//! Checkouts from repositories on this machine.

use super::secrets::files_with;
use crate::testing::{JOB_TOKEN, World, run, run_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checkmill_workflow::job::JobVerdict;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with a few commits.
struct Origin {
    temp: tempfile::TempDir,
}

impl Origin {
    fn new() -> Self {
        let origin = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        origin.git(&["init", "-q", "-b", "main"]);
        origin.commit("one");
        origin.commit("two");
        origin
    }

    fn path(&self) -> PathBuf {
        self.temp.path().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(self.temp.path(), arguments)
    }

    fn commit(&self, text: &str) -> String {
        std::fs::write(self.temp.path().join("file"), text).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", text]);
        self.head()
    }

    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    fn world(&self, sha: &str, git_ref: &str, steps: Value) -> World {
        World::new(steps).with(
            "checkout",
            json!({"clone_url": format!("file://{}", self.path().display()), "repository": "octo/hello", "sha": sha, "git_ref": git_ref}),
        )
    }
}

pub(super) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .current_dir(directory)
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn checkout(with: Value) -> Value {
    json!({"type": "uses", "uses": "actions/checkout@v4", "with": with, "id": "co"})
}

#[tokio::test]
async fn the_exact_commit_without_history_even_when_the_branch_has_moved() {
    let origin = Origin::new();
    let second = origin.head();
    origin.commit("three");
    let world = origin.world(&second, "refs/heads/main", json!([
        checkout(json!({})),
        run("cat file; echo; git log --format=%s; git status --short --branch; echo ${{ steps.co.outputs.ref }}"),
    ]));
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(
        ran.log
            .contains("\ntwo\ntwo\n## main...origin/main\nrefs/heads/main\n"),
        "{}",
        ran.log
    );
    assert!(ran.log.contains(&format!("Checked out {second}.")), "{}", ran.log);
    let config = std::fs::read_to_string(world.surroundings.layout.workspace.join(".git/config")).unwrap();
    assert!(!config.contains("extraheader"), "{config}");
}

#[tokio::test]
async fn whole_history_tags_paths_and_other_refs() {
    let origin = Origin::new();
    origin.git(&["tag", "-a", "v1", "-m", "v1", "HEAD~1"]);
    origin.git(&["branch", "other", "HEAD~1"]);
    let head = origin.head();
    let table = [
        (json!({"fetch-depth": "0"}), ".", "two one | refs/heads/main"),
        (json!({"path": "sub/dir"}), "sub/dir", "two | refs/heads/main"),
        (json!({"ref": "v1"}), ".", "one | refs/tags/v1"),
        (json!({"ref": "other"}), ".", "one | refs/heads/other"),
        (
            json!({"ref": "refs/heads/other", "fetch-depth": "0"}),
            ".",
            "one | refs/heads/other",
        ),
        (json!({"ref": head.clone()}), ".", "two | refs/heads/main"),
    ];
    for (with, directory, expected) in table {
        let log = "echo \"$(git log --format=%s | tr '\\n' ' ')| ${{ steps.co.outputs.ref }}\"";
        let world = origin.world(
            &head,
            "refs/heads/main",
            json!([
                checkout(with.clone()),
                run_with(log, json!({"working_directory": directory})),
            ]),
        );
        let ran = world.run().await;
        assert!(
            ran.log.contains(&format!("\n{expected}\n")),
            "{with}: {}",
            ran.log
        );
    }
}

#[tokio::test]
async fn a_pull_requests_merge_commit_and_a_tag_are_detached() {
    let origin = Origin::new();
    let head = origin.head();
    origin.git(&["update-ref", "refs/pull/5/merge", &head]);
    origin.git(&["tag", "v2"]);
    for git_ref in ["refs/pull/5/merge", "refs/tags/v2"] {
        let world = origin.world(
            &head,
            git_ref,
            json!([
                checkout(json!({})),
                run("git status --branch | head -1; git show-ref")
            ]),
        );
        let ran = world.run().await;
        assert!(ran.log.contains("HEAD detached"), "{}", ran.log);
        let kept = git_ref.replace("refs/pull", "refs/remotes/pull");
        assert!(ran.log.contains(&kept), "{}", ran.log);
    }
}

#[tokio::test]
async fn a_second_checkout_cleans_what_is_there() {
    let origin = Origin::new();
    let head = origin.head();
    let world = origin.world(
        &head,
        "refs/heads/main",
        json!([
            run("echo foreign > foreign"),
            checkout(json!({})),
            run("ls; echo changed > file; echo new > untracked"),
            checkout(json!({})),
            run("ls; cat file"),
        ]),
    );
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(
        !ran.log.contains("\nforeign\n") && !ran.log.contains("\nuntracked\n"),
        "{}",
        ran.log
    );
    assert!(ran.log.contains("\nfile\ntwo\n"), "{}", ran.log);
}

#[tokio::test]
async fn submodules_come_only_when_asked_for() {
    let module = Origin::new();
    let origin = Origin::new();
    origin.git(&["submodule", "add", "-q", module.path().to_str().unwrap(), "mod"]);
    let head = origin.commit("with module");
    for (with, expected) in [(json!({}), "absent"), (json!({"submodules": "true"}), "two")] {
        let world = origin.world(
            &head,
            "refs/heads/main",
            json!([checkout(with), run("cat mod/file 2>/dev/null || echo absent")]),
        );
        let ran = world.run().await;
        assert!(ran.log.contains(&format!("\n{expected}")), "{}", ran.log);
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_and_whose_fault_it_is() {
    let origin = Origin::new();
    let head = origin.head();
    let missing = "b".repeat(40);
    let table = [
        (
            head.as_str(),
            json!({"ref": "nope"}),
            JobVerdict::Configuration,
            "the repository has no branch or tag \"nope\"",
        ),
        (
            &head,
            json!({"ref": "a b"}),
            JobVerdict::Configuration,
            "\"a b\" is not a branch, a tag or a commit",
        ),
        (
            &head,
            json!({"sparse-checkout": "src"}),
            JobVerdict::Configuration,
            "sparse-checkout",
        ),
        (
            &missing,
            json!({}),
            JobVerdict::Infrastructure,
            "git fetch failed with exit code 128",
        ),
    ];
    for (sha, with, verdict, expected) in table {
        let ran = origin
            .world(sha, "refs/heads/main", json!([checkout(with)]))
            .run()
            .await;
        assert_eq!(ran.result.conclusion, verdict, "{}", ran.result.detail);
        assert!(ran.result.detail.contains(expected), "{}", ran.result.detail);
    }
}

#[tokio::test]
async fn what_the_network_may_have_broken_is_tried_again() {
    let world = World::new(json!([checkout(json!({}))])).with(
        "checkout",
        // Nobody listens at port 1.
        json!({"clone_url": "http://127.0.0.1:1/octo/hello.git", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"}),
    );
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Infrastructure);
    assert_eq!(
        ran.log
            .matches("##[warning]git fetch failed; trying again")
            .count(),
        1,
        "{}",
        ran.log
    );
}

/// git's own HTTP server, which wants the job's token.
pub(super) struct HttpOrigin {
    pub(super) address: std::net::SocketAddr,
}

impl HttpOrigin {
    pub(super) fn serve(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let root = root.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &root));
            }
        });
        Self { address }
    }
}

/// One request, by way of git-http-backend(1).
fn answer(stream: TcpStream, root: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = std::collections::BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![
        0;
        headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap())
    ];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    let expected = format!("basic {}", STANDARD.encode(format!("x-access-token:{JOB_TOKEN}")));
    if headers.get("authorization") != Some(&expected) {
        let refusal = "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
        return stream.write_all(refusal.as_bytes()).ok();
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .envs([
            ("GIT_PROJECT_ROOT", root.to_str().unwrap()),
            ("GIT_HTTP_EXPORT_ALL", "1"),
        ])
        .envs([
            ("PATH_INFO", path),
            ("QUERY_STRING", query),
            ("REQUEST_METHOD", &method),
        ])
        .envs([
            ("CONTENT_TYPE", header("content-type")),
            ("HTTP_CONTENT_ENCODING", header("content-encoding")),
        ])
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(&body).ok()?;
    let output = child.wait_with_output().ok()?.stdout;
    stream.write_all(b"HTTP/1.0 200 OK\r\n").ok()?;
    stream.write_all(&output).ok()
}

#[tokio::test]
async fn the_token_goes_to_the_server_and_to_later_steps_only_when_that_was_asked_for() {
    let origin = Origin::new();
    let server = HttpOrigin::serve(origin.path());
    for (with, expected) in [
        (json!({}), "refused"),
        (json!({"persist-credentials": "true"}), "refs/heads/main"),
    ] {
        let world = origin
            .world(&origin.head(), "refs/heads/main", json!([
                checkout(with),
                run("git ls-remote origin refs/heads/main 2>&1 || echo refused"),
            ]))
            .with(
                "checkout",
                json!({"clone_url": format!("http://{}/.git", server.address), "repository": "octo/hello", "sha": origin.head(), "git_ref": "refs/heads/main"}),
            );
        let ran = world.run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
        assert!(ran.log.contains(expected), "{}", ran.log);
        assert_eq!(files_with(world.attempt(), JOB_TOKEN), Vec::<String>::new());
        assert_eq!(
            files_with(world.attempt(), &STANDARD.encode(JOB_TOKEN)[..16]),
            Vec::<String>::new()
        );
    }
}

#[tokio::test]
async fn a_wrong_token_is_not_tried_again() {
    let origin = Origin::new();
    let server = HttpOrigin::serve(origin.path());
    let world = World::new(json!([checkout(json!({"token": "wrong-token"}))])).with(
        "checkout",
        json!({"clone_url": format!("http://{}/.git", server.address), "repository": "octo/hello", "sha": origin.head(), "git_ref": "refs/heads/main"}),
    );
    let ran = world.run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Infrastructure);
    assert!(
        !ran.log.contains("trying again") && !ran.log.contains("wrong-token"),
        "{}",
        ran.log
    );
}

/// A file of another repository is at no path of ours, and neither is one beside ours.
#[tokio::test]
async fn only_files_of_the_repository_are_places_of_messages() {
    let (origin, other) = (Origin::new(), Origin::new());
    let said = "printf '%s/file:3:1: error: %s\\n' mine ours dep theirs copy cloned . beside";
    let steps = json!([
        checkout(json!({"path": "mine"})),
        run(&format!(
            "git clone -q file://{} dep; git clone -q file://{} copy; echo > file; {said}",
            other.path().display(),
            origin.path().display(),
        )),
    ]);
    let ran = origin
        .world(&origin.head(), "refs/heads/main", steps.clone())
        .run()
        .await;
    let places = |ran: &crate::testing::Ran| -> Vec<String> {
        let annotations = ran.result.annotations.iter();
        let place = |of: &checkmill_workflow::job::ResultAnnotation| format!("{:?} {}", of.path, of.message);
        annotations.map(place).collect()
    };
    assert_eq!(
        places(&ran),
        ["Some(\"file\") ours", "Some(\"file\") cloned"],
        "{}",
        ran.log
    );
    // In the repository itself.
    let inside = json!([
        checkout(json!({})),
        run(&format!("git clone -q file://{} dep", other.path().display())),
        run_with(
            "echo 'file:3:1: error: theirs'",
            json!({"working_directory": "dep"})
        ),
        run("echo 'file:3:1: error: ours'"),
    ]);
    let ran = origin
        .world(&origin.head(), "refs/heads/main", inside)
        .run()
        .await;
    assert_eq!(places(&ran), ["Some(\"file\") ours"], "{}", ran.log);
}

/// What Checkmill itself calls is the machine's, whatever the workflow has made of `PATH`.
#[tokio::test]
async fn a_path_without_git_does_not_keep_the_checkout_from_it() {
    let origin = Origin::new();
    let steps = json!([
        checkout(json!({"fetch-depth": "0"})),
        run("echo \"in a shell, PATH=$PATH\""),
    ]);
    let world = origin.world(&origin.head(), "refs/heads/main", steps);
    let ran = world.with("env", json!([{"PATH": "/nowhere"}])).run().await;
    assert_eq!(ran.result.conclusion, JobVerdict::Success, "{}", ran.log);
    assert!(ran.log.contains("\nin a shell, PATH=/nowhere\n"), "{}", ran.log);
}

/// Reports that the repository holds are for its tests to read; those that the job writes over them are the job's.
#[tokio::test]
async fn reports_of_the_repository_are_not_the_jobs() {
    let origin = Origin::new();
    let report = |name: &str| format!("<testsuite><testcase name='{name}'><failure/></testcase></testsuite>");
    for name in ["junit.xml", "fixtures/junit.xml"] {
        let path = origin.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, report("committed")).unwrap();
    }
    let sha = origin.commit("three");
    let steps = json!([
        {"type": "uses", "uses": "actions/checkout@v4", "with": {}},
        run(&format!("printf %s \"{}\" > junit.xml", report("of the job"))),
    ]);
    let ran = origin.world(&sha, "refs/heads/main", steps).run().await;
    let names: Vec<_> = ran
        .result
        .tests
        .failures
        .iter()
        .map(|test| test.name.as_str())
        .collect();
    assert_eq!(names, ["of the job"], "{}", ran.log);
}

/// A job that a stranger started gets the repository's own commits: what is a fork's is refused, by whatever name it is asked
/// for, before anything of it is fetched.
#[tokio::test]
async fn where_a_stranger_started_it_only_the_repositorys_own_commits() {
    let origin = Origin::new();
    let (base, main) = (origin.git(&["rev-parse", "HEAD~1"]), origin.head());
    origin.git(&["branch", "other", "HEAD~1"]);
    origin.git(&["tag", "v1", "HEAD~1"]);
    origin.git(&["checkout", "-q", "-b", "evil"]);
    let evil = origin.commit("evil");
    origin.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
    origin.git(&["checkout", "-q", "main"]);
    origin.git(&["branch", "-q", "-D", "evil"]);
    let world = |git_ref: &str| {
        let with = json!({"ref": git_ref});
        origin
            .world(&main, "refs/heads/main", json!([checkout(with), run("cat file")]))
            .with(
                "checkout",
                json!({
                    "clone_url": format!("file://{}", origin.path().display()), "repository": "octo/hello",
                    "sha": main, "git_ref": "refs/heads/main", "only": [main, base],
                }),
            )
    };
    for own in ["", "main", "refs/heads/other", "v1", "refs/tags/v1", &main, &base] {
        let ran = world(own).run().await;
        assert_eq!(ran.result.conclusion, JobVerdict::Success, "{own}: {}", ran.log);
    }
    let upper = evil.to_uppercase();
    for strange in [
        evil.as_str(),
        &upper,
        "refs/pull/7/head",
        "refs/pull/7/merge",
        "refs/remotes/fork/x",
    ] {
        let world = world(strange);
        let ran = world.run().await;
        assert_ne!(
            ran.result.conclusion,
            JobVerdict::Success,
            "{strange}: {}",
            ran.log
        );
        assert!(
            ran.result
                .detail
                .contains("is no branch or tag of the repository"),
            "{}",
            ran.result.detail
        );
        assert!(
            !world.surroundings.layout.workspace.join("file").exists(),
            "{strange}"
        );
    }
    // Such a name is none of a branch or tag.
    for nothing in ["pull/7/head", "evil", "HEAD"] {
        let ran = world(nothing).run().await;
        assert!(
            ran.result.detail.contains("the repository has no branch or tag"),
            "{}",
            ran.result.detail
        );
    }
}
