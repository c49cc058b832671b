//! The queue of deliveries: what the webhook sends, and a batch as Lambda hands it to the planner.

use crate::fault::Fault;
use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use checkmill_core::Millis;
use checkmill_phases::ports::{PlanMessage, Queue, QueueError};
use checkmill_phases::{PhaseError, backoff};

/// SQS: a message can be made invisible for at most twelve hours.
const LONGEST_WAIT: Millis = Millis::from_minutes(12 * 60);

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

    /// Makes a received message visible again after `wait` rather than after the queue's own timeout. `receipt` is the handle
    /// that this receive of it gave.
    ///
    /// # Errors
    /// SQS's; the message then comes back after the queue's timeout.
    pub async fn postpone(&self, receipt: &str, wait: Millis) -> Result<(), QueueError> {
        let wait_secs = wait.min(LONGEST_WAIT).as_secs_ceil();
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(wait_secs).unwrap_or(i32::MAX))
            .send()
            .await
            .map(drop)
            .map_err(|error| QueueError(format!("SQS: {}", Fault::of(&error))))
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
/// after the queue's limit go to the dead letters. What may succeed soon comes back on the schedule of [`backoff`]; the
/// rest, and a message that is not a [`PlanMessage`], after the queue's own timeout: it never gets better, and the dead
/// letters are where somebody looks at it.
///
/// # Errors
/// [`NamelessMessage`]: SQS gives every message an id, so this is an event that somebody made by hand.
pub async fn each_message(
    event: &SqsEvent,
    queue: &SqsQueue,
    mut handle: impl AsyncFnMut(PlanMessage) -> Result<(), PhaseError>,
) -> Result<SqsBatchResponse, NamelessMessage> {
    let mut response = SqsBatchResponse::default();
    for message in &event.records {
        match read(message) {
            Ok(plan) => {
                let delivery = plan.delivery.clone();
                let Err(error) = handle(plan).await else { continue };
                match backoff::wait(&error, tries(message)) {
                    Some(wait) => {
                        tracing::warn!(%delivery, %error, tries = tries(message), wait_ms = wait.0, "a delivery comes again");
                        come_back(queue, message, wait).await;
                    }
                    None => tracing::error!(%delivery, %error, "a delivery could not be planned"),
                }
            }
            Err(error) => {
                tracing::error!(
                    message_id = message.message_id,
                    error,
                    "a message of the queue can't be read"
                );
            }
        }
        let id = message.message_id.as_ref().filter(|id| !id.is_empty());
        response.add_failure(id.ok_or(NamelessMessage)?);
    }
    Ok(response)
}

