//! Comparisons and pull requests.

use super::code;
use crate::server::call::Call;
use crate::server::paging::{self, Page};
use crate::server::reply::{Refusal, Reply};
use crate::state::State;
use crate::state::repository::{PullRequest, Repository};
use checkmill_core::CommitSha;
use serde_json::{Value, json};

/// GitHub docs: a comparison lists at most 300 files, all on the first page.
const COMPARED_FILES: usize = 300;
/// GitHub docs: without paging at most 250 commits.
const COMPARED_COMMITS: usize = 250;
/// GitHub docs: at most 3,000 files of a pull request.
const PULL_FILES: usize = 3000;

pub(super) fn compare(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let repo = code::repo(state, call)?;
    let (base, head) = call
        .matched
        .arg
        .split_once("...")
        .ok_or_else(Refusal::not_found)?;
    let base = side(state, repo, base).ok_or_else(Refusal::not_found)?;
    let head = side(state, repo, head).ok_or_else(Refusal::not_found)?;
    let objects = state.objects_of(repo);
    let merge_base = objects.merge_base(&base, &head).ok_or_else(|| {
        Refusal::new(
            404,
            format!(
                "No common ancestor between {} and {}.",
                base.short(),
                head.short()
            ),
        )
    })?;
    let ahead = objects.between(Some(&base), &head);
    let behind = objects.between(Some(&head), &base);
    let status = match (ahead.is_empty(), behind.is_empty()) {
        (true, true) => "identical",
        (false, true) => "ahead",
        (true, false) => "behind",
        (false, false) => "diverged",
    };
    let commit = |sha: &CommitSha| objects.commit(sha).map(|c| state.commit_json(repo, &c));
    let total = ahead.len();
    let commits: Vec<Value> = ahead.iter().filter_map(&commit).collect();
    let paged = call.param("page").is_some() || call.param("per_page").is_some();
    let page = Page::of(call);
    let commits = if paged {
        page.cut(commits)
    } else {
        commits.into_iter().take(COMPARED_COMMITS).collect()
    };
    let web = state.repository_web_url(repo);
    let mut json = json!({
        "url": call.address,
        "html_url": format!("{web}/compare/{base}...{head}"),
        "permalink_url": format!("{web}/compare/{base}...{head}"),
        "diff_url": format!("{web}/compare/{base}...{head}.diff"),
        "patch_url": format!("{web}/compare/{base}...{head}.patch"),
        "base_commit": commit(&base),
        "merge_base_commit": commit(&merge_base),
        "status": status,
        "ahead_by": total,
        "behind_by": behind.len(),
        "total_commits": total,
        "commits": commits,
    });
    if page.number == 1 {
        let changes = state.changes_between(repo, Some(&merge_base), &head);
        json["files"] = changes
            .iter()
            .take(COMPARED_FILES)
            .map(|change| state.file_json(repo, change, &head))
            .collect();
    }
    let reply = Reply::ok(&json);
    Ok(if paged {
        page.link(reply, call, total)
    } else {
        reply
    })
}

/// A ref or commit, or `OWNER:BRANCH` of a fork.
fn side(state: &State, repo: &Repository, name: &str) -> Option<CommitSha> {
    let Some((owner, branch)) = name.split_once(':') else {
        return state.resolve(repo, name);
    };
    let owner = owner.split('/').next()?;
    let fork = state
        .repositories
        .values()
        .find(|other| other.network == repo.network && other.name.owner().eq_ignore_ascii_case(owner))?;
    state.resolve(fork, branch)
}

fn find<'a>(state: &'a State, call: &Call) -> Result<(&'a Repository, &'a PullRequest), Refusal> {
    let repo = code::repo(state, call)?;
    let pull = repo.pulls.get(&call.number()?).ok_or_else(Refusal::not_found)?;
    Ok((repo, pull))
}

pub(super) fn pull(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let (repo, pull) = find(state, call)?;
    Ok(Reply::ok(&state.pull_json(repo, pull)))
}

pub(super) fn pull_files(state: &State, call: &Call) -> Result<Reply, Refusal> {
    let (repo, pull) = find(state, call)?;
    let changes = state.pull_changes(repo, pull);
    let files = changes
        .iter()
        .take(PULL_FILES)
        .map(|change| state.file_json(repo, change, &pull.head_sha));
    Ok(paging::array(call, files.collect()))
}
