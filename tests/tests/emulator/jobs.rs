//! What a user sees: webhooks go in, checks come out.

use crate::aws::{DYNAMODB, SQS, STATES};
use crate::paths::text;
use crate::repository::{MAINTAINER, Repository};
use crate::stack::Stack;
use crate::wait;
use anyhow::{Context, bail, ensure};
use checkmill_core::{CheckRunId, CommitSha, Conclusion, DeliveryId};
use checkmill_testkit::{CheckRun, FakeGitHub, Fault, Outcome, Route, Status};
use serde_json::{Value, json};
use std::time::Duration;

/// One job for each way of ending. `after` shows that an output travels and that the next job starts by itself.
const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  good:
    runs-on: self-hosted
    outputs:
      word: ${{ steps.read.outputs.word }}
    steps:
      - uses: actions/checkout@v4
      - id: read
        run: |
          echo "word=$(cat greeting.txt)" >> "$GITHUB_OUTPUT"
          echo "read it"
      - name: Nothing of the function's environment reaches a job
        run: test -z "${AWS_SECRET_ACCESS_KEY}${AWS_SESSION_TOKEN}${CHECKMILL_TABLE}"
  after:
    needs: good
    runs-on: self-hosted
    steps:
      - run: echo "the word is ${{ needs.good.outputs.word }}"
  bad:
    runs-on: self-hosted
    steps:
      - name: Count
        run: |
          echo "one two three"
          exit 3
  slow:
    runs-on: self-hosted
    timeout-minutes: 0.1
    steps:
      - run: sleep 600
  stopped:
    runs-on: self-hosted
    steps:
      - run: sleep 600
"#;

const QUICK: &str = r"
name: Quick
on: push
jobs:
  only:
    runs-on: self-hosted
    steps:
      - run: true
";

/// The name and the greeting of the first push.
const GREETING: &str = "hello from the emulator";

/// The stack, the GitHub that it reports to, and a repository there.
pub(crate) struct World<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) github: &'a FakeGitHub,
    pub(crate) repository: &'a Repository,
}

