//! Jobs with real processes.

mod actions;
mod checkout;
mod commands;
mod scripts;
mod secrets;
mod steps;
mod stop;
