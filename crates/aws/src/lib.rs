//! AWS behind the ports of `checkmill-phases`, each service behind a cargo feature, so that a binary links what it uses.
//!
//! This crate and the command are the only ones that name an AWS crate. It decides nothing: what is read, written and
//! retried, and when, is up to the phases and the state machine. One retry layer is here, the SDK's, bounded in
//! [`connection`].

pub mod clock;
#[cfg(feature = "http")]
pub mod connection;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "sdk")]
mod fault;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(test)]
mod scripted;
#[cfg(feature = "lambda")]
pub mod settings;
#[cfg(feature = "sfn")]
pub mod sfn;
#[cfg(feature = "sqs")]
pub mod sqs;
#[cfg(feature = "ssm")]
pub mod ssm;
