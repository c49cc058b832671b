//! The Model port: one question, one answer.

use crate::question::Question;
use async_trait::async_trait;
use checkmill_core::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who answers: `provider/model`, such as `ollama/llama3.1` or `openrouter/openai/gpt-4o-mini`. It is shown with every
/// translation, and another one is another answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub String);

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[async_trait]
pub trait Model: Send + Sync {
    fn id(&self) -> &ModelId;

    /// Asks once; there is no retry, since whoever asks can do without the answer. The text that the model gave, whatever it
    /// is, at most [`checkmill_core::limits::MODEL_ANSWER_BYTES`] long.
    async fn answer(&self, question: &Question, within: Millis) -> Result<String, ModelFault>;
}

/// Why there is no answer. What a server said is cut and on one line; no key is in it. The texts go on after the words
/// "the model …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    #[error("could not be reached: {0}")]
    Unreachable(String),
    #[error("did not answer within {} s", .0.as_secs_ceil())]
    Slow(Millis),
    #[error("refused the question (status {status}): {message}")]
    Refused { status: u16, message: String },
    /// Not what the provider's protocol says, or over a limit.
    #[error("answered badly: {0}")]
    Bad(String),
}

impl ModelFault {
    /// Whether the next question would fare no better.
    #[must_use]
    pub const fn is_the_servers(&self) -> bool {
        !matches!(self, Self::Bad(_))
    }
}
