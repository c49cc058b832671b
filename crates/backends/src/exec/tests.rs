//! Programs that misbehave. One that behaves passes the contract test, in `crates/agent/tests`.

use super::*;
use crate::port::{BackendEnd, SubmitKey};
use checkmill_core::{AttemptNumber, DeliveryId, DeploymentId, JobId, JobKey, RunId};

fn program(script: &str) -> ExecBackend {
    ExecBackend::new(ExecSettings {
        name: "house".to_owned(),
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into(), "house".into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        capabilities: Capabilities {
            callback: false,
            containers: false,
        },
        call: Millis::from_secs(20),
    })
}

fn submission() -> Submission {
    let delivery: DeliveryId = "exec".parse().unwrap();
    let key: JobKey = "build".parse().unwrap();
    Submission {
        key: SubmitKey {
            deployment: DeploymentId::derive("exec"),
            job: JobId::derive(&RunId::derive(&delivery, "ci.yml"), &key, ""),
            attempt: AttemptNumber::FIRST,
        },
        name: "build".to_owned(),
        description: br#"{"steps":[]}"#.to_vec(),
        secrets: vec![
            ("GITHUB_TOKEN".to_owned(), "ghs_secret".into()),
            ("CHECKMILL_SECRET_A".to_owned(), "secret".into()),
            ("CHECKMILL_SECRET_PEM".to_owned(), "two\nlines of it".into()),
        ],
        labels: vec!["house".to_owned()],
        queue_timeout: Millis::from_minutes(1),
        run_timeout: Millis::from_minutes(2),
    }
}

#[tokio::test]
async fn a_program_gets_one_line_of_json_and_the_verb_as_its_last_argument() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("said");
    let script = format!(
        r#"echo "$1" > '{0}'; cat >> '{0}'; echo '{{"id":"7"}}'"#,
        file.display()
    );
    assert_eq!(program(&script).submit(&submission()).await.unwrap(), "7");
    let key = submission().key;
    assert_eq!(
        std::fs::read_to_string(file).unwrap(),
        format!(
            concat!(
                "submit\n",
                r#"{{"version":1,"verb":"submit","key":"{}","name":"build","labels":["house"],"queue_timeout_ms":60000,"#,
                r#""run_timeout_ms":120000,"description":{{"steps":[]}},"secrets":{{"CHECKMILL_SECRET_A":"secret","#,
                r#""CHECKMILL_SECRET_PEM":"two\nlines of it","GITHUB_TOKEN":"ghs_secret"}}}}"#,
                "\n"
            ),
            key
        )
    );
}

