//! Panics of Rust programs.

use super::Message;
use crate::report::place::{Place, leading};

/// A panic whose message is being read.
#[derive(Debug)]
pub(super) struct Panic {
    pub(super) thread: String,
    pub(super) place: Place,
    pub(super) message: Message,
    /// Before its first line; the message's lines have it too (nextest).
    indent: usize,
    blank: bool,
}

impl Panic {
    /// `thread 'tests::x' (123) panicked at src/lib.rs:22:9:`; before Rust 1.73 `panicked at 'message', src/lib.rs:22:9`.
    pub(super) fn begins(line: &str) -> Option<Self> {
        let text = line.trim_start();
        let (thread, rest) = text.strip_prefix("thread '")?.split_once('\'')?;
        let (_, at) = rest.split_once("panicked at ")?;
        let (message, place) = match at.strip_prefix('\'') {
            Some(at) => at.rsplit_once("', ")?,
            None => ("", at),
        };
        Some(Self {
            thread: thread.to_owned(),
            place: leading(place)?.place(),
            message: Message::of(message),
            indent: line.len() - text.len(),
            blank: false,
        })
    }

    /// Takes the next line; whether it still belongs to the message.
    pub(super) fn line(&mut self, line: &str) -> bool {
        const ENDS: [&str; 7] = [
            "note: ",
            "stack backtrace:",
            "test ",
            "test result: ",
            "---- ",
            "failures:",
            "thread '",
        ];
        let text = line.trim_start();
        let blank = text.is_empty();
        // One empty line may be part of it, two are not.
        if ENDS.iter().any(|end| text.starts_with(end)) || (blank && self.blank) {
            return false;
        }
        self.blank = blank;
        let indent = (line.len() - text.len()).min(self.indent);
        self.message.push(&line[indent..]);
        true
    }
}

/// The first panic in a text: what it said, and where.
pub(in crate::report) fn in_text(text: &str) -> Option<(String, Place)> {
    let mut lines = text.lines().take(2000);
    let mut panic = lines.find_map(Panic::begins)?;
    lines.take_while(|line| panic.line(line)).for_each(drop);
    Some((panic.message.text(), panic.place))
}
