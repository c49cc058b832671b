//! One function for each route: the state and a call in, an answer out.

mod apps;
mod check_input;
mod checks;
mod code;
mod comments;
mod compare;
mod contents;
mod tokens;
mod trees;

use super::call::Call;
use super::reply::{Refusal, Reply};
use super::route::Route;
use crate::graphql;
use crate::state::State;

pub(crate) fn answer(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    match call.matched.route {
        Route::GetApp => apps::get(state, call),
        Route::ListInstallations => apps::list_installations(state, call),
        Route::GetInstallation => apps::get_installation(state, call),
        Route::RepositoryInstallation => apps::repository_installation(state, call),
        Route::ListDeliveries => apps::list_deliveries(state, call),
        Route::GetDelivery => apps::get_delivery(state, call),
        Route::Redeliver => apps::redeliver(state, call),
        Route::CreateToken => tokens::create(state, call),
        Route::RevokeToken => tokens::revoke(state, call),
        Route::InstallationRepositories => tokens::repositories(state, call),
        Route::RateLimit => tokens::rate_limit(state, call),
        Route::GetRepository => code::repository(state, call),
        Route::CollaboratorPermission => code::collaborator_permission(state, call),
        Route::GetContents => contents::get(state, call),
        Route::GetRef => code::git_ref(state, call),
        Route::GetTag => code::tag(state, call),
        Route::GetTree => trees::get(state, call),
        Route::GetCommit => code::commit(state, call),
        Route::Compare => compare::compare(state, call),
        Route::GetPull => compare::pull(state, call),
        Route::ListPullFiles => compare::pull_files(state, call),
        Route::CreateCheckRun => checks::create(state, call),
        Route::GetCheckRun => checks::get(state, call),
        Route::UpdateCheckRun => checks::update(state, call),
        Route::ListAnnotations => checks::annotations(state, call),
        Route::ListCheckRuns => checks::of_commit(state, call),
        Route::ListCheckSuites => checks::suites_of_commit(state, call),
        Route::GetCheckSuite => checks::suite(state, call),
        Route::ListSuiteCheckRuns => checks::of_suite(state, call),
        Route::ListComments => comments::list(state, call),
        Route::CreateComment => comments::create(state, call),
        Route::GetComment => comments::get(state, call),
        Route::UpdateComment => comments::update(state, call),
        Route::GraphQl => graphql::answer(state, call),
    }
}
