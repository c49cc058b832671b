//! Running a step's program in the job's container.

use super::JobContainer;
use crate::command_files::CommandFiles;
use crate::container::NODE;
use crate::container::create::Exec;
use crate::container::paths::Paths;
use crate::container::signal::Inside;
use crate::environment::{self, Variables};
use crate::exec::{self, Ended, Program};
use crate::job::JobRunner;
use crate::job::fault::Fault;
use crate::job::script::missing_directory;
use crate::job::step::{Outcome, Running};
use crate::script::inject::Variable;
use crate::step_output::StepOutput;
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

/// GitHub's variables that hold paths.
const PATHS: [&str; 11] = [
    "GITHUB_ACTION_PATH",
    "GITHUB_ENV",
    "GITHUB_EVENT_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_WORKSPACE",
    "RUNNER_TEMP",
    "RUNNER_TOOL_CACHE",
    "RUNNER_WORKSPACE",
];

/// After the kill of a program, for the engine's client to notice.
const NOTICE: Duration = Duration::from_secs(2);

impl JobRunner<'_> {
    /// What a program in the container sees beside what its image and `env` of `container` give.
    pub(in crate::job) fn inside_variables(
        &self,
        container: &JobContainer,
        step: &Variables,
        files: &CommandFiles,
        filled: &[Variable],
    ) -> Variables {
        let mut variables = self.credentials.clone();
        variables.extend(self.outer_env());
        variables.extend(step.clone());
        let mut own = environment::defaults(&self.contexts, &self.surroundings.layout, files);
        for name in PATHS {
            if let Some(path) = own.get_mut(name) {
                *path = container.paths.inside(Path::new(path.as_str()));
            }
        }
        variables.extend(own);
        let filled = filled.iter();
        variables.extend(filled.map(|variable| (variable.name.clone(), variable.value.clone())));
        let path = variables.remove("PATH").unwrap_or_else(|| container.path.clone());
        variables.insert("PATH".to_owned(), environment::path(&self.added_paths, &path));
        variables
    }

    /// Runs a program whose paths and variables are the container's own.
    pub(in crate::job) async fn execute_inside(
        &mut self,
        running: &Running<'_>,
        program: &Program,
        files: CommandFiles,
    ) -> Outcome {
        let surroundings = self.surroundings;
        let debug = self.contexts["runner"].get("debug").is_some();
        let recognising = self.recognises(running.env);
        let Some(containers) = &self.containers else {
            return lost().into();
        };
        let Some(container) = &containers.job else {
            return lost().into();
        };
        let layout = &surroundings.layout;
        let outside = container.paths.outside(&program.directory);
        if outside.as_ref().is_some_and(|directory| !directory.is_dir()) {
            let workspace = container.paths.inside(&layout.workspace);
            return missing_directory(&program.directory, Path::new(&workspace)).into();
        }
        let pid_file = layout.ours.join(format!("pid_{}", running.key));
        let exec = Exec {
            container: &container.name,
            directory: &program.directory.to_string_lossy(),
            variables: program.environment.clone(),
            pid_file: &container.paths.inside(&pid_file),
            program: &program.path.to_string_lossy(),
            arguments: &program.arguments,
        };
        let (arguments, passed) = exec.command();
        let mut client = containers.engine.program(arguments);
        client.environment.extend(passed);
        let mut output = StepOutput::new(self.log, &mut self.reports, &layout.workspace, debug)
            .in_directory(outside.as_deref().unwrap_or(&layout.workspace))
            .seen_through(&container.paths)
            .recognising(recognising);
        let mut inside = Inside::new(&containers.engine, &container.name, &pid_file);
        let why = Cell::new(None);
        let control = surroundings.control.clone();
        let graces = surroundings.graces;
        let stop = async {
            let limit = async {
                match running.deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            why.set(Some(tokio::select! {
                () = control.stop_of_step(|| running.goes_on) => Ended::Stopped,
                () = limit => Ended::TimedOut,
            }));
            // Who is in its family must be known before it ends, which may come before the answer to the signal.
            inside.signal("0").await;
            inside.signal("INT").await;
            tokio::time::sleep(graces.interrupt).await;
            inside.signal("TERM").await;
            tokio::time::sleep(graces.terminate).await;
            inside.signal("KILL").await;
            tokio::time::sleep(NOTICE).await;
        };
        let ended = exec::run(&client, graces, None, stop, |bytes| output.push(bytes)).await;
        let said = output.finish();
        if why.get().is_some() || !matches!(ended, Ok(Ended::Exited(_))) {
            // Nobody of its family stays.
            inside.signal("KILL").await;
        }
        let _ = std::fs::remove_file(&pid_file);
        let written = files.take();
        match ended {
            Ok(ended) => self.settle(running, why.get().unwrap_or(ended), said, written),
            Err(error) => {
                Fault::Infrastructure(format!("The container engine could not be started: {error}")).into()
            }
        }
    }

    /// What the first of these programs that is there is called in the container.
    pub(in crate::job) async fn find_inside(
        &mut self,
        programs: &[String],
        path: &str,
    ) -> Result<Option<String>, Fault> {
        const FIND: &str = r#"for name do command -v "$name" && exit; done; exit 0"#;
        let Some(containers) = &mut self.containers else {
            return Err(lost());
        };
        let Some(container) = &mut containers.job else {
            return Err(lost());
        };
        let key = (programs.to_vec(), path.to_owned());
        if let Some(found) = container.found.get(&key) {
            return Ok(found.clone());
        }
        let variable = format!("PATH={path}");
        let asked = [
            "exec",
            "--env",
            &variable,
            &container.name,
            "sh",
            "-c",
            FIND,
            "sh",
        ];
        let names = programs.iter().map(String::as_str);
        let found = containers.engine.ask(asked.into_iter().chain(names)).await;
        let found = found.map_err(|problem| {
            let image = &container.image;
            Fault::Configuration(format!(
                "The step can't be run in the job's container: {problem}; its image {image} must have `sh`"
            ))
        })?;
        let found = found.lines().next().map(str::to_owned);
        container.found.insert(key, found.clone());
        Ok(found)
    }

    /// Node.js in the container: the machine's where it runs there, else the image's own.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(in crate::job) async fn node_inside(&mut self, path: &str) -> Result<Result<String, String>, Fault> {
        let Some(containers) = &self.containers else {
            return Err(lost());
        };
        let Some(container) = &containers.job else {
            return Err(lost());
        };
        let mut missing = "there is no `node` on its machine".to_owned();
        if container.node.is_some() {
            match containers
                .engine
                .ask(["exec", &container.name, NODE, "--version"])
                .await
            {
                Ok(_) => return Ok(Ok(NODE.to_owned())),
                Err(problem) => missing = format!("the machine's `node` does not run in it ({problem})"),
            }
        }
        let image = container.image.clone();
        let own = self.find_inside(&["node".to_owned()], path).await?;
        Ok(own.ok_or_else(|| format!("its image {image} has no `node`, and {missing}")))
    }

    /// The lines of an input as the machine's paths: what is built in runs beside the container, on its directories.
    ///
    /// # Errors
    /// A path that only the container has; a sentence.
    pub(in crate::job) fn outside_lines(&self, text: &str) -> Result<String, Fault> {
        let Some(container) = self.job_container() else {
            return Ok(text.to_owned());
        };
        let lines: Result<Vec<String>, Fault> = text
            .lines()
            .map(|line| outside_line(&container.paths, line))
            .collect();
        Ok(lines?.join("\n"))
    }
}

