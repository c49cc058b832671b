//! From settings to adapters. A function asks for those that its phase uses; only their services are linked.

use crate::clock::SystemClock;
use crate::connection::Connection;
use crate::settings::{Settings, SettingsError, Variable};
use std::sync::Arc;

/// Why a function can't start; it does not get better by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[cfg(feature = "sfn")]
    #[error("CHECKMILL_STATE_MACHINE_ARN: {0}")]
    StateMachine(#[from] crate::sfn::InvalidArn),
    #[cfg(feature = "ssm")]
    #[error(transparent)]
    Parameter(#[from] crate::ssm::ParameterError),
    #[error(transparent)]
    GitHub(#[from] checkmill_github::settings::SettingsError),
    #[error("Lambda's Runtime API can't be spoken to: {0}")]
    Runtime(lambda_runtime::Error),
}

impl From<lambda_runtime::Error> for StartError {
    fn from(error: lambda_runtime::Error) -> Self {
        Self::Runtime(error)
    }
}

/// The adapters of this function's environment.
#[derive(Debug)]
pub struct Deployment {
    pub settings: Settings,
    pub clock: Arc<SystemClock>,
    #[cfg_attr(
        not(any(
            feature = "dynamodb",
            feature = "sqs",
            feature = "sfn",
            feature = "s3",
            feature = "ssm"
        )),
        expect(dead_code, reason = "a deployment without a service")
    )]
    connection: Connection,
}

