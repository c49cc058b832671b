//! What the contract leaves out of the Firecracker backend: VMs that come late, never, or go; lost answers; a full account; the
//! service's refusals; that no VM is ever left; and how many requests a job takes.

use crate::firecracker::FirecrackerSubject;
use crate::subject::submission;
use checkmill_backends::firecracker::{Download, FirecrackerBackend, Row};
use checkmill_backends::port::{Backend, BackendEnd, BackendError, BackendState, Owned, SubmitKey};
use checkmill_core::Millis;
use checkmill_testkit::firecracker::{DISK, Fault, Options};
use std::sync::Arc;
use std::time::Duration;

fn key(number: u32) -> SubmitKey {
    format!("0a1b2c3d-0123456789abcdef-01234567-{number}")
        .parse()
        .unwrap()
}

fn name(number: u32) -> String {
    format!("checkmill-{}", key(number))
}

async fn subject() -> FirecrackerSubject {
    FirecrackerSubject::new(Options::default()).await
}

async fn state(backend: &FirecrackerBackend, id: &str) -> BackendState {
    backend.poll(&[id.to_owned()]).await.unwrap().remove(0)
}

async fn end(backend: &FirecrackerBackend, id: &str) -> BackendEnd {
    let ended = async {
        loop {
            match state(backend, id).await {
                BackendState::Ended(end) => return end,
                BackendState::Unknown => panic!("{id} is forgotten"),
                BackendState::Pending | BackendState::Running => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), ended)
        .await
        .unwrap()
}

/// Submits until it succeeds, as the phases do; the errors before.
async fn insist(backend: &FirecrackerBackend, number: u32, script: &str) -> (String, Vec<String>) {
    let mut errors = Vec::new();
    for _ in 0..10 {
        match backend.submit(&submission(key(number), script)).await {
            Ok(id) => return (id, errors),
            Err(BackendError::Transient { detail, .. }) => errors.push(detail),
            Err(refused) => panic!("{refused}"),
        }
    }
    panic!("{errors:?}")
}

fn refusal(error: BackendError) -> String {
    match error {
        BackendError::Refused { detail, .. } => detail,
        BackendError::Transient { .. } => panic!("{error}"),
    }
}

fn transient(error: BackendError) -> String {
    match error {
        BackendError::Transient { detail, .. } => detail,
        BackendError::Refused { .. } => panic!("{error}"),
    }
}

#[tokio::test]
async fn microvm_requests_of_a_job_are_few() {
    let subject = subject().await;
    let backend = subject.backend();
    let (id, _) = insist(&backend, 1, "echo hello; exit 3").await;
    let (vm, _) = id.split_once(':').unwrap();
    let (list, execute) = ("GET /api/vms", "POST /api/llm/execute");
    let get = format!("GET /api/vms/{vm}");
    assert_eq!(
        subject.host.take_requests(),
        [list, "POST /api/vms", &get, list, execute],
        "a submit"
    );
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 3 });
    let _ = subject.host.take_requests();
    end(&backend, &id).await;
    assert_eq!(subject.host.take_requests(), [execute], "a poll");
    let log = backend.log(&id, 0).await.unwrap();
    assert!(log.complete && String::from_utf8_lossy(&log.bytes).contains("hello\n"));
    assert_eq!(subject.host.take_requests(), [execute], "256 KiB of a log");
    backend.result(&id).await.unwrap().unwrap();
    assert_eq!(subject.host.take_requests(), [execute], "a result");
    backend.cancel(&id).await.unwrap();
    assert_eq!(subject.host.take_requests(), [list, execute], "a cancel");
    backend.list().await.unwrap();
    assert_eq!(
        subject.host.take_requests(),
        [list, execute],
        "a list, with one for each VM of ours"
    );
    backend.discard(&id).await.unwrap();
    assert_eq!(
        subject.host.take_requests(),
        [list, execute, &format!("DELETE /api/vms/{vm}")],
        "a discard"
    );
    assert_eq!(subject.host.vms(), []);
    assert_eq!(subject.host.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn microvm_that_comes_late_is_waited_for() {
    let subject = FirecrackerSubject::new(Options {
        looks_to_boot: 4,
        refused_calls: 2,
        ..Options::default()
    })
    .await;
    let backend = subject.backend();
    let (id, errors) = insist(&backend, 1, "exit 5").await;
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 5 });
}

