//! Who may leave what, and who finds it.

use super::{Artifacts, Caches};
use crate::callback::{CallbackAnswer, Content};
use crate::ports::{BlobInfo, Blobs, StoreError};
use async_trait::async_trait;
use checkmill_core::event::{GitRef, PullRequest, PullRequestHead, Push, Repository};
use checkmill_core::policy::Policy;
use checkmill_core::run::Trust;
use checkmill_core::{
    AttemptNumber, Event, EventKind, InstallationId, Job, JobState, Millis, RepositoryId, Run, UnixMillis,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Blobs in memory; each write is one millisecond after the one before.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, (Vec<u8>, u64)>>);

#[async_trait]
impl Blobs for Memory {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let mut blobs = self.0.lock().unwrap();
        let time = blobs.values().map(|(_, time)| *time).max().unwrap_or(0) + 1;
        blobs.insert(key.to_owned(), (bytes, time));
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).map(|(bytes, _)| bytes.clone()))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self
            .describe(prefix)
            .await?
            .into_iter()
            .map(|blob| blob.key)
            .collect())
    }

    async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        if self.get(key).await?.is_some() {
            return Ok(false);
        }
        self.put(key, bytes).await?;
        Ok(true)
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    async fn describe(&self, prefix: &str) -> Result<Vec<BlobInfo>, StoreError> {
        let blobs = self.0.lock().unwrap();
        let found = blobs.iter().filter(|(key, _)| key.starts_with(prefix));
        let info = |(key, (bytes, time)): (&String, &(Vec<u8>, u64))| BlobInfo {
            key: key.clone(),
            bytes: bytes.len() as u64,
            modified: UnixMillis(*time),
        };
        Ok(found.map(info).collect())
    }
}

pub(crate) fn job(id: &str, attempt: u32) -> Job {
    Job {
        id: id.parse().unwrap(),
        key: "build".parse().unwrap(),
        retries: checkmill_core::retry::Retries::allowed(checkmill_core::retry::RetryCounts::POLICY_DEFAULT),
        concurrency: None,
        leg: String::new(),
        name: "CI / build".to_owned(),
        runs_on: Vec::new(),
        continue_on_error: false,
        queue_timeout: Millis::from_minutes(1),
        run_timeout: Millis::from_minutes(1),
        attempt: AttemptNumber(attempt),
        generation: 0,
        state: JobState::Queued,
        queued_at: UnixMillis(0),
        placed_at: None,
        running_at: None,
        stop: None,
        early_report: None,
        check: None,
        check_uncertain: false,
        check_busy_until: None,
        previous_check: None,
        revived_at: None,
        task_token: None,
        version: 1,
    }
}

const ONE: &str = "0123456789abcdef-01234567";
const OTHER: &str = "0123456789abcdef-89abcdef";

fn run(kind: EventKind) -> Run {
    let event = Event {
        delivery: "72d3162e-cc78-11e3-81ab-4c9367dc0958".parse().unwrap(),
        installation: InstallationId(7),
        repository: Repository {
            id: RepositoryId(42),
            name: "octo/hello".parse().unwrap(),
            default_branch: "main".to_owned(),
            owner_id: None,
            private: false,
            internal: false,
            clone_url: String::new(),
            html_url: String::new(),
        },
        sender: "octocat".parse().unwrap(),
        sender_id: None,
        received_at: UnixMillis(0),
        kind,
    };
    Run {
        id: "0123456789abcdef".parse().unwrap(),
        installation: event.installation,
        sha: "1".repeat(40).parse().unwrap(),
        event,
        workflow_path: String::new(),
        workflow_name: String::new(),
        title: None,
        number: Some(1),
        rerun_by: None,
        policy: Policy::default(),
        trust: Trust::Own,
        hold: None,
        concurrency: None,
        cancelled: Vec::new(),
        nodes: BTreeMap::new(),
        asked: std::collections::BTreeMap::new(),
        comment: None,
        comment_claimed_until: None,
        created_at: UnixMillis(0),
        version: 1,
    }
}

