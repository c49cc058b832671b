//! The other side: a backend of ours behind the protocol, so that a machine that one can reach by ssh is one, too.

use super::protocol::{Call, Done, Failed, Listed, LogPart, Polled, Request, ResultFile, Submitted, VERSION};
use crate::port::{Backend, BackendError, Submission};
use checkmill_core::Millis;
use serde::Serialize;

/// What the program prints, and whether it exits with 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub json: String,
    pub success: bool,
}

/// Makes the call of a request on this backend.
pub async fn serve(backend: &dyn Backend, request: &[u8]) -> Answer {
    match answer(backend, request).await {
        Ok(json) => Answer { json, success: true },
        Err(failed) => Answer {
            json: json(&failed),
            success: false,
        },
    }
}

async fn answer(backend: &dyn Backend, request: &[u8]) -> Result<String, Failed> {
    let for_good = |error: String| Failed { error, retry: false };
    let Request { version, call } = serde_json::from_slice(request)
        .map_err(|error| for_good(format!("standard input is no request: {error}")))?;
    if version != VERSION {
        return Err(for_good(format!(
            "version {version} of the protocol is not known here: this is {VERSION}"
        )));
    }
    Ok(match call {
        Call::Submit(submit) => {
            let key = submit.key.parse();
            let submission = Submission {
                key: key.map_err(|()| for_good(format!("{:?} is no key", submit.key)))?,
                name: submit.name,
                description: submit.description.to_string().into_bytes(),
                secrets: submit
                    .secrets
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect(),
                labels: submit.labels,
                queue_timeout: Millis(submit.queue_timeout_ms),
                run_timeout: Millis(submit.run_timeout_ms),
            };
            let id = backend.submit(&submission).await?;
            json(&Submitted { id })
        }
        Call::Poll { ids } => {
            let states = backend.poll(&ids).await?;
            let states = states.into_iter().map(Into::into).collect();
            json(&Polled { states })
        }
        Call::Cancel { id } => {
            backend.cancel(&id).await?;
            json(&Done {})
        }
        Call::Log { id, offset, limit } => {
            let chunk = backend.log(&id, offset).await?;
            let mut bytes = chunk.bytes;
            let complete = chunk.complete && bytes.len() <= limit;
            bytes.truncate(limit);
            json(&LogPart {
                base64: bytes,
                complete,
            })
        }
        Call::Result { id } => {
            let bytes = backend.result(&id).await?;
            let result = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
            let result = result.map_err(|error| for_good(format!("the job's result is no JSON: {error}")))?;
            json(&ResultFile { result })
        }
        Call::List {} => {
            let jobs = backend.list().await?;
            let jobs = jobs.into_iter().map(Into::into).collect();
            json(&Listed { jobs })
        }
        Call::Discard { id } => {
            backend.discard(&id).await?;
            json(&Done {})
        }
    })
}

impl From<BackendError> for Failed {
    fn from(error: BackendError) -> Self {
        let (error, retry) = match error {
            BackendError::Transient { detail, .. } => (detail, true),
            BackendError::Refused { detail, .. } => (detail, false),
        };
        Self { error, retry }
    }
}

fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("answers of strings and numbers are JSON")
}
