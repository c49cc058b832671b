//! A `run` step.

use super::JobRunner;
use super::fault::Fault;
use super::frame::overlay;
use super::step::{Outcome, Running};
use super::translated_run::{Beginning, StandIn};
use crate::command_files::{CommandFiles, Written};
use crate::environment::{self, Variables};
use crate::exec::{self, Ended, Program};
use crate::script::inject::{FillError, Filled, Guards, VARIABLE_PREFIX, Variable, fill};
use crate::script::shell::{SCRIPT, Shell};
use crate::step_output::{Said, StepOutput};
use checkmill_workflow::expr::{interpolate, opaque_references};
use checkmill_workflow::job::RunDefaults;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Where there is none in our environment, as Debian has it.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a step comes to run.
enum Runs {
    Its(Ready),
    /// What a model has written for it.
    Other(StandIn, CommandFiles),
}

/// A script that is ready to run.
struct Ready {
    shell: Shell,
    filled: Filled,
    program: Program,
    files: CommandFiles,
}

impl JobRunner<'_> {
    pub(super) async fn script(
        &mut self,
        running: &Running<'_>,
        run: &str,
        shell: Option<&str>,
        working_directory: Option<&str>,
    ) -> Outcome {
        let ready = match self.ready(running, run, shell, working_directory).await {
            Ok(Runs::Its(ready)) => ready,
            Ok(Runs::Other(stand_in, files)) => return self.run_stand_in(running, stand_in, files).await,
            Err(fault) => return fault.into(),
        };
        self.header(running, &ready);
        if self.job_container().is_some() {
            return self.execute_inside(running, &ready.program, ready.files).await;
        }
        let workspace = &self.surroundings.layout.workspace;
        let outcome = self
            .execute(running, &ready.program, ready.files, workspace)
            .await;
        // POSIX: the code of a command that was not found.
        if outcome.fault == Some(Fault::Exit(127)) {
            self.hint_at_lacking(run, &ready.shell, &ready.program.environment);
        }
        outcome
    }

    /// Runs a step's program, and takes what it has left. `workspace` is where the program sees it.
    pub(super) async fn execute(
        &mut self,
        running: &Running<'_>,
        program: &Program,
        files: CommandFiles,
        workspace: &Path,
    ) -> Outcome {
        let surroundings = self.surroundings;
        let debug = self.contexts["runner"].get("debug").is_some();
        let recognising = self.recognises(running.env);
        let mut output = StepOutput::new(self.log, &mut self.reports, workspace, debug)
            .in_directory(&program.directory)
            .recognising(recognising);
        let stop = surroundings.control.clone().stop_of_step(|| running.goes_on);
        let ended = exec::run(program, surroundings.graces, running.timeout(), stop, |bytes| {
            output.push(bytes)
        })
        .await;
        let said = output.finish();
        let written = files.take();
        match ended {
            Ok(ended) => self.settle(running, ended, said, written),
            Err(error) => start_fault(program, &error).into(),
        }
    }

    async fn ready(
        &mut self,
        running: &Running<'_>,
        run: &str,
        shell: Option<&str>,
        working_directory: Option<&str>,
    ) -> Result<Runs, Fault> {
        let layout = &self.surroundings.layout;
        // Those of the workflow don't reach into an action.
        let none = RunDefaults::default();
        let defaults = if self.frames.is_empty() {
            &self.description.defaults
        } else {
            &none
        };
        let untrusted = self.untrusted_references();
        let mut env = self.opaque_env();
        overlay(&mut env, running.env, &running.opaque);
        let opaque = self.opaque(&env);
        let filled = |what: &str, text: Option<&str>| {
            let value = text.map(|text| interpolate(text, &self.scope())).transpose();
            value.map_err(|error| Fault::Configuration(format!("`{what}` can't be computed: {error}")))
        };
        let written = shell.or(defaults.shell.as_deref());
        let shell = filled("shell", written)?;
        let text = written.unwrap_or_default();
        if !untrusted(text).is_empty() || !opaque_references(text, opaque).is_empty() {
            let problem = "`shell` must not be text that outsiders may choose, nor what steps have made: it is a command"
                .to_owned();
            return Err(Fault::Configuration(problem));
        }
        let shell = shell.filter(|shell| !shell.trim().is_empty());
        // GitHub docs: "The default shell for `run` steps inside a container is `sh` instead of `bash`."
        let of_container = self.job_container().map(|_| "sh");
        let shell = Shell::parse(shell.as_deref().or(of_container))
            .map_err(|error| Fault::Configuration(error.to_string()))?;
        let directory = filled(
            "working-directory",
            working_directory.or(defaults.working_directory.as_deref()),
        )?;
        let guards = Guards {
            references: &untrusted,
            opaque,
            untrusted: &self.untrusted,
            masks: self.log.masks(),
        };
        let filled = fill(run, shell.kind, &self.scope(), guards).map_err(fill_fault)?;
        let files = self.files(running)?;
        let directory = directory.unwrap_or_default();
        if self.job_container().is_none() {
            let beginning = Beginning {
                run,
                shell: &shell,
                environment: &self.variables(running.env, &files, &[]),
                directory: layout.workspace.join(&directory),
            };
            if let Some(stand_in) = self.stand_in_for_run(running, &beginning)? {
                return Ok(Runs::Other(stand_in, files));
            }
        }
        let name = format!("step_{}{}", running.key, shell.extension());
        let layout = &self.surroundings.layout;
        let script = layout
            .write(&name, shell.script(&filled.text).as_bytes())
            .map_err(|error| unwritten(&error))?;
        let program = match self.job_container() {
            None => {
                let environment = self.variables(running.env, &files, &filled.variables);
                let path = self.find_shell(&shell, &environment)?;
                let arguments = shell_arguments(&shell, &script.to_string_lossy());
                Program {
                    path,
                    arguments,
                    directory: layout.workspace.join(directory),
                    environment,
                }
            }
            Some(container) => {
                let environment = self.inside_variables(container, running.env, &files, &filled.variables);
                let workspace = PathBuf::from(container.paths.inside(&layout.workspace));
                let arguments = shell_arguments(&shell, &container.paths.inside(&script));
                let found = self.find_inside(&shell.programs, &environment["PATH"]).await?;
                Program {
                    path: found
                        .ok_or_else(|| no_shell(&shell, "in the job's container"))?
                        .into(),
                    arguments,
                    directory: workspace.join(directory),
                    environment,
                }
            }
        };
        Ok(Runs::Its(Ready {
            shell,
            filled,
            program,
            files,
        }))
    }

    pub(super) fn files(&self, running: &Running<'_>) -> Result<CommandFiles, Fault> {
        CommandFiles::create(&self.surroundings.layout, running.key).map_err(|error| unwritten(&error))
    }

    /// What a program sees: the machine's variables, below the workflow's, below GitHub's own.
    pub(super) fn variables(&self, step: &Variables, files: &CommandFiles, filled: &[Variable]) -> Variables {
        let mut variables = self.surroundings.environment.clone();
        variables.insert("CI".to_owned(), "true".to_owned());
        variables
            .entry("PATH".to_owned())
            .or_insert_with(|| DEFAULT_PATH.to_owned());
        variables.extend(self.credentials.clone());
        variables.extend(self.outer_env());
        variables.extend(step.clone());
        variables.extend(environment::defaults(
            &self.contexts,
            &self.surroundings.layout,
            files,
        ));
        variables.extend(
            filled
                .iter()
                .map(|variable| (variable.name.clone(), variable.value.clone())),
        );
        let path = environment::path(&self.added_paths, &variables["PATH"]);
        variables.insert("PATH".to_owned(), path);
        variables
    }

    /// A step's `PATH`, and after it the machine's own: where that of a workflow hides what runs its steps, as one may that is
    /// for a container, shells, node and git are the machine's. GitHub's runner looks for none of them in a workflow's `PATH`.
    pub(super) fn path_and_own(&self, path: &str) -> String {
        let own = self.surroundings.environment.get("PATH");
        let own = own.map_or(DEFAULT_PATH, String::as_str);
        environment::path(&[path.to_owned()], own)
    }

    pub(super) fn find_shell(&self, shell: &Shell, environment: &Variables) -> Result<PathBuf, Fault> {
        let workspace = &self.surroundings.layout.workspace;
        let path = self.path_and_own(&environment["PATH"]);
        let found = shell
            .programs
            .iter()
            .find_map(|name| environment::find_program(name, &path, workspace));
        found.ok_or_else(|| no_shell(shell, "where the job runs"))
    }

    /// What runs, for the log. The folded part is as on GitHub.
    fn header(&mut self, running: &Running<'_>, ready: &Ready) {
        let text = ready.filled.text.trim_end();
        let first = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        self.log.text(&format!("##[group]Run {first}"));
        self.log.output(text);
        let program = ready.program.path.display();
        let arguments = ready.shell.arguments.join(" ");
        self.log.text(&format!("shell: {program} {arguments}"));
        self.log_env(running, &ready.filled.variables);
        self.log.text("##[endgroup]");
    }

    /// The variables of the workflow, and those that stand for expressions.
    pub(super) fn log_env(&mut self, running: &Running<'_>, filled: &[Variable]) {
        let mut env = self.outer_env();
        env.extend(running.env.clone());
        if !env.is_empty() || !filled.is_empty() {
            self.log.text("env:");
        }
        for (name, value) in &env {
            self.log
                .text(&format!("  {name}: {}", value.replace('\n', "\n    ")));
        }
        for variable in filled {
            let value = variable.value.replace('\n', "\n    ");
            self.log.text(&format!(
                "  {}: {value}  # {}",
                variable.name,
                variable.expression.replace('\n', " ")
            ));
        }
    }

    /// What the step has left: outputs, variables, paths, a summary.
    pub(super) fn settle(
        &mut self,
        running: &Running<'_>,
        ended: Ended,
        said: Said,
        written: Written,
    ) -> Outcome {
        let mut problems: Vec<String> = said.disabled.into_iter().chain(written.problems).collect();
        for warning in &written.warnings {
            self.log.text(&format!("##[warning]{warning}."));
            // Who looks at the check misses it there, and not in the log. In a code span a name does nothing.
            let step = running.title.replace('`', "'");
            self.summary.push_str(&format!("> Step `{step}`: {warning}.\n\n"));
        }
        for (name, value) in written.env {
            self.take_variable(name, value, &mut problems);
        }
        let state = said.state.into_iter().chain(written.state);
        self.states
            .entry(running.key.to_owned())
            .or_default()
            .extend(state);
        self.added_paths.extend(written.paths);
        self.summary.push_str(&written.summary);
        if !written.summary.is_empty() && !written.summary.ends_with('\n') {
            self.summary.push('\n');
        }
        let fault = running
            .fault(ended)
            .or_else(|| (!problems.is_empty()).then(|| Fault::Failed(problems.join("; "))));
        let fault = match self.log.fault() {
            Some(broken) => Some(Fault::Infrastructure(broken.to_owned())),
            None => fault,
        };
        let exit_code = if let Ended::Exited(code) = ended {
            Some(code)
        } else {
            None
        };
        let outputs = said.outputs.into_iter().chain(written.outputs).collect();
        Outcome {
            fault,
            exit_code,
            outputs,
            tail: said.tail.into(),
            reported: false,
        }
    }

    fn take_variable(&mut self, name: String, value: String, problems: &mut Vec<String>) {
        if name.eq_ignore_ascii_case("NODE_OPTIONS") {
            problems.push("GITHUB_ENV must not set NODE_OPTIONS, as on GitHub".to_owned());
        } else if name.contains('\0') || value.contains('\0') {
            problems.push(format!(
                "GITHUB_ENV sets {:?} to something with a NUL, which no variable can hold",
                name.replace('\0', "")
            ));
        } else if environment::is_protected(&name) || name.starts_with(VARIABLE_PREFIX) {
            self.log.text(&format!(
                "##[warning]GITHUB_ENV can't change {name}; it keeps its value."
            ));
        } else {
            self.opaque_env.insert(name.clone());
            self.env.insert(name, value);
        }
    }
}

