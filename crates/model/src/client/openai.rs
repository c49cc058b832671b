//! OpenAI's chat completions, as OpenRouter and many other servers speak it. Sources: OpenAI's API reference, "Create chat
//! completion"; OpenRouter docs, "API reference", "Structured outputs" and "Provider routing".

use super::http::{Reply, one_line};
use crate::port::ModelFault;
use crate::question::Question;
use checkmill_core::limits::MODEL_TOKENS;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) const PATH: &str = "/chat/completions";

pub(super) fn request(model: &str, question: &Question) -> Value {
    json!({
        "model": model,
        "messages": [
            { "role": "system", "content": question.system },
            { "role": "user", "content": question.user },
        ],
        "temperature": 0,
        "max_tokens": MODEL_TOKENS,
        "response_format": {
            "type": "json_schema",
            "json_schema": { "name": question.name, "strict": true, "schema": question.schema },
        },
    })
}

/// OpenRouter passes the request on to one of several providers: only to one that keeps to the schema, and that keeps
/// nothing of what it is sent.
pub(super) fn openrouter_request(model: &str, question: &Question) -> Value {
    let mut request = request(model, question);
    request["provider"] = json!({ "require_parameters": true, "data_collection": "deny" });
    request
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<Complaint>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
    error: Option<Complaint>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Complaint {
    /// OpenRouter gives a status, OpenAI a word.
    code: Option<Value>,
    message: String,
}

impl Complaint {
    fn fault(&self, status: u16) -> ModelFault {
        let code = self.code.as_ref().and_then(Value::as_u64);
        ModelFault::Refused {
            status: code.and_then(|code| u16::try_from(code).ok()).unwrap_or(status),
            message: one_line(&self.message),
        }
    }
}

pub(super) fn answer(reply: &Reply) -> Result<String, ModelFault> {
    let status = reply.status.as_u16();
    let completion = serde_json::from_slice::<Completion>(&reply.body);
    // OpenRouter reports an error of a provider with status 200, once it has begun to answer.
    if let Ok(Completion {
        error: Some(error), ..
    }) = &completion
    {
        return Err(error.fault(status));
    }
    if !reply.status.is_success() {
        return Err(ModelFault::Refused {
            status,
            message: "it gives no reason".to_owned(),
        });
    }
    let completion =
        completion.map_err(|_| ModelFault::Bad("not as OpenAI's `/chat/completions` does".to_owned()))?;
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err(ModelFault::Bad("with no choice".to_owned()));
    };
    if let Some(error) = &choice.error {
        return Err(error.fault(status));
    }
    if let Some(refusal) = &choice.message.refusal {
        return Err(ModelFault::Bad(format!("with a refusal: {}", one_line(refusal))));
    }
    match (choice.finish_reason.as_deref(), choice.message.content) {
        (Some("stop"), Some(content)) => Ok(content),
        (Some("length"), _) => Err(ModelFault::Bad(format!(
            "with more than {MODEL_TOKENS} tokens, or more than its context holds"
        ))),
        (Some("content_filter"), _) => Err(ModelFault::Bad("with what its own filter held back".to_owned())),
        _ => Err(ModelFault::Bad("with a part of an answer".to_owned())),
    }
}
