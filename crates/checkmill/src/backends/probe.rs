//! The job of `checkmill backends --probe`.

use checkmill_aws::clock::SystemClock;
use checkmill_backends::port::{Backend, BackendEnd, BackendError, BackendState, Submission, SubmitKey};
use checkmill_core::{AttemptNumber, DeploymentId, JobId, JobKey, Millis, RunId};
use checkmill_phases::ports::Clock as _;
use serde_json::json;
use std::time::Duration;

/// A queue that is longer than this is told as one.
const LIMIT: Millis = Millis::from_minutes(5);
/// Between two polls.
const LOOK: Duration = Duration::from_millis(500);
/// Where a submit's answer is lost, it is found by the next one.
const SUBMITS: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);
/// For a job that was told to stop to end, and for a service that does not answer to do so again.
const REMOVE_LIMIT: Millis = Millis::from_secs(30);
/// What it prints.
const HELLO: &str = "checkmill: hello";

/// Runs one job to its end and removes it, whatever became of it: no deployment would. How long it took.
pub(super) async fn run(backend: &dyn Backend) -> Result<Millis, String> {
    let begun = SystemClock.now();
    let submission = submission(begun.0)?;
    let outcome = match submit(backend, &submission).await {
        Ok(id) => {
            let watched = watch(backend, &id).await;
            if watched.is_ok() {
                // Where it fails, it is tried again below.
                let _ = backend.discard(&id).await;
            }
            watched
        }
        Err(error) => Err(error),
    };
    let took = SystemClock.now().since(begun);
    match (outcome, remove(backend, &submission.key).await) {
        (Ok(()), Ok(())) => Ok(took),
        (Ok(()), Err(left)) => Err(left),
        (Err(problem), Ok(())) => Err(problem),
        (Err(problem), Err(left)) => Err(format!("{problem}; and {left}")),
    }
}

async fn submit(backend: &dyn Backend, submission: &Submission) -> Result<String, String> {
    for _ in 1..SUBMITS {
        match backend.submit(submission).await {
            Err(BackendError::Transient { .. }) => tokio::time::sleep(PAUSE).await,
            submitted => return submitted.map_err(said),
        }
    }
    backend.submit(submission).await.map_err(said)
}

