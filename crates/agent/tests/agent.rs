//! The agent as a program: killed, stopped, starved, and reporting.

#![expect(clippy::unwrap_used, reason = "a test")]

use checkmill_backends::attempt::{
    AttemptDir, AttemptEnd, CancelRecord, Claim, END_WITH_STDIN, LOG_FILE, LockState, MARKER_VARIABLE,
    RESULT_FILE, SubmitRecord, WORK_DIR,
};
use checkmill_workflow::job::{JobResult, JobVerdict};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

const JOB_TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";
const CALLBACK_TOKEN: &str = "cm1.c29tZSBjbGFpbXM.dGhlaXIgc2lnbmF0dXJl";
/// The agent that is tried: the static one where `cargo xtask test` has built it.
static AGENT: LazyLock<OsString> = LazyLock::new(|| {
    std::env::var_os("CHECKMILL_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_checkmill-agent").into())
});
/// Far beyond what anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

struct Attempt {
    temp: tempfile::TempDir,
}

impl Attempt {
    /// With one bash step.
    fn new(script: &str) -> Self {
        Self::with(script, json!({}))
    }

    fn with(script: &str, fields: Value) -> Self {
        let mut description = json!({
            "job": "0123456789abcdef-01234567",
            "attempt": 1,
            "name": "ci / test",
            "checkout": {"clone_url": "file:///nowhere", "repository": "octo/hello", "sha": "a".repeat(40), "git_ref": "refs/heads/main"},
            "contexts": {"github": {"event": {}}},
            "env": [],
            "defaults": {},
            "steps": [{"type": "run", "run": script, "shell": "bash", "name": "Step"}],
            "outputs": {},
            "timeout_ms": 600_000,
            "callback": null,
        });
        description
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let attempt = Self {
            temp: tempfile::tempdir().unwrap(),
        };
        attempt.describe(&serde_json::to_vec(&description).unwrap(), 600_000);
        attempt
    }

    fn describe(&self, description: &[u8], backstop_ms: u64) {
        let record = SubmitRecord {
            key: "0a1b2c3d-0123456789abcdef-01234567-1".to_owned(),
            name: "ci / test".to_owned(),
            labels: Vec::new(),
            submitted_ms: 0,
            backstop_ms,
        };
        self.dir().describe(description, &record).unwrap();
    }

    fn dir(&self) -> AttemptDir {
        AttemptDir::new(self.temp.path())
    }

    fn path(&self) -> &Path {
        self.temp.path()
    }

    fn workspace(&self) -> std::path::PathBuf {
        self.path().join(WORK_DIR).join("hello/hello")
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&*AGENT);
        command.arg(verb).arg("--dir").arg(self.path());
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env(MARKER_VARIABLE, self.path())
            .env("GITHUB_TOKEN", JOB_TOKEN)
            .env("CHECKMILL_CALLBACK_TOKEN", CALLBACK_TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path().join("agent.out")).unwrap());
    }

    fn start(&self) -> Child {
        self.command("run").spawn().unwrap()
    }

    fn run(&self) -> AttemptEnd {
        self.ended(self.start())
    }

    fn ended(&self, child: Child) -> AttemptEnd {
        let status = wait(child);
        assert!(status.success(), "{status}: {}", self.said());
        self.dir().exit().unwrap().expect("an exit").end
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path().join("agent.out")).unwrap()
    }

    fn result(&self) -> JobResult {
        serde_json::from_slice(&self.dir().read(RESULT_FILE).unwrap().expect("a result")).unwrap()
    }

    fn log(&self) -> String {
        String::from_utf8(self.dir().read(LOG_FILE).unwrap().unwrap_or_default()).unwrap()
    }

    /// Waits for a file that a step writes.
    fn appears(&self, name: &str) {
        let path = self.workspace().join(name);
        eventually(|| path.exists());
    }

    fn pid(&self, file: &str) -> i32 {
        fs::read_to_string(self.workspace().join(file))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    fn agent(&self) -> i32 {
        match self.dir().claim().unwrap() {
            Some(Claim::Agent { pid, .. }) => pid,
            other => panic!("not taken: {other:?}"),
        }
    }
}

