//! The deployed stack: what `terraform apply` made, and where it is reached on the emulator.

use crate::aws::{LOGS, REGION, SSM};
use crate::copy::Copy;
use crate::emulator::Emulator;
use crate::plain;
use crate::roles;
use crate::settings::{Settings, TerraformSettings};
use crate::terraform::{Changes, Terraform};
use crate::tls::TlsOnly;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

pub(crate) const WEBHOOK_SECRET: &str = "a webhook secret of the emulator's test";
const PARAMETER_PREFIX: &str = "/checkmill";

/// What the stack needs of GitHub.
#[derive(Debug)]
pub(crate) struct App<'a> {
    pub(crate) id: u64,
    pub(crate) private_key_pem: &'a str,
    pub(crate) api_url: &'a str,
}

#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) emulator: Emulator,
    /// None where the stack was built without it.
    pub(crate) terraform: Option<Terraform>,
    /// The bucket policy that Terraform made, while it is lifted.
    tls_only: Option<TlsOnly>,
    pub(crate) outputs: Outputs,
    /// Where the process backend keeps its attempts.
    pub(crate) process_root: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Outputs {
    /// The webhook URL as this machine can reach it.
    pub(crate) webhook_url: String,
    pub(crate) queue_url: String,
    pub(crate) dead_letter_queue_url: String,
    pub(crate) state_machine_arn: String,
    pub(crate) table: String,
    pub(crate) log_bucket: String,
    /// The policy of each role.
    pub(crate) policies: Value,
}

impl Outputs {
    fn read(outputs: &Value, base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            webhook_url: format!("{base}/webhook"),
            queue_url: output(outputs, "queue_url")?.to_owned(),
            dead_letter_queue_url: output(outputs, "dead_letter_queue_url")?.to_owned(),
            state_machine_arn: output(outputs, "state_machine_arn")?.to_owned(),
            table: output(outputs, "table")?.to_owned(),
            log_bucket: output(outputs, "log_bucket")?.to_owned(),
            policies: outputs["policies"]["value"].clone(),
        })
    }
}

impl Stack {
    /// Starts an emulator and applies the example to it; `without_terraform` says why that is not done with Terraform.
    pub(crate) async fn up(
        settings: &Settings,
        app: &App<'_>,
        without_terraform: &mut Option<String>,
    ) -> anyhow::Result<Self> {
        let dir = settings.scratch.join("stack");
        let process_root = dir.join("attempts");
        fs::create_dir_all(&process_root)?;
        // AUTH: each function has the permissions of its role and no others, as on AWS.
        let emulator = Emulator::start(&settings.ministack, &dir, &[("AUTH", "true")])?;
        put_secrets(&emulator, app).await?;
        let copy = Copy::make(dir.join("repository"))?;
        let variables = json!({
            "region": REGION,
            "github_app_id": app.id.to_string(),
            "github_api_url": app.api_url,
            "parameter_prefix": PARAMETER_PREFIX,
            "functions_dir": settings.packages,
            "architecture": if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" },
            "deletion_protection": false,
            "extra_environment": {
                "CHECKMILL_PROCESS_ROOT": process_root,
                "CHECKMILL_AGENT": settings.programs.join("checkmill-agent"),
            },
        });
        let terraform = match ready(settings.terraform.as_ref(), &copy, &emulator).await {
            Ok(terraform) => Some(terraform),
            Err(why) => {
                *without_terraform = Some(why);
                None
            }
        };
        let built = match &terraform {
            Some(terraform) => apply(terraform, &emulator, variables).await,
            None => build(&copy, &emulator, variables).await,
        };
        let outputs = built.with_context(|| emulator.log_tail())?;
        roles::fill_gaps(&emulator.aws, &outputs.policies).await?;
        let tls_only = match &terraform {
            Some(_) => Some(TlsOnly::lift(&emulator.aws, &outputs.log_bucket).await?),
            None => None,
        };
        Ok(Self {
            emulator,
            terraform,
            tls_only,
            outputs,
            process_root,
        })
    }

    /// What Terraform would change about the stack it made; none without Terraform.
    pub(crate) async fn changes(&self) -> anyhow::Result<Option<Changes>> {
        let (Some(terraform), Some(tls_only)) = (&self.terraform, &self.tls_only) else {
            return Ok(None);
        };
        tls_only.restore(&self.emulator.aws).await?;
        let changes = terraform.plan().await;
        tls_only.again(&self.emulator.aws).await?;
        changes.map(Some)
    }

