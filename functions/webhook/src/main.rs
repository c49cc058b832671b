//! The webhook function: verifies GitHub's webhooks and queues them.

use checkmill_aws::lambda::{self, Deployment, HttpAnswer, HttpCall, StartError, serve_http};
use checkmill_aws::settings::Variable;
use checkmill_aws::{dynamodb::DynamoStore, sqs::SqsQueue, ssm::Parameters};
use checkmill_phases::receive::{Receive, WebhookRequest};
use std::process::ExitCode;

/// Where GitHub posts: the paths that GitHub Apps before Checkmill were configured with.
const PATHS: [&str; 3] = ["/", "/webhook", "/api/github/webhooks"];

struct Webhook {
    deployment: Deployment,
    store: DynamoStore,
    queue: SqsQueue,
    secrets: Parameters,
    app_id: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::run(serve()).await
}

async fn serve() -> Result<(), StartError> {
    let deployment = Deployment::open(&[Variable::Table, Variable::QueueUrl, Variable::AppId])?;
    let webhook = Webhook {
        store: deployment.store()?,
        queue: deployment.queue()?,
        secrets: deployment.webhook_parameters(),
        app_id: deployment.settings.app_id()?.0,
        deployment,
    };
    let ((), queue, secrets) = tokio::join!(
        webhook.store.warm_up(),
        webhook.deployment.warm_up_queue(),
        webhook.secrets.warm_up()
    );
    queue?;
    secrets?;
    Ok(serve_http(|call| webhook.answer(call)).await?)
}

impl Webhook {
    async fn answer(&self, call: HttpCall) -> HttpAnswer {
        match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/healthz") => HttpAnswer::new(200, "ok"),
            ("POST", path) if PATHS.contains(&path) => self.receive(&call).await,
            (_, path) if PATHS.contains(&path) => HttpAnswer::new(405, "GitHub's webhooks are posted here"),
            _ => HttpAnswer::new(404, "there is nothing here; GitHub's webhooks are posted to /"),
        }
    }

    async fn receive(&self, call: &HttpCall) -> HttpAnswer {
        let Ok(secrets) = self.secrets.webhook_secrets().await else {
            return HttpAnswer::new(
                503,
                "the webhook's secret can't be read; the function's log says why",
            );
        };
        let receive = Receive {
            deliveries: &self.store,
            queue: &self.queue,
            clock: &*self.deployment.clock,
            secrets: &secrets,
            app_id: Some(self.app_id),
        };
        let request = WebhookRequest {
            event: call.header("X-GitHub-Event"),
            delivery: call.header("X-GitHub-Delivery"),
            signature: call.header("X-Hub-Signature-256"),
            body: &call.body,
        };
        let answer = receive.handle(&request).await;
        HttpAnswer::new(answer.status, answer.message)
    }
}
