//! Getting the images of the job's containers.

use crate::container::engine::Engine;
use crate::container::pull::{Login, arguments, is_refused};
use crate::container::{is_local, qualified};
use crate::job::JobRunner;
use crate::job::fault::Fault;
use crate::job::step::Running;
use checkmill_core::limits::IMAGE_PULL;
use checkmill_workflow::expr::interpolate;
use checkmill_workflow::job::{Container, Credentials};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

impl JobRunner<'_> {
    /// Pulls the image, as often as the network may fail; the name to run it by.
    pub(super) async fn pull(
        &mut self,
        running: &Running<'_>,
        engine: &Engine,
        what: &str,
        container: &Container,
    ) -> Result<String, Fault> {
        let image = qualified(&container.image);
        if is_local(&image) {
            let known = engine
                .ask(["image", "inspect", "--format", "{{.Id}}", &image])
                .await;
            return match known {
                Ok(_) => Ok(image),
                Err(problem) => Err(Fault::Configuration(format!(
                    "The image {image} of {what} is on no registry, and the machine does not have it: {problem}"
                ))),
            };
        }
        let login = match &container.credentials {
            Some(credentials) => self.login(&image, what, credentials)?,
            None => None,
        };
        let arguments = arguments(engine, &image, login.as_ref());
        self.log.text(&format!("##[group]{} pull {image}", engine.name));
        let done = self.pull_patiently(running, engine, &arguments).await;
        self.log.text("##[endgroup]");
        match done {
            Ok(()) => Ok(image),
            Err((fault, None)) => Err(fault),
            Err((_, Some(last))) => {
                let problem = format!("The image {image} of {what} is not to be had: {last}");
                Err(if is_refused(&last) {
                    Fault::Configuration(problem)
                } else {
                    Fault::Infrastructure(problem)
                })
            }
        }
    }

    /// The fault, and the engine's last words where it has failed.
    async fn pull_patiently(
        &mut self,
        running: &Running<'_>,
        engine: &Engine,
        arguments: &[std::ffi::OsString],
    ) -> Result<(), (Fault, Option<String>)> {
        let surroundings = self.surroundings;
        let mut delays = surroundings.retry_delays.iter();
        loop {
            let limited = Running {
                key: running.key,
                title: running.title.clone(),
                env: running.env,
                opaque: running.opaque.clone(),
                minutes: Some((IMAGE_PULL.0 / 60_000).to_string()),
                deadline: Instant::now().checked_add(Duration::from_millis(IMAGE_PULL.0)),
                goes_on: false,
            };
            let files = self.files(&limited).map_err(|fault| (fault, None))?;
            let program = engine.program(arguments.to_vec());
            let done = self.execute(&limited, &program, files, Path::new("/")).await;
            let Some(fault) = done.fault else { return Ok(()) };
            if matches!(fault, Fault::Stopped) {
                return Err((fault, None));
            }
            let last = done.tail.last().cloned().unwrap_or_else(|| fault.sentence());
            let delay = delays.next().filter(|_| !is_refused(&last));
            let Some(delay) = delay else {
                return Err((fault, Some(last)));
            };
            self.log.text(&format!("##[warning]{last}; it is tried again."));
            self.pause(*delay).await.map_err(|fault| (fault, None))?;
        }
    }

    /// Waits, unless the job is stopped.
    pub(super) async fn pause(&self, delay: Duration) -> Result<(), Fault> {
        tokio::select! {
            () = tokio::time::sleep(delay) => Ok(()),
            () = self.surroundings.control.clone().stop_of_step(|| false) => Err(Fault::Stopped),
        }
    }

    /// None where both halves are empty: a workflow may leave them out by an expression.
    fn login(&mut self, image: &str, what: &str, credentials: &Credentials) -> Result<Option<Login>, Fault> {
        let fill = |text: &str| {
            interpolate(text, &self.scope()).map_err(|error| {
                Fault::Configuration(format!("`credentials` of {what} can't be computed: {error}"))
            })
        };
        let (username, password) = (fill(&credentials.username)?, fill(&credentials.password)?);
        self.log.masks_mut().add(&password);
        match (username.is_empty(), password.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => {
                let directory = self.surroundings.layout.ours.join("login");
                let login = Login::write(directory, image, &username, &password);
                login.map(Some).map_err(|error| {
                    Fault::Infrastructure(format!("The login for {image} could not be written: {error}"))
                })
            }
            _ => Err(Fault::Configuration(format!(
                "`credentials` of {what} has an empty username or password; is the secret set?"
            ))),
        }
    }
}
