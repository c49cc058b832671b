//! `checkmill lint` as people and programs call it. One topic, one file.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

#[expect(dead_code, reason = "other commands' tests need more of it")]
#[path = "../run/program.rs"]
mod program;

mod calls;
mod formats;
mod mistakes;
mod refusals;
mod sarif;
mod which_files;
