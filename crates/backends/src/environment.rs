//! What others may see of our own environment, agents and programs that are backends: little, so that no setting or secret
//! of ours reaches a job.

use std::ffi::{OsStr, OsString};

/// Passed on where we have them: how to find programs, the user, the language, certificates.
const ALLOWED: [&str; 12] = [
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TEMP",
    "TMPDIR",
    "TZ",
    "USER",
];

/// Passed on unless they carry a password: jobs behind a proxy can't fetch anything without.
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// The part of `environment` that they get: the list above, `LC_*`, proxies without credentials, and the variables that the
/// operator names in `passed`.
#[must_use]
pub fn allowed(environment: &[(OsString, OsString)], passed: &[String]) -> Vec<(OsString, OsString)> {
    environment
        .iter()
        .filter(|(name, value)| name.to_str().is_some_and(|name| is_allowed(name, value, passed)))
        .cloned()
        .collect()
}

fn is_allowed(name: &str, value: &OsStr, passed: &[String]) -> bool {
    let is_proxy = PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy));
    ALLOWED.contains(&name)
        || name.starts_with("LC_")
        || (is_proxy && !value.to_string_lossy().contains('@'))
        || passed.iter().any(|passed| passed == name)
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn settings_and_secrets_stay_with_us() {
        let all = [
            ("PATH", "/bin", true),
            ("HOME", "/home/u", true),
            ("LC_ALL", "C.UTF-8", true),
            ("https_proxy", "http://proxy:3128", true),
            ("HTTP_PROXY", "http://user:pass@proxy:3128", false),
            ("JAVA_HOME", "/java", true),
            ("GH_PRIVATE_KEY", "-----BEGIN", false),
            ("GH_WEBHOOK_SECRET", "s", false),
            ("GITHUB_TOKEN", "t", false),
            ("AWS_SECRET_ACCESS_KEY", "s", false),
            ("AWS_SESSION_TOKEN", "s", false),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1", false),
            ("LD_PRELOAD", "/x.so", false),
            ("BASH_ENV", "/x", false),
            ("GIT_DIR", "/x", false),
        ];
        let environment: Vec<_> = all.iter().map(|(n, v, _)| ((*n).into(), (*v).into())).collect();
        let kept = allowed(&environment, &["JAVA_HOME".to_owned()]);
        for (name, _, expected) in all {
            assert_eq!(kept.iter().any(|(kept, _)| kept == name), expected, "{name}");
        }
    }
}
