//! Faults that a test asks for: what a network and a busy GitHub do.

use super::reply::{Refusal, Reply};
use super::route::Route;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Semaphore;

#[derive(Debug, Clone)]
pub enum Fault {
    /// This status with GitHub's error shape; nothing is carried out.
    Status(u16),
    /// The request is carried out, but the connection is closed before the answer.
    DropAnswerAfterEffect,
    /// The connection is closed and nothing is carried out.
    DropBeforeEffect,
    /// The request waits at the point, and is carried out when released.
    HoldBefore(SyncPoint),
    /// The request is carried out and the answer waits at the point.
    HoldAfter(SyncPoint),
    /// A 403 with `x-ratelimit-remaining: 0`, the limit being renewed after this many seconds.
    PrimaryRateLimit { resets_in_secs: u64 },
    /// GitHub docs: a 403 or 429; `Retry-After` may be absent.
    SecondaryRateLimit {
        status: u16,
        retry_after_secs: Option<u64>,
    },
    /// A 200 whose body is cut short and not JSON.
    GarbledAnswerAfterEffect,
}

/// A place where a request stops until the test lets it go on. Clones are the same place.
#[derive(Debug, Clone)]
pub struct SyncPoint {
    reached: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Default for SyncPoint {
    fn default() -> Self {
        Self::new()
    }
}

impl SyncPoint {
    #[must_use]
    pub fn new() -> Self {
        Self {
            reached: Arc::new(Semaphore::new(0)),
            released: Arc::new(Semaphore::new(0)),
        }
    }

    /// Waits until a request stands here. Each request is seen once.
    pub async fn reached(&self) {
        if let Ok(permit) = self.reached.acquire().await {
            permit.forget();
        }
    }

    /// Lets one request go on, the waiting one or the next to come.
    pub fn release(&self) {
        self.released.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.reached.add_permits(1);
        if let Ok(permit) = self.released.acquire().await {
            permit.forget();
        }
    }
}

/// Which requests a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    Route(Route),
    Any,
}

impl From<Route> for Selector {
    fn from(route: Route) -> Self {
        Self::Route(route)
    }
}

/// Faults to come, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<(Selector, Fault)>);

impl Faults {
    pub(crate) fn add(&mut self, selector: Selector, fault: Fault) {
        self.0.push_back((selector, fault));
    }

    /// Takes the oldest fault that hits this route.
    pub(crate) fn take(&mut self, route: Option<Route>) -> Option<Fault> {
        let hits = |(selector, _): &(Selector, Fault)| match selector {
            Selector::Any => true,
            Selector::Route(wanted) => Some(*wanted) == route,
        };
        let index = self.0.iter().position(hits)?;
        self.0.remove(index).map(|(_, fault)| fault)
    }

    /// Faults that nothing has met.
    pub(crate) fn unmet(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .map(|(selector, fault)| format!("{fault:?} for {selector:?}"))
    }
}

/// The answer of a fault that needs no more than that. `now_secs` is the fake's time.
pub(crate) fn reply(fault: &Fault, now_secs: u64) -> Option<Reply> {
    match fault {
        Fault::Status(status) => Some(Refusal::new(*status, standard_message(*status)).into_reply()),
        Fault::PrimaryRateLimit { resets_in_secs } => Some(
            Refusal::new(
                403,
                "API rate limit exceeded for installation. If you reach out to GitHub Support for help, please include the request ID.",
            )
            .header("x-ratelimit-limit", "5000")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", (now_secs + resets_in_secs).to_string())
            .header("x-ratelimit-resource", "core")
            .into_reply(),
        ),
        Fault::SecondaryRateLimit {
            status,
            retry_after_secs,
        } => {
            let mut refusal = Refusal::new(
                *status,
                "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            );
            if let Some(secs) = retry_after_secs {
                refusal = refusal.header("retry-after", secs.to_string());
            }
            Some(refusal.into_reply())
        }
        Fault::DropAnswerAfterEffect
        | Fault::DropBeforeEffect
        | Fault::HoldBefore(_)
        | Fault::HoldAfter(_)
        | Fault::GarbledAnswerAfterEffect => None,
    }
}

/// Half a JSON object, as from a proxy that gave up.
pub(crate) fn garbled(reply: &Reply) -> Reply {
    let mut cut = Reply::json(200, &json!({}));
    cut.body = reply.body.slice(..reply.body.len() / 2);
    cut.message = Some("garbled on purpose".to_owned());
    cut
}

fn standard_message(status: u16) -> &'static str {
    match status {
        401 => "Bad credentials",
        403 => "Resource not accessible by integration",
        404 => "Not Found",
        422 => "Validation Failed",
        500 => "Server Error",
        502 => "Bad Gateway",
        503 => "Service unavailable",
        504 => "We couldn't respond to your request in time.",
        _ => "Injected",
    }
}