#[tokio::test]
async fn microvm_that_never_runs_is_deleted() {
    let mut subject = FirecrackerSubject::new(Options {
        looks_to_boot: u32::MAX,
        ..Options::default()
    })
    .await;
    subject.settings.wait = Millis(200);
    subject.settings.boot = Millis(600);
    let backend = subject.backend();
    let mut errors = Vec::new();
    while !subject.host.vms().is_empty() || errors.is_empty() {
        errors.push(transient(
            backend.submit(&submission(key(1), "true")).await.unwrap_err(),
        ));
        assert!(subject.host.vms().len() <= 1 && errors.len() < 20, "{errors:?}");
    }
    assert!(
        errors[0].contains("is not there yet: it is Creating"),
        "{errors:?}"
    );
    assert!(
        errors.last().unwrap().contains("is deleted: it is Creating"),
        "{errors:?}"
    );
    // The next one gets another VM.
    subject.host.set(Options::default());
    let (id, _) = insist(&backend, 1, "exit 5").await;
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 5 });
}

#[tokio::test]
async fn microvm_submit_survives_every_lost_answer() {
    let requests = [
        ("GET /api/vms", 1),
        ("POST /api/vms", 2),
        ("GET /api/vms/", 3),
        ("POST /api/llm/execute", 4),
    ];
    for (request, number) in requests {
        for (fault, of) in [
            (Fault::AnswerLost, 0),
            (Fault::BreakOff, 10),
            (Fault::Status(503), 20),
        ] {
            let subject = subject().await;
            let number = number + of;
            subject.host.fault(request, fault);
            let shared = tempfile::tempdir().unwrap();
            let runs = shared.path().join("runs");
            let script = format!("echo run >> {}", runs.display());
            let backend = subject.backend();
            let (id, _) = insist(&backend, number, &script).await;
            assert_eq!(
                end(&backend, &id).await,
                BackendEnd::Exited { code: 0 },
                "{request} {fault:?}"
            );
            assert_eq!(
                std::fs::read_to_string(runs).unwrap(),
                "run\n",
                "{request} {fault:?}"
            );
            backend.discard(&id).await.unwrap();
            assert_eq!(subject.host.vms(), [], "{request} {fault:?}");
        }
    }
}

#[tokio::test]
async fn microvm_made_twice_is_one_job() {
    // Somebody else's at the same time, and one that comes after a next submit has looked.
    for fault in [Fault::Race, Fault::Late] {
        let subject = subject().await;
        let backend = subject.backend();
        subject.host.fault("POST /api/vms", fault);
        let (id, _) = insist(&backend, 1, "exit 3").await;
        assert_eq!(subject.host.vms().len(), 1, "{fault:?}");
        let (again, _) = insist(&backend, 1, "exit 3").await;
        assert_eq!(again, id, "{fault:?}");
        assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 3 });
    }
    // One that has the job counts, whichever was made first.
    let subject = subject().await;
    let backend = subject.backend();
    let planted = subject.host.plant(&name(1));
    let (id, _) = insist(&backend, 1, "exit 3").await;
    assert!(id.starts_with(&planted), "the one that is there is taken");
    subject.host.plant(&name(1));
    assert_eq!(insist(&backend, 1, "exit 3").await.0, id);
    assert_eq!(subject.host.vms().len(), 1);
    // What comes later still goes with the job.
    subject.host.plant(&name(1));
    end(&backend, &id).await;
    backend.discard(&id).await.unwrap();
    assert_eq!(subject.host.vms(), []);
}

#[tokio::test]
async fn microvm_that_breaks_down_is_lost_and_removed() {
    let subject = subject().await;
    let backend = subject.backend();
    let (id, _) = insist(&backend, 1, "sleep 1000").await;
    let (vm, _) = id.split_once(':').unwrap();
    subject.host.break_down(vm);
    let detail = format!("its VM {vm} is failed");
    assert_eq!(end(&backend, &id).await, BackendEnd::Lost { detail });
    assert_eq!(
        insist(&backend, 1, "sleep 1000").await.0,
        id,
        "it is not started again"
    );
    let log = backend.log(&id, 7).await.unwrap();
    assert!(log.complete && log.bytes.is_empty() && log.next_offset == 7);
    assert_eq!(backend.result(&id).await, Ok(None));
    let owned = Owned {
        key: key(1),
        id: id.clone(),
        live: false,
    };
    assert_eq!(backend.list().await.unwrap(), [owned]);
    backend.discard(&id).await.unwrap();
    assert_eq!(subject.host.vms(), []);
    assert_eq!(state(&backend, &id).await, BackendState::Unknown);
}

