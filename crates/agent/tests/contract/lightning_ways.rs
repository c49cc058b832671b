//! What the contract leaves out of Lightning: what goes wrong on the way, other ways to the agent and the log, refusals.

use crate::lightning::{LightningSubject, agent};
use crate::subject::submission;
use crate::web::Web;
use checkmill_backends::lightning::{
    AgentInImage, Credentials, JobSettings, LightningBackend, LightningSettings, Mount, Row, Teamspace,
};
use checkmill_backends::port::{
    Backend, BackendEnd, BackendError, BackendState, Owned, Submission, SubmitKey,
};
use checkmill_core::{Millis, UnixMillis};
use checkmill_testkit::lightning::{Fault, STUDIO, TOKEN};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn key(number: u32) -> SubmitKey {
    format!("0a1b2c3d-0123456789abcdef-01234567-{number}")
        .parse()
        .unwrap()
}

fn job(number: u32, script: &str) -> Submission {
    submission(key(number), script)
}

fn described(mut submission: Submission, change: impl FnOnce(&mut Value)) -> Submission {
    let mut description: Value = serde_json::from_slice(&submission.description).unwrap();
    change(&mut description);
    submission.description = description.to_string().into_bytes();
    submission
}

async fn poll(backend: &LightningBackend, id: &str) -> BackendState {
    backend.poll(&[id.to_owned()]).await.unwrap().remove(0)
}

