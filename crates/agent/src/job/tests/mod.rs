//! Jobs with real processes.

mod checkout;
mod commands;
mod scripts;
mod secrets;
mod steps;
mod stop;
