//! Checkmill's own machine: `statemachine/job.asl.json`, the one definition of the phases.

use crate::{LoadError, Machine, PlaceholderError, substitute};
use std::collections::BTreeMap;

/// The definition, with its placeholders `${partition}`, `${start}`, `${poll}` and `${results}`.
pub const DEFINITION: &str = include_str!("../../../statemachine/job.asl.json");

/// The ARNs of the three functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Functions<'a> {
    /// The second part of every ARN there: `aws`, `aws-us-gov`, `aws-cn`.
    pub partition: &'a str,
    pub start: &'a str,
    pub poll: &'a str,
    pub results: &'a str,
}

impl Functions<'static> {
    /// Names for one machine, where no Lambda is behind them.
    pub const LOCAL: Self = Self {
        partition: "aws",
        start: "arn:aws:lambda:local:000000000000:function:start",
        poll: "arn:aws:lambda:local:000000000000:function:poll",
        results: "arn:aws:lambda:local:000000000000:function:results",
    };
}

/// What `$$.StateMachine.Id` is on one machine.
pub const LOCAL_STATE_MACHINE: &str = "arn:aws:states:local:000000000000:stateMachine:checkmill-job";

#[derive(Debug, thiserror::Error)]
pub enum JobMachineError {
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The definition with these functions filled in.
///
/// # Errors
/// A function's name that would break the JSON.
pub fn definition(functions: &Functions<'_>) -> Result<String, PlaceholderError> {
    let values = [
        ("partition", functions.partition),
        ("start", functions.start),
        ("poll", functions.poll),
        ("results", functions.results),
    ];
    substitute(DEFINITION, &BTreeMap::from(values))
}

/// The machine with these functions filled in.
///
/// # Errors
/// A function's name that is not an ARN. The definition itself is held valid by this crate's tests.
pub fn machine(functions: &Functions<'_>) -> Result<Machine, JobMachineError> {
    Ok(Machine::parse(&definition(functions)?)?)
}
