//! Jobs with real processes.

mod actions;
mod checkout;
mod commands;
mod containers;
mod engine;
mod reports;
mod scripts;
mod secrets;
mod steps;
mod stop;
