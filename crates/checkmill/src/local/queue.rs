//! The queue in this process. It needs no durability of its own: a delivery is queued again from its row.

use async_trait::async_trait;
use checkmill_core::Millis;
use checkmill_phases::PhaseError;
use checkmill_phases::backoff;
use checkmill_phases::ports::{PlanMessage, Queue, QueueError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Debug, Clone)]
pub(crate) struct LocalQueue {
    sender: mpsc::UnboundedSender<Queued>,
    sent: Arc<AtomicU64>,
}

#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) message: PlanMessage,
    tries: u32,
}

#[derive(Debug)]
pub(crate) struct Receiver(mpsc::UnboundedReceiver<Queued>);

impl LocalQueue {
    /// What is refused for good is not brought again: the sweep comes to it as to any other delivery that stayed in the queue.
    pub(crate) const REFUSED_FOR: Millis = Millis(0);

    #[must_use]
    pub(crate) fn new() -> (Self, Receiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (
            Self {
                sender,
                sent: Arc::default(),
            },
            Receiver(receiver),
        )
    }

    /// Messages sent so far, retries not counted.
    #[must_use]
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Delivers a message again that failed so, on the schedule of SQS; whether it does: one that failed too often, or for
    /// good, is left to the sweep.
    pub(crate) fn retry(&self, mut queued: Queued, error: &PhaseError) -> bool {
        queued.tries += 1;
        let wait = backoff::wait(error, queued.tries).filter(|_| queued.tries < backoff::TRIES);
        let Some(wait) = wait else {
            tracing::error!(delivery = %queued.message.delivery, tries = queued.tries, "a delivery is left to the sweep");
            return false;
        };
        let delay = Duration::from_millis(wait.0);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // A closed queue means that the process is ending; the row is still there.
            let _ = sender.send(queued);
        });
        true
    }
}

impl Receiver {
    /// The next message; none when every sender is gone.
    pub(crate) async fn next(&mut self) -> Option<Queued> {
        self.0.recv().await
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, message: &PlanMessage) -> Result<(), QueueError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        let queued = Queued {
            message: message.clone(),
            tries: 0,
        };
        self.sender
            .send(queued)
            .map_err(|_| QueueError("the process is ending".to_owned()))
    }
}
