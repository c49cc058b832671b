//! The emulator enforces the functions' roles, with two gaps: it asks for these actions on any resource, whatever resource
//! the request names, where AWS asks on the parameters or the state machine. A role that has the action gets it on any
//! resource here; one that lacks it is still refused. (That the real policies name their resources is the module's test.)

use crate::aws::Aws;
use anyhow::Context;
use serde_json::{Value, json};

const GAPS: [&str; 2] = ["ssm:GetParameters", "states:SendTaskSuccess"];
const POLICY: &str = "emulator-gaps";
/// Policies that are no function's.
const OTHERS: [&str; 2] = ["state_machine", "schedule"];

/// `policies` is the stack's output: a policy document for each role.
pub(crate) async fn fill_gaps(aws: &Aws, policies: &Value) -> anyhow::Result<()> {
    for (function, actions) in functions(policies)? {
        if actions.is_empty() {
            continue;
        }
        let statement = json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
        let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let role = format!("checkmill-{function}");
        let form = [
            ("RoleName", role.as_str()),
            ("PolicyName", POLICY),
            ("PolicyDocument", &document),
        ];
        aws.form("iam", "PutRolePolicy", &form).await?;
    }
    Ok(())
}

/// Takes back what Terraform does not know of.
pub(crate) async fn reopen_gaps(aws: &Aws, policies: &Value) -> anyhow::Result<()> {
    for (function, actions) in functions(policies)? {
        if !actions.is_empty() {
            let role = format!("checkmill-{function}");
            aws.form(
                "iam",
                "DeleteRolePolicy",
                &[("RoleName", &role), ("PolicyName", POLICY)],
            )
            .await?;
        }
    }
    Ok(())
}

/// The functions, each with those of its actions that fall into a gap.
fn functions(policies: &Value) -> anyhow::Result<Vec<(String, Vec<&'static str>)>> {
    let policies = policies.as_object().context("the policies are no map")?;
    let own = policies
        .iter()
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()));
    own.map(|(name, document)| {
        let document: Value = serde_json::from_str(document.as_str().context("a policy is no text")?)?;
        let statements = document["Statement"]
            .as_array()
            .context("a policy has no statements")?;
        let actions: Vec<&Value> = statements
            .iter()
            .filter_map(|s| s["Action"].as_array())
            .flatten()
            .collect();
        let gaps = GAPS
            .into_iter()
            .filter(|gap| actions.iter().any(|action| *action == gap));
        Ok((name.clone(), gaps.collect()))
    })
    .collect()
}
