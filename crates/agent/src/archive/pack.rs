//! Files into an archive.

use super::Abandon;
use checkmill_core::limits::ARCHIVE_BYTES;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What goes in, and its name there: `{place}/{relative path}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub path: PathBuf,
    pub name: PathBuf,
}

/// An archive that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    pub bytes: u64,
    pub sha256: String,
}

/// Packs the items into the file `target`. `follow`: a link is what it leads to.
///
/// # Errors
/// What the file system says; an archive beyond its limit, or one that nobody waits for.
pub fn pack(
    items: &[Item],
    follow: bool,
    level: u32,
    target: &Path,
    abandon: &Abandon,
) -> io::Result<Packed> {
    let counted = Counted {
        file: BufWriter::new(File::create(target)?),
        hash: Sha256::new(),
        bytes: 0,
    };
    let mut builder = tar::Builder::new(GzEncoder::new(counted, Compression::new(level)));
    builder.follow_symlinks(follow);
    for item in items {
        if abandon.is_abandoned() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        builder
            .append_path_with_name(&item.path, &item.name)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", item.path.display())))?;
    }
    let mut counted = builder.into_inner()?.finish()?;
    counted.file.flush()?;
    Ok(Packed {
        bytes: counted.bytes,
        sha256: hex::encode(counted.hash.finalize()),
    })
}

/// A file that knows its length and hash.
struct Counted {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        if self.bytes > ARCHIVE_BYTES {
            let limit = ARCHIVE_BYTES / (1024 * 1024);
            return Err(io::Error::other(format!(
                "the archive is larger than {limit} MiB"
            )));
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
