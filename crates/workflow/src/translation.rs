//! The contract about steps that a machine can't run and a language model may translate to a script: what the agent says is
//! missing, what it is given, and what no translation may hold.
//!
//! A translation is text of a machine that reads other people's files. It gets nothing but a shell: what a script may do
//! is what the step could do, because the agent runs it with the step's own variables and fills in no expressions.

mod evaluates;

use crate::expr::references;
use crate::image::{image_program, is_image_variable};
use crate::uses::ActionReference;
use checkmill_core::limits::{
    MODEL_FILE_BYTES, TRANSLATION_ASSUMPTION_BYTES, TRANSLATION_ASSUMPTIONS, TRANSLATION_EXPLANATION_BYTES,
    TRANSLATION_SCRIPT_BYTES,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What the machine would need to run an action, and lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lacking {
    /// For a JavaScript action.
    Node,
    /// For an action in a container.
    ContainerEngine,
}

impl Lacking {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "Node.js",
            Self::ContainerEngine => "a container engine",
        }
    }
}

/// A step that a machine can't run as it is: all that a model is told of it, and nothing else. No value of an input, a variable or
/// an expression is in it, only their names.
///
/// Each kind has keys that the other has not, and none more: so what was written before there were two reads as it did, and
/// has the digest that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Untranslatable {
    Action(UntranslatableAction),
    Run(UntranslatableRun),
}

/// What a translation stands for; the policy has a switch for the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A JavaScript action.
    Node,
    /// An action in a container.
    ContainerEngine,
    /// A `run` step.
    Run,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntranslatableAction {
    pub uses: ActionReference,
    pub lacking: Lacking,
    /// The action's file as it is at that ref; empty for an image.
    pub manifest: String,
    /// The Dockerfile, where the action has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// The variables of the inputs ([`input_variable`]), sorted.
    pub inputs: Vec<String>,
    pub machine: Machine,
}

/// A `run` step that assumes GitHub's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntranslatableRun {
    /// As it is written, its expressions unfilled.
    pub run: String,
    /// The program that it is for, such as `bash` or `pwsh`.
    pub shell: String,
    /// The programs and variables of the image that the machine lacks, sorted; of closed lists ([`crate::image`]).
    pub lacking: Vec<String>,
    /// Where the script finds the values of `run`'s expressions: [`run_expressions`].
    pub expressions: Vec<RunExpression>,
    pub machine: Machine,
}

/// An expression of a `run` step, and the variable that holds its value for a script that stands for the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunExpression {
    /// `EXPRESSION_1` and so on.
    pub variable: String,
    /// Without its `${{ }}`.
    pub expression: String,
}

/// The expressions of a script in its order, each once.
#[must_use]
pub fn run_expressions(run: &str) -> Vec<RunExpression> {
    let mut all: Vec<RunExpression> = Vec::new();
    for span in references(run) {
        if all.iter().all(|known| known.expression != span.expression) {
            all.push(RunExpression {
                variable: format!("EXPRESSION_{}", all.len() + 1),
                expression: span.expression,
            });
        }
    }
    all
}

/// What a script finds on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// As `runner.os` and `runner.arch` have it.
    pub os: String,
    pub arch: String,
    /// Those of [`PROGRAMS`] that are there.
    pub programs: Vec<String>,
}

/// The programs that the agent looks for. A short list on purpose: each difference between machines is another question to
/// the model.
pub const PROGRAMS: [&str; 20] = [
    "apk", "apt-get", "bash", "cargo", "curl", "dnf", "gcc", "git", "go", "java", "jq", "make", "npm",
    "python3", "rustup", "sh", "tar", "unzip", "wget", "zypper",
];

