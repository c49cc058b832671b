//! The functions and contexts that GitHub knows.

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
    let known: Vec<&str> = Function::ALL.into_iter().map(Function::name).collect();
    match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the functions are {}", known.join(", ")),
    }
}

/// "did you mean …", for a context name that nobody knows or that is not among `allowed`.
pub(super) fn context_hint(name: &str, allowed: &[&str]) -> String {
    match nearest(name, allowed) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the contexts here are {}", allowed.join(", ")),
    }
}

/// The candidate with the fewest edits, if those are one or two and less than half of its letters.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let (distance, best) = candidates
        .iter()
        .map(|candidate| (edits(&name, &candidate.to_ascii_lowercase()), *candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance * 2 < best.len()).then_some(best)
}

/// Levenshtein's distance; the second text is one of our own short names, so a row of it is enough memory.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
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

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ] {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }
}
