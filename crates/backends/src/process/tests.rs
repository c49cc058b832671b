//! The backend with agents that misbehave. With the real agent it passes the contract test, in `crates/agent/tests`.

use super::*;
use crate::attempt::{AttemptEnd, CLAIM_FILE, Claim, EXIT_FILE, LOG_FILE};
use crate::port::BackendEnd;
use checkmill_core::limits::LOG_CHUNK_BYTES;
use checkmill_core::{Millis, UnixMillis};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct World {
    root: tempfile::TempDir,
    now: Arc<AtomicU64>,
}

/// Milliseconds since the epoch: after the time stamps that the file system gives directories.
const START: u64 = 4_000_000_000_000;

impl World {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            now: Arc::new(AtomicU64::new(START)),
        }
    }

    fn backend(&self, agent: AgentCommand) -> ProcessBackend {
        let now = Arc::clone(&self.now);
        let environment = [("PATH", "/usr/bin:/bin"), ("AWS_SECRET_ACCESS_KEY", "ours")];
        let environment: Vec<(OsString, OsString)> = environment
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        let settings = ProcessSettings::new(
            self.root.path(),
            agent,
            Host::Machine,
            &environment,
            &[],
            Arc::new(move || UnixMillis(now.load(Ordering::SeqCst))),
        );
        ProcessBackend::new(settings).unwrap()
    }

    /// An agent that is a shell script; `$3` is the directory.
    fn scripted(&self, script: &str) -> ProcessBackend {
        self.backend(AgentCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into(), "agent".into()],
        })
    }

    fn dir(&self) -> AttemptDir {
        AttemptDir::new(self.root.path().join(ID))
    }
}

const ID: &str = "0a1b2c3d-0123456789abcdef-01234567-1";

fn submission() -> Submission {
    Submission {
        key: ID.parse().unwrap(),
        name: "ci / test".to_owned(),
        description: b"{}".to_vec(),
        secrets: vec![("GITHUB_TOKEN".to_owned(), "ghs_secret".into())],
        labels: vec!["linux".to_owned()],
        queue_timeout: Millis::from_minutes(1),
        run_timeout: Millis::from_minutes(1),
    }
}

async fn poll(backend: &ProcessBackend) -> BackendState {
    backend.poll(&[ID.to_owned()]).await.unwrap().remove(0)
}

/// Waits for what the agent's process does; the limit is far beyond what it takes.
async fn wait_until(mut reached: impl FnMut() -> bool) {
    let wait = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .expect("it happens within a minute");
}

fn lost(state: BackendState) -> String {
    match state {
        BackendState::Ended(BackendEnd::Lost { detail }) => detail,
        other => panic!("expected a lost job, got {other:?}"),
    }
}

#[tokio::test]
async fn a_missing_agent_is_refused_by_name_and_the_attempt_is_lost() {
    let world = World::new();
    let backend = world.backend(AgentCommand::program("/no/such/agent"));
    let error = backend.submit(&submission()).await.unwrap_err();
    assert_eq!(error.error_name(), checkmill_core::ErrorName::Permanent);
    assert!(
        error
            .to_string()
            .contains("its agent /no/such/agent could not be started"),
        "{error}"
    );
    assert!(lost(poll(&backend).await).contains("/no/such/agent"));
}

#[tokio::test]
async fn an_agent_that_may_not_be_executed_or_is_no_program_is_refused() {
    let world = World::new();
    let file = world.root.path().join("agent");
    for (mode, content) in [(0o600, "#!/bin/sh\n"), (0o700, "\u{1}\u{2}not a program")] {
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = world
            .backend(AgentCommand::program(&file))
            .submit(&submission())
            .await
            .unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{mode:o}: {error}");
        std::fs::remove_dir_all(world.dir().path()).unwrap();
    }
}

