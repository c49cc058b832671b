//! Finding the report files that a job has written, and reading them.

use crate::clock::SharedClock;
use crate::hash_files::glob::{self, Pattern};
use checkmill_core::UnixMillis;
use checkmill_core::limits::{REPORT_FILES, REPORT_SEARCH_ENTRIES, REPORT_TIME};
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What is looked for unless the job says otherwise: the names that tools choose or their documentation shows.
pub const DEFAULT_PATTERNS: [&str; 9] = [
    "**/junit*.xml",
    "**/*junit.xml",
    "**/TEST-*.xml",
    "**/pytest*.xml",
    "**/report.xml",
    "**/test-results/**/*.xml",
    "**/test-reports/**/*.xml",
    "**/*.sarif",
    "**/*.sarif.json",
];
/// Directories that are not looked into: nobody's tests write there, and they are the largest.
const LEFT_OUT: [&str; 2] = [".git", "node_modules"];
/// File systems round times, some to two seconds.
const ROUNDING_MS: u64 = 2000;

/// By which a file is known again: when it was written last, its length, its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanoseconds: i64,
    length: u64,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            length: metadata.len(),
            inode: metadata.ino(),
        }
    }
}

/// The report files of a workspace as they were at an instant.
#[derive(Debug, Clone)]
pub struct Seen {
    stamps: BTreeMap<PathBuf, Stamp>,
    look: Look,
}

#[derive(Debug, Clone)]
struct Look {
    /// What was looked for.
    patterns: Vec<Pattern>,
    complete: bool,
    at: UnixMillis,
}

impl Look {
    /// Whether it saw every file that these patterns name.
    fn saw(&self, patterns: &[Pattern]) -> bool {
        self.complete && self.patterns == patterns
    }
}

/// Files that are there without the job having written them: those of a checkout, or of a download.
#[derive(Debug, Clone, Default)]
pub struct Known {
    brought: BTreeMap<PathBuf, Stamp>,
    looks: Vec<Look>,
}

impl Known {
    /// Remembers what a step has brought, from a look before and one after it.
    pub fn bring(&mut self, before: &Seen, after: Seen) {
        let is_new = |(path, stamp): &(PathBuf, Stamp)| before.stamps.get(path) != Some(stamp);
        self.brought.extend(after.stamps.into_iter().filter(is_new));
        self.looks.extend([before.look.clone(), after.look]);
    }

    /// Until when files may have been brought that no look saw.
    fn unseen_until(&self, patterns: &[Pattern]) -> Option<UnixMillis> {
        let blind = self.looks.iter().filter(|look| !look.saw(patterns));
        blind.map(|look| look.at).max()
    }
}

/// What was found, relative to the workspace and in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FoundFiles {
    pub paths: Vec<PathBuf>,
    /// Why there may be more.
    pub incomplete: Option<String>,
}

/// A search in a workspace.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub workspace: &'a Path,
    pub patterns: &'a [Pattern],
}

/// Reads patterns, one a line, as [`glob`] has them.
///
/// # Errors
/// A pattern that leads out of the workspace.
pub fn patterns(lines: &str, workspace: &Path) -> Result<Vec<Pattern>, String> {
    glob::parse(&[lines.to_owned()], &workspace.to_string_lossy())
}