fn shell_arguments(shell: &Shell, script: &str) -> Vec<OsString> {
    let arguments = shell.arguments.iter();
    arguments
        .map(|argument| OsString::from(argument.replace(SCRIPT, script)))
        .collect()
}

fn no_shell(shell: &Shell, place: &str) -> Fault {
    let names = shell.programs.join(" nor ");
    Fault::Configuration(format!("shell: {names} is not installed {place}"))
}

pub(super) fn unwritten(error: &io::Error) -> Fault {
    Fault::Infrastructure(format!("The step's files could not be written: {error}"))
}

fn fill_fault(error: FillError) -> Fault {
    match error {
        FillError::Expression(error) => Fault::Configuration(format!("`run` can't be computed: {error}")),
        unsafe_place @ FillError::Unsafe { .. } => Fault::Configuration(unsafe_place.to_string()),
    }
}

fn start_fault(program: &Program, error: &io::Error) -> Fault {
    if !program.directory.is_dir() {
        let workspace = program.environment.get("GITHUB_WORKSPACE").map(PathBuf::from);
        return missing_directory(&program.directory, &workspace.unwrap_or_default());
    }
    match error.kind() {
        io::ErrorKind::ArgumentListTooLong => Fault::Failed(
            "The step's environment is larger than the system allows; use files for large values".to_owned(),
        ),
        io::ErrorKind::InvalidInput => Fault::Configuration(
            "A variable of `env` has a name or value that no environment can hold".to_owned(),
        ),
        io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock => Fault::Infrastructure(format!(
            "{} could not be started: {error}",
            program.path.display()
        )),
        _ => Fault::Configuration(format!(
            "{} could not be started: {error}",
            program.path.display()
        )),
    }
}

/// The directory is shown relative to the workspace, as it was written.
pub(super) fn missing_directory(directory: &Path, workspace: &Path) -> Fault {
    let shown = directory.strip_prefix(workspace).unwrap_or(directory).display();
    Fault::Failed(format!(
        "The working directory {shown} does not exist or is no directory"
    ))
}
