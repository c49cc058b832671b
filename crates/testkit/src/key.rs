//! RSA keys of Apps: the fixtures, reading PEM, and App JWTs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{self, KeyPair as _, RsaKeyPair};
use std::sync::LazyLock;

/// The private key of the fake's own App. A test fixture that grants nothing anywhere.
pub const TEST_ONLY_APP_KEY_PEM: &str = include_str!("../fixtures/test-only-app-key.pem");
/// A key that belongs to no App, for tests of a wrong key. A test fixture that grants nothing anywhere.
pub const TEST_ONLY_OTHER_KEY_PEM: &str = include_str!("../fixtures/test-only-other-key.pem");

/// What the fake knows of an App's key.
#[derive(Debug, Clone)]
pub struct PublicKey(Vec<u8>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an RSA private key in PEM form (PKCS#1 or PKCS#8)")]
pub struct NotAKey;

static APP_PUBLIC_KEY: LazyLock<PublicKey> = LazyLock::new(|| {
    PublicKey::of_private_pem(TEST_ONLY_APP_KEY_PEM).expect("the fixture is a valid RSA key")
});

fn key_pair(pem: &str) -> Result<RsaKeyPair, NotAKey> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body.trim()).map_err(|_| NotAKey)?;
    RsaKeyPair::from_der(&der)
        .or_else(|_| RsaKeyPair::from_pkcs8(&der))
        .map_err(|_| NotAKey)
}

impl PublicKey {
    /// The public half of [`TEST_ONLY_APP_KEY_PEM`].
    #[must_use]
    pub fn of_test_app() -> Self {
        APP_PUBLIC_KEY.clone()
    }

    pub fn of_private_pem(pem: &str) -> Result<Self, NotAKey> {
        Ok(Self(key_pair(pem)?.public_key().as_ref().to_vec()))
    }

    /// Whether `signature` is one of this key over `message` (RS256).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// A JWT with these claims (a JSON object), signed by the key: for tests that speak to the fake without an adapter.
pub fn sign_jwt(private_key_pem: &str, claims: &serde_json::Value) -> Result<String, NotAKey> {
    let pair = key_pair(private_key_pem)?;
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    pair.sign(
        &signature::RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .map_err(|_| NotAKey)?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
