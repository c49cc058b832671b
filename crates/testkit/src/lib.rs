//! The stateful fake GitHub, a fake clock and the test harness. README.md has the map.

mod actions;
#[cfg(feature = "harness")]
pub mod backend;
pub mod client;
pub mod clock;
pub mod content;
mod control;
mod diff;
pub mod error;
mod fake;
#[cfg(feature = "firecracker")]
pub mod firecracker;
pub mod git_object;
mod graphql;
pub mod history;
mod json;
pub mod key;
#[cfg(feature = "lightning")]
pub mod lightning;
pub mod model;
mod server;
mod shared;
#[cfg(feature = "slurm")]
pub mod slurm;
pub mod state;
pub mod timestamp;
mod wait;
mod webhook;
#[cfg(feature = "harness")]
mod world;

pub use actions::pulls::{NewPullRequest, PullEdit};
pub use actions::push::{NewCommit, Onto};
pub use actions::setup::{NewApp, NewRepository};
#[cfg(feature = "harness")]
pub use backend::{BackendFault, FakeBackend, Operation, Plan};
pub use clock::{FakeClock, TimeSource};
pub use error::FakeError;
pub use fake::{APP_ID, FakeGitHub, Options, WEBHOOK_SECRET};
pub use server::fault::{Fault, Selector, SyncPoint};
pub use server::route::Route;
pub use shared::Delivering;
pub use state::State;
pub use state::check::{Annotation, CheckRun, CheckSuite, Status};
pub use state::delivery::{Delivery, Outcome};
pub use state::permission::{Access, Permission, Permissions};
pub use state::repository::{Comment, PullRequest, PullState, Role};
pub use wait::WaitExpired;
pub use webhook::sign;
#[cfg(feature = "harness")]
pub use world::World;
