//! Step Functions behind the Engine port.

use crate::fault::Fault;
use async_trait::async_trait;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::RequestId;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use checkmill_core::execution::{ExecutionInput, ExecutionName};
use checkmill_phases::ports::{Engine, EngineError};

/// A cause of a stop. AWS docs: 32,768 characters.
const CAUSE_CHARS: usize = 1000;

/// The one state machine of a deployment.
#[derive(Debug, Clone)]
pub struct SfnEngine {
    client: Client,
    state_machine: String,
    /// ARN of an execution up to its name.
    execution_prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the ARN of a state machine, which reads arn:aws:states:REGION:ACCOUNT:stateMachine:NAME"
)]
pub struct InvalidArn(String);

impl SfnEngine {
    /// # Errors
    /// [`InvalidArn`].
    pub fn new(client: Client, state_machine_arn: &str) -> Result<Self, InvalidArn> {
        Ok(Self {
            client,
            state_machine: state_machine_arn.to_owned(),
            execution_prefix: execution_prefix(state_machine_arn)
                .ok_or_else(|| InvalidArn(state_machine_arn.to_owned()))?,
        })
    }

    fn execution(&self, name: &ExecutionName) -> String {
        format!("{}{name}", self.execution_prefix)
    }
}

/// `arn:PARTITION:states:REGION:ACCOUNT:stateMachine:NAME` as `arn:PARTITION:states:REGION:ACCOUNT:execution:NAME:`.
fn execution_prefix(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", partition, "states", region, account, "stateMachine", name] if !name.is_empty() => Some(
            format!("arn:{partition}:states:{region}:{account}:execution:{name}:"),
        ),
        _ => None,
    }
}

fn engine_error(fault: &Fault) -> EngineError {
    match fault {
        Fault::Transient(what) => EngineError::Transient(format!("Step Functions: {what}")),
        Fault::Refused { .. } => EngineError::Refused(format!("Step Functions: {fault}")),
    }
}

/// The outcome of a call, with one of these refusals taken as a success.
fn settled<T, E: ProvideErrorMetadata>(
    result: Result<T, SdkError<E, HttpResponse>>,
    fine: &[&str],
) -> Result<Option<T>, EngineError> {
    match result {
        Ok(output) => Ok(Some(output)),
        Err(error) => {
            let fault = Fault::of(&error);
            if fine.iter().any(|code| fault.is(code)) {
                Ok(None)
            } else {
                Err(engine_error(&fault))
            }
        }
    }
}

