//! A log that grows past its limit: its head is in the log file already, its tail is kept in two files that take turns, and
//! what lies between is dropped. When the job has ended, the tail is appended, so a reader that follows the log file only
//! ever sees it grow.
//!
//! The files are on disk and not in memory, so that whoever finds the agent dead can still append the tail ([`finish`]).

use checkmill_core::limits::LOG_BYTES;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How much of a log is kept, in bytes. Everything together stays below [`LOG_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// Written to the log as it comes.
    pub head: u64,
    /// Each of the two tail files; the tail that is kept has one to two times this size.
    pub tail: u64,
}

/// Half for the head, as errors show up at the end and setups at the beginning; a little room for the line about the cut.
pub const LOG_LIMITS: LogLimits = LogLimits {
    head: (LOG_BYTES / 2) as u64,
    tail: (LOG_BYTES / 4 - 1024) as u64,
};

const NAMES: [&str; 2] = [".log.tail.0", ".log.tail.1"];
/// Length of a tail file's first line: which of the two is newer, and what was dropped before it.
const HEADER_BYTES: usize = 42;

/// The part of a log past its head.
#[derive(Debug)]
pub struct Spill {
    dir: PathBuf,
    limit: u64,
    current: File,
    /// Bytes in the current file, its header not counted.
    written: u64,
    sequence: u64,
    /// Bytes in the other file, which are dropped when it is its turn again.
    previous: u64,
    dropped: u64,
}

fn header(sequence: u64, dropped: u64) -> String {
    format!("{sequence:020} {dropped:020}\n")
}

fn create(dir: &Path, sequence: u64, dropped: u64) -> io::Result<File> {
    let path = dir.join(NAMES[usize::from(sequence % 2 == 1)]);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(path)?;
    file.write_all(header(sequence, dropped).as_bytes())?;
    Ok(file)
}

impl Spill {
    /// # Errors
    /// What the file system says.
    pub fn start(dir: &Path, limit: u64) -> io::Result<Self> {
        let current = create(dir, 0, 0)?;
        Ok(Self {
            dir: dir.to_owned(),
            limit,
            current,
            written: 0,
            sequence: 0,
            previous: 0,
            dropped: 0,
        })
    }

    /// Adds a line with its end.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.written > 0 && self.written + line.len() as u64 > self.limit {
            self.sequence += 1;
            self.dropped += self.previous;
            self.previous = std::mem::take(&mut self.written);
            self.current = create(&self.dir, self.sequence, self.dropped)?;
        }
        self.written += line.len() as u64;
        self.current.write_all(line)
    }
}

/// Appends the tail, if there is one, to the log, with a line about what was dropped. Fine when done before.
///
/// # Errors
/// What the file system says.
pub fn finish(dir: &Path, log: &mut File, mark: impl FnOnce(u64) -> String) -> io::Result<()> {
    let mut parts = Vec::new();
    for name in NAMES {
        match File::open(dir.join(name)) {
            Ok(mut file) => {
                parts.extend(read_header(&mut file)?.map(|(sequence, dropped)| (sequence, dropped, file)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    parts.sort_by_key(|(sequence, ..)| *sequence);
    if let Some((_, dropped, _)) = parts.last()
        && *dropped > 0
    {
        log.write_all(mark(*dropped).as_bytes())?;
    }
    for (_, _, mut file) in parts {
        io::copy(&mut file, log)?;
    }
    for name in NAMES {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// None for a file that was cut off in its header.
fn read_header(file: &mut File) -> io::Result<Option<(u64, u64)>> {
    let mut header = String::new();
    file.take(HEADER_BYTES as u64).read_to_string(&mut header)?;
    file.seek(SeekFrom::Start(header.len() as u64))?;
    let numbers = header.trim_end().split_once(' ');
    Ok(numbers.and_then(|(sequence, dropped)| Some((sequence.parse().ok()?, dropped.parse().ok()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn head_and_both_tails_stay_below_the_limit_of_a_log() {
        let marks = 1024;
        assert!(LOG_LIMITS.head + 2 * LOG_LIMITS.tail + marks <= LOG_BYTES as u64);
        assert_eq!(header(u64::MAX, 7).len(), HEADER_BYTES);
    }

    fn spilled(lines: &[String], limit: u64) -> String {
        let temp = tempfile::tempdir().unwrap();
        let mut spill = Spill::start(temp.path(), limit).unwrap();
        for line in lines {
            spill.write(line.as_bytes()).unwrap();
        }
        let path = temp.path().join("log");
        let mut log = File::create(&path).unwrap();
        finish(temp.path(), &mut log, |dropped| format!("[{dropped}]\n")).unwrap();
        finish(temp.path(), &mut log, |_| panic!("nothing is left")).unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
        fs::read_to_string(path).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_end_is_kept_and_the_rest_is_counted(
            lengths in proptest::collection::vec(0usize..30, 0..60), limit in 20u64..100,
        ) {
            let lines: Vec<_> = lengths.iter().enumerate().map(|(n, len)| format!("{n}{}\n", "x".repeat(*len))).collect();
            let all = lines.concat();
            let kept = spilled(&lines, limit);
            match kept.strip_prefix('[') {
                None => prop_assert_eq!(&kept, &all),
                Some(rest) => {
                    let (dropped, tail) = rest.split_once("]\n").unwrap();
                    let dropped: usize = dropped.parse().unwrap();
                    prop_assert_eq!(&all[dropped..], tail);
                    prop_assert!(tail.len() as u64 + 33 >= limit, "at least one whole tail file is kept");
                }
            }
            prop_assert!(kept.len() as u64 <= 2 * limit.max(33) + 25);
        }
    }
}