#[tokio::test]
async fn an_agent_that_dies_first_is_lost_at_once_with_its_words_but_no_secret() {
    let world = World::new();
    let backend = world.scripted("echo \"bad option, token $GITHUB_TOKEN\" >&2; exit 2");
    backend.submit(&submission()).await.unwrap();
    wait_until(|| world.dir().file(CLAIM_FILE).exists()).await;
    let detail = lost(poll(&backend).await);
    assert!(
        detail.contains("exit status: 2") && detail.contains("bad option, token ***"),
        "{detail}"
    );
    assert!(!detail.contains("ghs_secret"));
}

#[tokio::test]
async fn an_agent_that_never_takes_its_job_is_lost_after_the_deadline() {
    let world = World::new();
    let backend = world.scripted("sleep 60 & echo $! > \"$3/pid\"; wait");
    backend.submit(&submission()).await.unwrap();
    assert_eq!(poll(&backend).await, BackendState::Pending);
    assert!(backend.list().await.unwrap()[0].live);
    world.now.fetch_add(START_DEADLINE.0, Ordering::SeqCst);
    assert!(lost(poll(&backend).await).contains("never started"));
    assert!(!backend.list().await.unwrap()[0].live);
    assert!(
        !world
            .dir()
            .try_claim(&Claim::Agent {
                pid: 1,
                started_ms: 0
            })
            .unwrap(),
        "no agent can take it now"
    );
    wait_until(|| world.dir().file("pid").exists()).await;
    let pid = std::fs::read_to_string(world.dir().file("pid")).unwrap();
    std::process::Command::new("kill")
        .arg(pid.trim())
        .status()
        .unwrap();
}

#[tokio::test]
async fn a_submit_that_was_cut_off_is_pending_then_lost_and_a_repeat_starts_it() {
    let world = World::new();
    std::fs::create_dir(world.dir().path()).unwrap();
    world.now.store(0, Ordering::SeqCst);
    let idle = world.backend(AgentCommand::program("/bin/true"));
    assert_eq!(poll(&idle).await, BackendState::Pending);
    let backend = world.scripted("echo started > \"$3/started\"");
    assert_eq!(backend.submit(&submission()).await.unwrap(), ID);
    wait_until(|| world.dir().file("started").exists()).await;

    let world = World::new();
    std::fs::create_dir(world.dir().path()).unwrap();
    let backend = world.backend(AgentCommand::program("/bin/true"));
    assert!(lost(poll(&backend).await).contains("its submit was cut off"));
    assert_eq!(
        backend.submit(&submission()).await.unwrap(),
        ID,
        "a late repeat starts nothing"
    );
    assert!(!world.dir().file("job.json").exists());
}

#[tokio::test]
async fn the_agent_gets_the_secrets_and_little_else_and_the_directory_holds_no_secret() {
    let world = World::new();
    let backend = world.scripted("echo \"$*\" > \"$3/args\"; env | grep -v secret > \"$3/env\"; env | grep -c =ghs_secret > \"$3/done\"");
    backend.submit(&submission()).await.unwrap();
    wait_until(|| world.dir().file("done").metadata().is_ok_and(|m| m.len() > 0)).await;
    assert_eq!(std::fs::read_to_string(world.dir().file("done")).unwrap(), "1\n");
    let args = std::fs::read_to_string(world.dir().file("args")).unwrap();
    assert!(
        args.starts_with("run --dir /") && !args.contains("ghs_"),
        "{args}"
    );
    let environment = std::fs::read_to_string(world.dir().file("env")).unwrap();
    let mut names: Vec<_> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(n, _)| n)
        .collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["CHECKMILL_ATTEMPT_DIR", "PATH"]);
    for entry in std::fs::read_dir(world.dir().path()).unwrap() {
        let path = entry.unwrap().path();
        // The supervisor, which is about to end, takes its own files away.
        let Ok(text) = std::fs::read_to_string(&path) else {
            assert!(!path.exists(), "{} can be read", path.display());
            continue;
        };
        assert!(!text.contains("ghs_secret"), "{}", path.display());
    }
    assert_eq!(
        std::fs::metadata(world.dir().path())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
}

