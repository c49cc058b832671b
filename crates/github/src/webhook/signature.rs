//! `X-Hub-Signature-256`: HMAC-SHA256 of the raw body, keyed with the webhook secret.
//!
//! Source: GitHub docs, "Validating webhook deliveries". The older SHA-1 header is not accepted.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Hub-Signature-256";

const PREFIX: &str = "sha256=";
/// A SHA-256 in hexadecimal digits.
const SIGNATURE_DIGITS: usize = 64;

/// The secrets that a delivery may be signed with: the present one and, during a rotation, the one before.
#[derive(Debug, Clone)]
pub struct WebhookSecrets {
    current: SecretString,
    previous: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// With an empty key anybody can sign.
    #[error("the webhook secret is empty: set the one that the GitHub App's settings page has")]
    Empty,
}

/// Why a delivery is not believed. Never holds a signature, a secret or a part of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the header X-Hub-Signature-256 is missing: set a webhook secret in the GitHub App's settings")]
    Missing,
    #[error("the header X-Hub-Signature-256 is not `sha256=` and 64 hexadecimal digits")]
    Malformed,
    #[error("the signature does not match: the webhook secret here and in the GitHub App's settings differ")]
    Mismatch,
}

impl SignatureError {
    /// The HTTP status to answer with: 400 where nothing was signed, 401 where the signature is not good.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Missing => 400,
            Self::Malformed | Self::Mismatch => 401,
        }
    }
}

impl WebhookSecrets {
    /// # Errors
    /// [`SecretError::Empty`] when a secret is empty or blank.
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Result<Self, SecretError> {
        let blank = |secret: &SecretString| secret.expose_secret().trim().is_empty();
        if blank(&current) || previous.as_ref().is_some_and(blank) {
            return Err(SecretError::Empty);
        }
        Ok(Self { current, previous })
    }

    /// Whether one of the secrets signed `body`, the bytes as they came (decoded from base64 where the gateway encoded
    /// them, never re-serialised). Takes the same time wherever a signature differs.
    ///
    /// # Errors
    /// See [`SignatureError`]; `header` is the value of [`SIGNATURE_HEADER`].
    pub fn verify(&self, body: &[u8], header: Option<&str>) -> Result<(), SignatureError> {
        let header = header
            .map(str::trim)
            .filter(|h| !h.is_empty())
            .ok_or(SignatureError::Missing)?;
        let digits = header.strip_prefix(PREFIX).ok_or(SignatureError::Malformed)?;
        if digits.len() != SIGNATURE_DIGITS {
            return Err(SignatureError::Malformed);
        }
        let given = hex::decode(digits).map_err(|_| SignatureError::Malformed)?;
        // Both are computed always: the time says nothing of which secret is in use.
        let current = matches(&self.current, body, &given);
        let previous = self
            .previous
            .as_ref()
            .is_some_and(|secret| matches(secret, body, &given));
        if current | previous {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    /// Keys for another purpose, named by `label`, one from each secret, the present one's first: a deployment has one
    /// secret less to keep, and a key says nothing of the secret it came from.
    #[must_use]
    pub fn derive_keys(&self, label: &[u8]) -> Vec<[u8; 32]> {
        let secrets = std::iter::once(&self.current).chain(&self.previous);
        secrets
            .map(|secret| mac(secret, label).finalize().into_bytes().into())
            .collect()
    }

    /// The header's value for `body`, signed with the present secret.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> String {
        sign(&self.current, body)
    }
}

/// The value of [`SIGNATURE_HEADER`] that GitHub would send with `body`: for `checkmill run`, tests and emulators.
#[must_use]
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    format!(
        "{PREFIX}{}",
        hex::encode(mac(secret, body).finalize().into_bytes())
    )
}

fn matches(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    mac(secret, body).verify_slice(signature).is_ok()
}

