//! What is wrong with a file, for people and for annotations.

use crate::rule::{Rule, Severity};
use crate::source::{Source, Span};
use std::fmt;
use std::str::Utf8Error;

/// Diagnostics of one file that are shown; the rest is counted. Nobody repairs more in one go.
pub(crate) const SHOWN: usize = 50;
/// Characters of a source line in a snippet; a longer one is cut around the place.
const LINE_CHARS: usize = 120;
/// Characters of somebody else's text that a message repeats.
const QUOTED_CHARS: usize = 80;

/// One mistake, or what looks like one, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake; it decides how bad it is.
    pub rule: Rule,
    /// Path of the file in the repository.
    pub path: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The column behind the place, on the same line: more than `column`.
    pub end_column: u32,
    /// One sentence without the full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The line with a caret below the place, as plain text of two lines.
    pub snippet: String,
}

impl Diagnostic {
    pub(crate) fn new(source: &Source, span: Span, message: impl Into<String>) -> Self {
        let (line, column) = source.position(span.start);
        Self {
            rule: Rule::Invalid,
            path: source.path().to_owned(),
            line: number(line),
            column: number(column),
            end_column: number(column + length(source, span).max(1)),
            message: message.into(),
            hint: None,
            snippet: snippet(source, span, line, column),
        }
    }

    /// A file that is not UTF-8, at the first byte which is not.
    #[must_use]
    pub fn not_utf8(path: &str, bytes: &[u8], error: Utf8Error) -> Self {
        let at = error.valid_up_to();
        let source = Source::new(path, &String::from_utf8_lossy(bytes));
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8 text: it has the byte 0x{byte:02X} here");
        Self::new(&source, Span::new(at, at + 1), message)
            .with_hint("save it as UTF-8; it may be in Latin-1 (ISO 8859-1) or Windows-1252 now")
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn of_rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.rule.severity()
    }

    fn write_to(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            column,
            message,
            hint,
            snippet,
            ..
        } = self;
        // What is not said to be less is an error.
        let severity = match self.severity() {
            Severity::Error => String::new(),
            other => format!("{}: ", other.as_str()),
        };
        writeln!(f, "{path}:{line}:{column}: {severity}{message}")?;
        write!(f, "{snippet}")?;
        match hint {
            Some(hint) => write!(f, "\n  = help: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// A file has at most [`checkmill_core::limits::WORKFLOW_FILE_BYTES`].
fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// All that is wrong with a file: at least one diagnostic, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    more: usize,
}

impl Diagnostics {
    /// Sorts and cuts the list; none of an empty one. `more` were found and are not in it.
    pub(crate) fn of(mut list: Vec<Diagnostic>, more: usize) -> Option<Self> {
        list.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        list.dedup();
        let more = more + list.len().saturating_sub(SHOWN);
        list.truncate(SHOWN);
        (!list.is_empty()).then_some(Self { list, more })
    }

    /// What is said about a file, of which there may be none, and what else was noticed.
    #[must_use]
    pub fn joined(errors: Option<Self>, notices: Vec<Diagnostic>) -> Option<Self> {
        let notices = Self::of(notices, 0);
        let all = errors.into_iter().chain(notices);
        all.reduce(|mut all, next| {
            all.more += next.more;
            all.list.extend(next.list);
            all.list.sort_by_key(|one| (one.line, one.column));
            all
        })
    }

    /// Those of several files, file by file.
    pub(crate) fn of_files(files: Vec<Self>) -> Option<Self> {
        let mut all = files.into_iter().reduce(|mut all, next| {
            all.more += next.more;
            all.list.extend(next.list);
            all
        })?;
        all.more += all.list.len().saturating_sub(SHOWN);
        all.list.truncate(SHOWN);
        Some(all)
    }

    #[must_use]
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many were found and are not in the slice.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.more
    }

    /// The first one's message with its place, as one line for a check's title or detail.
    #[must_use]
    pub fn summary(&self) -> String {
        let Some(first) = self.list.first() else {
            return String::new();
        };
        let more = self.list.len() + self.more - 1;
        let rest = match more {
            0 => String::new(),
            1 => " (and 1 more error)".to_owned(),
            more => format!(" (and {more} more errors)"),
        };
        format!(
            "{}:{}:{}: {}{rest}",
            first.path, first.line, first.column, first.message
        )
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self {
            list: vec![one],
            more: 0,
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                write!(f, "\n\n")?;
            }
            diagnostic.write_to(f)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n\n… and {more} more"),
        }
    }
}

