//! The language model of a function. Its key is in the Parameter Store and is read when a question is asked, which is seldom:
//! most jobs end without one.

use super::Deployment;
use checkmill_model::{ModelId, ModelSettings};

impl Deployment {
    /// Whose answers may be used; none where the model is off, or set up badly: that keeps no job from its end.
    #[must_use]
    pub fn model_id(&self) -> Option<ModelId> {
        settings(environment()).id()
    }

    /// The model that is asked; none as for [`Deployment::model_id`]. Nothing is sent and no key read yet.
    #[cfg(feature = "model")]
    #[must_use]
    pub fn model(&self) -> Option<Box<dyn checkmill_model::Model>> {
        let model = self.model_of(settings(environment()))?;
        Some(Box::new(model))
    }

    #[cfg(feature = "model")]
    fn model_of(&self, settings: ModelSettings) -> Option<asked::KeyedModel> {
        let parameters = self.parameters(&[crate::ssm::Parameter::ModelKey]);
        asked::KeyedModel::new(settings, parameters, std::sync::Arc::clone(&self.clock) as _)
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn settings(variables: impl IntoIterator<Item = (String, String)>) -> ModelSettings {
    ModelSettings::read_without_key(variables).unwrap_or_else(|error| {
        tracing::error!(%error, "no language model is asked: its settings can't be used");
        ModelSettings::off()
    })
}

#[cfg(feature = "model")]
mod asked {
    use crate::ssm::{Parameter, Parameters};
    use async_trait::async_trait;
    use checkmill_core::Millis;
    use checkmill_model::{Model, ModelFault, ModelId, ModelSettings, Question};
    use checkmill_phases::ports::Clock;
    use secrecy::{ExposeSecret as _, SecretString};
    use std::sync::Arc;
    use tokio::sync::Mutex;

    /// A client and the key that it was opened with.
    struct Open {
        key: Option<SecretString>,
        model: Arc<dyn Model>,
    }

    impl Open {
        fn has(&self, key: Option<&SecretString>) -> bool {
            self.key.as_ref().map(|key| key.expose_secret()) == key.map(|key| key.expose_secret())
        }
    }

    /// A model whose key may be changed while the function lives.
    pub(super) struct KeyedModel {
        id: ModelId,
        settings: ModelSettings,
        parameters: Parameters,
        clock: Arc<dyn Clock>,
        open: Mutex<Option<Open>>,
    }

    impl KeyedModel {
        /// None where the settings switch it off.
        pub(super) fn new(
            settings: ModelSettings,
            parameters: Parameters,
            clock: Arc<dyn Clock>,
        ) -> Option<Self> {
            Some(Self {
                id: settings.id()?,
                settings,
                parameters,
                clock,
                open: Mutex::new(None),
            })
        }

        /// The client with the key as it is now. Its faults are shown on checks; what to do about them is in the function's log.
        async fn client(&self) -> Result<Arc<dyn Model>, ModelFault> {
            let away = |error: &dyn std::fmt::Display, what: &str| {
                tracing::error!(%error, "a language model can't be asked");
                ModelFault::Unreachable(what.to_owned())
            };
            let key = self.parameters.optional(Parameter::ModelKey).await;
            let key = key.map_err(|error| away(&error, "its key can't be read"))?;
            let mut open = self.open.lock().await;
            if let Some(open) = open.as_ref().filter(|open| open.has(key.as_ref())) {
                return Ok(Arc::clone(&open.model));
            }
            let settings = self.settings.with_key(key.clone());
            let settings =
                settings.map_err(|error| away(&error, "its key is missing, or none for its address"))?;
            let opened = settings.open();
            let opened = opened.map_err(|error| away(&error, "no connection can be made"))?;
            let model = opened.ok_or_else(|| ModelFault::Unreachable("it is off".to_owned()))?;
            *open = Some(Open {
                key,
                model: Arc::clone(&model),
            });
            Ok(model)
        }
    }

    #[async_trait]
    impl Model for KeyedModel {
        fn id(&self) -> &ModelId {
            &self.id
        }

        async fn answer(&self, question: &Question, within: Millis) -> Result<String, ModelFault> {
            let started = self.clock.now();
            let client =
                tokio::time::timeout(std::time::Duration::from_millis(within.0), self.client()).await;
            let client = client.map_err(|_| ModelFault::Slow(within))??;
            // The key's way is part of the time.
            let left = Millis(within.0.saturating_sub(self.clock.now().since(started).0));
            client.answer(question, left).await
        }
    }
}

#[cfg(all(test, feature = "model"))]
mod tests {
    use super::asked::KeyedModel;
    use super::settings;
    use crate::clock::SystemClock;
    use crate::scripted::Scripted;
    use crate::ssm::{Parameter, Parameters};
    use checkmill_core::Millis;
    use checkmill_core::limits::MODEL_TIME;
    use checkmill_model::{Model, Question, translation};
    use checkmill_testkit::model::{FakeModel, Say, Wire};
    use serde_json::json;
    use std::sync::Arc;

    const KEY: &str = "sk-or-v1-0123456789abcdef";
    const ANSWER: &str = r#"{"shell":"bash","script":"echo","explanation":"","assumptions":[]}"#;

    fn model(script: &Scripted, pairs: &[(&str, &str)]) -> Option<KeyedModel> {
        let clock = Arc::new(SystemClock);
        let wanted = [Parameter::ModelKey];
        let parameters = Parameters::new(
            script.connection().ssm(),
            "/checkmill",
            &wanted,
            Arc::clone(&clock) as _,
        );
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        KeyedModel::new(settings(pairs), parameters, clock)
    }

    fn question() -> Question {
        Question {
            system: "Translate.".to_owned(),
            user: "{}".to_owned(),
            name: "translation",
            schema: json!({"type": "object", "additionalProperties": false, "required": [], "properties": {}}),
        }
    }

    fn key_is(value: &str) -> String {
        json!({"Parameters": [{"Name": "/checkmill/model-key", "Type": "SecureString", "Value": value}]})
            .to_string()
    }

    /// The server refuses every other key.
    #[tokio::test]
    async fn the_key_of_the_parameter_store_is_used_and_read_when_it_is_needed() {
        let server = FakeModel::start(Wire::OpenRouter, "small", Some(KEY))
            .await
            .unwrap();
        server.then(Say::Text(ANSWER.to_owned()));
        server.then(Say::Text(ANSWER.to_owned()));
        let script = Scripted::new([(200, key_is(&format!("{KEY}\n")).as_str())]);
        let url = server.base_url();
        let model = model(
            &script,
            &[
                ("CHECKMILL_MODEL", "openrouter"),
                ("OPENROUTER_MODEL", "small"),
                ("OPENROUTER_BASE_URL", &url),
            ],
        )
        .unwrap();
        assert_eq!(model.id().0, "openrouter/small");
        assert!(script.asked().is_empty(), "nothing is read before a question");

        for _ in 0..2 {
            let answer = model.answer(&question(), MODEL_TIME).await.unwrap();
            assert_eq!(translation(&answer).unwrap().script, "echo");
        }
        assert_eq!(
            script.asked(),
            [r#"GetParameters {"Names":["/checkmill/model-key"],"WithDecryption":true}"#]
        );
        assert_eq!(server.asked().len(), 2);
        assert!(server.refused().is_empty());
    }

    #[tokio::test]
    async fn a_key_that_is_not_there_is_a_fault_and_no_question() {
        let server = FakeModel::start(Wire::OpenRouter, "small", Some(KEY))
            .await
            .unwrap();
        let url = server.base_url();
        let variables = [
            ("CHECKMILL_MODEL", "openrouter"),
            ("OPENROUTER_MODEL", "small"),
            ("OPENROUTER_BASE_URL", url.as_str()),
        ];
        let denied = r#"{"__type":"AccessDeniedException","message":"no ssm:GetParameters"}"#;
        for (status, body, expected) in [
            (
                200,
                r#"{"InvalidParameters":["/checkmill/model-key"],"Parameters":[]}"#,
                "could not be reached: its key is missing, or none for its address",
            ),
            (400, denied, "could not be reached: its key can't be read"),
        ] {
            let script = Scripted::new([(status, body)]);
            let model = model(&script, &variables).unwrap();
            let fault = model.answer(&question(), Millis::from_secs(5)).await.unwrap_err();
            assert_eq!(fault.to_string(), expected);
        }
        assert!(server.asked().is_empty() && server.refused().is_empty());
    }

    /// A server of one's own wants no key.
    #[tokio::test]
    async fn a_server_without_a_key() {
        let server = FakeModel::start(Wire::Ollama, "small", None).await.unwrap();
        server.then(Say::Text(ANSWER.to_owned()));
        let script = Scripted::new([(
            200,
            r#"{"InvalidParameters":["/checkmill/model-key"],"Parameters":[]}"#,
        )]);
        let url = server.base_url();
        let variables = [
            ("CHECKMILL_MODEL", "ollama"),
            ("OLLAMA_MODEL", "small"),
            ("OLLAMA_BASE_URL", url.as_str()),
        ];
        let model = model(&script, &variables).unwrap();
        assert!(model.answer(&question(), MODEL_TIME).await.is_ok());
    }

    /// The function goes on: it has all jobs to conclude.
    #[test]
    fn settings_that_cannot_be_used_switch_it_off() {
        let script = Scripted::new([]);
        for pairs in [
            &[][..],
            &[("OLLAMA_MODEL", "m")],
            &[("CHECKMILL_MODEL", "gpt")],
            &[
                ("CHECKMILL_MODEL", "openrouter"),
                ("OPENROUTER_MODEL", "m"),
                ("OPENROUTER_API_KEY", "k"),
            ],
        ] {
            assert!(model(&script, pairs).is_none(), "{pairs:?}");
        }
    }
}
