//! The agent's command line. It is called by backends, not by people.

use crate::backend;
use crate::clock::{SharedClock, SystemClock};
use crate::inline;
use crate::lifeline::Lifeline;
use crate::settings::Settings;
use crate::supervisor::{self, reap};
use crate::worker;
use checkmill_backends::attempt::{AttemptDir, END_WITH_STDIN};
use checkmill_backends::process::AgentCommand;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

const USAGE: &str = "\
Runs one attempt of a Checkmill job. Called by backends.

  run --dir DIR [--end-with-stdin]   runs the job in DIR/job.json, once, however often it is called; with the option,
                                     stops it when standard input, a pipe, ends: whoever holds it is gone
  backend --root DIR                 is a backend of kind exec: answers the one request on standard input, with jobs as
                                     processes of this machine and their directories under DIR
  inline                             runs the job that is in its environment, and prints its log, result and end
  reap --dir DIR                     cleans up after an agent of DIR that was killed
  --version                          prints the version

Secrets come by environment: GITHUB_TOKEN, CHECKMILL_CALLBACK_TOKEN, CHECKMILL_SECRET_*.
";

/// Wrong arguments.
const EXIT_USAGE: u8 = 2;
/// The agent itself failed: sysexits(3), EX_TEMPFAIL.
pub(crate) const EXIT_FAULT: u8 = 75;

/// How this program is called again, as the worker.
#[derive(Debug, Clone, Default)]
pub struct Reexec {
    /// Arguments before the agent's own.
    prefix: Vec<OsString>,
}

impl Reexec {
    /// How the process backend calls this program. By its path: what it starts outlives us.
    ///
    /// # Errors
    /// The path can't be found.
    pub fn agent(&self) -> io::Result<AgentCommand> {
        Ok(AgentCommand {
            program: std::env::current_exe()?,
            arguments: self.prefix.clone(),
        })
    }

    /// A command that runs this very program, even where its file was replaced by a newer one.
    #[must_use]
    pub fn command(&self, verb: &str, directory: &Path) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("checkmill-agent")
            .args(&self.prefix)
            .arg(verb)
            .arg("--dir")
            .arg(directory);
        command
    }
}

enum Verb {
    Run {
        /// The job ends with the pipe that is our standard input.
        end_with_stdin: bool,
    },
    Work,
    Reap,
}

enum Call {
    Verb(Verb, PathBuf),
    /// One request to a backend with this root.
    Backend(PathBuf),
    Inline,
    Usage,
    Version,
}

/// Does what `arguments` say. `prefix` are the arguments that make the calling program act as the agent (`agent` for the
/// command `checkmill`, none for `checkmill-agent`).
///
/// It must be called before any thread is started: it makes this process the leader of a session.
#[must_use]
pub fn main_with_args(
    prefix: impl IntoIterator<Item = OsString>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let reexec = Reexec {
        prefix: prefix.into_iter().collect(),
    };
    match parse(&arguments) {
        Ok(Call::Verb(verb, directory)) => act(verb, &AttemptDir::new(directory), &reexec),
        Ok(Call::Backend(root)) => backend::answer(&root, &reexec),
        Ok(Call::Inline) => inline::run(&reexec),
        Ok(Call::Usage) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        Ok(Call::Version) => {
            say(concat!("checkmill-agent ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            complain(&format!("{problem}\n\n{USAGE}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn parse(arguments: &[OsString]) -> Result<Call, String> {
    let (first, rest) = arguments.split_first().ok_or("a verb is missing")?;
    let verb = match first.to_str() {
        Some("run") => Verb::Run {
            end_with_stdin: rest.get(2).is_some_and(|option| option == END_WITH_STDIN),
        },
        Some("work") => Verb::Work,
        Some("reap") => Verb::Reap,
        Some("backend") => {
            // What is asked comes last; the request says it too.
            let rest = rest.get(..2).filter(|_| rest.len() == 3).unwrap_or(rest);
            return directory("--root", rest).map(Call::Backend);
        }
        Some(checkmill_backends::inline::VERB) if rest.is_empty() => return Ok(Call::Inline),
        Some("--help" | "-h" | "help") => return Ok(Call::Usage),
        Some("--version" | "-V") => return Ok(Call::Version),
        _ => return Err(format!("{first:?} is not a verb of the agent")),
    };
    let rest = match (&verb, rest) {
        (Verb::Run { end_with_stdin: true }, [rest @ .., _]) => rest,
        _ => rest,
    };
    Ok(Call::Verb(verb, directory("--dir", rest)?))
}

/// The one option that is left.
fn directory(name: &str, rest: &[OsString]) -> Result<PathBuf, String> {
    match rest {
        [option, directory] if option == OsStr::new(name) => {
            let directory = PathBuf::from(directory);
            if !directory.is_absolute() {
                return Err(format!("{} is not an absolute path", directory.display()));
            }
            Ok(directory)
        }
        _ => Err(format!("{name} DIR and nothing else must follow")),
    }
}

fn act(verb: Verb, attempt: &AttemptDir, reexec: &Reexec) -> ExitCode {
    let settings = Settings::from_process();
    let clock: SharedClock = Arc::new(SystemClock);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the agent could not start: {error}"));
            return ExitCode::from(EXIT_FAULT);
        }
    };
    let outcome = runtime.block_on(async {
        match verb {
            Verb::Run { end_with_stdin } => {
                let owner = end_with_stdin.then(Lifeline::of_stdin).transpose();
                let owner = owner.map_err(|error| format!("standard input can't be watched: {error}"))?;
                let run = supervisor::supervise(attempt, reexec, &settings, &clock, owner).await;
                run.map(|()| 0).map_err(|fault| fault.to_string())
            }
            Verb::Work => worker::work(attempt, settings, clock)
                .await
                .map_err(|fault| fault.to_string()),
            Verb::Reap => reap::reap(attempt, &settings, &clock)
                .await
                .map(|()| 0)
                .map_err(|fault| fault.to_string()),
        }
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            complain(&problem);
            ExitCode::from(EXIT_FAULT)
        }
    }
}

/// A word to whoever called us; the process backend keeps it in a file.
#[expect(
    clippy::print_stderr,
    reason = "the agent is a command, and this is all it says"
)]
pub(crate) fn complain(problem: &str) {
    eprintln!("checkmill-agent: {problem}");
}

#[expect(
    clippy::print_stdout,
    reason = "the answer to --help, --version and a request"
)]
pub(crate) fn say(text: &str) {
    print!("{text}");
}
