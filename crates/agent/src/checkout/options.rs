//! The inputs of `actions/checkout` that the built-in checkout knows.

use checkmill_workflow::job::CheckoutSource;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What is checked out, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// As written, where it isn't the event's own ref.
    pub git_ref: Option<String>,
    /// Another token than the job's.
    pub token: Option<String>,
    /// Later steps may use the token with git.
    pub persist_credentials: bool,
    /// Relative to the workspace, and inside.
    pub path: PathBuf,
    /// Clean a directory that was checked out before.
    pub clean: bool,
    /// Commits of history; none is all of it.
    pub depth: Option<u32>,
    pub tags: bool,
    pub submodules: Submodules,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submodules {
    No,
    Yes,
    Recursive,
}

impl Options {
    /// Reads the inputs of a `with`, their expressions already filled in.
    ///
    /// # Errors
    /// An input that we don't have or whose value makes no sense, with what to do.
    pub fn parse(with: &BTreeMap<String, String>, source: &CheckoutSource) -> Result<Self, String> {
        let mut options = Self {
            git_ref: None,
            token: None,
            persist_credentials: false,
            path: PathBuf::new(),
            clean: true,
            depth: Some(1),
            tags: false,
            submodules: Submodules::No,
        };
        for (name, value) in with {
            options.set(&name.to_ascii_lowercase(), value.trim(), source)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str, source: &CheckoutSource) -> Result<(), String> {
        match name {
            _ if value.is_empty() => {}
            "ref" => {
                self.git_ref = (value != source.git_ref && value != source.sha).then(|| value.to_owned())
            }
            "token" => self.token = Some(value.to_owned()),
            "persist-credentials" => self.persist_credentials = boolean(name, value)?,
            "path" => self.path = inside(value)?,
            "clean" => self.clean = boolean(name, value)?,
            "fetch-depth" => {
                let depth: u32 = value
                    .parse()
                    .map_err(|_| format!("fetch-depth: {value:?} is not a number of commits (0 is all)"))?;
                self.depth = (depth > 0).then_some(depth);
            }
            // The policy alone says who may (`CheckoutSource::only`): the file is not where to ask.
            "allow-unsafe-pr-checkout" => {
                boolean(name, value)?;
            }
            "fetch-tags" => self.tags = boolean(name, value)?,
            "submodules" if value.eq_ignore_ascii_case("recursive") => {
                self.submodules = Submodules::Recursive
            }
            "submodules" => {
                self.submodules = if boolean(name, value)? {
                    Submodules::Yes
                } else {
                    Submodules::No
                }
            }
            "repository" if value.eq_ignore_ascii_case(&source.repository) => {}
            "repository" => {
                return Err(format!(
                    "repository: {value:?} is another repository than the job's own ({}), for which it has no token",
                    source.repository
                ));
            }
            "lfs" | "sparse-checkout-cone-mode" if !boolean(name, value)? => {}
            // How it is shown, and a setting that a workspace of our own doesn't need.
            "show-progress" | "set-safe-directory" | "sparse-checkout-cone-mode" => {}
            "github-server-url"
                if source
                    .clone_url
                    .starts_with(&format!("{}/", value.trim_end_matches('/'))) => {}
            "filter" | "lfs" | "sparse-checkout" | "ssh-key" | "ssh-known-hosts" | "ssh-strict"
            | "ssh-user" | "github-server-url" => {
                return Err(format!(
                    "{name}: Checkmill's checkout does not have this input; leave it out, or use git in a `run`"
                ));
            }
            _ => return Err(format!("{name} is not an input of actions/checkout")),
        }
        Ok(())
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name}: {value:?} is neither true nor false")),
    }
}

fn inside(value: &str) -> Result<PathBuf, String> {
    let path = Path::new(value);
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if path.components().all(plain) {
        Ok(path
            .components()
            .filter(|component| matches!(component, Component::Normal(_)))
            .collect())
    } else {
        Err(format!(
            "path: {value:?} must be relative and stay inside the workspace"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> CheckoutSource {
        CheckoutSource {
            clone_url: "https://github.com/octo/hello.git".to_owned(),
            repository: "octo/hello".to_owned(),
            sha: "a".repeat(40),
            git_ref: "refs/heads/main".to_owned(),
            only: None,
        }
    }

    fn parse(pairs: &[(&str, &str)]) -> Result<Options, String> {
        let with = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Options::parse(&with, &source())
    }

    #[test]
    fn defaults_and_values() {
        let plain = parse(&[]).unwrap();
        assert_eq!(
            (plain.depth, plain.persist_credentials, plain.submodules),
            (Some(1), false, Submodules::No)
        );
        assert_eq!(
            parse(&[
                ("ref", "refs/heads/main"),
                ("Repository", "Octo/Hello"),
                ("lfs", "false"),
                ("allow-unsafe-pr-checkout", "true"),
                ("token", "")
            ])
            .unwrap(),
            plain
        );
        assert_eq!(
            parse(&[
                ("github-server-url", "https://github.com"),
                ("show-progress", "false")
            ])
            .unwrap(),
            plain
        );
        let set = parse(&[
            ("ref", "v1"),
            ("fetch-depth", "0"),
            ("path", "./a/b/"),
            ("submodules", "recursive"),
            ("persist-credentials", "true"),
            ("fetch-tags", "true"),
            ("clean", "FALSE"),
        ])
        .unwrap();
        assert_eq!(set.git_ref.as_deref(), Some("v1"));
        assert_eq!(
            (set.depth, set.path, set.submodules),
            (None, PathBuf::from("a/b"), Submodules::Recursive)
        );
        assert!(set.persist_credentials && set.tags && !set.clean);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let table = [
            (
                ("path", "../x"),
                "path: \"../x\" must be relative and stay inside the workspace",
            ),
            (
                ("path", "/x"),
                "path: \"/x\" must be relative and stay inside the workspace",
            ),
            (
                ("fetch-depth", "-1"),
                "fetch-depth: \"-1\" is not a number of commits (0 is all)",
            ),
            (("clean", "yes"), "clean: \"yes\" is neither true nor false"),
            (
                ("repository", "octo/other"),
                "repository: \"octo/other\" is another repository than the job's own (octo/hello), for which it has no token",
            ),
            (
                ("ssh-key", "k"),
                "ssh-key: Checkmill's checkout does not have this input; leave it out, or use git in a `run`",
            ),
            (
                ("lfs", "true"),
                "lfs: Checkmill's checkout does not have this input; leave it out, or use git in a `run`",
            ),
            (("brnach", "x"), "brnach is not an input of actions/checkout"),
        ];
        for (pair, expected) in table {
            assert_eq!(parse(&[pair]).unwrap_err(), expected);
        }
    }
}
