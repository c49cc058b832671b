//! `environment` of a job: where it deploys to, and whether the policy lets it from there.
//!
//! GitHub docs: "Managing environments for deployment", "`jobs.<job_id>.environment`".

use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::filter::PatternList;
use crate::job::EnvironmentDescription;
use crate::model::Environment;
use crate::resolve::Resolver;
use checkmill_core::limits::ENVIRONMENT_NAME_CHARS;
use checkmill_core::policy::EnvironmentRule;
use std::collections::BTreeMap;

/// What decides about the environments of one run.
#[derive(Debug, Clone, Copy)]
pub struct EnvironmentRules<'a> {
    /// The policy's, by name.
    pub rules: &'a BTreeMap<String, EnvironmentRule>,
    /// The run's full ref: `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`.
    pub git_ref: &'a str,
}

/// The environment of a leg; none where its name comes out empty, as with GitHub.
///
/// # Errors
/// A name that can't be one, and an environment that the policy does not have, or not for this ref.
pub(crate) fn evaluate(
    environment: Option<&Environment>,
    resolver: &Resolver<'_>,
    of: EnvironmentRules<'_>,
) -> Result<Option<EnvironmentDescription>, Diagnostics> {
    let Some(environment) = environment else {
        return Ok(None);
    };
    let name = resolver.text(&environment.name)?;
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let refused = |message: String, hint: String| {
        Err(Diagnostic::new(resolver.source, environment.name.span, message)
            .with_hint(hint)
            .into())
    };
    if name.chars().count() > ENVIRONMENT_NAME_CHARS {
        return refused(
            format!("the name of the environment has more than {ENVIRONMENT_NAME_CHARS} characters"),
            "give it a shorter one".to_owned(),
        );
    }
    let rule = of
        .rules
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((_, rule)) = rule else {
        return refused(
            format!("the repository's policy has no environment `{}`", quoted(name)),
            "name it in `environments` in `.checkmill/config.yml` of the default branch".to_owned(),
        );
    };
    if !is_allowed(rule, of.git_ref) {
        return refused(
            format!(
                "the environment `{}` is not for `{}`: {}",
                quoted(name),
                quoted(of.git_ref),
                describe(rule)
            ),
            "the rule is in `environments` in `.checkmill/config.yml` of the default branch".to_owned(),
        );
    }
    Ok(Some(EnvironmentDescription {
        name: name.to_owned(),
        url: environment.url.clone(),
    }))
}

/// Whether a job of this ref may deploy. A pull request's is neither a branch nor a tag.
fn is_allowed(rule: &EnvironmentRule, git_ref: &str) -> bool {
    if rule.branches.is_none() && rule.tags.is_none() {
        return true;
    }
    let fits = |patterns: &Option<Vec<String>>, prefix: &str| {
        let (Some(patterns), Some(name)) = (patterns, git_ref.strip_prefix(prefix)) else {
            return false;
        };
        // Checked when the policy was read.
        PatternList::parse(patterns).is_ok_and(|list| list.matches(name))
    };
    fits(&rule.branches, "refs/heads/") || fits(&rule.tags, "refs/tags/")
}

fn describe(rule: &EnvironmentRule) -> String {
    let of = |what: &str, patterns: &Option<Vec<String>>| {
        let patterns = patterns.as_ref()?;
        let patterns: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
        let patterns = if patterns.is_empty() {
            "(none)".to_owned()
        } else {
            patterns.join(", ")
        };
        Some(format!("{what} {patterns}"))
    };
    let all = [of("branches", &rule.branches), of("tags", &rule.tags)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    format!("only {}", all.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_goes_by_the_ref() {
        let list = |patterns: &[&str]| Some(patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
        let any = EnvironmentRule::default();
        let main = EnvironmentRule {
            branches: list(&["main", "release/*"]),
            tags: None,
        };
        let both = EnvironmentRule {
            branches: list(&["main"]),
            tags: list(&["v*"]),
        };
        let nothing = EnvironmentRule {
            branches: list(&[]),
            tags: None,
        };
        for (git_ref, expected) in [
            ("refs/heads/main", [true, true, true, false]),
            ("refs/heads/release/2", [true, true, false, false]),
            ("refs/heads/topic", [true, false, false, false]),
            ("refs/tags/v1", [true, false, true, false]),
            ("refs/tags/main", [true, false, false, false]),
            ("refs/pull/7/merge", [true, false, false, false]),
        ] {
            let allowed = [&any, &main, &both, &nothing].map(|rule| is_allowed(rule, git_ref));
            assert_eq!(allowed, expected, "{git_ref}");
        }
        assert_eq!(describe(&both), "only branches main and tags v*");
        assert_eq!(describe(&nothing), "only branches (none)");
    }
}