#[tokio::test]
async fn microvm_that_hangs_is_given_up_and_removed() {
    let mut subject = subject().await;
    subject.settings.boot = Millis(500);
    let backend = subject.backend();
    let (id, _) = insist(&backend, 1, "sleep 1000").await;
    let (vm, _) = id.split_once(':').unwrap();
    subject.host.hang(vm);
    let error = transient(backend.poll(std::slice::from_ref(&id)).await.unwrap_err());
    assert_eq!(
        error,
        format!(
            "nothing can be run in its VM {vm}: HTTP 500: SSH: connect to host 172.26.0.2 port 22: Connection refused"
        )
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(end(&backend, &id).await, BackendEnd::Lost { detail: error });
    assert!(backend.log(&id, 0).await.unwrap().complete);
    // What nobody knows any more is live, so the sweep cancels it.
    assert!(backend.list().await.unwrap()[0].live);
    backend.cancel(&id).await.unwrap();
    assert_eq!(subject.host.vms(), []);
}

#[tokio::test]
async fn microvm_whose_submit_was_cut_off_is_found_and_removed() {
    let subject = subject().await;
    let backend = subject.backend();
    // The caller died after it had made the VM.
    subject.host.fault("POST /api/vms", Fault::AnswerLost);
    transient(backend.submit(&submission(key(1), "true")).await.unwrap_err());
    subject.host.plant("github-runner-6bbc0036");
    let owned = backend.list().await.unwrap();
    assert_eq!(owned.len(), 1);
    assert!(owned[0].live && owned[0].key == key(1));
    backend.cancel(&owned[0].id).await.unwrap();
    assert_eq!(subject.host.vms().len(), 1, "somebody else's stays");
    assert_eq!(backend.list().await.unwrap(), []);
    // A running job is not discarded.
    let (id, _) = insist(&backend, 2, "sleep 1000").await;
    assert_eq!(
        refusal(backend.discard(&id).await.unwrap_err()),
        format!("{id} has not ended; cancel it before it is discarded")
    );
    backend.cancel(&id).await.unwrap();
    assert_eq!(end(&backend, &id).await, BackendEnd::Cancelled);
    backend.discard(&id).await.unwrap();
    assert_eq!(subject.host.vms().len(), 1);
}

#[tokio::test]
async fn microvm_without_an_agent_is_deleted() {
    let mut subject = subject().await;
    let broken = subject.host.disk("broken-agent");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, "#!/bin/sh\necho nonsense\n").unwrap();
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // No agent at all, and one that says nothing that is understood.
    for program in [
        "/nowhere/checkmill-agent".to_owned(),
        broken.display().to_string(),
    ] {
        subject.settings.agent.program.clone_from(&program);
        let backend = subject.backend();
        refusal(backend.submit(&submission(key(1), "true")).await.unwrap_err());
        let owned = backend.list().await.unwrap();
        assert!(owned.len() == 1 && owned[0].live, "{program}");
        backend.cancel(&owned[0].id).await.unwrap();
        assert_eq!(subject.host.vms(), [], "a cancel: {program}");
        refusal(backend.submit(&submission(key(1), "true")).await.unwrap_err());
        let owned = backend.list().await.unwrap();
        // What is wrong with the service keeps the VM, until it is well again.
        subject.host.fault("GET /api/vms", Fault::Status(503));
        transient(backend.discard(&owned[0].id).await.unwrap_err());
        backend.discard(&owned[0].id).await.unwrap();
        assert_eq!(subject.host.vms(), [], "a discard: {program}");
    }
}

#[tokio::test]
async fn microvm_with_the_job_is_kept_whatever_the_others_say() {
    let mut subject = subject().await;
    let program = subject.settings.agent.program.clone();
    let sum = std::process::Command::new("sha256sum")
        .arg(&program)
        .output()
        .unwrap();
    subject.settings.agent.program = format!("{DISK}/bin/checkmill-agent");
    subject.settings.agent.download = Some(Download {
        url: format!("file://{program}"),
        sha256: String::from_utf8(sum.stdout).unwrap()[..64].to_owned(),
    });
    let backend = subject.backend();
    let (id, _) = insist(&backend, 1, "sleep 1000").await;
    let (vm, _) = id.split_once(':').unwrap();
    // One without the agent has no job.
    subject.host.plant_first(&name(1));
    assert_eq!(insist(&backend, 1, "sleep 1000").await.0, id);
    assert_eq!(subject.host.vms().len(), 1);
    // One that can't be asked may have it.
    subject.host.plant_first(&name(1));
    subject.host.hang(vm);
    let error = transient(
        backend
            .submit(&submission(key(1), "sleep 1000"))
            .await
            .unwrap_err(),
    );
    assert!(error.contains("nothing can be run in its VM"), "{error}");
    assert!(subject.host.vms().iter().any(|seen| seen.id == vm));
}