pub(crate) fn push(branch: &str) -> Run {
    run(EventKind::Push(Push {
        git_ref: GitRef::Branch(branch.to_owned()),
        before: None,
        after: None,
        first: None,
        forced: false,
        message: String::new(),
    }))
}

pub(crate) fn pull(base: &str) -> Run {
    run(EventKind::PullRequest(PullRequest {
        action: "opened".to_owned(),
        number: 5,
        title: String::new(),
        author: "mona".parse().unwrap(),
        draft: false,
        labels: Vec::new(),
        head: PullRequestHead {
            git_ref: "feature".to_owned(),
            sha: "3".repeat(40).parse().unwrap(),
            repository: Some("mona/hello".parse().unwrap()),
        },
        base_ref: base.to_owned(),
        base_sha: "1".repeat(40).parse().unwrap(),
    }))
}

/// The same, for the default branch's files.
pub(crate) fn target(base: &str) -> Run {
    let run = pull(base);
    Run {
        event: run.event.as_target().expect("it is of a pull request"),
        ..run
    }
}

fn text(answer: &CallbackAnswer) -> String {
    match &answer.content {
        Content::Message(text) | Content::Json(text) => format!("{} {text}", answer.status),
        Content::Bytes(bytes) => format!("{} {}", answer.status, String::from_utf8_lossy(bytes)),
    }
}