/// For what no file or pipe tells us.
fn eventually(mut reached: impl FnMut() -> bool) {
    let (give_up, alarm) = mpsc::channel::<()>();
    let mut looks = 0;
    while !reached() {
        looks += 1;
        assert!(looks < 6000, "it happens within a minute");
        let _ = alarm.recv_timeout(Duration::from_millis(10));
    }
    drop(give_up);
}

fn wait(mut child: Child) -> ExitStatus {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait().unwrap()));
    receiver
        .recv_timeout(LIMIT)
        .expect("the agent ends within a minute")
}

fn kill(signal: &str, pid: i32) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// A step with a family, waiting.
const WAITING: &str = "sleep 1000 & echo $! > child; (setsid env -i /bin/sleep 1000 & echo $! > orphan); echo $$ > script; echo $PPID > worker; echo > ready; wait";

#[test]
fn a_job_runs_and_leaves_its_end_its_result_its_log_and_nothing_else() {
    let attempt = Attempt::new("echo hello; sleep 1000 & exit 3");
    assert_eq!(attempt.run(), AttemptEnd::Exited { code: 3 });
    let result = attempt.result();
    assert_eq!(result.conclusion, JobVerdict::Failure);
    assert_eq!(result.log_bytes, attempt.log().len() as u64);
    assert!(attempt.log().contains("hello\n"), "{}", attempt.log());
    assert!(!attempt.path().join(WORK_DIR).exists());
    assert_eq!(attempt.dir().lock_state().unwrap(), LockState::Free);
    assert_eq!(attempt.said(), "");
    let mut names: Vec<_> = fs::read_dir(attempt.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "agent.out",
            "claim.json",
            "exit.json",
            "job.json",
            "lock",
            "log",
            "result.json",
            "submit.json"
        ]
    );
}

#[test]
fn of_several_agents_for_one_attempt_one_runs_it() {
    let attempt = Attempt::new("echo run; read < /dev/null");
    let agents: Vec<_> = (0..5).map(|_| attempt.start()).collect();
    for agent in agents {
        assert!(wait(agent).success());
    }
    assert_eq!(attempt.log().matches(" run\n").count(), 1, "{}", attempt.log());
    assert!(wait(attempt.start()).success());
    assert_eq!(attempt.log().matches(" run\n").count(), 1, "nor a later one");
}

#[test]
fn no_token_is_on_disk_or_in_a_command_line() {
    let script = "{ cat /proc/*/cmdline || true; } | tr '\\0' ' ' > seen; env >> seen; grep -rl -e TOKEN_A -e TOKEN_B \"$GITHUB_WORKSPACE/../../..\" && exit 9; mkfifo go; echo > ready; read < go";
    let script = script
        .replace("TOKEN_A", &JOB_TOKEN[..12])
        .replace("TOKEN_B", &CALLBACK_TOKEN[..12]);
    // The script must not be found for naming them.
    let script = script.replace("ghs_", "gh[s]_").replace("cm1.", "cm[1].");
    let attempt = Attempt::new(&script);
    let agent = attempt.start();
    attempt.appears("ready");
    let seen = fs::read_to_string(attempt.workspace().join("seen")).unwrap();
    assert!(
        seen.contains("--dir") && !seen.contains(JOB_TOKEN) && !seen.contains(CALLBACK_TOKEN),
        "{seen}"
    );
    fs::write(attempt.workspace().join("go"), "\n").unwrap();
    assert_eq!(attempt.ended(agent), AttemptEnd::Exited { code: 0 });
}

#[test]
fn a_killed_worker_is_told_with_its_signal_and_its_steps_go() {
    let attempt = Attempt::new(WAITING);
    let agent = attempt.start();
    attempt.appears("ready");
    let pids = ["child", "orphan", "script"].map(|file| attempt.pid(file));
    kill("-9", attempt.pid("worker"));
    assert_eq!(attempt.ended(agent), AttemptEnd::Signalled { signal: 9 });
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
    assert!(attempt.dir().read(RESULT_FILE).unwrap().is_none());
    assert!(
        attempt
            .log()
            .ends_with("##[job]infrastructure The agent was killed by signal 9\n"),
        "{}",
        attempt.log()
    );
}

