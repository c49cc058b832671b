//! Writing the log: masked, every line with its time, and never more than its limit.

use super::spill::{self, LogLimits, Spill};
use crate::clock::{SharedClock, timestamp};
use crate::mask::Masks;
use checkmill_workflow::log::MARKS;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// The log file of one attempt. A failing write stops the job, not the agent: see [`LogWriter::fault`].
pub struct LogWriter {
    dir: PathBuf,
    file: File,
    clock: SharedClock,
    limits: LogLimits,
    masks: Masks,
    spill: Option<Spill>,
    /// Whole lines that are not written yet.
    pending: Vec<u8>,
    length: watch::Sender<u64>,
    fault: Option<String>,
}

impl LogWriter {
    /// Opens `{dir}/{name}` for appending.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(
        dir: &Path,
        name: &str,
        clock: SharedClock,
        limits: LogLimits,
        masks: Masks,
    ) -> io::Result<Self> {
        let file = open(&dir.join(name))?;
        let length = watch::Sender::new(file.metadata()?.len());
        Ok(Self {
            dir: dir.to_owned(),
            file,
            clock,
            limits,
            masks,
            spill: None,
            pending: Vec::new(),
            length,
            fault: None,
        })
    }

    /// The length of the log file, as it grows.
    #[must_use]
    pub fn length(&self) -> watch::Receiver<u64> {
        self.length.subscribe()
    }

    #[must_use]
    pub const fn masks(&self) -> &Masks {
        &self.masks
    }

    pub const fn masks_mut(&mut self) -> &mut Masks {
        &mut self.masks
    }

    /// Why the log can't be written, once that has happened.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Writes text whose beginning is ours; gives it as it was written. What stands first in `##[…]` is not masked.
    pub fn text(&mut self, text: &str) -> String {
        let (frame, content) = split_frame(text);
        self.framed(frame, content)
    }

    /// Writes `content` behind `frame`; gives both as they were written. The frame is in words of ours alone and stays as it is,
    /// also where a secret happens to be a part of it: those who read logs go by it.
    pub fn framed(&mut self, frame: &str, content: &str) -> String {
        let masked = format!("{frame}{}", self.masks.apply(content));
        let mut lines = masked.split('\n');
        self.line(lines.next().unwrap_or_default());
        lines.for_each(|line| self.foreign_line(line));
        self.flush();
        masked
    }

    /// Takes text that a step printed or somebody else wrote; gives it as it will be written. [`LogWriter::flush`] writes it.
    pub fn output(&mut self, text: &str) -> String {
        let masked = self.masks.apply(text);
        masked.split('\n').for_each(|line| self.foreign_line(line));
        masked
    }

    fn foreign_line(&mut self, masked: &str) {
        if MARKS.iter().any(|mark| masked.starts_with(mark)) {
            self.line(&format!(" {masked}"));
        } else {
            self.line(masked);
        }
    }

    fn line(&mut self, masked: &str) {
        let time = timestamp(self.clock.now());
        self.pending
            .extend([time.as_bytes(), b" ", masked.as_bytes(), b"\n"].concat());
    }

    /// Writes what was taken. Steps print many lines at a time, and each write is a call of the system.
    pub fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if self.fault.is_none()
            && let Err(error) = self.write(&pending)
        {
            self.fault = Some(format!("the log could not be written: {error}"));
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.spill.is_none() && *self.length.borrow() + lines.len() as u64 <= self.limits.head {
            return self.write_head(lines);
        }
        lines
            .split_inclusive(|byte| *byte == b'\n')
            .try_for_each(|line| self.write_line(line))
    }

    fn write_head(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.length.send_modify(|length| *length += lines.len() as u64);
        Ok(())
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.spill {
            Some(spill) => spill.write(line),
            None if *self.length.borrow() + line.len() as u64 <= self.limits.head => self.write_head(line),
            None => self
                .spill
                .insert(Spill::start(&self.dir, self.limits.tail)?)
                .write(line),
        }
    }

    /// Appends what was kept back; nothing is written after it. The length of the whole log.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush();
        let clock = self.clock.clone();
        spill::finish(&self.dir, &mut self.file, |dropped| cut_line(&clock, dropped))?;
        let length = self.file.metadata()?.len();
        self.length.send_replace(length);
        Ok(length)
    }
}

