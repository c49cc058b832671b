//! One step: whether it runs, and what becomes of it.

use super::JobRunner;
use super::control::Course;
use super::fault::Fault;
use crate::environment::{self, Variables};
use crate::exec::Ended;
use checkmill_core::UnixMillis;
use checkmill_workflow::expr::{JobStatus, Scope, condition, interpolate, interpolate_value};
use checkmill_workflow::job::{StepAction, StepDescription, StepResult, StepStatus};
use checkmill_workflow::log::{END_STEP_MARK, GOES_ON, STEP_MARK};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// What a step has come to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) fault: Option<Fault>,
    pub(super) exit_code: Option<i32>,
    pub(super) outputs: Vec<(String, String)>,
    pub(super) tail: Vec<String>,
    /// The log has said what is wrong.
    pub(super) reported: bool,
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
    /// Names the step in the job: `3`, or `3_1` for the first one of the action that the third uses.
    pub(super) key: &'a str,
    /// As it is shown.
    pub(super) title: String,
    pub(super) env: &'a Variables,
    /// Of those, the ones that nobody vouches for.
    pub(super) opaque: BTreeSet<String>,
    /// The time limit as written, for messages.
    pub(super) minutes: Option<String>,
    pub(super) deadline: Option<Instant>,
    /// Goes on when the job is cancelled, its condition saying so.
    pub(super) goes_on: bool,
}

impl Running<'_> {
    /// The time that is left.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

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

/// A step of the job that is in the log, and will be in the result.
pub(super) struct Begun {
    name: String,
    started: UnixMillis,
}

/// What has become of a step.
pub(super) struct Concluded {
    /// Before `continue-on-error`.
    status: StepStatus,
    /// After it.
    pub(super) conclusion: StepStatus,
    pub(super) outcome: Outcome,
}

