//! What the agent prints, line by line: the log as it grows, then the result, then the end. Whoever collects the lines may
//! repeat them, change their order, cut white space at their ends or put lines of others between them.
//!
//! | line | meaning |
//! |---|---|
//! | `cm1 OFFSET \| TEXT` | a line of the log, which begins at this byte |
//! | `cm1 OFFSET + TEXT` | the same without its line break |
//! | `cm1 result N/OF TEXT` | a piece of the result, packed |
//! | `cm1 end BYTES OF JSON` | the log's length, the number of the result's pieces, and how the attempt ended |
//!
//! Offsets are of the log and not of the text, in which a backslash is two, and what a collector of lines might change is `\xHH`.

use crate::attempt::AttemptEnd;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checkmill_core::limits::LOG_BYTES;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

const MARK: &str = "cm1 ";
/// Of the log, in one line at most, in bytes: container engines cut lines of 16 KiB, and one byte may be written as four.
pub const PIECE_BYTES: usize = 3 * 1024;
/// Of the packed result, in one line, in bytes.
const RESULT_PIECE_BYTES: usize = 8 * 1024;
/// Of a result that is unpacked, in bytes.
const RESULT_BYTES: u64 = 64 * 1024 * 1024;
/// Pieces of a result: 32 MiB when it is packed.
const RESULT_PIECES: usize = 4096;
/// Of lines that are not the agent's, this much is kept, in bytes: they say why there is no agent.
const OTHER_BYTES: usize = 64 * 1024;

/// Writes a log as lines, as it comes.
#[derive(Debug, Default)]
pub struct LogFrames {
    /// What has come and is not written: the beginning of a line.
    held: Vec<u8>,
    /// Where that begins in the log.
    offset: u64,
}

impl LogFrames {
    /// The lines for what has come, each with its line break. A line of the log that is not complete is held back, up to a piece
    /// of it.
    #[must_use]
    pub fn more(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut lines = String::new();
        while let Some(length) = self.next(false) {
            self.write(&mut lines, length);
        }
        lines
    }

    /// The rest.
    #[must_use]
    pub fn rest(&mut self) -> String {
        let mut lines = String::new();
        while let Some(length) = self.next(true) {
            self.write(&mut lines, length);
        }
        lines
    }

    /// How long the log is up to here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.offset + self.held.len() as u64
    }

    /// The length of the next piece.
    fn next(&self, all: bool) -> Option<usize> {
        let reach = &self.held[..self.held.len().min(PIECE_BYTES)];
        if let Some(at) = reach.iter().position(|byte| *byte == b'\n') {
            return Some(at + 1);
        }
        if reach.len() == PIECE_BYTES {
            // Not in the middle of a character.
            let start = (1..4).find(|back| reach[PIECE_BYTES - back] & 0xC0 != 0x80);
            return Some(PIECE_BYTES - start.unwrap_or(0));
        }
        (all && !reach.is_empty()).then_some(reach.len())
    }

    fn write(&mut self, lines: &mut String, length: usize) {
        let rest = self.held.split_off(length);
        let piece = std::mem::replace(&mut self.held, rest);
        let (text, mark) = match piece.strip_suffix(b"\n") {
            Some(line) => (line, '|'),
            None => (piece.as_slice(), '+'),
        };
        let _ = writeln!(lines, "{MARK}{} {mark} {}", self.offset, escaped(text));
        self.offset += length as u64;
    }
}

/// The lines after the log, which has this length.
#[must_use]
pub fn ending(log_bytes: u64, end: &AttemptEnd, result: Option<&[u8]>) -> String {
    let mut lines = String::new();
    let packed = result.map(packed).unwrap_or_default();
    let pieces: Vec<_> = packed.as_bytes().chunks(RESULT_PIECE_BYTES).collect();
    for (number, piece) in pieces.iter().enumerate() {
        let piece = String::from_utf8_lossy(piece);
        let _ = writeln!(lines, "{MARK}result {}/{} {piece}", number + 1, pieces.len());
    }
    let end = serde_json::to_string(end).expect("an end of strings and numbers is JSON");
    let _ = writeln!(
        lines,
        "{MARK}end {log_bytes} {} {}",
        pieces.len(),
        escaped(end.as_bytes())
    );
    lines
}

fn packed(bytes: &[u8]) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    STANDARD.encode(packed.expect("memory can be written"))
}

