//! Jobs with real processes.

mod actions;
mod checkout;
mod commands;
mod reports;
mod scripts;
mod secrets;
mod steps;
mod stop;