    /// What the emulator and the functions logged last, for a failure's report.
    pub(crate) async fn diagnosis(&self) -> String {
        let mut text = self.emulator.log_tail();
        for function in ["webhook", "plan", "start", "poll", "results", "sweep", "api"] {
            text.push_str(&format!("\n--- checkmill-{function} ---\n"));
            match self.function_log(function).await {
                Ok(log) => text.push_str(&log),
                Err(error) => text.push_str(&format!("its log can't be read: {error:#}")),
            }
        }
        text
    }

    async fn function_log(&self, function: &str) -> anyhow::Result<String> {
        const LINES: usize = 25;
        let filter = json!({ "logGroupName": format!("/aws/lambda/checkmill-{function}"), "limit": 1000 });
        let found = self.emulator.aws.call(LOGS, "FilterLogEvents", &filter).await?;
        let events = found
            .get("events")
            .and_then(Value::as_array)
            .context("no events")?;
        let lines: Vec<&str> = events
            .iter()
            .filter_map(|event| event.get("message")?.as_str())
            .collect();
        Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
    }
}

/// Terraform with its provider, or why not.
async fn ready(
    tools: Option<&TerraformSettings>,
    copy: &Copy,
    emulator: &Emulator,
) -> Result<Terraform, String> {
    let tools = tools.ok_or("there is no terraform in PATH")?;
    let terraform = Terraform::new(tools, copy, emulator.aws.endpoint.clone());
    let terraform = terraform.map_err(|error| format!("{error:#}"))?;
    match terraform.init().await {
        Ok(()) => Ok(terraform),
        Err(error) => Err(format!("no AWS provider can be had: {error:#}")),
    }
}

async fn apply(terraform: &Terraform, emulator: &Emulator, mut variables: Value) -> anyhow::Result<Outputs> {
    terraform.set_variables(&variables)?;
    let first = terraform.apply().await?;
    // The API's own address is a host name that only the emulator knows. Jobs are told the address that works here, as
    // with a domain of one's own; that it can be set afterwards is part of the test.
    let base = reachable(&emulator.aws.endpoint, output(&first, "api_url")?)?;
    variables["public_url"] = json!(base);
    terraform.set_variables(&variables)?;
    let outputs = terraform.apply().await?;
    ensure!(
        output(&outputs, "api_url")? == base,
        "public_url is not what the jobs are told"
    );
    Outputs::read(&outputs, &base)
}

/// The same stack, from the same files, without Terraform.
async fn build(copy: &Copy, emulator: &Emulator, variables: Value) -> anyhow::Result<Outputs> {
    let values = plain::build(&emulator.aws, copy.example(), serde_json::from_value(variables)?).await?;
    let named: serde_json::Map<String, Value> = values
        .into_iter()
        .map(|(name, value)| (name, json!({ "value": value })))
        .collect();
    let outputs = Value::Object(named);
    let base = output(&outputs, "api_url")?.to_owned();
    Outputs::read(&outputs, &base)
}

/// As the README tells users to, outside Terraform.
async fn put_secrets(emulator: &Emulator, app: &App<'_>) -> anyhow::Result<()> {
    for (name, value) in [
        ("private-key", app.private_key_pem),
        ("webhook-secret", WEBHOOK_SECRET),
    ] {
        let parameter = json!({
            "Name": format!("{PARAMETER_PREFIX}/{name}"),
            "Value": value,
            "Type": "SecureString",
        });
        emulator.aws.call(SSM, "PutParameter", &parameter).await?;
    }
    Ok(())
}

fn output<'v>(outputs: &'v Value, name: &str) -> anyhow::Result<&'v str> {
    outputs
        .get(name)
        .and_then(|output| output.get("value")?.as_str())
        .with_context(|| format!("terraform has no output {name}"))
}

/// The path by which the emulator serves `http://ID.execute-api.…`, whose name does not resolve everywhere.
fn reachable(endpoint: &str, api_url: &str) -> anyhow::Result<String> {
    let id = api_url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once(".execute-api."))
        .map(|(id, _)| id)
        .with_context(|| format!("{api_url} is no HTTP API's address"))?;
    Ok(format!("{endpoint}/_aws/execute-api/{id}/$default"))
}
