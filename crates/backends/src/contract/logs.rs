//! Logs.

use super::{Case, ContractSubject};
use crate::port::BackendEnd;
use checkmill_core::limits::{LOG_BYTES, LOG_CHUNK_BYTES};

pub(super) async fn a_log_can_be_cut_anywhere(subject: &impl ContractSubject) {
    let case = Case::new(subject, "log-cut");
    let backend = subject.controller().await;
    let text = "aä€😀 – ЖЖ 漢字";
    let id = case
        .submit(
            &backend,
            1,
            &format!("for i in 1 2 3; do echo \"$i {text}\"; done"),
        )
        .await;
    case.end(&backend, &id).await;
    let whole = case.log(&backend, &id, 0).await;
    let log = String::from_utf8(whole.clone()).expect("the log is UTF-8");
    for line in 1..=3 {
        assert!(log.contains(&format!("{line} {text}\n")), "{log}");
    }
    for offset in 0..=whole.len() {
        assert_eq!(
            case.log(&backend, &id, offset as u64).await,
            whole[offset..],
            "from {offset}"
        );
    }
    let past = backend.log(&id, whole.len() as u64 + 5).await.expect("log");
    assert!(
        past.bytes.is_empty() && past.complete,
        "past the end there is nothing"
    );
}

pub(super) async fn a_log_can_be_followed(subject: &impl ContractSubject) {
    let case = Case::new(subject, "log-follow");
    let backend = subject.controller().await;
    let id = case
        .submit(
            &backend,
            1,
            "mkfifo go; echo first; echo > started; read < go; echo second",
        )
        .await;
    case.appears("started").await;
    let first = case
        .within("the first line arrives", async {
            loop {
                let chunk = backend.log(&id, 0).await.expect("log");
                assert!(!chunk.complete, "a running job's log is not complete");
                if String::from_utf8_lossy(&chunk.bytes).contains("first\n") {
                    return chunk;
                }
                tokio::time::sleep(super::LOOK_INTERVAL).await;
            }
        })
        .await;
    case.release("go").await;
    let rest = case
        .within("the rest arrives", case.log(&backend, &id, first.next_offset))
        .await;
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("second\n") && !rest.contains("first\n"), "{rest}");
    let whole = case.log(&backend, &id, 0).await;
    assert!(whole.starts_with(&first.bytes), "what was read once stays");
}

pub(super) async fn ten_megabytes_arrive(subject: &impl ContractSubject) {
    const LINES: usize = 100_000;
    let case = Case::new(subject, "log-large");
    let backend = subject.controller().await;
    // 100 bytes a line.
    let script = format!("seq -f '%06.0f{}' 1 {LINES}", "x".repeat(93));
    let id = case.submit(&backend, 1, &script).await;
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    let chunk = backend.log(&id, 0).await.expect("log");
    assert!(
        chunk.bytes.len() <= LOG_CHUNK_BYTES && !chunk.complete,
        "a piece has at most {LOG_CHUNK_BYTES} bytes"
    );
    let log = case.within("the log is read", case.log(&backend, &id, 0)).await;
    assert!(log.len() >= 10_000_000, "{} bytes", log.len());
    let text = String::from_utf8(log).expect("the log is UTF-8");
    let numbers = text.lines().filter_map(|line| {
        line.split_once(&"x".repeat(93))?
            .0
            .rsplit(' ')
            .next()?
            .parse::<usize>()
            .ok()
    });
    assert!(numbers.eq(1..=LINES), "every line is there, in order");
}

pub(super) async fn a_log_past_its_limit_keeps_its_beginning_and_end(subject: &impl ContractSubject) {
    let case = Case::new(subject, "log-too-large");
    let backend = subject.controller().await;
    let bytes = LOG_BYTES + LOG_BYTES / 2;
    let script = format!(
        "echo the first line; (yes {} || true) | head -c {bytes}; echo; echo the last line",
        "x".repeat(999)
    );
    let id = case.submit(&backend, 1, &script).await;
    assert_eq!(case.end(&backend, &id).await, BackendEnd::Exited { code: 0 });
    let log = case.within("the log is read", case.log(&backend, &id, 0)).await;
    assert!(log.len() <= LOG_BYTES, "{} bytes", log.len());
    let text = String::from_utf8(log).expect("the log is UTF-8");
    for line in ["the first line\n", "the last line\n"] {
        assert!(text.contains(line), "{line:?} is not in the log");
    }
}
