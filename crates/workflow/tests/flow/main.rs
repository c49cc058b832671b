//! From a workflow file to jobs, through the crate's public functions.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod contexts;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod describe;
#[cfg(test)]
mod diagnostics;
#[cfg(test)]
mod documents;
mod environment;
#[cfg(test)]
mod expand;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hello;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod lightning;
#[cfg(test)]
mod lightning_plans;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod run_name;
#[cfg(test)]
mod support;
#[cfg(test)]
mod triggers;
#[cfg(test)]
mod written;
