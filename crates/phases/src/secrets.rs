//! The secrets that people keep for the jobs of their repositories: which of them a job gets.
//!
//! They are one JSON object for an owner and one for a repository, wherever the adapter has them:
//! `{"NAME": "value", "environments": {"production": {"NAME": "value"}}}`.

use crate::ports::{SecretFiles, Secrets, StoreError};
use checkmill_core::RepoName;
use checkmill_core::limits::{SECRET_BYTES, SECRETS, SECRETS_BYTES};
use checkmill_workflow::job::{JOB_TOKEN_VARIABLE, SECRET_VARIABLE_PREFIX};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The key under which the secrets of environments are.
const ENVIRONMENTS: &str = "environments";

/// What keeps a job from its secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// For people who can mend it; it never holds a value.
    #[error("the secrets of {of} can't be used: {problem}")]
    Unusable { of: String, problem: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Value(String),
    Environments(BTreeMap<String, BTreeMap<String, String>>),
}

/// The secrets of a job as variables of its agent: the owner's, then the repository's, then those of its environment, of
/// which the later win; of all of them those that its `description` asks for. None where its run may have none
/// ([`checkmill_core::Run::may_have_secrets`]).
pub(crate) async fn of_job(
    secrets: &dyn Secrets,
    repo: &RepoName,
    allowed: bool,
    environment: Option<&str>,
    description: &str,
) -> Result<Vec<(String, SecretString)>, SecretsError> {
    let asked = Asked::of(description);
    // Most jobs read none: no request for them, and no mistake in a file is theirs.
    if !allowed || asked.is_nothing() {
        return Ok(Vec::new());
    }
    let SecretFiles { owner, repository } = secrets.of(repo).await?;
    let owner_name = repo.owner().to_owned();
    let (mut all, mut of_environment) = (BTreeMap::new(), BTreeMap::new());
    for (of, file) in [(owner_name, owner), (repo.to_string(), repository)] {
        let Some(file) = file else { continue };
        let read = read(&file, environment);
        let (plain, special) = read.map_err(|problem| SecretsError::Unusable {
            of: of.clone(),
            problem,
        })?;
        all.extend(plain);
        of_environment.extend(special);
    }
    all.extend(of_environment);
    all.retain(|name, _| asked.has(name));
    let bytes: usize = all
        .iter()
        .map(|(name, value)| name.len() + value.expose_secret().len())
        .sum();
    if bytes > SECRETS_BYTES {
        return Err(SecretsError::Unusable {
            of: repo.to_string(),
            problem: format!("those of the job have {bytes} bytes together, at most {SECRETS_BYTES} can be"),
        });
    }
    if all.len() > SECRETS {
        return Err(SecretsError::Unusable {
            of: repo.to_string(),
            problem: format!("there are {} of them, at most {SECRETS} can be", all.len()),
        });
    }
    Ok(all
        .into_iter()
        .map(|(name, value)| (format!("{SECRET_VARIABLE_PREFIX}{name}"), value))
        .collect())
}

/// Before a name, in upper case.
const NAMED: &str = "SECRETS.";

/// The secrets that a text reads. What it never names its job need not have.
enum Asked {
    /// The context as a whole, or names that are computed.
    All,
    /// The text in upper case: a name in it counts wherever it stands.
    Named(String),
}

impl Asked {
    fn of(description: &str) -> Self {
        let text = description.to_ascii_uppercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let whole = text.match_indices("SECRETS").any(|(at, word)| {
            let rest = &text[at + word.len()..];
            let is_word = !text[..at].ends_with(is_name) && !rest.starts_with(is_name);
            let named = rest
                .strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(is_name));
            // A field of the description, not a context.
            let is_field = rest.starts_with("\":");
            is_word && !named && !is_field
        });
        if whole { Self::All } else { Self::Named(text) }
    }

    /// Whether none is read but the token, which is not kept.
    fn is_nothing(&self) -> bool {
        match self {
            Self::All => false,
            Self::Named(text) => text
                .match_indices(NAMED)
                .all(|(at, _)| text[at + NAMED.len()..].starts_with(JOB_TOKEN_VARIABLE)),
        }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(text) => text.contains(&format!("{NAMED}{name}")),
        }
    }
}

type Named = BTreeMap<String, SecretString>;

