//! What a step becomes: the rule that it falls under, and the reason.

use super::known::{Kind, known};
use super::machine::{self, Machine};
use checkmill_core::limits::COMPOSITE_DEPTH;
use checkmill_core::policy::{Policy, TranslatePolicy};
use checkmill_workflow::image::{Assumption, image_program};
use checkmill_workflow::job::{RunDefaults, StepAction, StepDescription};
use checkmill_workflow::manifest::{ActionManifest, Runs};
use checkmill_workflow::parse_action;
use checkmill_workflow::uses::{ActionReference, LocalAction, is_allowed};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// By what the step is judged.
pub(super) struct Rules<'a> {
    pub(super) root: &'a Path,
    pub(super) policy: &'a Policy,
    pub(super) machine: Machine,
}

/// What holds for the steps of a job.
pub(super) struct Job {
    pub(super) defaults: RunDefaults,
    pub(super) in_container: bool,
}

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    Script,
    BuiltIn,
    Composite,
    #[serde(rename = "javascript")]
    JavaScript,
    Container,
    /// An action of another repository, of which nothing is known before it is downloaded.
    Download,
    /// A JavaScript or container action that this machine can't run, or a script that assumes GitHub's image, and a model may
    /// translate.
    Translated,
    Refused,
}

impl Rule {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::BuiltIn => "built in",
            Self::Composite => "composite",
            Self::JavaScript => "JavaScript",
            Self::Container => "container",
            Self::Download => "download",
            Self::Translated => "translated",
            Self::Refused => "refused",
        }
    }
}

/// A step, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StepReport {
    pub(super) name: String,
    pub(super) rule: Rule,
    /// A sentence without its full stop.
    pub(super) why: String,
    /// Of a script: the programs and variables of GitHub's image that it uses.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) assumes: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    /// What the step sets up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) brings: Option<String>,
    /// Those of a composite action of the repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<Self>,
}

impl StepReport {
    pub(super) fn has_refusals(&self) -> bool {
        self.rule == Rule::Refused || self.steps.iter().any(Self::has_refusals)
    }
}

