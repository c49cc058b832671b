//! Where GitHub's API is.

use std::fmt;
use std::str::FromStr;

/// The address of GitHub's REST API: `https://api.github.com`, `https://HOST/api/v3` of an Enterprise Server, or an
/// emulator's such as `http://127.0.0.1:4000`. Has no slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where GraphQL is answered. GitHub docs: `/graphql` of the API's host; on an Enterprise Server `/api/graphql`, beside
    /// `/api/v3`.
    #[must_use]
    pub fn graphql(&self) -> String {
        match self.0.strip_suffix("/v3") {
            Some(api) => format!("{api}/graphql"),
            None => format!("{}/graphql", self.0),
        }
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[host..].find('/').map_or(self.0.len(), |at| host + at);
        &self.0[..end]
    }

    /// Whether requests travel unencrypted over a network, tokens and all.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let host = self.origin().strip_prefix("http://");
        host.is_some_and(|host| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            !matches!(name, "localhost" | "[::1]") && !name.starts_with("127.")
        })
    }
}

impl Default for ApiUrl {
    fn default() -> Self {
        Self("https://api.github.com".to_owned())
    }
}

impl FromStr for ApiUrl {
    /// What is wrong, in a phrase without the text itself: people put passwords into URLs.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or("expected an address that begins with https:// or http://")?;
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() {
            return Err("the address has no host".to_owned());
        }
        if rest.contains(['?', '#', '@', '\\'])
            || rest.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err("the address has a query, a user or signs that no address has".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_parts() {
        let table = [
            (
                "https://api.github.com",
                "https://api.github.com/graphql",
                "https://api.github.com",
                false,
            ),
            (
                "https://ghe.example/api/v3/",
                "https://ghe.example/api/graphql",
                "https://ghe.example",
                false,
            ),
            (
                "http://127.0.0.1:4000",
                "http://127.0.0.1:4000/graphql",
                "http://127.0.0.1:4000",
                false,
            ),
            (
                "http://localhost:1/x/",
                "http://localhost:1/x/graphql",
                "http://localhost:1",
                false,
            ),
            (
                "http://ghe.example/api/v3",
                "http://ghe.example/api/graphql",
                "http://ghe.example",
                true,
            ),
            (
                "http://[::1]:80",
                "http://[::1]:80/graphql",
                "http://[::1]:80",
                false,
            ),
        ];
        for (text, graphql, origin, exposed) in table {
            let url: ApiUrl = text.parse().unwrap();
            assert_eq!(
                (url.graphql().as_str(), url.origin(), url.is_exposed()),
                (graphql, origin, exposed)
            );
        }
        assert_eq!(ApiUrl::default().as_str(), "https://api.github.com");
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "",
            "api.github.com",
            "ftp://x",
            "https://",
            "https:///x",
            "https://u:p@host",
            "https://h/?q",
        ] {
            let problem = text.parse::<ApiUrl>().unwrap_err();
            assert!(!problem.contains("u:p"), "{problem}");
        }
    }
}
