//! A small world in virtual time for the phases: every port in memory, every call a place where the process can die.

pub mod backend;
pub mod faults;
pub mod forge;
pub mod store;
pub mod world;