/// Control characters, what is no UTF-8, and white space at the end, written so that it stays.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let hex = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            let _ = write!(text, "\\x{byte:02x}");
        }
    };
    let visible = bytes.trim_ascii_end().len();
    for chunk in bytes[..visible].utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                // Unicode's own line breaks among them.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                    hex(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => text.push(c),
            }
        }
        hex(&mut text, chunk.invalid());
    }
    hex(&mut text, &bytes[visible..]);
    text
}

/// None for what [`escaped`] has not written.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        rest = match escape.as_bytes().first()? {
            b'\\' => {
                bytes.push(b'\\');
                &escape[1..]
            }
            b't' => {
                bytes.push(b'\t');
                &escape[1..]
            }
            b'x' => {
                bytes.push(u8::from_str_radix(escape.get(1..3)?, 16).ok()?);
                &escape[3..]
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// What has been read of an attempt's lines.
#[derive(Debug, Default)]
pub struct Report {
    /// By offset.
    log: BTreeMap<u64, Vec<u8>>,
    log_bytes: usize,
    result: BTreeMap<usize, String>,
    end: Option<End>,
    others: Vec<u8>,
}

#[derive(Debug)]
struct End {
    log_bytes: u64,
    pieces: usize,
    end: AttemptEnd,
}

impl Report {
    /// Takes a line in, without its line break.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end();
        let taken = line.strip_prefix(MARK).and_then(|frame| self.frame(frame));
        if taken.is_none() && self.others.len() + line.len() < OTHER_BYTES {
            self.others.extend_from_slice(line.as_bytes());
            self.others.push(b'\n');
        }
    }

    fn frame(&mut self, frame: &str) -> Option<()> {
        let (kind, rest) = frame.split_once(' ')?;
        match kind {
            "result" => {
                let (number, piece) = rest.split_once(' ')?;
                let number = number.split_once('/')?.0.parse().ok()?;
                if number <= RESULT_PIECES {
                    self.result.insert(number, piece.to_owned());
                }
            }
            "end" => {
                let mut parts = rest.splitn(3, ' ');
                let log_bytes = parts.next()?.parse().ok()?;
                let pieces = parts.next()?.parse().ok()?;
                let end = serde_json::from_slice(&unescaped(parts.next()?)?).ok()?;
                self.end = Some(End {
                    log_bytes,
                    pieces,
                    end,
                });
            }
            offset => {
                let offset = offset.parse().ok()?;
                let (mark, text) = rest.split_at_checked(1)?;
                let mut piece = unescaped(text.strip_prefix(' ').unwrap_or(text))?;
                match mark {
                    "|" => piece.push(b'\n'),
                    "+" => {}
                    _ => return None,
                }
                // The agent's own limit, and something for what nobody of ours has written.
                if self.log_bytes + piece.len() <= LOG_BYTES + LOG_BYTES / 8 {
                    self.log_bytes += piece.len();
                    let before = self.log.insert(offset, piece);
                    self.log_bytes -= before.map_or(0, |piece| piece.len());
                }
            }
        }
        Some(())
    }

    /// How the agent says that the attempt ended.
    #[must_use]
    pub fn end(&self) -> Option<&AttemptEnd> {
        self.end.as_ref().map(|end| &end.end)
    }

    /// Everything has arrived.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let Some(end) = &self.end else { return false };
        let log: u64 = self.pieces().map(|piece| piece.len() as u64).sum();
        log == end.log_bytes && (1..=end.pieces).all(|number| self.result.contains_key(&number))
    }

    /// Pieces of the log, as far as they join.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut next = 0;
        self.log.iter().map_while(move |(offset, piece)| {
            let joins = *offset == next;
            next += piece.len() as u64;
            joins.then_some(piece.as_slice())
        })
    }

    /// The log, as far as it has arrived; where there is none, what others have printed.
    #[must_use]
    pub fn log(&self) -> Vec<u8> {
        if self.log.is_empty() && self.end.is_none() {
            return self.others.clone();
        }
        self.pieces().collect::<Vec<_>>().concat()
    }

    /// Lines that were not the agent's.
    #[must_use]
    pub fn others(&self) -> String {
        String::from_utf8_lossy(&self.others).into_owned()
    }

    /// The agent's result; none before all of it has arrived.
    #[must_use]
    pub fn result(&self) -> Option<Vec<u8>> {
        let pieces = self.end.as_ref()?.pieces;
        let text: Option<String> = (1..=pieces)
            .map(|number| self.result.get(&number).map(String::as_str))
            .collect();
        let packed = STANDARD.decode(text?).ok()?;
        let mut result = Vec::new();
        let read = GzDecoder::new(packed.as_slice())
            .take(RESULT_BYTES)
            .read_to_end(&mut result);
        read.is_ok_and(|bytes| bytes > 0).then_some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through lines and back.
    fn read(lines: &str) -> Report {
        let mut report = Report::default();
        lines.lines().for_each(|line| report.line(line));
        report
    }

    const END: AttemptEnd = AttemptEnd::Exited { code: 3 };

    fn awkward() -> Vec<u8> {
        let mut log =
            b"plain\n\n  \t in front and behind \t \n\x1b[31mred\x1b[0m\r\nC:\\x41\\n\xff\xfe\n".to_vec();
        log.extend("ä€😀 漢字\u{2028}\u{85}\n".repeat(3).bytes());
        log.extend("€".repeat(PIECE_BYTES).bytes());
        log.extend(vec![b'x'; 2 * PIECE_BYTES]);
        log.extend(b"\n");
        log.extend(vec![0x80; PIECE_BYTES + 1]);
        log.extend(b"\nno line break");
        log
    }

    #[test]
    fn every_byte_arrives_however_it_comes() {
        let log = awkward();
        for step in [1, 7, 1000, log.len()] {
            let mut frames = LogFrames::default();
            let mut lines: String = log.chunks(step).map(|bytes| frames.more(bytes)).collect();
            lines.push_str(&frames.rest());
            assert_eq!(frames.bytes(), log.len() as u64);
            lines.push_str(&ending(
                frames.bytes(),
                &END,
                Some(br#"{"conclusion":"failure"}"#),
            ));
            assert!(
                lines.lines().all(|line| line.len() < 16 * 1024 - 64),
                "a line is too long"
            );
            let report = read(&lines);
            assert!(report.is_complete());
            assert_eq!(report.log(), log, "in steps of {step}");
            assert_eq!(report.end(), Some(&END));
            assert_eq!(report.result().unwrap(), br#"{"conclusion":"failure"}"#);
        }
    }

    #[test]
    fn a_line_reads_as_what_it_is() {
        let mut frames = LogFrames::default();
        let lines = frames.more(b"hello \\ \x1b[1m\nw") + &frames.rest();
        assert_eq!(lines, "cm1 0 | hello \\\\ \\x1b[1m\ncm1 13 + w\n");
        assert_eq!(
            ending(14, &END, None),
            "cm1 end 14 0 {\"type\":\"exited\",\"code\":3}\n"
        );
    }

    #[test]
    fn lines_may_come_twice_in_any_order_and_among_others() {
        let mut frames = LogFrames::default();
        let lines = frames.more(b"one\n\nthree\n") + &ending(11, &END, Some(b"{}"));
        let mut lines: Vec<&str> = lines.lines().collect();
        lines.reverse();
        lines.insert(1, "Pulling the image");
        lines.push("cm1 0 | one");
        lines.push("cm1 nonsense");
        lines.push("cm1 7 ? x");
        let report = read(&lines.join("\n"));
        assert!(report.is_complete());
        assert_eq!(report.log(), b"one\n\nthree\n");
        assert_eq!(report.others(), "Pulling the image\ncm1 nonsense\ncm1 7 ? x\n");
    }

    #[test]
    fn what_is_missing_is_noticed() {
        let mut frames = LogFrames::default();
        let whole = frames.more(b"one\ntwo\nthree\n") + &ending(14, &END, Some(b"{}"));
        let lines: Vec<&str> = whole.lines().collect();
        for missing in 0..lines.len() {
            let some = lines.iter().enumerate().filter(|(at, _)| *at != missing);
            let some: Vec<&str> = some.map(|(_, line)| *line).collect();
            let report = read(&some.join("\n"));
            assert!(!report.is_complete(), "without {}", lines[missing]);
            assert!(b"one\ntwo\nthree\n".starts_with(&report.log()));
        }
        let silent = read("sh: 1: /opt/agent: not found");
        assert_eq!(silent.log(), b"sh: 1: /opt/agent: not found\n");
        assert!(silent.end().is_none() && silent.result().is_none() && !silent.is_complete());
        assert_eq!(read(&ending(0, &END, None)).result(), None);
    }
}
