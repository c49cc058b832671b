//! Getting an image: the engine's command line, a login for it, and what its last words mean.

use super::engine::Engine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a login is kept while an image is pulled: in a directory of its own and not with the user's, and never on a command
/// line that every user of the machine can read.
#[derive(Debug)]
pub struct Login(PathBuf);

impl Login {
    /// Writes it down for the registry of this image.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(directory: PathBuf, image: &str, username: &str, password: &str) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&directory)?;
        let login = Self(directory);
        let auth = STANDARD.encode(format!("{username}:{password}"));
        let config = json!({"auths": {registry(image): {"auth": auth}}});
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(login.file())?;
        file.write_all(config.to_string().as_bytes())?;
        Ok(login)
    }

    fn file(&self) -> PathBuf {
        self.0.join("config.json")
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// By what a configuration file calls the registry of an image with its registry ([`super::qualified`]).
fn registry(image: &str) -> &str {
    match image.split('/').next() {
        None | Some("docker.io") => "https://index.docker.io/v1/",
        Some(registry) => registry,
    }
}

/// The engine's arguments.
#[must_use]
pub fn arguments(engine: &Engine, image: &str, login: Option<&Login>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    let config = |directory: &Path| directory.as_os_str().to_owned();
    match login {
        None => arguments.push("pull".into()),
        Some(login) if engine.is_podman() => {
            arguments.extend(["pull".into(), "--authfile".into(), config(&login.file())]);
        }
        Some(login) => arguments.extend(["--config".into(), config(&login.0), "pull".into()]),
    }
    arguments.push(image.into());
    arguments
}

/// Whether a registry has answered that there is no such image, or not for us: what it says when it can't be reached is no
/// fault of the workflow's.
#[must_use]
pub fn is_refused(last: &str) -> bool {
    let last = last.to_ascii_lowercase();
    [
        "not found",
        "manifest unknown",
        "denied",
        "unauthorized",
        "invalid reference",
        "does not exist",
        "no matching manifest",
    ]
    .iter()
    .any(|words| last.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Variables;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_registry_that_answers_is_told_from_one_that_does_not() {
        for (last, refused) in [
            (
                "Error response from daemon: manifest for alpine:0 not found: manifest unknown",
                true,
            ),
            (
                "pull access denied for octo/x, repository does not exist or may require 'docker login'",
                true,
            ),
            ("invalid reference format", true),
            (
                "dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host",
                false,
            ),
            ("net/http: TLS handshake timeout", false),
            ("toomanyrequests: You have reached your pull rate limit", false),
            ("received unexpected HTTP status: 503 Service Unavailable", false),
        ] {
            assert_eq!(is_refused(last), refused, "{last}");
        }
    }

    #[test]
    fn a_login_is_the_owners_alone_and_is_gone_afterwards() {
        let temp = tempfile::tempdir().unwrap();
        for (image, expected) in [
            ("docker.io/octo/x:1", "https://index.docker.io/v1/"),
            ("ghcr.io/octo/x", "ghcr.io"),
            ("registry:5000/x", "registry:5000"),
        ] {
            let directory = temp.path().join("login");
            let login = Login::write(directory.clone(), image, "mona", "p:w").unwrap();
            let config = fs::read_to_string(directory.join("config.json")).unwrap();
            assert_eq!(
                config,
                format!(r#"{{"auths":{{"{expected}":{{"auth":"bW9uYTpwOnc="}}}}}}"#)
            );
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&directory), mode(&login.file())), (0o700, 0o600));
            let bin = temp.path().join("bin");
            fs::create_dir_all(&bin).unwrap();
            let environment: Variables = [("PATH".to_owned(), bin.display().to_string())].into();
            for (name, shown) in [
                ("docker", "--config $L pull"),
                ("podman", "pull --authfile $L/config.json"),
            ] {
                fs::write(bin.join(name), "").unwrap();
                fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
                let engine = Engine::named(name, &environment, temp.path()).unwrap();
                let words = arguments(&engine, image, Some(&login));
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                let line = words.join(" ").replace(directory.to_str().unwrap(), "$L");
                assert_eq!(line, format!("{shown} {image}"));
            }
            drop(login);
            assert!(!directory.exists());
        }
    }
}