impl World<'_> {
    pub(crate) fn push_one(&self, message: &str) -> anyhow::Result<CommitSha> {
        let files = [(".checkmill/workflows/ci.yml", QUICK), ("greeting.txt", message)];
        self.repository.push(self.github, message, &files)
    }

    pub(crate) fn push_all_kinds(&self) -> anyhow::Result<CommitSha> {
        let files = [
            (".checkmill/workflows/ci.yml", WORKFLOW),
            ("greeting.txt", GREETING),
        ];
        self.repository.push(self.github, "One job of each kind", &files)
    }

    /// A push whose one check ends soon: what was sent before it has been taken when it ends.
    pub(crate) async fn quick_push(&self, message: &str) -> anyhow::Result<()> {
        let sha = self.push_one(message)?;
        self.quick_ends(&sha).await
    }

    pub(crate) async fn quick_ends(&self, sha: &CommitSha) -> anyhow::Result<()> {
        self.ends(sha, "Quick / only", Conclusion::Success)
            .await
            .map(drop)
    }

    /// Waits for the check to exist at this commit and to be what `look` wants.
    async fn check<T>(
        &self,
        sha: &CommitSha,
        name: &str,
        mut look: impl FnMut(&CheckRun) -> Option<T>,
    ) -> anyhow::Result<T> {
        let what = format!("the check {name:?}");
        let found = self.github.try_wait_for(&what, |state| {
            state
                .check_runs
                .values()
                .find(|run| run.head_sha == *sha && run.name == name)
                .and_then(&mut look)
        });
        match found.await {
            Ok(found) => Ok(found),
            Err(expired) => bail!("{expired}\n{}", self.stack.diagnosis().await),
        }
    }

    /// Waits for the check's end and holds its conclusion.
    pub(crate) async fn ends(
        &self,
        sha: &CommitSha,
        name: &str,
        as_what: Conclusion,
    ) -> anyhow::Result<CheckRun> {
        let run = self
            .check(sha, name, |run| run.conclusion.is_some().then(|| run.clone()))
            .await?;
        ensure!(
            run.conclusion == Some(as_what),
            "{}, not {}: {:?}",
            run.line(),
            as_what.as_str(),
            run.output
        );
        Ok(run)
    }

    /// The job's whole log is in the bucket, under the job's id, and holds none of the job's tokens.
    pub(crate) async fn log_is_kept(&self, name: &str, sha: &CommitSha) -> anyhow::Result<()> {
        let job = self.check(sha, name, |run| run.external_id.clone()).await?;
        let run = job.split('-').next().unwrap_or_default();
        let bucket = &self.stack.outputs.log_bucket;
        let log = self
            .stack
            .emulator
            .aws
            .get_text("s3", &format!("/{bucket}/runs/{run}/{job}/1/log.txt"))
            .await?;
        ensure!(
            log.contains("read it"),
            "the log does not hold what the job printed: {log}"
        );
        // Installation tokens begin so; callback tokens are `cm1.` and two parts more.
        for token in ["ghs_", "cm1."] {
            ensure!(!log.contains(token), "the log holds a token: {log}");
        }
        Ok(())
    }

    /// Clicks "Cancel" once the job runs.
    pub(crate) async fn cancel(&self, sha: &CommitSha, name: &str) -> anyhow::Result<()> {
        let id: CheckRunId = self
            .check(sha, name, |run| {
                (run.status == Status::InProgress && !run.actions.is_empty()).then_some(run.id)
            })
            .await?;
        self.github.click_button(id, "cancel", MAINTAINER)?;
        Ok(())
    }

    /// GitHub's name for the push of this commit.
    fn delivery_of(&self, sha: &CommitSha) -> anyhow::Result<DeliveryId> {
        self.github
            .read(|state| {
                let of_push = state.deliveries.iter().find(|delivery| {
                    delivery.event == "push" && String::from_utf8_lossy(&delivery.body).contains(sha.as_str())
                });
                of_push.map(|delivery| delivery.guid.clone())
            })
            .context("the fake GitHub made no push webhook")
    }

    /// Waits for the answer to this attempt of the webhook: status and body.
    async fn answer(&self, guid: &DeliveryId, redelivery: bool) -> anyhow::Result<(u16, String)> {
        let answer = self.github.try_wait_for("the webhook's answer", |state| {
            let mut attempts = state.deliveries.iter();
            let attempt = attempts.find(|one| one.guid == *guid && one.redelivery == redelivery)?;
            match &attempt.outcome {
                Outcome::Answered { status, body } => Some((*status, body.clone())),
                Outcome::Failed { cause } => Some((0, cause.clone())),
                _ => None,
            }
        });
        answer.await.map_err(|expired| anyhow::anyhow!("{expired}"))
    }

    pub(crate) async fn answer_to_push(&self, sha: &CommitSha) -> anyhow::Result<(u16, String)> {
        self.answer(&self.delivery_of(sha)?, false).await
    }

    pub(crate) async fn is_accepted(&self, sha: &CommitSha) -> anyhow::Result<()> {
        let (status, body) = self.answer_to_push(sha).await?;
        ensure!(status == 202, "the webhook was answered with {status}: {body}");
        Ok(())
    }

    /// "Redeliver": the same webhook once more. Nothing may come of it.
    pub(crate) async fn redeliver(&self, sha: &CommitSha) -> anyhow::Result<()> {
        let guid = self.delivery_of(sha)?;
        let executions = self.executions().await?;
        let checks = self.github.check_runs(&self.repository.name)?.len();
        self.github.redeliver(&guid)?;
        let (status, body) = self.answer(&guid, true).await?;
        ensure!(status == 202, "the redelivery was answered with {status}: {body}");
        self.quick_push("after the redelivery").await?;
        let new_executions = self.executions().await? - executions;
        let new_checks = self.github.check_runs(&self.repository.name)?.len() - checks;
        ensure!(
            (new_executions, new_checks) == (1, 1),
            "the redelivery and one job gave {new_executions} executions and {new_checks} checks"
        );
        Ok(())
    }

    pub(crate) async fn executions(&self) -> anyhow::Result<usize> {
        Ok(self.executions_that_are(None).await?.len())
    }

    async fn executions_that_are(&self, status: Option<&str>) -> anyhow::Result<Vec<Value>> {
        let mut request =
            json!({ "stateMachineArn": self.stack.outputs.state_machine_arn, "maxResults": 1000 });
        if let Some(status) = status {
            request["statusFilter"] = json!(status);
        }
        let page = self
            .stack
            .emulator
            .aws
            .call(STATES, "ListExecutions", &request)
            .await?;
        Ok(page
            .get("executions")
            .and_then(Value::as_array)
            .context("no executions")?
            .clone())
    }

    /// A delivery that GitHub kept from being planned comes back in seconds, not after the queue's twelve minutes.
    pub(crate) async fn planned_again(&self) -> anyhow::Result<()> {
        // All the tries of the first request for the workflow files.
        for _ in 0..3 {
            self.github.fail_next(Route::GraphQl, Fault::Status(502));
        }
        let before = self.github.requests(Route::GraphQl);
        self.quick_push("GitHub is away for a moment").await?;
        let asked = self.github.requests(Route::GraphQl) - before;
        ensure!(asked >= 4, "the workflow files were asked for {asked} times");
        Ok(())
    }

    /// What nobody can plan goes to the dead-letter queue after nine tries, and holds nothing else up.
    pub(crate) async fn poison(&self) -> anyhow::Result<()> {
        let aws = &self.stack.emulator.aws;
        let queue = &self.stack.outputs.queue_url;
        // Twelve minutes between two tries are right for AWS and too long for a test.
        self.set_visibility("1").await?;
        let poison = "{\"delivery\": {}}";
        aws.call(
            SQS,
            "SendMessage",
            &json!({ "QueueUrl": queue, "MessageBody": poison }),
        )
        .await?;
        self.quick_push("beside the poison").await?;
        let receive = json!({ "QueueUrl": self.stack.outputs.dead_letter_queue_url, "WaitTimeSeconds": 20 });
        let dead = wait::until("the dead letter", Duration::from_secs(90), async || {
            let got = aws.call(SQS, "ReceiveMessage", &receive).await?;
            let first = got.get("Messages").and_then(|messages| messages.get(0)).cloned();
            Ok(first.ok_or_else(|| "an empty dead-letter queue".to_owned()))
        })
        .await
        .with_context(|| self.stack.emulator.log_tail())?;
        ensure!(text(&dead, "Body")? == poison, "another message is dead: {dead}");
        let handle = json!({ "QueueUrl": self.stack.outputs.dead_letter_queue_url, "ReceiptHandle": dead["ReceiptHandle"] });
        aws.call(SQS, "DeleteMessage", &handle).await?;
        self.set_visibility("720").await
    }

    async fn set_visibility(&self, seconds: &str) -> anyhow::Result<()> {
        let attributes = json!({
            "QueueUrl": self.stack.outputs.queue_url,
            "Attributes": { "VisibilityTimeout": seconds },
        });
        self.stack
            .emulator
            .aws
            .call(SQS, "SetQueueAttributes", &attributes)
            .await
            .map(drop)
    }

    /// Nothing is left open: checks, executions, messages, dead letters, processes.
    pub(crate) async fn is_quiet(&self) -> anyhow::Result<()> {
        wait::until("all executions to end", Duration::from_secs(60), async || {
            let running = self.executions_that_are(Some("RUNNING")).await?;
            Ok(if running.is_empty() {
                Ok(())
            } else {
                Err(json!(running).to_string())
            })
        })
        .await?;
        let failed = self.executions_that_are(Some("FAILED")).await?;
        ensure!(failed.is_empty(), "executions failed: {}", json!(failed));
        for queue in [
            &self.stack.outputs.queue_url,
            &self.stack.outputs.dead_letter_queue_url,
        ] {
            let request = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
            let attributes = self
                .stack
                .emulator
                .aws
                .call(SQS, "GetQueueAttributes", &request)
                .await?;
            for name in [
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ] {
                ensure!(
                    attributes["Attributes"][name] == "0",
                    "messages are left in {queue}: {attributes}"
                );
            }
        }
        let left = self.github.leftovers();
        ensure!(left.is_empty(), "left over on GitHub:\n{}", left.join("\n"));
        self.no_open_rows().await?;
        Ok(())
    }

    /// The index of open rows is what the sweep works on: an idle system owes nobody anything.
    async fn no_open_rows(&self) -> anyhow::Result<()> {
        let scan = json!({ "TableName": self.stack.outputs.table, "IndexName": "open" });
        let open = self.stack.emulator.aws.call(DYNAMODB, "Scan", &scan).await?;
        ensure!(open["Count"] == 0, "rows are still open: {}", open["Items"]);
        Ok(())
    }
}

/// What the failing job's check tells its reader.
pub(crate) fn tells_the_failure(run: &CheckRun) -> anyhow::Result<()> {
    let output = format!("{:?} {:?}", run.output.summary, run.output.text);
    for needed in ["Count", "one two three", "3"] {
        ensure!(
            output.contains(needed),
            "the check does not say {needed:?}: {output}"
        );
    }
    Ok(())
}
