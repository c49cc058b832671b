//! Calling git so that nothing of the machine's user gets in its way, and the token on neither disk nor command line.

pub mod calls;

use crate::environment::Variables;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Settings given by environment (`GIT_CONFIG_COUNT` and so on).
#[must_use]
pub fn configuration(settings: &[(String, String)]) -> Variables {
    let mut variables = Variables::from([("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())]);
    for (number, (key, value)) in settings.iter().enumerate() {
        variables.insert(format!("GIT_CONFIG_KEY_{number}"), key.clone());
        variables.insert(format!("GIT_CONFIG_VALUE_{number}"), value.clone());
    }
    variables
}

/// The setting that shows the token to the host of an HTTP URL, and to no other; none for other URLs, which need none.
#[must_use]
pub fn credentials(url: &str, token: &str) -> Option<(String, String)> {
    let origin = http_origin(url)?;
    let basic = STANDARD.encode(format!("x-access-token:{token}"));
    Some((
        format!("http.{origin}/.extraheader"),
        format!("AUTHORIZATION: basic {basic}"),
    ))
}

/// `scheme://host:port` of an HTTP URL.
fn http_origin(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let scheme = url.len() - rest.len();
    let host = rest.find('/').unwrap_or(rest.len());
    // A URL with a user of its own would make git prefer that one.
    (host > 0 && !rest[..host].contains('@')).then(|| &url[..scheme + host])
}

/// Whether the URL is a directory of this machine.
#[must_use]
pub fn is_local(url: &str) -> bool {
    url.starts_with("file://") || url.starts_with('/')
}

/// Whether git may be given this URL at all.
#[must_use]
pub fn is_supported(url: &str) -> bool {
    is_local(url) || http_origin(url).is_some()
}

/// Whether trying again can't help, going by what git said.
#[must_use]
pub fn is_permanent(said: &str) -> bool {
    const PERMANENT: [&str; 11] = [
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Repository not found",
        "' not found",
        "couldn't find remote ref",
        "not our ref",
        "does not appear to be a git repository",
        "The requested URL returned error: 401",
        "The requested URL returned error: 403",
        "The requested URL returned error: 404",
    ];
    PERMANENT.iter().any(|sign| said.contains(sign))
}

/// Whether git may be given this ref: not an option, no control or glob characters, none that git forbids in refs (git
/// docs: "git-check-ref-format").
#[must_use]
pub fn is_ref(text: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !text.is_empty()
        && text.len() <= 1024
        && !text.starts_with('-')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(forbidden)
        && text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// Whether the text is a full commit id, of SHA-1 or SHA-256.
#[must_use]
pub fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Where a fetched ref is kept in the local repository, as GitHub's checkout does it.
#[must_use]
pub fn tracking_ref(git_ref: &str) -> Option<String> {
    if let Some(branch) = git_ref.strip_prefix("refs/heads/") {
        return Some(format!("refs/remotes/origin/{branch}"));
    }
    if let Some(pull) = git_ref.strip_prefix("refs/pull/") {
        return Some(format!("refs/remotes/pull/{pull}"));
    }
    git_ref.starts_with("refs/tags/").then(|| git_ref.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_for_the_host_of_the_url() {
        let (key, value) = credentials("https://github.com/octo/hello.git", "t").unwrap();
        assert_eq!(key, "http.https://github.com/.extraheader");
        assert_eq!(
            value,
            format!("AUTHORIZATION: basic {}", STANDARD.encode("x-access-token:t"))
        );
        assert_eq!(
            credentials("http://127.0.0.1:8080/x", "t").unwrap().0,
            "http.http://127.0.0.1:8080/.extraheader"
        );
        for url in [
            "file:///r",
            "/r",
            "https://user@host/x",
            "https:///x",
            "ssh://host/x",
        ] {
            assert_eq!(credentials(url, "t"), None, "{url}");
        }
    }

    #[test]
    fn urls_refs_and_ids() {
        assert!(is_supported("https://h/x") && is_supported("file:///x") && is_supported("/x"));
        assert!(!is_supported("ext::sh -c x") && !is_supported("-x") && !is_supported("ssh://h/x"));
        for good in ["main", "refs/heads/a/b", "v1.2", "a@b"] {
            assert!(is_ref(good), "{good}");
        }
        for bad in [
            "", "-b", "a b", "a..b", "a~1", "a^", "a:b", "a*", "a//b", "/a", "a/", ".a", "a.lock", "a\n",
            "@{1}",
        ] {
            assert!(!is_ref(bad), "{bad}");
        }
        assert!(is_sha(&"0aF".repeat(40)[..40]) && !is_sha("main"));
    }

    #[test]
    fn settings_by_environment() {
        let variables = configuration(&[("a.b".into(), "1".into()), ("c".into(), "2".into())]);
        assert_eq!(variables["GIT_CONFIG_COUNT"], "2");
        assert_eq!(
            (
                variables["GIT_CONFIG_KEY_1"].as_str(),
                variables["GIT_CONFIG_VALUE_1"].as_str()
            ),
            ("c", "2")
        );
    }

    #[test]
    fn faults_that_stay() {
        assert!(is_permanent("fatal: repository 'https://x/y/' not found"));
        assert!(is_permanent("fatal: remote error: upload-pack: not our ref abc"));
        assert!(!is_permanent(
            "fatal: unable to access 'https://x/': Could not resolve host: x"
        ));
        assert!(!is_permanent(
            "error: RPC failed; curl 56 Recv failure: Connection reset by peer"
        ));
    }
}
