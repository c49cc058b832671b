//! The functions and contexts that GitHub knows.

use crate::nearest::nearest;

/// A function of the expression language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Format,
    Join,
    ToJson,
    FromJson,
    HashFiles,
    Case,
    Success,
    Failure,
    Always,
    Cancelled,
}

impl Function {
    const ALL: [Self; 13] = [
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Format,
        Self::Join,
        Self::ToJson,
        Self::FromJson,
        Self::HashFiles,
        Self::Case,
        Self::Success,
        Self::Failure,
        Self::Always,
        Self::Cancelled,
    ];

    /// The name as GitHub's documentation writes it; any case is understood.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Format => "format",
            Self::Join => "join",
            Self::ToJson => "toJSON",
            Self::FromJson => "fromJSON",
            Self::HashFiles => "hashFiles",
            Self::Case => "case",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Always => "always",
            Self::Cancelled => "cancelled",
        }
    }

    /// What answers from [`super::JobStatus`]; one of these in an `if` replaces the implied `success()`.
    pub(super) fn is_status(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failure | Self::Always | Self::Cancelled
        )
    }
}

/// The contexts of GitHub's documentation ("Available contexts").
pub(super) const CONTEXTS: [&str; 12] = [
    "github", "env", "vars", "job", "jobs", "steps", "runner", "secrets", "strategy", "matrix", "needs",
    "inputs",
];

/// The context's own spelling, whatever the case of `name`.
pub(super) fn known_context(name: &str) -> Option<&'static str> {
    CONTEXTS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

/// "did you mean …", for a function name that nobody knows.
pub(super) fn function_hint(name: &str) -> String {
    match nearest(name, Function::ALL.map(Function::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "the functions are {}",
            Function::ALL.map(Function::name).join(", ")
        ),
    }
}

/// "did you mean …", for a context name that nobody knows or that is not among `allowed`.
pub(super) fn context_hint(name: &str, allowed: &[&str]) -> String {
    match nearest(name, allowed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the contexts here are {}", allowed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_what_was_probably_meant() {
        assert_eq!(function_hint("startWith"), "did you mean `startsWith`?");
        assert_eq!(function_hint("FORMATS"), "did you mean `format`?");
        assert!(function_hint("tolower").starts_with("the functions are contains, "));
        assert_eq!(
            context_hint("gihub", &["github", "vars"]),
            "did you mean `github`?"
        );
        assert_eq!(
            context_hint("runs", &["github", "inputs"]),
            "the contexts here are github, inputs"
        );
    }
}
