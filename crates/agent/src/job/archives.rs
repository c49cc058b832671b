//! What steps of `actions/upload-artifact`, `download-artifact` and `cache` have in common.

use super::JobRunner;
use super::fault::Fault;
use super::step::{Outcome, Running};
use crate::archive::Abandon;
use crate::archive::cache::Options;
use crate::archive::pack::{Item, Packed, pack};
use crate::archive::transfer::{Kind, Transfer, TransferFault};
use crate::archive::unpack::unpack;
use crate::callback::client::Client;
use crate::exec::Ended;
use checkmill_workflow::archive::{Archive, Reserved};
use checkmill_workflow::uses::Builtin;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

impl From<TransferFault> for Fault {
    fn from(fault: TransferFault) -> Self {
        match &fault {
            TransferFault::Refused { .. } => Self::Failed(sentence(&fault.to_string())),
            TransferFault::Unreachable(_) | TransferFault::Local(_) => {
                Self::Infrastructure(sentence(&fault.to_string()))
            }
        }
    }
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

pub(super) type With = BTreeMap<String, String>;

impl<'j> JobRunner<'j> {
    /// A step of one of these actions. It ends when the step's time is over or the job is stopped.
    pub(super) async fn archives(&mut self, running: &Running<'_>, action: Builtin, with: &With) -> Outcome {
        let client = match self.storage(action) {
            Ok(client) => client,
            Err(fault) => return fault.into(),
        };
        let control = self.surroundings.control.clone();
        let work = async {
            match action {
                Builtin::UploadArtifact => self.upload(&client, with).await,
                Builtin::DownloadArtifact => self.download_artifacts(&client, with).await,
                Builtin::Cache | Builtin::CacheRestore => {
                    self.restore(running, &client, action == Builtin::Cache, with)
                        .await
                }
                Builtin::CacheSave => match Options::parse(with) {
                    Ok(options) => self.save(&client, &options).await,
                    Err(problem) => Err(Fault::Configuration(problem)),
                },
                Builtin::Checkout => Ok(Vec::new()),
            }
        };
        let limit = async {
            match running.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let done = tokio::select! {
            done = work => done,
            () = control.stop_of_step(|| running.goes_on) => Err(Fault::Stopped),
            () = limit => Err(running.fault(Ended::TimedOut).unwrap_or(Fault::Stopped)),
        };
        match done {
            Ok(outputs) => Outcome {
                outputs,
                ..Outcome::default()
            },
            Err(fault) => fault.into(),
        }
    }

    /// The way to Checkmill.
    pub(super) fn storage(&self, action: Builtin) -> Result<Client, Fault> {
        let callback = self.description.callback.as_ref();
        let token = self.surroundings.secrets.callback_token();
        let Some((callback, token)) = callback.zip(token) else {
            return Err(Fault::Configuration(format!(
                "{} needs a machine that can reach Checkmill, and this one can't; choose another with `runs-on`, or have \
                 the deployment give its address",
                action.name()
            )));
        };
        Client::new(callback, token).map_err(Fault::Infrastructure)
    }

    pub(super) fn transfer<'t>(&self, client: &'t Client, kind: Kind) -> Transfer<'t>
    where
        'j: 't,
    {
        let surroundings = self.surroundings;
        Transfer {
            client,
            kind,
            retry_delays: &surroundings.retry_delays,
        }
    }

    pub(super) fn home(&self) -> Option<PathBuf> {
        if self.job_container().is_some() {
            return Some(self.surroundings.layout.home());
        }
        let outer = self.outer_env();
        let home = outer.get("HOME").or(self.surroundings.environment.get("HOME"));
        home.map(PathBuf::from).filter(|home| home.is_absolute())
    }

    pub(super) fn next_number(&mut self) -> (u32, PathBuf) {
        self.archives_made += 1;
        let name = format!("archive_{}", self.archives_made);
        (self.archives_made, self.surroundings.layout.ours.join(name))
    }

    /// Packs and sends; the archive, which nothing names yet.
    pub(super) async fn send(
        &self,
        transfer: &Transfer<'_>,
        (items, follow, level): (Vec<Item>, bool, u32),
        reserved: &Reserved,
        file: &Path,
    ) -> Result<Archive, Fault> {
        let abandon = Abandon::default();
        let _guard = abandon.guard();
        let target = file.to_owned();
        let packing = tokio::task::spawn_blocking(move || pack(&items, follow, level, &target, &abandon));
        let Packed { bytes, sha256 } = match packing.await {
            Ok(Ok(packed)) => packed,
            Ok(Err(error)) => return Err(Fault::Failed(format!("The files can't be packed: {error}."))),
            Err(error) => return Err(Fault::Infrastructure(format!("Packing broke off: {error}."))),
        };
        let parts = transfer.send(&reserved.upload, file).await?;
        Ok(Archive {
            upload: reserved.upload.clone(),
            parts,
            bytes,
            sha256,
        })
    }
}

/// Unpacks a downloaded archive and removes it.
pub(super) async fn unpacked(file: &Path, places: Vec<(&'static str, PathBuf)>) -> Result<usize, String> {
    let abandon = Abandon::default();
    let _guard = abandon.guard();
    let archive = file.to_owned();
    let work = tokio::task::spawn_blocking(move || {
        let files = unpack(&archive, &places, &abandon);
        let _ = fs::remove_file(&archive);
        files
    });
    work.await
        .unwrap_or_else(|error| Err(format!("it broke off: {error}")))
}
