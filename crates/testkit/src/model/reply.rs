//! Answers as the providers have them. Sources: Ollama docs, "API"; OpenRouter docs, "API reference" and "Errors"; OpenAI's
//! API reference.

use super::Wire;
use serde_json::{Value, json};

/// An answer that ended for this reason, in the provider's own words where they differ.
pub(super) fn answer(wire: Wire, model: &str, text: &str, reason: &str) -> Value {
    match wire {
        Wire::Ollama => json!({
            "model": model,
            "created_at": "2026-11-20T21:43:23.123456789Z",
            "message": { "role": "assistant", "content": text },
            "done": true,
            "done_reason": reason,
            "total_duration": 4_883_583_458_u64,
            "load_duration": 1_334_875,
            "prompt_eval_count": 26,
            "prompt_eval_duration": 342_546_000,
            "eval_count": 282,
            "eval_duration": 4_535_599_000_u64,
        }),
        Wire::OpenRouter | Wire::OpenAi => completion(
            wire,
            model,
            reason,
            &json!({
                "role": "assistant", "content": text, "refusal": null,
            }),
        ),
    }
}

/// A refusal of the model's own.
pub(super) fn refusal(model: &str, text: &str) -> Value {
    completion(
        Wire::OpenAi,
        model,
        "stop",
        &json!({
            "role": "assistant", "content": null, "refusal": text,
        }),
    )
}

fn completion(wire: Wire, model: &str, reason: &str, message: &Value) -> Value {
    let mut completion = json!({
        "id": "gen-1763676203-x",
        "object": "chat.completion",
        "created": 1_763_676_203,
        "model": model,
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": reason }],
        "usage": { "prompt_tokens": 26, "completion_tokens": 282, "total_tokens": 308 },
    });
    if wire == Wire::OpenRouter {
        completion["provider"] = "Somebody".into();
        completion["choices"][0]["native_finish_reason"] = reason.into();
    }
    completion
}

pub(super) fn error(wire: Wire, status: u16, message: &str) -> Value {
    match wire {
        Wire::Ollama => json!({ "error": message }),
        Wire::OpenRouter => json!({ "error": { "code": status, "message": message } }),
        Wire::OpenAi => json!({
            "error": { "message": message, "type": "invalid_request_error", "param": null, "code": "some_code" },
        }),
    }
}
