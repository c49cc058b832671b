//! A container engine of this machine: docker or podman, by its command line.

use crate::environment::{self, Variables};
use crate::exec::Program;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

/// The engines, the first one that answers is used.
pub const ENGINES: [&str; 2] = ["docker", "podman"];
/// For the engine to answer a question, or to end a container.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(30);

/// One that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    pub name: &'static str,
    path: PathBuf,
    /// Its own, not that of its containers.
    environment: Variables,
    directory: PathBuf,
}

impl Engine {
    /// The first that answers, run in `directory`, relative to which its `PATH` is.
    ///
    /// # Errors
    /// What is wrong with each, as the end of a sentence.
    pub async fn find(environment: &Variables, directory: &Path) -> Result<Self, String> {
        let mut silent = Vec::new();
        for name in ENGINES {
            let Some(engine) = Self::named(name, environment, directory) else {
                continue;
            };
            match engine.ask(["info"]).await {
                Ok(_) => return Ok(engine),
                Err(problem) => silent.push(format!("{name} does not answer ({problem})")),
            }
        }
        if silent.is_empty() {
            return Err("there is neither docker nor podman".to_owned());
        }
        Err(silent.join("; "))
    }

    /// The one of this name, whether it answers or not; none where it is not installed.
    #[must_use]
    pub fn named(name: &str, environment: &Variables, directory: &Path) -> Option<Self> {
        let name = ENGINES.into_iter().find(|known| *known == name)?;
        let path = environment.get("PATH").map_or("", String::as_str);
        Some(Self {
            name,
            path: environment::find_program(name, path, directory)?,
            environment: environment.clone(),
            directory: directory.to_owned(),
        })
    }

    #[must_use]
    pub fn is_podman(&self) -> bool {
        self.name == "podman"
    }

    /// A call of it that takes its time, to be run as a step's program is.
    #[must_use]
    pub fn program(&self, arguments: Vec<OsString>) -> Program {
        Program {
            path: self.path.clone(),
            arguments,
            directory: self.directory.clone(),
            environment: self.environment.clone(),
        }
    }

    /// Asks for something short; what it prints.
    ///
    /// # Errors
    /// Its last words where it fails.
    pub async fn ask<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, String> {
        let output = self.output(arguments, &Variables::new()).await?;
        answer(&output)
    }

    /// The same with further variables, which are for a container and passed on by name.
    ///
    /// # Errors
    /// Its last words where it fails.
    pub async fn ask_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        passed: &Variables,
    ) -> Result<String, String> {
        let output = self.output(arguments, passed).await?;
        answer(&output)
    }

    /// What it prints to both of its streams, whether it fails or not.
    ///
    /// # Errors
    /// It does not run, or not in time.
    pub async fn said<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<String, String> {
        let output = self.output(arguments, &Variables::new()).await?;
        let mut said = output.stdout;
        said.extend(output.stderr);
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    async fn output<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        passed: &Variables,
    ) -> Result<Output, String> {
        let mut command = tokio::process::Command::new(&self.path);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .envs(&self.environment)
            .envs(passed)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        match tokio::time::timeout(ENGINE_TIMEOUT, command.output()).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it says nothing within {} s", ENGINE_TIMEOUT.as_secs())),
        }
    }
}

fn answer(output: &Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it says nothing").trim().to_owned())
}
