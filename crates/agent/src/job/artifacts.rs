//! Steps of `actions/upload-artifact` and `actions/download-artifact`.

use super::JobRunner;
use super::archives::{With, unpacked};
use super::fault::Fault;
use crate::archive::artifact::{Download, IfNone, PLACE, Upload, Which};
use crate::archive::find::find;
use crate::archive::transfer::{Kind, Transfer};
use crate::callback::client::Client;
use checkmill_workflow::archive::{
    Artifact, Artifacts, CommitArtifact, ReadArtifact, ReserveArtifact, Reserved,
};
use serde_json::json;
use std::fs;
use std::path::Path;

impl JobRunner<'_> {
    pub(super) async fn upload(
        &mut self,
        client: &Client,
        with: &With,
    ) -> Result<Vec<(String, String)>, Fault> {
        let options = Upload::parse(with).map_err(Fault::Configuration)?;
        if options.retention.is_some() {
            self.log.text(
                "retention-days has no effect: artifacts are kept as long as the deployment keeps logs.",
            );
        }
        let workspace = &self.surroundings.layout.workspace;
        let found =
            find(&options.path, workspace, self.home().as_deref(), options.mode).map_err(Fault::Failed)?;
        if found.paths.is_empty() {
            let problem = format!("No files were found with the path {:?}", options.path);
            return match options.if_none {
                IfNone::Error => Err(Fault::Failed(format!("{problem}."))),
                IfNone::Warn => {
                    self.log
                        .text(&format!("##[warning]{problem}; no artifact is uploaded."));
                    Ok(Vec::new())
                }
                IfNone::Ignore => {
                    self.log.text(&format!("{problem}; no artifact is uploaded."));
                    Ok(Vec::new())
                }
            };
        }
        let items = Upload::items(&found);
        let files = items.len();
        let (number, file) = self.next_number();
        let transfer = self.transfer(client, Kind::Artifacts);
        let (name, overwrite) = (options.name.clone(), options.overwrite);
        let reserved: Reserved = transfer
            .ask(
                "reserve",
                &ReserveArtifact {
                    name: name.clone(),
                    overwrite,
                    number,
                },
            )
            .await?;
        let archive = self
            .send(&transfer, (items, true, options.level), &reserved, &file)
            .await;
        let _ = fs::remove_file(&file);
        let commit = CommitArtifact {
            name,
            overwrite,
            archive: archive?,
        };
        let stored: Artifact = transfer.ask("commit", &commit).await?;
        self.log.text(&format!(
            "Uploaded {files} files as the artifact {} ({} bytes, id {}).",
            stored.name, stored.archive.bytes, stored.id
        ));
        Ok(vec![
            ("artifact-id".to_owned(), stored.id),
            ("artifact-digest".to_owned(), stored.archive.sha256),
            // There is no page for it.
            ("artifact-url".to_owned(), String::new()),
        ])
    }

    pub(super) async fn download_artifacts(
        &mut self,
        client: &Client,
        with: &With,
    ) -> Result<Vec<(String, String)>, Fault> {
        let text = |name: &str| {
            self.contexts["github"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let repository = &self.description.checkout.repository;
        let options = Download::parse(with, &text("run_id"), repository).map_err(Fault::Configuration)?;
        let transfer = self.transfer(client, Kind::Artifacts);
        let listed: Artifacts = transfer.ask("find", &json!({})).await?;
        let known: Vec<String> = listed
            .artifacts
            .iter()
            .map(|artifact| artifact.name.clone())
            .collect();
        let wanted: Vec<Artifact> = listed
            .artifacts
            .into_iter()
            .filter(|artifact| options.wants(&artifact.name, &artifact.id))
            .collect();
        if wanted.is_empty() && !matches!(options.which, Which::Pattern(_)) {
            let known = if known.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", known.join(", "))
            };
            return Err(Fault::Failed(format!("The run has no such artifact; {known}.")));
        }
        let (workspace, home) = (&self.surroundings.layout.workspace, self.home());
        if wanted.is_empty() {
            self.log
                .text("##[warning]The run has no artifact of that pattern.");
        }
        for artifact in &wanted {
            let directory = options.directory(workspace, home.as_deref(), &artifact.name);
            let files = self.fetch_artifact(&transfer, artifact, &directory).await?;
            let (name, shown) = (&artifact.name, directory.display());
            self.log.text(&format!(
                "Downloaded the artifact {name} ({files} files) to {shown}."
            ));
        }
        let path = options.directory(workspace, home.as_deref(), "");
        Ok(vec![(
            "download-path".to_owned(),
            path.to_string_lossy().into_owned(),
        )])
    }

    /// Gets one and unpacks it; of how many files it is.
    async fn fetch_artifact(
        &self,
        transfer: &Transfer<'_>,
        artifact: &Artifact,
        directory: &Path,
    ) -> Result<usize, Fault> {
        let file = self.surroundings.layout.ours.join("download");
        let read = |part| ReadArtifact {
            name: artifact.name.clone(),
            part,
        };
        transfer.fetch(&artifact.archive, &file, read).await?;
        fs::create_dir_all(directory)
            .map_err(|error| Fault::Failed(format!("{} can't be made: {error}.", directory.display())))?;
        let unpacked = unpacked(&file, vec![(PLACE, directory.to_owned())]).await;
        unpacked.map_err(|problem| {
            Fault::Failed(format!(
                "The artifact {} can't be unpacked: {problem}.",
                artifact.name
            ))
        })
    }
}
