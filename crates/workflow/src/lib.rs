//! Workflow files to jobs: parsing, triggers and filters, expressions, the matrix. No I/O.

pub mod expr;
pub mod filter;
pub mod job;