/// Those of every job, and those of the environment.
fn read(file: &SecretString, environment: Option<&str>) -> Result<(Named, Named), String> {
    let entries: BTreeMap<String, Entry> = serde_json::from_str(file.expose_secret()).map_err(|error| {
        // The parser's own words may repeat a value.
        format!(
            "line {}, column {}: expected {{\"NAME\": \"value\", …}}",
            error.line(),
            error.column()
        )
    })?;
    let (mut plain, mut special) = (Named::new(), Named::new());
    for (name, entry) in entries {
        match entry {
            Entry::Value(_) if name.eq_ignore_ascii_case(ENVIRONMENTS) => {
                return Err(format!(
                    "{name:?} is for environments: {{\"production\": {{\"NAME\": \"value\"}}}}"
                ));
            }
            Entry::Value(value) => {
                let (name, value) = secret(&name, value)?;
                if plain.insert(name.clone(), value).is_some() {
                    return Err(format!("{name} is there twice: names know no case"));
                }
            }
            Entry::Environments(environments) if name == ENVIRONMENTS => {
                for (of, values) in environments {
                    let is_ours = environment.is_some_and(|name| name.eq_ignore_ascii_case(&of));
                    for (name, value) in values {
                        let secret = secret(&name, value);
                        let (name, value) =
                            secret.map_err(|problem| format!("in the environment {of:?}, {problem}"))?;
                        if is_ours {
                            special.insert(name, value);
                        }
                    }
                }
            }
            Entry::Environments(_) => return Err(format!("{name:?} is no text")),
        }
    }
    Ok((plain, special))
}

