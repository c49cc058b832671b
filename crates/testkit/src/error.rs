//! What a test, or the command, can't make the fake world do.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FakeError {
    #[error("the fake GitHub has no repository {0}")]
    NoRepository(String),
    #[error("{0} has no ref {1}")]
    NoRef(String, String),
    #[error("{0} has no commit {1}")]
    NoCommit(String, String),
    #[error("{0} has no pull request {1}")]
    NoPullRequest(String, u64),
    #[error("{0} is {1}, so that can't be done")]
    PullRequestNotOpen(String, &'static str),
    #[error("there is no check run {0}")]
    NoCheckRun(u64),
    #[error("there is no check suite for {0}")]
    NoCheckSuite(String),
    #[error("the check run {check} has no button {identifier:?}; it has {present}")]
    NoButton {
        check: String,
        identifier: String,
        present: String,
    },
    #[error("there is no installation {0}")]
    NoInstallation(u64),
    #[error("there is no delivery {0}")]
    NoDelivery(String),
    #[error("{0} exists already")]
    Exists(String),
    #[error("{0:?} is not {1}")]
    Malformed(String, &'static str),
    #[error("the merge of pull request {0} has conflicts at {1}")]
    Conflict(u64, String),
    #[error("the inputs do not fit the workflow: {0}")]
    Inputs(String),
    #[error("there is no App {0}")]
    NoApp(u64),
}
