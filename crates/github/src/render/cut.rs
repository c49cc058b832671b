//! Cutting a text to a length that GitHub takes.
//!
//! GitHub's documentation gives 65,535 "characters" for summary and text, without saying what it counts: the number is that
//! of a 16-bit length in bytes. A text of at most that many bytes of UTF-8 has at most that many characters by any count
//! (Unicode scalars, UTF-16 units, graphemes), so bytes are what is counted here; for a log in English it makes no difference.

use super::fence::{Fence, LONGEST_FENCE, open_after, shorten_runs};
use super::span::grouped;

/// Below this there is no room for two parts, the notice between them and repaired fences.
const SMALLEST_IN_TWO_PARTS: usize = 1024;
/// For the notice, two closing fences and one opening fence: 3 times [`LONGEST_FENCE`], an info string and the notice.
const RESERVED: usize = 3 * LONGEST_FENCE + 212;

/// Markdown of at most `limit` bytes (and therefore characters) that begins and ends like `text`, says how much is missing
/// in between, and leaves no code fence open.
///
/// A third of the room is for the head, where a verdict stands; the rest is for the tail, where a log ends. Cuts are made
/// between lines where there is one near, else between characters.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    // One kind of line end: parsers differ on a lone carriage return.
    let text = &text.replace("\r\n", "\n").replace('\r', "\n");
    if let Some(whole) = whole(text, limit) {
        return whole;
    }
    if limit < SMALLEST_IN_TWO_PARTS {
        return flat(text, limit);
    }
    let text = shorten_runs(text, LONGEST_FENCE);
    let room = limit - RESERVED;
    if let Some(whole) = whole(&text, room) {
        return whole;
    }
    let (head_end, head) = head(&text, room / 3);
    let (tail_start, tail_fence, tail) = tail(&text, room - room / 3);
    let missing = text[head_end..tail_start.max(head_end)].chars().count();

    let mut out = head;
    if let Some(fence) = open_after(None, &out) {
        line(&mut out, &fence.closing());
    }
    line(
        &mut out,
        &format!("\n*… {} characters left out …*\n", grouped(missing)),
    );
    if let Some(fence) = tail_fence {
        line(&mut out, &fence.opening());
    }
    line(&mut out, &tail);
    out.truncate(out.trim_end_matches('\n').len());
    if let Some(fence) = open_after(None, &out) {
        line(&mut out, &fence.closing());
    }
    out
}

/// The first `limit` bytes of a text as one line, with `…` where something is missing: for titles.
#[must_use]
pub fn cut_line(text: &str, limit: usize) -> String {
    let text = super::escape::one_line(text);
    if text.len() <= limit {
        return text;
    }
    format!("{}…", &text[..floor(&text, limit.saturating_sub('…'.len_utf8()))])
}

/// The text itself, closed, if it fits.
fn whole(text: &str, limit: usize) -> Option<String> {
    if text.len() > limit {
        return None;
    }
    let mut out = text.to_owned();
    if let Some(fence) = open_after(None, text) {
        line(&mut out, &fence.closing());
        out.truncate(out.trim_end_matches('\n').len());
    }
    (out.len() <= limit).then_some(out)
}

/// Adds a line, on a line of its own.
fn line(out: &mut String, line: &str) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(line);
    out.push('\n');
}

/// Up to `room` bytes from the start, and where they end.
fn head(text: &str, room: usize) -> (usize, String) {
    let end = floor(text, room);
    match text[..end].rfind('\n') {
        Some(newline) if newline >= end / 2 => (newline + 1, text[..=newline].to_owned()),
        // The sign also keeps half a fence from passing for a whole one.
        _ => (end, format!("{}…", &text[..end])),
    }
}

/// Up to `room` bytes at the end, where they start, and the fence that is open there.
fn tail(text: &str, room: usize) -> (usize, Option<Fence>, String) {
    let start = ceil(text, text.len() - room.min(text.len()));
    let next_line = text[start..].find('\n').map(|newline| start + newline + 1);
    let near = |next: usize| next - start <= room / 2;
    let this_line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = open_after(None, &text[..this_line]);
    let whole_lines = |from: usize| (from, open_after(None, &text[..from]), text[from..].to_owned());
    match next_line {
        _ if start == this_line => whole_lines(start),
        Some(next) if near(next) => whole_lines(next),
        // In the middle of a very long line. Where that line is a fence itself, its rest would be one too.
        next => {
            let end = next.unwrap_or(text.len());
            if open_after(None, &text[..end]) == before {
                (start, before, format!("…{}", &text[start..]))
            } else {
                whole_lines(end)
            }
        }
    }
}

/// For limits too small to be worth two parts: the beginning, with nothing in it that could be a fence.
fn flat(text: &str, limit: usize) -> String {
    let text = shorten_runs(text, 2);
    if text.len() <= limit {
        return text;
    }
    match limit.checked_sub('…'.len_utf8()) {
        Some(room) => format!("{}…", &text[..floor(&text, room)]),
        None => String::new(),
    }
}

/// The largest character boundary that is not above `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The smallest character boundary that is not below `at`.
fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
