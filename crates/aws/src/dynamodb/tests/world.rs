//! A store with a table of its own and a clock that stands still until told.

use crate::dynamodb::{DynamoStore, Usage, counted, create_table};
use crate::embedded;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use aws_smithy_http_client::Builder;
use checkmill_core::{Millis, UnixMillis};
use checkmill_phases::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) store: DynamoStore,
    pub(crate) usage: Arc<Usage>,
    clock: Arc<TestClock>,
}

/// When every test begins: in 2096, because DynamoDB Local deletes what has expired by the real clock.
pub(crate) const START: UnixMillis = UnixMillis(4_000_000_000_123);

impl World {
    pub(crate) async fn embedded() -> Self {
        let embedded = embedded::open(None).await.unwrap();
        Self::new(embedded.client, embedded.usage, embedded::TABLE)
    }

    /// A fresh table of a server that speaks DynamoDB.
    pub(crate) async fn at(endpoint: &str, name: &str) -> Self {
        let usage = Arc::new(Usage::default());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("local"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint)
            .http_client(Builder::new().build_http());
        let client = Client::from_conf(counted(config, &usage).build());
        let table = format!("test-{name}");
        // A table that an earlier run of the tests left behind.
        drop(client.delete_table().table_name(&table).send().await);
        create_table(&client, &table).await.unwrap();
        create_table(&client, &table).await.unwrap();
        Self::new(client, usage, &table)
    }

    fn new(client: Client, usage: Arc<Usage>, table: &str) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(START.0)));
        Self {
            store: DynamoStore::new(client.clone(), table, Arc::clone(&clock) as Arc<dyn Clock>),
            client,
            table: table.to_owned(),
            usage,
            clock,
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Millis) -> UnixMillis {
        self.clock.0.fetch_add(time.0, Ordering::SeqCst);
        self.now()
    }
}
