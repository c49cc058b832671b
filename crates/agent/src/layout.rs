//! Where a job's things are, below its attempt's directory, as GitHub's runner lays them out.

use checkmill_backends::attempt::WORK_DIR;
use checkmill_workflow::job::workspace_name;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The directories of one job.
#[derive(Debug, Clone)]
pub struct Layout {
    /// `GITHUB_WORKSPACE`: `{work}/{repository}/{repository}`.
    pub workspace: PathBuf,
    /// `RUNNER_TEMP`.
    pub temp: PathBuf,
    /// `RUNNER_TOOL_CACHE`.
    pub tool_cache: PathBuf,
    /// Where repositories of actions are.
    pub actions: PathBuf,
    /// Scripts, command files and what else is ours, inside `RUNNER_TEMP`.
    pub ours: PathBuf,
}

impl Layout {
    /// The directories of an attempt for the repository `owner/name`.
    #[must_use]
    pub fn new(attempt: &Path, repository: &str) -> Self {
        let work = attempt.join(WORK_DIR);
        let name = workspace_name(repository);
        let temp = work.join("_temp");
        Self {
            workspace: work.join(name).join(name),
            tool_cache: work.join("_tool"),
            actions: work.join("_actions"),
            ours: temp.join("_checkmill"),
            temp,
        }
    }

    /// Above all of them.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.temp.parent().unwrap_or(&self.temp).to_owned()
    }

    /// The attempt's directory.
    #[must_use]
    pub fn attempt(&self) -> PathBuf {
        let work = self.work();
        work.parent().unwrap_or(&work).to_owned()
    }

    /// `HOME` of the job's containers.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.temp.join("_github_home")
    }

    /// Makes them.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(&self) -> io::Result<()> {
        for path in [&self.workspace, &self.temp, &self.tool_cache, &self.ours] {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        Ok(())
    }

    /// Writes a file of ours and gives its path.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.ours.join(name);
        fs::write(&path, content)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use std::path::Path;

    #[test]
    fn the_workspace_has_the_repositorys_name_and_stays_inside() {
        let workspace = |repository| Layout::new(Path::new("/a"), repository).workspace;
        assert_eq!(workspace("octo/hello"), Path::new("/a/work/hello/hello"));
        for odd in ["octo/..", "octo/.", "", "octo/a b", "octo/.github"] {
            assert_eq!(
                workspace(odd),
                Path::new("/a/work/repository/repository"),
                "{odd}"
            );
        }
    }
}
