//! The App's own webhook deliveries. GitHub docs, "List deliveries for an app webhook" and "Redeliver a delivery for an app
//! webhook": both take the App's JWT only.

use super::api::{Api, json};
use super::http::Request;
use super::retry::Repeat;
use super::timestamp;
use crate::forge::{AttemptId, DeliveryAttempt, DeliveryLog, ForgeError};
use checkmill_core::UnixMillis;
use http::Method;
use serde::Deserialize;

/// GitHub docs: at most 100 a page.
const PER_PAGE: usize = 100;

#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    guid: String,
    delivered_at: String,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    status_code: u16,
    event: String,
    #[serde(default)]
    action: Option<String>,
}

pub(super) async fn list(api: &Api<'_>, since: UnixMillis, limit: usize) -> Result<DeliveryLog, ForgeError> {
    let what = "the App's webhook deliveries";
    let mut log = DeliveryLog::default();
    let mut read = 0;
    let mut next = Some(api.at(&format!("/app/hook/deliveries?per_page={PER_PAGE}")));
    while let Some(url) = next {
        if read >= limit {
            return Ok(log);
        }
        let page = api.call_as_app(&Request::get(url)).await;
        let page = page.map_err(|failure| failure.into_forge(what))?;
        let listed: Vec<Listed> = json(&page.body).map_err(|failure| failure.into_forge(what))?;
        // A page counts whole, so that short ones can't make many requests of it.
        read += PER_PAGE;
        if listed.is_empty() {
            break;
        }
        for one in listed {
            // What can't be read is not worth the others.
            let (Some(at), Ok(guid)) = (timestamp::parse(&one.delivered_at), one.guid.parse()) else {
                continue;
            };
            if at < since {
                log.complete = true;
                return Ok(log);
            }
            log.attempts.push(DeliveryAttempt {
                id: AttemptId(one.id),
                delivery: guid,
                at,
                first: !one.redelivery,
                // No answer at all has a code that is no success, too.
                succeeded: (200..400).contains(&one.status_code),
                event: one.event,
                action: one.action,
            });
        }
        next = api.next_page(&page.headers);
    }
    log.complete = true;
    Ok(log)
}

pub(super) async fn redeliver(api: &Api<'_>, attempt: AttemptId) -> Result<(), ForgeError> {
    let url = api.at(&format!("/app/hook/deliveries/{attempt}/attempts"));
    let request = Request::send(Method::POST, url, &serde_json::json!({}), Repeat::Once);
    let asked = api.call_as_app(&request).await;
    asked
        .map(drop)
        .map_err(|failure| failure.into_forge(&format!("the webhook delivery {attempt}")))
}
