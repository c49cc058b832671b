//! What the sweep is for: a delivery that was answered and then got lost.

use crate::aws::SQS;
use crate::jobs::World;
use crate::paths::text;
use anyhow::Context;
use checkmill_core::CommitSha;
use checkmill_testkit::Outcome;
use serde_json::json;

const MAPPINGS: &str = "/2015-03-31/event-source-mappings/";

/// A push whose message disappears from the queue before plan sees it.
pub(crate) async fn lose_a_message(world: &World<'_>) -> anyhow::Result<CommitSha> {
    let aws = &world.stack.emulator.aws;
    let mappings = aws.get("lambda", MAPPINGS).await?;
    let first = mappings["EventSourceMappings"]
        .get(0)
        .context("there is no event source mapping")?;
    let mapping = format!("{MAPPINGS}{}", text(first, "UUID")?);
    aws.put("lambda", &mapping, &json!({ "Enabled": false })).await?;
    let sha = world.push_one("to be lost")?;
    let answered = world.github.try_wait_for("the webhook's answer", |state| {
        let all = state
            .deliveries
            .iter()
            .filter(|delivery| delivery.event == "push");
        all.clone()
            .all(|delivery| matches!(delivery.outcome, Outcome::Answered { status: 202, .. }))
            .then_some(())
    });
    answered.await.map_err(|expired| anyhow::anyhow!("{expired}"))?;
    aws.call(
        SQS,
        "PurgeQueue",
        &json!({ "QueueUrl": world.stack.outputs.queue_url }),
    )
    .await?;
    aws.put("lambda", &mapping, &json!({ "Enabled": true })).await?;
    Ok(sha)
}

pub(crate) async fn is_recovered(world: &World<'_>, sha: &CommitSha) -> anyhow::Result<()> {
    world.quick_ends(sha).await
}
