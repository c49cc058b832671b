//! What the agent has left: its end, log and result, in the shared directory or in the job's comment.

use super::script::directory_name;
use crate::attempt::{AttemptDir, AttemptEnd, ExitRecord, remove_tree};
use crate::port::{BackendEnd, LogChunk, SubmitKey};
use crate::process::files::read_log;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// In the shared directory: an empty file for each job that is forgotten and that Slurm still names.
const TOMBSTONES: &str = ".discarded";
/// Before the fields of a comment that the script has written.
const COMMENT_MARK: &str = "checkmill:";

#[derive(Clone)]
pub(super) struct Reports {
    shared: Option<PathBuf>,
    /// Where there is no shared directory, what is discarded is known until we end; Slurm forgets it some minutes later.
    discarded: Arc<Mutex<BTreeSet<SubmitKey>>>,
}

impl Reports {
    pub(super) fn new(shared: Option<PathBuf>) -> Self {
        Self {
            shared,
            discarded: Arc::default(),
        }
    }

    fn directory(&self, key: &SubmitKey) -> Option<AttemptDir> {
        let root = self.shared.as_ref()?;
        Some(AttemptDir::new(root.join(directory_name(key))))
    }

    /// How the agent's end reads, where it can be read.
    pub(super) async fn end(&self, key: &SubmitKey) -> Option<BackendEnd> {
        let directory = self.directory(key)?;
        let record = blocking(move || Ok(directory.exit())).await.ok()?;
        match record {
            Ok(record) => record.map(|record| record.end.into()),
            Err(error) => {
                tracing::warn!(%error, "how an agent ended can't be read");
                None
            }
        }
    }

    /// The same of a job whose script has ended by itself.
    pub(super) async fn end_of(&self, key: &SubmitKey, comment: &str) -> Option<BackendEnd> {
        match &self.shared {
            Some(_) => self.end(key).await,
            None => Comment::parse(comment)?.end.map(Into::into),
        }
    }

    pub(super) async fn log(
        &self,
        key: &SubmitKey,
        comment: &str,
        offset: u64,
        ended: bool,
    ) -> Result<LogChunk, String> {
        if let Some(directory) = self.directory(key) {
            return blocking(move || read_log(&directory, offset, ended).map_err(|error| error.to_string()))
                .await;
        }
        let log = Comment::parse(comment)
            .filter(|_| ended)
            .map(|comment| comment.log)
            .unwrap_or_default();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(log.len());
        Ok(LogChunk {
            next_offset: offset + (log.len() - from) as u64,
            bytes: log[from..].to_vec(),
            complete: ended,
        })
    }

    pub(super) async fn result(&self, key: &SubmitKey) -> Result<Option<Vec<u8>>, String> {
        match self.directory(key) {
            Some(directory) => blocking(move || directory.result().map_err(|error| error.to_string())).await,
            None => Ok(None),
        }
    }

    pub(super) async fn is_discarded(&self, key: &SubmitKey) -> bool {
        if self
            .discarded
            .lock()
            .is_ok_and(|discarded| discarded.contains(key))
        {
            return true;
        }
        let Some(tombstone) = self.tombstone(key) else {
            return false;
        };
        // Others may write beside it: only what we have made counts.
        let is_ours = move || {
            let of = fs::symlink_metadata(&tombstone);
            Ok(of.is_ok_and(|of| of.is_file() && of.uid() == rustix::process::geteuid().as_raw()))
        };
        blocking(is_ours).await.unwrap_or(false)
    }

    fn tombstone(&self, key: &SubmitKey) -> Option<PathBuf> {
        Some(self.shared.as_ref()?.join(TOMBSTONES).join(key.to_string()))
    }

    /// Removes what there is of a job. `named` is whether Slurm still names it.
    pub(super) async fn discard(&self, key: &SubmitKey, named: bool) -> Result<(), String> {
        if named && let Ok(mut discarded) = self.discarded.lock() {
            discarded.insert(key.clone());
        }
        let (Some(directory), Some(tombstone)) = (self.directory(key), self.tombstone(key)) else {
            return Ok(());
        };
        blocking(move || {
            let wrong = |error: io::Error| format!("what a job has left can't be removed: {error}");
            if named {
                bury(&tombstone).map_err(wrong)?;
            }
            remove_tree(directory.path()).map_err(wrong)
        })
        .await
    }

    /// Forgets the discarded jobs that Slurm names no more.
    pub(super) async fn forget_tombstones(&self, named: &BTreeSet<SubmitKey>) {
        if let Ok(mut discarded) = self.discarded.lock() {
            discarded.retain(|key| named.contains(key));
        }
        let Some(directory) = self.shared.as_ref().map(|root| root.join(TOMBSTONES)) else {
            return;
        };
        let named: BTreeSet<String> = named.iter().map(ToString::to_string).collect();
        let forgotten = blocking(move || {
            let Ok(entries) = fs::read_dir(directory) else {
                return Ok(());
            };
            for entry in entries.flatten() {
                if !named.contains(&*entry.file_name().to_string_lossy()) {
                    let _ = fs::remove_file(entry.path());
                }
            }
            Ok(())
        });
        let _ = forgotten.await;
    }
}

fn bury(tombstone: &Path) -> io::Result<()> {
    if let Some(directory) = tombstone.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(tombstone)
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Runs file work where it doesn't hold up others: the directory is on a network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| format!("work was interrupted: {error}"))?
}

/// What the script has written into the job's comment at its end: `checkmill:END:BYTES:TAIL`, the end and the log's tail in base64.
/// A comment has no room for the result.
struct Comment {
    end: Option<AttemptEnd>,
    log: Vec<u8>,
}

impl Comment {
    fn parse(comment: &str) -> Option<Self> {
        let mut fields = comment.strip_prefix(COMMENT_MARK)?.split(':');
        let end = STANDARD.decode(fields.next()?).ok()?;
        let bytes: usize = fields.next()?.parse().ok()?;
        let tail = STANDARD.decode(fields.next()?).ok()?;
        let end = serde_json::from_slice::<ExitRecord>(&end)
            .ok()
            .map(|record| record.end);
        let mut log = Vec::new();
        if bytes > tail.len() {
            log.extend(
                format!(
                    "[{} bytes before this are not kept: docs/slurm.md]\n",
                    bytes - tail.len()
                )
                .bytes(),
            );
            // It begins in the middle of a line, perhaps of a character.
            let line = tail.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            log.extend(&tail[line..]);
        } else {
            log.extend(tail);
        }
        Some(Self { end, log })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_of_the_script_is_read_and_no_other() {
        let comment = format!(
            "checkmill:{}:30:{}",
            STANDARD.encode(r#"{"end":{"type":"exited","code":3},"ended_ms":7}   "#),
            STANDARD.encode("of a line\nthe last line\n"),
        );
        let comment = Comment::parse(&comment).unwrap();
        assert_eq!(comment.end, Some(AttemptEnd::Exited { code: 3 }));
        assert_eq!(
            String::from_utf8(comment.log).unwrap(),
            "[6 bytes before this are not kept: docs/slurm.md]\nthe last line\n"
        );
        for other in ["", "Checkmill: CI / test", "checkmill:", "checkmill:?:1:?"] {
            assert!(Comment::parse(other).is_none(), "{other}");
        }
    }
}