fn mac(secret: &SecretString, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(current: &str, previous: Option<&str>) -> WebhookSecrets {
        WebhookSecrets::new(current.into(), previous.map(Into::into)).unwrap()
    }

    /// RFC 4231, test cases 1 and 2, whose keys are text.
    #[test]
    fn rfc_4231_vectors() {
        let cases: [(String, &[u8], &str); 2] = [
            (
                "\u{b}".repeat(20),
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                "Jefe".to_owned(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(sign(&key.into(), data), format!("sha256={expected}"));
        }
    }

    /// The other RFC 4231 keys are not UTF-8, which a webhook secret always is: they prove the construction itself.
    #[test]
    fn rfc_4231_vectors_with_binary_keys() {
        let cases: [(Vec<u8>, Vec<u8>, &str); 4] = [
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (0x01..=0x19).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."
                    .to_vec(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(&data);
            assert!(mac.verify_slice(&hex::decode(expected).unwrap()).is_ok());
        }
    }

    /// GitHub docs, "Validating webhook deliveries", "Testing the webhook payload validation".
    #[test]
    fn the_vector_of_githubs_documentation() {
        let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let secrets = secrets("It's a Secret to Everybody", None);
        assert_eq!(secrets.sign(b"Hello, World!"), header);
        assert_eq!(secrets.verify(b"Hello, World!", Some(header)), Ok(()));
    }

    #[test]
    fn what_is_refused_and_how() {
        let good = sign(&"s".into(), b"body");
        let secrets = secrets("s", None);
        let table: [(Option<String>, SignatureError, u16); 8] = [
            (None, SignatureError::Missing, 400),
            (Some(String::new()), SignatureError::Missing, 400),
            (
                Some(good.replace("sha256=", "sha1=")),
                SignatureError::Malformed,
                401,
            ),
            (
                Some(good.trim_start_matches("sha256=").to_owned()),
                SignatureError::Malformed,
                401,
            ),
            (
                Some(good[..good.len() - 1].to_owned()),
                SignatureError::Malformed,
                401,
            ),
            (Some(format!("{good}00")), SignatureError::Malformed, 401),
            (
                Some(format!("sha256={}", "g".repeat(64))),
                SignatureError::Malformed,
                401,
            ),
            (Some(sign(&"t".into(), b"body")), SignatureError::Mismatch, 401),
        ];
        for (header, error, status) in table {
            assert_eq!(
                secrets.verify(b"body", header.as_deref()),
                Err(error),
                "{header:?}"
            );
            assert_eq!(error.status(), status);
        }
        assert_eq!(
            secrets.verify(b"other body", Some(&good)),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn both_secrets_are_good_during_a_rotation() {
        let rotating = secrets("new", Some("old"));
        assert_eq!(rotating.verify(b"x", Some(&sign(&"old".into(), b"x"))), Ok(()));
        assert_eq!(rotating.verify(b"x", Some(&sign(&"new".into(), b"x"))), Ok(()));
        assert_eq!(
            rotating.verify(b"x", Some(&sign(&"older".into(), b"x"))),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn an_empty_secret_is_refused() {
        for blank in ["", " ", "\n"] {
            assert_eq!(
                WebhookSecrets::new(blank.into(), None).unwrap_err(),
                SecretError::Empty
            );
            assert_eq!(
                WebhookSecrets::new("s".into(), Some(blank.into())).unwrap_err(),
                SecretError::Empty
            );
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let shown = format!("{:?}", secrets("hunter2", Some("hunter1")));
        assert!(!shown.contains("hunter"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_changed_bit_is_noticed(body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>()) {
            let secrets = secrets("s", None);
            let signature = secrets.sign(&body);
            prop_assert_eq!(secrets.verify(&body, Some(&signature)), Ok(()));
            let mut changed = body.clone();
            changed[at.index(body.len())] ^= 1;
            prop_assert_eq!(secrets.verify(&changed, Some(&signature)), Err(SignatureError::Mismatch));
        }

        #[test]
        fn no_header_makes_it_panic(header in ".{0,100}") {
            prop_assert!(secrets("s", None).verify(b"", Some(&header)).is_err());
        }
    }
}
