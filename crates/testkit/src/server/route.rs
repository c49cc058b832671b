//! The paths that the fake answers.

use http::Method;
use std::fmt;
use std::str::FromStr;

macro_rules! routes {
    ($($variant:ident => $method:literal $path:literal),+ $(,)?) => {
        /// A route of GitHub's API, named as GitHub's documentation does. It selects requests for faults and counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Route { $($variant),+ }

        impl Route {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// `METHOD /path/{parameter}`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => concat!($method, " ", $path)),+ }
            }
        }
    };
}

routes! {
    GetApp => "GET" "/app",
    ListInstallations => "GET" "/app/installations",
    GetInstallation => "GET" "/app/installations/{id}",
    CreateToken => "POST" "/app/installations/{id}/access_tokens",
    ListDeliveries => "GET" "/app/hook/deliveries",
    GetDelivery => "GET" "/app/hook/deliveries/{id}",
    Redeliver => "POST" "/app/hook/deliveries/{id}/attempts",
    RevokeToken => "DELETE" "/installation/token",
    InstallationRepositories => "GET" "/installation/repositories",
    RepositoryInstallation => "GET" "/repos/{owner}/{repo}/installation",
    GetRepository => "GET" "/repos/{owner}/{repo}",
    GetContents => "GET" "/repos/{owner}/{repo}/contents/{path}",
    GetRef => "GET" "/repos/{owner}/{repo}/git/ref/{ref}",
    GetTag => "GET" "/repos/{owner}/{repo}/git/tags/{sha}",
    GetTree => "GET" "/repos/{owner}/{repo}/git/trees/{sha}",
    GetCommit => "GET" "/repos/{owner}/{repo}/commits/{ref}",
    Compare => "GET" "/repos/{owner}/{repo}/compare/{basehead}",
    GetPull => "GET" "/repos/{owner}/{repo}/pulls/{number}",
    ListPullFiles => "GET" "/repos/{owner}/{repo}/pulls/{number}/files",
    CollaboratorPermission => "GET" "/repos/{owner}/{repo}/collaborators/{login}/permission",
    CreateCheckRun => "POST" "/repos/{owner}/{repo}/check-runs",
    GetCheckRun => "GET" "/repos/{owner}/{repo}/check-runs/{id}",
    UpdateCheckRun => "PATCH" "/repos/{owner}/{repo}/check-runs/{id}",
    ListAnnotations => "GET" "/repos/{owner}/{repo}/check-runs/{id}/annotations",
    ListCheckRuns => "GET" "/repos/{owner}/{repo}/commits/{ref}/check-runs",
    ListCheckSuites => "GET" "/repos/{owner}/{repo}/commits/{ref}/check-suites",
    GetCheckSuite => "GET" "/repos/{owner}/{repo}/check-suites/{id}",
    ListSuiteCheckRuns => "GET" "/repos/{owner}/{repo}/check-suites/{id}/check-runs",
    ListComments => "GET" "/repos/{owner}/{repo}/issues/{number}/comments",
    CreateComment => "POST" "/repos/{owner}/{repo}/issues/{number}/comments",
    GetComment => "GET" "/repos/{owner}/{repo}/issues/comments/{id}",
    UpdateComment => "PATCH" "/repos/{owner}/{repo}/issues/comments/{id}",
    RateLimit => "GET" "/rate_limit",
    GraphQl => "POST" "/graphql",
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Route {
    type Err = ();
    /// Reads [`Route::name`].
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|r| r.name() == text).copied().ok_or(())
    }
}

/// A route with what the path says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) route: Route,
    /// Owner and name.
    pub(crate) repo: Option<(String, String)>,
    /// The last parameter: an id, number, ref, path or login. No route has two.
    pub(crate) arg: String,
}

/// The route of a decoded path, split at `/` without empty segments.
pub(crate) fn find(method: &Method, segments: &[&str]) -> Option<Matched> {
    if let ["repos", owner, repo, rest @ ..] = segments {
        let (route, arg) = of_repository(method, rest)?;
        let repo = Some(((*owner).to_owned(), (*repo).to_owned()));
        return Some(Matched { route, repo, arg });
    }
    let (route, arg) = match (method.as_str(), segments) {
        ("GET", ["app"]) => (Route::GetApp, ""),
        ("GET", ["app", "installations"]) => (Route::ListInstallations, ""),
        ("GET", ["app", "installations", id]) => (Route::GetInstallation, *id),
        ("POST", ["app", "installations", id, "access_tokens"]) => (Route::CreateToken, *id),
        ("GET", ["app", "hook", "deliveries"]) => (Route::ListDeliveries, ""),
        ("GET", ["app", "hook", "deliveries", id]) => (Route::GetDelivery, *id),
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) => (Route::Redeliver, *id),
        ("DELETE", ["installation", "token"]) => (Route::RevokeToken, ""),
        ("GET", ["installation", "repositories"]) => (Route::InstallationRepositories, ""),
        ("GET", ["rate_limit"]) => (Route::RateLimit, ""),
        ("POST", ["graphql"]) => (Route::GraphQl, ""),
        _ => return None,
    };
    Some(Matched {
        route,
        repo: None,
        arg: arg.to_owned(),
    })
}