/// The receives of a message so far, this one included, as SQS counts them.
fn tries(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

async fn come_back(queue: &SqsQueue, message: &SqsMessage, wait: Millis) {
    let Some(receipt) = &message.receipt_handle else {
        return;
    };
    if let Err(error) = queue.postpone(receipt, wait).await {
        // Not lost: it comes back with the queue's timeout.
        tracing::warn!(message_id = message.message_id, %error, "a message could not be made visible sooner");
    }
}

fn read(message: &SqsMessage) -> Result<PlanMessage, String> {
    let body = message.body.as_deref().ok_or("it has no body")?;
    serde_json::from_str(body).map_err(|error| format!("its body is none of ours: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_github::forge::ForgeError;
    use checkmill_phases::ports::StoreError;

    const URL: &str = "http://emulator.invalid/1/deliveries";

    /// A batch of messages: id, body, receives so far.
    fn event(records: &[(&str, &str, u32)]) -> SqsEvent {
        let records: Vec<_> = records
            .iter()
            .map(|(id, body, receives)| {
                serde_json::json!({
                    "messageId": id,
                    "receiptHandle": format!("receipt of {id}"),
                    "body": body,
                    "attributes": { "ApproximateReceiveCount": receives.to_string() },
                })
            })
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    /// What each message's delivery asks for in its name.
    fn verdict(delivery: &str) -> Result<(), PhaseError> {
        let limited = |retry_after| ForgeError::RateLimited {
            retry_after,
            message: String::new(),
        };
        match delivery {
            "conflict" => Err(StoreError::Conflict.into()),
            "limited" => Err(limited(Millis::from_secs(90)).into()),
            "refused" => Err(ForgeError::Forbidden("no".to_owned()).into()),
            _ => Ok(()),
        }
    }

    /// The ids of the messages that failed, the deliveries that were handled, and what SQS was asked.
    async fn handled(
        event: &SqsEvent,
        answers: &[(u16, &'static str)],
    ) -> (Vec<String>, Vec<String>, Vec<String>) {
        let script = crate::scripted::Scripted::new(answers.iter().copied());
        let queue = SqsQueue::new(script.connection().sqs(), URL);
        let mut seen = Vec::new();
        let response = each_message(event, &queue, async |message: PlanMessage| {
            seen.push(message.delivery.to_string());
            verdict(message.delivery.as_str())
        })
        .await
        .unwrap();
        let failed = response.batch_item_failures.into_iter();
        (failed.map(|f| f.item_identifier).collect(), seen, script.asked())
    }

    #[tokio::test]
    async fn only_what_failed_comes_again() {
        let event = event(&[
            ("m-1", r#"{"delivery":"good"}"#, 1),
            ("m-2", r#"{"delivery":"refused"}"#, 1),
            ("m-3", "poison", 1),
            ("m-4", r#"{"delivery":"also-good","more":1}"#, 1),
            ("m-5", r#"{"delivery":"late-good"}"#, 1),
        ]);
        let (failed, seen, asked) = handled(&event, &[]).await;
        assert_eq!(failed, ["m-2", "m-3", "m-4"]);
        assert_eq!(seen, ["good", "refused", "late-good"]);
        // What does not get better waits out the queue's own timeout.
        assert_eq!(asked, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_may_pass_soon_is_back_soon() {
        let event = event(&[
            ("m-1", r#"{"delivery":"conflict"}"#, 1),
            ("m-2", r#"{"delivery":"conflict"}"#, 4),
            ("m-3", r#"{"delivery":"limited"}"#, 1),
        ]);
        let (failed, _, asked) = handled(&event, &[(200, "{}"); 3]).await;
        assert_eq!(failed, ["m-1", "m-2", "m-3"]);
        insta::assert_snapshot!(asked.join("\n"), @r#"
        ChangeMessageVisibility {"QueueUrl":"http://emulator.invalid/1/deliveries","ReceiptHandle":"receipt of m-1","VisibilityTimeout":1}
        ChangeMessageVisibility {"QueueUrl":"http://emulator.invalid/1/deliveries","ReceiptHandle":"receipt of m-2","VisibilityTimeout":8}
        ChangeMessageVisibility {"QueueUrl":"http://emulator.invalid/1/deliveries","ReceiptHandle":"receipt of m-3","VisibilityTimeout":90}
        "#);
    }

    #[tokio::test]
    async fn a_message_that_can_not_be_hurried_still_fails_alone() {
        let gone = r#"{"__type":"com.amazonaws.sqs#MessageNotInflight","message":"it is not in flight"}"#;
        let event = event(&[
            ("m-1", r#"{"delivery":"conflict"}"#, 1),
            ("m-2", r#"{"delivery":"good"}"#, 1),
        ]);
        let (failed, seen, _) = handled(&event, &[(400, gone)]).await;
        assert_eq!(failed, ["m-1"]);
        assert_eq!(seen, ["conflict", "good"]);
    }

    #[tokio::test]
    async fn a_batch_that_went_well_names_nothing() {
        let good = event(&[("m-1", r#"{"delivery":"good"}"#, 1)]);
        assert_eq!(handled(&good, &[]).await.0, Vec::<String>::new());
        assert_eq!(handled(&event(&[]), &[]).await.0, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_failure_without_a_name_fails_the_batch() {
        let script = crate::scripted::Scripted::new([]);
        let queue = SqsQueue::new(script.connection().sqs(), URL);
        let handled = each_message(&event(&[("", "poison", 1)]), &queue, async |_| Ok(())).await;
        assert_eq!(handled.unwrap_err(), NamelessMessage);
    }

    #[test]
    fn the_queue_gives_as_many_tries_as_the_schedule_has() {
        let module = include_str!("../../../infra/modules/checkmill/queue.tf");
        let tries = format!("maxReceiveCount = {}\n", backoff::TRIES);
        assert!(module.contains(&tries), "queue.tf does not say {tries}");
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
