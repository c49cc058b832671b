//! Scripts of `run` steps: which shell, and how expressions get into them.

pub mod foreseen;
pub mod inject;
pub mod quoting;
pub mod shell;
