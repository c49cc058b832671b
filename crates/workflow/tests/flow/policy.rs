//! The policy file.

use checkmill_core::Millis;
use checkmill_core::policy::{
    Access, CommentPolicy, EnvironmentRule, ForkPolicy, ModelPolicy, Policy, TargetForks, TargetPolicy,
    TokenPermissions, TranslatePolicy,
};
use checkmill_workflow::parse_policy;

const PATH: &str = ".checkmill/config.yml";

fn wrong(text: &str) -> String {
    parse_policy(PATH, text)
        .expect_err("the policy is wrong")
        .to_string()
}

#[test]
fn what_is_not_said_is_the_default() {
    for text in ["", "# nothing\n", "{}", "version: 1\n", "vars:\n"] {
        assert_eq!(parse_policy(PATH, text), Ok(Policy::default()), "{text:?}");
    }
}

#[test]
fn every_key() {
    let text = "\
version: 1
permissions:
  contents: write
  pull-requests: read
forks: never
comment: always
retry:
  infrastructure: 3
vars:
  LEVEL: 3
  NAME: hello
actions_workflows: true
queue-timeout-minutes: 0.5
timeout-minutes-max: 90
";
    let policy = parse_policy(PATH, text).unwrap();
    assert_eq!(policy.permissions.0["contents"], Access::Write);
    assert_eq!(policy.permissions.0["pull_requests"], Access::Read);
    assert_eq!(
        (policy.forks, policy.comment),
        (ForkPolicy::Never, CommentPolicy::Always)
    );
    assert_eq!((policy.retry.infrastructure, policy.retry.flaky), (3, 1));
    assert_eq!(policy.vars["LEVEL"], "3");
    assert!(policy.actions_workflows);
    assert_eq!(
        (policy.queue_timeout, policy.run_timeout_max),
        (Millis::from_secs(30), Millis::from_minutes(90))
    );
    assert_eq!(
        parse_policy(PATH, "comment: on-failure").unwrap().comment,
        CommentPolicy::OnFailure
    );
    assert!(
        parse_policy(PATH, "permissions: {}")
            .unwrap()
            .permissions
            .0
            .is_empty()
    );
    assert!(
        parse_policy(PATH, "permissions: read-all")
            .unwrap()
            .permissions
            .0
            .len()
            > 5
    );
}

