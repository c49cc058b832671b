//! Where jobs run: the Backend port, its contract test, and one module for each backend.

pub mod port;
pub mod registry;
