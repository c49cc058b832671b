//! Steps of `actions/cache` and its relatives.

use super::JobRunner;
use super::archives::{With, sentence, unpacked};
use super::fault::Fault;
use super::hooks::{Post, PostKind};
use super::step::{Outcome, Running};
use crate::archive::cache::{Options, Places};
use crate::archive::find::{Mode, find};
use crate::archive::pack::Item;
use crate::archive::transfer::{Kind, Transfer, TransferFault};
use crate::callback::client::Client;
use checkmill_workflow::archive::{
    Cache, CommitCache, FindCache, FoundCache, ReadCache, ReserveCache, Reserved,
};
use checkmill_workflow::uses::Builtin;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// gzip's level for caches: they are made of what compresses badly or is read soon.
const CACHE_LEVEL: u32 = 3;

impl JobRunner<'_> {
    /// Looks for a cache. That nobody can be asked, or that it is broken, is a miss with a warning: a cache is a convenience,
    /// unless the step fails without.
    pub(super) async fn restore(
        &mut self,
        running: &Running<'_>,
        client: &Client,
        saves: bool,
        with: &With,
    ) -> Result<Vec<(String, String)>, Fault> {
        let options = Options::parse(with).map_err(Fault::Configuration)?;
        let transfer = self.transfer(client, Kind::Caches);
        let cache = match self.look(&transfer, &options).await? {
            Ok((cache, line)) => {
                self.log.text(&line);
                cache
            }
            // Whether there is one nobody knows: not the miss that the step wants to fail on.
            Err(problem) if options.fail_on_miss => {
                return Err(Fault::Infrastructure(format!(
                    "The cache can't be used: {problem}. The step has fail-on-cache-miss."
                )));
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

    /// Finds a cache and gets it; the line for the log, or what went wrong on the way.
    async fn look(
        &self,
        transfer: &Transfer<'_>,
        options: &Options,
    ) -> Result<Result<(Option<Cache>, String), String>, Fault> {
        let mut keys = vec![options.key.clone()];
        keys.extend(options.restore_keys.clone());
        let request = FindCache {
            version: options.version(),
            keys,
        };
        let found = match transfer.ask::<FoundCache>("find", &request).await {
            Ok(FoundCache { found }) => found,
            Err(TransferFault::Refused { status: 400, message }) => {
                return Err(Fault::Configuration(message));
            }
            Err(fault) => return Ok(Err(fault.to_string())),
        };
        let Some(cache) = found else {
            let line = format!("There is no cache for the key {}.", options.key);
            return Ok(Ok((None, line)));
        };
        if options.lookup_only {
            let line = format!("There is the cache {} of {}.", cache.key, cache.scope);
            return Ok(Ok((Some(cache), line)));
        }
        Ok(self.fetch_cache(transfer, options, &cache).await.map(|files| {
            let line = format!(
                "Restored {files} files of the cache {} of {}.",
                cache.key, cache.scope
            );
            (Some(cache), line)
        }))
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
    pub(super) async fn save(
        &mut self,
        client: &Client,
        options: &Options,
    ) -> Result<Vec<(String, String)>, Fault> {
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
