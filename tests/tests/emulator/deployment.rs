//! From `terraform apply` to `terraform destroy`.

use crate::emulator::Emulator;
use crate::jobs::{self, World};
use crate::recovery;
use crate::report::Report;
use crate::repository::Repository;
use crate::roles;
use crate::settings::Settings;
use crate::stack::{App, Stack, WEBHOOK_SECRET};
use crate::terraform::Terraform;
use anyhow::{Context, ensure};
use checkmill_core::{CommitSha, Conclusion};
use checkmill_testkit::{Delivering, FakeGitHub, Options, TimeSource};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longest wait for a check: a cold start of every function, the sweep's minute and its grace, with room.
const CHECK_LIMIT: Duration = Duration::from_secs(240);
/// The function that `cargo lambda deploy` is tried on.
const DEPLOYED: &str = "checkmill-poll";

pub(crate) async fn check(settings: &Settings, report: &mut Report) {
    let mut up = None;
    let mut without_terraform = None;
    let bring_up = async {
        up = Some(bring_up(settings, &mut without_terraform).await?);
        Ok(())
    };
    let is_up = report.check("the stack is made", bring_up).await;
    if let Some(why) = &without_terraform {
        report.skip(
            "terraform apply, plan and destroy on the emulator (the stack is made from the module's files)",
            why,
        );
    }
    if !is_up {
        return;
    }
    let Some((github, stack, repository)) = up else {
        return;
    };
    let world = World {
        stack: &stack,
        github: &github,
        repository: &repository,
    };
    if stack.terraform.is_some() {
        report
            .check("a second plan changes nothing", no_changes(&stack))
            .await;
    }
    // Begun first, because the sweep waits a minute before it calls a delivery lost.
    let mut lost = None;
    let lose = async {
        lost = Some(recovery::lose_a_delivery(&world).await?);
        Ok(())
    };
    report
        .check("a delivery is lost between webhook and queue", lose)
        .await;
    all_kinds(&world, report).await;
    report
        .check(
            "a delivery that could not be planned is planned in seconds",
            world.planned_again(),
        )
        .await;
    report
        .check("what nobody can plan becomes a dead letter", world.poison())
        .await;
    let deploy = deploy_one(settings, &world);
    report
        .check("cargo lambda deploy updates one function", deploy)
        .await;
    if let Some(sha) = &lost {
        report
            .check(
                "the sweep finds what was lost",
                recovery::is_recovered(&world, sha),
            )
            .await;
    }
    report.check("nothing is left open", world.is_quiet()).await;
    if report.has_failures() {
        println!("{}", stack.diagnosis().await);
    }
    if let Some(terraform) = &stack.terraform {
        let destroyed = destroy(terraform, &stack);
        report
            .check("terraform destroy removes everything", destroyed)
            .await;
    }
}

