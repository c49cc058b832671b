//! The queue of deliveries: what the webhook sends, and a batch as Lambda hands it to the planner.

use crate::fault::Fault;
use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use checkmill_phases::ports::{PlanMessage, Queue, QueueError};
use std::fmt::Display;

/// A standard queue: order is of no use to deliveries, and a FIFO group stands still behind one bad message.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, message: &PlanMessage) -> Result<(), QueueError> {
        let body = serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .send()
            .await
            .map(drop)
            .map_err(|error| QueueError(format!("SQS: {}", Fault::of(&error))))
    }
}

/// A batch that can't be answered message by message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message failed and has no id, so the whole batch must come again")]
pub struct NamelessMessage;

/// Handles each message of a batch, one after the other, and names those that failed, so that only they come again, and
/// after the queue's limit go to the dead letters. A message that is not a [`PlanMessage`] fails like any other: it never
/// gets better, and the dead letters are where somebody looks at it.
///
/// # Errors
/// [`NamelessMessage`]: SQS gives every message an id, so this is an event that somebody made by hand.
pub async fn each_message<E: Display>(
    event: &SqsEvent,
    mut handle: impl AsyncFnMut(PlanMessage) -> Result<(), E>,
) -> Result<SqsBatchResponse, NamelessMessage> {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        let failure = match read(message) {
            Ok(plan) => {
                let delivery = plan.delivery.clone();
                handle(plan)
                    .await
                    .err()
                    .map(|error| format!("delivery {delivery}: {error}"))
            }
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            tracing::error!(
                message_id = message.message_id,
                error,
                "a message of the queue failed"
            );
            let id = message.message_id.as_ref().filter(|id| !id.is_empty());
            response.add_failure(id.ok_or(NamelessMessage)?);
        }
    }
    Ok(response)
}

fn read(message: &SqsMessage) -> Result<PlanMessage, String> {
    let body = message.body.as_deref().ok_or("it has no body")?;
    serde_json::from_str(body).map_err(|error| format!("its body is none of ours: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(records: &[(&str, &str)]) -> SqsEvent {
        let records: Vec<_> = records
            .iter()
            .map(|(id, body)| serde_json::json!({ "messageId": id, "body": body }))
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    async fn failures(event: &SqsEvent) -> (Vec<String>, Vec<String>) {
        let mut seen = Vec::new();
        let response = each_message(event, async |message: PlanMessage| {
            seen.push(message.delivery.to_string());
            if message.delivery.as_str() == "bad" {
                Err("no")
            } else {
                Ok(())
            }
        })
        .await
        .unwrap();
        let failed = response
            .batch_item_failures
            .into_iter()
            .map(|f| f.item_identifier)
            .collect();
        (failed, seen)
    }

    #[tokio::test]
    async fn only_what_failed_comes_again() {
        let event = event(&[
            ("m-1", r#"{"delivery":"good"}"#),
            ("m-2", r#"{"delivery":"bad"}"#),
            ("m-3", "poison"),
            ("m-4", r#"{"delivery":"also-good","more":1}"#),
            ("m-5", r#"{"delivery":"late-good"}"#),
        ]);
        let (failed, seen) = failures(&event).await;
        assert_eq!(failed, ["m-2", "m-3", "m-4"]);
        assert_eq!(seen, ["good", "bad", "late-good"]);
    }

    #[tokio::test]
    async fn a_batch_that_went_well_names_nothing() {
        assert_eq!(
            failures(&event(&[("m-1", r#"{"delivery":"good"}"#)])).await.0,
            Vec::<String>::new()
        );
        assert_eq!(failures(&event(&[])).await.0, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_failure_without_a_name_fails_the_batch() {
        let handled = each_message(&event(&[("", "poison")]), async |_| Ok::<(), &str>(())).await;
        assert_eq!(handled.unwrap_err(), NamelessMessage);
    }

    #[tokio::test]
    async fn a_message_is_the_deliverys_id() {
        let script = crate::scripted::Scripted::new([(200, r#"{"MessageId":"m"}"#)]);
        let queue = SqsQueue::new(script.connection().sqs(), "http://emulator.invalid/1/deliveries");
        let delivery = "d-1".parse().unwrap();
        queue.send(&PlanMessage { delivery }).await.unwrap();
        insta::assert_snapshot!(script.asked().join("\n"), @r#"SendMessage {"QueueUrl":"http://emulator.invalid/1/deliveries","MessageBody":"{\"delivery\":\"d-1\"}"}"#);
    }

    #[tokio::test]
    async fn a_refused_message_is_an_error_in_sqs_words() {
        let gone = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#;
        let script = crate::scripted::Scripted::new([(400, gone)]);
        let queue = SqsQueue::new(script.connection().sqs(), "http://emulator.invalid/1/deliveries");
        let delivery = "d-1".parse().unwrap();
        let error = queue.send(&PlanMessage { delivery }).await.unwrap_err();
        insta::assert_snapshot!(error, @"the queue did not take the message: SQS: QueueDoesNotExist: no such queue");
    }
}
