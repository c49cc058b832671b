//! `checkmill serve`: a GitHub App on one machine.

use crate::backends::{self, Here};
use crate::cli::ServeArgs;
use crate::local::blobs::FileBlobs;
use crate::local::data_dir::DataDir;
use crate::local::http::router;
use crate::local::listen::{self, Ends};
use crate::local::secrets::FileSecrets;
use crate::local::system::{Parts, System};
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_aws::embedded;
use checkmill_backends::process::Orphans;
use checkmill_github::client::{AppFault, GitHub, GitHubSettings};
use checkmill_github::settings::AppEnvironment;
use checkmill_model::client::ModelSettings;
use checkmill_phases::ports::Clock as _;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves until the process is told to end. Jobs that run go on without it.
///
/// # Errors
/// Settings that are missing or wrong, a data directory or an address that can't be had.
pub(crate) async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    // Jobs are processes of the same user: without this they could read the App's key from this one's environment.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("The process can't be hidden from its jobs.")?;
    let environment = AppEnvironment::read(std::env::vars())?;
    let app_id = environment.app_id()?;
    let secrets = environment.webhook_secrets()?;
    let key = environment.private_key(|path| std::fs::read_to_string(path))?;
    let data = DataDir::open(&args.data)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("The address {} can't be listened on.", args.listen))?;
    let address = listener.local_addr()?;

    let settings = GitHubSettings::new(
        environment.api_url().clone(),
        app_id,
        key,
        Arc::new(|| SystemClock.now()),
    );
    let github = GitHub::new(settings)?;
    match github.check_app().await {
        Ok(()) => {}
        Err(fault @ AppFault::Refused(_)) => bail!("{fault}"),
        // What runs already goes on meanwhile.
        Err(fault @ AppFault::Unreachable(_)) => {
            tracing::warn!(%fault, api_url = %environment.api_url(), "GitHub can't be asked whether it knows the App");
        }
    }
    if geteuid().is_root() {
        tracing::warn!(
            "jobs run as root, as this program does: they can read its secrets. Start it as a user of its own"
        );
    }
    let parts = Parts {
        deployment: data.deployment()?,
        embedded: embedded::open(Some(&data.store())).await?,
        blobs: FileBlobs::new(data.blobs()),
        forge: Arc::new(github),
        backends: backends::open(
            args.backends.as_deref(),
            Here {
                root: &data.jobs(),
                passed: &args.passed,
                orphans: Orphans::GoOn,
            },
        )?,
        app_id: app_id.0,
        secrets,
        job_secrets: FileSecrets::open(args.secrets.clone())?,
        public_url: args
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}")),
        model: ModelSettings::read(std::env::vars())?.open()?,
        only_workflow: None,
        only_job: None,
    };
    let (system, receiver) = System::new(parts)?;
    let recovered = system
        .recover()
        .await
        .context("What was under way the last time can't be taken up; start again to try again.")?;
    tracing::info!(%address, data = %args.data.display(), ?recovered, "Checkmill serves");

    let driver = tokio::spawn(system.clone().drive(receiver));
    let sweeper = tokio::spawn({
        let system = system.clone();
        async move {
            tokio::join!(system.keep_sweeping(), system.keep_forgetting());
        }
    });
    listen::serve(listener, router(system), Ends::listen()?).await;
    tracing::info!("Checkmill ends; running jobs go on, and the next start takes them over");
    driver.abort();
    sweeper.abort();
    Ok(())
}
