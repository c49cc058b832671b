//! The App's own token: a JWT, RS256, signed with the key that GitHub gave the App.
//!
//! Source: GitHub docs, "Generating a JSON Web Token (JWT) for a GitHub App". Made here with ring, twenty lines, because
//! octocrab's own way would bring a second cryptography library.

use crate::settings::{AppId, pem_lines};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use checkmill_core::UnixMillis;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// GitHub docs: set it a minute back against clocks that differ.
const ISSUED_BACK_SECS: u64 = 60;
/// GitHub docs: at most ten minutes ahead; a minute of that is left for clocks that differ.
const EXPIRES_AHEAD_SECS: u64 = 9 * 60;

/// The App's private key, ready to sign.
pub(super) struct AppKey {
    pair: RsaKeyPair,
    random: SystemRandom,
}

impl AppKey {
    /// Reads a PEM text, PKCS#1 (as GitHub gives it) or PKCS#8, with newlines or with the two characters `\n`.
    ///
    /// # Errors
    /// What is wrong with the text, without any of it.
    pub(super) fn from_pem(pem: &SecretString) -> Result<Self, &'static str> {
        let lines = pem_lines(pem.expose_secret());
        let begin = lines.iter().position(|line| line.starts_with("-----BEGIN "));
        let Some(begin) = begin else {
            return Err("it is no PEM text (no BEGIN line)");
        };
        let pkcs8 = match lines[begin].as_str() {
            "-----BEGIN RSA PRIVATE KEY-----" => false,
            "-----BEGIN PRIVATE KEY-----" => true,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----" => return Err("it is encrypted; GitHub's keys are not"),
            "-----BEGIN EC PRIVATE KEY-----" => {
                return Err("it is an elliptic-curve key; GitHub's are RSA keys");
            }
            "-----BEGIN OPENSSH PRIVATE KEY-----" => {
                return Err("it is an OpenSSH key; GitHub's are RSA keys in PEM");
            }
            "-----BEGIN PUBLIC KEY-----" | "-----BEGIN CERTIFICATE-----" => {
                return Err("it is not a private key");
            }
            _ => return Err("it is some other kind of PEM text"),
        };
        let body = &lines[begin + 1..];
        let end = body
            .iter()
            .position(|line| line.starts_with("-----END "))
            .ok_or("it has no END line")?;
        // "Proc-Type" and "DEK-Info" headers are those of an encrypted PKCS#1 key.
        if body[..end].iter().any(|line| line.contains(':')) {
            return Err("it is encrypted; GitHub's keys are not");
        }
        let der = STANDARD
            .decode(body[..end].concat())
            .map_err(|_| "its body is not base64")?;
        let pair = if pkcs8 {
            RsaKeyPair::from_pkcs8(&der)
        } else {
            RsaKeyPair::from_der(&der)
        };
        let pair = pair.map_err(|_| "it is damaged, or not an RSA key of 2048 bits or more")?;
        Ok(Self {
            pair,
            random: SystemRandom::new(),
        })
    }

    /// A token that is good for nine minutes from `now`.
    ///
    /// # Errors
    /// When the system has no randomness for the blinding of the signature.
    pub(super) fn jwt(&self, app: AppId, now: UnixMillis) -> Result<SecretString, &'static str> {
        let now = now.0 / 1000;
        let issued = now.saturating_sub(ISSUED_BACK_SECS);
        let expires = now + EXPIRES_AHEAD_SECS;
        // `iss` as text: GitHub takes client ids there too, and some of its parsers refuse a number.
        let claims = format!(r#"{{"iat":{issued},"exp":{expires},"iss":"{app}"}}"#);
        let mut token = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &self.random, token.as_bytes(), &mut signature)
            .map_err(|_| "the system gives no randomness")?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token.into())
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_testkit::key::{PublicKey, TEST_ONLY_APP_KEY_PEM as PEM, TEST_ONLY_OTHER_KEY_PEM};

    fn verified_claims(pem: &str, public: &PublicKey) -> Option<serde_json::Value> {
        let key = AppKey::from_pem(&pem.into()).unwrap();
        let token = key.jwt(AppId(42), UnixMillis(1_700_000_000_999)).unwrap();
        let (message, signature) = token.expose_secret().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        if !public.verifies(message.as_bytes(), &signature) {
            return None;
        }
        let (header, claims) = message.split_once('.').unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.decode(header).unwrap(),
            br#"{"alg":"RS256","typ":"JWT"}"#
        );
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).ok()
    }

    /// The fixture as PKCS#8: RFC 5208's wrapping of the same key.
    fn pkcs8(pem: &str) -> String {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let key = STANDARD.decode(body).unwrap();
        let length = |n: usize| [0x82, (n >> 8) as u8, n as u8];
        let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let mut inner = b"\x02\x01\x00".to_vec();
        inner.extend(algorithm);
        inner.push(0x04);
        inner.extend(length(key.len()));
        inner.extend(key);
        let mut der = vec![0x30];
        der.extend(length(inner.len()));
        der.extend(inner);
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der)
        )
    }

    #[test]
    fn a_token_carries_the_claims_and_verifies() {
        let claims = verified_claims(PEM, &PublicKey::of_test_app()).unwrap();
        assert_eq!(
            claims,
            serde_json::json!({"iat": 1_699_999_940_u64, "exp": 1_700_000_540_u64, "iss": "42"})
        );
        let other = PublicKey::of_private_pem(TEST_ONLY_OTHER_KEY_PEM).unwrap();
        assert_eq!(verified_claims(PEM, &other), None);
    }

    #[test]
    fn every_form_of_the_key_is_read() {
        let forms = [
            PEM.replace('\n', "\\n"),
            PEM.replace('\n', "\r\n"),
            format!("\"{}\"", PEM.replace('\n', "\\n")),
            format!("\n  {PEM}\n\n"),
            pkcs8(PEM),
            pkcs8(PEM).replace('\n', "\\n"),
        ];
        for form in forms {
            assert!(verified_claims(&form, &PublicKey::of_test_app()).is_some());
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let pem = |kind: &str, body: &str| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----");
        let texts = [
            "hunter2".to_owned(),
            pem("RSA PRIVATE KEY", "hunter2!"),
            pem("RSA PRIVATE KEY", "aHVudGVyMg=="),
            pem("PRIVATE KEY", "aHVudGVyMg=="),
            pem("EC PRIVATE KEY", ""),
            pem("OPENSSH PRIVATE KEY", ""),
            pem("ENCRYPTED PRIVATE KEY", ""),
            pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nAAAA"),
            pem("PUBLIC KEY", ""),
            PEM.lines().take(5).collect::<Vec<_>>().join("\n"),
        ];
        let problems = texts
            .map(|text| AppKey::from_pem(&text.into()).unwrap_err())
            .join("\n");
        assert!(!problems.contains("hunter2"));
        insta::assert_snapshot!(problems, @"
        it is no PEM text (no BEGIN line)
        its body is not base64
        it is damaged, or not an RSA key of 2048 bits or more
        it is damaged, or not an RSA key of 2048 bits or more
        it is an elliptic-curve key; GitHub's are RSA keys
        it is an OpenSSH key; GitHub's are RSA keys in PEM
        it is encrypted; GitHub's keys are not
        it is encrypted; GitHub's keys are not
        it is not a private key
        it has no END line
        ");
    }
}
