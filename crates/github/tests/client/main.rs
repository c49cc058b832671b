//! The adapter against single faults and against the stateful fake GitHub.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod checks;
mod comments;
mod conversation;
mod fake;
mod faults;
mod files;
mod queries;
mod recovery;
mod support;
