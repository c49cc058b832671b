//! Which lines a change touches, from the patches that GitHub shows.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Ranges of one file; those past it are not known.
const RANGES: usize = 10_000;

/// The added and altered lines of each file, by their numbers after the change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangedLines(BTreeMap<String, Vec<RangeInclusive<u32>>>);

/// How close a place is to a change, the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// On a changed line.
    Line,
    /// In a changed file.
    File,
    Elsewhere,
}

impl ChangedLines {
    /// Takes a file's patch in the unified format. GitHub docs: it is left out for binary and very large files.
    pub fn add(&mut self, path: &str, patch: Option<&str>) {
        let ranges = self.0.entry(path.to_owned()).or_default();
        let mut line = 0;
        for text in patch.unwrap_or_default().lines() {
            if let Some(start) = hunk(text) {
                line = start;
            } else if text.starts_with('+') {
                match ranges.pop() {
                    Some(last) if last.end().checked_add(1) == Some(line) => {
                        ranges.push(*last.start()..=line)
                    }
                    last => {
                        ranges.extend(last);
                        ranges.push(line..=line);
                    }
                }
                if ranges.len() > RANGES {
                    return;
                }
                line = line.saturating_add(1);
            } else if text.starts_with(' ') || text.is_empty() {
                line = line.saturating_add(1);
            }
        }
    }

    /// How close these lines are to the change.
    #[must_use]
    pub fn closeness(&self, path: &str, lines: RangeInclusive<u32>) -> Closeness {
        match self.0.get(path) {
            None => Closeness::Elsewhere,
            Some(ranges)
                if ranges
                    .iter()
                    .any(|range| range.start() <= lines.end() && lines.start() <= range.end()) =>
            {
                Closeness::Line
            }
            Some(_) => Closeness::File,
        }
    }
}

/// `@@ -1,3 +5,4 @@ fn x()`: the first line of the hunk after the change.
fn hunk(text: &str) -> Option<u32> {
    let (_, new) = text.strip_prefix("@@ -")?.split_once(" +")?;
    let digits = new.bytes().take_while(u8::is_ascii_digit).count();
    new[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_lines_are_found_in_patches() {
        let mut lines = ChangedLines::default();
        let patch = "@@ -1,3 +1,4 @@ fn a()\n context\n-old\n+new\n+newer\n context\n@@ -40 +41,2 @@\n-x\n+y\n+z\n\\ No newline at end of file";
        lines.add("a.rs", Some(patch));
        lines.add("large.bin", None);
        let table = [
            ("a.rs", 1, 1, Closeness::File),
            ("a.rs", 2, 2, Closeness::Line),
            ("a.rs", 3, 3, Closeness::Line),
            ("a.rs", 4, 4, Closeness::File),
            ("a.rs", 4, 41, Closeness::Line),
            ("a.rs", 42, 42, Closeness::Line),
            ("a.rs", 43, 90, Closeness::File),
            ("large.bin", 1, 1, Closeness::File),
            ("b.rs", 2, 2, Closeness::Elsewhere),
        ];
        for (path, start, end, expected) in table {
            assert_eq!(
                lines.closeness(path, start..=end),
                expected,
                "{path}:{start}-{end}"
            );
        }
        assert!(Closeness::Line < Closeness::File && Closeness::File < Closeness::Elsewhere);
    }

    #[test]
    fn a_broken_patch_says_what_it_can() {
        let mut lines = ChangedLines::default();
        lines.add(
            "a",
            Some("@@ nonsense\n+x\n@@ -1 +99999999999 @@\n@@ -1 +4294967295 @@\n+a\n+b"),
        );
        assert_eq!(lines.closeness("a", u32::MAX..=u32::MAX), Closeness::Line);
    }
}