impl Untranslatable {
    /// The SHA-256 of all that a model is told, in hexadecimal digits: the same step on the same machine is the same.
    #[must_use]
    pub fn digest(&self) -> String {
        // The fields of a struct keep their order, so this is one text for one value.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }

    #[must_use]
    pub const fn kind(&self) -> StepKind {
        match self {
            Self::Action(UntranslatableAction {
                lacking: Lacking::Node,
                ..
            }) => StepKind::Node,
            Self::Action(UntranslatableAction {
                lacking: Lacking::ContainerEngine,
                ..
            }) => StepKind::ContainerEngine,
            Self::Run(_) => StepKind::Run,
        }
    }

    /// What a translation of it stands for, for people: the action, or the script's first line.
    #[must_use]
    pub fn stands_for(&self) -> String {
        match self {
            Self::Action(action) => action.uses.to_string(),
            Self::Run(step) => {
                let mut lines = step.run.lines().map(str::trim);
                lines.find(|line| !line.is_empty()).unwrap_or_default().to_owned()
            }
        }
    }

    /// Whether it is of a form and size that a model is told: who runs jobs can write anything into a result.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        match self {
            Self::Action(action) => action.is_within_limits(),
            Self::Run(step) => step.is_within_limits(),
        }
    }
}

impl UntranslatableAction {
    fn is_within_limits(&self) -> bool {
        let files = [Some(&self.manifest), self.dockerfile.as_ref()];
        files
            .into_iter()
            .flatten()
            .all(|text| text.len() <= MODEL_FILE_BYTES)
            && self.inputs.len() <= INPUTS
            && self.inputs.iter().all(|name| is_short(name))
            && self.machine.is_within_limits()
    }
}

impl UntranslatableRun {
    fn is_within_limits(&self) -> bool {
        let is_lacking = |name: &String| {
            image_program(name).is_some() || is_image_variable(name) || SHELLS.contains(&name.as_str())
        };
        self.run.len() <= MODEL_FILE_BYTES
            && (SHELLS.contains(&self.shell.as_str()) || image_program(&self.shell).is_some())
            && (1..=LACKING).contains(&self.lacking.len())
            && self.lacking.iter().all(is_lacking)
            && self.expressions == run_expressions(&self.run)
            && self.machine.is_within_limits()
    }
}

impl Machine {
    fn is_within_limits(&self) -> bool {
        let is_known = |name: &String| PROGRAMS.contains(&name.as_str());
        self.programs.iter().all(is_known) && [&self.os, &self.arch].into_iter().all(|text| is_short(text))
    }
}

fn is_short(text: &str) -> bool {
    text.len() <= NAME_BYTES
}

/// The shells that `run` steps have names for.
const SHELLS: [&str; 4] = ["bash", "sh", "python", "pwsh"];
/// Parts of the image that one step lacks: more than any script calls.
const LACKING: usize = 64;

/// The name of an input's variable, of a system or an architecture.
const NAME_BYTES: usize = 256;
/// Inputs of an action: those of `action.yml` and as many that it does not know.
const INPUTS: usize = 1000;

/// The variable in which a translated step finds an input. The runner's own `INPUT_MY-NAME` is no name that a shell can read.
#[must_use]
pub fn input_variable(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    format!("INPUT_{}", name.chars().map(plain).collect::<String>())
}

/// A step of the job that could not be run, as the agent tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The step's name, for people.
    pub step: String,
    pub what: Untranslatable,
}

/// What the agent is told about translations; absent where the policy wants none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Translations {
    /// Those that may be used.
    pub known: Vec<KnownTranslation>,
    /// Whether `run` steps that assume GitHub's image are told of, and not begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub run_steps: bool,
}

/// A translation that may be used, for exactly the step it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTranslation {
    /// Of its [`Untranslatable`].
    pub digest: String,
    /// Who made it, such as `ollama/llama3.1`.
    pub model: String,
    pub translation: Translation,
}

/// The shells that a translation may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslationShell {
    Bash,
    Sh,
}

impl TranslationShell {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Sh => "sh",
        }
    }
}

/// A model's answer. There is no field by which it could ask for a variable, a secret, a permission or a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    pub shell: TranslationShell,
    pub script: String,
    pub explanation: String,
    pub assumptions: Vec<String>,
}

