//! What a database file promises: it is private, several handles share it, and a kill takes nothing that was answered.

use super::{OpenError, open};
use crate::clock::SystemClock;
use crate::dynamodb::DynamoStore;
use crate::dynamodb::tests::fixtures::{changed, event, expanded, job, legs, run};
use checkmill_core::{CheckRunId, Millis, UnixMillis, limits};
use checkmill_phases::ports::{Clock, Deliveries, DeliveryState, Inbox, Jobs, Runs, StoreError};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

async fn store(path: &Path) -> DynamoStore {
    open(Some(path)).await.unwrap().store(Arc::new(SystemClock))
}

#[tokio::test]
async fn a_file_keeps_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    store(&path).await.record(&event("d-1")).await.unwrap();
    let reopened = store(&path).await;
    let stored = Deliveries::load(&reopened, &event("d-1").delivery).await.unwrap();
    assert_eq!(stored, Some((event("d-1"), DeliveryState::Received)));
    let id = event("d-1").delivery;
    assert_eq!(
        Deliveries::load(&open(None).await.unwrap().store(Arc::new(SystemClock)), &id)
            .await
            .unwrap(),
        None
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let store = store(&path).await;
    store.record(&event("d-1")).await.unwrap();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
        seen.insert(entry.file_name().into_string().unwrap());
    }
    assert!(
        seen.contains("state.db") && seen.contains("state.db-wal"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_its_path_or_the_engines_words() {
    let dir = tempfile::tempdir().unwrap();
    let error = open(Some(&dir.path().join("none").join("state.db")))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::File { .. }), "{error}");
    assert!(error.to_string().contains("state.db"), "{error}");
    let other = dir.path().join("other");
    std::fs::write(
        &other,
        "no database at all, but long enough to look like one".repeat(100),
    )
    .unwrap();
    let error = open(Some(&other)).await.unwrap_err();
    let text = error
        .to_string()
        .replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(text, @"the database DIR/other does not open: Database file is encrypted or not a valid SQLite database. Where it is damaged, move it away: what was under way is lost, GitHub's deliveries of the last days are asked for again");
}

#[tokio::test]
async fn two_handles_on_one_file_have_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let handles = [store(&path).await, store(&path).await];
    let run = run("d-1");
    let mut current = job(&run, "");
    handles[0].create(&run).await.unwrap();
    let jobs = std::slice::from_ref(&current);
    handles[1].expand(&expanded(&run, jobs), jobs).await.unwrap();
    for round in 0..10 {
        let tasks = (0..8).map(|n| {
            let (store, next) = (
                handles[n % 2].clone(),
                changed(&current, |j| j.check = Some(CheckRunId(n as u64))),
            );
            tokio::spawn(async move { Jobs::update(&store, &next).await })
        });
        let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<usize> = (0..results.len()).filter(|n| results[*n].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {results:?}");
        assert!(
            results
                .iter()
                .all(|r| matches!(r, Ok(()) | Err(StoreError::Conflict))),
            "{results:?}"
        );
        current = Jobs::load(&handles[round % 2], &current.id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(current.check, Some(CheckRunId(winners[0] as u64)));
    }
}

/// A clock so far behind that what it stamps has been forgotten for an hour.
struct Behind;

impl Clock for Behind {
    fn now(&self) -> UnixMillis {
        SystemClock.now() - limits::ROW_RETENTION - Millis::from_minutes(60)
    }
}

#[tokio::test]
async fn expired_rows_are_removed_on_request() {
    let embedded = open(None).await.unwrap();
    let store = embedded.store(Arc::new(SystemClock));
    store.record(&event("d-1")).await.unwrap();
    embedded
        .store(Arc::new(Behind))
        .record(&event("d-2"))
        .await
        .unwrap();
    assert_eq!(embedded.remove_expired().await.unwrap(), 1);
    assert!(
        Deliveries::load(&store, &event("d-1").delivery)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        Deliveries::load(&store, &event("d-2").delivery).await.unwrap(),
        None
    );
}

/// Kills a writer with SIGKILL again and again, after ever more acknowledged runs.
#[tokio::test]
async fn a_kill_takes_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let mut answered = BTreeSet::new();
    for (round, after) in [1, 2, 5, 13, 34].into_iter().enumerate() {
        answered.extend(killed_after(&path, round, after));
        let store = store(&path).await;
        for name in &answered {
            let (stored, jobs) = store.load_with_jobs(&run(name).id).await.unwrap().expect(name);
            assert_eq!((stored.version, jobs.len()), (1, JOBS), "{name}");
        }
        // Whatever the writer was at when it died is there as a whole or not at all.
        let next = run(&format!(
            "{round}-{}",
            answered
                .iter()
                .filter(|n| n.starts_with(&format!("{round}-")))
                .count()
        ));
        if let Some((stored, jobs)) = store.load_with_jobs(&next.id).await.unwrap() {
            assert!(
                [(0, 0), (1, JOBS)].contains(&(stored.version, jobs.len())),
                "{}: {}",
                stored.version,
                jobs.len()
            );
        }
        let listed = store
            .of_commit(next.event.repository.id, &next.sha)
            .await
            .unwrap();
        for id in &listed {
            assert!(
                Runs::load(&store, id).await.unwrap().is_some(),
                "{id} is listed without a row"
            );
        }
        assert!(listed.len() >= answered.len());
    }
    assert!(answered.len() >= 55);
}

const JOBS: usize = 5;
const WRITER: &str = "embedded::tests::the_writer_that_is_killed";

/// Runs the writer below in a process of its own, kills it when it has answered so often, and gives all its answers.
fn killed_after(path: &Path, round: usize, after: usize) -> Vec<String> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", WRITER, "--ignored", "--nocapture", "--test-threads=1"])
        .env("CHECKMILL_TEST_DATABASE", path)
        .env("CHECKMILL_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = Vec::new();
    for line in BufReader::new(writer.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, name)) = line.split_once("written ") {
            answers.push(name.to_owned());
        }
        if answers.len() == after {
            // SIGKILL. What it still answers until that arrives is read by the next turns.
            writer.kill().unwrap();
        }
    }
    assert!(!writer.wait().unwrap().success(), "the writer ended by itself");
    assert!(answers.len() >= after, "the writer died early: {answers:?}");
    answers
}

#[tokio::test]
#[ignore = "the other half of a_kill_takes_nothing_that_was_answered, which starts it"]
#[expect(clippy::disallowed_methods, reason = "its arguments; a test takes no others")]
async fn the_writer_that_is_killed() {
    let path = std::env::var("CHECKMILL_TEST_DATABASE").expect("only its other half starts it");
    let round = std::env::var("CHECKMILL_TEST_ROUND").expect("only its other half starts it");
    let store = store(Path::new(&path)).await;
    for n in 0.. {
        let name = format!("{round}-{n}");
        let run = run(&name);
        store.create(&run).await.unwrap();
        let jobs = legs(&run, JOBS);
        store.expand(&expanded(&run, &jobs), &jobs).await.unwrap();
        println!("written {name}");
    }
}
