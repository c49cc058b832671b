//! What is shown to slurmrestd: `X-SLURM-USER-TOKEN`.

use super::settings::{Credentials, SlurmSettings, Token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use checkmill_core::{Millis, UnixMillis};
use ring::hmac;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A token of the cluster's key holds for so long. Slurm's own `scontrol token` says 30 minutes.
const LIFETIME: Millis = Millis::from_minutes(10);
/// A token that ends sooner is made anew: a request may take a while, and clocks differ.
const MARGIN: Millis = Millis::from_minutes(2);
/// Slurm refuses what is issued in its future (`iat`).
const CLOCK_SKEW: Millis = Millis::from_secs(60);

/// The tokens made of a key, by user.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, (Token, UnixMillis)>>);

impl Tokens {
    /// A token for this user, good for the next request; an error is a sentence.
    pub(super) fn of(&self, settings: &SlurmSettings, user: &str) -> Result<Token, String> {
        let read = match &settings.credentials {
            Credentials::Token(read) => return read().and_then(|bytes| as_token(&bytes)),
            Credentials::Key(read) => read,
        };
        let now = (settings.now)();
        let mut made = self.0.lock().map_err(|_| "the tokens are lost".to_owned())?;
        if let Some((token, until)) = made.get(user)
            && until.0 > now.0 + MARGIN.0
        {
            return Ok(token.clone());
        }
        let until = UnixMillis(now.0 + LIFETIME.0);
        let token = signed(&read()?, user, now, until);
        made.insert(user.to_owned(), (token.clone(), until));
        Ok(token)
    }

    /// Makes the next request use a new token: this one was refused.
    pub(super) fn forget(&self, user: &str) {
        if let Ok(mut made) = self.0.lock() {
            made.remove(user);
        }
    }
}

/// `scontrol token` prints `SLURM_JWT=…`, and files end with a line break.
fn as_token(bytes: &[u8]) -> Result<Token, String> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    let token = text.strip_prefix("SLURM_JWT=").unwrap_or(text);
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_token
        .then(|| SecretString::from(token))
        .ok_or_else(|| "the token is no JSON Web Token in one line".to_owned())
}

/// Slurm's `auth/jwt`: HS256 over `exp`, `iat` and `sun`, the user.
fn signed(key: &[u8], user: &str, now: UnixMillis, until: UnixMillis) -> Token {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = serde_json::json!({
        "exp": until.0 / 1000,
        "iat": now.0.saturating_sub(CLOCK_SKEW.0) / 1000,
        "sun": user,
    });
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    SecretString::from(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_token_is_what_slurm_takes() {
        let token = signed(b"key", "ci", UnixMillis(1_000_000), UnixMillis(2_000_000));
        let parts: Vec<_> = token.expose_secret().split('.').collect();
        let claims = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
        assert_eq!(
            String::from_utf8(claims).unwrap(),
            r#"{"exp":2000,"iat":940,"sun":"ci"}"#
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let text = format!("{}.{}", parts[0], parts[1]);
        hmac::verify(&key, text.as_bytes(), &URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    }

    #[test]
    fn a_token_is_read_as_scontrol_prints_it() {
        for text in ["a.b.c", "SLURM_JWT=a.b.c\n", " a.b.c \n"] {
            assert_eq!(as_token(text.as_bytes()).unwrap().expose_secret(), "a.b.c");
        }
        for text in ["", "\n", "two words", "a\nb"] {
            assert!(as_token(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
