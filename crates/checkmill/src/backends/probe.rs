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
/// What it prints.
const HELLO: &str = "checkmill: hello";

/// Runs one job to its end and removes it; how long it took.
pub(super) async fn run(backend: &dyn Backend) -> Result<Millis, String> {
    let begun = SystemClock.now();
    let submission = submission(begun.0)?;
    let id = backend.submit(&submission).await.map_err(said)?;
    let outcome = watch(backend, &id).await;
    let took = SystemClock.now().since(begun);
    if outcome.is_err() {
        // It may run on: it is not waited for.
        let _ = backend.cancel(&id).await;
    }
    outcome?;
    backend.discard(&id).await.map_err(said)?;
    Ok(took)
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
    use super::submission;
    use checkmill_workflow::job::JobDescription;

    #[test]
    fn the_job_is_one_that_agents_take() {
        let submission = submission(1).unwrap();
        serde_json::from_slice::<JobDescription>(&submission.description).unwrap();
    }
}
