//! Starting agents.

use super::settings::ProcessSettings;
use super::{Inner, files, refused, transient};
use crate::attempt::{
    AGENT_OUTPUT_FILE, AttemptDir, AttemptEnd, Claim, DirError, END_WITH_STDIN, JOB_FILE, MARKER_VARIABLE,
    SubmitRecord,
};
use crate::port::{BackendError, Submission};
use checkmill_core::Millis;
use checkmill_workflow::job::is_secret_variable;
use secrecy::{ExposeSecret, SecretString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// After the run's own time limit, for the agent to end steps, run those that always run and write its result. It is longer
/// than the sum of the agent's graces, so it only ends an agent that hangs.
const BACKSTOP: Millis = Millis::from_secs(120);
/// Of what a failing agent printed, this much is repeated, in characters.
const SHOWN_CHARS: usize = 500;

impl Inner {
    /// Makes the attempt's directory unless it is there, and starts an agent unless one has it. Of several agents one takes
    /// the claim and the others leave, so a repeat after a crash or a lost answer is harmless.
    pub(super) fn submit(&self, submission: &Submission) -> Result<String, BackendError> {
        check_secrets(&submission.secrets)?;
        let id = submission.key.to_string();
        let attempt = self.attempt(&submission.key);
        if attempt.path().is_dir() && attempt.claim().is_ok_and(|claim| claim.is_some()) {
            return Ok(id);
        }
        files::make_private_directory(attempt.path()).map_err(|source| {
            BackendError::from(DirError {
                action: "make",
                path: attempt.path().to_owned(),
                source,
            })
        })?;
        let record = SubmitRecord {
            key: id.clone(),
            name: submission.name.clone(),
            labels: submission.labels.clone(),
            submitted_ms: (self.settings.now)().0,
            backstop_ms: submission.run_timeout.0.saturating_add(BACKSTOP.0),
        };
        attempt.describe(&submission.description, &record)?;
        self.start(&attempt, &submission.secrets)?;
        Ok(id)
    }

    fn start(&self, attempt: &AttemptDir, secrets: &[(String, SecretString)]) -> Result<(), BackendError> {
        let mut command = command(&self.settings, "run", attempt)?;
        // Not for the one that cleans up: it ends all that carry this.
        command.env(MARKER_VARIABLE, attempt.path());
        if let Some(owner) = &self.owner {
            let pipe = owner.seen_by_agents.try_clone();
            command
                .stdin(pipe.map_err(|error| transient(format!("its agent got no pipe: {error}")))?)
                .arg(END_WITH_STDIN);
        }
        command.envs(secrets.iter().map(|(name, value)| (name, value.expose_secret())));
        match command.spawn() {
            Ok(child) => {
                watch(child, attempt.clone(), secrets.to_vec(), self.settings.clone());
                Ok(())
            }
            Err(error) => {
                let program = self.settings.agent.program.display();
                let detail = format!("its agent {program} could not be started: {error}");
                if !is_permanent(&error) {
                    return Err(transient(detail));
                }
                // Nothing will ever take this attempt: say so to those who poll it.
                self.void(
                    attempt,
                    AttemptEnd::Lost {
                        detail: detail.clone(),
                    },
                )?;
                Err(refused(format!(
                    "{detail}; check the path and that it may be executed"
                )))
            }
        }
    }
}

/// Runs the agent as the one that cleans up after a dead agent, and waits for it. It bounds its own time.
pub(super) fn reap(settings: &ProcessSettings, attempt: &AttemptDir) -> Result<(), BackendError> {
    let mut command = command(settings, "reap", attempt)?;
    let status = command
        .status()
        .map_err(|error| transient(format!("its agent could not be started: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(transient(format!("the agent's clean-up failed: {status}")))
}

/// An agent with a clean environment and no terminal. Secrets are in neither arguments nor files.
fn command(settings: &ProcessSettings, verb: &str, attempt: &AttemptDir) -> Result<Command, BackendError> {
    let path = attempt.file(AGENT_OUTPUT_FILE);
    let output = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path);
    let output = output.map_err(|source| DirError {
        action: "open",
        path: path.clone(),
        source,
    })?;
    let errors = output.try_clone().map_err(|source| DirError {
        action: "open",
        path,
        source,
    })?;
    let mut command = Command::new(&settings.agent.program);
    command
        .args(&settings.agent.arguments)
        .arg(verb)
        .arg("--dir")
        .arg(attempt.path())
        .current_dir(attempt.path())
        .env_clear()
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    Ok(command)
}

/// Waits for the agent as long as we live, so that it is no zombie, and speaks for one that ended before it took its job.
/// A thread and not a task: it must not keep a runtime from shutting down.
fn watch(
    mut child: Child,
    attempt: AttemptDir,
    secrets: Vec<(String, SecretString)>,
    settings: ProcessSettings,
) {
    let wait = move || {
        let Ok(status) = child.wait() else { return };
        if !attempt.file(JOB_FILE).exists() || attempt.claim().is_ok_and(|claim| claim.is_some()) {
            return;
        }
        let detail = early_end(status, &attempt, &secrets);
        tracing::warn!(attempt = %attempt.path().display(), detail, "an agent ended before it took its job");
        let at_ms = (settings.now)().0;
        if let Err(error) = attempt.try_claim(&Claim::Backend {
            end: AttemptEnd::Lost { detail },
            at_ms,
        }) {
            tracing::warn!(%error, "could not note the end of an attempt");
        }
    };
    if let Err(error) = std::thread::Builder::new()
        .name("agent-wait".to_owned())
        .spawn(wait)
    {
        tracing::warn!(%error, "no thread to wait for an agent: it stays a zombie until we end");
    }
}

fn early_end(status: ExitStatus, attempt: &AttemptDir, secrets: &[(String, SecretString)]) -> String {
    let mut said = fs::read(attempt.file(AGENT_OUTPUT_FILE))
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
        .unwrap_or_default();
    for (_, secret) in secrets
        .iter()
        .filter(|(_, secret)| !secret.expose_secret().is_empty())
    {
        said = said.replace(secret.expose_secret(), "***");
    }
    let skipped = said.chars().count().saturating_sub(SHOWN_CHARS);
    let said: String = said.chars().skip(skipped).collect();
    let said = if said.is_empty() {
        "it printed nothing".to_owned()
    } else {
        format!("it printed: {said}")
    };
    format!("its agent ended before it took the job ({status}); {said}")
}

fn check_secrets(secrets: &[(String, SecretString)]) -> Result<(), BackendError> {
    for (name, value) in secrets {
        if !is_secret_variable(name) {
            return Err(refused(format!(
                "{name:?} is not a variable that carries a secret to the agent"
            )));
        }
        if value.expose_secret().contains('\0') {
            return Err(refused(format!(
                "the secret {name} holds a NUL, which no environment variable can"
            )));
        }
    }
    Ok(())
}

/// Whether starting the program again can't help.
fn is_permanent(error: &io::Error) -> bool {
    use io::ErrorKind::{ExecutableFileBusy, InvalidInput, NotFound, PermissionDenied};
    let kind = error.kind();
    // "Exec format error" has no kind of its own.
    let bad_format = error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error());
    bad_format || (kind != ExecutableFileBusy && matches!(kind, NotFound | PermissionDenied | InvalidInput))
}
