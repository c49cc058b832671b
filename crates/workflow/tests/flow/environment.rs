//! `environment` of a job.

use crate::support::{World, attempt, job, key, run_id};
use checkmill_core::JobId;
use checkmill_core::policy::EnvironmentRule;
use checkmill_workflow::job::EnvironmentDescription;
use checkmill_workflow::{EnvironmentRules, describe, parse};
use std::collections::BTreeMap;

/// The environment of the job `build` on this ref, under a policy with `staging` for every ref and `Production` for some.
fn environment(lines: &str, git_ref: &str) -> Result<Option<EnvironmentDescription>, String> {
    let world = World::new(&job(lines));
    let list = |patterns: &[&str]| Some(patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
    let production = EnvironmentRule {
        branches: list(&["main", "release/**"]),
        tags: list(&["v*"]),
    };
    let rules = BTreeMap::from([
        ("staging".to_owned(), EnvironmentRule::default()),
        ("Production".to_owned(), production),
    ]);
    let id = JobId::derive(&run_id(), &key("build"), "");
    let rules = EnvironmentRules {
        rules: &rules,
        git_ref,
    };
    let attempt = attempt(&world, &id, rules);
    let described = describe(&world.workflow, &key("build"), "", &world.context(), attempt);
    match described {
        Ok(described) => Ok(described.environment),
        Err(wrong) => Err(wrong.to_string()),
    }
}

#[test]
fn a_name_alone_or_with_an_address_that_is_known_later() {
    let named = |name: &str, url: Option<&str>| {
        Ok(Some(EnvironmentDescription {
            name: name.to_owned(),
            url: url.map(str::to_owned),
        }))
    };
    let main = "refs/heads/main";
    assert_eq!(environment("", main), Ok(None));
    assert_eq!(environment("environment: staging", main), named("staging", None));
    // GitHub's environments know no case.
    assert_eq!(
        environment("environment: PRODUCTION", main),
        named("PRODUCTION", None)
    );
    assert_eq!(
        environment(
            "environment: {name: staging, url: '${{ steps.deploy.outputs.url }}'}",
            "refs/pull/7/merge"
        ),
        named("staging", Some("${{ steps.deploy.outputs.url }}"))
    );
    let by_branch = "environment: ${{ github.ref == 'refs/heads/main' && 'production' || '' }}";
    assert_eq!(environment(by_branch, main), named("production", None));
    assert_eq!(environment("environment: ${{ github.nothing }}", main), Ok(None));
}

#[test]
fn the_policy_decides_which_there_are_and_for_which_refs() {
    for git_ref in ["refs/heads/release/2/1", "refs/tags/v2"] {
        assert!(
            environment("environment: production", git_ref).is_ok(),
            "{git_ref}"
        );
    }
    let refused = |lines: &str, git_ref: &str| environment(lines, git_ref).unwrap_err();
    insta::assert_snapshot!(refused("environment: demo", "refs/heads/main"), @"
    .checkmill/workflows/ci.yml:5:18: the repository's policy has no environment `demo`
    5 |     environment: demo
      |                  ^^^^
      = help: name it in `environments` in `.checkmill/config.yml` of the default branch
    ");
    insta::assert_snapshot!(refused("environment: {name: production}", "refs/pull/7/merge"), @"
    .checkmill/workflows/ci.yml:5:25: the environment `production` is not for `refs/pull/7/merge`: only branches main, release/** and tags v*
    5 |     environment: {name: production}
      |                         ^^^^^^^^^^
      = help: the rule is in `environments` in `.checkmill/config.yml` of the default branch
    ");
    insta::assert_snapshot!(refused(&format!("environment: {}", "x".repeat(256)), "refs/heads/main").lines().next().unwrap(), @".checkmill/workflows/ci.yml:5:18: the name of the environment has more than 255 characters");
}

#[test]
fn mistakes() {
    let wrong = |lines: &str| {
        parse(".checkmill/workflows/ci.yml", &job(lines))
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(wrong("environment: {url: 'https://example.com', wait: 5}"), @"
    .checkmill/workflows/ci.yml:5:18: `environment` has no `name`
    5 |     environment: {url: 'https://example.com', wait: 5}
      |                  ^

    .checkmill/workflows/ci.yml:5:47: unknown key `wait` in `environment`
    5 |     environment: {url: 'https://example.com', wait: 5}
      |                                               ^^^^
      = help: the keys here are `name` and `url`
    ");
    insta::assert_snapshot!(wrong("environment: [production]"), @"
    .checkmill/workflows/ci.yml:5:18: `environment` must be a text, not a list
    5 |     environment: [production]
      |                  ^
    ");
    insta::assert_snapshot!(wrong("environment: ${{ secrets.NAME }}"), @"
    .checkmill/workflows/ci.yml:5:22: the context `secrets` can't be used in `jobs.<job_id>.environment`
    5 |     environment: ${{ secrets.NAME }}
      |                      ^^^^^^^
      = help: the contexts here are github, needs, strategy, matrix, vars, inputs
    ");
}
