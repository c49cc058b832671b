//! One step: whether it runs, and what becomes of it.

use super::JobRunner;
use super::control::Course;
use super::fault::Fault;
use crate::checkout::options::Options;
use crate::checkout::{Checkout, CheckoutFault};
use crate::environment::{self, Variables};
use crate::exec::Ended;
use crate::log::writer::{END_STEP_MARK, STEP_MARK};
use checkmill_workflow::expr::{JobStatus, Scope, condition, interpolate, interpolate_value};
use checkmill_workflow::job::{StepAction, StepDescription, StepResult, StepStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// What a step has come to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) fault: Option<Fault>,
    pub(super) exit_code: Option<i32>,
    pub(super) outputs: Vec<(String, String)>,
    pub(super) tail: Vec<String>,
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }
}

/// What holds for a step that runs.
pub(super) struct Running<'a> {
    pub(super) number: usize,
    pub(super) env: &'a Variables,
    /// As written, for messages.
    pub(super) minutes: Option<String>,
    pub(super) timeout: Option<Duration>,
    /// Goes on when the job is cancelled, its condition saying so.
    pub(super) goes_on: bool,
}

impl Running<'_> {
    /// The fault that an end of ours is.
    pub(super) fn fault(&self, ended: Ended) -> Option<Fault> {
        match ended {
            Ended::Exited(0) => None,
            Ended::Exited(code) => Some(Fault::Exit(code)),
            Ended::TimedOut => Some(Fault::TimedOut {
                minutes: self.minutes.clone().unwrap_or_default(),
            }),
            Ended::Stopped => Some(Fault::Stopped),
        }
    }
}

