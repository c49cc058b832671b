//! Receive: believe a delivery, normalise it, write its row, queue it, answer. In this order, so that a delivery is never
//! lost: a row that was not queued is queued by the next delivery of the same id, or by the sweep.

use crate::error::PhaseError;
use crate::ports::{Clock, DeliveryState, Inbox, PlanMessage, Queue};
use checkmill_core::Event;
use checkmill_core::limits::WEBHOOK_BODY_BYTES;
use checkmill_github::webhook::{Parsed, WebhookSecrets, parse_for_app};

pub struct Receive<'a> {
    pub deliveries: &'a dyn Inbox,
    pub queue: &'a dyn Queue,
    pub clock: &'a dyn Clock,
    pub secrets: &'a WebhookSecrets,
    /// Our App's number; checks of other Apps are ignored.
    pub app_id: Option<u64>,
}

/// A webhook call: the headers that matter, and the body's bytes as GitHub signed them.
#[derive(Debug, Clone, Copy)]
pub struct WebhookRequest<'a> {
    /// `X-GitHub-Event`.
    pub event: Option<&'a str>,
    /// `X-GitHub-Delivery`.
    pub delivery: Option<&'a str>,
    /// `X-Hub-Signature-256`.
    pub signature: Option<&'a str>,
    pub body: &'a [u8],
}

/// What GitHub is told, and shows in the App's list of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAnswer {
    pub status: u16,
    pub message: String,
}

fn answer(status: u16, message: impl Into<String>) -> WebhookAnswer {
    WebhookAnswer {
        status,
        message: message.into(),
    }
}

impl Receive<'_> {
    /// Answers one webhook call: 202 when the delivery is safe or ignored (with the reason), 200 for a ping, 400 without a
    /// signature or with an unreadable body, 401 for a wrong signature, 413 for a body over GitHub's own limit, 503 when the
    /// store or the queue failed and the delivery may be lost unless it is sent again.
    pub async fn handle(&self, request: &WebhookRequest<'_>) -> WebhookAnswer {
        if request.body.len() > WEBHOOK_BODY_BYTES {
            let limit = format!(
                "the body has {} bytes; GitHub sends at most {WEBHOOK_BODY_BYTES}",
                request.body.len()
            );
            return answer(413, limit);
        }
        if let Err(error) = self.secrets.verify(request.body, request.signature) {
            tracing::warn!(%error, delivery = request.delivery, "a webhook call was refused");
            return answer(error.status(), error.to_string());
        }
        let (Some(name), Some(delivery)) = (request.event, request.delivery) else {
            return answer(400, "the headers X-GitHub-Event and X-GitHub-Delivery are needed");
        };
        match parse_for_app(name, delivery, request.body, self.clock.now(), self.app_id) {
            Ok(Parsed::Ping) => answer(200, "pong"),
            Ok(Parsed::Ignored { reason }) => {
                tracing::info!(event = name, delivery, reason, "a delivery was ignored");
                answer(202, format!("ignored: {reason}"))
            }
            Ok(Parsed::Event(event)) => match self.accept(&event).await {
                Ok(message) => answer(202, message),
                Err(error) => {
                    tracing::error!(delivery, %error, "a delivery could not be kept");
                    answer(
                        503,
                        "the delivery could not be kept; it will be tried again, or redeliver it",
                    )
                }
            },
            Err(error) => {
                tracing::warn!(event = name, delivery, %error, "a delivery can't be read");
                answer(400, error.to_string())
            }
        }
    }

    /// Keeps and queues an event; what was done, in words.
    ///
    /// # Errors
    /// As [`accept`].
    pub async fn accept(&self, event: &Event) -> Result<&'static str, PhaseError> {
        accept(self.deliveries, self.queue, event).await
    }
}

/// Keeps and queues an event; what was done, in words.
///
/// # Errors
/// The store's or the queue's; calling again with the same event is safe.
pub async fn accept<I: Inbox + ?Sized>(
    deliveries: &I,
    queue: &dyn Queue,
    event: &Event,
) -> Result<&'static str, PhaseError> {
    match deliveries.record(event).await? {
        // One that was given up and is delivered again gets another chance.
        DeliveryState::Received | DeliveryState::Failed { .. } => {
            queue
                .send(&PlanMessage {
                    delivery: event.delivery.clone(),
                })
                .await?;
            deliveries
                .advance(&event.delivery, &DeliveryState::Enqueued)
                .await?;
            tracing::info!(delivery = %event.delivery, event = event.name(), repository = %event.repository.name,
                "a delivery was queued");
            Ok("queued")
        }
        DeliveryState::Enqueued => Ok("queued before"),
        DeliveryState::Planned => Ok("planned before"),
    }
}
