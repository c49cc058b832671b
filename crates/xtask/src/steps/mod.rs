//! The steps of `cargo xtask test`. Each runs whatever became of the others, so that one run tells everything.

pub(crate) mod agent;
pub(crate) mod emulator;
mod infra;
pub(crate) mod rust;
mod slurm;
mod statemachine;

use crate::outcome::{Counts, Row, table};
use crate::settings::Workspace;
use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepName {
    Fmt,
    Clippy,
    StateMachine,
    Terraform,
    Tests,
    Agent,
    DynamoDb,
    Slurm,
    Doc,
    Deny,
    Functions,
    Emulator,
}

impl StepName {
    /// In the order in which they run: what answers soonest comes first.
    pub(crate) const ALL: [Self; 12] = [
        Self::Fmt,
        Self::Clippy,
        Self::StateMachine,
        Self::Terraform,
        Self::Tests,
        Self::Agent,
        Self::DynamoDb,
        Self::Slurm,
        Self::Doc,
        Self::Deny,
        Self::Functions,
        Self::Emulator,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::StateMachine => "statemachine",
            Self::Terraform => "terraform",
            Self::Tests => "tests",
            Self::Agent => "agent",
            Self::DynamoDb => "dynamodb",
            Self::Slurm => "slurm",
            Self::Doc => "doc",
            Self::Deny => "deny",
            Self::Functions => "functions",
            Self::Emulator => "emulator",
        }
    }

    fn run(self, workspace: &Workspace) -> anyhow::Result<Counts> {
        match self {
            Self::Fmt => rust::fmt(workspace),
            Self::Clippy => rust::clippy(workspace),
            Self::StateMachine => statemachine::validate(workspace),
            Self::Terraform => infra::check(workspace),
            Self::Tests => rust::tests(workspace),
            Self::Agent => agent::test(workspace),
            Self::DynamoDb => rust::dynamodb(workspace),
            Self::Slurm => slurm::test(workspace),
            Self::Doc => rust::doc(workspace),
            Self::Deny => rust::deny(workspace),
            Self::Functions => emulator::build_functions(workspace),
            Self::Emulator => emulator::test(workspace),
        }
    }
}

/// Runs the steps and prints the table; fails when anything failed.
pub(crate) fn run(workspace: &Workspace, steps: &[StepName]) -> ExitCode {
    let mut rows = Vec::new();
    for step in steps {
        println!("\n=== {} ===", step.as_str());
        #[expect(clippy::disallowed_methods, reason = "a command that shows how long it took")]
        let begun = Instant::now();
        let counts = step.run(workspace).unwrap_or_else(|error| {
            println!("FAILED: {} — {error:#}", step.as_str());
            Counts::one(false)
        });
        rows.push(Row {
            step: step.as_str(),
            counts,
            elapsed: begun.elapsed(),
        });
    }
    println!("{}", table(&rows));
    let failed = rows.iter().any(|row| row.counts.failed > 0);
    ExitCode::from(u8::from(failed))
}
