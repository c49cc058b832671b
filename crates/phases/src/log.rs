//! An attempt's whole log: from the backend where it has all of it, else from the pieces that the agent sent.

use crate::error::PhaseError;
use crate::keys;
use crate::mask::mask;
use crate::ports::Blobs;
use checkmill_backends::registry::Backends;
use checkmill_core::Job;
use checkmill_core::limits::LOG_BYTES;

/// Collects the log, masks it and keeps it as a blob; an attempt whose log is kept already gives that one. An attempt that
/// never reached a backend has none.
///
/// # Errors
/// The ports'.
pub(crate) async fn collect(
    blobs: &dyn Blobs,
    backends: &Backends,
    job: &Job,
    expected_bytes: Option<u64>,
) -> Result<Option<String>, PhaseError> {
    let key = keys::log(&job.id, job.attempt);
    if let Some(kept) = blobs.get(&key).await? {
        return Ok(Some(String::from_utf8_lossy(&kept).into_owned()));
    }
    if job.handle().is_none() {
        return Ok(None);
    }
    let fetched = fetched(backends, job).await?;
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
        && let Some(kept) = blobs.get(&key).await?
    {
        // Another results phase has kept it meanwhile, and the backend has forgotten it since.
        return Ok(Some(String::from_utf8_lossy(&kept).into_owned()));
    }
    let text = mask(&String::from_utf8_lossy(&bytes));
    blobs.put(&key, text.clone().into_bytes()).await?;
    Ok(Some(text))
}

/// The pieces in order, as far as they join.
async fn streamed(blobs: &dyn Blobs, job: &Job) -> Result<Vec<u8>, PhaseError> {
    let prefix = keys::log_chunks(&job.id, job.attempt);
    let mut log = Vec::new();
    for name in blobs.list(&prefix).await? {
        let Some(offset) = name
            .strip_prefix(&prefix)
            .and_then(|text| text.parse::<usize>().ok())
        else {
            continue;
        };
        if offset > log.len() {
            break;
        }
        let Some(piece) = blobs.get(&name).await? else {
            break;
        };
        log.truncate(offset);
        log.extend_from_slice(&piece);
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
