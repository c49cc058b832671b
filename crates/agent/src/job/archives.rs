//! Steps of `actions/upload-artifact`, `download-artifact` and `cache`.

use super::JobRunner;
use super::fault::Fault;
use super::hooks::{Post, PostKind};
use super::step::{Outcome, Running};
use crate::archive::Abandon;
use crate::archive::artifact::{Download, IfNone, PLACE, Upload, Which};
use crate::archive::cache::{Options, Places};
use crate::archive::find::{Mode, find};
use crate::archive::pack::{Item, Packed, pack};
use crate::archive::transfer::{Kind, Transfer, TransferFault};
use crate::archive::unpack::unpack;
use crate::callback::client::Client;
use crate::exec::Ended;
use checkmill_workflow::archive::{
    Archive, Artifact, Artifacts, Cache, CommitArtifact, CommitCache, FindCache, FoundCache, ReadArtifact,
    ReadCache, ReserveArtifact, ReserveCache, Reserved,
};
use checkmill_workflow::uses::Builtin;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// gzip's level for caches: they are made of what compresses badly or is read soon.
const CACHE_LEVEL: u32 = 3;

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
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

type With = BTreeMap<String, String>;

impl JobRunner<'_> {
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
    fn storage(&self, action: Builtin) -> Result<Client, Fault> {
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

    fn transfer<'t>(&'t self, client: &'t Client, kind: Kind) -> Transfer<'t> {
        Transfer {
            client,
            kind,
            retry_delays: &self.surroundings.retry_delays,
        }
    }

    fn home(&self) -> Option<PathBuf> {
        let outer = self.outer_env();
        let home = outer.get("HOME").or(self.surroundings.environment.get("HOME"));
        home.map(PathBuf::from).filter(|home| home.is_absolute())
    }

    fn next_number(&mut self) -> (u32, PathBuf) {
        self.archives_made += 1;
        let name = format!("archive_{}", self.archives_made);
        (self.archives_made, self.surroundings.layout.ours.join(name))
    }

    /// Packs and sends; the archive, which nothing names yet.
    async fn send(
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

    async fn upload(&mut self, client: &Client, with: &With) -> Result<Vec<(String, String)>, Fault> {
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
            .await?;
        let commit = CommitArtifact {
            name,
            overwrite,
            archive,
        };
        let stored: Artifact = transfer.ask("commit", &commit).await?;
        let _ = fs::remove_file(&file);
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

    async fn download_artifacts(
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
            let file = self.surroundings.layout.ours.join("download");
            let transfer = self.transfer(client, Kind::Artifacts);
            let read = |part| ReadArtifact {
                name: artifact.name.clone(),
                part,
            };
            transfer.fetch(&artifact.archive, &file, read).await?;
            let directory = options.directory(workspace, home.as_deref(), &artifact.name);
            fs::create_dir_all(&directory)
                .map_err(|error| Fault::Failed(format!("{} can't be made: {error}.", directory.display())))?;
            let files = unpacked(&file, vec![(PLACE, directory.clone())])
                .await
                .map_err(|problem| {
                    Fault::Failed(format!(
                        "The artifact {} can't be unpacked: {problem}.",
                        artifact.name
                    ))
                })?;
            let shown = directory.display();
            self.log.text(&format!(
                "Downloaded the artifact {} ({files} files) to {shown}.",
                artifact.name
            ));
        }
        let path = options.directory(workspace, home.as_deref(), "");
        Ok(vec![(
            "download-path".to_owned(),
            path.to_string_lossy().into_owned(),
        )])
    }

    /// Looks for a cache. That nobody can be asked, or that it is broken, is a miss with a warning: a cache is a convenience.
    async fn restore(
        &mut self,
        running: &Running<'_>,
        client: &Client,
        saves: bool,
        with: &With,
    ) -> Result<Vec<(String, String)>, Fault> {
        let options = Options::parse(with).map_err(Fault::Configuration)?;
        let transfer = self.transfer(client, Kind::Caches);
        let mut keys = vec![options.key.clone()];
        keys.extend(options.restore_keys.clone());
        let request = FindCache {
            version: options.version(),
            keys,
        };
        let found = match transfer.ask::<FoundCache>("find", &request).await {
            Ok(FoundCache { found: Some(cache) }) if !options.lookup_only => {
                match self.fetch_cache(&transfer, &options, &cache).await {
                    Ok(files) => {
                        let line = format!(
                            "Restored {files} files of the cache {} of {}.",
                            cache.key, cache.scope
                        );
                        Ok((Some(cache), line))
                    }
                    Err(problem) => Err(problem),
                }
            }
            Ok(FoundCache { found: Some(cache) }) => {
                let line = format!("There is the cache {} of {}.", cache.key, cache.scope);
                Ok((Some(cache), line))
            }
            Ok(FoundCache { found: None }) => {
                Ok((None, format!("There is no cache for the key {}.", options.key)))
            }
            Err(TransferFault::Refused { status: 400, message }) => {
                return Err(Fault::Configuration(message));
            }
            Err(fault) => Err(fault.to_string()),
        };
        let cache = match found {
            Ok((cache, line)) => {
                self.log.text(&line);
                cache
            }
            Err(problem) => {
                self.log
                    .text(&format!("##[warning]The cache can't be used: {problem}."));
                None
            }
        };
        let hit = cache.as_ref().is_some_and(|cache| cache.key == options.key);
        if saves && !hit && !options.lookup_only {
            self.save_later(running, &options);
        }
        if cache.is_none() && options.fail_on_miss {
            return Err(Fault::Failed(format!(
                "There is no cache for the key {}, and fail-on-cache-miss is set.",
                options.key
            )));
        }
        let matched = cache.map(|cache| cache.key);
        Ok(vec![
            // GitHub's action leaves it empty where nothing was found.
            (
                "cache-hit".to_owned(),
                matched.as_ref().map(|_| hit.to_string()).unwrap_or_default(),
            ),
            ("cache-primary-key".to_owned(), options.key),
            ("cache-matched-key".to_owned(), matched.unwrap_or_default()),
        ])
    }

    async fn fetch_cache(
        &self,
        transfer: &Transfer<'_>,
        options: &Options,
        cache: &Cache,
    ) -> Result<usize, String> {
        let file = self.surroundings.layout.ours.join("download");
        let version = options.version();
        let read = |part| ReadCache {
            key: cache.key.clone(),
            version: version.clone(),
            scope: cache.scope.clone(),
            part,
        };
        transfer
            .fetch(&cache.archive, &file, read)
            .await
            .map_err(|fault| fault.to_string())?;
        let home = self.home();
        let places = Places {
            workspace: &self.surroundings.layout.workspace,
            home: home.as_deref(),
        };
        unpacked(&file, places.all()).await
    }

    /// At the end of a job that succeeded.
    fn save_later(&mut self, running: &Running<'_>, options: &Options) {
        if self.registered.insert(running.key.to_owned()) {
            self.posts.push(Post {
                key: running.key.to_owned(),
                title: running.title.clone(),
                condition: Some("success()".to_owned()),
                env: self.step_layer(running),
                kind: PostKind::SaveCache(options.clone()),
            });
        }
    }

    /// The last part of `actions/cache`.
    pub(super) async fn save_cache(&mut self, options: &Options, goes_on: bool) -> Outcome {
        let client = match self.storage(Builtin::Cache) {
            Ok(client) => client,
            Err(fault) => return fault.into(),
        };
        let control = self.surroundings.control.clone();
        let saved = tokio::select! {
            saved = self.save(&client, options) => saved,
            () = control.stop_of_step(|| goes_on) => Err(Fault::Stopped),
        };
        match saved {
            Ok(_) => Outcome::default(),
            Err(fault) => fault.into(),
        }
    }

    /// Saves a cache. That it can't be is a warning, as with GitHub's action.
    async fn save(&mut self, client: &Client, options: &Options) -> Result<Vec<(String, String)>, Fault> {
        let workspace = &self.surroundings.layout.workspace;
        let home = self.home();
        let found = find(&options.path, workspace, home.as_deref(), Mode::Cache).map_err(Fault::Failed)?;
        if found.paths.is_empty() {
            self.log.text(&format!(
                "##[warning]The path {:?} names nothing; no cache is saved.",
                options.path
            ));
            return Ok(Vec::new());
        }
        let places = Places {
            workspace,
            home: home.as_deref(),
        };
        let items: Vec<Item> = found.paths.iter().map(|path| places.item(path)).collect();
        let files = items.len();
        let (number, file) = self.next_number();
        let stored = self.store_cache(client, options, items, number, &file).await;
        let _ = fs::remove_file(&file);
        let line = match stored {
            Ok(bytes) => format!(
                "Saved {files} files as the cache {} ({bytes} bytes).",
                options.key
            ),
            Err(fault) if fault.is_taken() => sentence(&fault.to_string()),
            Err(TransferFault::Refused { status: 400, message }) => {
                return Err(Fault::Configuration(message));
            }
            Err(fault) => format!("##[warning]The cache is not saved: {fault}."),
        };
        self.log.text(&line);
        Ok(Vec::new())
    }

    async fn store_cache(
        &self,
        client: &Client,
        options: &Options,
        items: Vec<Item>,
        number: u32,
        file: &Path,
    ) -> Result<u64, TransferFault> {
        let transfer = self.transfer(client, Kind::Caches);
        let (key, version) = (options.key.clone(), options.version());
        let request = ReserveCache {
            key: key.clone(),
            version: version.clone(),
            number,
        };
        let reserved: Reserved = transfer.ask("reserve", &request).await?;
        let archive = self
            .send(&transfer, (items, false, CACHE_LEVEL), &reserved, file)
            .await
            .map_err(|fault| TransferFault::Local(fault.sentence().trim_end_matches('.').to_owned()))?;
        let bytes = archive.bytes;
        let commit = CommitCache {
            key,
            version,
            archive,
        };
        let _: Value = transfer.ask("commit", &commit).await?;
        Ok(bytes)
    }
}

/// Unpacks a downloaded archive and removes it.
async fn unpacked(file: &Path, places: Vec<(&'static str, PathBuf)>) -> Result<usize, String> {
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