async fn end(backend: &LightningBackend, id: &str) -> BackendEnd {
    let ended = async {
        loop {
            match poll(backend, id).await {
                BackendState::Ended(end) => return end,
                BackendState::Unknown => panic!("{id} is forgotten"),
                BackendState::Pending | BackendState::Running => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap()
}

async fn lost(backend: &LightningBackend, id: &str) -> String {
    match end(backend, id).await {
        BackendEnd::Lost { detail } => detail,
        other => panic!("{other:?}"),
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

fn states(subject: &LightningSubject) -> Vec<String> {
    let jobs = subject.cloud.jobs();
    jobs.iter()
        .map(|job| job["state"].as_str().unwrap().to_owned())
        .collect()
}

fn transient(error: BackendError) -> String {
    match error {
        BackendError::Transient { detail, .. } => detail,
        BackendError::Refused { .. } => panic!("{error}"),
    }
}

fn refused(error: BackendError) -> String {
    match error {
        BackendError::Refused { detail, .. } => detail,
        BackendError::Transient { .. } => panic!("{error}"),
    }
}

fn status(status: u16, retry_after: Option<u32>, body: &str) -> Fault {
    Fault::Status {
        status,
        retry_after,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn lightning_starts_nothing_twice() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let directory = tempfile::tempdir().unwrap();
    let ran = directory.path().join("ran");
    let script = format!("echo run >> {}", ran.display());
    for (number, fault) in [
        (1, Fault::AnswerLost),
        (2, Fault::Lost),
        (3, Fault::Race),
        (4, Fault::Late(2)),
    ] {
        subject.cloud.next("POST", fault.clone());
        let first = backend.submit(&job(number, &script)).await;
        assert_eq!(first.is_ok(), fault == Fault::Race, "{first:?}");
        let id = backend.submit(&job(number, &script)).await.unwrap();
        assert_eq!(backend.submit(&job(number, &script)).await.unwrap(), id);
        // What is too many is found and stopped before it has a machine, where nobody was told of it.
        let is_one = async || {
            let listed = backend.list().await.unwrap();
            let ours: Vec<&Owned> = listed.iter().filter(|owned| owned.key == key(number)).collect();
            let name = format!("checkmill-{}", key(number));
            let jobs = subject.cloud.jobs();
            let jobs = jobs
                .iter()
                .filter(|job| job["name"].as_str().unwrap().starts_with(&name));
            ours.len() == 1 && ours[0].id == id && jobs.count() == 1
        };
        until("one job is left", is_one).await;
        assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 0 });
        let runs = std::fs::read_to_string(&ran).unwrap();
        assert_eq!(
            runs.lines().count(),
            usize::try_from(number).unwrap(),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn lightning_is_left_alone_when_it_asks_for_it() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    backend.list().await.unwrap();
    let jobs = "GET projects/p-01/jobs";
    for (fault, expected) in [
        (
            status(429, Some(7), r#"{"message":"too many requests"}"#),
            "Lightning asks to be left alone for 7 s: too many requests",
        ),
        (
            status(429, None, ""),
            "Lightning asks to be left alone for 10 s: it gave no reason",
        ),
        (
            status(503, Some(100_000), ""),
            "Lightning asks to be left alone for 300 s: it gave no reason",
        ),
    ] {
        subject.cloud.next(jobs, fault);
        assert_eq!(transient(backend.list().await.unwrap_err()), expected);
        let _ = subject.cloud.requests();
        let quiet = transient(backend.list().await.unwrap_err());
        assert!(
            quiet.starts_with("Lightning asked to be left alone for "),
            "{quiet}"
        );
        assert_eq!(subject.cloud.requests(), [""; 0]);
        subject.cloud.advance()(Duration::from_secs(301));
        backend.list().await.unwrap();
    }
    subject
        .cloud
        .next(jobs, status(502, None, "<html>bad gateway</html>"));
    assert_eq!(
        transient(backend.list().await.unwrap_err()),
        "HTTP 502: <html>bad gateway</html>"
    );
    subject.cloud.next(jobs, status(200, None, "{"));
    assert!(transient(backend.list().await.unwrap_err()).contains("is not understood"));
    let hasty = LightningBackend::new(LightningSettings {
        request: Millis(50),
        teamspace: Teamspace::Id("p-01".to_owned()),
        ..subject.settings()
    })
    .unwrap();
    subject.cloud.next(jobs, Fault::Slow(Duration::from_secs(2)));
    assert!(transient(hasty.list().await.unwrap_err()).contains("timed out"));
}

#[tokio::test]
async fn lightning_is_shown_a_token_that_holds_and_nobody_else_is() {
    let subject = LightningSubject::new().await;
    let held = Arc::new(Mutex::new(format!("{TOKEN}\n")));
    let read = Arc::clone(&held);
    let backend = LightningBackend::new(LightningSettings {
        credentials: Credentials::Token(Arc::new(move || Ok(read.lock().unwrap().clone().into_bytes()))),
        ..subject.settings()
    })
    .unwrap();
    backend.list().await.unwrap();
    subject.cloud.renew_token("another");
    let error = backend.list().await.unwrap_err();
    assert!(!error.to_string().contains(TOKEN));
    assert_eq!(
        transient(error),
        "Lightning does not accept our credentials: unauthenticated"
    );
    "another".clone_into(&mut held.lock().unwrap());
    backend.list().await.unwrap();
    for broken in ["", "two words", "a\nb"] {
        broken.clone_into(&mut held.lock().unwrap());
        let error = transient(backend.list().await.unwrap_err());
        assert_eq!(error, "the token or key is not one word in one line");
    }
}

#[tokio::test]
async fn lightning_refuses_and_so_do_we() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let on = |labels: &[&str]| {
        let mut submission = job(1, "true");
        submission.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        submission
    };
    let said = async |submission: &Submission| refused(backend.submit(submission).await.unwrap_err());
    let unknown = said(&on(&["L44"])).await;
    assert!(
        unknown.starts_with("no machine or row of its table has the label l44; it knows A100, A100_40GB"),
        "{unknown}"
    );
    assert_eq!(
        said(&on(&["H200"])).await,
        "instance type \"lit-h200-1\" is not available"
    );
    let with = |what: Value| {
        described(job(1, "true"), |description| {
            description
                .as_object_mut()
                .unwrap()
                .extend(what.as_object().unwrap().clone());
        })
    };
    for (what, expected) in [
        (
            json!({"services": [{"id": "db", "image": "postgres"}]}),
            "a job of an image has no container engine, and so no services",
        ),
        (
            json!({"container": {"image": "a", "options": ["--cpus=1"]}}),
            "its container is the job itself, whose options Lightning AI does not take (docs/lightning.md)",
        ),
    ] {
        assert_eq!(said(&with(what)).await, expected);
    }
    let mut large = String::new();
    for number in 0..100_000_u64 {
        large.push_str(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string());
    }
    let large = said(&with(json!({"name": large}))).await;
    assert!(large.ends_with("fit into its environment"), "{large}");
    let teamspace = |teamspace| {
        LightningBackend::new(LightningSettings {
            teamspace,
            ..subject.settings()
        })
        .unwrap()
    };
    let absent = teamspace(Teamspace::Name("other".to_owned()))
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        refused(absent),
        "there is no teamspace other; we are a member of research, ci"
    );
    let absent = teamspace(Teamspace::Id("p-09".to_owned()))
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        refused(absent),
        "Lightning has no such teamspace, or we are no member of it: project not found"
    );
    // What it says may repeat what it was sent.
    let echo = status(
        400,
        None,
        r#"{"message":"env: GITHUB_TOKEN=ghs_contract is bad"}"#,
    );
    subject.cloud.next("POST", echo);
    assert_eq!(said(&job(2, "true")).await, "env: GITHUB_TOKEN=*** is bad");
    assert_eq!(states(&subject), [""; 0]);
}

#[tokio::test]
async fn lightning_gets_what_a_job_asks_for_and_no_secret_in_the_open() {
    let subject = LightningSubject::new().await;
    let rows = vec![Row {
        label: None,
        repository: Some("octo/*".to_owned()),
        job: JobSettings {
            image_secret: Some("hub".to_owned()),
            ..JobSettings::default()
        },
    }];
    let mount = Mount {
        connection: "tools".to_owned(),
        folder: "bin".to_owned(),
        path: "/mnt".to_owned(),
    };
    let settings = LightningSettings {
        rows,
        mounts: vec![mount],
        ..subject.settings()
    };
    let backend = LightningBackend::new(settings.clone()).unwrap();
    let mut submission = described(job(1, "true"), |description| {
        description["interruptible"] = true.into();
        description["container"] = json!({"image": "python:3.11", "env": {"A": "b"}});
    });
    submission.labels = vec!["L4_X_2".to_owned()];
    let id = backend.submit(&submission).await.unwrap();
    let spec = &subject.cloud.jobs()[0]["spec"];
    assert_eq!(
        (
            &spec["image"],
            &spec["instanceName"],
            &spec["spot"],
            &spec["imageSecretRef"],
            &spec["cloudspaceId"]
        ),
        (
            &json!("python:3.11"),
            &json!("lit-l4-2"),
            &json!(true),
            &json!("hub"),
            &json!("")
        )
    );
    assert_eq!(
        spec["pathMappings"],
        json!([{"connectionName": "tools", "connectionPath": "bin", "containerPath": "/mnt"}])
    );
    assert!(
        spec["env"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "GITHUB_TOKEN", "value": "ghs_contract"}))
    );
    let mut open = spec.clone();
    open["env"] = Value::Null;
    assert!(!open.to_string().contains("ghs_contract"), "{open}");
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 0 });

    let studio = LightningBackend::new(LightningSettings {
        studio: Some(STUDIO.to_owned()),
        containers: true,
        ..settings
    });
    let id = studio
        .as_ref()
        .unwrap()
        .submit(&job(2, "env; exit 3"))
        .await
        .unwrap();
    assert_eq!(
        end(studio.as_ref().unwrap(), &id).await,
        BackendEnd::Exited { code: 3 }
    );
    let spec = &subject.cloud.jobs()[1]["spec"];
    assert_eq!(
        (&spec["image"], &spec["cloudspaceId"]),
        (&json!(""), &json!(STUDIO))
    );
    let log = studio.unwrap().log(&id, 0).await.unwrap();
    let log = String::from_utf8(log.bytes).unwrap();
    assert!(
        log.contains("IMAGE_VERSION=1") && log.contains("GITHUB_SHA="),
        "{log}"
    );
    for withheld in ["LIGHTNING_API_KEY", "CHECKMILL_INLINE", "ghs_contract"] {
        assert!(!log.contains(withheld), "{withheld}: {log}");
    }
}

