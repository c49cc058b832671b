//! The adapters: Ollama and OpenRouter by their own APIs, and every server that speaks OpenAI's.

mod http;
mod ollama;
mod openai;

pub use crate::settings::{ModelSettings, SettingsError};

use crate::port::{Model, ModelFault, ModelId};
use crate::question::Question;
use crate::settings::Provider;
use async_trait::async_trait;
use checkmill_core::Millis;
use http::Http;
use std::sync::Arc;

/// A model server.
#[derive(Debug)]
struct Client {
    id: ModelId,
    http: Http,
    provider: Provider,
    base_url: String,
    /// As the server knows it.
    name: String,
    longest: Millis,
}

impl ModelSettings {
    /// The adapter that these settings are for; none where they switch the model off. Nothing is sent yet.
    ///
    /// # Errors
    /// No TLS: the system's certificates can't be read.
    pub fn open(&self) -> Result<Option<Arc<dyn Model>>, SettingsError> {
        let Some(chosen) = &self.chosen else {
            return Ok(None);
        };
        Ok(Some(Arc::new(Client {
            id: chosen.id(),
            http: Http::new(chosen.key.clone(), chosen.base_url.starts_with("https://"))?,
            provider: chosen.provider,
            base_url: chosen.base_url.clone(),
            name: chosen.model.clone(),
            longest: chosen.longest,
        })))
    }
}

#[async_trait]
impl Model for Client {
    fn id(&self) -> &ModelId {
        &self.id
    }

    async fn answer(&self, question: &Question, within: Millis) -> Result<String, ModelFault> {
        let (path, body) = match self.provider {
            Provider::Ollama => (ollama::PATH, ollama::request(&self.name, question)),
            Provider::OpenRouter => (openai::PATH, openai::openrouter_request(&self.name, question)),
            Provider::OpenAi => (openai::PATH, openai::request(&self.name, question)),
        };
        let url = format!("{}{path}", self.base_url);
        let reply = self.http.post(&url, &body, within.min(self.longest)).await?;
        let read = match self.provider {
            Provider::Ollama => ollama::answer(&reply),
            Provider::OpenRouter | Provider::OpenAi => openai::answer(&reply),
        };
        read.map_err(|fault| self.http.without_key(fault))
    }
}
