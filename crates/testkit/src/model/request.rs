//! What a server takes for a question.

use super::{Asked, Wire};
use serde::Deserialize;
use serde_json::Value;

/// What came in.
pub(super) struct Received<'a> {
    pub(super) wire: Wire,
    pub(super) model: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) is_post: bool,
    pub(super) path: &'a str,
    pub(super) content_type: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// Why it is none.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

fn refused(status: u16, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        message: message.into(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OllamaChat {
    model: String,
    messages: Vec<Message>,
    stream: bool,
    format: Value,
    options: OllamaOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OllamaOptions {
    temperature: f64,
    num_predict: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Completion {
    model: String,
    messages: Vec<Message>,
    temperature: f64,
    max_tokens: u32,
    response_format: ResponseFormat,
    provider: Option<Routing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseFormat {
    r#type: String,
    json_schema: JsonSchema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSchema {
    name: String,
    strict: bool,
    schema: Value,
}

/// OpenRouter docs, "Provider routing".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Routing {
    require_parameters: bool,
    data_collection: String,
}

pub(super) fn check(received: &Received<'_>) -> Result<Asked, Refusal> {
    let path = match received.wire {
        Wire::Ollama => "/api/chat",
        Wire::OpenRouter => "/api/v1/chat/completions",
        Wire::OpenAi => "/v1/chat/completions",
    };
    if received.path != path {
        return Err(refused(404, format!("there is no {}", received.path)));
    }
    if !received.is_post {
        return Err(refused(405, "questions are posted"));
    }
    if received.content_type != Some("application/json") {
        return Err(refused(415, "a question is application/json"));
    }
    let expected = received.key.map(|key| format!("Bearer {key}"));
    if received.authorization != expected.as_deref() {
        // As OpenAI words it: with the key, of which it leaves out the middle.
        let given = received.authorization.unwrap_or_default();
        return Err(refused(401, format!("Incorrect API key provided: {given}")));
    }
    let wrong = |error: serde_json::Error| refused(400, error.to_string());
    let (model, messages, temperature, tokens, schema) = match received.wire {
        Wire::Ollama => {
            let chat: OllamaChat = serde_json::from_slice(received.body).map_err(wrong)?;
            if chat.stream {
                return Err(refused(400, "Checkmill reads no streams"));
            }
            let OllamaOptions {
                temperature,
                num_predict,
            } = chat.options;
            (chat.model, chat.messages, temperature, num_predict, chat.format)
        }
        Wire::OpenRouter | Wire::OpenAi => {
            let asked: Completion = serde_json::from_slice(received.body).map_err(wrong)?;
            routing(received.wire, asked.provider.as_ref())?;
            let format = asked.response_format;
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            if format.r#type != "json_schema"
                || !format.json_schema.strict
                || !format.json_schema.name.chars().all(plain)
            {
                return Err(refused(
                    400,
                    "response_format is no strict json_schema with a plain name",
                ));
            }
            (
                asked.model,
                asked.messages,
                asked.temperature,
                asked.max_tokens,
                format.json_schema.schema,
            )
        }
    };
    if model != received.model {
        return Err(refused(404, format!("model '{model}' not found")));
    }
    if !(0.0..=2.0).contains(&temperature) || tokens == 0 {
        return Err(refused(
            400,
            "temperature or the number of tokens is out of range",
        ));
    }
    strict(&schema).map_err(|problem| refused(400, problem))?;
    match messages.as_slice() {
        [system, user] if system.role == "system" && user.role == "user" => Ok(Asked {
            system: system.content.clone(),
            user: user.content.clone(),
        }),
        _ => Err(refused(400, "a question is a system's message and a user's")),
    }
}

fn routing(wire: Wire, provider: Option<&Routing>) -> Result<(), Refusal> {
    match (wire, provider) {
        (Wire::OpenAi, Some(_)) => Err(refused(400, "Unrecognized request argument supplied: provider")),
        (Wire::OpenRouter, Some(routing))
            if routing.require_parameters && routing.data_collection == "deny" =>
        {
            Ok(())
        }
        (Wire::OpenRouter, _) => Err(refused(
            400,
            "a provider might keep the question, or not keep to the schema",
        )),
        _ => Ok(()),
    }
}

/// OpenAI docs, "Structured outputs", "Supported schemas": every property is required and there are no others.
fn strict(schema: &Value) -> Result<(), String> {
    let properties = schema["properties"]
        .as_object()
        .ok_or("the schema is of no object")?;
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let all = properties.keys().all(|name| required.contains(&name.as_str()));
    if schema["type"] != "object" || schema["additionalProperties"] != false || !all {
        return Err(
            "'additionalProperties' is required to be false, and all properties to be required".to_owned(),
        );
    }
    Ok(())
}
