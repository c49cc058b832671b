//! What the backends behind an HTTP API have in common.

use reqwest::Response;
use std::error::Error;

/// Why an answer is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFault {
    /// It may come the next time.
    #[error("{}", causes(.0))]
    Failed(reqwest::Error),
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
}

impl From<reqwest::Error> for HttpFault {
    /// Without the address, which may hold a secret.
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url())
    }
}

/// The whole of an answer, of which no more than `most` bytes are ever held.
///
/// # Errors
/// A connection that breaks, and a longer answer.
pub(crate) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, HttpFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > most {
            return Err(HttpFault::TooLong(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An error with what lies below it.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        below = cause.source();
    }
    text
}
