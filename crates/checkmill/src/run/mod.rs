//! `checkmill run`: a repository's workflows through the whole pipeline, once, on this machine.
//!
//! GitHub's part is played by the testkit's fake GitHub, which serves the repository and signs the event. Everything else is
//! what `serve` is made of.

mod content;
mod disk;
pub(crate) mod event;
mod outcome;
pub(crate) mod progress;
pub(crate) mod report;
mod shown;

use crate::backends::{self, Here};
use crate::cli::RunArgs;
use crate::local::blobs::FileBlobs;
use crate::local::data_dir::{DataDir, create_private};
use crate::local::http::router;
use crate::local::queue::Receiver;
use crate::local::secrets::FileSecrets;
use crate::local::system::{Parts, System};
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_aws::embedded;
use checkmill_backends::process::Orphans;
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::{Job, Reason, Run};
use checkmill_github::client::{GitHub, GitHubSettings};
use checkmill_github::settings::AppId;
use checkmill_github::webhook::WebhookSecrets;
use checkmill_model::client::ModelSettings;
use checkmill_phases::plan::{PlanOutcome, PlannedRuns};
use checkmill_phases::ports::{Clock as _, Runs as _};
use checkmill_testkit::{Delivering, FakeGitHub, Options, TimeSource};
use disk::Disks;
use event::Repository;
use progress::Progress;
use report::Report;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// When a check did not pass.
const FAILED: u8 = 1;
/// Between two looks at the checks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// From the wish to cancel on: what a cancelled job takes at the most (its steps that run always, then its agent's end), and a
/// minute for the reports.
const CANCEL_PATIENCE: Duration = Duration::from_secs(150);
/// For jobs to be stopped where the disk is full.
const DISK_STOP: Duration = Duration::from_secs(10);
/// How often executions that ended before their jobs are started again.
const RECOVERIES: u32 = 3;

/// Runs and reports. The exit code says whether every check passed.
///
/// # Errors
/// Wrong input: the path, the ref, a workflow, job or input that is not there.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let interrupts = Interrupts::listen()?;
    let scratch = tempfile::tempdir().context("A temporary directory can't be made.")?;
    let data = DataDir::open(args.data.as_deref().unwrap_or(scratch.path()))?;
    let repository = Repository::prepare(&args, &scratch.path().join("source.git"))?;
    if let Some(dir) = &args.keep_logs {
        create_private(dir)?;
    }

    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let github = start_github(&url).await?;
    let forge = GitHub::new(GitHubSettings::new(
        github.url().parse().map_err(anyhow::Error::msg)?,
        AppId(github.app_id()),
        FakeGitHub::app_private_key_pem().to_owned().into(),
        Arc::new(|| SystemClock.now()),
    ))?;
    let requests = forge.requests();
    let store = args.data.is_some().then(|| data.store());
    // What is kept nowhere nobody can take up again.
    let orphans = match store {
        Some(_) => Orphans::GoOn,
        None => Orphans::Stop,
    };
    let parts = Parts {
        deployment: data.deployment()?,
        embedded: embedded::open(store.as_deref()).await?,
        blobs: FileBlobs::new(data.blobs()),
        forge: Arc::new(forge),
        backends: backends::open(
            args.backends.as_deref(),
            Here {
                root: &data.jobs(),
                passed: &args.passed,
                orphans,
            },
        )?,
        app_id: github.app_id(),
        secrets: WebhookSecrets::new(github.webhook_secret().into(), None)?,
        job_secrets: FileSecrets::open(args.secrets.clone())?,
        public_url: url,
        model: ModelSettings::read(std::env::vars())?.open()?,
        only_workflow: repository.only_workflow.clone(),
        only_job: args
            .job
            .as_deref()
            .map(str::parse)
            .transpose()
            .context("--job must name a job's key.")?,
    };
    let (system, mut receiver) = System::new(parts)?;
    let server = tokio::spawn(axum::serve(listener, router(system.clone())).into_future());

    let progress = Progress::new();
    progress.say(&format!(
        "Running {} as {}.",
        repository.source.description,
        repository.event_text()
    ));
    if args.data.is_some() {
        clear_earlier(&system, &progress).await?;
    }
    if let Some(event) = repository.announce(&github)? {
        system.accept(&event).await?;
    }
    let mut disks = Disks::of([data.root(), scratch.path()]);
    let planned = tokio::select! {
        planned = plan(&system, &mut receiver) => planned?,
        full = disks.full() => bail!(disk::text(full)),
    };
    if planned.runs.is_empty() {
        let text = nothing_to_run(&planned);
        if planned.unmatched.is_empty() {
            bail!("{text}");
        }
        // Filters that hold everything back are no mistake: a commit of documents need not run anything.
        progress.say(&text);
    }
    let finished = tokio::select! {
        finished = finish(&system, &github, &planned, progress, interrupts) => finished?,
        full = disks.full() => {
            // No job can be brought to an end that could be written down.
            let _ = tokio::time::timeout(DISK_STOP, system.stop_compute()).await;
            bail!(disk::text(full));
        }
    };
    if finished == Finish::AtOnce {
        return Ok(ExitCode::from(FAILED));
    }
    let report = outcome::report(&system, &github, &planned, requests.load(Ordering::Relaxed)).await?;
    server.abort();
    if let Some(dir) = &args.keep_logs {
        outcome::keep_logs(&system, &github, &planned, dir).await?;
    }
    print(&report, args.json)?;
    Ok(if report.passes() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Ends what a run that was killed has left in the data directory: its GitHub went with it, so nobody could be told how its
/// jobs end, and what needs them would never begin. Jobs of `serve`, whose GitHub is still there, stay as they are.
async fn clear_earlier(system: &System, progress: &Progress) -> anyhow::Result<()> {
    let by = CancelledBy::User("you".parse()?);
    let detail = "The `checkmill run` that began it was killed.";
    let is_of_run = |run: &Run| run.event.repository.name.owner() == event::OWNER;
    let names = system
        .abandon(is_of_run, &Reason::Cancelled { by }, detail)
        .await
        .context("What an earlier run left in the data directory can't be cleared away.")?;
    if !names.is_empty() {
        progress.say(&format!(
            "An earlier run in this data directory was killed before its end. Its open jobs were stopped, and nothing more \
             of it runs: {}.",
            names.join(", ")
        ));
    }
    Ok(())
}

async fn start_github(url: &str) -> anyhow::Result<FakeGitHub> {
    let options = Options {
        time: TimeSource::System,
        delivering: Delivering::To(format!("{url}/webhook")),
        web_url: String::new(),
        // Deliveries of one data directory must differ from run to run.
        seed: SystemClock.now().0.to_string(),
        ..Options::default()
    };
    FakeGitHub::start(options)
        .await
        .context("The local GitHub can't be started.")
}

/// Waits for the event to come through the queue, and plans it.
async fn plan(system: &Arc<System>, receiver: &mut Receiver) -> anyhow::Result<PlannedRuns> {
    loop {
        let queued = receiver.next().await.context("The queue was closed.")?;
        match system.plan(&queued.message.delivery).await {
            Ok(PlanOutcome::Runs(planned)) => return Ok(planned),
            Ok(PlanOutcome::Acted | PlanOutcome::Duplicate) => {}
            Err(error) => {
                if !system.retry(queued, &error) {
                    bail!("The event can't be planned: {error}");
                }
            }
        }
    }
}

fn nothing_to_run(planned: &PlannedRuns) -> String {
    let mut text = "No workflow matches the event.".to_owned();
    for (path, reason) in &planned.unmatched {
        text.push_str(&format!("\n  {path}: {reason}"));
    }
    if planned.unmatched.is_empty() {
        text.push_str(" There is no workflow file.");
    }
    text
}

/// Ctrl-C and what else asks the program to end. Heard from the beginning, so that no job is left behind by one that comes
/// before anybody listens.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// Ctrl-\, which would leave the jobs behind.
    quit: Signal,
    /// The terminal was closed. Not heard where whoever started the program has it ignored, as `nohup` does.
    hangup: Option<Signal>,
    heard: u32,
}

