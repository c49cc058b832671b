//! What may come from anybody, thrown at what reads it. Each function takes any bytes: it panics where a parser does, and
//! where an answer breaks what is promised of every answer.
//!
//! `fuzz_targets/` hands them to a fuzzer (`cargo xtask fuzz`), `tests/seeds.rs` runs every seed in every test run.

mod expression;
mod filter;
mod report;
mod workflow;

pub use expression::expression;
pub use filter::filter;
pub use report::report;
pub use workflow::workflow;