/// Cancels and discards what the backend has of this key.
async fn remove(backend: &dyn Backend, key: &SubmitKey) -> Result<(), String> {
    let begun = SystemClock.now();
    loop {
        let why = match remove_once(backend, key).await {
            Ok(true) => return Ok(()),
            Ok(false) => "it has not ended".to_owned(),
            Err(BackendError::Refused { detail, .. }) => {
                return Err(format!("the job {key} is still there: {detail}"));
            }
            Err(error) => error.to_string(),
        };
        if SystemClock.now().since(begun) >= REMOVE_LIMIT {
            return Err(format!("the job {key} is still there: {why}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether nothing is left of it.
async fn remove_once(backend: &dyn Backend, key: &SubmitKey) -> Result<bool, BackendError> {
    let mut is_gone = true;
    for owned in backend
        .list()
        .await?
        .into_iter()
        .filter(|owned| owned.key == *key)
    {
        if owned.live {
            backend.cancel(&owned.id).await?;
            is_gone = false;
        } else {
            backend.discard(&owned.id).await?;
        }
    }
    Ok(is_gone)
}

async fn watch(backend: &dyn Backend, id: &str) -> Result<(), String> {
    let begun = SystemClock.now();
    let mut seen = BackendState::Pending;
    while SystemClock.now().since(begun) < LIMIT {
        let states = backend.poll(&[id.to_owned()]).await.map_err(said)?;
        match states.into_iter().next() {
            Some(BackendState::Ended(BackendEnd::Exited { code: 0 })) => return log(backend, id).await,
            Some(BackendState::Ended(end)) => return Err(format!("its job {id} ended: {end:?}")),
            Some(BackendState::Unknown) | None => return Err(format!("it does not know its job {id}")),
            Some(state) => seen = state,
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(format!(
        "its job {id} was still {} after {} s",
        if seen == BackendState::Running {
            "running"
        } else {
            "waiting"
        },
        LIMIT.as_secs_ceil()
    ))
}

async fn log(backend: &dyn Backend, id: &str) -> Result<(), String> {
    let chunk = backend.log(id, 0).await.map_err(said)?;
    if String::from_utf8_lossy(&chunk.bytes).contains(HELLO) {
        Ok(())
    } else {
        Err(format!("the log of its job {id} lacks what it printed"))
    }
}

fn submission(number: u64) -> Result<Submission, String> {
    let delivery = format!("probe-{number}").parse();
    let delivery = delivery.map_err(|_| "the probe has no id".to_owned())?;
    let key: JobKey = "probe".parse().map_err(|_| "the probe has no key".to_owned())?;
    let key = SubmitKey {
        // Nobody's: no deployment takes it for a leftover of its own.
        deployment: DeploymentId::derive(&format!("probe-{number}")),
        job: JobId::derive(&RunId::derive(&delivery, "probe"), &key, ""),
        attempt: AttemptNumber::FIRST,
    };
    let description = json!({
        "job": key.job.to_string(),
        "attempt": 1,
        "name": "checkmill probe",
        "checkout": {
            "clone_url": "file:///nowhere", "repository": "checkmill/probe",
            "sha": "0".repeat(40), "git_ref": "refs/heads/main",
        },
        "contexts": { "github": { "event": {} } },
        "env": [],
        "defaults": {},
        "steps": [{ "type": "run", "run": format!("echo '{HELLO}'"), "shell": "sh" }],
        "outputs": {},
        "timeout_ms": LIMIT.0,
        "callback": null,
    });
    Ok(Submission {
        key,
        name: "checkmill probe".to_owned(),
        description: description.to_string().into_bytes(),
        secrets: Vec::new(),
        labels: Vec::new(),
        queue_timeout: LIMIT,
        run_timeout: LIMIT,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: BackendError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::{run, submission};
    use async_trait::async_trait;
    use checkmill_backends::port::{
        Backend, BackendError, BackendState, Capabilities, LogChunk, Owned, Submission,
    };
    use checkmill_workflow::job::JobDescription;
    use std::sync::Mutex;

    /// Has a job and never a word of it; each call is noted.
    #[derive(Default)]
    struct Silent {
        calls: Mutex<Vec<&'static str>>,
        job: Mutex<Option<Owned>>,
        /// How many submits fail for a while, where not for good.
        transient: u32,
    }

    impl Silent {
        fn call(&self, call: &'static str) -> usize {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.iter().filter(|one| **one == call).count()
        }

        fn error(is_transient: bool) -> BackendError {
            let (backend, detail) = ("silent".to_owned(), "no".to_owned());
            if is_transient {
                BackendError::Transient { backend, detail }
            } else {
                BackendError::Refused { backend, detail }
            }
        }
    }

    #[async_trait]
    impl Backend for Silent {
        fn capabilities(&self) -> Capabilities {
            Capabilities {
                callback: false,
                containers: false,
            }
        }

        async fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
            let count = self.call("submit");
            let owned = Owned {
                id: "j".to_owned(),
                key: submission.key.clone(),
                live: true,
            };
            *self.job.lock().unwrap() = Some(owned);
            Err(Self::error(u32::try_from(count).unwrap() <= self.transient))
        }

        async fn poll(&self, _: &[String]) -> Result<Vec<BackendState>, BackendError> {
            Err(Self::error(false))
        }

        async fn cancel(&self, _: &str) -> Result<(), BackendError> {
            self.call("cancel");
            if let Some(owned) = self.job.lock().unwrap().as_mut() {
                owned.live = false;
            }
            Ok(())
        }

        async fn log(&self, _: &str, _: u64) -> Result<LogChunk, BackendError> {
            Err(Self::error(false))
        }

        async fn result(&self, _: &str) -> Result<Option<Vec<u8>>, BackendError> {
            Ok(None)
        }

        async fn list(&self) -> Result<Vec<Owned>, BackendError> {
            if self.call("list") == 1 {
                return Err(Self::error(true));
            }
            Ok(self.job.lock().unwrap().iter().cloned().collect())
        }

        async fn discard(&self, _: &str) -> Result<(), BackendError> {
            self.call("discard");
            *self.job.lock().unwrap() = None;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_of_a_job_whose_submit_failed() {
        for (transient, submits) in [(0, 1), (2, 3), (9, 3)] {
            let backend = Silent {
                transient,
                ..Silent::default()
            };
            run(&backend).await.unwrap_err();
            assert!(backend.job.lock().unwrap().is_none());
            let calls = backend.calls.lock().unwrap().clone();
            let expected = ["list", "list", "cancel", "list", "discard"];
            assert_eq!(calls[..submits], vec!["submit"; submits]);
            assert_eq!(calls[submits..], expected);
        }
    }

    #[test]
    fn the_job_is_one_that_agents_take() {
        let submission = submission(1).unwrap();
        serde_json::from_slice::<JobDescription>(&submission.description).unwrap();
    }
}