#[tokio::test]
async fn lightning_loses_machines_and_says_so() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let started = |number: u32| {
        let mark = std::env::temp_dir().join(format!("checkmill-lightning-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&mark);
        (format!("echo > {}; sleep 1000", mark.display()), mark)
    };
    for number in [1, 2] {
        let (script, mark) = started(number);
        let id = backend.submit(&job(number, &script)).await.unwrap();
        until("it runs", async || mark.exists()).await;
        let _ = std::fs::remove_file(&mark);
        let lightnings = id.split(':').next().unwrap();
        let why = if number == 1 {
            subject.cloud.interrupt(lightnings);
            "its interruptible machine was taken away (the machine was reclaimed)"
        } else {
            subject.cloud.restart(lightnings);
            "it lost its machine, and Lightning would run it again from its beginning"
        };
        let expected = format!("Lightning's job {lightnings}: {why}");
        assert_eq!(lost(&backend, &id).await, expected);
        assert_eq!(lost(&backend, &id).await, expected, "an end stays");
        assert_eq!(backend.result(&id).await.unwrap(), None);
    }
    assert_eq!(states(&subject), ["failed", "stopped"]);
}

#[tokio::test]
async fn lightning_waits_for_the_last_words_of_a_machine_that_goes() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let id = backend.submit(&job(1, "sleep 0.5; exit 0")).await.unwrap();
    subject.cloud.notice(id.split(':').next().unwrap());
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    assert_eq!(states(&subject), ["failed"]);
    assert_eq!(
        subject.cloud.jobs()[0]["interruptionNoticeReceived"],
        true,
        "it was interrupted"
    );
}

