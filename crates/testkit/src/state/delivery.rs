//! Webhooks, from the moment GitHub makes them.

use bytes::Bytes;
use checkmill_core::{DeliveryId, InstallationId, RepositoryId, UnixMillis};

/// One delivery of a webhook to an App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of this attempt; a redelivery has its own.
    pub id: u64,
    /// `X-GitHub-Delivery`: a redelivery has that of the first.
    pub guid: DeliveryId,
    pub app: u64,
    /// `X-GitHub-Event`.
    pub event: String,
    pub action: Option<String>,
    pub installation: Option<InstallationId>,
    pub repository: Option<RepositoryId>,
    pub body: Bytes,
    /// `X-Hub-Signature-256`: `sha256=` and hexadecimal digits.
    pub signature: String,
    pub made_at: UnixMillis,
    pub redelivery: bool,
    /// An echo of what the App itself did (see `Options::echoes`): nobody need consume it.
    pub echo: bool,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Made, not sent.
    Pending,
    /// Handed to the test, which delivers it itself or drops it.
    Handed,
    /// On its way.
    Sending,
    Answered {
        status: u16,
        body: String,
    },
    /// No answer: refused connection, lost answer, or longer than the 10 seconds GitHub waits.
    Failed {
        cause: String,
    },
}

impl Delivery {
    /// All headers of the request, as GitHub sends them, but for those of the transport.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("accept", "*/*".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("user-agent", "GitHub-Hookshot/fake".to_owned()),
            ("x-github-delivery", self.guid.to_string()),
            ("x-github-event", self.event.clone()),
            ("x-github-hook-id", (400_000_000 + self.app).to_string()),
            ("x-github-hook-installation-target-id", self.app.to_string()),
            ("x-github-hook-installation-target-type", "integration".to_owned()),
            ("x-hub-signature-256", self.signature.clone()),
        ]
    }

    /// `event` or `event.action`.
    #[must_use]
    pub fn kind(&self) -> String {
        match &self.action {
            Some(action) => format!("{}.{action}", self.event),
            None => self.event.clone(),
        }
    }

    /// The payload, parsed.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the fake wrote it as JSON")
    }
}