#[test]
fn a_killed_supervisor_takes_its_worker_and_the_steps_with_it() {
    let attempt = Attempt::new(WAITING);
    let agent = attempt.start();
    attempt.appears("ready");
    let pids = ["child", "script", "worker"].map(|file| attempt.pid(file));
    let orphan = attempt.pid("orphan");
    kill("-9", attempt.agent());
    assert!(!wait(agent).success());
    eventually(|| pids.iter().all(|pid| !is_alive(*pid)));
    assert_eq!(attempt.dir().lock_state().unwrap(), LockState::Free);
    assert_eq!(attempt.dir().exit().unwrap(), None);
    // The one with neither parents nor our environment was out of reach.
    kill("-9", orphan);
    assert!(
        attempt
            .command("reap")
            .env_remove(MARKER_VARIABLE)
            .status()
            .unwrap()
            .success()
    );
    let end = attempt.dir().exit().unwrap().unwrap().end;
    assert!(matches!(end, AttemptEnd::Lost { .. }), "{end:?}");
}

#[test]
fn a_clean_up_ends_what_both_have_left_and_leaves_the_living_alone() {
    let attempt = Attempt::new("sleep 1000 & echo $! > child; echo $PPID > worker; echo > ready; wait");
    let agent = attempt.start();
    attempt.appears("ready");
    let reap = || {
        attempt
            .command("reap")
            .env_remove(MARKER_VARIABLE)
            .status()
            .unwrap()
            .success()
    };
    assert!(reap(), "it does nothing");
    let child = attempt.pid("child");
    assert!(is_alive(child) && attempt.dir().exit().unwrap().is_none());
    // Frozen, neither can do anything about the other's end.
    kill("-STOP", attempt.pid("worker"));
    kill("-9", attempt.agent());
    kill("-9", attempt.pid("worker"));
    assert!(!wait(agent).success());
    assert!(is_alive(child));
    attempt.dir().note_cancel(&CancelRecord { at_ms: 1 }).unwrap();
    assert!(reap());
    assert!(!is_alive(child));
    assert_eq!(attempt.dir().exit().unwrap().unwrap().end, AttemptEnd::Cancelled);
}