/// The rule, the reason, what is set up, and the steps inside.
type Verdict = (Rule, String, Option<&'static str>, Vec<StepReport>);

fn plain(rule: Rule, why: impl Into<String>) -> Verdict {
    (rule, why.into(), None, Vec::new())
}

impl Rules<'_> {
    pub(super) fn step(&self, step: &StepDescription, job: &Job, depth: usize) -> StepReport {
        let (assumes, (rule, why, brings, steps)) = match &step.action {
            StepAction::Run { run, shell, .. } => {
                // Those of the workflow don't reach into an action.
                let default = job.defaults.shell.as_deref().filter(|_| depth == 0);
                self.script(run, shell.as_deref().or(default), job)
            }
            StepAction::Uses { uses, .. } => (BTreeSet::new(), self.uses(uses, job, depth)),
        };
        StepReport {
            name: name(step),
            rule,
            why,
            assumes,
            condition: step.condition.clone().filter(|text| !text.trim().is_empty()),
            brings: brings.map(str::to_owned),
            steps,
        }
    }

    /// What a script assumes of GitHub's image, and what becomes of it where this machine lacks that.
    fn script(&self, run: &str, shell: Option<&str>, job: &Job) -> (BTreeSet<String>, Verdict) {
        let by = format!("run by {}", shell.unwrap_or("bash, else sh"));
        let (assumes, lacking) = match shell {
            None | Some("bash" | "sh") => {
                let Assumption {
                    programs,
                    variables,
                    calls,
                } = Assumption::of(run);
                let lacking = programs.into_iter().filter(|name| !machine::has_program(name));
                let unset = variables.iter().filter(|name| !machine::has_variable(name));
                let lacking: BTreeSet<String> = lacking.map(str::to_owned).chain(unset.cloned()).collect();
                (
                    calls.into_iter().map(str::to_owned).chain(variables).collect(),
                    lacking,
                )
            }
            Some(shell) => {
                let program = shell.split_whitespace().next().unwrap_or_default();
                let program = image_program(program).map(str::to_owned);
                let is_there = match program.as_deref() {
                    // Either name will do.
                    Some("python") => machine::has_program("python") || machine::has_program("python3"),
                    Some(name) => machine::has_program(name),
                    None => true,
                };
                let assumes: BTreeSet<String> = program.into_iter().collect();
                (assumes.clone(), if is_there { BTreeSet::new() } else { assumes })
            }
        };
        // What a container has, its image says.
        if job.in_container || lacking.is_empty() {
            return (assumes, plain(Rule::Script, by));
        }
        let names: Vec<String> = lacking.iter().map(|name| format!("`{name}`")).collect();
        let missing = format!(
            "{by}; this machine has no {} of GitHub's image, unless a step before brings it",
            names.join(", ")
        );
        let translate = self.policy.model.translate;
        let verdict = match translate {
            TranslatePolicy::Never => plain(Rule::Script, missing),
            _ if !self.policy.model.run_steps => plain(
                Rule::Script,
                format!("{missing}, and the policy has no `run-steps: true` of `model`"),
            ),
            TranslatePolicy::Review | TranslatePolicy::Always => {
                plain(Rule::Translated, may_write(missing, translate))
            }
        };
        (assumes, verdict)
    }

    fn uses(&self, uses: &ActionReference, job: &Job, depth: usize) -> Verdict {
        if !is_allowed(&self.policy.actions, uses) {
            return plain(
                Rule::Refused,
                "the policy does not allow the action (`actions` in .checkmill/config.yml)",
            );
        }
        match uses {
            ActionReference::Builtin { action, .. } => plain(
                Rule::BuiltIn,
                format!("{} is part of Checkmill; nothing is downloaded", action.name()),
            ),
            ActionReference::Docker { .. } => self.container("an image"),
            ActionReference::Local(action) => self.local(action, job, depth),
            ActionReference::Repository(action) => match known(action) {
                Some(known) => {
                    let (rule, why, _, steps) = match known.kind {
                        Kind::JavaScript => self.javascript("as far as is known without downloading it"),
                        Kind::Composite => plain(
                            Rule::Composite,
                            "its steps run in its place, as far as is known without downloading it",
                        ),
                    };
                    (rule, why, known.brings, steps)
                }
                None => plain(
                    Rule::Download,
                    "fetched before the first step; its action.yml at that ref says what it is",
                ),
            },
        }
    }

    /// An action of the repository itself, whose file is here.
    fn local(&self, action: &LocalAction, job: &Job, depth: usize) -> Verdict {
        if depth >= COMPOSITE_DEPTH {
            return plain(
                Rule::Refused,
                format!("composite actions may be inside one another {COMPOSITE_DEPTH} times"),
            );
        }
        let manifest = match self.manifest(action) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                let why =
                    "there is no such action in the repository now; a step before it may make or fetch it";
                return plain(Rule::Download, why);
            }
            Err(wrong) => return plain(Rule::Refused, wrong),
        };
        match &manifest.runs {
            Runs::Composite { steps, .. } => {
                let steps = steps.iter().map(|step| self.step(step, job, depth + 1));
                let why = "its steps run in its place".to_owned();
                (Rule::Composite, why, None, steps.collect())
            }
            Runs::JavaScript { using, .. } => self.javascript(using),
            Runs::Docker(_) => self.container("its image"),
        }
    }

    fn manifest(&self, action: &LocalAction) -> Result<Option<ActionManifest>, String> {
        let directory = self.root.join(action.path());
        for name in ["action.yml", "action.yaml"] {
            let file = directory.join(name);
            if !file.is_file() {
                continue;
            }
            let shown = format!("./{}", Path::new(action.path()).join(name).display());
            let text = super::read(&file).map_err(|error| error.to_string())?;
            let manifest = parse_action(&shown, &text);
            return manifest.map(Some).map_err(|wrong| wrong.summary());
        }
        Ok(None)
    }

    fn javascript(&self, detail: &str) -> Verdict {
        if self.machine.node {
            return plain(
                Rule::JavaScript,
                format!("run by the `node` of the machine ({detail})"),
            );
        }
        self.lacking("`node`", detail, true)
    }

    fn container(&self, what: &str) -> Verdict {
        if self.machine.containers {
            return plain(
                Rule::Container,
                format!("{what} is run by the machine's container engine"),
            );
        }
        self.lacking("container engine", what, self.policy.model.containers)
    }

    /// What becomes of a step for want of something: the model's share begins where rules end.
    fn lacking(&self, what: &str, detail: &str, may_be_translated: bool) -> Verdict {
        let missing = format!("there is no {what} on this machine ({detail})");
        match self.policy.model.translate {
            TranslatePolicy::Never => plain(Rule::Refused, missing),
            _ if !may_be_translated => plain(
                Rule::Refused,
                format!("{missing}, and the policy has no `containers: true` of `model`"),
            ),
            translate => plain(Rule::Translated, may_write(missing, translate)),
        }
    }
}

fn may_write(missing: String, translate: TranslatePolicy) -> String {
    match translate {
        TranslatePolicy::Never => missing,
        TranslatePolicy::Review => format!(
            "{missing}; a language model may write a script, which somebody has to accept (`model: translate: review`)"
        ),
        TranslatePolicy::Always => {
            format!("{missing}; a language model may write a script (`model: translate: always`)")
        }
    }
}

fn name(step: &StepDescription) -> String {
    match (&step.name, &step.action) {
        (Some(name), _) => name.clone(),
        (None, StepAction::Uses { uses, .. }) => uses.to_string(),
        (None, StepAction::Run { run, .. }) => {
            let mut lines = run.lines().map(str::trim);
            lines.find(|line| !line.is_empty()).unwrap_or_default().to_owned()
        }
    }
}
