//! The command line.

use crate::passed::PassedVariables;
use checkmill_core::RepoName;
use checkmill_core::event::RepositoryEventName;
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

/// CI with no servers: a GitHub App whose jobs run where you have compute.
#[derive(Debug, Parser)]
#[command(name = "checkmill", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a repository's workflows on this machine, through the whole pipeline, and show the checks.
    ///
    /// Exit code: 0 when every check ended in success, neutral or skipped, of a job that was tried again the last one; 1 when one
    /// did not; 2 when the input is wrong.
    Run(RunArgs),
    /// Say all that is wrong with a repository's workflow files and its policy.
    ///
    /// Exit code: 0 when there are no errors (warnings and notes are none); 1 when there are; 2 when the input is wrong.
    Lint(LintArgs),
    /// Say what an event would start, and which rule stops the rest. Nothing runs.
    ///
    /// Exit code: 0; 1 when a file is broken or wants what the policy refuses; 2 when the input is wrong.
    Plan(PlanArgs),
    /// Say what each step of a workflow file becomes, and why: by which rule, with which tools, variables and caches.
    ///
    /// Nothing runs and nobody is asked, no language model either. What it says of Node.js and container engines is about this
    /// machine. Exit code: 0; 1 when the file is broken or a step is refused; 2 when the input is wrong.
    Explain(ExplainArgs),
    /// Serve as a GitHub App on this machine.
    ///
    /// A language model that translates steps is off unless CHECKMILL_MODEL says which (docs/model.md). Settings come from the environment: GH_APP_ID, GH_PRIVATE_KEY (or PRIVATE_KEY_PATH) and GH_WEBHOOK_SECRET;
    /// GITHUB_API_URL for GitHub Enterprise Server.
    Serve(ServeArgs),
    /// List the backends that jobs go to, and say whether each can be asked.
    ///
    /// Exit code: 0; 1 when one can't be asked, or fails the job of --probe; 2 when the input is wrong.
    Backends(BackendsArgs),
    /// Show what was learned of the jobs: durations, failures, flakiness.
    Stats(StatsArgs),
    /// Run one job from its directory; what the process backend starts.
    #[command(hide = true, disable_help_flag = true)]
    Agent {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The repository: a directory with .checkmill/workflows or .lightning/workflows. A directory that is no git
    /// repository is one commit of its files.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// The event to make: push, pull_request, workflow_dispatch, schedule, or another event's name such as issues.
    #[arg(long, value_enum, default_value_t = EventName::Push, hide_possible_values = true, value_name = "EVENT")]
    pub(crate) event: EventName,
    #[command(flatten)]
    pub(crate) happening: HappeningArgs,
    /// The branch, tag or commit to run; without it, the files as they are, uncommitted changes included.
    #[arg(long = "ref", value_name = "R")]
    pub(crate) reference: Option<String>,
    /// The branch that a pull request is for, or the commit at which the branch is; without it, the parent.
    #[arg(long, value_name = "B")]
    pub(crate) base: Option<String>,
    /// Only this workflow file: its path or its file name.
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<String>,
    /// Only this job of the workflow, and the jobs it needs.
    #[arg(long, value_name = "NAME")]
    pub(crate) job: Option<String>,
    /// An input of workflow_dispatch; may be given several times.
    #[arg(long = "input", value_name = "K=V", value_parser = key_value)]
    pub(crate) inputs: Vec<(String, String)>,
    /// The schedule that has come, as its workflow file writes it, where there are several.
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: Option<String>,
    /// Print one JSON object on standard output at the end; everything else goes to standard error.
    ///
    /// A check's `log` has at most 65,535 characters: of a longer one the beginning and the end. --keep-logs has more.
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the state in this directory; without it, nothing is kept, and jobs end with this program, however it ends.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Write each job's log and its check's page (Markdown) to files in this directory.
    ///
    /// All of it up to 16 MiB; of a longer one the first 8 MiB and at least the last 4, and a line that says how much is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_logs: Option<PathBuf>,
    /// The file of backends (docs/backends.md); without it, jobs are processes of this machine.
    #[arg(long, value_name = "FILE", env = "CHECKMILL_BACKENDS")]
    pub(crate) backends: Option<PathBuf>,
    /// A directory with the secrets of jobs (docs/secrets.md): OWNER.json and OWNER/REPOSITORY.json, in lower case.
    #[arg(long, value_name = "DIR", env = "CHECKMILL_SECRETS")]
    pub(crate) secrets: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passed: PassedVariables,
}

