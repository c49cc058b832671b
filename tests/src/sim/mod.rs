//! A small world in virtual time for the phases: every port in memory, every call a place where another phase may go first
//! and where the process can die.

pub mod backend;
mod deaths;
pub mod engine;
pub mod faults;
mod flight;
pub mod forge;
mod groups;
mod outside;
mod ports;
pub mod schedule;
pub mod store;
pub mod tally;
mod verdict;
pub mod world;