#[test]
fn what_pull_request_target_may_do() {
    let policy = |text: &str| parse_policy(PATH, text).unwrap().pull_request_target;
    assert_eq!(policy("pull_request_target: {}"), TargetPolicy::default());
    let default = TargetPolicy {
        forks: TargetForks::Run,
        permissions: TokenPermissions::read_only(),
        secrets: false,
    };
    assert_eq!(TargetPolicy::default(), default);
    // What other jobs may do is nothing to it.
    assert_eq!(policy("permissions: write-all"), default);
    assert_eq!(
        policy("pull_request_target:\n  forks: approval\n  permissions: {issues: write}\n  secrets: true\n"),
        TargetPolicy {
            forks: TargetForks::Approval,
            permissions: TokenPermissions([("issues".to_owned(), Access::Write)].into()),
            secrets: true,
        }
    );
    insta::assert_snapshot!(wrong("pull_request_target: {forks: always, secret: true}"), @"
    .checkmill/config.yml:1:30: `forks` can't be `always`
    1 | pull_request_target: {forks: always, secret: true}
      |                              ^^^^^^
      = help: it is one of `run`, `approval` and `never`

    .checkmill/config.yml:1:38: unknown key of `pull_request_target` `secret` in `pull_request_target`
    1 | pull_request_target: {forks: always, secret: true}
      |                                      ^^^^^^
      = help: did you mean `secrets`?
    ");
}

#[test]
fn environments() {
    let text = "\
environments:
  staging:
  production:
    branches: [main, 'release/**']
    tags: v*
";
    let policy = parse_policy(PATH, text).unwrap();
    let list = |patterns: &[&str]| Some(patterns.iter().map(|pattern| (*pattern).to_owned()).collect());
    let production = EnvironmentRule {
        branches: list(&["main", "release/**"]),
        tags: list(&["v*"]),
    };
    assert_eq!(policy.environments["staging"], EnvironmentRule::default());
    assert_eq!(policy.environments["production"], production);
    insta::assert_snapshot!(wrong("environments:\n  a:\n    branch: main\n  b:\n    tags: ['!v1']\n"), @"
    .checkmill/config.yml:3:5: unknown key of an environment `branch` in the environment `a`
    3 |     branch: main
      |     ^^^^^^
      = help: did you mean `branches`?

    .checkmill/config.yml:5:11: the environment `b`: at least one pattern must not start with `!`; to leave names out, use the `-ignore` filter, at position 1 of the pattern `!v1`
    5 |     tags: ['!v1']
      |           ^
    ");
    insta::assert_snapshot!(wrong("environments:\n  Production:\n  production: {branches: [main]}\n"), @"
    .checkmill/config.yml:3:3: `Production` and `production` are one environment
    3 |   production: {branches: [main]}
      |   ^^^^^^^^^^
      = help: the names of environments know no case; remove one
    ");
    insta::assert_snapshot!(wrong("environments: [a]"), @"
    .checkmill/config.yml:1:15: `environments` must be a mapping, not a list
    1 | environments: [a]
      |               ^
    ");
    let long: String = (0..60)
        .map(|n| format!("  e{n}:\n    branches: [{}]\n", "x".repeat(300)))
        .collect();
    insta::assert_snapshot!(wrong(&format!("environments:\n{long}")).lines().next().unwrap(), @".checkmill/config.yml:2:3: `environments` has more than 16 KiB");
}

#[test]
fn mistakes() {
    let text = "\
version: 2
fork: never
forks: sometimes
comment: no
permissions: all
vars:
  2nd: x
  github_x: y
  LIST: [a]
queue-timeout-minutes: 0
timeout-minutes-max: forever
";
    insta::assert_snapshot!(wrong(text), @r"
    .checkmill/config.yml:1:10: this version of Checkmill reads policies of version 1
    1 | version: 2
      |          ^
      = help: write `version: 1`

    .checkmill/config.yml:2:1: unknown key `fork` in the policy
    2 | fork: never
      | ^^^^
      = help: did you mean `forks`?

    .checkmill/config.yml:3:8: `forks` can't be `sometimes`
    3 | forks: sometimes
      |        ^^^^^^^^^
      = help: it is one of `approval` and `never`

    .checkmill/config.yml:4:10: `comment` can't be `no`
    4 | comment: no
      |          ^^
      = help: it is one of `always`, `on-failure` and `never`

    .checkmill/config.yml:5:14: `permissions` must be `read-all`, `write-all` or a mapping
    5 | permissions: all
      |              ^^^
      = help: such as `contents: read`; `{}` grants nothing

    .checkmill/config.yml:7:3: `2nd` can't be the name of a variable
    7 |   2nd: x
      |   ^^^
      = help: use letters, digits and `_`; do not begin with a digit or `GITHUB_`

    .checkmill/config.yml:8:3: `github_x` can't be the name of a variable
    8 |   github_x: y
      |   ^^^^^^^^
      = help: use letters, digits and `_`; do not begin with a digit or `GITHUB_`

    .checkmill/config.yml:9:9: `LIST` must be a text, not a list
    9 |   LIST: [a]
      |         ^

    .checkmill/config.yml:10:24: `queue-timeout-minutes` must be more than 0 and at most 7200
    10 | queue-timeout-minutes: 0
       |                        ^

    .checkmill/config.yml:11:22: `timeout-minutes-max` must be a number, not a text
    11 | timeout-minutes-max: forever
       |                      ^^^^^^^
    ");
    insta::assert_snapshot!(wrong("- forks: never"), @r"
    .checkmill/config.yml:1:1: the policy must be a mapping, not a list
    1 | - forks: never
      | ^
    ");
    insta::assert_snapshot!(wrong("forks: never\nforks: never"), @r"
    .checkmill/config.yml:2:1: the key `forks` is there twice
    2 | forks: never
      | ^^^^^
      = help: keep one of the two, or merge their contents
    ");
    insta::assert_snapshot!(wrong("timeout-minutes-max: 7201"), @r"
    .checkmill/config.yml:1:22: `timeout-minutes-max` must be more than 0 and at most 7200
    1 | timeout-minutes-max: 7201
      |                      ^^^^
    ");
}

#[test]
fn variables_have_limits() {
    let long = format!("vars:\n  A: {}\n", "x".repeat(48 * 1024 + 1));
    assert!(wrong(&long).contains("the variable `A` has more than 48 KiB"));
    let many: String = (0..501).map(|n| format!("  V{n}: x\n")).collect();
    assert!(wrong(&format!("vars:\n{many}")).contains("at most 500 variables"));
    let heavy: String = (0..5)
        .map(|n| format!("  V{n}: {}\n", "x".repeat(40 * 1024)))
        .collect();
    assert!(wrong(&format!("vars:\n{heavy}")).contains("more than 64 KiB together"));
}

#[test]
fn the_actions_that_are_allowed() {
    use checkmill_core::policy::AllowedActions;
    let actions = |text: &str| parse_policy(PATH, text).map(|policy| policy.actions);
    assert_eq!(actions("actions: all"), Ok(AllowedActions::All));
    assert_eq!(actions("actions: builtin"), Ok(AllowedActions::Builtin));
    let list = ["octo/*", "octo/tool@v1", "docker://alpine:*"];
    let only = AllowedActions::Only(list.map(str::to_owned).into());
    assert_eq!(
        actions("actions: ['octo/*', octo/tool@v1, 'docker://alpine:*']"),
        Ok(only)
    );
    insta::assert_snapshot!(actions("actions: some").unwrap_err(), @"
    .checkmill/config.yml:1:10: `actions` can't be `some`
    1 | actions: some
      |          ^^^^
      = help: it is `all`, `builtin`, or a list such as `[owner/*, owner/repository@v1]`
    ");
    insta::assert_snapshot!(actions("actions: ['*', ./own, 'o/*x', octo/tool@]").unwrap_err(), @"
    .checkmill/config.yml:1:11: `*` names no action
    1 | actions: ['*', ./own, 'o/*x', octo/tool@]
      |           ^^^
      = help: write `owner/*`, `owner/repository`, `owner/repository@ref` or `docker://image*`; a `*` stands at an end

    .checkmill/config.yml:1:16: `./own` names no action
    1 | actions: ['*', ./own, 'o/*x', octo/tool@]
      |                ^^^^^
      = help: write `owner/*`, `owner/repository`, `owner/repository@ref` or `docker://image*`; a `*` stands at an end

    .checkmill/config.yml:1:23: `o/*x` names no action
    1 | actions: ['*', ./own, 'o/*x', octo/tool@]
      |                       ^^^^^^
      = help: write `owner/*`, `owner/repository`, `owner/repository@ref` or `docker://image*`; a `*` stands at an end

    .checkmill/config.yml:1:31: `octo/tool@` names no action
    1 | actions: ['*', ./own, 'o/*x', octo/tool@]
      |                               ^^^^^^^^^^
      = help: write `owner/*`, `owner/repository`, `owner/repository@ref` or `docker://image*`; a `*` stands at an end
    ");
}

#[test]
fn retries_are_whole_and_few() {
    for wrong_count in ["11", "-1", "0.5", "often"] {
        let text = wrong(&format!("retry:\n  flaky: {wrong_count}\n"));
        assert!(
            text.contains("`flaky` must be a whole number from 0 to 10"),
            "{text}"
        );
        assert!(text.contains(".checkmill/config.yml:2:10"), "{text}");
    }
    assert!(wrong("retry: {always: 1}").contains("unknown key of `retry` `always`"));
    assert!(wrong("retry: {translated: 1}").contains("unknown key of `retry` `translated`"));
    let none = parse_policy(PATH, "retry: {infrastructure: 0, flaky: 0}").unwrap();
    assert_eq!(none.retry.total(), 0);
}

#[test]
fn what_a_model_may_do() {
    let model = |text: &str| parse_policy(PATH, text).unwrap().model;
    assert_eq!(model("{}"), ModelPolicy::NEVER);
    assert_eq!(model("model: {}"), ModelPolicy::NEVER);
    for (text, translate) in [
        ("never", TranslatePolicy::Never),
        ("review", TranslatePolicy::Review),
        ("always", TranslatePolicy::Always),
    ] {
        let model = model(&format!("model: {{translate: {text}, containers: true}}"));
        assert_eq!(
            (model.translate, model.containers, model.run_steps),
            (translate, true, false)
        );
    }
    assert!(model("model: {translate: review, run-steps: true}").run_steps);
    insta::assert_snapshot!(wrong("model:\n  translate: yes\n  containers: maybe\n  secrets: all\n"), @"
    .checkmill/config.yml:2:14: `translate` can't be `yes`
    2 |   translate: yes
      |              ^^^
      = help: it is one of `never`, `review` and `always`

    .checkmill/config.yml:3:15: `containers` must be `true` or `false`, not a text
    3 |   containers: maybe
      |               ^^^^^

    .checkmill/config.yml:4:3: unknown key of `model` `secrets` in `model`
    4 |   secrets: all
      |   ^^^^^^^
      = help: the key of `model`s here are `translate`, `containers` and `run-steps`
    ");
    insta::assert_snapshot!(wrong("model: always"), @"
    .checkmill/config.yml:1:8: `model` must be a mapping, not a text
    1 | model: always
      |        ^^^^^^
    ");
}
