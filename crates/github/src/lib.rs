//! GitHub: the Forge port and its adapter, webhook signatures and payloads, and how a check reads.

pub mod changed_lines;
#[cfg(feature = "client")]
pub mod client;
pub mod forge;
pub mod render;
pub mod settings;
pub mod webhook;
