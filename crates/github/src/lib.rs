//! GitHub: the Forge port and its adapter, webhook signatures and payloads, and how a check reads.

#[cfg(feature = "client")]
pub mod client;
pub mod forge;
pub mod render;
pub mod settings;
pub mod webhook;
