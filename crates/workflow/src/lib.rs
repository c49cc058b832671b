//! Workflow files to jobs: parsing, triggers and filters, expressions, the matrix. No I/O.
//!
//! The way of a file: [`parse`] gives a [`Workflow`] or says all that is wrong; [`matches`] says whether an event starts
//! it; [`inputs()`] and [`github_context`] make the contexts; [`expand()`] evaluates a job's `if` and matrix once what it
//! needs has ended; [`describe()`] writes down what the agent runs. [`parse_policy`] reads the policy, [`parse_action`] the
//! file of an action that a step uses.
//! A job may call another file: [`Linker`] puts those together before anything is expanded.
//! [`lint`] says more about a file than an event needs to know.

pub mod archive;
mod call;
mod concurrency;
mod containers;
mod contexts;
mod describe;
mod diagnostic;
mod dialect;
mod environment;
mod expand;
pub mod expr;
pub mod filter;
pub mod image;
mod inputs;
pub mod job;
mod keys;
pub mod log;
pub mod manifest;
mod matrix;
mod model;
mod nearest;
mod outline;
mod policy;
mod read;
mod resolve;
mod rule;
mod run_name;
mod source;
mod text;
pub mod translation;
mod trigger;
pub mod uses;
mod words;
mod yaml;

pub use call::{Called, Linker, RemoteWorkflow, WorkflowReference};
pub use concurrency::run_concurrency;
pub use contexts::{NeedsJob, RunContext, full_ref, github_context, vars_context};
pub use describe::{AttemptInfo, allowed_actions, allowed_environment, describe};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use dialect::{
    DIRECTORIES, Written, WrittenAction, WrittenStep, lint, local_actions, parse, parse_action, written_steps,
};
pub use environment::EnvironmentRules;
pub use expand::{Expansion, JobContext, LaterKey, Leg, expand, name_for, unevaluated_name};
pub use inputs::{check_environments, dispatch_inputs, inputs};
pub use keys::{Key, Keys, Support};
pub use model::Workflow;
pub use outline::JobOutline;
pub use policy::{KEYS as POLICY_KEYS, parse_policy};
pub use rule::{Rule, Severity};
pub use run_name::run_name;
pub use trigger::{Changed, Match, dispatched, matches, names_target, skip_ci};

/// Every mapping with fixed keys that a file of `.lightning/workflows` can hold, with what is done about each key:
/// `docs/lightning-workflows.md` is checked against it.
#[must_use]
pub const fn lightning_keys() -> &'static [&'static Keys] {
    &dialect::lightning::KEYS
}

/// Every mapping with fixed keys that a workflow file of GitHub Actions' syntax can hold, with what is done about each key: `docs/workflow-syntax.md`
/// is checked against it.
#[must_use]
pub const fn workflow_keys() -> &'static [&'static Keys] {
    &dialect::actions::KEYS
}
