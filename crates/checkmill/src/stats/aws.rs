//! A table on AWS: the only thing that the command has to do with the network of AWS, and a feature, because its stack is a
//! tenth of the first build.

use anyhow::bail;
use checkmill_aws::clock::SystemClock;
use checkmill_aws::connection::{AwsSettings, Connection};
use checkmill_aws::dynamodb::DynamoStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table on AWS, with what the environment says of region, credentials and endpoint.
pub(super) fn open(table: &str) -> anyhow::Result<DynamoStore> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let settings = aws_settings(&variables)?;
    let client = Connection::new(settings).dynamodb();
    Ok(DynamoStore::new(client, table, Arc::new(SystemClock)))
}

fn aws_settings(variables: &BTreeMap<String, String>) -> anyhow::Result<AwsSettings> {
    let find = |names: &[&str]| {
        let found = names.iter().find_map(|name| variables.get(*name));
        found.filter(|value| !value.is_empty()).cloned()
    };
    let (region, id, secret) = (
        find(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        find(&["AWS_ACCESS_KEY_ID"]),
        find(&["AWS_SECRET_ACCESS_KEY"]),
    );
    let (Some(region), Some(access_key_id), Some(secret)) = (region, id, secret) else {
        bail!(
            "--table needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment (and AWS_SESSION_TOKEN for \
             temporary credentials). `aws configure export-credentials --format env` prints them for a profile."
        );
    };
    Ok(AwsSettings {
        region,
        access_key_id,
        secret_access_key: secret.into(),
        session_token: find(&["AWS_SESSION_TOKEN"]).map(Into::into),
        endpoint_url: find(&["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_from_the_environment_or_are_asked_for() {
        let mut variables: BTreeMap<String, String> = [
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let refused = aws_settings(&variables).unwrap_err().to_string();
        assert!(refused.contains("AWS_SECRET_ACCESS_KEY"), "{refused}");
        variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "secret".to_owned());
        let settings = aws_settings(&variables).unwrap();
        assert_eq!(
            (settings.region.as_str(), settings.endpoint_url),
            ("eu-central-1", None)
        );
    }
}
