//! Where a repository has its workflow files. The one list: planning, `checkmill run`, `lint` and `plan` go by it.

use checkmill_core::policy::Policy;

/// The directories whose files are always Checkmill's, the first one being where a new file goes.
pub const WORKFLOW_DIRS: [&str; 2] = checkmill_workflow::DIRECTORIES;
/// GitHub Actions' own directory, whose files are Checkmill's where the policy says `actions_workflows: true`.
pub const ACTIONS_DIR: &str = ".github/workflows";
/// The repository's policy, read from the default branch only.
pub const POLICY_PATH: &str = ".checkmill/config.yml";

/// Every directory that may count. All are read with the policy, in one request.
#[must_use]
pub fn all() -> Vec<&'static str> {
    WORKFLOW_DIRS.into_iter().chain([ACTIONS_DIR]).collect()
}

/// The directories that count under a policy.
#[must_use]
pub fn under(policy: &Policy) -> Vec<&'static str> {
    let mut dirs = all();
    dirs.retain(|dir| *dir != ACTIONS_DIR || policy.actions_workflows);
    dirs
}

/// Whether a file lies in a directory that counts under a policy.
#[must_use]
pub fn counts(path: &str, policy: &Policy) -> bool {
    under(policy).iter().any(|dir| is_in(path, dir))
}

/// Whether a path is that of a file directly in a directory.
#[must_use]
pub fn is_in(path: &str, dir: &str) -> bool {
    let name = path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_says_whether_the_files_of_actions_count() {
        let mut policy = Policy::default();
        assert!(counts(".checkmill/workflows/ci.yml", &policy));
        assert!(counts(".lightning/workflows/ci.yml", &policy));
        assert!(!counts(".checkmill/workflows/old/ci.yml", &policy));
        assert!(!counts(".github/workflows/ci.yml", &policy));
        policy.actions_workflows = true;
        assert!(counts(".github/workflows/ci.yml", &policy));
        assert!(!counts(".github/dependabot.yml", &policy));
    }
}