#[tokio::test]
async fn lightning_jobs_of_others_are_left_alone() {
    let subject = LightningSubject::new().await;
    let other = "checkmill-ffffffff-0123456789abcdef-01234567-1-q60s";
    subject.cloud.plant(other);
    subject.cloud.plant(other);
    let backend = subject.backend();
    backend.submit(&job(1, "true")).await.unwrap();
    assert_eq!(backend.list().await.unwrap().len(), 2);
    assert_eq!(states(&subject)[..2], ["running", "running"]);
}

#[tokio::test]
async fn lightning_is_not_taken_for_a_proxy() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let id = backend.submit(&job(1, "sleep 1000")).await.unwrap();
    let page = || status(404, None, "<html>no such host</html>");
    let one = std::slice::from_ref(&id);
    subject.cloud.next("GET projects/p-01/jobs/", page());
    assert_eq!(
        transient(backend.poll(one).await.unwrap_err()),
        "HTTP 404, and not in Lightning's form: <html>no such host</html>"
    );
    subject.cloud.next("PUT", page());
    transient(backend.cancel(&id).await.unwrap_err());
    // A name that is taken by a job that nobody finds is no handle.
    subject.cloud.plant(&format!("checkmill-{}-q600s", key(2)));
    subject.cloud.next(
        "GET projects/p-01/jobs/find",
        status(404, None, r#"{"code":5,"message":"no"}"#),
    );
    subject.cloud.next(
        "GET projects/p-01/jobs/find",
        status(404, None, r#"{"code":5,"message":"no"}"#),
    );
    let said = transient(backend.submit(&job(2, "true")).await.unwrap_err());
    assert!(said.contains("is taken by a job that is not there"), "{said}");
    assert_eq!(states(&subject)[2], "stopped");
}

#[tokio::test]
async fn lightning_has_logs_by_page_and_by_file() {
    let script = "seq 1 300; echo 'ä€😀 \\x41'; exit 7";
    let mut logs = Vec::new();
    for (number, (pages, download)) in [
        (Some(500), true),
        (Some(10), true),
        (Some(10), false),
        (None, true),
    ]
    .into_iter()
    .enumerate()
    {
        let subject = LightningSubject::new().await;
        subject.cloud.has_logs(pages, download);
        let backend = subject.backend();
        let id = backend.submit(&job(1, script)).await.unwrap();
        assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 7 });
        // By somebody who has not read it before.
        let _ = subject.cloud.requests();
        let log = subject.backend().log(&id, 0).await.unwrap();
        assert!(log.complete);
        let requests = subject.cloud.requests();
        let count = |what: &str| requests.iter().filter(|line| line.contains(what)).count();
        let expected = [(1, 0), (1, 2), (40, 0), (1, 2)][number];
        let found = (
            count("page-logs").min(40),
            count("download-logs") + count("files/"),
        );
        assert!(
            found == expected || number == 2 && found.0 > 30,
            "{pages:?} {download}: {found:?}"
        );
        let result: Value = serde_json::from_slice(&backend.result(&id).await.unwrap().unwrap()).unwrap();
        assert_eq!(result["exit_code"], 7);
        let text = String::from_utf8(log.bytes).unwrap();
        // Without the times.
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_once(' ').unwrap_or_default().1.to_owned())
            .collect();
        logs.push(
            lines
                .into_iter()
                .filter(|line| line.parse::<u32>().is_ok() || line.contains('€'))
                .collect::<Vec<_>>(),
        );
    }
    assert!(logs.iter().all(|log| *log == logs[0] && log.len() >= 301));
    // Neither: the end is never known, and no success.
    let subject = LightningSubject::new().await;
    subject.cloud.has_logs(None, false);
    let backend = subject.backend();
    let id = backend.submit(&job(1, "true")).await.unwrap();
    assert!(
        lost(&backend, &id)
            .await
            .ends_with("it ended without a word of its agent")
    );
}

