//! `checkmill run` as people call it: what it prints, where, and how it ends. One topic, one file.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod program;

mod backends;
mod calls;
mod containers;
mod events;
mod hello;
mod interrupt;
mod lightning;
mod live;
mod outcomes;
mod passed;
mod report;
mod sources;
mod stats;
mod terminal;
mod wrong_input;