impl Search<'_> {
    /// The files that are there now.
    #[must_use]
    pub fn see(&self, clock: &SharedClock) -> Seen {
        let (files, incomplete) = self.walk(clock);
        let stamp = |(path, metadata): (PathBuf, Metadata)| (path, Stamp::of(&metadata));
        Seen {
            stamps: files.into_iter().map(stamp).collect(),
            look: Look {
                patterns: self.patterns.to_vec(),
                complete: incomplete.is_none(),
                at: clock.now(),
            },
        }
    }

    /// The files that were written since the job began and are not as a checkout left them. Where a checkout could not be
    /// looked through for these patterns, only what was written after it counts.
    #[must_use]
    pub fn written(&self, known: &Known, since: UnixMillis, clock: &SharedClock) -> FoundFiles {
        let (files, mut incomplete) = self.walk(clock);
        let unseen_until = known.unseen_until(self.patterns);
        let is_new = |path: &PathBuf, metadata: &Metadata| {
            let changed = match known.brought.get(path) {
                Some(brought) => *brought != Stamp::of(metadata),
                None => unseen_until.is_none_or(|until| modified(metadata) > until.0),
            };
            changed && modified(metadata) + ROUNDING_MS >= since.0
        };
        let files = files
            .into_iter()
            .filter(|(path, metadata)| is_new(path, metadata));
        let mut paths: Vec<_> = files.map(|(path, _)| path).collect();
        paths.sort();
        if paths.len() > REPORT_FILES {
            incomplete = Some(format!("{} were found and {REPORT_FILES} are read", paths.len()));
            paths.truncate(REPORT_FILES);
        }
        FoundFiles { paths, incomplete }
    }

    /// Regular files whose path matches, links not followed.
    fn walk(&self, clock: &SharedClock) -> (Vec<(PathBuf, Metadata)>, Option<String>) {
        let started = clock.now();
        let mut found = Vec::new();
        let mut entries = 0;
        let mut open = vec![PathBuf::new()];
        while let Some(directory) = open.pop() {
            if clock.now().since(started) > REPORT_TIME {
                let limit = REPORT_TIME.0 / 1000;
                return (found, Some(format!("looking for them took more than {limit} s")));
            }
            // One that can't be read is somebody's with other rights, or gone.
            for entry in fs::read_dir(self.workspace.join(&directory))
                .into_iter()
                .flatten()
                .flatten()
            {
                entries += 1;
                if entries > REPORT_SEARCH_ENTRIES {
                    return (
                        found,
                        Some(format!(
                            "the workspace has more than {REPORT_SEARCH_ENTRIES} files"
                        )),
                    );
                }
                let path = directory.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) => {
                        open.push(path)
                    }
                    Ok(kind) if kind.is_file() && self.is_wanted(&path) => {
                        found.extend(entry.metadata().ok().map(|metadata| (path, metadata)));
                    }
                    _ => {}
                }
            }
        }
        (found, None)
    }

    /// The last pattern that matches decides.
    fn is_wanted(&self, path: &Path) -> bool {
        let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
        let last = names.and_then(|names| self.patterns.iter().rev().find(|pattern| pattern.matches(&names)));
        last.is_some_and(|pattern| !pattern.exclude)
    }
}

