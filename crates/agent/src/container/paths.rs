//! Where a job's directories are in its container. GitHub's runner has them so: `/__w`, `/__t`, `/github/home`.

use crate::layout::Layout;
use checkmill_workflow::job::CONTAINER_WORK;
use std::path::{Path, PathBuf};

/// `RUNNER_TOOL_CACHE` in a job's container.
const TOOLS: &str = "/__t";
/// `HOME` in every container of a job.
pub const HOME: &str = "/github/home";

/// Directories of the machine and what they are called in the container, those inside others first.
#[derive(Debug, Clone)]
pub struct Paths(Vec<(PathBuf, &'static str)>);

impl Paths {
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self(vec![
            (layout.tool_cache.clone(), TOOLS),
            (layout.home(), HOME),
            (layout.work(), CONTAINER_WORK),
        ])
    }

    /// What is mounted: each directory under its name, and the work under its own as well, so that `github.workspace` and
    /// its like, which the machine's expressions give, lead to the same files.
    pub fn mounts(&self) -> impl Iterator<Item = (PathBuf, String)> {
        let own = self
            .0
            .iter()
            .filter(|(_, inside)| *inside == CONTAINER_WORK)
            .map(|(outside, _)| (outside.clone(), outside.to_string_lossy().into_owned()));
        let named = self.0.iter().rev();
        named
            .map(|(outside, inside)| (outside.clone(), (*inside).to_owned()))
            .chain(own)
    }

    /// What the container calls a path of the machine; others stay as they are.
    #[must_use]
    pub fn inside(&self, path: &Path) -> String {
        let found = self.0.iter().find_map(|(outside, inside)| {
            let rest = path.strip_prefix(outside).ok()?;
            Some(Path::new(inside).join(rest))
        });
        let path = found.as_deref().unwrap_or(path);
        path.to_string_lossy().trim_end_matches('/').to_owned()
    }

    /// What the machine calls a path of the container; none for what only the container has.
    #[must_use]
    pub fn outside(&self, path: &Path) -> Option<PathBuf> {
        let work = self.0.iter().find(|(_, inside)| *inside == CONTAINER_WORK);
        if work.is_some_and(|(outside, _)| path.starts_with(outside)) {
            return Some(path.to_owned());
        }
        self.0.iter().find_map(|(outside, inside)| {
            let rest = path.strip_prefix(inside).ok()?;
            Some(outside.join(rest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let layout = Layout::new(Path::new("/a"), "octo/hello");
        let paths = Paths::new(&layout);
        for (outside, inside) in [
            ("/a/work/hello/hello", "/__w/hello/hello"),
            ("/a/work/hello/hello/src/x.c", "/__w/hello/hello/src/x.c"),
            ("/a/work", "/__w"),
            ("/a/work/_tool/node", "/__t/node"),
            ("/a/work/_temp/_github_home/.npm", "/github/home/.npm"),
            ("/a/work/_temp/x", "/__w/_temp/x"),
        ] {
            assert_eq!(paths.inside(Path::new(outside)), inside);
            assert_eq!(
                paths.outside(Path::new(inside)).as_deref(),
                Some(Path::new(outside))
            );
            assert_eq!(
                paths.outside(Path::new(outside)).as_deref(),
                Some(Path::new(outside))
            );
        }
        assert_eq!(paths.inside(Path::new("/usr/bin")), "/usr/bin");
        assert_eq!(paths.outside(Path::new("/usr/bin")), None);
        assert_eq!(paths.outside(Path::new("/__work")), None);
    }
}
