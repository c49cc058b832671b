//! What people do on GitHub and what they see there, in the words of a test.

use crate::served::Served;
use checkmill_core::CommitSha;
use checkmill_testkit::{CheckRun, FakeError, FakeGitHub, NewCommit, NewPullRequest, Status};

/// The repository of most conversations.
pub(crate) const REPO: &str = "octocat/hello";
/// Its first workflow file.
pub(crate) const CI: &str = ".checkmill/workflows/ci.yml";

impl Served {
    /// Something happens on GitHub, and GitHub tells the program.
    pub(crate) async fn on_github<T>(&self, act: impl FnOnce(&FakeGitHub) -> Result<T, FakeError>) -> T {
        let result = act(&self.github).unwrap();
        self.deliver(&self.github.take_webhooks()).await;
        result
    }

    /// Somebody pushes to the default branch.
    pub(crate) async fn push(&self, commit: NewCommit) -> CommitSha {
        self.on_github(|github| github.push(REPO, "main", commit)).await
    }

    /// Somebody pushes a workflow file to the default branch; `{desk}` in it stands for the test's directory.
    pub(crate) async fn push_workflow(&self, text: &str) -> CommitSha {
        self.push(self.first_commit(text)).await
    }

    /// A commit that adds the first workflow file.
    pub(crate) fn first_commit(&self, text: &str) -> NewCommit {
        NewCommit::new("Add CI").write(CI, self.workflow(text))
    }

    /// The text of a workflow file in which `{desk}` stands for the test's directory.
    pub(crate) fn workflow(&self, text: &str) -> String {
        text.replace("{desk}", &self.desk().display().to_string())
    }

    /// A pull request from a branch of the repository, pushed for it.
    pub(crate) async fn pull_request(&self, branch: &str, commit: NewCommit) -> u64 {
        self.on_github(|github| {
            github.push(REPO, branch, commit)?;
            github.open_pull_request(NewPullRequest::new(REPO, branch))
        })
        .await
    }

    /// Somebody presses a check's button.
    pub(crate) async fn click(&self, check: &CheckRun, button: &str, by: &str) {
        self.on_github(|github| github.click_button(check.id, button, by))
            .await;
    }

    /// Somebody asks to re-run a check; the next attempt's check once it is completed.
    pub(crate) async fn rerun(&self, check: &CheckRun, by: &str) -> CheckRun {
        self.on_github(|github| github.rerequest_check(check.id, by))
            .await;
        self.after(check).await
    }

    /// The completed check of a later attempt.
    pub(crate) async fn after(&self, check: &CheckRun) -> CheckRun {
        self.check_that(&check.name, "a completed next attempt", |next| {
            next.id > check.id && next.status == Status::Completed
        })
        .await
    }

    /// The check once it says that its job runs.
    pub(crate) async fn running(&self, name: &str) -> CheckRun {
        self.check_that(name, "running", |check| check.status == Status::InProgress)
            .await
    }

    /// The check once it is completed.
    pub(crate) async fn completed(&self, name: &str) -> CheckRun {
        self.check_that(name, "completed", |check| check.status == Status::Completed)
            .await
    }

    pub(crate) async fn check_that(
        &self,
        name: &str,
        what: &str,
        test: impl Fn(&CheckRun) -> bool,
    ) -> CheckRun {
        let look = |state: &checkmill_testkit::State| {
            let mut newest_first = state.check_runs.values().rev();
            newest_first
                .find(|check| check.name == name && test(check))
                .cloned()
        };
        self.github
            .wait_for(&format!("the check {name} {what}"), look)
            .await
    }

    /// All checks once there are so many and each is completed: a line each, sorted.
    pub(crate) async fn checks(&self, count: usize) -> String {
        let checks = self.github.wait_for_checks(REPO, count).await;
        let mut lines: Vec<_> = checks.iter().map(CheckRun::line).collect();
        lines.sort();
        lines.join("\n")
    }

    /// All checks as they are now: a line each, sorted.
    pub(crate) fn checks_now(&self) -> String {
        let mut lines: Vec<_> = self
            .github
            .check_runs(REPO)
            .unwrap()
            .iter()
            .map(CheckRun::line)
            .collect();
        lines.sort();
        lines.join("\n")
    }

    /// A job has left a mark: what it wrote.
    pub(crate) async fn mark(&self, name: &str) -> String {
        let path = self.desk().join(name);
        let written = || {
            std::fs::read_to_string(&path)
                .ok()
                .filter(|text| text.ends_with('\n'))
        };
        self.until(&format!("the mark {name} of a job"), written)
            .await
            .trim_end()
            .to_owned()
    }

    /// What a job wrote; nothing where none has.
    pub(crate) fn mark_now(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.desk().join(name)).ok()?;
        Some(text.trim_end().to_owned())
    }

    /// Lets jobs go on that wait for this file.
    pub(crate) fn allow(&self, name: &str) {
        std::fs::write(self.desk().join(name), "go\n").unwrap();
    }

    /// The program has logged a line with these words.
    pub(crate) async fn logged(&self, words: &str) {
        self.until(&format!("the log to say {words:?}"), || {
            self.log().contains(words).then_some(())
        })
        .await;
    }

    /// The program has logged so many lines with these words.
    pub(crate) async fn logged_times(&self, words: &str, times: usize) {
        self.until(&format!("the log to say {words:?} {times} times"), || {
            (self.log().matches(words).count() >= times).then_some(())
        })
        .await;
    }

    /// So many attempts have been reported, with everything that follows from their ends.
    pub(crate) async fn concluded(&self, attempts: usize) {
        let concluded = || self.log().matches(r#""to":"concluded""#).count();
        self.until("the attempts' conclusions", || {
            (concluded() >= attempts).then_some(())
        })
        .await;
    }
}
