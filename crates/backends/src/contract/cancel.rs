//! Cancelling: at any time, more than once, and nothing of the job stays.

use super::{Case, ContractSubject, LOOK_INTERVAL};
use crate::port::{BackendEnd, BackendState};

/// A child, a grandchild, one in a session of its own, one that lost its parents and its environment, and one that won't
/// go by itself.
const FAMILY: &str = "
sleep 1000 & echo $! > child
bash -c 'sleep 1000 & echo $! > grandchild; wait' &
setsid bash -c 'echo $$ > session; exec sleep 1000' &
(setsid env -i /bin/bash -c 'echo $$ > orphan; exec sleep 1000' &)
bash -c 'trap \"\" INT TERM; echo $$ > stubborn; while true; do sleep 1000; done' &
until [ -s grandchild ] && [ -s session ] && [ -s orphan ] && [ -s stubborn ]; do sleep 0.02; done
echo $$ > script
wait
";

pub(super) async fn a_running_job_ends_with_all_its_processes(subject: &impl ContractSubject) {
    let case = Case::new(subject, "cancel-running");
    let backend = subject.controller().await;
    let id = case.submit(&backend, 1, FAMILY).await;
    case.appears("script").await;
    assert_eq!(case.poll(&backend, &id).await, BackendState::Running);
    // From another process than the one that submitted.
    let other = subject.controller().await;
    other.cancel(&id).await.expect("cancel");
    other.cancel(&id).await.expect("cancel again");
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Cancelled);
    for file in ["child", "grandchild", "session", "orphan", "stubborn", "script"] {
        assert!(!case.alive(file), "{file} outlived its job");
    }
    backend.cancel(&id).await.expect("cancel after that");
    assert_eq!(
        case.end(&backend, &id).await,
        BackendEnd::Cancelled,
        "an end stays"
    );
}

pub(super) async fn before_the_start_nothing_runs(subject: &impl ContractSubject) {
    let case = Case::new(subject, "cancel-before");
    let backend = subject.controller().await;
    // The job may have begun when the cancel arrives; it must not finish.
    let id = case.submit(&backend, 1, "sleep 1000; echo run > run").await;
    backend.cancel(&id).await.expect("cancel");
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Cancelled);
    assert_eq!(
        case.submit(&backend, 1, "echo run > run").await,
        id,
        "a late submit of a cancelled job starts nothing"
    );
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Cancelled);

    let Some((idle, pass)) = subject.never_starting().await else {
        return;
    };
    let id = case.submit(&idle, 2, "true").await;
    idle.cancel(&id).await.expect("cancel of a pending job");
    pass();
    assert_eq!(case.end(&idle, &id).await, BackendEnd::Cancelled);
    assert_eq!(case.read("run"), "");
}

pub(super) async fn after_the_end_nothing_changes(subject: &impl ContractSubject) {
    let case = Case::new(subject, "cancel-after");
    let backend = subject.controller().await;
    let id = case.submit(&backend, 1, "exit 3").await;
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 3 });
    backend.cancel(&id).await.expect("cancel of an ended job");
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 3 });

    // Around the end: whichever comes first, there is one end and it stays.
    for number in 10..20 {
        let id = case.submit(&backend, number, "true").await;
        for _ in 10..number {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        backend.cancel(&id).await.expect("cancel");
        let end = case.end(&backend, &id).await;
        assert!(
            matches!(end, BackendEnd::Exited { code: 0 } | BackendEnd::Cancelled),
            "{end:?}"
        );
        assert_eq!(case.end(&backend, &id).await, end);
    }
}
