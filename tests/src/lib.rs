//! Tests of the whole system live in `tests/tests`; what they share is here.

pub mod sim;