#[tokio::test]
async fn secrets_under_other_names_are_refused_before_anything_is_written() {
    let world = World::new();
    let backend = world.scripted("true");
    for (name, value) in [
        ("PATH", "x"),
        ("LD_PRELOAD", "x"),
        ("CHECKMILL_SECRET_", "x"),
        ("GITHUB_TOKEN", "a\0b"),
    ] {
        let secrets = vec![(name.to_owned(), value.into())];
        let error = backend
            .submit(&Submission {
                secrets,
                ..submission()
            })
            .await
            .unwrap_err();
        assert!(matches!(error, BackendError::Refused { .. }), "{name}: {error}");
    }
    assert!(!world.dir().path().exists());
}

#[tokio::test]
async fn no_id_leads_out_of_the_root() {
    let world = World::new();
    let backend = world.backend(AgentCommand::program("/bin/true"));
    let outside = world.root.path().join("../outside-checkmill");
    let ids = [
        "",
        ".",
        "..",
        "../outside-checkmill",
        "/",
        "0123456789abcdef-01234567-01",
        "0123456789abcdef-01234567-+1",
    ];
    for id in ids {
        assert_eq!(
            backend.poll(&[id.to_owned()]).await.unwrap(),
            [BackendState::Unknown],
            "{id}"
        );
        backend.cancel(id).await.unwrap();
        backend.discard(id).await.unwrap();
        assert_eq!(backend.result(id).await.unwrap(), None);
        assert!(backend.log(id, 3).await.unwrap().complete);
    }
    assert!(world.root.path().exists() && !Path::new(&outside).exists());
}

/// An attempt as an agent leaves it that is gone.
fn abandoned(world: &World) {
    std::fs::create_dir(world.dir().path()).unwrap();
    assert!(
        world
            .dir()
            .try_claim(&Claim::Agent {
                pid: 1,
                started_ms: 0
            })
            .unwrap()
    );
}

#[tokio::test]
async fn a_dead_agent_without_an_end_is_lost_or_cancelled_even_when_nothing_can_clean_up() {
    for (cancelled, expected) in [(false, "Lost"), (true, "Cancelled")] {
        let world = World::new();
        abandoned(&world);
        let backend = world.backend(AgentCommand::program("/no/such/agent"));
        if cancelled {
            // Process 1 lives, and gets no signal: nobody holds the lock.
            backend.cancel(ID).await.unwrap();
        }
        let state = poll(&backend).await;
        assert!(format!("{state:?}").contains(expected), "{state:?}");
        assert_eq!(poll(&backend).await, state, "an end stays");
        backend.cancel(ID).await.unwrap();
        assert_eq!(poll(&backend).await, state, "a later cancel changes no end");
    }
}

#[tokio::test]
async fn records_that_a_crash_of_the_machine_damaged_end_the_attempt() {
    for file in [CLAIM_FILE, EXIT_FILE] {
        let world = World::new();
        abandoned(&world);
        std::fs::write(world.dir().file(file), "").unwrap();
        let backend = world.backend(AgentCommand::program("/bin/true"));
        assert!(!lost(poll(&backend).await).is_empty());
        backend.discard(ID).await.unwrap();
        assert_eq!(poll(&backend).await, BackendState::Unknown);
    }
}

#[tokio::test]
async fn a_log_is_read_in_pieces_of_limited_size_and_past_its_end() {
    let world = World::new();
    abandoned(&world);
    world
        .dir()
        .write_exit(&crate::attempt::ExitRecord {
            end: AttemptEnd::Exited { code: 0 },
            ended_ms: 0,
        })
        .unwrap();
    std::fs::write(world.dir().file(LOG_FILE), vec![b'x'; LOG_CHUNK_BYTES + 10]).unwrap();
    let backend = world.backend(AgentCommand::program("/bin/true"));
    let first = backend.log(ID, 0).await.unwrap();
    assert_eq!((first.bytes.len(), first.complete), (LOG_CHUNK_BYTES, false));
    let second = backend.log(ID, first.next_offset).await.unwrap();
    assert_eq!((second.bytes.len(), second.complete), (10, true));
    let past = backend.log(ID, 1 << 40).await.unwrap();
    assert_eq!(
        (past.bytes.len(), past.next_offset, past.complete),
        (0, 1 << 40, true)
    );
}

