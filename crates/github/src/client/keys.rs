//! The App's key while it is changed: GitHub stops taking the old one at once, and a process that began before goes on.

use super::KeySource;
use super::jwt::AppKey;
use crate::settings::SettingsError;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::{Arc, RwLock};

/// The App's key, read again where GitHub no longer takes it.
pub(super) struct Keys {
    present: RwLock<Present>,
    source: Option<KeySource>,
}

#[derive(Clone)]
struct Present {
    pem: SecretString,
    key: Arc<AppKey>,
}

impl Keys {
    /// # Errors
    /// A key that is none.
    pub(super) fn new(pem: SecretString, source: Option<KeySource>) -> Result<Self, SettingsError> {
        let key = Arc::new(AppKey::from_pem(&pem).map_err(SettingsError::Key)?);
        Ok(Self {
            present: RwLock::new(Present { pem, key }),
            source,
        })
    }

    pub(super) fn present(&self) -> Arc<AppKey> {
        self.read().key
    }

    /// Another key than the one that was refused; none where there is none, or no way to find out.
    pub(super) async fn renewed(&self, refused: &Arc<AppKey>) -> Option<Arc<AppKey>> {
        let present = self.read();
        if !Arc::ptr_eq(&present.key, refused) {
            return Some(present.key);
        }
        let pem = self.source.as_ref()?().await?;
        if pem.expose_secret() == present.pem.expose_secret() {
            return None;
        }
        match AppKey::from_pem(&pem) {
            Ok(key) => {
                let key = Arc::new(key);
                let next = Present {
                    pem,
                    key: Arc::clone(&key),
                };
                *self.present.write().unwrap_or_else(|broken| broken.into_inner()) = next;
                tracing::info!("GitHub no longer takes the App's key; there is another one now");
                Some(key)
            }
            Err(problem) => {
                tracing::error!(problem, "the App's key was changed for something that is none");
                None
            }
        }
    }

    fn read(&self) -> Present {
        self.present
            .read()
            .unwrap_or_else(|broken| broken.into_inner())
            .clone()
    }
}