impl JobRunner<'_> {
    pub(super) async fn step(&mut self, index: usize, step: &StepDescription) {
        let number = index + 1;
        let action = step.id.clone().unwrap_or_else(|| format!("__run_{number}"));
        self.contexts["github"]["action"] = action.into();
        self.show_status();
        self.show_env(None);
        let started = self.now();
        let name = self.step_name(step);
        let name = self.log.masks().apply(&name);
        self.log.text(&format!(
            "{STEP_MARK}{number}/{} {name}",
            self.description.steps.len()
        ));
        let outcome = match self.is_wanted(step) {
            Ok(false) => None,
            Ok(true) => Some(self.run_step(number, step).await),
            Err(fault) => Some(fault.into()),
        };
        if matches!(step.action, StepAction::Checkout { .. }) {
            self.know_reports();
        }
        self.show_env(None);
        let duration_ms = self.now().since(started).0;
        let result = self.conclude(step, name, duration_ms, outcome);
        self.log.text(&format!(
            "{END_STEP_MARK}{} {duration_ms}",
            status_name(result.outcome)
        ));
        self.results.push(result);
    }

    /// As GitHub shows it: the name, else what is run.
    fn step_name(&self, step: &StepDescription) -> String {
        let fill = |text: &str| interpolate(text, &self.scope()).unwrap_or_else(|_| text.to_owned());
        let name = match (&step.name, &step.action) {
            (Some(name), _) => fill(name),
            (None, StepAction::Checkout { .. }) => "Run actions/checkout".to_owned(),
            (None, StepAction::Run { run, .. }) => {
                let first = run
                    .lines()
                    .map(str::trim)
                    .find(|line| !line.is_empty())
                    .unwrap_or_default();
                format!("Run {}", fill(first))
            }
        };
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn is_wanted(&self, step: &StepDescription) -> Result<bool, Fault> {
        if matches!(self.surroundings.control.course(), Course::Forced(_)) {
            return Ok(false);
        }
        let text = step.condition.as_deref().unwrap_or_default();
        condition(text, &self.scope())
            .map_err(|error| Fault::Configuration(format!("`if` can't be computed: {error}")))
    }

    async fn run_step(&mut self, number: usize, step: &StepDescription) -> Outcome {
        let env = match self.step_env(step) {
            Ok(env) => env,
            Err(fault) => return fault.into(),
        };
        self.show_env(Some(&env));
        let minutes = match self.minutes(step) {
            Ok(minutes) => minutes,
            Err(fault) => return fault.into(),
        };
        let cancelled = Scope {
            status: JobStatus::Cancelled,
            ..self.scope()
        };
        let goes_on = condition(step.condition.as_deref().unwrap_or_default(), &cancelled).unwrap_or(false);
        let (minutes, timeout) = minutes.unzip();
        let running = Running {
            number,
            env: &env,
            minutes,
            timeout,
            goes_on,
        };
        match &step.action {
            StepAction::Run {
                run,
                shell,
                working_directory,
            } => {
                self.script(&running, run, shell.as_deref(), working_directory.as_deref())
                    .await
            }
            StepAction::Checkout { with } => self.checkout(&running, with).await,
        }
    }

    fn step_env(&self, step: &StepDescription) -> Result<Variables, Fault> {
        let mut env = Variables::new();
        for (name, text) in &step.env {
            let value = interpolate(text, &self.scope())
                .map_err(|error| Fault::Configuration(format!("`env` can't be computed: {name}: {error}")))?;
            env.insert(name.clone(), value);
        }
        environment::check(&env).map_err(Fault::Configuration)?;
        Ok(env)
    }

    fn minutes(&self, step: &StepDescription) -> Result<Option<(String, Duration)>, Fault> {
        let Some(text) = &step.timeout_minutes else {
            return Ok(None);
        };
        let value = interpolate(text, &self.scope())
            .map_err(|error| Fault::Configuration(format!("`timeout-minutes` can't be computed: {error}")))?;
        let minutes = value.trim().parse::<f64>().ok().filter(|minutes| *minutes > 0.0);
        let timeout = minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
        match timeout {
            Some(timeout) => Ok(Some((value.trim().to_owned(), timeout))),
            None => Err(Fault::Configuration(format!(
                "`timeout-minutes` is {value:?}, not a number above 0"
            ))),
        }
    }

    async fn checkout(&mut self, running: &Running<'_>, with: &BTreeMap<String, String>) -> Outcome {
        let mut filled = BTreeMap::new();
        for (name, text) in with {
            match interpolate(text, &self.scope()) {
                Ok(value) => filled.insert(name.clone(), value),
                Err(error) => {
                    return Fault::Configuration(format!("`with` can't be computed: {name}: {error}")).into();
                }
            };
        }
        let options = match Options::parse(&filled, &self.description.checkout) {
            Ok(options) => options,
            Err(problem) => return Fault::Configuration(problem).into(),
        };
        if let Some(token) = &options.token {
            self.log.masks_mut().add(token);
        }
        let mut variables = self.surroundings.environment.clone();
        variables.extend(self.env.clone());
        variables.extend(running.env.clone());
        let path = environment::path(&self.added_paths, &variables.remove("PATH").unwrap_or_default());
        variables.insert("PATH".to_owned(), path.clone());
        let surroundings = self.surroundings;
        let Some(git) = environment::find_program("git", &path, &surroundings.layout.workspace) else {
            return Fault::Infrastructure("git is not installed where the job runs".to_owned()).into();
        };
        let checkout = Checkout {
            source: &self.description.checkout,
            options: &options,
            token: surroundings.secrets.job_token(),
            workspace: &surroundings.layout.workspace,
            ours: &surroundings.layout.ours,
            git,
            environment: variables,
            graces: surroundings.graces,
            retry_delays: &surroundings.checkout_retry_delays,
            deadline: running.timeout.map(|timeout| Instant::now() + timeout),
            control: surroundings.control.clone(),
            goes_on: running.goes_on,
        };
        match checkout.run(self.log).await {
            Ok(done) => {
                self.credentials.extend(done.credentials);
                self.log.text(&format!("Checked out {}.", done.commit));
                let outputs = vec![
                    ("ref".to_owned(), done.git_ref),
                    ("commit".to_owned(), done.commit),
                ];
                Outcome {
                    outputs,
                    ..Outcome::default()
                }
            }
            Err(CheckoutFault::Configuration(problem)) => Fault::Configuration(problem).into(),
            Err(CheckoutFault::Infrastructure(problem)) => Fault::Infrastructure(problem).into(),
            Err(CheckoutFault::Ended(ended)) => Outcome {
                fault: running.fault(ended),
                ..Outcome::default()
            },
        }
    }

    /// Writes down what a step has come to: in the log, the `steps` context, the job's course. None is a skipped one.
    fn conclude(
        &mut self,
        step: &StepDescription,
        name: String,
        duration_ms: u64,
        outcome: Option<Outcome>,
    ) -> StepResult {
        let Some(outcome) = outcome else {
            self.show_step(step, StepStatus::Skipped, StepStatus::Skipped, Vec::new());
            let (outcome, conclusion) = (StepStatus::Skipped, StepStatus::Skipped);
            return StepResult {
                name,
                outcome,
                conclusion,
                exit_code: None,
                duration_ms,
                tail: Vec::new(),
            };
        };
        let status = outcome.fault.as_ref().map_or(StepStatus::Success, Fault::status);
        let mut conclusion = status;
        if let Some(fault) = &outcome.fault {
            self.log.text(&format!("##[error]{}", fault.sentence()));
            if status == StepStatus::Failure && self.continues(step) {
                self.log.text("The job goes on (continue-on-error).");
                conclusion = StepStatus::Success;
            } else if status == StepStatus::Failure {
                self.failure.get_or_insert(fault.verdict(&name));
            }
        }
        self.show_step(step, status, conclusion, outcome.outputs);
        let tail = if status == StepStatus::Failure {
            outcome.tail
        } else {
            Vec::new()
        };
        StepResult {
            name,
            outcome: status,
            conclusion,
            exit_code: outcome.exit_code,
            duration_ms,
            tail,
        }
    }

    fn continues(&mut self, step: &StepDescription) -> bool {
        let Some(text) = &step.continue_on_error else {
            return false;
        };
        match interpolate_value(text, &self.scope()) {
            Ok(Value::Bool(continues)) => continues,
            Ok(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
            Ok(_) => false,
            Err(error) => {
                self.log.text(&format!(
                    "##[error]`continue-on-error` can't be computed: {error}"
                ));
                false
            }
        }
    }

    fn show_step(
        &mut self,
        step: &StepDescription,
        outcome: StepStatus,
        conclusion: StepStatus,
        outputs: Vec<(String, String)>,
    ) {
        let Some(id) = &step.id else { return };
        let outputs: BTreeMap<_, _> = outputs.into_iter().collect();
        let entry = json!({ "outputs": outputs, "outcome": status_name(outcome), "conclusion": status_name(conclusion) });
        self.contexts["steps"][id.as_str()] = entry;
    }
}

const fn status_name(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Success => "success",
        StepStatus::Failure => "failure",
        StepStatus::Cancelled => "cancelled",
        StepStatus::Skipped => "skipped",
    }
}
