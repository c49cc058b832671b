//! States and ends.

use super::{Case, ContractSubject};
use crate::port::{BackendEnd, BackendState};
use checkmill_core::Millis;

/// Jobs at a time, where a case has many.
const AT_A_TIME: u32 = 16;

pub(super) async fn unknown_ids_are_harmless(subject: &impl ContractSubject) {
    let case = Case::new(subject, "unknown");
    let backend = subject.controller().await;
    let id = case.key(1).to_string();
    assert_eq!(case.poll(&backend, &id).await, BackendState::Unknown);
    backend
        .cancel(&id)
        .await
        .expect("cancelling an unknown job is fine");
    backend
        .discard(&id)
        .await
        .expect("discarding an unknown job is fine");
    assert_eq!(backend.result(&id).await, Ok(None));
    let log = backend
        .log(&id, 0)
        .await
        .expect("an unknown job has an empty log");
    assert!(log.bytes.is_empty() && log.complete);
    assert_eq!(
        backend.poll(&[]).await,
        Ok(Vec::new()),
        "nobody asked for is nobody answered"
    );
}

pub(super) async fn states_come_in_the_order_asked_for(subject: &impl ContractSubject) {
    let case = Case::new(subject, "order");
    let backend = subject.controller().await;
    let mut ids = Vec::new();
    for code in 1..=3 {
        ids.push(case.submit(&backend, code, &format!("exit {code}")).await);
    }
    for id in &ids {
        case.end(&backend, id).await;
    }
    let asked = [
        ids[2].clone(),
        case.key(9).to_string(),
        ids[0].clone(),
        ids[2].clone(),
        ids[1].clone(),
    ];
    let exited = |code| BackendState::Ended(BackendEnd::Exited { code });
    let expected = [exited(3), BackendState::Unknown, exited(1), exited(3), exited(2)];
    assert_eq!(backend.poll(&asked).await.expect("poll"), expected);
}

pub(super) async fn every_exit_code_arrives(subject: &impl ContractSubject) {
    let case = Case::new(subject, "exit-codes");
    let backend = subject.controller().await;
    for first in (0..256).step_by(AT_A_TIME as usize) {
        let mut ids = Vec::new();
        for code in first..first + AT_A_TIME {
            ids.push((code, case.submit(&backend, code, &format!("exit {code}")).await));
        }
        for (code, id) in ids {
            let expected = BackendEnd::Exited {
                code: i32::try_from(code).expect("at most 255"),
            };
            assert_eq!(case.end(&backend, &id).await, expected);
            backend.discard(&id).await.expect("an ended job can be discarded");
        }
    }
}

fn is_no_success(end: &BackendEnd) -> bool {
    !matches!(end, BackendEnd::Exited { code: 0 } | BackendEnd::Cancelled)
}

pub(super) async fn a_killed_script_is_no_success(subject: &impl ContractSubject) {
    let case = Case::new(subject, "killed-script");
    let backend = subject.controller().await;
    let id = case
        .submit(&backend, 1, "kill -9 $$; echo survived > survived")
        .await;
    let end = case.end(&backend, &id).await;
    assert!(
        matches!(
            end,
            BackendEnd::Exited { code: 137 } | BackendEnd::Signalled { signal: 9 }
        ),
        "{end:?}"
    );
    assert_eq!(case.read("survived"), "");
}

pub(super) async fn a_killed_agent_is_no_success(subject: &impl ContractSubject) {
    let case = Case::new(subject, "killed-agent");
    let backend = subject.controller().await;
    let Some(kill) = subject.kill_agent() else { return };
    let script = format!("sleep 1000 & echo $! > child; echo $$ > script; {kill}; sleep 1000");
    let id = case.submit(&backend, 1, &script).await;
    let end = case.end(&backend, &id).await;
    assert!(is_no_success(&end), "{end:?}");
    for file in ["child", "script"] {
        assert!(!case.alive(file), "{file} outlived its job");
    }
}

pub(super) async fn vanished_compute_is_noticed_and_leaves_nothing(subject: &impl ContractSubject) {
    let case = Case::new(subject, "vanished");
    let backend = subject.controller().await;
    let id = case
        .submit(
            &backend,
            1,
            "echo hello; sleep 1000 & echo $! > child; echo $$ > script; wait",
        )
        .await;
    case.appears("script").await;
    if !subject.vanish(&id).await {
        return backend.cancel(&id).await.expect("cancel");
    }
    let end = case.end(&backend, &id).await;
    assert!(
        matches!(end, BackendEnd::Lost { .. } | BackendEnd::Signalled { .. }),
        "{end:?}"
    );
    for file in ["child", "script"] {
        assert!(!case.alive(file), "{file} outlived its job");
    }
    let log = case.log(&backend, &id, 0).await;
    assert!(String::from_utf8_lossy(&log).contains("hello"), "the log is kept");
    assert_eq!(case.end(&backend, &id).await, end, "an end stays");
}

pub(super) async fn a_job_that_never_starts_is_lost(subject: &impl ContractSubject) {
    let case = Case::new(subject, "never-started");
    let Some((backend, pass)) = subject.never_starting().await else {
        return;
    };
    let id = case.submit(&backend, 1, "true").await;
    assert_eq!(case.poll(&backend, &id).await, BackendState::Pending);
    pass();
    let end = case.end(&backend, &id).await;
    let BackendEnd::Lost { detail } = &end else {
        panic!("{end:?}")
    };
    assert!(!detail.is_empty());
    assert_eq!(case.end(&backend, &id).await, end, "an end stays");
}

pub(super) async fn a_job_past_its_time_is_stopped_and_says_so(subject: &impl ContractSubject) {
    let case = Case::new(subject, "past-its-time");
    let backend = subject.controller().await;
    let script = "trap '' TERM INT; sleep 1000 & echo $! > child; echo $$ > script; wait; sleep 1000";
    let mut submission = case.submission(1, script);
    let limit = Millis::from_secs(3);
    submission.run_timeout = limit;
    let mut description: serde_json::Value =
        serde_json::from_slice(&submission.description).expect("a description is JSON");
    description["timeout_ms"] = limit.0.into();
    submission.description = description.to_string().into_bytes();
    let id = backend.submit(&submission).await.expect("submit");
    let end = case.end(&backend, &id).await;
    // The agent's own word (124), or the backend's, which may come later than the limit.
    assert!(
        matches!(end, BackendEnd::TimedOut | BackendEnd::Exited { code: 124 }),
        "{end:?}"
    );
    for file in ["child", "script"] {
        assert!(!case.alive(file), "{file} outlived its job");
    }
}