/// `##[error]` and its like, and what follows.
fn split_frame(text: &str) -> (&str, &str) {
    let ends = text.find(']').filter(|_| text.starts_with("##["));
    text.split_at(ends.map_or(0, |at| at + 1))
}

/// Does for a dead agent what [`LogWriter::finish`] would have done.
///
/// # Errors
/// What the file system says.
pub fn finish_after(dir: &Path, name: &str, clock: &SharedClock) -> io::Result<()> {
    spill::finish(dir, &mut open(&dir.join(name))?, |dropped| {
        cut_line(clock, dropped)
    })
}

/// Adds a line to the log of a dead agent.
///
/// # Errors
/// What the file system says.
pub fn append_after(dir: &Path, name: &str, clock: &SharedClock, line: &str) -> io::Result<()> {
    open(&dir.join(name))?.write_all(format!("{} {line}\n", timestamp(clock.now())).as_bytes())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

fn cut_line(clock: &SharedClock, dropped: u64) -> String {
    let what = "##[warning]The log is longer than its limit";
    format!(
        "{} {what}: {dropped} bytes in its middle were cut out here.\n",
        timestamp(clock.now())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::spill::LOG_LIMITS;
    use crate::testing::clock_at;
    use std::fs;

    fn log_of(limits: LogLimits, write: impl FnOnce(&mut LogWriter)) -> String {
        let temp = tempfile::tempdir().unwrap();
        let mut masks = Masks::default();
        masks.add("hunter2");
        let mut log = LogWriter::create(temp.path(), "log", clock_at(0), limits, masks).unwrap();
        let mut length = log.length();
        write(&mut log);
        let written = log.finish().unwrap();
        let text = fs::read_to_string(temp.path().join("log")).unwrap();
        assert_eq!(written, text.len() as u64);
        assert_eq!(*length.borrow_and_update(), written);
        text.replace("1970-01-01T00:00:00.000Z", "T")
    }

    #[test]
    fn lines_have_their_time_no_secret_and_no_faked_mark() {
        let text = log_of(
            LogLimits {
                head: 1000,
                tail: 100,
            },
            |log| {
                log.text("##[step]1/1 Test");
                log.output("##[step]2/2 Fake hunter2");
                log.text("two\n##[endstep]lines with hunter2");
            },
        );
        insta::assert_snapshot!(text, @r"
        T ##[step]1/1 Test
        T  ##[step]2/2 Fake ***
        T two
        T  ##[endstep]lines with ***
        ");
    }

    #[test]
    fn no_secret_takes_our_own_marks_away() {
        let text = log_of(LOG_LIMITS, |log| {
            for secret in ["step", "endstep", "##[", "error", "success 12", "1/1"] {
                log.masks_mut().add(secret);
            }
            log.framed("##[step]1/1 ", "a step");
            log.output("##[step]2/2 error");
            log.text("##[error]error: ##[step]");
            log.text("##[endgroup]");
            log.framed("##[endstep]success 12", "");
        });
        insta::assert_snapshot!(text, @r"
        T ##[step]1/1 a ***
        T ##[***]2/2 ***
        T ##[error]***: ##[***]
        T ##[endgroup]
        T ##[endstep]success 12
        ");
    }

    #[test]
    fn the_middle_of_a_long_log_is_cut() {
        let text = log_of(LogLimits { head: 90, tail: 90 }, |log| {
            for n in 0..20 {
                log.output(&format!("line {n}"));
            }
        });
        insta::assert_snapshot!(text, @r"
        T line 0
        T line 1
        T ##[warning]The log is longer than its limit: 454 bytes in its middle were cut out here.
        T line 16
        T line 17
        T line 18
        T line 19
        ");
    }
}
