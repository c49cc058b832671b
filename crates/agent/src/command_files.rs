//! The files through which a step talks back: `GITHUB_OUTPUT`, `GITHUB_ENV`, `GITHUB_PATH`, `GITHUB_STEP_SUMMARY`,
//! `GITHUB_STATE`.

use crate::env_file;
use crate::layout::Layout;
use checkmill_core::limits::STEP_SUMMARY_BYTES;
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file of outputs or variables. A step that writes more has lost control of something.
const ENV_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// One step's files.
#[derive(Debug)]
pub struct CommandFiles {
    pub output: PathBuf,
    pub env: PathBuf,
    pub path: PathBuf,
    pub summary: PathBuf,
    /// For the later parts of the same action.
    pub state: PathBuf,
}

/// What a step has written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub outputs: Vec<(String, String)>,
    pub env: Vec<(String, String)>,
    pub paths: Vec<String>,
    pub summary: String,
    pub state: Vec<(String, String)>,
    /// What could not be used, each a sentence that names the file. The step fails.
    pub problems: Vec<String>,
    /// What was not used, the step being none the worse.
    pub warnings: Vec<String>,
}

impl CommandFiles {
    /// Makes empty files for the step that this key names.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(layout: &Layout, key: &str) -> io::Result<Self> {
        let files = Self::of(layout, key);
        for file in files.all() {
            fs::write(file, b"")?;
        }
        Ok(files)
    }

    /// Where the files of the step with this key are, once it runs.
    #[must_use]
    pub fn of(layout: &Layout, key: &str) -> Self {
        let file = |kind: &str| layout.ours.join(format!("{kind}_{key}"));
        Self {
            output: file("output"),
            env: file("env"),
            path: file("path"),
            summary: file("summary"),
            state: file("state"),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> [&Path; 5] {
        [&self.output, &self.env, &self.path, &self.summary, &self.state].map(PathBuf::as_path)
    }

    /// Reads and removes them.
    #[must_use]
    pub fn take(self) -> Written {
        let mut written = Written::default();
        written.outputs = entries(&self.output, "GITHUB_OUTPUT", &mut written.problems);
        written.env = entries(&self.env, "GITHUB_ENV", &mut written.problems);
        written.state = entries(&self.state, "GITHUB_STATE", &mut written.problems);
        let paths = text(&self.path, "GITHUB_PATH", ENV_FILE_BYTES, &mut written.problems);
        written.paths = env_file::paths(&paths);
        // GitHub, too, leaves out a summary that is too long and lets the step be.
        written.summary = text(
            &self.summary,
            "GITHUB_STEP_SUMMARY",
            STEP_SUMMARY_BYTES as u64,
            &mut written.warnings,
        );
        for path in [self.output, self.env, self.path, self.summary, self.state] {
            let _ = fs::remove_file(path);
        }
        written
    }
}

fn entries(path: &Path, name: &str, problems: &mut Vec<String>) -> Vec<(String, String)> {
    let text = text(path, name, ENV_FILE_BYTES, problems);
    env_file::parse(&text).unwrap_or_else(|error| {
        problems.push(format!("{name} was not understood, {error}"));
        Vec::new()
    })
}

/// Opens a file that a step may have replaced by a pipe, which must not hold us up.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a file any more"))
    }
}

/// The file as text; empty, with a problem, where it is too long or can't be read. A step may have removed it.
fn text(path: &Path, name: &str, limit: u64, problems: &mut Vec<String>) -> String {
    let mut bytes = Vec::new();
    match open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => problems.push(format!("{name} could not be read: {error}")),
    }
    if bytes.len() as u64 > limit {
        problems.push(format!(
            "{name} is not used: it is longer than its limit of {} KiB",
            limit / 1024
        ));
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, CommandFiles) {
        let temp = tempfile::tempdir().unwrap();
        let layout = Layout::new(temp.path(), "o/r");
        layout.create().unwrap();
        let files = CommandFiles::create(&layout, "1").unwrap();
        (temp, files)
    }

    #[test]
    fn what_was_written_is_taken_and_the_files_are_gone() {
        let (temp, files) = files();
        fs::write(&files.output, "a=1\n").unwrap();
        fs::write(&files.env, "B<<E\n2\n3\nE\n").unwrap();
        fs::write(&files.path, "/x\n").unwrap();
        fs::write(&files.state, "s=4\n").unwrap();
        fs::write(&files.summary, "# Hi\n").unwrap();
        let written = files.take();
        assert_eq!(written.outputs, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(written.env, [("B".to_owned(), "2\n3".to_owned())]);
        assert_eq!(written.state, [("s".to_owned(), "4".to_owned())]);
        assert_eq!(
            (written.paths, written.summary.as_str()),
            (vec!["/x".to_owned()], "# Hi\n")
        );
        assert_eq!((written.problems, written.warnings), (vec![], vec![]));
        assert_eq!(
            fs::read_dir(Layout::new(temp.path(), "o/r").ours)
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let (_temp, files) = files();
        fs::write(&files.output, "nonsense").unwrap();
        fs::remove_file(&files.env).unwrap();
        fs::write(&files.summary, vec![b'x'; STEP_SUMMARY_BYTES + 1]).unwrap();
        fs::remove_file(&files.path).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&files.path)
                .status()
                .unwrap()
                .success()
        );
        let written = files.take();
        assert!(
            written.problems[0].starts_with("GITHUB_OUTPUT was not understood, line 1: "),
            "{written:?}"
        );
        assert!(
            written.problems[1].starts_with("GITHUB_PATH could not be read: "),
            "{written:?}"
        );
        assert_eq!(
            written.warnings,
            ["GITHUB_STEP_SUMMARY is not used: it is longer than its limit of 1024 KiB"]
        );
        assert_eq!(written.summary, "");
    }
}