#[tokio::test]
async fn lightning_jobs_come_to_their_agent() {
    let subject = LightningSubject::new().await;
    let file = std::fs::read(agent()).unwrap();
    let sum = Command::new("sha256sum").arg(agent()).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    let web = Web::start(file).await;
    let with = |agent| {
        let settings = LightningSettings {
            agent,
            ..subject.settings()
        };
        LightningBackend::new(settings).unwrap()
    };
    let fetched = |sha256: &str| AgentInImage::Fetched {
        url: format!("{}/checkmill-agent", web.url()),
        sha256: sha256.to_owned(),
    };
    let good = with(fetched(&sum));
    let id = good.submit(&job(1, "exit 9")).await.unwrap();
    assert_eq!(end(&good, &id).await, BackendEnd::Exited { code: 9 });
    let wrong = "0".repeat(64);
    let bad = with(fetched(&wrong));
    let id = bad.submit(&job(2, "exit 9")).await.unwrap();
    let detail = lost(&bad, &id).await;
    let why = format!("checkmill: what was fetched is not the agent: its SHA-256 is not {wrong}");
    assert!(detail.ends_with(&why), "{detail}");
    let absent = with(AgentInImage::Present {
        program: "/nowhere/agent".to_owned(),
        arguments: Vec::new(),
    });
    let id = absent.submit(&job(3, "exit 9")).await.unwrap();
    let detail = lost(&absent, &id).await;
    assert!(
        detail.contains("/nowhere/agent") && detail.contains("not found"),
        "{detail}"
    );
    let log = absent.log(&id, 0).await.unwrap();
    assert!(log.complete && String::from_utf8(log.bytes).unwrap().contains("/nowhere/agent"));
}

/// A job for which nobody waits any more does nothing where it starts all the same.
#[tokio::test]
async fn lightning_jobs_that_start_too_late_do_nothing() {
    let subject = LightningSubject::new().await;
    let clock = subject.cloud.clock();
    // The service's own clock is right; the server's was an hour behind when it submitted.
    let slow = LightningBackend::new(LightningSettings {
        now: Arc::new(move || UnixMillis(clock() - 3_600_000)),
        ..subject.settings()
    });
    let id = slow.unwrap().submit(&job(1, "true")).await.unwrap();
    let detail = lost(&subject.backend(), &id).await;
    assert!(
        detail.ends_with("checkmill: this job starts too late"),
        "{detail}"
    );
}

