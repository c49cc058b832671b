//! A job on compute with which we share nothing: all of it goes there in environment variables ([`variables`]), and all of it
//! comes back in what the agent prints ([`frames`]). `checkmill-agent inline` is the other side of both.

pub mod frames;
pub mod variables;

/// The agent's verb that does it.
pub const VERB: &str = "inline";
