//! The backend against a strict stand-in, in each version of the API: the forms of the wire, lost answers, refusals.

mod standin;

use super::*;
use crate::port::BackendEnd;
use checkmill_core::{AttemptNumber, DeliveryId, DeploymentId, JobId, JobKey, RunId, UnixMillis};
use serde_json::json;
use standin::{FakeJob, Fault as Trouble, KEY, StandIn};
use std::sync::Mutex;

const VERSIONS: [u32; 8] = [36, 37, 38, 39, 40, 41, 42, 43];

fn backend(cluster: &StandIn, rows: Vec<Row>) -> SlurmBackend {
    let state = Arc::clone(&cluster.state);
    SlurmBackend::new(SlurmSettings {
        name: "cluster".to_owned(),
        server: Server::Http(format!("http://{}", cluster.address)),
        version: format!("v0.0.{}", cluster.state.lock().unwrap().version)
            .parse()
            .unwrap(),
        credentials: Credentials::Key(Arc::new(|| Ok(KEY.to_vec()))),
        user: "ci".to_owned(),
        agent: AgentOnNode {
            program: "/opt/agent".to_owned(),
            arguments: Vec::new(),
        },
        shared_directory: None,
        environment: BTreeMap::new(),
        accounting: true,
        callback: false,
        containers: false,
        rows,
        request: REQUEST,
        now: Arc::new(move || UnixMillis(state.lock().unwrap().now * 1000)),
    })
    .unwrap()
}