#[async_trait]
impl Engine for SfnEngine {
    /// The same input gives the same text, and AWS takes a name with the same input as the execution that is there. An
    /// ended one, and any on an emulator, is `ExecutionAlreadyExists`.
    async fn start(&self, input: &ExecutionInput) -> Result<(), EngineError> {
        let text = serde_json::to_string(input)
            .map_err(|error| EngineError::Refused(format!("the input can't be written: {error}")))?;
        let request = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine)
            .name(input.name().to_string())
            .input(text);
        let started = settled(request.send().await, &["ExecutionAlreadyExists"])?;
        tracing::info!(
            execution = %input.name(),
            request = started.as_ref().and_then(RequestId::request_id),
            already = started.is_none(),
            "an execution was started"
        );
        Ok(())
    }

    async fn is_running(&self, name: &ExecutionName) -> Result<bool, EngineError> {
        let request = self
            .client
            .describe_execution()
            .execution_arn(self.execution(name));
        let known = settled(request.send().await, &["ExecutionDoesNotExist"])?;
        Ok(known.is_some_and(|execution| {
            [ExecutionStatus::Running, ExecutionStatus::PendingRedrive].contains(&execution.status)
        }))
    }

    async fn stop(&self, name: &ExecutionName, cause: &str) -> Result<(), EngineError> {
        let request = self
            .client
            .stop_execution()
            .execution_arn(self.execution(name))
            .error("Checkmill.Stopped")
            .cause(cause.chars().take(CAUSE_CHARS).collect::<String>());
        settled(request.send().await, &["ExecutionDoesNotExist"]).map(drop)
    }

    async fn wake(&self, task_token: &str) -> Result<(), EngineError> {
        let request = self
            .client
            .send_task_success()
            .task_token(task_token)
            .output("{}");
        let fine = ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"];
        settled(request.send().await, &fine).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executions_arn_follows_from_the_state_machines() {
        for (arn, expected) in [
            (
                "arn:aws:states:eu-central-1:123456789012:stateMachine:checkmill-job",
                Some("arn:aws:states:eu-central-1:123456789012:execution:checkmill-job:"),
            ),
            (
                "arn:aws-cn:states:cn-north-1:1:stateMachine:x",
                Some("arn:aws-cn:states:cn-north-1:1:execution:x:"),
            ),
            ("arn:aws:states:eu-central-1:1:stateMachine:x:7", None),
            ("arn:aws:states:eu-central-1:1:stateMachine:", None),
            ("arn:aws:states:eu-central-1:1:activity:x", None),
            ("checkmill-job", None),
            ("", None),
        ] {
            assert_eq!(execution_prefix(arn).as_deref(), expected, "{arn}");
        }
    }

    use crate::scripted::Scripted;
    use checkmill_core::AttemptNumber;

    fn engine(script: &Scripted) -> SfnEngine {
        SfnEngine::new(
            script.connection().sfn(),
            "arn:aws:states:eu-central-1:1:stateMachine:m",
        )
        .unwrap()
    }

    fn input() -> ExecutionInput {
        ExecutionInput {
            job: "0123456789abcdef-01234567".parse().unwrap(),
            attempt: AttemptNumber(2),
            generation: 1,
        }
    }

    const STARTED: &str = r#"{"executionArn":"arn:x","startDate":1.0}"#;

    fn error(code: &str) -> String {
        format!(r#"{{"__type":"{code}","message":"words"}}"#)
    }

    #[tokio::test]
    async fn a_start_names_the_execution_and_one_that_is_there_is_a_success() {
        let script = Scripted::new([(200, STARTED), (400, &error("ExecutionAlreadyExists"))]);
        let engine = engine(&script);
        engine.start(&input()).await.unwrap();
        engine.start(&input()).await.unwrap();
        let asked = script.asked();
        assert_eq!(asked[0], asked[1], "the same name and the same input");
        insta::assert_snapshot!(asked[0], @r#"StartExecution {"stateMachineArn":"arn:aws:states:eu-central-1:1:stateMachine:m","name":"0123456789abcdef-01234567-2-1","input":"{\"job\":\"0123456789abcdef-01234567\",\"attempt\":2,\"generation\":1}"}"#);
    }

    #[tokio::test]
    async fn refusals_and_faults_are_told_apart() {
        for (code, expected) in [
            (
                "StateMachineDoesNotExist",
                "the state machine's engine refuses: Step Functions: StateMachineDoesNotExist: words",
            ),
            (
                "InvalidName",
                "the state machine's engine refuses: Step Functions: InvalidName: words",
            ),
        ] {
            let script = Scripted::new([(400, error(code).as_str())]);
            assert_eq!(
                engine(&script).start(&input()).await.unwrap_err().to_string(),
                expected
            );
            assert_eq!(script.asked().len(), 1, "a refusal is not asked again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_tried_three_times_and_then_transient() {
        let throttled = error("ThrottlingException");
        let script = Scripted::new(vec![(400, throttled.as_str()); 3]);
        let error = engine(&script).start(&input()).await.unwrap_err();
        assert!(matches!(error, EngineError::Transient(_)), "{error}");
        assert_eq!(script.asked().len(), 3);
        let script = Scripted::new([(503, ""), (200, STARTED)]);
        engine(&script).start(&input()).await.unwrap();
    }

    #[tokio::test]
    async fn only_a_running_execution_runs() {
        for (status, body, running) in [
            (
                200,
                r#"{"executionArn":"a","stateMachineArn":"m","startDate":1.0,"status":"RUNNING"}"#.to_owned(),
                true,
            ),
            (
                200,
                r#"{"executionArn":"a","stateMachineArn":"m","startDate":1.0,"status":"FAILED"}"#.to_owned(),
                false,
            ),
            (400, error("ExecutionDoesNotExist"), false),
        ] {
            let script = Scripted::new([(status, body.as_str())]);
            assert_eq!(
                engine(&script).is_running(&input().name()).await,
                Ok(running),
                "{body}"
            );
            insta::allow_duplicates! {
                insta::assert_snapshot!(script.asked()[0], @r#"DescribeExecution {"executionArn":"arn:aws:states:eu-central-1:1:execution:m:0123456789abcdef-01234567-2-1"}"#);
            }
        }
    }

    #[tokio::test]
    async fn stopping_or_waking_what_is_gone_is_a_success() {
        let script = Scripted::new([
            (200, r#"{"stopDate":1.0}"#),
            (400, &error("ExecutionDoesNotExist")),
        ]);
        for _ in 0..2 {
            engine(&script)
                .stop(&input().name(), &"long ".repeat(1000))
                .await
                .unwrap();
        }
        assert!(script.asked()[0].len() < 1200, "the cause is cut");
        for code in ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"] {
            let script = Scripted::new([(400, error(code).as_str())]);
            engine(&script).wake("token").await.unwrap();
            assert_eq!(
                script.asked(),
                [r#"SendTaskSuccess {"taskToken":"token","output":"{}"}"#]
            );
        }
        let script = Scripted::new([(400, error("AccessDeniedException").as_str())]);
        assert!(matches!(
            engine(&script).wake("token").await,
            Err(EngineError::Refused(_))
        ));
    }
}