impl Deployment {
    /// # Errors
    /// [`SettingsError`], all of them at once. `wanted` are the variables of the adapters that will be asked for.
    pub fn open(wanted: &[Variable]) -> Result<Self, SettingsError> {
        Ok(Self::new(Settings::of_process(wanted)?))
    }

    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            connection: Connection::new(settings.aws.clone()),
            clock: Arc::new(SystemClock),
            settings,
        }
    }

    /// Wants [`Variable::Table`].
    ///
    /// # Errors
    /// Where the variable was not wanted.
    #[cfg(feature = "dynamodb")]
    pub fn store(&self) -> Result<crate::dynamodb::DynamoStore, SettingsError> {
        let table = self.settings.get(Variable::Table)?;
        let clock = Arc::clone(&self.clock) as Arc<dyn checkmill_phases::ports::Clock>;
        Ok(crate::dynamodb::DynamoStore::new(
            self.connection.dynamodb(),
            table,
            clock,
        ))
    }

    /// Wants [`Variable::QueueUrl`].
    ///
    /// # Errors
    /// Where the variable was not wanted.
    #[cfg(feature = "sqs")]
    pub fn queue(&self) -> Result<crate::sqs::SqsQueue, SettingsError> {
        let url = self.settings.get(Variable::QueueUrl)?;
        Ok(crate::sqs::SqsQueue::new(self.connection.sqs(), url))
    }

    /// Opens the connection to the queue before it is needed. Wants [`Variable::QueueUrl`].
    ///
    /// # Errors
    /// Where the variable was not wanted.
    #[cfg(feature = "sqs")]
    pub async fn warm_up_queue(&self) -> Result<(), SettingsError> {
        self.connection.open(self.settings.get(Variable::QueueUrl)?).await;
        Ok(())
    }

    /// Wants [`Variable::StateMachineArn`].
    ///
    /// # Errors
    /// Where the variable was not wanted, or holds no ARN of a state machine.
    #[cfg(feature = "sfn")]
    pub fn engine(&self) -> Result<crate::sfn::SfnEngine, StartError> {
        let arn = self.settings.get(Variable::StateMachineArn)?;
        Ok(crate::sfn::SfnEngine::new(self.connection.sfn(), arn)?)
    }

    /// What the jobs of this deployment carry on their backends. Wants [`Variable::StateMachineArn`], whose account, region and
    /// name no other deployment has together.
    ///
    /// # Errors
    /// Where the variable was not wanted.
    pub fn id(&self) -> Result<checkmill_core::DeploymentId, SettingsError> {
        let arn = self.settings.get(Variable::StateMachineArn)?;
        Ok(checkmill_core::DeploymentId::derive(arn))
    }

    /// Wants [`Variable::Bucket`].
    ///
    /// # Errors
    /// Where the variable was not wanted.
    #[cfg(feature = "s3")]
    pub fn blobs(&self) -> Result<crate::s3::S3Blobs, SettingsError> {
        let bucket = self.settings.get(Variable::Bucket)?;
        Ok(crate::s3::S3Blobs::new(self.connection.s3(), bucket))
    }

    /// The webhook's secrets; the function's role may read them.
    #[cfg(feature = "ssm")]
    #[must_use]
    pub fn webhook_parameters(&self) -> crate::ssm::Parameters {
        self.parameters(&super::secrets::WEBHOOK)
    }

    /// What people keep for jobs.
    #[cfg(feature = "ssm")]
    #[must_use]
    pub fn job_secrets(&self) -> crate::ssm::JobSecrets {
        crate::ssm::JobSecrets::new(self.connection.ssm(), &self.settings.parameter_prefix)
    }

    #[cfg(feature = "ssm")]
    pub(super) fn parameters(&self, wanted: &[crate::ssm::Parameter]) -> crate::ssm::Parameters {
        let clock = Arc::clone(&self.clock) as Arc<dyn checkmill_phases::ports::Clock>;
        crate::ssm::Parameters::new(
            self.connection.ssm(),
            &self.settings.parameter_prefix,
            wanted,
            clock,
        )
    }

    /// GitHub, with the App's key from the Parameter Store. Wants [`Variable::AppId`].
    ///
    /// # Errors
    /// The key can't be read or is none, or the variable was not wanted.
    #[cfg(feature = "forge")]
    pub async fn forge(&self) -> Result<checkmill_github::client::GitHub, StartError> {
        use checkmill_github::client::{GitHub, GitHubSettings};
        use checkmill_phases::ports::Clock;
        let app_id = self.settings.app_id()?;
        let parameter = crate::ssm::Parameter::PrivateKey;
        let parameters = Arc::new(self.parameters(&[parameter]));
        let key = parameters.required(parameter).await?;
        let clock = Arc::clone(&self.clock);
        let mut settings = GitHubSettings::new(
            self.settings.api_url().clone(),
            app_id,
            key,
            Arc::new(move || clock.now()),
        );
        settings.key_source = Some(Arc::new(move || {
            let parameters = Arc::clone(&parameters);
            Box::pin(async move {
                let key = parameters.required(parameter).await;
                key.inspect_err(|error| tracing::warn!(%error, "the App's key can't be read again"))
                    .ok()
            })
        }));
        Ok(GitHub::new(settings)?)
    }

    /// The backends that jobs go to: the process backend where it is configured and may be (on an emulator), else one that
    /// takes no job and says on its check what to do.
    #[cfg(feature = "backends")]
    #[must_use]
    pub fn backends(&self) -> checkmill_backends::registry::Backends {
        use checkmill_backends::labels::{Labels, System};
        use checkmill_backends::registry::Backends;
        match self.process_backend() {
            Ok(backend) => Backends::only("process", Labels::Of(System::here()), Arc::new(backend)),
            Err(why) => {
                tracing::warn!(error = %why, "there is no backend: every job will be refused");
                Backends::single(
                    super::no_backend::NAME,
                    Arc::new(super::no_backend::NoBackend { why }),
                )
            }
        }
    }

    #[cfg(feature = "backends")]
    fn process_backend(
        &self,
    ) -> Result<checkmill_backends::process::ProcessBackend, checkmill_backends::port::BackendError> {
        use checkmill_backends::port::BackendError;
        use checkmill_backends::process::{AgentCommand, Host, ProcessBackend, ProcessSettings};
        use checkmill_phases::ports::Clock;
        let host = Host::detect(
            self.settings.runtime_api.as_deref(),
            self.settings.aws.endpoint_url.as_deref(),
        );
        let Some(process) = &self.settings.process else {
            let detail = host.refusal().unwrap_or(
                "no backend is configured: set CHECKMILL_PROCESS_ROOT and CHECKMILL_AGENT for the process backend",
            );
            return Err(BackendError::Refused {
                backend: super::no_backend::NAME.to_owned(),
                detail: detail.to_owned(),
            });
        };
        let environment: Vec<_> = std::env::vars_os().collect();
        let clock = Arc::clone(&self.clock);
        ProcessBackend::new(ProcessSettings::new(
            &process.root,
            AgentCommand::program(&process.agent),
            host,
            &environment,
            &[],
            Arc::new(move || clock.now()),
        ))
    }
}