fn submission() -> Submission {
    let delivery: DeliveryId = "slurm".parse().unwrap();
    let key: JobKey = "build".parse().unwrap();
    let key = SubmitKey {
        deployment: DeploymentId::derive("slurm"),
        job: JobId::derive(&RunId::derive(&delivery, "ci.yml"), &key, ""),
        attempt: AttemptNumber::FIRST,
    };
    let description = json!({
        "job": key.job.to_string(), "attempt": 1, "name": "build",
        "checkout": {"clone_url": "file:///nowhere", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"},
        "contexts": {"github": {"event": {}}}, "env": [], "defaults": {},
        "steps": [{"type": "run", "run": "true", "shell": "sh"}], "outputs": {}, "timeout_ms": 1000, "callback": null,
    });
    Submission {
        key,
        name: "CI / build".to_owned(),
        description: description.to_string().into_bytes(),
        secrets: vec![("GITHUB_TOKEN".to_owned(), "it's @AGENT@ ghs_secret".into())],
        labels: vec!["gpu".to_owned()],
        queue_timeout: Millis::from_minutes(1),
        run_timeout: Millis::from_minutes(2),
    }
}

fn change(cluster: &StandIn, number: u32, change: impl Fn(&mut FakeJob)) {
    let mut state = cluster.state.lock().unwrap();
    state
        .jobs
        .iter_mut()
        .filter(|job| job.id == number)
        .for_each(change);
}

async fn poll(backend: &SlurmBackend, id: &str) -> BackendState {
    backend.poll(&[id.to_owned()]).await.unwrap().remove(0)
}

fn every_setting() -> Vec<Row> {
    let text = |text: &str| Some(text.to_owned());
    vec![Row {
        label: text("gpu"),
        repository: text("octo/*"),
        job: JobSettings {
            user: text("octo"),
            partition: text("big"),
            account: text("a"),
            qos: text("q"),
            reservation: text("r"),
            constraint: text("c"),
            gres: text("gpu:2"),
            cpus: Some(4),
            memory_mb: Some(100),
            nodes: Some(1),
            time_limit_minutes: Some(7),
            exclusive: Some(true),
        },
    }]
}

#[tokio::test]
async fn a_job_goes_its_way_in_every_version() {
    for version in VERSIONS {
        let cluster = StandIn::start(version).await;
        let backend = backend(&cluster, every_setting());
        let id = backend.submit(&submission()).await.unwrap();
        let key = submission().key;
        assert_eq!(id, format!("1:octo:{key}"), "0.0.{version}");
        assert_eq!(poll(&backend, &id).await, BackendState::Pending, "0.0.{version}");
        change(&cluster, 1, |job| job.states = vec!["RUNNING".to_owned()]);
        assert_eq!(poll(&backend, &id).await, BackendState::Running, "0.0.{version}");
        let owned = Owned {
            key,
            id: id.clone(),
            live: true,
        };
        assert_eq!(backend.list().await.unwrap(), [owned], "0.0.{version}");
        for (state, status, end) in [
            ("COMPLETED", 0, BackendEnd::Exited { code: 0 }),
            ("FAILED", 3 << 8, BackendEnd::Exited { code: 3 }),
            ("FAILED", 9, BackendEnd::Signalled { signal: 9 }),
            ("TIMEOUT", 0, BackendEnd::TimedOut),
        ] {
            change(&cluster, 1, |job| {
                (job.states, job.status) = (vec![state.to_owned()], status)
            });
            assert_eq!(
                poll(&backend, &id).await,
                BackendState::Ended(end),
                "0.0.{version} {state}"
            );
        }
        change(&cluster, 1, |job| job.states = vec!["RUNNING".to_owned()]);
        backend.cancel(&id).await.unwrap();
        assert_eq!(
            poll(&backend, &id).await,
            BackendState::Ended(BackendEnd::Cancelled),
            "0.0.{version}"
        );
        // Slurm forgets it; the database does not.
        let mut forgotten = { cluster.state.lock().unwrap().jobs.remove(0) };
        assert_eq!(poll(&backend, &id).await, BackendState::Unknown, "0.0.{version}");
        (forgotten.states, forgotten.status) = (vec!["FAILED".to_owned()], 5 << 8);
        cluster.state.lock().unwrap().accounted.push(forgotten);
        assert_eq!(
            poll(&backend, &id).await,
            BackendState::Ended(BackendEnd::Exited { code: 5 }),
            "0.0.{version}"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_starts_nothing_twice() {
    for trouble in [Trouble::AnswerLost, Trouble::Late] {
        let cluster = StandIn::start(38).await;
        let backend = backend(&cluster, Vec::new());
        cluster.state.lock().unwrap().faults.push_back(trouble);
        let lost = backend.submit(&submission()).await.unwrap_err();
        assert!(matches!(lost, BackendError::Transient { .. }), "{lost}");
        let id = backend.submit(&submission()).await.unwrap();
        assert_eq!(backend.submit(&submission()).await.unwrap(), id, "{trouble:?}");
        let state = cluster.state.lock().unwrap();
        let queued: Vec<u32> = state
            .jobs
            .iter()
            .filter(|job| job.states == ["PENDING"])
            .map(|job| job.id)
            .collect();
        assert_eq!(queued, [1], "{trouble:?}: the first is the one");
        assert!(id.starts_with("1:"), "{trouble:?}: {id}");
        assert!(state.jobs.iter().all(|job| job.job["dependency"] == "singleton"));
    }
}

#[tokio::test]
async fn of_two_submits_at_once_both_say_the_first() {
    let cluster = StandIn::start(40).await;
    let backend = backend(&cluster, Vec::new());
    cluster.state.lock().unwrap().faults.push_back(Trouble::Race);
    assert!(backend.submit(&submission()).await.unwrap().starts_with("1:"));
    let states: Vec<_> = cluster
        .state
        .lock()
        .unwrap()
        .jobs
        .iter()
        .map(|job| job.states[0].clone())
        .collect();
    assert_eq!(states, ["PENDING", "CANCELLED"]);
}

#[tokio::test]
async fn a_number_that_is_another_job_now_is_unknown() {
    let cluster = StandIn::start(38).await;
    let backend = backend(&cluster, Vec::new());
    let id = backend.submit(&submission()).await.unwrap();
    change(&cluster, 1, |job| job.job["name"] = json!("somebody's"));
    assert_eq!(poll(&backend, &id).await, BackendState::Unknown);
    backend.cancel(&id).await.unwrap();
    assert_eq!(
        cluster.state.lock().unwrap().jobs[0].states,
        ["PENDING"],
        "it is not ours to cancel"
    );
}

#[tokio::test]
async fn a_job_that_slurm_would_run_again_is_lost_and_cancelled() {
    let cluster = StandIn::start(42).await;
    let backend = backend(&cluster, Vec::new());
    let id = backend.submit(&submission()).await.unwrap();
    change(&cluster, 1, |job| job.restarts = 1);
    let BackendState::Ended(BackendEnd::Lost { detail }) = poll(&backend, &id).await else {
        panic!("it goes on")
    };
    assert_eq!(
        detail,
        "Slurm's job 1: it lost its node, and Slurm would run it again from its beginning"
    );
    assert_eq!(cluster.state.lock().unwrap().jobs[0].states, ["CANCELLED"]);
}

#[tokio::test]
async fn many_polls_are_one_request() {
    let cluster = StandIn::start(38).await;
    let backend = backend(&cluster, Vec::new());
    let mut ids = Vec::new();
    for attempt in 1..=20 {
        let mut submission = submission();
        submission.key.attempt = AttemptNumber(attempt);
        ids.push(backend.submit(&submission).await.unwrap());
    }
    cluster.state.lock().unwrap().requests.clear();
    assert_eq!(backend.poll(&ids).await.unwrap(), vec![BackendState::Pending; 20]);
    assert_eq!(cluster.state.lock().unwrap().requests, ["GET slurm/v0.0.38/jobs"]);
}

#[tokio::test]
async fn a_token_is_made_anew_before_it_ends_and_when_it_is_refused() {
    let cluster = StandIn::start(38).await;
    let made = Arc::new(Mutex::new(0));
    let count = Arc::clone(&made);
    let mut settings = backend(&cluster, Vec::new()).inner.settings.clone();
    settings.credentials = Credentials::Key(Arc::new(move || {
        *count.lock().unwrap() += 1;
        Ok(KEY.to_vec())
    }));
    let backend = SlurmBackend::new(settings).unwrap();
    let made = || *made.lock().unwrap();
    backend.list().await.unwrap();
    backend.list().await.unwrap();
    assert_eq!(made(), 1);
    cluster.state.lock().unwrap().now += 9 * 60;
    backend.list().await.unwrap();
    assert_eq!(made(), 2, "it would end within a minute");
    cluster
        .state
        .lock()
        .unwrap()
        .answers
        .push_back((401, "Authentication failure".to_owned()));
    let error = backend.list().await.unwrap_err();
    assert!(matches!(error, BackendError::Transient { .. }), "{error}");
    backend.list().await.unwrap();
    assert_eq!(made(), 3, "it was refused");
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_slurms_words_and_tried_again_where_that_may_help() {
    let cluster = StandIn::start(38).await;
    let backend = backend(&cluster, Vec::new());
    let errors =
        |number: i64, text: &str| json!({"errors": [{"error_code": number, "error": text}]}).to_string();
    let table = [
        (
            500,
            errors(2000, "Invalid partition name specified"),
            false,
            "Invalid partition name specified (2000)",
        ),
        (
            500,
            errors(2045, "Invalid account or account/partition combination specified"),
            false,
            "Invalid account or account/partition combination specified (2045)",
        ),
        (
            500,
            errors(2066, "Invalid qos specification"),
            false,
            "Invalid qos specification (2066)",
        ),
        (
            500,
            errors(2014, "Requested node configuration is not available"),
            false,
            "Requested node configuration is not available (2014)",
        ),
        (
            400,
            errors(9001, "Failure during parsing"),
            false,
            "Failure during parsing (9001)",
        ),
        (
            404,
            "Unable find requested URL.".to_owned(),
            false,
            "slurmrestd has no API v0.0.38 (`slurmrestd -s list` says which it has): Unable find requested URL.",
        ),
        (
            401,
            "Authentication failure".to_owned(),
            true,
            "slurmrestd does not accept the token: Authentication failure",
        ),
        (
            500,
            errors(-1, "Unspecified error"),
            true,
            "Unspecified error (which Slurm also says of a token that it does not accept)",
        ),
        (
            500,
            errors(1007, "Zero Bytes were transmitted or received"),
            true,
            "HTTP 500: Zero Bytes were transmitted or received (1007)",
        ),
        (
            500,
            errors(2068, "Job violates accounting/QOS policy"),
            true,
            "HTTP 500: Job violates accounting/QOS policy (2068)",
        ),
        (503, String::new(), true, "HTTP 503: it gave no reason"),
    ];
    for (status, body, again, expected) in table {
        cluster.state.lock().unwrap().answers.push_back((status, body));
        let (found, detail) = match backend.submit(&submission()).await.unwrap_err() {
            BackendError::Transient { detail, .. } => (true, detail),
            BackendError::Refused { detail, .. } => (false, detail),
        };
        assert_eq!((found, detail.as_str()), (again, expected));
    }
    let gone = SlurmBackend::new(SlurmSettings {
        server: Server::Unix("/nowhere/slurmrestd".into()),
        ..backend.inner.settings.clone()
    });
    let error = gone.unwrap().list().await.unwrap_err();
    assert!(matches!(error, BackendError::Transient { .. }), "{error}");
}

#[tokio::test]
async fn the_log_and_the_end_come_out_of_the_comment_where_there_is_no_other_way() {
    use base64::engine::{Engine as _, general_purpose::STANDARD};
    let cluster = StandIn::start(43).await;
    let backend = backend(&cluster, Vec::new());
    let id = backend.submit(&submission()).await.unwrap();
    let log = backend.log(&id, 0).await.unwrap();
    assert!(log.bytes.is_empty() && !log.complete);
    let end = STANDARD.encode(r#"{"end":{"type":"timed_out"},"ended_ms":1}"#);
    let comment = format!("checkmill:{end}:6:{}", STANDARD.encode("hello\n"));
    change(&cluster, 1, |job| {
        (job.states, job.status, job.comment) = (vec!["FAILED".to_owned()], 124 << 8, comment.clone());
    });
    assert_eq!(
        poll(&backend, &id).await,
        BackendState::Ended(BackendEnd::TimedOut)
    );
    let log = backend.log(&id, 2).await.unwrap();
    assert_eq!(
        (log.bytes.as_slice(), log.next_offset, log.complete),
        (b"llo\n".as_slice(), 6, true)
    );
    assert_eq!(backend.result(&id).await.unwrap(), None);
    backend.discard(&id).await.unwrap();
    assert_eq!(poll(&backend, &id).await, BackendState::Unknown);
    assert_eq!(backend.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_secret_is_in_the_script_alone() {
    let cluster = StandIn::start(41).await;
    let backend = backend(&cluster, every_setting());
    backend.submit(&submission()).await.unwrap();
    let job = cluster.state.lock().unwrap().jobs[0].job.to_string();
    assert!(!job.contains("ghs_secret"), "{job}");
    let record = SubmitRecord {
        key: String::new(),
        name: String::new(),
        labels: Vec::new(),
        submitted_ms: 0,
        backstop_ms: 0,
    };
    let agent = AgentOnNode {
        program: "/opt/the agent".to_owned(),
        arguments: vec!["agent".to_owned()],
    };
    let script = script::text(&submission(), &record, &agent, Place::Comment);
    assert!(
        script.contains(r"export GITHUB_TOKEN='it'\''s @AGENT@ ghs_secret'"),
        "{script}"
    );
    assert!(script.contains("'/opt/the agent' 'agent' run --dir"), "{script}");
    let checked = std::process::Command::new("sh")
        .args(["-n", "-c", &script])
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