#[tokio::test]
async fn lightning_jobs_call_back() {
    let web = Web::start(Vec::new()).await;
    let subject = LightningSubject::calling_back(format!("{}/jobs/j/1", web.url())).await;
    let backend = subject.backend();
    assert!(backend.capabilities().callback);
    let submission =
        checkmill_backends::contract::ContractSubject::submission(&subject, key(1), "echo hello; exit 4");
    let id = backend.submit(&submission).await.unwrap();
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 4 });
    assert!(web.posted("/running").is_some());
    assert!(web.posted("/log?offset=").unwrap().contains("hello"));
    let told: Value = serde_json::from_str(&web.posted("/end").unwrap()).unwrap();
    assert_eq!(told["exit_code"], 4);
}

/// The table of docs/lightning.md.
#[tokio::test]
async fn requests_of_a_job() {
    let subject = LightningSubject::new().await;
    let backend = subject.backend();
    let directory = tempfile::tempdir().unwrap();
    let (mark, go) = (directory.path().join("mark"), directory.path().join("go"));
    let script = format!(
        "echo > {}; until [ -e {} ]; do sleep 0.02; done",
        mark.display(),
        go.display()
    );
    let count = || subject.cloud.requests().len();
    let mut counts = Vec::new();
    backend.submit(&job(99, "true")).await.unwrap();
    let first = count();
    let id = backend.submit(&job(1, &script)).await.unwrap();
    let submit = count();
    counts.push((
        "the first job: teamspace and cloud account are looked up",
        format!("{} more", first - submit),
    ));
    counts.push(("submit", submit.to_string()));
    until("it runs", async || mark.exists()).await;
    let _ = count();
    assert_eq!(poll(&backend, &id).await, BackendState::Running);
    let one = count();
    counts.push(("each poll", one.to_string()));
    std::fs::write(&go, "").unwrap();
    // And has all of its log.
    until("Lightning knows the end", async || {
        let other = subject.backend();
        matches!(poll(&other, &id).await, BackendState::Ended(_))
    })
    .await;
    let _ = count();
    assert_eq!(
        poll(&backend, &id).await,
        BackendState::Ended(BackendEnd::Exited { code: 0 })
    );
    let last = count();
    counts.push(("the end: state and log", last.to_string()));
    assert!(backend.log(&id, 0).await.unwrap().complete);
    assert!(backend.result(&id).await.unwrap().is_some());
    assert_eq!(backend.cost(&id).await.unwrap().unwrap().to_string(), "$0.0125");
    let after = count();
    counts.push(("result, log and cost after it", after.to_string()));
    backend.discard(&id).await.unwrap();
    let discard = count();
    counts.push(("deletion", discard.to_string()));
    counts.push((
        "in all, with three polls",
        (submit + 3 * one + last + after + discard).to_string(),
    ));
    // A poll each minute: `checkmill_core::limits::POLL_INTERVAL_MAX`.
    let minute = checkmill_core::limits::POLL_INTERVAL_MAX;
    assert_eq!(minute, Millis::from_minutes(1));
    counts.push((
        "each minute of running, from the tenth minute on",
        one.to_string(),
    ));
    let mut ids = Vec::new();
    for number in 2..22 {
        ids.push(backend.submit(&job(number, "sleep 1000")).await.unwrap());
    }
    let _ = count();
    assert_eq!(backend.poll(&ids).await.unwrap().len(), 20);
    counts.push(("20 jobs polled together", count().to_string()));
    backend.cancel(&ids[0]).await.unwrap();
    counts.push(("cancel", count().to_string()));
    let rows: String = counts
        .iter()
        .map(|(what, count)| format!("| {what} | {count} |\n"))
        .collect();
    let documented = include_str!("../../../../docs/lightning.md");
    let (_, documented) = documented.split_once("<!-- requests -->\n").unwrap();
    let (documented, _) = documented.split_once("<!-- /requests -->").unwrap();
    assert_eq!(documented, format!("| | requests |\n|---|---|\n{rows}"));
}
