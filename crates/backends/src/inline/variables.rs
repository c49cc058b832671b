//! The job in the environment: its description and the submit's record, compressed, in pieces.

use crate::attempt::SubmitRecord;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _, Write as _};

/// How many pieces there are.
pub const COUNT: &str = "CHECKMILL_INLINE";
/// Before the number of each piece, from 0.
const PIECE: &str = "CHECKMILL_INLINE_";
/// Of a piece, in bytes. Linux takes 128 KiB for each string of an environment (execve(2), `MAX_ARG_STRLEN`).
const PIECE_BYTES: usize = 96 * 1024;
/// Of all pieces, in bytes: with what else is there, an environment has 2 MiB (a quarter of a stack of 8 MiB), and what
/// schedulers keep of a job is often not more than 1.5 MiB (etcd).
pub const BYTES: usize = 768 * 1024;
/// Of a description that is unpacked, in bytes: what is longer was made by nobody of ours.
const UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its description has {bytes} bytes when it is packed, and {BYTES} fit into its environment")]
pub struct TooLong {
    bytes: usize,
}

/// What is wrong with an environment.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{0} is not in the environment, or is not what it should be")]
    Missing(String),
    #[error("the job in the environment can't be unpacked: {0}")]
    Packed(#[from] io::Error),
    #[error("the job in the environment can't be unpacked: {0}")]
    Encoded(#[from] base64::DecodeError),
    #[error("the job in the environment is none: {0}")]
    Json(#[from] serde_json::Error),
}

/// What the agent makes its attempt of.
#[derive(Debug)]
pub struct InlineJob {
    /// JSON of `checkmill_workflow::job::JobDescription`.
    pub description: Vec<u8>,
    pub record: SubmitRecord,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    record: SubmitRecord,
    description: String,
}

/// Whether a variable is one of these: steps don't get them.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    name == COUNT || name.starts_with(PIECE)
}

/// The variables for a job. No secret is in them.
///
/// # Errors
/// A description that is too long.
pub fn pack(description: &[u8], record: &SubmitRecord) -> Result<Vec<(String, String)>, TooLong> {
    let envelope = Envelope {
        record: record.clone(),
        description: String::from_utf8_lossy(description).into_owned(),
    };
    let json = serde_json::to_vec(&envelope).expect("a record of strings and numbers is JSON");
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let packed = packer.write_all(&json).and_then(|()| packer.finish());
    let text = STANDARD.encode(packed.expect("memory can be written"));
    if text.len() > BYTES {
        return Err(TooLong { bytes: text.len() });
    }
    let pieces = text.as_bytes().chunks(PIECE_BYTES);
    let mut variables = vec![(COUNT.to_owned(), pieces.len().to_string())];
    variables.extend(pieces.enumerate().map(|(number, piece)| {
        let piece = String::from_utf8_lossy(piece).into_owned();
        (format!("{PIECE}{number}"), piece)
    }));
    Ok(variables)
}

/// The job of an environment.
///
/// # Errors
/// A piece that is missing, or what was not packed by [`pack`].
pub fn unpack(variable: impl Fn(&str) -> Option<String>) -> Result<InlineJob, Broken> {
    let most = BYTES / PIECE_BYTES;
    let count = variable(COUNT)
        .and_then(|count| count.parse::<usize>().ok())
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| Broken::Missing(COUNT.to_owned()))?;
    let mut text = String::new();
    for number in 0..count {
        let name = format!("{PIECE}{number}");
        text.push_str(&variable(&name).ok_or(Broken::Missing(name))?);
    }
    let packed = STANDARD.decode(text)?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(UNPACKED_BYTES)
        .read_to_end(&mut json)?;
    let envelope: Envelope = serde_json::from_slice(&json)?;
    Ok(InlineJob {
        description: envelope.description.into_bytes(),
        record: envelope.record,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn record() -> SubmitRecord {
        SubmitRecord {
            key: "k".to_owned(),
            name: "CI / ä".to_owned(),
            labels: Vec::new(),
            submitted_ms: 1,
            backstop_ms: 2,
        }
    }

    /// Text that can't be made shorter.
    fn noise(bytes: usize) -> String {
        let mut state = 1_u64;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'0' + u8::try_from(state >> 58).unwrap_or(0) % 64)
        };
        (0..bytes).map(next).filter(|c| *c != '\\').collect()
    }

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let noisy = format!(r#"{{"a":"{}"}}"#, noise(280_000));
        for (description, pieces) in [(r#"{"z":1, "a":"ä"}"#.to_owned(), 1), (noisy, 3)] {
            let sent = pack(description.as_bytes(), &record()).unwrap();
            assert_eq!(sent.len(), pieces + 1);
            assert!(
                sent.iter()
                    .all(|(name, value)| is_ours(name) && value.len() <= PIECE_BYTES)
            );
            let sent: BTreeMap<_, _> = sent.into_iter().collect();
            let job = unpack(|name| sent.get(name).cloned()).unwrap();
            assert_eq!(
                (job.description, job.record),
                (description.into_bytes(), record())
            );
        }
    }

    #[test]
    fn what_is_too_long_or_incomplete_is_told() {
        let long = format!(r#"{{"a":"{}"}}"#, noise(2_000_000));
        let error = pack(long.as_bytes(), &record()).unwrap_err().to_string();
        assert!(error.ends_with("and 786432 fit into its environment"), "{error}");
        let sent = pack(b"{}", &record()).unwrap();
        let without = |missing: &str, changed: &str| {
            let sent: BTreeMap<_, _> = sent.iter().cloned().collect();
            unpack(|name| match sent.get(name) {
                Some(_) if name == missing => None,
                Some(_) if name == changed => Some("####".to_owned()),
                found => found.cloned(),
            })
            .unwrap_err()
            .to_string()
        };
        assert!(without(COUNT, "").starts_with("CHECKMILL_INLINE is not in"));
        assert!(without("CHECKMILL_INLINE_0", "").starts_with("CHECKMILL_INLINE_0 is not in"));
        assert!(without("", "CHECKMILL_INLINE_0").contains("can't be unpacked"));
        assert!(without("", COUNT).starts_with("CHECKMILL_INLINE is not in"));
    }
}
