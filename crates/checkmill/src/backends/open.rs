//! From `backends.toml` to backends.

use crate::passed::PassedVariables;
use anyhow::{Context as _, bail};
use checkmill_aws::clock::SystemClock;
use checkmill_backends::environment;
use checkmill_backends::exec::{ExecBackend, ExecSettings};
use checkmill_backends::file::{
    self, BackendEntry, BackendKind, FILE_BYTES, FirecrackerEntry, LightningEntry, SecretPlace,
    SlurmCredentials, SlurmEntry, TokenReference,
};
use checkmill_backends::firecracker::{FirecrackerBackend, FirecrackerSettings};
use checkmill_backends::labels::{self, Labels};
use checkmill_backends::lightning::{self, LightningBackend, LightningSettings};
use checkmill_backends::port::{Backend, Capabilities};
use checkmill_backends::process::{AgentCommand, Host, Orphans, ProcessBackend, ProcessSettings};
use checkmill_backends::registry::Backends;
use checkmill_backends::slurm::{Credentials, Secret, SlurmBackend, SlurmSettings};
use checkmill_phases::ports::Clock as _;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// The name of the only backend where there is no file, kept with each job.
pub(crate) const PROCESS: &str = "process";

/// What the process backend is made with.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    /// Where its attempts have their directories.
    pub(crate) root: &'a Path,
    /// The variables of this process that jobs get.
    pub(crate) passed: &'a PassedVariables,
    pub(crate) orphans: Orphans,
}

/// The backends of a file; without one, processes of this machine.
///
/// # Errors
/// A file that can't be read or has a mistake, a directory that can't be made.
pub(crate) fn open(file: Option<&Path>, here: Here<'_>) -> anyhow::Result<Backends> {
    let entries = match file {
        Some(path) => read(path)?,
        None => vec![BackendEntry {
            name: PROCESS.to_owned(),
            labels: None,
            kind: BackendKind::Process,
        }],
    };
    entries.into_iter().try_fold(Backends::none(), |backends, entry| {
        let labels = entry.labels.clone();
        let backend = backend(&entry, here)?;
        let labels = labels.unwrap_or_else(|| Labels::Of(labels::System::here()));
        Ok(backends.with(entry.name, labels, backend))
    })
}

/// # Errors
/// A file that can't be read or has a mistake.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<BackendEntry>> {
    let shown = path.display();
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("{shown} can't be read."))?;
    file.take(FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{shown} can't be read."))?;
    let entries = file::parse(&text).map_err(|error| anyhow::anyhow!("{shown}:{error}"))?;
    let processes = entries.iter().filter(|entry| entry.kind == BackendKind::Process);
    if processes.count() > 1 {
        bail!("{shown}: this machine is one backend, and no more: two have [backend.process]");
    }
    Ok(entries)
}

fn backend(entry: &BackendEntry, here: Here<'_>) -> anyhow::Result<Arc<dyn Backend>> {
    let ours: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    Ok(match &entry.kind {
        BackendKind::Process => {
            let program = std::env::current_exe().context("The path of this program can't be found.")?;
            let mut settings = ProcessSettings::new(
                here.root,
                AgentCommand::subcommand(program),
                Host::Machine,
                &ours,
                &here.passed.names,
                Arc::new(|| SystemClock.now()),
            );
            settings.orphans = here.orphans;
            Arc::new(ProcessBackend::new(settings)?)
        }
        BackendKind::Exec(exec) => Arc::new(ExecBackend::new(ExecSettings {
            name: entry.name.clone(),
            program: exec.program.clone(),
            arguments: exec.arguments.iter().map(Into::into).collect(),
            environment: environment::allowed(&ours, &exec.pass_environment),
            capabilities: Capabilities {
                callback: exec.callback,
                containers: exec.containers,
            },
            call: exec.call,
        })),
        BackendKind::Slurm(slurm) => Arc::new(SlurmBackend::new(cluster(&entry.name, slurm))?),
        BackendKind::Firecracker(host) => Arc::new(FirecrackerBackend::new(microvms(&entry.name, host))?),
        BackendKind::Lightning(lightning) => {
            Arc::new(LightningBackend::new(teamspace(&entry.name, lightning))?)
        }
    })
}

fn cluster(name: &str, slurm: &SlurmEntry) -> SlurmSettings {
    SlurmSettings {
        name: name.to_owned(),
        server: slurm.server.clone(),
        version: slurm.version,
        credentials: match &slurm.credentials {
            SlurmCredentials::TokenFile(path) => Credentials::Token(of_file(path)),
            SlurmCredentials::TokenEnvironment(name) => Credentials::Token(of_environment(name)),
            SlurmCredentials::KeyFile(path) => Credentials::Key(of_file(path)),
        },
        user: slurm.user.clone(),
        agent: slurm.agent.clone(),
        shared_directory: slurm.shared_directory.clone(),
        environment: slurm.environment.clone(),
        accounting: slurm.accounting,
        callback: slurm.callback,
        containers: slurm.containers,
        rows: slurm.rows.clone(),
        request: slurm.request,
        now: Arc::new(|| SystemClock.now()),
    }
}

fn microvms(name: &str, host: &FirecrackerEntry) -> FirecrackerSettings {
    FirecrackerSettings {
        name: name.to_owned(),
        url: host.url.clone(),
        token: match &host.token {
            TokenReference::File(path) => of_file(path),
            TokenReference::Environment(name) => of_environment(name),
        },
        vm_type: host.vm_type.clone(),
        agent: host.agent.clone(),
        directory: host.directory.clone(),
        callback: host.callback,
        containers: host.containers,
        rows: host.rows.clone(),
        request: host.request,
        wait: host.wait,
        boot: host.boot,
    }
}

fn teamspace(name: &str, of: &LightningEntry) -> LightningSettings {
    let secret = match &of.credentials.secret {
        SecretPlace::File(path) => of_file(path),
        SecretPlace::Environment(name) => of_environment(name),
    };
    LightningSettings {
        name: name.to_owned(),
        url: of.url.clone(),
        credentials: match of.credentials.user.clone() {
            Some(id) => lightning::Credentials::User { id, key: secret },
            None => lightning::Credentials::Token(secret),
        },
        teamspace: of.teamspace.clone(),
        cluster: of.cluster.clone(),
        studio: of.studio.clone(),
        image: of.image.clone(),
        agent: of.agent.clone(),
        mounts: of.mounts.clone(),
        machine: of.machine.clone(),
        machines: of.machines.clone(),
        labels: of.labels.clone(),
        rows: of.rows.clone(),
        environment: of.environment.clone(),
        callback: of.callback,
        containers: of.containers,
        request: of.request,
        log_grace: of.log_grace,
        now: Arc::new(|| SystemClock.now()),
    }
}

/// Read each time: somebody renews it.
fn of_file(path: &Path) -> Secret {
    let path = path.to_owned();
    Arc::new(move || {
        std::fs::read(&path).map_err(|error| format!("{} can't be read: {error}", path.display()))
    })
}

fn of_environment(name: &str) -> Secret {
    let name = name.to_owned();
    Arc::new(move || {
        let value =
            std::env::var_os(&name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        Ok(value.into_encoded_bytes())
    })
}
