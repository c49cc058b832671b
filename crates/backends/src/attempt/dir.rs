//! Reading and writing an attempt's directory, so that a crash at any point leaves whole files and one decision.

use super::{
    CANCEL_FILE, CLAIM_FILE, CancelRecord, Claim, EXIT_FILE, ExitRecord, JOB_FILE, LOCK_FILE, RESULT_FILE,
    SUBMIT_FILE, SubmitRecord,
};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An attempt's directory; it need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptDir {
    path: PathBuf,
}

/// A file operation that failed, with what was tried and where.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}: {source}", path.display())]
pub struct DirError {
    pub action: &'static str,
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// Whether somebody holds the attempt's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    Held,
    Free,
}

/// Of a file that is read whole. A description or result has some MiB at the most.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Two writers in one process get different temporary files; those of two processes differ by the process id.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl AttemptDir {
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The whole file; none when it isn't there.
    ///
    /// # Errors
    /// What the file system says, but for "not found".
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DirError> {
        let path = self.file(name);
        let read = open_ours(&path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > FILE_BYTES {
                let text = format!("it has more than {FILE_BYTES} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            Ok(bytes)
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(DirError {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// The agent's result; none, with a warning, where the job has put something else in its place.
    ///
    /// # Errors
    /// As [`Self::read`]'s.
    pub fn result(&self) -> Result<Option<Vec<u8>>, DirError> {
        match self.read(RESULT_FILE) {
            Err(error) if error.source.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%error, "a result is not used");
                Ok(None)
            }
            result => result,
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DirError> {
        let Some(bytes) = self.read(name)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| DirError {
                action: "understand",
                path: self.file(name),
                source: io::Error::new(io::ErrorKind::InvalidData, error),
            })
    }

    /// The claim, if there is one.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn claim(&self) -> Result<Option<Claim>, DirError> {
        self.read_json(CLAIM_FILE)
    }

    /// How the attempt ended, once it has.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn exit(&self) -> Result<Option<ExitRecord>, DirError> {
        self.read_json(EXIT_FILE)
    }

    /// The last submit.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn submit_record(&self) -> Result<Option<SubmitRecord>, DirError> {
        self.read_json(SUBMIT_FILE)
    }

    /// The first cancel.
    ///
    /// # Errors
    /// A file that can't be read.
    pub fn cancel_record(&self) -> Result<Option<CancelRecord>, DirError> {
        self.read_json(CANCEL_FILE)
    }

    /// Writes the job's description and the submit's record.
    ///
    /// # Errors
    /// A full disk, a directory that is gone.
    pub fn describe(&self, description: &[u8], record: &SubmitRecord) -> Result<(), DirError> {
        self.replace(JOB_FILE, description)?;
        self.replace(SUBMIT_FILE, &json(record))
    }

    /// Makes the claim unless there is one; whether it is ours.
    ///
    /// # Errors
    /// A full disk, a directory that is gone.
    pub fn try_claim(&self, claim: &Claim) -> Result<bool, DirError> {
        self.create_once(CLAIM_FILE, &json(claim))
    }

    /// Notes the first cancel; a later one changes nothing.
    ///
    /// # Errors
    /// A full disk, a directory that is gone.
    pub fn note_cancel(&self, record: &CancelRecord) -> Result<(), DirError> {
        self.create_once(CANCEL_FILE, &json(record)).map(|_| ())
    }

    /// Notes the end, into the space that [`AttemptDir::reserve_exit`] has kept, so that a full disk can't hide it.
    ///
    /// # Errors
    /// A directory that is gone; a full disk where nothing was reserved.
    pub fn write_exit(&self, record: &ExitRecord) -> Result<(), DirError> {
        let reserved = self.file(EXIT_RESERVED);
        let bytes = padded(&json(record));
        write_whole(&reserved, &bytes, false)
            .and_then(|()| fs::rename(&reserved, self.file(EXIT_FILE)))
            .map_err(|source| DirError {
                action: "write",
                path: self.file(EXIT_FILE),
                source,
            })
    }

    /// Takes the disk space of the exit file in advance.
    ///
    /// # Errors
    /// A full disk, a directory that is gone.
    pub fn reserve_exit(&self) -> Result<(), DirError> {
        let path = self.file(EXIT_RESERVED);
        write_whole(&path, &padded(b""), true).map_err(|source| DirError {
            action: "write",
            path,
            source,
        })
    }

    /// Writes a file as a whole or not at all, over one that may be there.
    ///
    /// # Errors
    /// A full disk, a directory that is gone.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), DirError> {
        let temporary = self.temporary(name);
        let result =
            write_whole(&temporary, bytes, true).and_then(|()| fs::rename(&temporary, self.file(name)));
        result.map_err(|source| {
            let _ = fs::remove_file(&temporary);
            DirError {
                action: "write",
                path: self.file(name),
                source,
            }
        })
    }

    /// Writes a file as a whole unless it is there; whether it was written.
    fn create_once(&self, name: &str, bytes: &[u8]) -> Result<bool, DirError> {
        let temporary = self.temporary(name);
        let linked =
            write_whole(&temporary, bytes, true).and_then(|()| fs::hard_link(&temporary, self.file(name)));
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(DirError {
                action: "write",
                path: self.file(name),
                source,
            }),
        }
    }

    fn temporary(&self, name: &str) -> PathBuf {
        let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        self.path.join(format!(".{name}.{}.{number}", std::process::id()))
    }

    /// Whether an agent holds the attempt. It never keeps the agent from taking the lock for longer than the
    /// call: the agent tries again.
    ///
    /// # Errors
    /// A file that can't be opened.
    pub fn lock_state(&self) -> Result<LockState, DirError> {
        let path = self.file(LOCK_FILE);
        let file = match open_ours(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(LockState::Free),
            Err(source) => {
                return Err(DirError {
                    action: "open",
                    path,
                    source,
                });
            }
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(LockState::Free),
            Err(TryLockError::WouldBlock) => Ok(LockState::Held),
            Err(TryLockError::Error(source)) => Err(DirError {
                action: "test the lock",
                path,
                source,
            }),
        }
    }

    /// Takes a lock ([`LOCK_FILE`], [`super::REAP_LOCK_FILE`]) if it is free; it is held until the file is dropped or the
    /// process dies.
    ///
    /// # Errors
    /// A file that can't be made.
    pub fn try_lock(&self, name: &str) -> Result<Option<File>, DirError> {
        let path = self.file(name);
        let result = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = result.map_err(|source| DirError {
            action: "open",
            path: path.clone(),
            source,
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(DirError {
                action: "lock",
                path,
                source,
            }),
        }
    }
}

