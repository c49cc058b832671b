//! Removing what a job has left with the engine: containers, networks, volumes. All of it carries the attempt's key, so it is
//! found whoever is still there to look: the job at its end, its supervisor, or whoever cleans up after both.

use super::engine::Engine;
use crate::environment::Variables;
use checkmill_backends::attempt::{AttemptDir, JOB_FILE};
use std::path::Path;

/// In an attempt's directory: the name of the engine that its job has used.
const ENGINE_FILE: &str = "engine";

/// The label of all that belongs to an attempt.
#[must_use]
pub fn label(key: &str) -> String {
    format!("checkmill.attempt={key}")
}

/// The key of an attempt in labels and names: no other job's, in lower case as some names must be.
#[must_use]
pub fn key(job: &str, attempt: u32) -> String {
    format!("{job}-{attempt}").to_ascii_lowercase()
}

/// Notes in the attempt's directory that there may be something to remove.
pub fn note(attempt: &Path, engine: &Engine) {
    // Where it can't be written the job itself still removes what it has made.
    let _ = std::fs::write(attempt.join(ENGINE_FILE), engine.name);
}

/// Removes what is left of an attempt whose job did not come to its end.
///
/// # Errors
/// What the engine says: something may be left.
pub async fn after(attempt: &AttemptDir, environment: &Variables) -> Result<(), String> {
    let Ok(Some(name)) = attempt.read(ENGINE_FILE) else {
        return Ok(());
    };
    let name = String::from_utf8_lossy(&name);
    let (Some(engine), Some(key)) = (Engine::named(&name, environment, attempt.path()), key_of(attempt))
    else {
        return Ok(());
    };
    all(&engine, &key).await
}

fn key_of(attempt: &AttemptDir) -> Option<String> {
    let description: serde_json::Value = serde_json::from_slice(&attempt.read(JOB_FILE).ok()??).ok()?;
    let number = u32::try_from(description["attempt"].as_u64()?).ok()?;
    Some(key(description["job"].as_str()?, number))
}

/// Removes everything that carries the key.
///
/// # Errors
/// What the engine says of the last kind that it could not remove.
pub async fn all(engine: &Engine, key: &str) -> Result<(), String> {
    let filter = format!("label={}", label(key));
    let kinds: [(&[&str], &[&str]); 3] = [
        (
            &["ps", "--all", "--quiet", "--no-trunc"],
            &["rm", "--force", "--volumes"],
        ),
        (&["network", "ls", "--quiet"], &["network", "rm"]),
        (&["volume", "ls", "--quiet"], &["volume", "rm", "--force"]),
    ];
    let mut done = Ok(());
    for (list, remove) in kinds {
        let listed = engine
            .ask(list.iter().copied().chain(["--filter", &filter]))
            .await;
        let removed = match &listed {
            Ok(ids) if ids.is_empty() => continue,
            Ok(ids) => {
                engine
                    .ask(remove.iter().copied().chain(ids.split_whitespace()))
                    .await
            }
            Err(problem) => Err(problem.clone()),
        };
        done = done.and(removed.map(drop));
    }
    done
}
