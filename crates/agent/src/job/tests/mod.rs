//! Jobs with real processes.

mod actions;
mod checkout;
mod commands;
mod containers;
mod engine;
mod reports;
mod scripts;
mod secrets;
mod stand_in;
mod steps;
mod stop;
