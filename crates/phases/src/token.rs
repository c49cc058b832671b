//! The callback's token: a job's agent shows it to report its log and its end. It names one attempt of one job and a time
//! after which it is void; the row makes it void at the end of the attempt.
//!
//! Form: `cm1.{base64url of "job attempt expiry"}.{base64url of HMAC-SHA256}`. The key is derived from the webhook secret, so
//! a deployment has one secret less to keep; both secrets of a rotation are accepted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use checkmill_core::{AttemptNumber, JobId, UnixMillis};
use checkmill_github::webhook::WebhookSecrets;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;

const PREFIX: &str = "cm1";

/// Keys that verify callback tokens; the first one also makes them.
#[derive(Clone)]
pub struct CallbackKeys(Vec<[u8; 32]>);

impl std::fmt::Debug for CallbackKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CallbackKeys({} keys)", self.0.len())
    }
}

/// What a token says, once verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackClaims {
    pub job: JobId,
    pub attempt: AttemptNumber,
    pub expires_at: UnixMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not one of ours")]
    Invalid,
    #[error("the token has expired")]
    Expired,
}

fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac
}

impl CallbackKeys {
    /// From the webhook's secrets, the present one first.
    #[must_use]
    pub fn derive(secrets: &WebhookSecrets) -> Self {
        Self(secrets.derive_keys(b"checkmill callback key 1"))
    }

    /// The token for these claims; the same claims give the same token.
    #[must_use]
    pub fn sign(&self, claims: &CallbackClaims) -> SecretString {
        let text = format!("{} {} {}", claims.job, claims.attempt, claims.expires_at.0);
        let body = URL_SAFE_NO_PAD.encode(text);
        let key = self.0.first().expect("there is at least one webhook secret");
        let tag = mac(key, format!("{PREFIX}.{body}").as_bytes())
            .finalize()
            .into_bytes();
        format!("{PREFIX}.{body}.{}", URL_SAFE_NO_PAD.encode(tag)).into()
    }

    /// The claims of a token that one of the keys made and that has not expired.
    ///
    /// # Errors
    /// [`TokenError::Invalid`] for anything else, [`TokenError::Expired`] for one that is ours and too old.
    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<CallbackClaims, TokenError> {
        let (signed, tag) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let body = signed
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_prefix('.'))
            .ok_or(TokenError::Invalid)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| TokenError::Invalid)?;
        if !self
            .0
            .iter()
            .any(|key| mac(key, signed.as_bytes()).verify_slice(&tag).is_ok())
        {
            return Err(TokenError::Invalid);
        }
        let claims = parse(body).ok_or(TokenError::Invalid)?;
        if claims.expires_at <= now {
            Err(TokenError::Expired)
        } else {
            Ok(claims)
        }
    }
}

fn parse(body: &str) -> Option<CallbackClaims> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
    let mut parts = text.split(' ');
    let claims = CallbackClaims {
        job: parts.next()?.parse().ok()?,
        attempt: AttemptNumber(parts.next()?.parse().ok()?),
        expires_at: UnixMillis(parts.next()?.parse().ok()?),
    };
    parts.next().is_none().then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn keys(current: &str, previous: Option<&str>) -> CallbackKeys {
        CallbackKeys::derive(&WebhookSecrets::new(current.into(), previous.map(Into::into)).unwrap())
    }

    fn claims() -> CallbackClaims {
        CallbackClaims {
            job: "0123456789abcdef-01234567".parse().unwrap(),
            attempt: AttemptNumber(2),
            expires_at: UnixMillis(2_000),
        }
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_for_both_secrets_of_a_rotation() {
        let old = keys("old", None);
        let rotated = keys("new", Some("old"));
        let token = old.sign(&claims());
        assert_eq!(
            rotated.verify(token.expose_secret(), UnixMillis(1_999)),
            Ok(claims())
        );
        assert_eq!(
            rotated.verify(token.expose_secret(), UnixMillis(2_000)),
            Err(TokenError::Expired)
        );
        let stranger = keys("other", None);
        assert_eq!(
            stranger.verify(token.expose_secret(), UnixMillis(0)),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn a_changed_token_is_refused() {
        let keys = keys("secret", None);
        let token = keys.sign(&claims()).expose_secret().to_owned();
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last digit of unpadded base64 holds bits that are not data; the decoder refuses those that are set.
            assert_eq!(
                keys.verify(&changed, UnixMillis(0)),
                Err(TokenError::Invalid),
                "{changed}"
            );
        }
        assert_eq!(keys.verify("", UnixMillis(0)), Err(TokenError::Invalid));
        assert_eq!(keys.verify("cm1..", UnixMillis(0)), Err(TokenError::Invalid));
    }
}
