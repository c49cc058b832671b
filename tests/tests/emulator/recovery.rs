//! What the sweep is for: a delivery that is known and got lost.

use crate::jobs::World;
use anyhow::ensure;
use checkmill_core::CommitSha;
use serde_json::json;

const ROLE: (&str, &str) = ("RoleName", "checkmill-webhook");
const DENIAL: (&str, &str) = ("PolicyName", "no-queue");

/// A push whose delivery is written down and never queued, because the queue refuses it. GitHub hears of the failure and,
/// as it always does, leaves it at that.
pub(crate) async fn lose_a_delivery(world: &World<'_>) -> anyhow::Result<CommitSha> {
    let aws = &world.stack.emulator.aws;
    let statement = json!([{ "Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*" }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let denied = [ROLE, DENIAL, ("PolicyDocument", &document)];
    aws.form("iam", "PutRolePolicy", &denied).await?;
    let sha = world.push_one("to be lost")?;
    let (status, body) = world.answer_to_push(&sha).await?;
    aws.form("iam", "DeleteRolePolicy", &[ROLE, DENIAL]).await?;
    ensure!(status >= 500, "the webhook was answered with {status}: {body}");
    Ok(sha)
}

pub(crate) async fn is_recovered(world: &World<'_>, sha: &CommitSha) -> anyhow::Result<()> {
    world.quick_ends(sha).await
}
