//! What the contract on a real cluster leaves out: other versions, other ways to the log, tokens, refusals.

use crate::slurm::{Reached, SlurmSubject};
use crate::subject::submission;
use checkmill_backends::port::{Backend, BackendEnd, BackendError, BackendState, SubmitKey};
use checkmill_backends::slurm::{Credentials, JobSettings, Row, SlurmBackend};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn key(number: u32) -> SubmitKey {
    format!("0a1b2c3d-0123456789abcdef-01234567-{number}")
        .parse()
        .unwrap()
}

async fn end(backend: &SlurmBackend, id: &str) -> BackendEnd {
    let ended = async {
        loop {
            match backend.poll(&[id.to_owned()]).await.unwrap().remove(0) {
                BackendState::Ended(end) => return end,
                BackendState::Unknown => panic!("{id} is forgotten"),
                BackendState::Pending | BackendState::Running => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap()
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_has_the_log_in_the_comment_and_speaks_all_its_versions() {
    let subject = SlurmSubject::new(Reached::BySocket);
    for (number, version) in [(36, "v0.0.36"), (37, "v0.0.37"), (38, "v0.0.38")] {
        let mut settings = subject.settings(Vec::new());
        settings.version = version.parse().unwrap();
        settings.shared_directory = None;
        let conf = subject.cluster.conf().display().to_string();
        settings.environment.insert("SLURM_CONF".to_owned(), conf);
        let backend = SlurmBackend::new(settings).unwrap();
        let script = "echo \"ä€😀 at $PWD\"; seq 1 100000; echo the last line; exit 3";
        let id = backend.submit(&submission(key(number), script)).await.unwrap();
        assert_eq!(
            end(&backend, &id).await,
            BackendEnd::Exited { code: 3 },
            "{version}"
        );
        let log = backend.log(&id, 0).await.unwrap();
        let text = String::from_utf8(log.bytes).unwrap();
        assert!(
            text.contains("bytes before this are not kept") && text.contains("the last line\n"),
            "{text}"
        );
        assert!(log.complete && text.len() < 1024);
        let owned = backend.list().await.unwrap();
        assert_eq!(
            owned.iter().filter(|owned| owned.id == id && !owned.live).count(),
            1
        );
        let left = std::env::temp_dir().join(format!("checkmill-{}", key(number)));
        assert!(!left.exists(), "{}", left.display());
    }
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_wants_a_token_that_holds() {
    let subject = SlurmSubject::new(Reached::ByHttp);
    let token = |seconds: u32| {
        subject
            .cluster
            .scontrol(&["token", &format!("lifespan={seconds}")])
            .into_bytes()
    };
    let held = Arc::new(Mutex::new(token(1)));
    let read = Arc::clone(&held);
    let mut settings = subject.settings(Vec::new());
    settings.credentials = Credentials::Token(Arc::new(move || Ok(read.lock().unwrap().clone())));
    let backend = SlurmBackend::new(settings).unwrap();
    let refused = async {
        loop {
            if let Err(error) = backend.list().await {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(60), refused)
        .await
        .unwrap();
    assert!(matches!(error, BackendError::Transient { .. }), "{error}");
    let text = String::from_utf8(held.lock().unwrap().clone()).unwrap();
    assert!(
        !error
            .to_string()
            .contains(text.trim().trim_start_matches("SLURM_JWT=")),
        "{error}"
    );
    *held.lock().unwrap() = token(600);
    assert_eq!(backend.list().await.unwrap(), []);
}

#[tokio::test]
#[ignore = "wants Slurm: cargo xtask test --only slurm"]
async fn slurm_cluster_refuses_in_its_own_words() {
    let subject = SlurmSubject::new(Reached::ByHttp);
    let text = |text: &str| Some(text.to_owned());
    let none = JobSettings::default;
    let table = [
        (
            JobSettings {
                partition: text("nope"),
                ..none()
            },
            "Invalid partition name specified (2000)",
        ),
        (
            JobSettings {
                reservation: text("nope"),
                ..none()
            },
            "Requested reservation is invalid (2053)",
        ),
        (
            JobSettings {
                constraint: text("nope"),
                ..none()
            },
            "Invalid feature specification (2029)",
        ),
    ];
    for (job, expected) in table {
        let row = Row {
            job,
            ..Row::default()
        };
        let backend = SlurmBackend::new(subject.settings(vec![row.clone()])).unwrap();
        let error = backend.submit(&submission(key(1), "true")).await.unwrap_err();
        let BackendError::Refused { detail, .. } = &error else {
            panic!("{row:?}: {error}")
        };
        assert_eq!(detail, expected, "{row:?}");
    }
    assert_eq!(subject.cluster.squeue("%A"), "", "nothing is queued");
}