#[tokio::test]
async fn answers_become_what_the_port_has() {
    let states = concat!(
        r#"[{"state":"pending"},{"state":"running"},{"state":"unknown"},{"state":"exited","code":3},"#,
        r#"{"state":"signalled","signal":9},{"state":"cancelled"},{"state":"timed_out"},{"state":"lost"}]"#
    );
    let backend = program(&format!(r#"echo '{{"states":{states}}}'"#));
    let ids: Vec<String> = (0..8).map(|id| id.to_string()).collect();
    let ended = BackendState::Ended;
    assert_eq!(
        backend.poll(&ids).await.unwrap(),
        [
            BackendState::Pending,
            BackendState::Running,
            BackendState::Unknown,
            ended(BackendEnd::Exited { code: 3 }),
            ended(BackendEnd::Signalled { signal: 9 }),
            ended(BackendEnd::Cancelled),
            ended(BackendEnd::TimedOut),
            ended(BackendEnd::Lost {
                detail: String::new()
            }),
        ]
    );
    // Broken into lines, as `base64` does.
    let log = program(r#"printf '{"base64":"aGVs\nbG8=","complete":false}' | tr '\n' ' '"#);
    let chunk = log.log("7", 10).await.unwrap();
    assert_eq!(
        (chunk.bytes.as_slice(), chunk.next_offset, chunk.complete),
        (b"hello".as_slice(), 15, false)
    );
    let result = program(r#"echo '{"result":{"conclusion":"success"}}'"#);
    assert_eq!(
        result.result("7").await.unwrap(),
        Some(br#"{"conclusion":"success"}"#.to_vec())
    );
    assert_eq!(program(r#"echo '{"result":null}'"#).result("7").await, Ok(None));
    let key = submission().key;
    let jobs =
        format!(r#"{{"id":"7","key":"{key}","live":true}},{{"id":"8","key":"lost+found","live":true}}"#);
    let list = program(&format!(r#"echo '{{"jobs":[{jobs}]}}'"#));
    let owned = Owned {
        key,
        id: "7".to_owned(),
        live: true,
    };
    assert_eq!(list.list().await, Ok(vec![owned]));
    assert_eq!(program("echo '{}'").cancel("7").await, Ok(()));
}

/// What a submit ends in, and whether it is tried again.
async fn fault(script: &str) -> (bool, String) {
    match program(script).submit(&submission()).await.unwrap_err() {
        BackendError::Transient { detail, .. } => (true, detail),
        BackendError::Refused { detail, .. } => (false, detail),
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_tried_again_where_that_may_help() {
    let table = [
        (
            r#"echo '{"error":"no such partition"}'; exit 1"#,
            (false, "/bin/sh submit: no such partition"),
        ),
        (
            r#"echo '{"error":"busy","retry":true}'; exit 1"#,
            (true, "/bin/sh submit: busy"),
        ),
        (
            "echo 'kubectl: refused' >&2; exit 1",
            (
                false,
                "/bin/sh submit: exit status: 1; it printed kubectl: refused",
            ),
        ),
        (
            "exit 75",
            (true, "/bin/sh submit: exit status: 75; it printed nothing"),
        ),
        (
            "kill -9 $$",
            (true, "/bin/sh submit: signal: 9 (SIGKILL); it printed nothing"),
        ),
        (
            "exit 137",
            (true, "/bin/sh submit: exit status: 137; it printed nothing"),
        ),
        (
            "cat; exit 1",
            (false, "/bin/sh submit: exit status: 1; it printed "),
        ),
        (
            "echo done",
            (
                false,
                "its answer to submit is not what docs/exec-backend.md asks for: expected value at line 1 column 1; it printed done",
            ),
        ),
        (
            r#"echo '{"id":""}'"#,
            (
                false,
                "its answer to submit has an id of 0 bytes; it has 1 to 512",
            ),
        ),
        // As Python shows a string, and in pieces.
        (
            r"cat >/dev/null; echo 'ghs_secret and two\nlines of it' >&2; exit 1",
            (false, "/bin/sh submit: exit status: 1; it printed *** and ***"),
        ),
        (
            r#"echo '"ghs_secret"'"#,
            (
                false,
                "its answer to submit is not what docs/exec-backend.md asks for: invalid type: string \"***\"",
            ),
        ),
    ];
    for (script, (again, expected)) in table {
        let (tried_again, detail) = fault(script).await;
        assert!(
            tried_again == again && detail.starts_with(expected),
            "{script}: {tried_again} {detail}"
        );
        assert!(!detail.contains("ghs_secret"), "{detail}");
    }
    let missing = ExecBackend::new(ExecSettings {
        program: "/nowhere/house".into(),
        ..program("").settings
    });
    let error = missing.submit(&submission()).await.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "the backend house refuses the job: /nowhere/house submit: it could not be started: "
        ),
        "{error}"
    );
    let two = program(r#"echo '{"states":[]}'"#).poll(&["7".to_owned()]).await;
    assert_eq!(
        two.unwrap_err().to_string(),
        "the backend house refuses the job: its answer to poll has 0 states for 1 ids"
    );
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_ended_with_what_it_has_started() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!("sleep 1000 & echo $! > '{}'; wait", file.display());
    let backend = ExecBackend::new(ExecSettings {
        call: Millis::from_secs(1),
        ..program(&script).settings
    });
    let error = backend.list().await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Transient { detail, .. } if detail == "/bin/sh list: no answer within 1 s"),
        "{error}"
    );
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_its_answer_up() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let script = format!(
        r#"setsid sleep 1000 & echo $! > '{}'; echo '{{"id":"7"}}'"#,
        file.display()
    );
    assert_eq!(program(&script).submit(&submission()).await.unwrap(), "7");
    let pid = std::fs::read_to_string(file).unwrap();
    let killed = std::process::Command::new("kill")
        .arg(pid.trim())
        .status()
        .unwrap();
    assert!(killed.success(), "it still ran");
}