/// GitHub docs, "Naming your secrets": letters, digits and `_`, in any case, not `GITHUB_…`.
fn secret(name: &str, value: String) -> Result<(String, SecretString), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let upper = name.to_ascii_uppercase();
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "{name:?} is no name of a secret: letters, digits and _, no digit first"
        ));
    }
    if upper.starts_with("GITHUB_") {
        return Err(format!("{name:?} can't be a secret's name: GITHUB_ is GitHub's"));
    }
    if value.len() > SECRET_BYTES {
        return Err(format!("{name} is longer than {} KiB", SECRET_BYTES / 1024));
    }
    if value.contains('\0') {
        return Err(format!("{name} holds a NUL, which no environment variable can"));
    }
    Ok((upper, SecretString::from(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;

    struct Kept(Option<&'static str>, Option<&'static str>);

    #[async_trait]
    impl Secrets for Kept {
        async fn of(&self, _repo: &RepoName) -> Result<SecretFiles, StoreError> {
            Ok(SecretFiles {
                owner: self.0.map(Into::into),
                repository: self.1.map(Into::into),
            })
        }
    }

    async fn told(kept: Kept, allowed: bool, environment: Option<&str>) -> Result<String, String> {
        let repo = "octo/hello".parse().unwrap();
        let secrets = of_job(&kept, &repo, allowed, environment, "${{ toJSON(secrets) }}").await;
        let secrets = secrets.map_err(|error| error.to_string())?;
        let line = |(name, value): &(String, SecretString)| {
            let name = name.strip_prefix(SECRET_VARIABLE_PREFIX).unwrap();
            format!("{name}={}", value.expose_secret())
        };
        Ok(secrets.iter().map(line).collect::<Vec<_>>().join(" "))
    }

    const OWNER: &str = r#"{"a": "1", "B": "1", "environments": {"production": {"C": "owner"}}}"#;
    const REPOSITORY: &str =
        r#"{"B": "2", "D": "2", "environments": {"Production": {"D": "3"}, "staging": {"E": "4"}}}"#;

    #[tokio::test]
    async fn the_nearer_wins_and_an_environments_are_its_jobs_alone() {
        let kept = || Kept(Some(OWNER), Some(REPOSITORY));
        let own = true;
        assert_eq!(told(kept(), own, None).await.unwrap(), "A=1 B=2 D=2");
        assert_eq!(
            told(kept(), own, Some("production")).await.unwrap(),
            "A=1 B=2 C=owner D=3"
        );
        assert_eq!(
            told(kept(), own, Some("staging")).await.unwrap(),
            "A=1 B=2 D=2 E=4"
        );
        assert_eq!(told(Kept(None, None), own, None).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_job_gets_what_it_asks_for() {
        let repo = "octo/hello".parse().unwrap();
        let kept = Kept(None, Some(r#"{"A": "1", "AB": "2", "B": "3", "C": "4"}"#));
        for (description, expected) in [
            (r#"{"secrets":[],"run":"echo A B"}"#, &[][..]),
            (r#"{"run":"${{ secrets.ab }}"}"#, &["A", "AB"]),
            (r#"{"run":"${{ secrets.C || secrets.b }}"}"#, &["B", "C"]),
            (r#"{"run":"${{ secrets['C'] }}"}"#, &["A", "AB", "B", "C"]),
            (r#"{"run":"${{ toJSON( secrets ) }}"}"#, &["A", "AB", "B", "C"]),
        ] {
            let given = of_job(&kept, &repo, true, None, description).await.unwrap();
            let names: Vec<_> = given
                .iter()
                .map(|(name, _)| name.strip_prefix(SECRET_VARIABLE_PREFIX).unwrap())
                .collect();
            assert_eq!(names, expected, "{description}");
        }
    }

    #[tokio::test]
    async fn a_job_that_reads_none_is_not_kept_by_a_mistake_in_them() {
        let repo = "octo/hello".parse().unwrap();
        for (description, reads) in [
            (r#"{"secrets":[],"run":"make"}"#, false),
            (
                r#"{"run":"${{ secrets.GITHUB_TOKEN }} ${{ secrets.github_token }}"}"#,
                false,
            ),
            (r#"{"run":"${{ secrets.GITHUB_TOKEN }} ${{ secrets.A }}"}"#, true),
        ] {
            let kept = Kept(Some("no JSON"), None);
            let given = of_job(&kept, &repo, true, None, description).await;
            assert_eq!(given.is_err(), reads, "{description}");
        }
    }

    #[tokio::test]
    async fn a_run_that_may_have_none_gets_none() {
        let kept = Kept(Some("not even looked at"), Some(REPOSITORY));
        assert_eq!(told(kept, false, Some("production")).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_mistake_is_told_without_what_is_secret() {
        let many: String = (0..=SECRETS).map(|n| format!("\"N{n}\": \"\",")).collect();
        let many = format!("{{{}}}", many.trim_end_matches(','));
        let many: &'static str = many.leak();
        let long: &'static str = format!("{{\"N\": \"{}\"}}", "x".repeat(SECRET_BYTES + 1)).leak();
        for (file, expected) in [
            (
                "KEY=hush",
                "the secrets of octo/hello can't be used: line 1, column 1: expected {\"NAME\": \"value\", …}",
            ),
            (
                r#"["hush"]"#,
                "the secrets of octo/hello can't be used: line 1, column 0: expected {\"NAME\": \"value\", …}",
            ),
            (
                r#"{"N": 7}"#,
                "the secrets of octo/hello can't be used: line 1, column 8: expected {\"NAME\": \"value\", …}",
            ),
            (
                r#"{"2nd": "hush"}"#,
                "the secrets of octo/hello can't be used: \"2nd\" is no name of a secret: letters, digits and _, no digit first",
            ),
            (
                r#"{"github_x": "hush"}"#,
                "the secrets of octo/hello can't be used: \"github_x\" can't be a secret's name: GITHUB_ is GitHub's",
            ),
            (
                r#"{"a": "hush", "A": "hush"}"#,
                "the secrets of octo/hello can't be used: A is there twice: names know no case",
            ),
            (
                r#"{"environments": "hush"}"#,
                "the secrets of octo/hello can't be used: \"environments\" is for environments: {\"production\": {\"NAME\": \"value\"}}",
            ),
            (
                r#"{"environments": {"p": {"a-b": "hush"}}}"#,
                "the secrets of octo/hello can't be used: in the environment \"p\", \"a-b\" is no name of a secret: letters, digits and _, no digit first",
            ),
            (
                r#"{"N": {"a": {"B": "hush"}}}"#,
                "the secrets of octo/hello can't be used: \"N\" is no text",
            ),
            (
                r#"{"N": "hu\u0000sh"}"#,
                "the secrets of octo/hello can't be used: N holds a NUL, which no environment variable can",
            ),
            (
                long,
                "the secrets of octo/hello can't be used: N is longer than 48 KiB",
            ),
            (
                many,
                "the secrets of octo/hello can't be used: there are 301 of them, at most 300 can be",
            ),
        ] {
            let error = told(Kept(None, Some(file)), true, None).await.unwrap_err();
            assert_eq!(error, expected);
        }
    }
}
