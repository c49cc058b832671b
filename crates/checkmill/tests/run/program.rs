//! A directory with files, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

/// Longest wait for anything; the program is fast, the machine that tests it may not be.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at something that is not there yet.
const AGAIN: Duration = Duration::from_millis(20);

/// The path of the first workflow file.
pub(crate) const CI: &str = ".checkmill/workflows/ci.yml";

pub(crate) struct Project {
    dir: tempfile::TempDir,
    /// The program's own directory for temporary files; it must leave nothing there.
    temporary: tempfile::TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A directory of its own for each test.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
            temporary: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(project.path()).unwrap();
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// One workflow file, in which `{desk}` stands for a directory outside of the project.
    pub(crate) fn with_workflow(text: &str) -> Self {
        let project = Self::new(&[]);
        project.write(CI, &text.replace("{desk}", &project.desk().display().to_string()));
        project
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    /// Where jobs leave marks for the test.
    pub(crate) fn desk(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// git, as somebody with a name and without a configuration of their own.
    pub(crate) fn git(&self, args: &[&str]) {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"])
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null");
        let output = git.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
    }

    /// What a job has written; nothing where none has.
    pub(crate) fn mark(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.desk().join(name)).ok()?;
        Some(text.trim_end().to_owned())
    }

    /// `checkmill run . ARGS` in the directory.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        let mut all = vec!["run", "."];
        all.extend(args);
        self.checkmill(&all).await
    }

    /// `checkmill ARGS` in the directory.
    pub(crate) async fn checkmill(&self, args: &[&str]) -> Ended {
        self.ended(self.spawn(args)).await
    }

    /// `checkmill ARGS` in the directory, with these variables in its environment.
    pub(crate) async fn checkmill_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ended {
        self.ended(self.spawn_with(variables, args)).await
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.spawn_with(&[], args)
    }

    fn spawn_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Child {
        let program = Command::new(env!("CARGO_BIN_EXE_checkmill"));
        self.spawn_by(program, variables, args)
    }

    /// By `nohup`, which leaves its own process to the program.
    pub(crate) fn spawn_by_nohup(&self, args: &[&str]) -> Child {
        let mut nohup = Command::new("nohup");
        nohup.arg(env!("CARGO_BIN_EXE_checkmill"));
        self.spawn_by(nohup, &[], args)
    }

    fn spawn_by(&self, mut command: Command, variables: &[(&str, &str)], args: &[&str]) -> Child {
        command
            .args(args)
            .current_dir(self.path())
            .env("TMPDIR", self.temporary.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Waits for the program to end, and for whatever it has left to run.
    pub(crate) async fn ended(&self, mut child: Child) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut out = child.stdout.take().unwrap();
        let mut err = child.stderr.take().unwrap();
        let end = async {
            let (status, _, _) = tokio::join!(
                child.wait(),
                out.read_to_string(&mut stdout),
                err.read_to_string(&mut stderr)
            );
            status.unwrap()
        };
        let status = timeout(LIMIT, end).await.expect("the program ends");
        self.nothing_is_left().await;
        let code = status.code();
        Ended { code, stdout, stderr }
    }

    /// The program's directory for temporary files.
    pub(crate) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Waits for what the program has left to run, and looks at what it has left behind.
    pub(crate) async fn nothing_is_left(&self) {
        self.until("the jobs' processes to end", || self.is_quiet()).await;
        let temporary = self.temporary.path();
        let left: Vec<_> = std::fs::read_dir(temporary).unwrap().flatten().collect();
        assert!(
            left.is_empty(),
            "left in the directory for temporary files: {left:?}"
        );
    }

    /// Whether no process of a job is left, the agents among them.
    pub(crate) fn is_quiet(&self) -> bool {
        processes_of(&self.temporary.path().canonicalize().unwrap()).is_empty()
    }

    /// Looks again and again until it is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let wait = async {
            let mut looks = interval(AGAIN);
            while !is_so() {
                looks.tick().await;
            }
        };
        timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }
}

impl Ended {
    /// The exit code, and the standard error of a program that has refused to begin.
    pub(crate) fn refusal(&self, project: &Project) -> String {
        assert_eq!(self.stdout, "", "nothing on standard output");
        let place = project.path().canonicalize().unwrap();
        let text = self.stderr.replace(&place.display().to_string(), "PROJECT");
        format!("{}: {}", self.code.unwrap_or(-1), text.trim_end())
    }

    /// The exit code, and the table without its times.
    pub(crate) fn table(&self) -> String {
        format!(
            "exit code {}\n{}",
            self.code.unwrap_or(-1),
            without_times(&self.stdout)
        )
    }
}

/// What the command printed, without the columns and numbers that differ from run to run.
pub(crate) fn without_times(text: &str) -> String {
    let times = regex_lite::Regex::new(r" *\d+(\.\d)? s\b|QUEUED +RAN").expect("the pattern is one");
    let lines = text
        .lines()
        .map(|line| times.replace_all(line, "").trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// The processes that run in this directory or name it.
fn processes_of(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let belongs = |process: &PathBuf| {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let named = String::from_utf8_lossy(&command).contains(&dir.display().to_string());
        // Where the directory is gone, the link still begins with its name.
        named || std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
    };
    entries.filter(belongs).collect()
}