impl JobRunner<'_> {
    /// A step of the job itself.
    pub(super) async fn step(&mut self, index: usize, step: &StepDescription) {
        let key = (index + 1).to_string();
        self.announce(&key, step);
        let total = self.description.steps.len() + self.before_count;
        let begun = self.begin(&self.step_name(step), total);
        let concluded = self.attempt(&key, step).await;
        self.end(begun, concluded);
    }

    /// A step of a composite action.
    pub(super) async fn inner(&mut self, key: &str, step: &StepDescription) -> Concluded {
        self.announce(key, step);
        self.attempt(key, step).await
    }

    /// Shows the step to expressions.
    fn announce(&mut self, key: &str, step: &StepDescription) {
        self.show_action(key, step);
        self.show_status();
        self.show_env(None);
    }

    pub(super) fn begin(&mut self, name: &str, total: usize) -> Begun {
        let started = self.now();
        let name = self.log.masks().apply(name);
        let number = self.results.len() + 1;
        self.log.framed(&format!("{STEP_MARK}{number}/{total} "), &name);
        Begun { name, started }
    }

    pub(super) fn end(&mut self, begun: Begun, concluded: Concluded) {
        let Concluded {
            status,
            conclusion,
            outcome,
        } = concluded;
        let failed = outcome.fault.filter(|_| conclusion == StepStatus::Failure);
        if let Some(fault) = &failed {
            self.failure.get_or_insert(fault.verdict(&begun.name));
        }
        let duration_ms = self.now().since(begun.started).0;
        let end = format!("{END_STEP_MARK}{} {duration_ms}", status_name(status));
        self.log.framed(&end, "");
        self.results.push(StepResult {
            name: begun.name,
            outcome: status,
            conclusion,
            exit_code: outcome.exit_code,
            duration_ms,
            tail: match status {
                StepStatus::Failure | StepStatus::Cancelled => outcome.tail,
                StepStatus::Success | StepStatus::Skipped => Vec::new(),
            },
        });
    }

    async fn attempt(&mut self, key: &str, step: &StepDescription) -> Concluded {
        let brings_files = matches!(&step.action, StepAction::Uses { uses, .. } if uses.brings_files());
        let outcome = match self.is_wanted(step.condition.as_deref().unwrap_or_default()) {
            Ok(false) => None,
            Ok(true) => {
                let before = brings_files.then(|| self.see_reports());
                let around = self.tolerated;
                self.tolerated |= self.may_fail(step);
                let outcome = self.run_step(key, step).await;
                self.tolerated = around;
                if let Some(before) = before {
                    self.reports.bring(&before, self.see_reports());
                }
                Some(outcome)
            }
            Err(fault) => Some(fault.into()),
        };
        self.show_env(None);
        self.conclude(step.id.as_deref(), step.continue_on_error.as_deref(), outcome)
    }

    /// As GitHub shows it: the name, else what is run.
    pub(super) fn step_name(&self, step: &StepDescription) -> String {
        let fill = |text: &str| interpolate(text, &self.scope()).unwrap_or_else(|_| text.to_owned());
        let name = match (&step.name, &step.action) {
            (Some(name), _) => fill(name),
            (None, StepAction::Uses { uses, .. }) => format!("Run {uses}"),
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

    /// Whether a step with this condition runs now.
    pub(super) fn is_wanted(&self, text: &str) -> Result<bool, Fault> {
        if matches!(self.surroundings.control.course(), Course::Forced(_)) {
            return Ok(false);
        }
        condition(text, &self.scope())
            .map_err(|error| Fault::Configuration(format!("`if` can't be computed: {error}")))
    }

    /// Whether a step with this condition goes on when the job is cancelled.
    pub(super) fn goes_on(&self, text: &str) -> bool {
        let cancelled = Scope {
            status: JobStatus::Cancelled,
            ..self.scope()
        };
        condition(text, &cancelled).unwrap_or(false)
    }

    async fn run_step(&mut self, key: &str, step: &StepDescription) -> Outcome {
        let env = match self.step_env(step) {
            Ok(env) => env,
            Err(fault) => return fault.into(),
        };
        let opaque = self.opaque_names(&step.env);
        self.show_env(Some(&env));
        let limit = match self.minutes(step) {
            Ok(limit) => limit,
            Err(fault) => return fault.into(),
        };
        let goes_on = self.goes_on(step.condition.as_deref().unwrap_or_default());
        let frame = self.frames.last();
        let (minutes, deadline) = match limit {
            Some((minutes, timeout)) => (Some(minutes), Instant::now().checked_add(timeout)),
            None => frame.map_or((None, None), |frame| (frame.minutes.clone(), frame.deadline)),
        };
        let running = Running {
            key,
            title: self.step_name(step),
            env: &env,
            opaque,
            minutes,
            deadline,
            goes_on: goes_on && frame.is_none_or(|frame| frame.goes_on),
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
            StepAction::Uses { uses, with } => self.uses(&running, uses, with).await,
        }
    }

    pub(super) fn step_env(&self, step: &StepDescription) -> Result<Variables, Fault> {
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

    /// Writes down what a step has come to: in the log and the `steps` context. None is a skipped one.
    pub(super) fn conclude(
        &mut self,
        id: Option<&str>,
        continue_on_error: Option<&str>,
        outcome: Option<Outcome>,
    ) -> Concluded {
        let Some(mut outcome) = outcome else {
            self.show_step(id, StepStatus::Skipped, StepStatus::Skipped, Vec::new());
            return Concluded {
                status: StepStatus::Skipped,
                conclusion: StepStatus::Skipped,
                outcome: Outcome::default(),
            };
        };
        let status = outcome.fault.as_ref().map_or(StepStatus::Success, Fault::status);
        let mut conclusion = status;
        if let Some(fault) = &outcome.fault {
            if !outcome.reported {
                self.log.text(&format!("##[error]{}", fault.sentence()));
            }
            if status == StepStatus::Failure && self.continues(continue_on_error) {
                let goes_on = if self.frames.is_empty() {
                    GOES_ON
                } else {
                    "The action goes on (continue-on-error)."
                };
                self.log.framed(goes_on, "");
                conclusion = StepStatus::Success;
            }
        }
        let outputs = std::mem::take(&mut outcome.outputs);
        self.show_step(id, status, conclusion, outputs);
        Concluded {
            status,
            conclusion,
            outcome,
        }
    }

    fn continues(&mut self, text: Option<&str>) -> bool {
        let Some(text) = text else {
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

    /// Whether a failure of the step is none of the job's, as far as can be said before it runs.
    fn may_fail(&self, step: &StepDescription) -> bool {
        let text = step.continue_on_error.as_deref();
        let value = text.map(|text| interpolate_value(text, &self.scope()));
        match value {
            Some(Ok(Value::Bool(continues))) => continues,
            Some(Ok(Value::String(text))) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    fn show_step(
        &mut self,
        id: Option<&str>,
        outcome: StepStatus,
        conclusion: StepStatus,
        outputs: Vec<(String, String)>,
    ) {
        let Some(id) = id else { return };
        let outputs: BTreeMap<_, _> = outputs.into_iter().collect();
        let entry = json!({ "outputs": outputs, "outcome": status_name(outcome), "conclusion": status_name(conclusion) });
        self.contexts["steps"][id] = entry;
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
