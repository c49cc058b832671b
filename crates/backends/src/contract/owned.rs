//! What a backend knows of us, and forgets.

use super::{Case, ContractSubject};
use crate::port::{BackendEnd, BackendState, Owned};

pub(super) async fn only_our_jobs_are_listed(subject: &impl ContractSubject) {
    let case = Case::new(subject, "list");
    let backend = subject.controller().await;
    subject.plant_foreign().await;
    let running = case
        .submit(&backend, 1, "mkfifo go; echo > started; read < go")
        .await;
    let ended = case.submit(&backend, 2, "true").await;
    case.appears("started").await;
    case.end(&backend, &ended).await;
    let listed = backend.list().await.expect("list");
    let mut ours: Vec<_> = listed
        .into_iter()
        .filter(|owned| [&running, &ended].contains(&&owned.id))
        .collect();
    ours.sort_by_key(|owned| owned.id == ended);
    let owned = |number, id: &String, live| Owned {
        key: case.key(number),
        id: id.clone(),
        live,
    };
    assert_eq!(ours, [owned(1, &running, true), owned(2, &ended, false)]);
    for listed in backend.list().await.expect("list") {
        assert_ne!(
            case.poll(&backend, &listed.id).await,
            BackendState::Unknown,
            "{listed:?} is listed and unknown"
        );
    }
    case.release("go").await;
    case.end(&backend, &running).await;
    let live = backend
        .list()
        .await
        .expect("list")
        .into_iter()
        .filter(|owned| owned.live)
        .count();
    assert_eq!(live, 0, "nothing runs any more");
}

pub(super) async fn a_discarded_job_is_forgotten(subject: &impl ContractSubject) {
    let case = Case::new(subject, "discard");
    let backend = subject.controller().await;
    let id = case.submit(&backend, 1, "echo hello").await;
    case.end(&backend, &id).await;
    backend.discard(&id).await.expect("discard");
    backend.discard(&id).await.expect("discard again");
    assert_eq!(case.poll(&backend, &id).await, BackendState::Unknown);
    assert!(
        backend
            .list()
            .await
            .expect("list")
            .iter()
            .all(|owned| owned.id != id)
    );
    assert_eq!(backend.result(&id).await, Ok(None));
}

pub(super) async fn a_new_controller_finds_everything(subject: &impl ContractSubject) {
    let case = Case::new(subject, "restart");
    let first = subject.controller().await;
    let running = case
        .submit(
            &first,
            1,
            "mkfifo go; echo first; echo > started; read < go; exit 7",
        )
        .await;
    let ended = case.submit(&first, 2, "echo ended; exit 5").await;
    case.appears("started").await;
    case.end(&first, &ended).await;
    let result = first.result(&ended).await.expect("result");
    drop(first);
    let second = subject.controller().await;
    assert_eq!(case.poll(&second, &running).await, BackendState::Running);
    assert_eq!(case.end(&second, &ended).await, BackendEnd::Exited { code: 5 });
    assert_eq!(
        second.result(&ended).await.expect("result"),
        result,
        "the result is still there"
    );
    let log = case.log(&second, &ended, 0).await;
    assert!(String::from_utf8_lossy(&log).contains("ended\n"));
    assert_eq!(
        second
            .list()
            .await
            .expect("list")
            .iter()
            .filter(|owned| owned.id == running && owned.live)
            .count(),
        1
    );
    case.release("go").await;
    assert_eq!(case.end(&second, &running).await, BackendEnd::Exited { code: 7 });
}
