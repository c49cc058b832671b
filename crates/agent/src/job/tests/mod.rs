//! Jobs with real processes.

mod checkout;
mod commands;
mod reports;
mod scripts;
mod secrets;
mod steps;
mod stop;