fn modified(metadata: &Metadata) -> u64 {
    let since = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A file as text; bytes that are no UTF-8 become U+FFFD. A pipe or a device in its place does not hold us up.
///
/// # Errors
/// What the file system says, and a file that is longer than `limit`.
pub fn read(path: &Path, limit: u64) -> io::Result<String> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!(
            "it is longer than {} KiB",
            limit / 1024
        )));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use std::sync::Arc;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a look at these patterns sees now.
    fn see(root: &Path, lines: &str) -> Seen {
        let patterns = patterns(lines, root).unwrap();
        let search = Search {
            workspace: root,
            patterns: &patterns,
        };
        search.see(&(Arc::new(SystemClock) as SharedClock))
    }

    fn found(root: &Path, lines: &str, known: &Known, since: u64) -> Vec<String> {
        let patterns = patterns(lines, root).unwrap();
        let search = Search {
            workspace: root,
            patterns: &patterns,
        };
        let clock: SharedClock = Arc::new(SystemClock);
        let found = search.written(known, UnixMillis(since), &clock);
        assert_eq!(found.incomplete, None);
        found
            .paths
            .into_iter()
            .map(|path| path.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn the_default_list_is_documented() {
        let docs = include_str!("../../../../docs/reports.md");
        let list = docs.split("<!-- patterns -->\n```\n").nth(1).unwrap();
        let list = list.split("\n```").next().unwrap();
        assert_eq!(list.lines().collect::<Vec<_>>(), DEFAULT_PATTERNS);
    }

    #[test]
    fn the_default_list_finds_what_tools_write() {
        let temp = tempfile::tempdir().unwrap();
        let wanted = [
            "backend/build/test-results/test/TEST-a.xml",
            "junit.xml",
            "out/junit-1.xml",
            "out/pytest-junit.xml",
            "report.xml",
            "results.sarif",
            "target/nextest/default/junit.xml",
            "target/surefire-reports/TEST-b.xml",
        ];
        for file in wanted {
            write(temp.path(), file, "");
        }
        for file in [
            "pom.xml",
            "a/test.xml",
            "node_modules/x/junit.xml",
            ".git/junit.xml",
        ] {
            write(temp.path(), file, "");
        }
        std::os::unix::fs::symlink("/proc/self/environ", temp.path().join("junit-link.xml")).unwrap();
        assert_eq!(
            found(temp.path(), &DEFAULT_PATTERNS.join("\n"), &Known::default(), 0),
            wanted
        );
        assert_eq!(
            found(
                temp.path(),
                "**/*.xml\n!target/**\n!**/TEST-*",
                &Known::default(),
                0
            )
            .len(),
            6
        );
        assert!(
            patterns("../x", temp.path())
                .unwrap_err()
                .contains("leads out of the workspace")
        );
    }

    #[test]
    fn what_a_checkout_brought_and_what_is_older_than_the_job_is_not_the_jobs() {
        let temp = tempfile::tempdir().unwrap();
        let mut known = Known::default();
        write(temp.path(), "mine/junit.xml", "written before the download");
        let before = see(temp.path(), "**/*.xml");
        write(temp.path(), "fixtures/junit.xml", "old");
        write(temp.path(), "junit.xml", "old");
        known.bring(&before, see(temp.path(), "**/*.xml"));
        write(temp.path(), "junit.xml", "new text");
        write(temp.path(), "new/junit.xml", "");
        assert_eq!(
            found(temp.path(), "**/*.xml", &known, 0),
            ["junit.xml", "mine/junit.xml", "new/junit.xml"]
        );
        let later = SystemClock.now().0 + 60_000;
        assert_eq!(found(temp.path(), "**/*.xml", &known, later), [""; 0]);
    }

    /// Other patterns than those of the look, as `GITHUB_ENV` can set them, and a look that did not see everything.
    #[test]
    fn of_a_checkout_that_was_not_looked_through_only_later_files_count() {
        let temp = tempfile::tempdir().unwrap();
        let before = see(temp.path(), "**/junit.xml");
        write(temp.path(), "committed/junit.xml", "old");
        write(temp.path(), "committed/results.trx", "old");
        let checked_out = SystemClock.now().0;
        let at = |file: &str, millis: u64| {
            let file = File::options().write(true).open(temp.path().join(file)).unwrap();
            file.set_modified(UNIX_EPOCH + std::time::Duration::from_millis(millis))
                .unwrap();
        };
        at("committed/results.trx", checked_out - 1000);
        let after = see(temp.path(), "**/junit.xml");
        let blind = after.look.at.0;
        let cut = Seen {
            look: Look {
                complete: false,
                ..after.look.clone()
            },
            stamps: BTreeMap::new(),
        };
        let mut known = Known::default();
        known.bring(&before, after);
        write(temp.path(), "own/results.trx", "new");
        at("own/results.trx", blind + 1);
        let since = checked_out - 5000;
        assert_eq!(found(temp.path(), "**/*.trx", &known, since), ["own/results.trx"]);

        let mut known = Known::default();
        known.bring(&before, cut);
        at("committed/junit.xml", blind);
        write(temp.path(), "own/junit.xml", "new");
        at("own/junit.xml", blind + 1);
        assert_eq!(
            found(temp.path(), "**/junit.xml", &known, since),
            ["own/junit.xml"]
        );
    }

    #[test]
    fn files_are_read_within_a_limit() {
        let temp = tempfile::tempdir().unwrap();
        write(temp.path(), "a", "abc\u{e9}");
        fs::write(temp.path().join("b"), b"a\xff").unwrap();
        let read = |name: &str| read(&temp.path().join(name), 5).map_err(|error| error.to_string());
        assert_eq!(read("a").unwrap(), "abcé");
        assert_eq!(read("b").unwrap(), "a\u{fffd}");
        write(temp.path(), "a", "abcdef");
        assert_eq!(read("a").unwrap_err(), "it is longer than 0 KiB");
        assert_eq!(read(".").unwrap_err(), "it is not a file");
    }
}
