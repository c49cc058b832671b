//! The log bucket's policy refuses what does not come over TLS. The emulator enforces it, as AWS does, and is reached over
//! plain HTTP: the policy is lifted while the functions work, and back in its place whenever Terraform looks.

use crate::aws::Aws;
use anyhow::{Context, ensure};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct TlsOnly {
    path: String,
    policy: Value,
}

impl TlsOnly {
    /// Lifts the policy that Terraform gave the bucket; an error where it has none or another one.
    pub(crate) async fn lift(aws: &Aws, bucket: &str) -> anyhow::Result<Self> {
        let path = format!("/{bucket}?policy");
        let policy = aws
            .get("s3", &path)
            .await
            .context("the log bucket has no policy")?;
        let statement = &policy["Statement"][0];
        ensure!(
            statement["Effect"] == "Deny" && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false",
            "the log bucket's policy is not about TLS: {policy}"
        );
        let lifted = Self { path, policy };
        lifted.again(aws).await?;
        Ok(lifted)
    }

    pub(crate) async fn again(&self, aws: &Aws) -> anyhow::Result<()> {
        aws.delete("s3", &self.path).await
    }

    pub(crate) async fn restore(&self, aws: &Aws) -> anyhow::Result<()> {
        aws.put("s3", &self.path, &self.policy).await
    }
}
