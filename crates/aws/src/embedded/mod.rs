//! DynamoDB inside the process: the SDK's requests go to `dynoxide`, an engine on SQLite, without a socket. A socket would be
//! an unauthenticated database that every user of the machine can open.
//!
//! On a file each write is a SQLite transaction in WAL mode with `synchronous = FULL`, SQLite's default: an answered write
//! outlives a kill of the process and a power cut. Several handles, also of several processes, may have the file open.

mod connector;
mod dispatch;
#[cfg(test)]
mod tests;

use crate::dynamodb::{self, DynamoStore, Usage, create_table};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use checkmill_phases::ports::{Clock, StoreError};
use connector::InProcess;
use dynoxide::Database;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The table's name in an embedded database.
pub const TABLE: &str = "checkmill";

/// An embedded database with its table, and a client that speaks to it.
#[derive(Clone, Debug)]
pub struct Embedded {
    pub client: Client,
    /// Counts what goes through `client`.
    pub usage: Arc<Usage>,
    database: InProcess,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database file {} can't be made ready: {source}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the path of the database file, {}, is not UTF-8, which the engine needs", .0.display())]
    Path(PathBuf),
    #[error(
        "the database {} does not open: {problem}. Where it is damaged, move it away: what was under way is lost, GitHub's \
         deliveries of the last days are asked for again",
        .path.as_ref().map_or("in memory".into(), |path| path.to_string_lossy())
    )]
    Engine { path: Option<PathBuf>, problem: String },
    #[error("the embedded database has no table: {0}")]
    Table(#[from] StoreError),
}

/// Opens the database in this file, or in memory where there is none, and creates the table unless it is there.
///
/// A file is for its owner alone (mode 0600), and so are the two that SQLite puts beside it.
///
/// # Errors
/// [`OpenError`]: the file can't be opened or made private, holds something else, or was written by a newer engine.
pub async fn open(path: Option<&Path>) -> Result<Embedded, OpenError> {
    let database = match path {
        None => Database::memory(),
        Some(path) => {
            make_private(path).map_err(|source| OpenError::File {
                path: path.to_owned(),
                source,
            })?;
            let text = path.to_str().ok_or_else(|| OpenError::Path(path.to_owned()))?;
            Database::new(text)
        }
    };
    let database = database.map_err(|error| OpenError::Engine {
        path: path.map(Path::to_owned),
        // What follows is about features of the engine.
        problem: error
            .to_string()
            .split(". ")
            .next()
            .unwrap_or_default()
            .to_owned(),
    })?;
    let database = InProcess::new(database);
    let usage = Arc::new(Usage::default());
    let client = client(&database, &usage);
    create_table(&client, TABLE).await?;
    Ok(Embedded {
        client,
        usage,
        database,
    })
}

impl Embedded {
    #[must_use]
    pub fn store(&self, clock: Arc<dyn Clock>) -> DynamoStore {
        DynamoStore::new(self.client.clone(), TABLE, clock)
    }

    /// Removes the rows whose TTL has passed, which AWS does by itself; gives their number. Call it now and then.
    ///
    /// # Errors
    /// [`StoreError::Transient`] where the engine fails.
    pub async fn remove_expired(&self) -> Result<usize, StoreError> {
        self.database.remove_expired().await
    }
}

/// Creates the file before SQLite does, because SQLite gives its own files the mode of this one.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
    }
    #[cfg(not(unix))]
    options.open(path)?;
    Ok(())
}

fn client(database: &InProcess, usage: &Arc<Usage>) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("local"))
        // Nobody looks at them, the SDK signs with them all the same.
        .credentials_provider(Credentials::new("local", "local", None, None, "embedded"))
        .endpoint_url("http://embedded.invalid")
        .http_client(SharedHttpClient::new(database.clone()))
        // Between us and a lock on a file there is nothing that a second try would find better.
        .retry_config(RetryConfig::disabled());
    Client::from_conf(dynamodb::counted(config, usage).build())
}
