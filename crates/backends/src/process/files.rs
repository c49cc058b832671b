//! Reading logs and removing directories.

use crate::attempt::{AttemptDir, DirError, LOG_FILE, open_ours, remove_tree};
use crate::port::LogChunk;
use checkmill_core::limits::LOG_CHUNK_BYTES;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Before the name of a directory that is being removed. Such a name is no id, so nobody finds it.
const DISCARDED: &str = ".discard-";

/// Makes a directory and its parents, for our user only; fine when it is there.
pub(super) fn make_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Gives us the rights of the directory back, if somebody took them. One that isn't there is fine.
pub(super) fn keep_usable(path: &Path) -> io::Result<()> {
    let mode = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata.permissions().mode(),
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o700 == 0o700 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// A piece of the log. `ended` is what was known before this call.
pub(crate) fn read_log(attempt: &AttemptDir, offset: u64, ended: bool) -> Result<LogChunk, DirError> {
    let path = attempt.file(LOG_FILE);
    let read = || -> io::Result<LogChunk> {
        let mut file = open_ours(&path)?;
        let len = file.metadata()?.len();
        let mut bytes = Vec::new();
        if offset < len {
            file.seek(SeekFrom::Start(offset))?;
            file.take(LOG_CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
        }
        let next_offset = offset + bytes.len() as u64;
        Ok(LogChunk {
            bytes,
            next_offset,
            complete: ended && next_offset >= len,
        })
    };
    match read() {
        // Nothing, or nothing of the attempt's.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(LogChunk {
                bytes: Vec::new(),
                next_offset: offset,
                complete: ended,
            })
        }
        result => result.map_err(|source| DirError {
            action: "read",
            path,
            source,
        }),
    }
}

/// Takes the attempt out of sight in one move, then removes its files. A crash in between leaves a directory that the next
/// removal of the same attempt, or [`remove_leftovers`], takes with it.
pub(super) fn remove_attempt(root: &Path, attempt: &AttemptDir) -> Result<(), DirError> {
    let name = attempt.path().file_name().unwrap_or_default().to_string_lossy();
    let trash = root.join(format!("{DISCARDED}{name}"));
    let remove = || {
        remove_tree(&trash)?;
        match fs::rename(attempt.path(), &trash) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => remove_tree(&trash),
        }
    };
    remove().map_err(|source| DirError {
        action: "remove",
        path: attempt.path().to_owned(),
        source,
    })
}

/// What crashes in [`remove_attempt`] have left.
pub(super) fn remove_leftovers(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(DISCARDED) {
            remove_tree(&entry.path())?;
        }
    }
    Ok(())
}
