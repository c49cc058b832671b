//! Language models behind the [`Model`] port: what they are asked, how their answers are checked, and the adapters.
//!
//! A model is asked where rules end: for a script that does what a step does which the machine can't run as it is. It is optional, off
//! by default, and its answer is untrusted text until [`translation`] has looked at it.

#[cfg(feature = "client")]
pub mod client;
mod port;
mod question;
mod reply;
#[cfg(feature = "settings")]
mod settings;

pub use port::{Model, ModelFault, ModelId};
pub use question::{Question, prompt_version, translation_question};
pub use reply::translation;
#[cfg(feature = "settings")]
pub use settings::{ModelSettings, SettingsError};

use checkmill_workflow::translation::{StepKind, Untranslatable};
use sha2::{Digest, Sha256};

/// What an answer is stored under: the same question to the same model is asked once. 64 hexadecimal digits.
#[must_use]
pub fn translation_key(step: &Untranslatable, model: &ModelId) -> String {
    key_of(&step.digest(), step.kind(), model)
}

/// The same, from the step's digest and kind.
#[must_use]
pub fn key_of(digest: &str, kind: StepKind, model: &ModelId) -> String {
    let version = prompt_version(kind);
    hex::encode(Sha256::digest(format!("{digest}\n{version}\n{model}")))
}
