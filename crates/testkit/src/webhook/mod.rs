//! Webhooks: which App gets which, their payloads, signing and sending.

pub(crate) mod payload;
pub(crate) mod send;

use crate::error::FakeError;
use crate::history::What;
use crate::json::accounts::installation_stub;
use crate::state::State;
use crate::state::account::App;
use crate::state::delivery::{Delivery, Outcome};
use crate::state::permission::{Access, Permission};
use bytes::Bytes;
use checkmill_core::{DeliveryId, InstallationId, RepositoryId};
use ring::hmac;
use serde_json::Value;

/// GitHub docs: payloads are capped at 25 MB; no delivery is made for a larger one.
const PAYLOAD_BYTES: usize = 25 * 1024 * 1024;

/// Something that GitHub tells Apps about.
pub(crate) struct Webhook {
    pub(crate) event: &'static str,
    pub(crate) action: Option<&'static str>,
    /// Without `installation`, which differs by receiver.
    pub(crate) payload: Value,
    /// See [`Delivery::echo`].
    pub(crate) echo: bool,
}

/// `X-Hub-Signature-256` of a body. GitHub docs, "Validating webhook deliveries".
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Whether an App hears of an event. GitHub docs, "Webhook events and payloads": those of installations go to every App,
/// those of checks to every App with write access to checks.
fn subscribed(app: &App, event: &str) -> bool {
    match event {
        "installation" | "installation_repositories" | "ping" => true,
        "check_run" | "check_suite" => app.permissions.allow(Permission::Checks, Access::Write),
        other => app.events.contains(other),
    }
}

impl State {
    /// Tells every App that has access to the repository, or just `only`.
    pub(crate) fn emit(
        &mut self,
        repository: RepositoryId,
        only: Option<u64>,
        webhook: &Webhook,
    ) -> Vec<DeliveryId> {
        if webhook.echo && !self.echoes {
            return Vec::new();
        }
        let repo = self.repo_by_id(repository);
        let receivers: Vec<(u64, InstallationId)> = self
            .installations
            .values()
            .filter(|i| {
                i.suspended_at.is_none() && only.is_none_or(|app| app == i.app) && self.covers(i, repo)
            })
            .filter(|i| {
                self.apps
                    .get(&i.app)
                    .is_some_and(|app| subscribed(app, webhook.event))
            })
            .map(|i| (i.app, i.id))
            .collect();
        let organization = self.organization_json(repo.name.owner());
        let deliver = |(app, installation)| {
            let mut payload = webhook.payload.clone();
            if let Some(organization) = &organization {
                payload["organization"] = organization.clone();
            }
            payload["installation"] = installation_stub(installation);
            self.deliver(app, Some(installation), Some(repository), webhook, &payload)
        };
        receivers.into_iter().filter_map(deliver).collect()
    }

    /// Makes one delivery; the shell around the state sends it. None where the payload is too large.
    pub(crate) fn deliver(
        &mut self,
        app: u64,
        installation: Option<InstallationId>,
        repository: Option<RepositoryId>,
        webhook: &Webhook,
        payload: &Value,
    ) -> Option<DeliveryId> {
        let body = Bytes::from(payload.to_string());
        let guid = self.next_guid();
        let at = self.now();
        let mut delivery = Delivery {
            id: 0,
            guid: guid.clone(),
            app,
            event: webhook.event.to_owned(),
            action: webhook
                .action
                .or_else(|| payload["action"].as_str())
                .map(str::to_owned),
            installation,
            repository,
            signature: sign(&self.webhook_secret, &body),
            body,
            made_at: at,
            redelivery: false,
            echo: webhook.echo,
            outcome: Outcome::Pending,
        };
        if delivery.body.len() > PAYLOAD_BYTES {
            self.webhook_note(&delivery, "not made: larger than 25 MB");
            return None;
        }
        delivery.id = self.next_id("delivery", 8000);
        self.webhook_note(&delivery, "made");
        self.deliveries.push(delivery);
        Some(guid)
    }

    /// Delivers the same body under the same `X-GitHub-Delivery` once more; gives the new attempt's id.
    pub(crate) fn redeliver_attempt(&mut self, id: u64) -> Result<u64, FakeError> {
        let missing = || FakeError::NoDelivery(id.to_string());
        let first = self.deliveries.iter().find(|d| d.id == id).ok_or_else(missing)?;
        let mut again = first.clone();
        again.id = self.next_id("delivery", 8000);
        again.made_at = self.now();
        again.redelivery = true;
        again.outcome = Outcome::Pending;
        // GitHub signs with the secret of today, which may have been rotated.
        again.signature = sign(&self.webhook_secret, &again.body);
        self.webhook_note(&again, "made again");
        let new_id = again.id;
        self.deliveries.push(again);
        Ok(new_id)
    }

    pub(crate) fn webhook_note(&mut self, delivery: &Delivery, what: &str) {
        let entry = What::Webhook {
            kind: delivery.kind(),
            guid: delivery.guid.to_string(),
            what: what.to_owned(),
        };
        let at = self.now();
        self.history.push(at, entry);
    }

    pub(crate) fn note(&mut self, text: String) {
        let at = self.now();
        self.history.push(at, What::Note(text));
    }
}