/// For developers: the stack, until Enter is pressed.
pub(crate) async fn hold(settings: &Settings) -> anyhow::Result<()> {
    let mut without_terraform = None;
    let (github, stack, repository) = bring_up(settings, &mut without_terraform).await?;
    if let Some(why) = without_terraform {
        println!("made without Terraform: {why}");
    }
    println!(
        "AWS              AWS_ENDPOINT_URL={}",
        stack.emulator.aws.endpoint
    );
    println!(
        "webhook          {} (secret {WEBHOOK_SECRET:?})",
        stack.outputs.webhook_url
    );
    println!(
        "GitHub           {} (repository {})",
        github.url(),
        repository.name
    );
    println!("jobs             {}", stack.process_root.display());
    println!("Press Enter to end it all.");
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

async fn bring_up(
    settings: &Settings,
    without_terraform: &mut Option<String>,
) -> anyhow::Result<(FakeGitHub, Stack, Repository)> {
    let github = FakeGitHub::start(Options {
        time: TimeSource::System,
        webhook_secret: WEBHOOK_SECRET.to_owned(),
        wait_limit: CHECK_LIMIT,
        ..Options::default()
    })
    .await
    .context("the fake GitHub can't be started")?;
    let app = App {
        id: github.app_id(),
        private_key_pem: FakeGitHub::app_private_key_pem(),
        api_url: &github.url(),
    };
    let stack = Stack::up(settings, &app, without_terraform).await?;
    github.set_delivering(Delivering::To(stack.outputs.webhook_url.clone()));
    let repository = Repository::create(&github, "octocat/emulated", settings.scratch.join("repository"))?;
    Ok((github, stack, repository))
}

/// One push with a job of each kind; the checks are looked at while the others run.
async fn all_kinds(world: &World<'_>, report: &mut Report) {
    let mut pushed = None;
    let push = async {
        let sha = world.push_all_kinds()?;
        world.is_accepted(&sha).await?;
        pushed = Some(sha);
        Ok(())
    };
    report.check("a push is accepted", push).await;
    let Some(sha) = &pushed else { return };
    let ends = async |name: &str, as_what| world.ends(sha, name, as_what).await.map(drop);
    report
        .check("a job that passes", ends("CI / good", Conclusion::Success))
        .await;
    report
        .check("its log is kept", world.log_is_kept("CI / good", sha))
        .await;
    report
        .check("a job that fails, and its check says how", failing(world, sha))
        .await;
    report
        .check(
            "a job past its time limit",
            ends("CI / slow", Conclusion::TimedOut),
        )
        .await;
    report
        .check("a job that somebody cancels", cancelled(world, sha))
        .await;
    report
        .check(
            "a job that needed another",
            ends("CI / after", Conclusion::Success),
        )
        .await;
    report
        .check("the same webhook again gives nothing new", world.redeliver(sha))
        .await;
}

async fn failing(world: &World<'_>, sha: &CommitSha) -> anyhow::Result<()> {
    let run = world.ends(sha, "CI / bad", Conclusion::Failure).await?;
    jobs::tells_the_failure(&run)
}

async fn cancelled(world: &World<'_>, sha: &CommitSha) -> anyhow::Result<()> {
    world.cancel(sha, "CI / stopped").await?;
    world
        .ends(sha, "CI / stopped", Conclusion::Cancelled)
        .await
        .map(drop)
}

/// The emulator reads alarms back empty, which AWS does not; every other difference is the module's.
async fn no_changes(stack: &Stack) -> anyhow::Result<()> {
    let changes = stack.changes().await?.map_or_else(Vec::new, |changes| changes.0);
    let real: Vec<&String> = changes
        .iter()
        .filter(|address| !address.contains("aws_cloudwatch_metric_alarm"))
        .collect();
    ensure!(real.is_empty(), "terraform would change {real:?}");
    Ok(())
}

/// The other way to new code, and that Terraform has nothing against it.
async fn deploy_one(settings: &Settings, world: &World<'_>) -> anyhow::Result<()> {
    let emulator = &world.stack.emulator;
    let before = revision(emulator).await?;
    let mut command = Command::new(&settings.cargo_lambda);
    command
        .args([
            "lambda",
            "deploy",
            DEPLOYED,
            "--endpoint-url",
            &emulator.aws.endpoint,
            "--lambda-dir",
        ])
        .arg(&settings.packages)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", crate::aws::REGION)
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("cargo-lambda can't be started")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(
        revision(emulator).await? != before,
        "the function is the same as before"
    );
    world.quick_push("after the deployment").await?;
    no_changes(world.stack).await
}

async fn revision(emulator: &Emulator) -> anyhow::Result<String> {
    let path = format!("/2015-03-31/functions/{DEPLOYED}/configuration");
    let configuration = emulator.aws.get("lambda", &path).await?;
    Ok(crate::paths::text(&configuration, "RevisionId")?.to_owned())
}

async fn destroy(terraform: &Terraform, stack: &Stack) -> anyhow::Result<()> {
    let aws = &stack.emulator.aws;
    roles::reopen_gaps(aws, &stack.outputs.policies).await?;
    terraform.destroy().await?;
    let functions = aws.get("lambda", "/2015-03-31/functions/").await?;
    ensure!(
        functions["Functions"] == serde_json::json!([]),
        "functions are left: {functions}"
    );
    Ok(())
}
