//! The webhook's secrets, as the phases take them.

use super::StartError;
use crate::ssm::{Parameter, ParameterError, Parameters};
use checkmill_github::webhook::WebhookSecrets;
use checkmill_phases::token::CallbackKeys;

/// The parameters that [`Parameters::webhook_secrets`] and [`Parameters::callback_keys`] read.
pub(super) const WEBHOOK: [Parameter; 2] = [Parameter::WebhookSecret, Parameter::WebhookSecretPrevious];

impl Parameters {
    /// The secrets that verify webhooks: ask each time, the values are kept for a while.
    ///
    /// # Errors
    /// [`ParameterError`].
    pub async fn webhook_secrets(&self) -> Result<WebhookSecrets, ParameterError> {
        let current = self.required(Parameter::WebhookSecret).await?;
        let previous = self.optional(Parameter::WebhookSecretPrevious).await?;
        // A blank secret counts as missing, so this one is not blank.
        WebhookSecrets::new(current, previous).map_err(|error| ParameterError::Refused {
            names: Parameter::WebhookSecret.name().to_owned(),
            fault: error.to_string(),
        })
    }

    /// The keys of the callbacks' tokens, which are derived from the same secrets.
    ///
    /// # Errors
    /// [`ParameterError`].
    pub async fn callback_keys(&self) -> Result<CallbackKeys, ParameterError> {
        Ok(CallbackKeys::derive(&self.webhook_secrets().await?))
    }

    /// Reads the webhook's secrets so that the first event finds them. A missing one is an error now; a Parameter Store that
    /// can't be reached is asked again by the first event.
    ///
    /// # Errors
    /// [`StartError`] where no later try can be better.
    pub async fn warm_up(&self) -> Result<(), StartError> {
        match self.webhook_secrets().await {
            Ok(_) => Ok(()),
            Err(error @ ParameterError::Transient(_)) => {
                tracing::warn!(%error, "the secrets could not be read while starting");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
