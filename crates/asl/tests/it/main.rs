//! The interpreter against the specification and AWS's documentation, and Checkmill's machine against both.
//!
//! `#[cfg(test)]` for Clippy, which else takes the helpers for production code.

#[cfg(test)]
mod engine;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod job;
#[cfg(test)]
mod load;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod support;
#[cfg(test)]
mod task;
#[cfg(test)]
mod token;
