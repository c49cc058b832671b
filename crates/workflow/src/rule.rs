//! The kinds of mistakes, by names that other tools can hold on to.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It runs, and may be worth a thought.
    Note,
    /// It runs, but hardly as it was meant.
    Warning,
    /// The file can't run.
    Error,
}

impl Severity {
    /// As SARIF writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a diagnostic is about. The ids are stable: suppressions and dashboards name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    Yaml,
    UnknownKey,
    Unsupported,
    Invalid,
    DuplicateId,
    UnknownNeed,
    NeedsCycle,
    Expression,
    Matrix,
    UnknownStep,
    UnknownJob,
    UnknownOutput,
    UnknownMatrixKey,
    UnknownInput,
    UnknownGithubProperty,
    MatrixFilter,
    ScheduleInterval,
    UnknownEnvironment,
    UntrustedInput,
    OutsidersCheckout,
    Refused,
    RefusedIfReached,
}

impl Rule {
    pub const ALL: [Self; 22] = [
        Self::Yaml,
        Self::UnknownKey,
        Self::Unsupported,
        Self::Invalid,
        Self::DuplicateId,
        Self::UnknownNeed,
        Self::NeedsCycle,
        Self::Expression,
        Self::Matrix,
        Self::UnknownStep,
        Self::UnknownJob,
        Self::UnknownOutput,
        Self::UnknownMatrixKey,
        Self::UnknownInput,
        Self::UnknownGithubProperty,
        Self::MatrixFilter,
        Self::ScheduleInterval,
        Self::UnknownEnvironment,
        Self::UntrustedInput,
        Self::OutsidersCheckout,
        Self::Refused,
        Self::RefusedIfReached,
    ];

    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::UnknownKey => "unknown-key",
            Self::Unsupported => "unsupported",
            Self::Invalid => "invalid",
            Self::DuplicateId => "duplicate-id",
            Self::UnknownNeed => "unknown-need",
            Self::NeedsCycle => "needs-cycle",
            Self::Expression => "expression",
            Self::Matrix => "matrix",
            Self::UnknownStep => "unknown-step",
            Self::UnknownJob => "unknown-job",
            Self::UnknownOutput => "unknown-output",
            Self::UnknownMatrixKey => "unknown-matrix-key",
            Self::UnknownInput => "unknown-input",
            Self::UnknownGithubProperty => "unknown-github-property",
            Self::MatrixFilter => "matrix-filter",
            Self::ScheduleInterval => "schedule-interval",
            Self::UnknownEnvironment => "unknown-environment",
            Self::UntrustedInput => "untrusted-input",
            Self::OutsidersCheckout => "outsiders-checkout",
            Self::Refused => "refused",
            Self::RefusedIfReached => "refused-if-reached",
        }
    }

    /// GitHub takes a name that does not exist for an empty text: such a file runs there and here.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Yaml
            | Self::UnknownKey
            | Self::Unsupported
            | Self::Invalid
            | Self::DuplicateId
            | Self::UnknownNeed
            | Self::NeedsCycle
            | Self::Expression
            | Self::Matrix
            | Self::Refused => Severity::Error,
            Self::UnknownStep
            | Self::UnknownJob
            | Self::UnknownOutput
            | Self::UnknownMatrixKey
            | Self::UnknownInput
            | Self::UnknownGithubProperty
            | Self::MatrixFilter
            | Self::ScheduleInterval
            | Self::UnknownEnvironment
            | Self::OutsidersCheckout
            | Self::RefusedIfReached => Severity::Warning,
            Self::UntrustedInput => Severity::Note,
        }
    }

    /// What the rule finds, as one sentence.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Yaml => "The file is not YAML, or is past a limit.",
            Self::UnknownKey => "A key that workflow files or policies do not have.",
            Self::Unsupported => "A key or value that GitHub has and this version of Checkmill has not.",
            Self::Invalid => "A value that is missing, of the wrong type or not allowed.",
            Self::DuplicateId => "Two jobs, steps or inputs with the same id.",
            Self::UnknownNeed => "A job needs one that the workflow does not have.",
            Self::NeedsCycle => "Jobs need each other in a circle.",
            Self::Expression => "An expression that can't be evaluated where it stands.",
            Self::Matrix => "A matrix that gives no legs, or too many.",
            Self::UnknownStep => "An expression reads a step that has not run before, or is not there.",
            Self::UnknownJob => "An expression reads a job that this one does not need.",
            Self::UnknownOutput => "An expression reads an output that the job does not have.",
            Self::UnknownMatrixKey => "An expression reads a value that the matrix does not have.",
            Self::UnknownInput => "An expression reads an input that the workflow does not declare.",
            Self::UnknownGithubProperty => {
                "An expression reads a property of `github` that is not there, or that GitHub has and this version of Checkmill \
                 has not."
            }
            Self::MatrixFilter => "An item of `include` or `exclude` that hardly does what it was meant to.",
            Self::ScheduleInterval => {
                "A schedule that comes oftener than every five minutes, which is as often as it runs."
            }
            Self::UnknownEnvironment => {
                "A job's environment that the policy beside the file does not have: the job is refused when it starts."
            }
            Self::UntrustedInput => {
                "A script holds an expression whose text an outsider may choose. Checkmill hands it over as an environment \
                 variable; GitHub Actions pastes it into the script."
            }
            Self::OutsidersCheckout => {
                "A checkout of what an outsider wrote in a run that has the rights of the default branch: refused for a fork, unless \
                 the policy lets people approve it."
            }
            Self::Refused => "A step that is refused when it runs, such as one with a shell of Windows.",
            Self::RefusedIfReached => {
                "A step that is refused when it runs, though an `if` may keep it from that or `continue-on-error` make nothing of it."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_an_id_of_its_own() {
        let ids: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
    }
}