impl Interrupts {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup: match hangup_is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
            heard: 0,
        })
    }

    /// The next one, with the number of those before it.
    async fn next(&mut self) -> u32 {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.quit.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
        self.heard += 1;
        self.heard - 1
    }
}

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// Linux tells; elsewhere it counts as not ignored.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// How the wait for the jobs is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// They have been reported, but for those that can't be brought to their end.
    Reported,
    /// Somebody did not want to wait for them.
    AtOnce,
}

/// Shows the checks until every job has been reported. Ctrl-C cancels the jobs; a second one ends the wait for them.
async fn finish(
    system: &Arc<System>,
    github: &FakeGitHub,
    planned: &PlannedRuns,
    mut progress: Progress,
    mut interrupts: Interrupts,
) -> anyhow::Result<Finish> {
    let mut cancelled: Option<tokio::time::Instant> = None;
    for _ in 0..=RECOVERIES {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let idle = system.engine().0.idle();
        tokio::pin!(idle);
        loop {
            tokio::select! {
                () = &mut idle => break,
                _ = looks.tick() => progress.update(&outcome::lines(github, SystemClock.now())),
                before = interrupts.next() => {
                    if before > 0 {
                        progress.say("Ended at once; some jobs may not have stopped yet.");
                        return Ok(Finish::AtOnce);
                    }
                    progress.say("Cancelling; press Ctrl-C again to end at once.");
                    cancelled = Some(tokio::time::Instant::now() + CANCEL_PATIENCE);
                    if let Err(error) = cancel(system, planned).await {
                        progress.say(&format!("The jobs could not all be told to stop: {error:#}"));
                    }
                }
                () = over(cancelled) => {
                    progress.say("The jobs did not come to their end in time. Ended without them.");
                    return Ok(Finish::AtOnce);
                }
            }
        }
        progress.update(&outcome::lines(github, SystemClock.now()));
        let open = outcome::jobs(system, planned).await?.iter().any(outcome::is_open);
        if !open {
            return Ok(Finish::Reported);
        }
        // An execution failed before its job was reported: what the sweep is for.
        if let Err(error) = system.recover().await {
            tracing::warn!(%error, "not all that is under way could be recovered");
        }
    }
    progress
        .say("Some jobs could not be brought to their end. That is a fault of Checkmill; please report it.");
    Ok(Finish::Reported)
}

/// Ready at this time; never without one.
async fn over(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn cancel(system: &System, planned: &PlannedRuns) -> anyhow::Result<()> {
    let by = CancelledBy::User("you".parse()?);
    for run in &planned.runs {
        let jobs: Vec<Job> = system
            .store()
            .load_with_jobs(run)
            .await?
            .map(|(_, jobs)| jobs)
            .unwrap_or_default();
        for job in &jobs {
            system
                .stop(
                    job,
                    Reason::Cancelled { by: by.clone() },
                    "Cancelled at the terminal.",
                )
                .await?;
        }
    }
    Ok(())
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    // People's text goes to standard output as well, unless something else is to read it.
    let text = if json {
        serde_json::to_string(report)? + "\n"
    } else {
        report.for_people()
    };
    crate::output::print(&text)
}
