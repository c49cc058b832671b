//! `run` steps that assume GitHub's image on a machine that lacks a part of it: what is told of them, and the scripts that may
//! stand for them. The rule is `checkmill_workflow::image`'s, and is asked before the step begins.
//!
//! A script that stands for one gets the variables that the step would have got, and the values of its expressions as further
//! ones, `EXPRESSION_1` and so on: none of them is pasted into it.

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use crate::command_files::CommandFiles;
use crate::environment::{self, Variables};
use crate::exec::Program;
use crate::script::inject::Variable;
use crate::script::shell::{Shell, ShellKind};
use checkmill_workflow::expr::interpolate_piece;
use checkmill_workflow::image::{Assumption, image_program};
use checkmill_workflow::translation::{KnownTranslation, Untranslatable, UntranslatableRun, run_expressions};
use std::path::PathBuf;

/// A `run` step as it would begin.
pub(super) struct Beginning<'a> {
    pub(super) run: &'a str,
    pub(super) shell: &'a Shell,
    /// All that the step would see but the variables that stand for expressions.
    pub(super) environment: &'a Variables,
    pub(super) directory: PathBuf,
}

/// A script in the place of a step's own, ready to run.
pub(super) struct StandIn {
    known: KnownTranslation,
    lacking: String,
    /// The values of the expressions.
    variables: Vec<Variable>,
    program: Program,
}

impl JobRunner<'_> {
    /// What runs instead of the step; none where the step runs as it is. Where the policy has no say for scripts, or no model
    /// could be asked, all do.
    ///
    /// # Errors
    /// The configuration error of a step that is to be translated, which the result then tells of.
    pub(super) fn stand_in_for_run(
        &mut self,
        running: &Running<'_>,
        step: &Beginning<'_>,
    ) -> Result<Option<StandIn>, Fault> {
        let description = self.description;
        let translations = description.translations.as_ref();
        let Some(translations) = translations.filter(|translations| translations.run_steps) else {
            return Ok(None);
        };
        let Some(what) = self.assumes_image(step) else {
            return Ok(None);
        };
        let lacking = what.lacking.join(", ");
        let (expressions, fault) = (what.expressions.clone(), lacking_fault(&what));
        let what = Untranslatable::Run(what);
        let digest = what.digest();
        let known = translations.known.iter().find(|known| known.digest == digest);
        let Some(known) = known.filter(|known| known.translation.check().is_ok()) else {
            // Nobody is asked for a job that this step does not fail, or that has failed before: there it runs as it can.
            if self.tolerated || self.failure.is_some() {
                return Ok(None);
            }
            self.want(running, what);
            return Err(fault);
        };
        let mut variables = Vec::new();
        for of in expressions {
            let value = interpolate_piece(&format!("${{{{ {} }}}}", of.expression), &self.scope())
                .map_err(|error| Fault::Configuration(format!("`run` can't be computed: {error}")))?;
            variables.push(Variable {
                name: of.variable,
                value,
                expression: of.expression,
            });
        }
        let mut environment = step.environment.clone();
        environment.extend(variables.iter().map(|of| (of.name.clone(), of.value.clone())));
        let program = self.stand_in_program(running, known, environment, step.directory.clone())?;
        self.note_used(digest);
        Ok(Some(StandIn {
            known: known.clone(),
            lacking,
            variables,
            program,
        }))
    }

    pub(super) async fn run_stand_in(
        &mut self,
        running: &Running<'_>,
        stand_in: StandIn,
        files: CommandFiles,
    ) -> Outcome {
        self.show_stand_in(&stand_in.known, &stand_in.lacking);
        self.log_env(running, &stand_in.variables);
        self.log.text("##[endgroup]");
        let workspace = &self.surroundings.layout.workspace;
        self.execute(running, &stand_in.program, files, workspace).await
    }

    /// All that is told of a step; none for one that assumes nothing that the machine lacks, or that can't be told of: it
    /// holds a secret, or has variables of the names that its expressions' values would get.
    fn assumes_image(&self, step: &Beginning<'_>) -> Option<UntranslatableRun> {
        let lacking = self.lacking_of(step);
        if lacking.is_empty() || self.log.masks().hides(step.run) {
            return None;
        }
        let expressions = run_expressions(step.run);
        let is_taken = |name: &str| step.environment.contains_key(name);
        if expressions.iter().any(|of| is_taken(&of.variable)) {
            return None;
        }
        let what = UntranslatableRun {
            run: step.run.to_owned(),
            shell: step.shell.programs.first()?.clone(),
            lacking,
            expressions,
            machine: self.machine(),
        };
        let what = Untranslatable::Run(what);
        match what.is_within_limits().then_some(what)? {
            Untranslatable::Run(what) => Some(what),
            Untranslatable::Action(_) => None,
        }
    }

    /// The parts of GitHub's image that the step assumes and does not find, sorted.
    fn lacking_of(&self, step: &Beginning<'_>) -> Vec<String> {
        let Beginning {
            run,
            shell,
            environment,
            ..
        } = step;
        if self.find_shell(shell, environment).is_err() {
            let named = ["python", "pwsh"].contains(&shell.programs[0].as_str());
            let of_image = named || image_program(&shell.programs[0]).is_some();
            return if of_image {
                vec![shell.programs[0].clone()]
            } else {
                Vec::new()
            };
        }
        // What a shell with another command line reads before the script, or goes on after, is not known.
        let is_usual = shell.kind == ShellKind::Posix && shell.is_of_github();
        if !is_usual || environment.get("BASH_ENV").is_some_and(|file| !file.is_empty()) {
            return Vec::new();
        }
        let assumed = Assumption::of(run);
        let programs = assumed
            .programs
            .into_iter()
            .filter(|name| !self.has_program(name, environment));
        let variables = assumed.variables.into_iter();
        let variables = variables.filter(|name| environment.get(name).is_none_or(String::is_empty));
        let mut lacking: Vec<String> = programs.map(str::to_owned).chain(variables).collect();
        lacking.sort();
        lacking
    }

    fn has_program(&self, name: &str, environment: &Variables) -> bool {
        let workspace = &self.surroundings.layout.workspace;
        environment.contains_key(&format!("BASH_FUNC_{name}%%"))
            || environment::find_program(name, &environment["PATH"], workspace).is_some()
    }

    /// What may be behind `command not found`, for the log: programs of the image that the script calls anywhere.
    pub(super) fn hint_at_lacking(&mut self, run: &str, shell: &Shell, environment: &Variables) {
        if shell.kind != ShellKind::Posix {
            return;
        }
        let calls = Assumption::of(run).calls;
        let lacking: Vec<&str> = calls
            .into_iter()
            .filter(|name| !self.has_program(name, environment))
            .collect();
        if !lacking.is_empty() {
            let names = quoted(&lacking);
            self.log.text(&format!(
                "##[warning]This machine has no {names}, which GitHub's image has."
            ));
        }
    }
}

fn lacking_fault(what: &UntranslatableRun) -> Fault {
    let names: Vec<&str> = what.lacking.iter().map(String::as_str).collect();
    Fault::Configuration(format!(
        "The script needs {}, which GitHub's image has and this machine lacks; bring what is missing in a step before, or choose a \
         machine that has it with `runs-on`",
        quoted(&names)
    ))
}

/// `a`, `b` and `c`.
fn quoted(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => all.concat(),
    }
}