#[test]
fn an_attempt_whose_directory_is_removed_ends_with_all_its_processes() {
    let attempt = Attempt::new(WAITING);
    let agent = attempt.start();
    attempt.appears("ready");
    let pids = ["child", "orphan", "script", "worker"].map(|file| attempt.pid(file));
    fs::remove_dir_all(attempt.path()).unwrap();
    wait(agent);
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_job_that_is_tied_to_its_owner_ends_with_it() {
    let attempt = Attempt::new(WAITING);
    let mut command = attempt.command("run");
    let mut agent = command.arg(END_WITH_STDIN).stdin(Stdio::piped()).spawn().unwrap();
    attempt.appears("ready");
    let pids = ["child", "orphan", "script", "worker"].map(|file| attempt.pid(file));
    drop(agent.stdin.take());
    let AttemptEnd::Lost { detail } = attempt.ended(agent) else {
        panic!("{}", attempt.log())
    };
    assert_eq!(detail, "the process that had started it ended before it did");
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
    assert!(
        attempt.log().contains("##[endstep]cancelled "),
        "{}",
        attempt.log()
    );
}

#[test]
fn told_to_stop_it_says_who_wanted_it() {
    for (cancelled, expected) in [
        (true, AttemptEnd::Cancelled),
        (false, AttemptEnd::Signalled { signal: 15 }),
    ] {
        let attempt = Attempt::new(WAITING);
        let agent = attempt.start();
        attempt.appears("ready");
        let pids = ["child", "orphan", "script", "worker"].map(|file| attempt.pid(file));
        if cancelled {
            attempt.dir().note_cancel(&CancelRecord { at_ms: 1 }).unwrap();
        }
        kill("-TERM", attempt.agent());
        assert_eq!(attempt.ended(agent), expected);
        assert_eq!(attempt.result().conclusion, JobVerdict::Cancelled);
        assert!(pids.iter().all(|pid| !is_alive(*pid)));
    }
}

#[test]
fn a_job_past_its_time_ends_as_timed_out() {
    let attempt = Attempt::with(WAITING, json!({"timeout_ms": 300}));
    assert_eq!(attempt.run(), AttemptEnd::Exited { code: 124 });
    assert_eq!(
        attempt.result().detail,
        "The job ran longer than its limit of 1 s"
    );
    assert_eq!(attempt.result().conclusion, JobVerdict::TimedOut);
}

#[test]
fn a_worker_that_hangs_runs_into_the_backstop() {
    let attempt = Attempt::new("echo $PPID > worker; echo > ready; kill -STOP $PPID; sleep 1000");
    attempt.describe(&attempt.dir().read("job.json").unwrap().unwrap(), 1500);
    assert_eq!(attempt.run(), AttemptEnd::TimedOut);
}

#[test]
fn a_description_that_is_none_loses_the_job_with_the_reason() {
    let attempt = Attempt::new("true");
    attempt.describe(b"{\"job\": 1}", 600_000);
    let AttemptEnd::Lost { detail } = attempt.run() else {
        panic!("a lost job")
    };
    assert!(
        detail.contains("the job's description can't be understood"),
        "{detail}"
    );
}

#[test]
fn a_disk_that_takes_no_more_is_our_fault_and_not_the_jobs() {
    let attempt = Attempt::new("yes 0123456789 | head -c 300000");
    let mut limited = Command::new("sh");
    // A limit on file sizes gives the same kind of failure as a full disk.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" run --dir \"$1\"";
    limited.args(["-c", script]).arg(&*AGENT).arg(attempt.path());
    attempt.environment(&mut limited);
    assert_eq!(
        attempt.ended(limited.spawn().unwrap()),
        AttemptEnd::Exited { code: 75 }
    );
    let result = attempt.result();
    assert_eq!(result.conclusion, JobVerdict::Infrastructure);
    assert!(
        result.detail.contains("the log could not be written"),
        "{}",
        result.detail
    );
}

#[test]
fn the_callback_hears_of_the_start_the_log_and_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jobs/j/1", listener.local_addr().unwrap());
    let attempt = Attempt::with(
        "for i in $(seq 1 3000); do echo \"line $i äöü\"; done",
        json!({"callback": {"url": url}}),
    );
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length, mut token) = (String::new(), 0, String::new());
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" => value.clone_into(&mut token),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let path = first.split_whitespace().nth(1).unwrap().to_owned();
            sender.send((path, token, body)).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
    });
    assert_eq!(attempt.run(), AttemptEnd::Exited { code: 0 });
    let requests: Vec<_> = requests.try_iter().collect();
    assert!(
        requests
            .iter()
            .all(|(_, token, _)| *token == format!("Bearer {CALLBACK_TOKEN}"))
    );
    assert_eq!(requests[0].0, "/jobs/j/1/running");
    let mut log = Vec::new();
    for (path, _, body) in &requests[1..requests.len() - 1] {
        assert_eq!(*path, format!("/jobs/j/1/log?offset={}", log.len()));
        log.extend_from_slice(body);
    }
    assert_eq!(String::from_utf8(log).unwrap(), attempt.log());
    let (path, _, body) = requests.last().unwrap();
    assert_eq!(path, "/jobs/j/1/end");
    let reported: JobResult = serde_json::from_slice(body).unwrap();
    assert_eq!(reported, attempt.result());
}

#[test]
fn wrong_arguments_are_explained() {
    let table: [(&[&str], &str); 6] = [
        (&[], "a verb is missing"),
        (&["walk", "--dir", "/x"], "\"walk\" is not a verb of the agent"),
        (&["run"], "--dir DIR and nothing else must follow"),
        (&["run", "--dir", "x"], "x is not an absolute path"),
        (
            &["reap", "--dir", "/x", END_WITH_STDIN],
            "--dir DIR and nothing else must follow",
        ),
        (
            &["run", "--dir", "/x", END_WITH_STDIN],
            "standard input can't be watched",
        ),
    ];
    for (arguments, expected) in table {
        let mut command = Command::new(&*AGENT);
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(matches!(output.status.code(), Some(2 | 75)), "{arguments:?}");
        assert!(
            String::from_utf8(output.stderr).unwrap().contains(expected),
            "{arguments:?}"
        );
    }
    let version = Command::new(&*AGENT).arg("--version").output().unwrap().stdout;
    assert!(
        String::from_utf8(version)
            .unwrap()
            .starts_with("checkmill-agent ")
    );
}
