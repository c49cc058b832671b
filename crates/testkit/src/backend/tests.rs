use super::*;
use checkmill_backends::port::BackendEnd;
use checkmill_core::limits::LOG_CHUNK_BYTES;
use checkmill_core::{AttemptNumber, Millis};

fn submission(name: &str, attempt: u32) -> Submission {
    Submission {
        key: SubmitKey {
            deployment: "0a1b2c3d".parse().unwrap(),
            job: "0123456789abcdef-01234567".parse().unwrap(),
            attempt: AttemptNumber(attempt),
        },
        name: name.to_owned(),
        description: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        queue_timeout: Millis(0),
        run_timeout: Millis(0),
    }
}

async fn polled(backend: &FakeBackend, id: &str) -> BackendState {
    backend.poll(&[id.to_owned()]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_job_follows_its_plan_and_is_started_once() {
    let backend = FakeBackend::default();
    backend.plan_for("lint", Plan::hangs());
    backend.plan_next(Plan::exits(3).log("out\n").result("{}"));
    let first = submission("test", 1);
    let id = backend.submit(&first).await.unwrap();
    assert_eq!(backend.submit(&first).await.unwrap(), id);
    assert_eq!(polled(&backend, &id).await, BackendState::Pending);
    assert_eq!(polled(&backend, &id).await, BackendState::Running);
    let end = BackendState::Ended(BackendEnd::Exited { code: 3 });
    assert_eq!(polled(&backend, &id).await, end);
    assert_eq!(polled(&backend, &id).await, end);
    assert_eq!(backend.result(&id).await.unwrap().unwrap(), b"{}");
    let lint = backend.submit(&submission("lint", 2)).await.unwrap();
    assert_eq!(polled(&backend, &lint).await, BackendState::Running);
    let other = backend.submit(&submission("other", 3)).await.unwrap();
    assert_eq!(polled(&backend, &other).await, BackendState::Pending);
    assert_eq!(polled(&backend, "nothing").await, BackendState::Unknown);
    assert_eq!(
        (backend.calls(Operation::Submit), backend.started().len()),
        (4, 3)
    );
    assert_eq!(backend.live().len(), 2);
}

#[tokio::test]
async fn a_cancel_ends_what_lives_and_nothing_else() {
    let backend = FakeBackend::default();
    let id = backend.submit(&submission("x", 1)).await.unwrap();
    backend.cancel(&id).await.unwrap();
    assert_eq!(
        polled(&backend, &id).await,
        BackendState::Ended(BackendEnd::Cancelled)
    );
    let key = submission("x", 1).key;
    backend.set_state(&key, BackendState::Ended(BackendEnd::Exited { code: 0 }));
    backend.cancel(&id).await.unwrap();
    backend.cancel("nothing").await.unwrap();
    assert_eq!(
        backend.state(&key),
        BackendState::Ended(BackendEnd::Exited { code: 0 })
    );
    backend.discard(&id).await.unwrap();
    backend.discard(&id).await.unwrap();
    assert!(backend.list().await.unwrap().is_empty());
    assert!(backend.leftovers().is_empty());
}

#[tokio::test]
async fn a_log_comes_in_pieces() {
    let backend = FakeBackend::default();
    let log = vec![b'x'; LOG_CHUNK_BYTES + 2];
    backend.plan_next(Plan::hangs().log(log));
    let key = submission("x", 1).key;
    let id = backend.submit(&submission("x", 1)).await.unwrap();
    let first = backend.log(&id, 0).await.unwrap();
    assert_eq!(
        (first.bytes.len(), first.next_offset, first.complete),
        (LOG_CHUNK_BYTES, LOG_CHUNK_BYTES as u64, false)
    );
    let second = backend.log(&id, first.next_offset).await.unwrap();
    assert_eq!(
        (second.bytes.len(), second.complete),
        (2, false),
        "more may come while it lives"
    );
    backend.set_state(&key, BackendState::Ended(BackendEnd::TimedOut));
    assert!(backend.append_log(&key, b"end"));
    let last = backend.log(&id, second.next_offset).await.unwrap();
    assert_eq!((last.bytes.as_slice(), last.complete), (b"end".as_slice(), true));
    let past = backend.log(&id, u64::MAX).await.unwrap();
    assert_eq!((past.bytes.len(), past.complete), (0, true));
    assert!(backend.log("nothing", 0).await.unwrap().bytes.is_empty());
}

#[tokio::test]
async fn lost_answers_and_refusals() {
    let backend = FakeBackend::default();
    let job = submission("x", 1);
    backend.fail_next(Operation::Submit, BackendFault::LostBeforeEffect);
    backend.fail_next(Operation::Submit, BackendFault::AnswerLostAfterEffect);
    assert!(matches!(
        backend.submit(&job).await,
        Err(BackendError::Transient { .. })
    ));
    assert!(backend.started().is_empty());
    assert!(matches!(
        backend.submit(&job).await,
        Err(BackendError::Transient { .. })
    ));
    assert_eq!(backend.started(), std::slice::from_ref(&job.key));
    backend.submit(&job).await.unwrap();
    assert_eq!(backend.started().len(), 1);
    backend.fail_next(Operation::Cancel, BackendFault::Refused("no".to_owned()));
    assert!(matches!(
        backend.cancel("x").await,
        Err(BackendError::Refused { .. })
    ));
}

#[tokio::test]
async fn leftovers_are_named() {
    let backend = FakeBackend::default();
    let job = submission("x", 1);
    let id = backend.submit(&job).await.unwrap();
    backend.forget(&job.key);
    let again = backend.submit(&job).await.unwrap();
    assert_ne!(id, again);
    backend.discard(&again).await.unwrap();
    backend.submit(&submission("y", 2)).await.unwrap();
    backend.fail_next(Operation::List, BackendFault::LostBeforeEffect);
    assert_eq!(
        backend.leftovers(),
        [
            "0123456789abcdef-01234567-2 is still live on the backend",
            "0a1b2c3d-0123456789abcdef-01234567-1 was started twice",
            "0a1b2c3d-0123456789abcdef-01234567-1 was discarded while it was live",
            "the backend's fault (List, LostBeforeEffect) was never met",
        ]
    );
}

#[tokio::test]
async fn a_wait_ends_with_the_submit() {
    let backend = FakeBackend::default();
    let job = submission("x", 1);
    let (key, id) = tokio::join!(
        backend.wait_for(|b| b.started().first().cloned()),
        backend.submit(&job)
    );
    assert_eq!((key, id.unwrap().as_str()), (job.key, "fake-1"));
}
