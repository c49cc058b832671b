//! The contract with the agent about artifacts and caches. Each is an archive: parts of at most
//! [`checkmill_core::limits::ARCHIVE_PART_BYTES`] under an upload that was reserved first, and an entry that names them all
//! and is written last.
//!
//! The agent posts JSON to `{callback}/artifacts/…` and `{callback}/caches/…`: `reserve`, `commit`, `find`, `read` (the answer
//! is the part's bytes); and bytes to `part?upload=U&part=N`.

use serde::{Deserialize, Serialize};

/// An archive as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// From the answer to `reserve`.
    pub upload: String,
    pub parts: u32,
    pub bytes: u64,
    /// Of all parts together, in hexadecimal digits.
    pub sha256: String,
}

/// `artifacts/reserve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveArtifact {
    pub name: String,
    /// One of this name may be there, and is replaced.
    pub overwrite: bool,
    /// Tells the uploads of an attempt apart.
    pub number: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    pub upload: String,
}

/// `artifacts/commit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitArtifact {
    pub name: String,
    pub overwrite: bool,
    pub archive: Archive,
}

/// An artifact of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub name: String,
    /// 16 hexadecimal digits.
    pub id: String,
    pub archive: Archive,
}

/// The answer to `artifacts/find`, whose request is empty: those of the run, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    pub artifacts: Vec<Artifact>,
}

/// `artifacts/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadArtifact {
    pub name: String,
    /// From 0.
    pub part: u32,
}

/// `caches/reserve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveCache {
    pub key: String,
    /// What the paths and the form of the archive are: 64 hexadecimal digits. Caches of other versions are never found.
    pub version: String,
    pub number: u32,
}

/// `caches/commit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCache {
    pub key: String,
    pub version: String,
    pub archive: Archive,
}

/// `caches/find`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindCache {
    pub version: String,
    /// The key, then what restore keys there are.
    pub keys: Vec<String>,
}

/// The answer to `caches/find`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCache {
    pub found: Option<Cache>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    pub key: String,
    /// The ref it belongs to.
    pub scope: String,
    pub archive: Archive,
}

/// `caches/read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCache {
    pub key: String,
    pub version: String,
    pub scope: String,
    /// From 0.
    pub part: u32,
}
