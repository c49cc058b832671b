//! Submitting: one key, one job.

use super::{Case, ContractSubject};
use crate::port::BackendEnd;
use futures::future::join_all;

/// Notes each run of the script.
const COUNTED: &str = "echo run >> runs";

pub(super) async fn the_same_key_starts_one_job(subject: &impl ContractSubject) {
    let case = Case::new(subject, "submit-twice");
    let backend = subject.controller().await;
    let id = case.submit(&backend, 1, COUNTED).await;
    assert_eq!(
        case.submit(&backend, 1, COUNTED).await,
        id,
        "the second submit gives the first one's id"
    );
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    assert_eq!(
        case.submit(&backend, 1, COUNTED).await,
        id,
        "also when the job has ended"
    );
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    assert_eq!(case.read("runs"), "run\n", "it ran once");
    let other = case.submit(&backend, 2, COUNTED).await;
    assert_ne!(other, id, "another key is another job");
    case.end(&backend, &other).await;
}

pub(super) async fn at_the_same_time_too(subject: &impl ContractSubject) {
    let case = Case::new(subject, "submit-at-once");
    let controllers = [subject.controller().await, subject.controller().await];
    let submits = (0..8).map(|number| case.submit(&controllers[number % 2], 1, COUNTED));
    let ids = join_all(submits).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "one id for one key: {ids:?}");
    assert_eq!(
        case.end(&controllers[0], &ids[0]).await,
        BackendEnd::Exited { code: 0 }
    );
    assert_eq!(case.read("runs"), "run\n", "it ran once");
}

pub(super) async fn and_after_a_lost_answer(subject: &impl ContractSubject) {
    let case = Case::new(subject, "submit-lost-answer");
    for number in 0..4 {
        let first = subject.controller().await;
        let script = format!("echo run >> runs-{number}");
        let submission = case.submission(number, &script);
        // The caller dies after it has begun: it never hears the answer.
        let mut submit = Box::pin(async move { first.submit(&submission).await });
        for _ in 0..number {
            if std::future::poll_fn(|context| std::task::Poll::Ready(submit.as_mut().poll(context)))
                .await
                .is_ready()
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(submit);
        let backend = subject.controller().await;
        let id = case.submit(&backend, number, &script).await;
        assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 0 });
        assert_eq!(case.read(&format!("runs-{number}")), "run\n", "it ran once");
    }
}