/// The reserved exit file before it has its name.
const EXIT_RESERVED: &str = ".exit.reserved";
/// Room for the longest exit record, in bytes.
const EXIT_BYTES: usize = 4096;

/// JSON allows spaces after a value.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().max(EXIT_BYTES), b' ');
    padded
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records of strings and numbers are JSON")
}

fn write_whole(path: &Path, bytes: &[u8], truncate: bool) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(truncate)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

/// Opens a file of an attempt for reading. It is ours: where its job has taken our rights away, we take them back. What the job
/// has put in its place is none: a link to what the job may not read and we may, a pipe that never ends, or a file of somebody
/// other than the directory's owner.
///
/// # Errors
/// What the file system says; [`io::ErrorKind::InvalidData`] for what is no file of the attempt.
pub fn open_ours(path: &Path) -> io::Result<File> {
    let directory = fs::symlink_metadata(path.parent().unwrap_or(path))?;
    let open = || {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        options.open(path)
    };
    let file = match open() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            if fs::symlink_metadata(path)?.is_file() {
                fs::set_permissions(path, Permissions::from_mode(0o600))?;
            }
            open()?
        }
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => return Err(no_file()),
        result => result?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() && directory.is_dir() && metadata.uid() == directory.uid() {
        Ok(file)
    } else {
        Err(no_file())
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no file of the attempt")
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::AttemptEnd;

    fn cancelled() -> Claim {
        Claim::Backend {
            end: AttemptEnd::Cancelled,
            at_ms: 1,
        }
    }

    #[test]
    fn of_many_claims_at_once_one_wins() {
        let temp = tempfile::tempdir().unwrap();
        let dir = AttemptDir::new(temp.path());
        let won = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..16)
                .map(|pid| {
                    scope.spawn({
                        let dir = dir.clone();
                        move || dir.try_claim(&Claim::Agent { pid, started_ms: 0 }).unwrap()
                    })
                })
                .collect();
            claims
                .into_iter()
                .map(|claim| claim.join().unwrap())
                .filter(|won| *won)
                .count()
        });
        assert_eq!(won, 1);
        assert!(!dir.try_claim(&cancelled()).unwrap());
        assert!(matches!(dir.claim().unwrap(), Some(Claim::Agent { .. })));
        assert_eq!(
            fs::read_dir(temp.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn the_lock_is_seen_from_other_descriptors_and_goes_with_its_holder() {
        let temp = tempfile::tempdir().unwrap();
        let dir = AttemptDir::new(temp.path());
        assert_eq!(dir.lock_state().unwrap(), LockState::Free);
        let held = dir.try_lock(LOCK_FILE).unwrap().unwrap();
        assert_eq!(dir.lock_state().unwrap(), LockState::Held);
        assert!(dir.try_lock(LOCK_FILE).unwrap().is_none());
        drop(held);
        assert_eq!(dir.lock_state().unwrap(), LockState::Free);
        assert!(dir.try_lock(LOCK_FILE).unwrap().is_some());
    }

    #[test]
    fn the_exit_fits_its_reserved_space() {
        let temp = tempfile::tempdir().unwrap();
        let dir = AttemptDir::new(temp.path());
        dir.reserve_exit().unwrap();
        let record = ExitRecord {
            end: AttemptEnd::Lost {
                detail: "x".repeat(1000),
            },
            ended_ms: 7,
        };
        dir.write_exit(&record).unwrap();
        assert_eq!(dir.exit().unwrap(), Some(record));
        assert_eq!(
            fs::metadata(dir.file(EXIT_FILE)).unwrap().len(),
            EXIT_BYTES as u64
        );
    }

    #[test]
    fn a_broken_record_is_an_error_that_names_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let dir = AttemptDir::new(temp.path());
        fs::write(dir.file(CLAIM_FILE), "{").unwrap();
        let error = dir.claim().unwrap_err().to_string();
        assert!(
            error.contains("could not understand") && error.contains(CLAIM_FILE),
            "{error}"
        );
    }

    /// What a job may put in the place of its files, while we may read more than it.
    #[test]
    fn what_is_no_file_of_the_attempt_is_not_read() {
        let temp = tempfile::tempdir().unwrap();
        let secret = temp.path().join("secret");
        fs::write(&secret, "{}").unwrap();
        let path = temp.path().join("attempt");
        fs::create_dir(&path).unwrap();
        let dir = AttemptDir::new(&path);
        std::os::unix::fs::symlink(&secret, dir.file(EXIT_FILE)).unwrap();
        let pipe = dir.file(CLAIM_FILE);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        for error in [dir.exit().unwrap_err(), dir.claim().unwrap_err()] {
            assert!(error.to_string().contains("no file of the attempt"), "{error}");
        }
        File::create(dir.file(RESULT_FILE))
            .unwrap()
            .set_len(FILE_BYTES + 1)
            .unwrap();
        assert_eq!(dir.result().unwrap(), None);
        // Neither is the directory itself another's.
        let link = temp.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(dir.file(JOB_FILE), "{}").unwrap();
        assert!(dir.read(JOB_FILE).unwrap().is_some());
        assert!(AttemptDir::new(&link).read(JOB_FILE).is_err());
    }
}
