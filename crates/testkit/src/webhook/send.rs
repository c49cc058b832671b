//! Sends a webhook over HTTP, as GitHub does: one try, no redelivery, and no more than ten seconds' patience.

use crate::client;
use crate::state::delivery::{Delivery, Outcome};
use http::Method;
use std::time::Duration;

/// GitHub docs: a server must answer within 10 seconds, or the delivery failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts to an `http://host[:port]/path` address.
pub(crate) async fn send(url: &str, delivery: &Delivery) -> Outcome {
    let headers = delivery.headers();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let exchange = client::send(Method::POST, url, &headers, delivery.body.clone());
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(answer)) => Outcome::Answered {
            status: answer.status,
            body: answer.text(),
        },
        Ok(Err(error)) => Outcome::Failed {
            cause: error.to_string(),
        },
        Err(_) => Outcome::Failed {
            cause: "timed out".to_owned(),
        },
    }
}