/// Why a translation must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranslationFault {
    #[error("it found no script that does the same")]
    Empty,
    #[error("its {part} has more than {limit} {unit}")]
    TooLong {
        part: &'static str,
        limit: usize,
        unit: &'static str,
    },
    #[error("its {part} has the character U+{code:04X}, which nobody sees")]
    Invisible { part: &'static str, code: u32 },
    #[error(
        "its script has `${{{{`: a translated step gets its inputs by variables, and no expression is filled in"
    )]
    Expression,
    #[error("its script says `::{0}`, a workflow command that a translated step may not use")]
    Command(String),
    #[error("its script names {0}, which no step is given")]
    Forbidden(Forbidden),
    #[error("its script may run the value of an expression as code, by {0}")]
    Evaluates(&'static str),
}

/// Names that have no business in a translated script. The variables are not there; who names them looks for more than the
/// step had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden(&'static str);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const FORBIDDEN: [&str; 6] = [
    "CHECKMILL_",
    "ACTIONS_ID_TOKEN_REQUEST",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ALLOW_UNSECURE_COMMANDS",
    "/proc/",
    "docker.sock",
];

/// In a row: a check shows the text between longer ones.
const BACKTICKS: usize = 20;

/// Workflow commands that say something and change nothing. All others set variables, paths, outputs or states by printing,
/// or switch commands off.
const COMMANDS: [&str; 7] = [
    "add-mask", "debug", "endgroup", "error", "group", "notice", "warning",
];

impl Translation {
    /// Whether the agent may run it and a check may show it.
    ///
    /// # Errors
    /// The first thing that speaks against it.
    pub fn check(&self) -> Result<(), TranslationFault> {
        if self.script.trim().is_empty() {
            return Err(TranslationFault::Empty);
        }
        short("script", &self.script, TRANSLATION_SCRIPT_BYTES)?;
        short("explanation", &self.explanation, TRANSLATION_EXPLANATION_BYTES)?;
        if self.assumptions.len() > TRANSLATION_ASSUMPTIONS {
            return Err(TranslationFault::TooLong {
                part: "list of assumptions",
                limit: TRANSLATION_ASSUMPTIONS,
                unit: "items",
            });
        }
        for assumption in &self.assumptions {
            short("assumption", assumption, TRANSLATION_ASSUMPTION_BYTES)?;
        }
        if self.script.contains("${{") {
            return Err(TranslationFault::Expression);
        }
        if let Some(command) = commands(&self.script).find(|command| !COMMANDS.contains(&command.as_str())) {
            return Err(TranslationFault::Command(command));
        }
        if let Some(by) = evaluates::evaluates(&self.script) {
            return Err(TranslationFault::Evaluates(by));
        }
        match FORBIDDEN.into_iter().find(|name| self.script.contains(name)) {
            Some(name) => Err(TranslationFault::Forbidden(Forbidden(name))),
            None => Ok(()),
        }
    }
}

/// The beginning of the names of the variables that hold the values of a `run` step's expressions.
fn short(part: &'static str, text: &str, limit: usize) -> Result<(), TranslationFault> {
    if text.len() > limit {
        return Err(TranslationFault::TooLong {
            part,
            limit,
            unit: "bytes",
        });
    }
    if text.contains(&"`".repeat(BACKTICKS + 1)) {
        return Err(TranslationFault::TooLong {
            part,
            limit: BACKTICKS,
            unit: "backticks in a row",
        });
    }
    match text.chars().find(|c| is_invisible(*c)) {
        Some(c) => Err(TranslationFault::Invisible {
            part,
            code: u32::from(c),
        }),
        None => Ok(()),
    }
}

/// Characters by which a text reads otherwise than it runs: controls, marks that turn the direction of writing, and those of
/// no width (CVE-2021-42574). What a person is shown must be what the shell gets.
fn is_invisible(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t');
    control
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The words of all that looks like a workflow command (`::name`, and `##[name]` of old), in lower case, wherever it stands. A
/// script can print a command in pieces; the agent refuses the dangerous ones whoever prints them. This is against the form
/// that a person would take for harmless. `std::string` and `[::2]` are none.
fn commands(script: &str) -> impl Iterator<Item = String> {
    let colons = script.match_indices("::").filter(|(at, _)| {
        let before = script[..*at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    });
    let marks = colons.chain(script.match_indices("##["));
    let words = marks.map(|(at, mark)| {
        let rest = &script[at + mark.len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        rest[..end.unwrap_or(rest.len())].to_ascii_lowercase()
    });
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