#[tokio::test]
async fn an_interrupted_discard_is_finished_by_the_next_controller() {
    let world = World::new();
    let trash = world.root.path().join(format!(".discard-{ID}"));
    std::fs::create_dir_all(trash.join("work/deep")).unwrap();
    let backend = world.backend(AgentCommand::program("/bin/true"));
    assert!(!trash.exists());
    assert_eq!(backend.list().await.unwrap(), []);
}

#[test]
fn a_real_lambda_and_an_unusable_root_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    let settings = |root: &Path, host| {
        let now: Now = Arc::new(|| UnixMillis(0));
        ProcessSettings::new(root, AgentCommand::subcommand("/bin/true"), host, &[], &[], now)
    };
    let error = ProcessBackend::new(settings(temp.path(), Host::Lambda { emulated: false }))
        .err()
        .unwrap();
    assert!(error.to_string().contains("checkmill serve"), "{error}");
    let error = ProcessBackend::new(settings(&file, Host::Machine)).err().unwrap();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(ProcessBackend::new(settings(temp.path(), Host::Lambda { emulated: true })).is_ok());
}

#[test]
fn a_full_disk_may_pass_and_missing_rights_may_not() {
    let error = |kind| {
        BackendError::from(DirError {
            action: "write",
            path: "/r/x".into(),
            source: io::Error::from(kind),
        })
    };
    let full = error(io::ErrorKind::StorageFull);
    assert!(matches!(full, BackendError::Transient { .. }));
    assert_eq!(
        full.to_string(),
        "the backend process could not be reached or failed: could not write /r/x: no storage space"
    );
    assert!(matches!(
        error(io::ErrorKind::PermissionDenied),
        BackendError::Refused { .. }
    ));
}

#[test]
fn jobs_can_not_read_our_environment() {
    let world = World::new();
    world.backend(AgentCommand::program("/bin/true"));
    let behavior = rustix::process::dumpable_behavior().unwrap();
    assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
}

#[tokio::test]
async fn a_directory_that_its_job_has_closed_is_opened_again() {
    let world = World::new();
    let backend = world.scripted("sleep 60");
    backend.submit(&submission()).await.unwrap();
    let path = world.dir().path().to_owned();
    let close = || std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    close();
    assert_eq!(poll(&backend).await, BackendState::Pending);
    assert_eq!(mode(), 0o700);
    close();
    assert_eq!(backend.list().await.unwrap().len(), 1);
    assert_eq!(mode(), 0o700);
    close();
    backend.cancel(ID).await.unwrap();
    close();
    assert_eq!(poll(&backend).await, BackendState::Ended(BackendEnd::Cancelled));
    close();
    backend.discard(ID).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn an_attempt_that_can_not_be_read_ends_and_hides_no_other() {
    let world = World::new();
    // The one that can't be read can't be stopped either: the test waits for its end.
    let backend = world.scripted("sleep 5");
    backend.submit(&submission()).await.unwrap();
    let mut other = submission();
    other.key = "0a1b2c3d-0123456789abcdef-76543210-1".parse().unwrap();
    backend.submit(&other).await.unwrap();
    // A file of it that is a directory fails also for root, for whom rights are nothing.
    std::fs::create_dir(world.dir().file(CLAIM_FILE)).unwrap();
    let listed = backend.list().await.unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(lost(poll(&backend).await).contains("killed"));
    backend.cancel(&other.key.to_string()).await.unwrap();
}
