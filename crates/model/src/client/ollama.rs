//! Ollama's own API. Source: Ollama docs, "API", "Generate a chat completion" and "Structured outputs".

use super::http::{Reply, one_line};
use crate::port::ModelFault;
use crate::question::Question;
use checkmill_core::limits::MODEL_TOKENS;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const PATH: &str = "/api/chat";

pub(super) fn request(model: &str, question: &Question) -> Value {
    json!({
        "model": model,
        "messages": [
            { "role": "system", "content": question.system },
            { "role": "user", "content": question.user },
        ],
        "stream": false,
        "format": question.schema,
        "options": { "temperature": 0, "num_predict": MODEL_TOKENS },
    })
}

#[derive(Deserialize)]
struct Chat {
    message: Message,
    done: bool,
    done_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

pub(super) fn answer(reply: &Reply) -> Result<String, ModelFault> {
    if !reply.status.is_success() {
        let said = serde_json::from_slice::<Refusal>(&reply.body);
        return Err(ModelFault::Refused {
            status: reply.status.as_u16(),
            message: said.map_or_else(|_| "it gives no reason".to_owned(), |said| one_line(&said.error)),
        });
    }
    let chat: Chat = serde_json::from_slice(&reply.body)
        .map_err(|_| ModelFault::Bad("not as Ollama's `/api/chat` does".to_owned()))?;
    match chat.done_reason.as_deref() {
        // Older servers don't say.
        Some("stop") | None if chat.done => Ok(chat.message.content),
        Some("length") => Err(ModelFault::Bad(format!(
            "with more than {MODEL_TOKENS} tokens, or more than its context holds"
        ))),
        _ => Err(ModelFault::Bad("with a part of an answer".to_owned())),
    }
}
