//! Where jobs run: the Backend port, its contract test, and one module for each backend.

pub mod attempt;
#[cfg(feature = "contract")]
pub mod contract;
pub mod environment;
pub mod exec;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "firecracker")]
pub mod firecracker;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "inline")]
pub mod inline;
pub mod labels;
#[cfg(feature = "lightning")]
pub mod lightning;
pub mod port;
pub mod process;
pub mod registry;
#[cfg(feature = "slurm")]
pub mod slurm;