/// What goes with an event such as issues, label or repository_dispatch.
#[derive(Debug, Args)]
pub(crate) struct HappeningArgs {
    /// The activity type, such as opened; without it, the first of the event's. repository_dispatch needs one.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) activity: Option<String>,
    /// A JSON object that is laid over the event's payload, such as {"client_payload": {…}}.
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// The repository: a directory with .checkmill/workflows. Its files are read as they are.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// How to say it: for people, as one JSON object, as SARIF 2.1.0, or as GitHub's workflow commands.
    #[arg(long, value_enum, default_value_t = LintFormat::Text)]
    pub(crate) format: LintFormat,
    /// The files of .github/workflows too, whatever the policy says of them.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    Text,
    Json,
    Sarif,
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The repository: a directory with .checkmill/workflows. A directory that is no git repository is one commit of its
    /// files.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// The event: push, pull_request, workflow_dispatch, schedule, another event's name, or a file with a webhook's payload.
    #[arg(long, value_name = "EVENT", default_value = "push")]
    pub(crate) event: String,
    #[command(flatten)]
    pub(crate) happening: HappeningArgs,
    /// The name of the payload's event, where its fields don't tell.
    #[arg(long, value_name = "NAME")]
    pub(crate) event_name: Option<String>,
    /// The branch, tag or commit that it happens to; without it, the files as they are, uncommitted changes included.
    #[arg(long = "ref", value_name = "R")]
    pub(crate) reference: Option<String>,
    /// What was there before: the branch that a pull request is for, the commit at which that branch is, or the commit before a
    /// push. Without it, the parent.
    #[arg(long, value_name = "B")]
    pub(crate) base: Option<String>,
    /// The changed files, in place of those that git finds; may be given several times.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) changed: Vec<String>,
    /// The workflow file that workflow_dispatch is for: its path or its file name.
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<String>,
    /// An input of workflow_dispatch; may be given several times.
    #[arg(long = "input", value_name = "K=V", value_parser = key_value)]
    pub(crate) inputs: Vec<(String, String)>,
    /// The schedule that has come, as its workflow file writes it, where there are several.
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The workflow file. Its repository is the directory above .checkmill, .lightning or .github, else its own directory.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where the state is kept. Started again with the same directory, it goes on where it was.
    #[arg(long, value_name = "DIR", env = "CHECKMILL_DATA")]
    pub(crate) data: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8080", env = "CHECKMILL_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// The address at which jobs reach this server, where it differs from the one it listens on.
    #[arg(long, value_name = "URL", env = "CHECKMILL_PUBLIC_URL", value_parser = base_url)]
    pub(crate) public_url: Option<String>,
    /// The file of backends (docs/backends.md); without it, jobs are processes of this machine.
    #[arg(long, value_name = "FILE", env = "CHECKMILL_BACKENDS")]
    pub(crate) backends: Option<PathBuf>,
    /// A directory with the secrets of jobs (docs/secrets.md): OWNER.json and OWNER/REPOSITORY.json, in lower case.
    #[arg(long, value_name = "DIR", env = "CHECKMILL_SECRETS")]
    pub(crate) secrets: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passed: PassedVariables,
}

/// Where jobs go.
#[derive(Debug, Args)]
pub(crate) struct BackendsArgs {
    /// The file of backends (docs/backends.md); without it, jobs are processes of this machine.
    #[arg(long, value_name = "FILE", env = "CHECKMILL_BACKENDS")]
    pub(crate) backends: Option<PathBuf>,
    /// Run a job on each that says hello.
    #[arg(long)]
    pub(crate) probe: bool,
    /// Print a JSON array with one object for each backend.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Only the jobs of this repository: owner/name.
    #[arg(value_name = "REPO")]
    pub(crate) repository: Option<RepoName>,
    /// The data directory of `serve` or `run`. It may be in use.
    #[arg(long, value_name = "DIR", env = "CHECKMILL_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// A DynamoDB table on AWS instead. Region and credentials come from the environment; they must allow dynamodb:Scan.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// Only jobs that failed and then passed on the same commit, the flakiest first, with what they say.
    #[arg(long)]
    pub(crate) flaky: bool,
    /// Print a JSON array with one object for each job.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventName {
    Push,
    PullRequest,
    WorkflowDispatch,
    Schedule,
    Other(RepositoryEventName),
}

impl ValueEnum for EventName {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<EventName>> = LazyLock::new(|| {
            let first = [
                EventName::Push,
                EventName::PullRequest,
                EventName::WorkflowDispatch,
                EventName::Schedule,
            ];
            let others = RepositoryEventName::ALL.iter().copied().map(EventName::Other);
            first.into_iter().chain(others).collect()
        });
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Push => "push",
            Self::PullRequest => "pull_request",
            Self::WorkflowDispatch => "workflow_dispatch",
            Self::Schedule => "schedule",
            Self::Other(name) => name.as_str(),
        }))
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// An address to which paths can be added, without a slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    let problem = "expected an address such as https://ci.example.com, without a query";
    let uri: axum::http::Uri = text.parse().map_err(|_| problem.to_owned())?;
    let is_base = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none();
    if is_base {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(problem.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(key_value("=b").is_err());
    }

    #[test]
    fn a_public_url_is_one_to_which_paths_can_be_added() {
        for (text, expected) in [
            ("https://ci.example.com", Some("https://ci.example.com")),
            ("http://10.0.0.1:8080/ci/", Some("http://10.0.0.1:8080/ci")),
            ("nonsense", None),
            ("ci.example.com:80", None),
            ("ftp://ci.example.com", None),
            ("https://", None),
            ("https://ci.example.com/?x=1", None),
            ("", None),
        ] {
            assert_eq!(base_url(text).ok().as_deref(), expected, "{text}");
        }
    }

    /// What is kept of a log is said where it is asked for.
    #[test]
    fn the_limits_of_logs_in_the_help_and_the_readme_are_those_that_hold() {
        use checkmill_agent::log::spill::LOG_LIMITS;
        use checkmill_core::limits::{CHECK_TEXT_CHARS, LOG_BYTES};
        const MIB: usize = 1024 * 1024;
        let tail = (LOG_LIMITS.tail as usize).div_ceil(MIB);
        let head = LOG_LIMITS.head as usize / MIB;
        let file = format!(
            "up to {} MiB; of a longer one the first {head} MiB and at least the last {tail}",
            LOG_BYTES / MIB
        );
        let json = format!(
            "at most {},{} characters",
            CHECK_TEXT_CHARS / 1000,
            CHECK_TEXT_CHARS % 1000
        );
        let mut cli = Cli::command();
        let help = cli
            .find_subcommand_mut("run")
            .expect("there is one")
            .render_long_help()
            .to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&file) && help.contains(&json), "{help}");
        let readme = include_str!("../../../README.md");
        let readme = readme.replace("MiB, of", "MiB; of");
        assert!(readme.contains(&file) && readme.contains(&json), "{file}, {json}");
    }
}
