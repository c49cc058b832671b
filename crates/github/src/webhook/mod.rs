//! What GitHub sends us: is it really from GitHub ([`signature`]), and what does it say ([`payload`]).
//!
//! Built without the `client` feature too, so that the webhook Lambda stays small.

mod need;
pub mod payload;
mod sample;
pub mod signature;
mod wire;

pub use payload::{Parsed, PayloadError, may_concern_us, parse, parse_for_app};
pub use sample::{guess_event, parse_sample};
pub use signature::{SecretError, SignatureError, WebhookSecrets, sign};
