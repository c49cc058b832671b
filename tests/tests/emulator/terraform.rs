//! Terraform, as a user calls it: on a copy of `infra/`, so that the working tree stays as it is.

use crate::aws::REGION;
use crate::copy::Copy;
use crate::settings::TerraformSettings;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What the provider needs to know of the emulator and no user needs: it can't resolve buckets' host names.
const OVERRIDE: &str = "provider \"aws\" {\n  s3_use_path_style = true\n}\n";
/// Most of an apply is the provider waiting for one thing at a time; requests to the emulator are cheap.
const PARALLELISM: &str = "-parallelism=30";

#[derive(Debug, Clone)]
pub(crate) struct Terraform {
    program: PathBuf,
    cli_config: PathBuf,
    example: PathBuf,
    log: PathBuf,
    endpoint: String,
}

/// What `terraform plan` wants to change: resource addresses.
#[derive(Debug, Default)]
pub(crate) struct Changes(pub(crate) Vec<String>);

impl Terraform {
    /// `copy` holds the repository's parts.
    pub(crate) fn new(settings: &TerraformSettings, copy: &Copy, endpoint: String) -> anyhow::Result<Self> {
        let this = Self {
            program: settings.program.clone(),
            cli_config: settings.cli_config.clone(),
            example: copy.example(),
            log: copy.root.join("terraform.log"),
            endpoint,
        };
        fs::write(this.example.join("emulator_override.tf"), OVERRIDE)?;
        Ok(this)
    }

    /// Writes the variables that every later command takes.
    pub(crate) fn set_variables(&self, variables: &Value) -> anyhow::Result<()> {
        let file = self.example.join("emulator.auto.tfvars.json");
        fs::write(&file, variables.to_string())
            .with_context(|| format!("{} can't be written", file.display()))
    }

    pub(crate) async fn init(&self) -> anyhow::Result<()> {
        self.run(&["init", "-input=false"]).await.map(drop)
    }

    pub(crate) async fn apply(&self) -> anyhow::Result<Value> {
        self.run(&["apply", "-auto-approve", "-input=false", PARALLELISM])
            .await?;
        let output = self.run(&["output", "-json"]).await?;
        serde_json::from_slice(&output.stdout).context("terraform's outputs are no JSON")
    }

    pub(crate) async fn plan(&self) -> anyhow::Result<Changes> {
        self.run(&["plan", "-input=false", "-out=again.tfplan", PARALLELISM])
            .await?;
        let shown = self.run(&["show", "-json", "again.tfplan"]).await?;
        let plan: Value = serde_json::from_slice(&shown.stdout).context("terraform's plan is no JSON")?;
        let changes = plan
            .get("resource_changes")
            .and_then(Value::as_array)
            .context("a plan without resources")?;
        let changed = changes
            .iter()
            .filter(|change| change["change"]["actions"] != serde_json::json!(["no-op"]));
        Ok(Changes(
            changed
                .map(|change| change["address"].as_str().unwrap_or_default().to_owned())
                .collect(),
        ))
    }

    pub(crate) async fn destroy(&self) -> anyhow::Result<()> {
        self.run(&["destroy", "-auto-approve", "-input=false", PARALLELISM])
            .await
            .map(drop)
    }

    /// Runs in the example's directory, on a thread of its own: the fake GitHub lives on this one.
    async fn run(&self, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-chdir={}", self.example.display()))
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.example)
            .env("TF_CLI_CONFIG_FILE", &self.cli_config)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("CHECKPOINT_DISABLE", "1")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await?
            .context("terraform can't be started")?;
        // The plan as JSON is half a megabyte that nobody reads.
        if args.first() != Some(&"show") {
            self.log(args, &output)?;
        }
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            bail!("terraform {} failed:\n{text}", args.join(" "));
        }
        Ok(output)
    }

    fn log(&self, args: &[&str], output: &Output) -> anyhow::Result<()> {
        let mut log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        writeln!(log, "$ terraform {}", args.join(" "))?;
        log.write_all(&output.stdout)?;
        log.write_all(&output.stderr)?;
        Ok(())
    }
}
