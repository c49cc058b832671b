//! A request, read.

use super::auth::Principal;
use super::reply::Refusal;
use super::route::{self, Matched};
use bytes::Bytes;
use checkmill_core::{RepoName, RepositoryId};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// What GitHub Enterprise Server puts before its paths.
const ENTERPRISE_PREFIX: &str = "/api/v3";

/// The raw request.
#[derive(Debug, Clone)]
pub(crate) struct RawRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl RawRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Path and query, for the history.
    pub(crate) fn shown_path(&self) -> String {
        self.uri
            .path_and_query()
            .map_or_else(|| self.uri.path().to_owned(), ToString::to_string)
    }

    /// The base path that the client uses, and the route.
    pub(crate) fn route(&self) -> (&'static str, Option<Matched>) {
        let path = self.uri.path();
        if path == "/api/graphql" {
            return ("/api", route::find(&self.method, &["graphql"]));
        }
        let (prefix, rest) = match path.strip_prefix(ENTERPRISE_PREFIX) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => (ENTERPRISE_PREFIX, rest),
            _ => ("", path),
        };
        let decoded: Vec<String> = rest
            .split('/')
            .filter(|s| !s.is_empty())
            .map(percent_decode)
            .collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        (prefix, route::find(&self.method, &segments))
    }

    fn query(&self) -> Vec<(String, String)> {
        let pairs = self.uri.query().unwrap_or_default().split('&');
        pairs
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (percent_decode(key), percent_decode(&value.replace('+', " ")))
            })
            .collect()
    }
}

/// A request whose sender is known and may make it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) matched: Matched,
    pub(crate) principal: Principal,
    /// The repository of the path, visible to the sender.
    pub(crate) repository: Option<RepositoryId>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) accept: String,
    pub(crate) body: Bytes,
    /// Scheme, host and path before the query, as the client knows them: for links to further pages.
    pub(crate) address: String,
}

impl Call {
    pub(crate) fn new(
        raw: &RawRequest,
        matched: Matched,
        principal: Principal,
        repository: Option<RepositoryId>,
        api: &str,
    ) -> Self {
        Self {
            matched,
            principal,
            repository,
            query: raw.query(),
            accept: raw.header("accept").unwrap_or_default().to_owned(),
            body: raw.body.clone(),
            address: format!("{api}{}", raw.uri.path()),
        }
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    /// The number in the path. Anything else is a path that GitHub does not have.
    pub(crate) fn number(&self) -> Result<u64, Refusal> {
        self.matched.arg.parse().map_err(|_| Refusal::not_found())
    }

    pub(crate) fn repository(&self) -> Result<RepositoryId, Refusal> {
        self.repository.ok_or_else(Refusal::not_found)
    }

    /// The body as a JSON object; an absent body is an empty one.
    pub(crate) fn object(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Object(Default::default()));
        }
        let value: Value =
            serde_json::from_slice(&self.body).map_err(|_| Refusal::new(400, "Problems parsing JSON"))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(Refusal::new(400, "Body should be a JSON object"))
        }
    }
}

impl Matched {
    /// The repository's name as given in the path.
    pub(crate) fn repo_name(&self) -> Option<RepoName> {
        let (owner, name) = self.repo.as_ref()?;
        format!("{owner}/{name}").parse().ok()
    }
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let decoded = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| hex::decode(digits).ok());
        match decoded {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_base_paths_lead_to_the_same_routes() {
        let route = |method: &str, uri: &'static str| {
            let raw = RawRequest {
                method: method.parse().unwrap(),
                uri: Uri::from_static(uri),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            };
            raw.route().1.map(|m| m.route.name())
        };
        let table = [
            ("GET", "/app", Some("GET /app")),
            ("GET", "/api/v3/app", Some("GET /app")),
            ("POST", "/graphql", Some("POST /graphql")),
            ("POST", "/api/graphql", Some("POST /graphql")),
            ("GET", "/api/v3x/app", None),
        ];
        for (method, uri, expected) in table {
            assert_eq!(route(method, uri), expected, "{method} {uri}");
        }
    }

    #[test]
    fn percent_signs_are_decoded_where_they_can_be() {
        let table = [
            ("a%2Fb", "a/b"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%C3%A4", "ä"),
        ];
        for (text, expected) in table {
            assert_eq!(percent_decode(text), expected);
        }
    }
}