#[tokio::test]
async fn microvm_account_that_is_full_is_asked_again() {
    let subject = FirecrackerSubject::new(Options {
        max_vms: 1,
        ..Options::default()
    })
    .await;
    let backend = subject.backend();
    let other = subject.host.plant("github-runner-6bbc0036");
    let error = transient(backend.submit(&submission(key(1), "true")).await.unwrap_err());
    assert_eq!(error, "its account has 1 VMs of the 1 that it may have");
    // The service's own word for it, where the list does not say.
    subject.host.set(Options::default());
    subject.host.fault("POST /api/vms", Fault::Status(429));
    let error = transient(backend.submit(&submission(key(1), "true")).await.unwrap_err());
    assert_eq!(error, "HTTP 429: scripted by the test");
    subject.host.break_down(&other);
    let (id, _) = insist(&backend, 1, "true").await;
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 0 });
}

#[tokio::test]
async fn microvm_service_refuses_in_its_own_words() {
    let mut subject = subject().await;
    let row = |label: &str, vm_type: &str| Row {
        label: Some(label.to_owned()),
        repository: None,
        vm_type: vm_type.to_owned(),
    };
    subject.settings.rows = vec![row("rust", "rust-ci"), row("odd", "windows-11")];
    let backend = subject.backend();
    let mut wanted = submission(key(1), "true");
    wanted.labels = vec!["Rust".to_owned()];
    let id = backend.submit(&wanted).await.unwrap();
    assert_eq!(subject.host.vms()[0].vm_type, "rust-ci");
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    wanted.key = key(2);
    wanted.labels = vec!["odd".to_owned()];
    assert_eq!(
        refusal(backend.submit(&wanted).await.unwrap_err()),
        "Unknown VM type: windows-11"
    );

    let mut settings = subject.settings.clone();
    settings.token = Arc::new(|| Ok(b"old.token.x".to_vec()));
    let error = FirecrackerBackend::new(settings)
        .unwrap()
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        transient(error),
        "it does not accept the token: Invalid or missing token"
    );

    let mut settings = subject.settings.clone();
    settings.url = format!("{}/elsewhere", settings.url);
    let error = FirecrackerBackend::new(settings)
        .unwrap()
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        refusal(error),
        "it has no path /api/vms: the url is not fcctl-web's"
    );

    let mut settings = subject.settings.clone();
    settings.agent.program = "/nowhere/checkmill-agent".to_owned();
    let backend = FirecrackerBackend::new(settings).unwrap();
    assert_eq!(
        refusal(backend.submit(&submission(key(3), "true")).await.unwrap_err()),
        "its VM has no agent that can be run at /nowhere/checkmill-agent: put it into the image, or say agent-url"
    );
}

#[tokio::test]
async fn microvm_gets_the_agent_that_is_meant_and_no_other() {
    let mut subject = subject().await;
    let program = subject.settings.agent.program.clone();
    let digest = std::process::Command::new("sha256sum")
        .arg(&program)
        .output()
        .unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap()[..64].to_owned();
    let download = |sha256: String| {
        Some(Download {
            url: format!("file://{program}"),
            sha256,
        })
    };
    subject.settings.agent.program = format!("{DISK}/bin/checkmill-agent");
    subject.settings.agent.download = download("0".repeat(64));
    let error = transient(
        subject
            .backend()
            .submit(&submission(key(1), "true"))
            .await
            .unwrap_err(),
    );
    assert_eq!(
        error,
        "its VM could not get the agent, or got another file than the one with this SHA-256"
    );
    subject.settings.agent.download = download(digest);
    let backend = subject.backend();
    let (id, _) = insist(&backend, 1, "exit 3").await;
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 3 });
}

#[tokio::test]
async fn microvm_takes_a_long_description_in_pieces_and_keeps_no_secret() {
    let subject = subject().await;
    let backend = subject.backend();
    let long = "# ä€😀\n".repeat(40_000);
    let (id, _) = insist(&backend, 1, &format!("{long}exit 7")).await;
    assert_eq!(end(&backend, &id).await, BackendEnd::Exited { code: 7 });
    let (vm, _) = id.split_once(':').unwrap();
    let disk = subject.host.disk(vm);
    let holds = std::process::Command::new("grep")
        .args(["-r", "-l", "-e", "ghs_contract", "-e", "Z2hzX2NvbnRyYWN0"])
        .arg(&disk)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(holds.stdout).unwrap(), "");
    let parts = std::fs::read_dir(disk.join("checkmill/.parts")).unwrap();
    assert_eq!(parts.count(), 0, "the pieces are gone");
}
