//! Conversations with the real program, `checkmill serve`: people act on the fake GitHub, it sends its webhooks, jobs run as
//! processes of this machine, and the tests read what GitHub then shows. One topic, one file.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod conversation;
mod leftovers;
mod page;
mod served;

mod actions;
mod actions_workflows;
mod annotations;
mod broken_files;
mod calls;
mod cancel;
mod comment_events;
mod comments;
mod concurrency;
mod credentials;
mod dispatch;
mod environments;
mod filters;
mod following;
mod forks;
mod graph;
mod happenings;
mod injection;
mod kill;
mod learning;
mod lightning;
mod lost_deliveries;
mod matrix;
mod merge_queue;
mod microvms;
mod models;
mod numbers;
mod releases;
mod reruns;
mod run_steps;
mod schedules;
mod secrets;
mod slurm;
mod targets;
mod timeouts;
mod troubles;
mod webhooks;
