//! An attempt's whole log: from the backend where it has all of it, else from the pieces that the agent sent.

use crate::error::PhaseError;
use crate::keys;
use crate::mask::mask;
use crate::ports::Blobs;
use checkmill_backends::registry::Backends;
use checkmill_core::Job;
use checkmill_core::limits::LOG_BYTES;
use futures::future::try_join_all;

/// Collects the log, masks it and keeps it as a blob; an attempt whose log is kept already gives that one. An attempt that
/// never reached a backend has none; one of a backend that is out has what the agent sent.
///
/// # Errors
/// The ports'.
pub(crate) async fn collect(
    blobs: &dyn Blobs,
    backends: &Backends,
    job: &Job,
    expected_bytes: Option<u64>,
    backend_is_out: bool,
) -> Result<Option<String>, PhaseError> {
    if let Some(kept) = kept(blobs, job).await? {
        return Ok(Some(kept));
    }
    if job.handle().is_none() {
        return Ok(None);
    }
    let fetched = match fetched(backends, job).await {
        Err(error) if backend_is_out => {
            tracing::error!(job = %job.id, %error, "a log is kept as far as the agent sent it: its backend is away");
            Vec::new()
        }
        fetched => fetched?,
    };
    // The pieces are many small blobs: looked at only where the backend has not got it all.
    let bytes = if fetched.len() as u64 >= expected_bytes.unwrap_or(1) {
        fetched
    } else {
        let streamed = streamed(blobs, job).await?;
        if streamed.len() > fetched.len() {
            streamed
        } else {
            fetched
        }
    };
    if bytes.is_empty()
        && let Some(kept) = kept(blobs, job).await?
    {
        // Another results phase has kept it meanwhile, and the backend has forgotten it since.
        return Ok(Some(kept));
    }
    let text = mask(&String::from_utf8_lossy(&bytes));
    blobs
        .put(&keys::log(&job.id, job.attempt), text.clone().into_bytes())
        .await?;
    Ok(Some(text))
}

/// The log that [`collect`] has kept.
///
/// # Errors
/// The store's.
pub(crate) async fn kept(blobs: &dyn Blobs, job: &Job) -> Result<Option<String>, PhaseError> {
    let kept = blobs.get(&keys::log(&job.id, job.attempt)).await?;
    Ok(kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// A job of hours sends a piece every few seconds: one after the other, they would take longer than the phase has.
const PIECES_AT_ONCE: usize = 32;

/// The pieces in order, as far as they join.
async fn streamed(blobs: &dyn Blobs, job: &Job) -> Result<Vec<u8>, PhaseError> {
    let prefix = keys::log_chunks(&job.id, job.attempt);
    let names = blobs.list(&prefix).await?;
    let mut log = Vec::new();
    for names in names.chunks(PIECES_AT_ONCE) {
        let pieces = try_join_all(names.iter().map(|name| blobs.get(name))).await?;
        for (name, piece) in names.iter().zip(pieces) {
            let offset = name
                .strip_prefix(&prefix)
                .and_then(|text| text.parse::<usize>().ok());
            let (Some(offset), Some(piece)) = (offset, piece) else {
                continue;
            };
            if offset > log.len() {
                return Ok(log);
            }
            // Where pieces overlap they say the same.
            if offset + piece.len() > log.len() {
                log.truncate(offset);
                log.extend_from_slice(&piece);
            }
        }
    }
    Ok(log)
}

async fn fetched(backends: &Backends, job: &Job) -> Result<Vec<u8>, PhaseError> {
    let mut log = Vec::new();
    let Some(handle) = job.handle() else {
        return Ok(log);
    };
    let Some(backend) = backends.by_name(&handle.backend) else {
        return Ok(log);
    };
    loop {
        let chunk = backend.log(&handle.id, log.len() as u64).await?;
        let end = chunk.complete || chunk.bytes.is_empty();
        log.extend_from_slice(&chunk.bytes);
        if end || log.len() > LOG_BYTES + LOG_BYTES / 8 {
            return Ok(log);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archives::tests::{Memory, job};

    async fn sent(pieces: &[(u64, &str)]) -> String {
        let (blobs, job) = (Memory::default(), job("fedcba9876543210-01234567", 1));
        for (offset, text) in pieces {
            let key = keys::log_chunk(&job.id, job.attempt, *offset);
            blobs.put(&key, text.as_bytes().to_vec()).await.unwrap();
        }
        String::from_utf8(streamed(&blobs, &job).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn pieces_join_by_their_offsets_up_to_the_first_that_is_missing() {
        assert_eq!(sent(&[]).await, "");
        assert_eq!(sent(&[(3, "def"), (0, "abc"), (6, "g")]).await, "abcdefg");
        // Sent again after an answer that was lost, with what had come since.
        assert_eq!(sent(&[(0, "abc"), (3, "d"), (2, "cdef")]).await, "abcdef");
        assert_eq!(sent(&[(0, "abc"), (2, "cdef")]).await, "abcdef");
        assert_eq!(sent(&[(0, "abc"), (4, "e"), (5, "f")]).await, "abc");
        assert_eq!(sent(&[(1, "b")]).await, "");
    }

    /// More than are read at once: the order is that of the offsets all the same, also past the place where the number of
    /// digits changes.
    #[tokio::test]
    async fn many_pieces_keep_their_order() {
        let lines: Vec<String> = (0..5 * PIECES_AT_ONCE + 1)
            .map(|n| format!("line {n}\n"))
            .collect();
        let mut offset = 0;
        let pieces: Vec<(u64, &str)> = lines
            .iter()
            .map(|line| {
                offset += line.len() as u64;
                (offset - line.len() as u64, line.as_str())
            })
            .collect();
        assert_eq!(sent(&pieces).await, lines.concat());
    }
}