/// Refs and paths may hold slashes, so they take all segments up to the fixed end.
fn of_repository(method: &Method, rest: &[&str]) -> Option<(Route, String)> {
    let (route, arg) = match (method.as_str(), rest) {
        ("GET", []) => (Route::GetRepository, String::new()),
        ("GET", ["installation"]) => (Route::RepositoryInstallation, String::new()),
        ("GET", ["contents", path @ ..]) => (Route::GetContents, path.join("/")),
        ("GET", ["git", "ref", name @ ..]) => (Route::GetRef, name.join("/")),
        ("GET", ["git", "tags", sha]) => (Route::GetTag, (*sha).to_owned()),
        ("GET", ["git", "trees", name @ ..]) => (Route::GetTree, name.join("/")),
        ("GET", ["commits", name @ .., "check-runs"]) => (Route::ListCheckRuns, name.join("/")),
        ("GET", ["commits", name @ .., "check-suites"]) => (Route::ListCheckSuites, name.join("/")),
        ("GET", ["commits", name @ ..]) => (Route::GetCommit, name.join("/")),
        ("GET", ["compare", name @ ..]) => (Route::Compare, name.join("/")),
        ("GET", ["pulls", number]) => (Route::GetPull, (*number).to_owned()),
        ("GET", ["pulls", number, "files"]) => (Route::ListPullFiles, (*number).to_owned()),
        ("GET", ["collaborators", login, "permission"]) => {
            (Route::CollaboratorPermission, (*login).to_owned())
        }
        ("POST", ["check-runs"]) => (Route::CreateCheckRun, String::new()),
        ("GET", ["check-runs", id]) => (Route::GetCheckRun, (*id).to_owned()),
        ("PATCH", ["check-runs", id]) => (Route::UpdateCheckRun, (*id).to_owned()),
        ("GET", ["check-runs", id, "annotations"]) => (Route::ListAnnotations, (*id).to_owned()),
        ("GET", ["check-suites", id]) => (Route::GetCheckSuite, (*id).to_owned()),
        ("GET", ["check-suites", id, "check-runs"]) => (Route::ListSuiteCheckRuns, (*id).to_owned()),
        ("GET", ["issues", "comments", id]) => (Route::GetComment, (*id).to_owned()),
        ("PATCH", ["issues", "comments", id]) => (Route::UpdateComment, (*id).to_owned()),
        ("GET", ["issues", number, "comments"]) => (Route::ListComments, (*number).to_owned()),
        ("POST", ["issues", number, "comments"]) => (Route::CreateComment, (*number).to_owned()),
        _ => return None,
    };
    Some((route, arg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_name() {
        for route in Route::ALL {
            let (method, path) = route.name().split_once(' ').unwrap();
            let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
            let found = find(&method.parse().unwrap(), &segments);
            assert_eq!(found.map(|m| m.route), Some(*route), "{route}");
            assert_eq!(route.name().parse(), Ok(*route));
        }
    }

    #[test]
    fn refs_and_paths_keep_their_slashes() {
        let arg = |path: &str| {
            let segments: Vec<&str> = path.split('/').collect();
            find(&Method::GET, &segments).map(|m| (m.route, m.arg))
        };
        let table = [
            ("repos/o/r/git/ref/heads/a/b", Route::GetRef, "heads/a/b"),
            (
                "repos/o/r/commits/heads/a/check-runs",
                Route::ListCheckRuns,
                "heads/a",
            ),
            ("repos/o/r/contents/.x/y.yml", Route::GetContents, ".x/y.yml"),
            ("repos/o/r/compare/a/b...c/d", Route::Compare, "a/b...c/d"),
        ];
        for (path, route, expected) in table {
            assert_eq!(arg(path), Some((route, expected.to_owned())), "{path}");
        }
        assert_eq!(arg("repos/o/r/nonsense"), None);
        assert_eq!(find(&Method::PUT, &["app"]), None);
    }
}
