//! The fake GitHub's own rules, over HTTP: what it answers, what it refuses and how, and what it sends.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may unwrap as the tests do, which clippy only sees in #[test] functions"
)]

mod bench;
mod checks;
mod code;
mod comments;
mod control;
mod faults;
mod graphql;
mod payload_shapes;
mod permissions;
mod pull_requests;
mod smoke;
mod tokens;
mod webhooks;
