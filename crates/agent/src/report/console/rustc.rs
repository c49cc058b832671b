//! rustc's and clippy's messages in their long form: what is wrong on one line, where it is on the next.

use super::diagnostic;
use crate::commands::Annotation;
use crate::report::place::leading;
use checkmill_workflow::job::ResultLevel;

/// Lines of a message before its place: some messages have several.
const LINES_BEFORE_PLACE: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Rustc {
    header: Option<Header>,
}

#[derive(Debug)]
struct Header {
    level: ResultLevel,
    code: Option<String>,
    message: String,
    lines: usize,
}

impl Rustc {
    pub(super) fn line(&mut self, line: &str) -> Option<Annotation> {
        if let Some(header) = Header::of(line) {
            self.header = Some(header);
            return None;
        }
        let header = self.header.as_mut()?;
        if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let header = self.header.take()?;
            let located = leading(place)?;
            let message = &header.message;
            return Some(diagnostic(
                header.level,
                &located.place(),
                located.column,
                header.code.as_deref(),
                message,
            ));
        }
        header.lines += 1;
        if line.trim().is_empty() || header.lines > LINES_BEFORE_PLACE {
            self.header = None;
        }
        None
    }
}

impl Header {
    /// `error[E0308]: mismatched types`, `warning: unused variable: x`
    fn of(line: &str) -> Option<Self> {
        let (level, rest) = match (line.strip_prefix("error"), line.strip_prefix("warning")) {
            (Some(rest), _) => (ResultLevel::Error, rest),
            (_, Some(rest)) => (ResultLevel::Warning, rest),
            _ => return None,
        };
        let (code, message) = match rest.strip_prefix('[') {
            Some(rest) => rest
                .split_once("]: ")
                .map(|(code, message)| (Some(code), message))?,
            None => (None, rest.strip_prefix(": ")?),
        };
        Some(Self {
            level,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            lines: 0,
        })
    }
}
