//! From a raw request to an answer, over the locked state: the order of GitHub's own checks.

use super::auth::{self, Need, Principal};
use super::call::{Call, RawRequest};
use super::endpoints;
use super::reply::{Refusal, Reply};
use super::route::{Matched, Route};
use crate::history::NOBODY;
use crate::state::{State, Usage};
use bytes::Bytes;
use checkmill_core::Millis;

/// GitHub docs: the primary limit counts the requests of an hour.
const RATE_WINDOW: Millis = Millis::from_minutes(60);

/// The answer and who asked, as text for the history.
pub(crate) fn handle(state: &mut State, raw: &RawRequest) -> (Reply, String) {
    let (_, matched) = raw.route();
    let route = matched.as_ref().map(|m| m.route);
    let mut who = NOBODY.to_owned();
    let answer = match user_agent(raw) {
        Some(refused) => refused,
        None => admit(state, raw, matched, &mut who)
            .and_then(|call| endpoints::answer(state, &call))
            .unwrap_or_else(Refusal::into_reply),
    };
    (decorate(state, answer, route, &who), who)
}

/// GitHub docs: requests without a User-Agent are refused.
fn user_agent(raw: &RawRequest) -> Option<Reply> {
    if raw
        .header("user-agent")
        .is_some_and(|agent| !agent.trim().is_empty())
    {
        return None;
    }
    let text =
        "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
    let mut reply = Reply::bytes("text/html", Bytes::from_static(text.as_bytes()));
    reply.status = 403;
    reply.message = Some(text.to_owned());
    Some(reply)
}

/// Credentials, then the rate limit, then the repository, then permission.
fn admit(
    state: &mut State,
    raw: &RawRequest,
    matched: Option<Matched>,
    who: &mut String,
) -> Result<Call, Refusal> {
    let matched = matched.ok_or_else(Refusal::not_found)?;
    let need = auth::need(matched.route);
    let principal = auth::identify(state, raw.header("authorization"), need)?;
    *who = principal.to_string();
    if matched.route != Route::RateLimit {
        state.count_request(who)?;
    }
    let mut repository = None;
    if let Need::Repository(access, any_of) = need {
        let name = matched.repo_name().ok_or_else(Refusal::not_found)?;
        let repo = state.repository(&name).ok_or_else(Refusal::not_found)?;
        if matches!(matched.route, Route::CreateCheckRun | Route::UpdateCheckRun)
            && matches!(principal, Principal::User(_))
            && principal.reaches(state, repo)
        {
            return Err(Refusal::new(403, "You must authenticate via a GitHub App."));
        }
        principal.check(state, repo, access, any_of)?;
        repository = Some(repo.id);
    }
    if need == Need::Installation && !matches!(principal, Principal::Installation { .. }) {
        return Err(Refusal::new(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        ));
    }
    let api = state.urls.api.clone();
    Ok(Call::new(raw, matched, principal, repository, &api))
}

fn decorate(state: &mut State, reply: Reply, route: Option<Route>, who: &str) -> Reply {
    let request = state.next_id("request", 0);
    let reply = reply
        .header("x-github-request-id", format!("FA4E:{request:04X}"))
        .header("x-github-media-type", "github.v3; format=json")
        .header("x-github-api-version-selected", "2022-11-28")
        .header("server", "github.com");
    if who == NOBODY {
        return reply;
    }
    let usage = state.usage_of(who);
    let resource = if route == Some(Route::GraphQl) {
        "graphql"
    } else {
        "core"
    };
    reply
        .header("x-ratelimit-limit", state.rate_limit.to_string())
        .header(
            "x-ratelimit-remaining",
            state.rate_limit.saturating_sub(usage.used).to_string(),
        )
        .header("x-ratelimit-used", usage.used.to_string())
        .header("x-ratelimit-reset", (usage.resets_at.0 / 1000).to_string())
        .header("x-ratelimit-resource", resource)
}

impl State {
    /// A principal's use in the window that is running now.
    pub(crate) fn usage_of(&self, who: &str) -> Usage {
        let now = self.now();
        let fresh = Usage {
            used: 0,
            resets_at: now + RATE_WINDOW,
        };
        self.usage
            .get(who)
            .copied()
            .filter(|usage| now < usage.resets_at)
            .unwrap_or(fresh)
    }

    /// Counts a request against the primary limit. REST and GraphQL share the count here, unlike on GitHub.
    fn count_request(&mut self, who: &str) -> Result<(), Refusal> {
        let mut usage = self.usage_of(who);
        if usage.used >= self.rate_limit {
            return Err(Refusal::new(403, format!("API rate limit exceeded for {who}.")));
        }
        usage.used += 1;
        self.usage.insert(who.to_owned(), usage);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
