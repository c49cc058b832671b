//! App JWTs, verified as GitHub does. GitHub docs, "Generating a JSON Web Token (JWT) for a GitHub App".

use super::reply::Refusal;
use crate::state::State;
use crate::state::account::App;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// GitHub docs: `exp` must be no more than 10 minutes into the future.
const LIFETIME_SECS: u64 = 10 * 60;

const UNDECODABLE: &str = "A JSON web token could not be decoded";

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The App that signed this token, if it is good now.
pub(crate) fn verify(state: &State, token: &str) -> Result<App, Refusal> {
    let undecodable = || Refusal::unauthorized(UNDECODABLE);
    let (message, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
    let (header, claims) = message.split_once('.').ok_or_else(undecodable)?;
    let header: Header = decode(header)?;
    if header.alg != "RS256" {
        return Err(undecodable());
    }
    let claims: Value = decode(claims)?;
    let app = issuer(state, &claims)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable())?;
    if !app.key.verifies(message.as_bytes(), &signature) {
        return Err(undecodable());
    }
    check_times(&claims, state.now().0 / 1000)?;
    Ok(app)
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::unauthorized(UNDECODABLE))?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::unauthorized(UNDECODABLE))
}

/// By the App's number, as text or number, or its client id.
fn issuer(state: &State, claims: &Value) -> Result<App, Refusal> {
    let issuer = match &claims["iss"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(Refusal::unauthorized("Missing 'issuer' claim ('iss')")),
    };
    state
        .apps
        .values()
        .find(|app| app.id.to_string() == issuer || app.client_id == issuer)
        .cloned()
        .ok_or_else(|| Refusal::new(404, "Integration not found"))
}

fn check_times(claims: &Value, now_secs: u64) -> Result<(), Refusal> {
    let expiration = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
    let issued =
        "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
    let exp = claims["exp"]
        .as_u64()
        .filter(|exp| *exp > now_secs)
        .ok_or_else(|| Refusal::unauthorized(expiration))?;
    let iat = claims["iat"]
        .as_u64()
        .filter(|iat| *iat <= now_secs)
        .ok_or_else(|| Refusal::unauthorized(issued))?;
    if exp > now_secs + LIFETIME_SECS || exp > iat + LIFETIME_SECS {
        return Err(Refusal::unauthorized(
            "'Expiration time' claim ('exp') is too far in the future",
        ));
    }
    Ok(())
}
