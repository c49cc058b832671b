//! What steps say about the code, within limits.

use crate::commands::Annotation;
use checkmill_core::limits::{ANNOTATION_MESSAGE_BYTES, ANNOTATIONS_REPORTED, FAILED_TESTS};
use checkmill_workflow::job::ResultAnnotation;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// All messages together: the result has to fit a request to a Lambda (6 MB, and base64 takes a third).
const TOTAL_BYTES: usize = 1024 * 1024;
/// Annotations that are known again. They may be many more than are kept: a warning in a header comes with every file.
const SEEN: usize = 100_000;

/// The annotations of a job.
#[derive(Debug, Default)]
pub struct Annotations {
    kept: Vec<ResultAnnotation>,
    bytes: usize,
    dropped: usize,
    /// What has been said where, so that nothing that we recognise is said again.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Annotations {
    /// Keeps an annotation, its texts already masked, unless a limit is reached; whether it is the first one that is not
    /// kept.
    pub fn add(&mut self, annotation: Annotation, workspace: &Path) -> bool {
        let annotation = Annotation {
            file: annotation.file.map(|file| relative(&file, workspace)),
            ..annotation
        };
        self.see(&annotation);
        self.keep(annotation, ANNOTATIONS_REPORTED - FAILED_TESTS)
    }

    /// Keeps what was recognised in output or found in a report file, its file a path of the repository, unless the same was
    /// said of the same line before.
    pub fn recognise(&mut self, annotation: Annotation) -> bool {
        self.see(&annotation) && self.keep(annotation, ANNOTATIONS_REPORTED - FAILED_TESTS)
    }

    /// Keeps a failed test's, for which there is room when all else is full.
    pub fn add_test(&mut self, annotation: Annotation) {
        if self.see(&annotation) {
            self.keep(annotation, ANNOTATIONS_REPORTED);
        }
    }

    /// Whether it is new.
    fn see(&mut self, annotation: &Annotation) -> bool {
        let words: Vec<&str> = annotation.message.split_whitespace().collect();
        let key = self.hasher.hash_one((&annotation.file, annotation.line, words));
        let room = self.seen.len() < SEEN;
        if room {
            self.seen.insert(key)
        } else {
            !self.seen.contains(&key)
        }
    }

    fn keep(&mut self, annotation: Annotation, limit: usize) -> bool {
        let message = cut(annotation.message, ANNOTATION_MESSAGE_BYTES);
        let bytes = message.len()
            + annotation.file.as_ref().map_or(0, String::len)
            + annotation.title.as_ref().map_or(0, String::len);
        if self.kept.len() >= limit || self.bytes + bytes > TOTAL_BYTES {
            self.dropped += 1;
            return self.dropped == 1;
        }
        self.bytes += bytes;
        self.kept.push(ResultAnnotation {
            level: annotation.level,
            message,
            title: annotation.title.filter(|title| !title.is_empty()),
            path: annotation.file,
            start_line: annotation.line,
            end_line: annotation.end_line,
            start_column: annotation.column,
            end_column: annotation.end_column,
        });
        false
    }

    #[must_use]
    pub fn into_kept(self) -> Vec<ResultAnnotation> {
        self.kept
    }

    /// How many were not kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }
}

/// GitHub wants paths from the repository's root; compilers print absolute ones.
fn relative(file: &str, workspace: &Path) -> String {
    let inside = Path::new(file)
        .strip_prefix(workspace)
        .ok()
        .map(|path| path.to_string_lossy().into_owned());
    let path = inside.unwrap_or_else(|| file.to_owned());
    path.strip_prefix("./").map_or(path.clone(), str::to_owned)
}

/// At most `bytes`, cut between characters, with a sign that something is missing.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    const SIGN: &str = "…";
    if text.len() > bytes {
        let end = (0..=bytes - SIGN.len())
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push_str(SIGN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_workflow::job::ResultLevel;

    fn annotation(message: &str, file: &str) -> Annotation {
        Annotation {
            level: ResultLevel::Error,
            message: message.to_owned(),
            title: Some(String::new()),
            file: Some(file.to_owned()),
            line: Some(1),
            end_line: None,
            column: None,
            end_column: None,
        }
    }

    #[test]
    fn paths_are_relative_to_the_workspace() {
        let mut annotations = Annotations::default();
        for file in ["/w/src/a.rs", "./b.rs", "/other/c.rs", "/w2/d.rs"] {
            annotations.add(annotation("m", file), Path::new("/w"));
        }
        let kept = annotations.into_kept();
        let paths: Vec<_> = kept.iter().map(|kept| kept.path.as_deref().unwrap()).collect();
        assert_eq!(paths, ["src/a.rs", "b.rs", "/other/c.rs", "/w2/d.rs"]);
        assert_eq!(kept[0].title, None);
    }

    #[test]
    fn what_is_recognised_is_kept_once_and_not_where_a_command_has_said_it() {
        let mut annotations = Annotations::default();
        for _ in 0..2 {
            annotations.add(annotation("said", "./a"), Path::new("/w"));
            annotations.recognise(annotation("said", "a"));
            annotations.recognise(annotation(" found\n here", "a"));
            annotations.recognise(annotation("found here ", "a"));
        }
        let kept = annotations.into_kept();
        let messages: Vec<_> = kept.iter().map(|kept| kept.message.as_str()).collect();
        assert_eq!(messages, ["said", " found\n here", "said"]);
    }

    #[test]
    fn numbers_and_sizes_have_limits_and_the_first_that_is_dropped_is_reported() {
        let mut annotations = Annotations::default();
        let limit = ANNOTATIONS_REPORTED - FAILED_TESTS;
        let reported = (0..limit + 3)
            .filter(|_| annotations.add(annotation("m", "f"), Path::new("/")))
            .count();
        assert_eq!((reported, annotations.dropped()), (1, 3));
        annotations.add_test(annotation("a test", "f"));
        assert_eq!(annotations.into_kept().len(), limit + 1);

        let mut annotations = Annotations::default();
        let long = "ü".repeat(ANNOTATION_MESSAGE_BYTES);
        for _ in 0..TOTAL_BYTES / ANNOTATION_MESSAGE_BYTES + 5 {
            annotations.add(annotation(&long, "f"), Path::new("/"));
        }
        assert!(annotations.dropped() > 0);
        let kept = annotations.into_kept();
        assert!(
            kept.iter()
                .all(|kept| kept.message.len() <= ANNOTATION_MESSAGE_BYTES && kept.message.ends_with('…'))
        );
    }
}