fn outside_line(paths: &Paths, line: &str) -> Result<String, Fault> {
    let bare = line.trim();
    let (not, path) = bare.strip_prefix('!').map_or(("", bare), |rest| ("!", rest));
    if !path.starts_with('/') {
        return Ok(line.to_owned());
    }
    match paths.outside(Path::new(path)) {
        Some(path) => Ok(format!("{not}{}", path.display())),
        None => Err(Fault::Configuration(format!(
            "{path} is in the job's container alone; artifacts and caches are made of the workspace, the directory of \
             RUNNER_TEMP, or the home directory (`~`)"
        ))),
    }
}

fn lost() -> Fault {
    Fault::Infrastructure("The job's container is not there any more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn inputs_of_what_is_built_in() {
        let paths = Paths::new(&Layout::new(Path::new("/a"), "octo/hello"));
        for (line, expected) in [
            ("dist/*", "dist/*"),
            ("~/.npm", "~/.npm"),
            ("/__w/hello/hello/dist", "/a/work/hello/hello/dist"),
            (" !/__w/_temp/x/** ", "!/a/work/_temp/x/**"),
            ("/a/work/hello/hello/x", "/a/work/hello/hello/x"),
        ] {
            assert_eq!(outside_line(&paths, line).unwrap(), expected);
        }
        assert!(outside_line(&paths, "/usr/local/cargo").is_err());
        assert!(outside_line(&paths, "!/etc").is_err());
    }
}
