//! Forgetting: what TTL and the bucket's lifecycle do on AWS.

use super::blobs::FileBlobs;
use checkmill_aws::embedded::Embedded;
use checkmill_core::UnixMillis;
use checkmill_core::limits::ROW_RETENTION;
use checkmill_phases::keys;
use checkmill_phases::ports::{Blobs as _, StoreError};

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Forgotten {
    pub(crate) rows: usize,
    pub(crate) blobs: usize,
}

/// Removes rows and the blobs of runs that are older than [`ROW_RETENTION`], and the pieces of logs that are kept whole. Caches
/// have their own bound.
///
/// # Errors
/// The store's and the disk's; what is left goes the next time.
pub(crate) async fn forget(
    embedded: &Embedded,
    blobs: &FileBlobs,
    now: UnixMillis,
) -> Result<Forgotten, StoreError> {
    let rows = embedded.remove_expired().await?;
    let mut forgotten = Forgotten { rows, blobs: 0 };
    let all = blobs.describe(keys::RUNS).await?;
    let mut pieces = None;
    // By name, the pieces come before the log that they make.
    for blob in all.iter().rev() {
        pieces = keys::log_chunks_beside(&blob.key).or(pieces);
        let is_piece = pieces.as_ref().is_some_and(|pieces| blob.key.starts_with(pieces));
        if is_piece || now.since(blob.modified) >= ROW_RETENTION {
            blobs.delete(&blob.key).await?;
            forgotten.blobs += 1;
        }
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::{Forgotten, forget};
    use crate::local::blobs::FileBlobs;
    use checkmill_aws::clock::SystemClock;
    use checkmill_core::limits::ROW_RETENTION;
    use checkmill_phases::ports::{Blobs as _, Clock as _};

    #[tokio::test]
    async fn pieces_of_whole_logs_go_at_once_and_everything_of_runs_after_the_retention() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::new(dir.path().to_owned());
        let embedded = checkmill_aws::embedded::open(None).await.unwrap();
        for key in [
            "runs/r/a/1/chunks/000000000000",
            "runs/r/a/1/chunks/000000000007",
            "runs/r/a/1/log.txt",
            "runs/r/a/1/result.json",
            // The next attempt still runs.
            "runs/r/a/2/chunks/000000000000",
            "runs/r/workflow.yml",
            "caches/1/data/x",
        ] {
            blobs.put(key, b"x".to_vec()).await.unwrap();
        }
        let now = SystemClock.now();
        let went = |blobs| Ok(Forgotten { rows: 0, blobs });
        assert_eq!(forget(&embedded, &blobs, now).await, went(2));
        assert_eq!(
            blobs.list("").await.unwrap(),
            [
                "caches/1/data/x",
                "runs/r/a/1/log.txt",
                "runs/r/a/1/result.json",
                "runs/r/a/2/chunks/000000000000",
                "runs/r/workflow.yml",
            ]
        );
        let later = now + ROW_RETENTION;
        assert_eq!(forget(&embedded, &blobs, later).await, went(4));
        assert_eq!(blobs.list("").await.unwrap(), ["caches/1/data/x"]);
        assert!(!dir.path().join("runs").exists(), "empty directories go too");
    }
}