fn upload(answer: &CallbackAnswer) -> String {
    let Content::Json(text) = &answer.content else {
        panic!("{answer:?}")
    };
    serde_json::from_str::<Value>(text).unwrap()["upload"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn archive(upload: &str, content: &str) -> Value {
    let digest = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    json!({"upload": upload, "parts": 1, "bytes": content.len(), "sha256": digest})
}

/// Saves a cache from a run; the last answer.
async fn save(memory: &Memory, run: &Run, key: &str, content: &str) -> String {
    let job = job(ONE, 1);
    let caches = Caches::new(memory, run, &job);
    let version = "0".repeat(64);
    let request = json!({"key": key, "version": version, "number": 1});
    let reserved = caches.reserve(&bytes(&request)).await.unwrap();
    if reserved.status != 200 {
        return text(&reserved);
    }
    let upload = upload(&reserved);
    let query = format!("upload={upload}&part=0");
    let stored = caches.put_part(Some(&query), content.as_bytes()).await.unwrap();
    assert_eq!(stored.status, 200);
    let commit = json!({"key": key, "version": version, "archive": archive(&upload, content)});
    text(&caches.commit(&bytes(&commit), UnixMillis(0)).await.unwrap())
}

/// What a run finds with these keys: key and ref.
async fn find(memory: &Memory, run: &Run, keys: &[&str]) -> String {
    let job = job(OTHER, 1);
    let caches = Caches::new(memory, run, &job);
    let request = json!({"version": "0".repeat(64), "keys": keys});
    let answer = caches.find(&bytes(&request)).await.unwrap();
    let Content::Json(text) = &answer.content else {
        return text(&answer);
    };
    let found: Value = serde_json::from_str(text).unwrap();
    match &found["found"] {
        Value::Null => "nothing".to_owned(),
        found => format!(
            "{} of {}",
            found["key"].as_str().unwrap(),
            found["scope"].as_str().unwrap()
        ),
    }
}

#[tokio::test]
async fn a_cache_is_found_by_its_ref_the_base_and_the_default_branch() {
    let memory = Memory::default();
    for (run, key) in [
        (push("main"), "deps-main"),
        (push("release"), "deps-release"),
        (pull("release"), "deps-pull"),
        (target("release"), "deps-target"),
        (push("other"), "deps-other"),
    ] {
        assert_eq!(save(&memory, &run, key, key).await, "200 stored");
    }
    let table = [
        (
            pull("release"),
            &["deps-pull"][..],
            "deps-pull of refs/pull/5/head",
        ),
        (
            pull("release"),
            &["deps-release"][..],
            "deps-release of refs/heads/release",
        ),
        (
            pull("release"),
            &["deps-main"][..],
            "deps-main of refs/heads/main",
        ),
        (pull("release"), &["deps-other"][..], "nothing"),
        (push("main"), &["deps-pull"][..], "nothing"),
        // What the fork's own code has left must not reach a job with more rights, nor what such a job leaves the branches.
        (target("release"), &["deps-pull"][..], "nothing"),
        (
            target("release"),
            &["deps-target"][..],
            "deps-target of refs/pull/5/target",
        ),
        (
            target("release"),
            &["deps-main"][..],
            "deps-main of refs/heads/main",
        ),
        (push("main"), &["deps-target"][..], "nothing"),
        (pull("release"), &["deps-target"][..], "nothing"),
        (push("release"), &["deps-pull"][..], "nothing"),
        (
            push("release"),
            &["deps-main"][..],
            "deps-main of refs/heads/main",
        ),
        (
            push("feature"),
            &["none", "deps-"][..],
            "deps-main of refs/heads/main",
        ),
    ];
    for (run, keys, expected) in table {
        assert_eq!(find(&memory, &run, keys).await, expected, "{keys:?}");
    }
    // Another ref's cache can't be read by naming its scope either.
    let job = job(OTHER, 1);
    let run = push("main");
    let caches = Caches::new(&memory, &run, &job);
    let read = |scope: &str, key: &str| {
        bytes(&json!({"key": key, "version": "0".repeat(64), "scope": scope, "part": 0}))
    };
    assert_eq!(
        text(&caches.read(&read("refs/heads/main", "deps-main")).await.unwrap()),
        "200 deps-main"
    );
    assert_eq!(
        caches
            .read(&read("refs/pull/5/head", "deps-pull"))
            .await
            .unwrap()
            .status,
        403
    );
    assert_eq!(
        caches
            .read(&read("refs/heads/main", "gone"))
            .await
            .unwrap()
            .status,
        404
    );
}

#[tokio::test]
async fn the_key_itself_then_the_newest_that_begins_with_it() {
    let memory = Memory::default();
    for key in ["linux-1", "linux-2", "linux-10", "mac-1"] {
        save(&memory, &push("main"), key, key).await;
    }
    for (keys, expected) in [
        (&["linux-1"][..], "linux-1 of refs/heads/main"),
        (&["linux-"][..], "linux-10 of refs/heads/main"),
        (&["win-1", "mac-", "linux-"][..], "mac-1 of refs/heads/main"),
        (&["win"][..], "nothing"),
    ] {
        assert_eq!(find(&memory, &push("main"), keys).await, expected);
    }
    assert_eq!(
        save(&memory, &push("main"), "linux-1", "other").await,
        "409 there is a cache with the key linux-1 already; a cache is never changed"
    );
    for key in ["a,b", " ", &"x".repeat(513)] {
        assert!(
            save(&memory, &push("main"), key, "x").await.starts_with("400 "),
            "{key}"
        );
    }
}

async fn keep(memory: &Memory, job: &Job, name: &str, overwrite: bool, content: &str) -> String {
    let artifacts = Artifacts::new(memory, job);
    let request = json!({"name": name, "overwrite": overwrite, "number": 1});
    let reserved = artifacts.reserve(&bytes(&request)).await.unwrap();
    if reserved.status != 200 {
        return text(&reserved);
    }
    let upload = upload(&reserved);
    let query = format!("upload={upload}&part=0");
    artifacts
        .put_part(Some(&query), content.as_bytes())
        .await
        .unwrap();
    let commit = json!({"name": name, "overwrite": overwrite, "archive": archive(&upload, content)});
    let first = artifacts.commit(&bytes(&commit)).await.unwrap();
    let again = artifacts.commit(&bytes(&commit)).await.unwrap();
    assert_eq!(first, again, "a commit whose answer was lost is made again");
    let read = artifacts
        .read(&bytes(&json!({"name": name, "part": 0})))
        .await
        .unwrap();
    text(&read)
}

#[tokio::test]
async fn an_artifacts_name_is_given_once_but_to_whoever_starts_over() {
    let memory = Memory::default();
    let taken = "409 the run has an artifact dist already; give each its own name, or set `overwrite: true`";
    assert_eq!(
        keep(&memory, &job(ONE, 1), "dist", false, "first").await,
        "200 first"
    );
    assert_eq!(keep(&memory, &job(ONE, 1), "dist", false, "x").await, taken);
    assert_eq!(keep(&memory, &job(OTHER, 3), "dist", false, "x").await, taken);
    assert_eq!(
        keep(&memory, &job(OTHER, 3), "dist", true, "second").await,
        "200 second"
    );
    assert_eq!(
        keep(&memory, &job(OTHER, 4), "dist", false, "third").await,
        "200 third"
    );
    let data = memory
        .list("runs/0123456789abcdef/artifacts/data/")
        .await
        .unwrap();
    assert_eq!(data.len(), 1, "what was replaced is gone: {data:?}");
    let reader = job(ONE, 1);
    let listed = text(&Artifacts::new(&memory, &reader).find().await.unwrap());
    assert!(
        listed.starts_with(r#"200 {"artifacts":[{"name":"dist","id":""#),
        "{listed}"
    );
    for name in ["", "a/b", "..", "a\nb", "a:b", &"x".repeat(257)] {
        assert!(
            keep(&memory, &reader, name, false, "x").await.starts_with("400 "),
            "{name}"
        );
    }
    // Another run has none of it.
    let stranger = job("fedcba9876543210-01234567", 1);
    let other = Artifacts::new(&memory, &stranger);
    assert_eq!(text(&other.find().await.unwrap()), r#"200 {"artifacts":[]}"#);
}

#[tokio::test]
async fn parts_are_the_attempts_own_and_all_of_them_are_needed() {
    let memory = Memory::default();
    let (mine, theirs) = (job(ONE, 1), job(OTHER, 1));
    let artifacts = Artifacts::new(&memory, &mine);
    let request = json!({"name": "a", "overwrite": false, "number": 1});
    let own = upload(&artifacts.reserve(&bytes(&request)).await.unwrap());
    let foreign = upload(
        &Artifacts::new(&memory, &theirs)
            .reserve(&bytes(&request))
            .await
            .unwrap(),
    );
    for (query, expected) in [
        (format!("upload={foreign}&part=0"), 400),
        (format!("upload={own}/../x&part=0"), 400),
        (format!("upload={own}"), 400),
        (format!("upload={own}&part=-1"), 400),
        (format!("upload={own}&part=99999"), 413),
        (format!("upload={own}&part=0"), 200),
    ] {
        assert_eq!(
            artifacts.put_part(Some(&query), b"12345").await.unwrap().status,
            expected,
            "{query}"
        );
    }
    let huge = vec![0; checkmill_core::limits::ARCHIVE_PART_BYTES + 1];
    let query = format!("upload={own}&part=1");
    assert_eq!(artifacts.put_part(Some(&query), &huge).await.unwrap().status, 413);
    for change in [
        json!({"parts": 2}),
        json!({"bytes": 4}),
        json!({"sha256": "x"}),
        json!({"upload": foreign}),
        json!({"upload": "../../x"}),
    ] {
        let mut archive = archive(&own, "12345");
        archive
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let commit = json!({"name": "a", "overwrite": false, "archive": archive});
        assert_eq!(
            artifacts.commit(&bytes(&commit)).await.unwrap().status,
            400,
            "{change}"
        );
    }
    // An upload is for one name.
    let commit = json!({"name": "b", "overwrite": false, "archive": archive(&own, "12345")});
    assert_eq!(artifacts.commit(&bytes(&commit)).await.unwrap().status, 400);
    for body in [&b"no json"[..], b"{}", &vec![b' '; 70_000]] {
        assert!(artifacts.commit(body).await.unwrap().status >= 400);
    }
}