/// Somebody else's text, for a message: one line, no control characters, not too long.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_CHARS).map(printable).collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Control characters could drive a terminal, and bidirectional ones make a line read as what it is not.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// The characters of a place that stand on its first line.
fn length(source: &Source, span: Span) -> usize {
    let first = source.slice(span).lines().next().unwrap_or("");
    first.trim_end().chars().count()
}

fn snippet(source: &Source, span: Span, line: usize, column: usize) -> String {
    let text: Vec<char> = source.line(line).chars().map(printable).collect();
    let at = column - 1;
    let (from, to) = window(text.len(), at);
    let carets = length(source, span).clamp(1, to.saturating_sub(at).max(1));
    let shown: String = text[from..to].iter().collect();
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if to < text.len() { "…" } else { "" },
    );
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(at - from + before.chars().count());
    format!(
        "{number} | {before}{}{after}\n{gutter} | {indent}{}",
        shown.trim_end(),
        "^".repeat(carets)
    )
}

/// The part of a line that a snippet shows: all of it, or [`LINE_CHARS`] with the place inside.
fn window(length: usize, at: usize) -> (usize, usize) {
    if length <= LINE_CHARS {
        return (0, length);
    }
    let from = at
        .min(length)
        .saturating_sub(LINE_CHARS / 3)
        .min(length - LINE_CHARS);
    (from, from + LINE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, span: Span) -> String {
        Diagnostic::new(&Source::new("ci.yml", text), span, "wrong")
            .with_hint("do it right")
            .to_string()
    }

    #[test]
    fn a_place_is_shown_with_its_line_and_a_caret() {
        insta::assert_snapshot!(render("on: push\njobs:\n\tfoo: bär baz\n", Span::new(21, 25)), @r"
        ci.yml:3:7: wrong
        3 |  foo: bär baz
          |       ^^^
          = help: do it right
        ");
    }

    #[test]
    fn places_at_the_ends_of_the_text() {
        insta::assert_snapshot!(render("", Span::new(0, 0)), @r"
        ci.yml:1:1: wrong
        1 | 
          | ^
          = help: do it right
        ");
        insta::assert_snapshot!(render("on:", Span::new(3, 3)), @r"
        ci.yml:1:4: wrong
        1 | on:
          |    ^
          = help: do it right
        ");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}x: y{}", "a".repeat(500), "b".repeat(500));
        let shown = render(&text, Span::new(500, 501));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1].chars().count(), "1 | ".len() + LINE_CHARS + 2);
        let caret = lines[2].find('^').map(|at| lines[1].chars().nth(at));
        assert_eq!(caret, Some(Some('x')));
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        let shown = render("a: \u{1b}[31mred\u{202e}", Span::new(3, 4));
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
            "{shown}"
        );
        assert_eq!(quoted("a\nb\u{7}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTED_CHARS + 1);
    }

    #[test]
    fn many_are_sorted_and_cut() {
        let source = Source::new("ci.yml", &"x\n".repeat(100));
        let list = (0..80)
            .rev()
            .map(|n| Diagnostic::new(&source, Span::new(n * 2, n * 2 + 1), "wrong"));
        let all = Diagnostics::of(list.collect(), 0).unwrap();
        assert_eq!(all.as_slice().len(), SHOWN);
        assert_eq!(all.as_slice()[0].line, 1);
        assert_eq!(all.summary(), "ci.yml:1:1: wrong (and 79 more errors)");
        assert!(all.to_string().ends_with("… and 30 more"));
        assert_eq!(Diagnostics::of(Vec::new(), 0), None);
    }
}
