//! The Lightning backend with the real agent, against a stand-in for the service.

use crate::subject::{alive, submission};
use async_trait::async_trait;
use checkmill_backends::contract::ContractSubject;
use checkmill_backends::lightning::{
    AgentInImage, Credentials, LightningBackend, LightningSettings, Machines, REQUEST, Teamspace,
};
use checkmill_backends::port::{Backend, Submission, SubmitKey};
use checkmill_core::{Millis, UnixMillis};
use checkmill_testkit::lightning::{KEY, Lightning, TEAMSPACE, USER};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A machine that is never free.
const TAKEN: &str = "lit-t4-1";

pub(crate) struct LightningSubject {
    pub(crate) cloud: Lightning,
    shared: tempfile::TempDir,
    /// Whether its jobs know where to call back.
    callback: Option<String>,
}

/// The agent, static where `cargo xtask test` has built it.
pub(crate) fn agent() -> String {
    let built = || env!("CARGO_BIN_EXE_checkmill-agent").into();
    let agent = std::env::var_os("CHECKMILL_AGENT").unwrap_or_else(built);
    agent.into_string().unwrap()
}

impl LightningSubject {
    pub(crate) async fn new() -> Self {
        Self {
            cloud: Lightning::start().await.unwrap(),
            shared: tempfile::tempdir().unwrap(),
            callback: None,
        }
    }

    pub(crate) async fn calling_back(url: String) -> Self {
        Self {
            callback: Some(url),
            ..Self::new().await
        }
    }

    pub(crate) fn settings(&self) -> LightningSettings {
        let clock = self.cloud.clock();
        LightningSettings {
            name: "lightning".to_owned(),
            url: self.cloud.url(),
            credentials: Credentials::User {
                id: USER.to_owned(),
                key: Arc::new(|| Ok(KEY.as_bytes().to_vec())),
            },
            teamspace: Teamspace::Name(TEAMSPACE.to_owned()),
            cluster: None,
            studio: None,
            image: "ubuntu:22.04".to_owned(),
            agent: AgentInImage::Present {
                program: agent(),
                arguments: Vec::new(),
            },
            mounts: Vec::new(),
            machine: "CPU".to_owned(),
            machines: Machines::default(),
            labels: BTreeSet::new(),
            rows: Vec::new(),
            environment: BTreeMap::new(),
            callback: self.callback.is_some(),
            containers: false,
            request: REQUEST,
            log_grace: Millis::from_secs(3),
            now: Arc::new(move || UnixMillis(clock())),
        }
    }

    pub(crate) fn backend(&self) -> LightningBackend {
        LightningBackend::new(self.settings()).unwrap()
    }
}

#[async_trait]
impl ContractSubject for LightningSubject {
    async fn controller(&self) -> Arc<dyn Backend> {
        Arc::new(self.backend())
    }

    fn submission(&self, key: SubmitKey, script: &str) -> Submission {
        let mut submission = submission(key, script);
        if let Some(url) = &self.callback {
            let mut description: serde_json::Value = serde_json::from_slice(&submission.description).unwrap();
            description["callback"] = serde_json::json!({ "url": url });
            submission.description = description.to_string().into_bytes();
            let token = ("CHECKMILL_CALLBACK_TOKEN".to_owned(), "cm1.x.y".into());
            submission.secrets.push(token);
        }
        submission
    }

    fn shared(&self) -> &Path {
        self.shared.path()
    }

    fn is_alive(&self, pid: u32) -> bool {
        alive(pid)
    }

    fn limit(&self) -> Duration {
        // Each of its jobs waits a while for its machine, and for its log.
        Duration::from_secs(120)
    }

    fn kill_agent(&self) -> Option<String> {
        Some("kill -9 $PPID".to_owned())
    }

    /// What a machine takes with it that it had not told the service yet is gone: it is given the time to tell.
    async fn vanish(&self, id: &str) -> bool {
        let backend = self.backend();
        let told = async {
            while !String::from_utf8_lossy(&backend.log(id, 0).await.unwrap().bytes).contains("hello") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(self.limit(), told).await.unwrap();
        self.cloud.vanish(id.split(':').next().unwrap());
        true
    }

    async fn never_starting(&self) -> Option<(Arc<dyn Backend>, Box<dyn Fn() + Send + Sync>)> {
        self.cloud.take_all(TAKEN);
        let backend = LightningBackend::new(LightningSettings {
            machine: TAKEN.to_owned(),
            ..self.settings()
        });
        let advance = self.cloud.advance();
        // Its queue timeout, and some.
        let pass = move || advance(Duration::from_secs(12 * 60));
        Some((Arc::new(backend.unwrap()), Box::new(pass)))
    }

    async fn plant_foreign(&self) -> bool {
        self.cloud.plant("train");
        self.cloud.plant("checkmill-of-somebody");
        true
    }
}
