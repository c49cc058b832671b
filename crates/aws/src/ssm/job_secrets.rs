//! What people keep for jobs, in the Parameter Store: `{prefix}/secrets/OWNER` and `{prefix}/secrets/OWNER/REPOSITORY`.

use super::GetParameters;
use crate::fault::Fault;
use async_trait::async_trait;
use checkmill_core::RepoName;
use checkmill_phases::ports::{SecretFiles, Secrets, StoreError};

/// Read anew for each job: one request, which costs nothing.
#[derive(Debug, Clone)]
pub struct JobSecrets {
    get: GetParameters,
    prefix: String,
}

impl JobSecrets {
    /// `prefix` is that of the deployment's own parameters.
    #[must_use]
    pub fn new(get: GetParameters, prefix: &str) -> Self {
        Self {
            get,
            prefix: format!("{}/secrets", prefix.trim_end_matches('/')),
        }
    }
}

#[async_trait]
impl Secrets for JobSecrets {
    async fn of(&self, repo: &RepoName) -> Result<SecretFiles, StoreError> {
        // In lower case: GitHub's names know none, those of parameters do.
        let owner = format!("{}/{}", self.prefix, repo.owner().to_ascii_lowercase());
        let repository = format!("{owner}/{}", repo.name().to_ascii_lowercase());
        let found = self.get.call(vec![owner.clone(), repository.clone()]).await;
        let found = found.map_err(|error| match Fault::of(&error) {
            Fault::Transient(what) => StoreError::Transient(format!(
                "the Parameter Store could not be reached or failed: {what}"
            )),
            fault @ Fault::Refused { .. } => StoreError::Corrupt(format!(
                "the Parameter Store refuses to read {owner} and {repository}: {fault}"
            )),
        })?;
        let mut files = SecretFiles::default();
        for parameter in found {
            if parameter.name == owner {
                files.owner = Some(parameter.value);
            } else if parameter.name == repository {
                files.repository = Some(parameter.value);
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;
    use secrecy::ExposeSecret;

    async fn of(script: &Scripted) -> Result<SecretFiles, StoreError> {
        let secrets = JobSecrets::new(script.connection().ssm(), "/checkmill/");
        secrets.of(&"Octo/Hello".parse().unwrap()).await
    }

    #[tokio::test]
    async fn one_request_reads_the_owners_and_the_repositorys() {
        let answer = r#"{"Parameters": [{"Name": "/checkmill/secrets/octo/hello", "Value": "{}"}],
            "InvalidParameters": ["/checkmill/secrets/octo"]}"#;
        let script = Scripted::new([(200, answer)]);
        let files = of(&script).await.unwrap();
        assert!(files.owner.is_none());
        assert_eq!(files.repository.unwrap().expose_secret(), "{}");
        insta::assert_snapshot!(script.asked().join("\n"), @r#"GetParameters {"Names":["/checkmill/secrets/octo","/checkmill/secrets/octo/hello"],"WithDecryption":true}"#);
    }

    #[tokio::test]
    async fn a_refusal_names_what_could_not_be_read() {
        let script = Scripted::new([(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#)]);
        let error = of(&script).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(_)), "{error}");
        assert!(
            error.to_string().contains("/checkmill/secrets/octo/hello"),
            "{error}"
        );
    }
}
