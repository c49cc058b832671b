//! What `run` refuses before a step's program starts, `lint` has said, with the same words and the place.

use crate::program::{CI, Project};

struct Case {
    /// The job, below `build:`.
    job: &'static str,
    /// Where `lint` says it: `line:column`.
    place: &'static str,
    /// What both say.
    problem: &'static str,
}

const fn case(job: &'static str, place: &'static str, problem: &'static str) -> Case {
    Case { job, place, problem }
}

const CASES: &[Case] = &[
    case(
        "steps: [{run: dir, shell: cmd}]",
        "5:31",
        "shell: cmd is there on Windows only",
    ),
    case(
        "steps: [{run: dir, shell: powershell}]",
        "5:31",
        "shell: powershell is there on Windows only",
    ),
    case(
        "defaults: {run: {shell: cmd}}\n    steps: [{run: dir}]",
        "5:29",
        "shell: cmd is there on Windows only",
    ),
    case(
        "steps: [{run: dir, shell: '{0}'}]",
        "5:31",
        "has no program before {0}",
    ),
    case(
        "steps: [{uses: actions/cache@v4, with: {path: x}}]",
        "5:20",
        "key: it is missing or empty",
    ),
    case(
        "steps: [{uses: actions/cache/save@v4, with: {key: x}}]",
        "5:20",
        "path: it is missing or empty",
    ),
    case(
        "steps: [{uses: actions/upload-artifact@v4, with: {name: x}}]",
        "5:20",
        "path: say which files",
    ),
    case(
        "steps: [{uses: actions/upload-artifact@v4, with: {path: x, overwrite: perhaps}}]",
        "5:75",
        "overwrite: \"perhaps\" is neither true nor false",
    ),
    case(
        "steps: [{uses: actions/download-artifact@v4, with: {name: x, artifact-ids: 3}}]",
        "5:20",
        "name and artifact-ids: give one of the two",
    ),
    case(
        "steps: [{uses: actions/checkout@v4, with: {fetch-depth: all}}]",
        "5:61",
        "fetch-depth: \"all\" is not a number of commits",
    ),
    case(
        "steps: [{uses: actions/checkout@v4, with: {path: ../x}}]",
        "5:54",
        "must be relative and stay inside the workspace",
    ),
    case(
        "steps:\n      - run: |\n          cat <<'END'\n          ${{ github.event.head_commit.message }}\n          END",
        "8:11",
        "in a here-document with a quoted delimiter it can't be handed to the script safely",
    ),
    case(
        "steps:\n      - shell: perl {0}\n        run: print '${{ github.ref_name }}';",
        "7:21",
        "in this shell it can't be handed to the script safely",
    ),
    case(
        "timeout-minutes: 9\n    steps: [{run: make}]",
        "5:22",
        "`timeout-minutes` is 9, more than the 5 that the policy allows",
    ),
];

const POLICY: (&str, &str) = (".checkmill/config.yml", "timeout-minutes-max: 5\n");

fn project(job: &str) -> Project {
    let text = format!("on: push\njobs:\n  build:\n    runs-on: linux\n    {job}\n");
    Project::new(&[(CI, &text), POLICY])
}

#[tokio::test]
async fn lint_names_what_run_refuses() {
    for Case { job, place, problem } in CASES {
        let project = project(job);
        let said = project.checkmill(&["lint"]).await;
        let ran = project.run(&[]).await;
        assert_eq!(ran.code, Some(1), "run {job}:\n{}{}", ran.stdout, ran.stderr);
        assert!(
            format!("{}{}", ran.stdout, ran.stderr).contains(problem),
            "run {job}:\n{}{}",
            ran.stdout,
            ran.stderr
        );
        assert_eq!(said.code, Some(1), "lint {job}:\n{}", said.stdout);
        let found = said
            .stdout
            .lines()
            .any(|line| line.starts_with(&format!("{CI}:{place}: ")) && line.contains(problem));
        assert!(found, "lint {job}:\n{}", said.stdout);
        // GitHub would paste what two of them read, of which there is a note.
        let sum = said.stdout.lines().last();
        let sums = ["1 error in 2 files", "1 error, 1 note in 2 files"];
        assert!(
            sum.is_some_and(|sum| sums.contains(&sum)),
            "lint {job}:\n{}",
            said.stdout
        );
    }
}

/// What may never be reached, and what is known only when it runs.
#[tokio::test]
async fn what_may_not_run_is_a_warning_and_what_can_t_be_known_is_nothing() {
    let job = "steps:
      - {run: dir, shell: cmd, if: runner.os == 'Windows'}
      - {run: dir, shell: cmd, continue-on-error: true}
      - {uses: actions/cache@v4, with: {key: '${{ runner.os }}', path: '${{ vars.X }}', lookup-only: '${{ true }}'}}
      - {uses: actions/checkout@v4, with: {repository: octo/other, fetch-depth: '${{ vars.DEPTH }}'}}";
    let ended = project(job).checkmill(&["lint"]).await;
    insta::assert_snapshot!(ended.stdout, @"
    .checkmill/workflows/ci.yml:6:27: warning: where this step runs, it is refused: shell: cmd is there on Windows only
    6 |       - {run: dir, shell: cmd, if: runner.os == 'Windows'}
      |                           ^^^
      = help: use pwsh, bash, sh or python

    .checkmill/workflows/ci.yml:7:27: warning: where this step runs, it is refused: shell: cmd is there on Windows only
    7 |       - {run: dir, shell: cmd, continue-on-error: true}
      |                           ^^^
      = help: use pwsh, bash, sh or python

    2 warnings in 2 files
    ");
    assert_eq!(ended.code, Some(0));
}

/// What is wrong for GitHub too, and what several steps share.
#[tokio::test]
async fn one_mistake_is_said_once() {
    for (job, sum) in [
        (
            "steps: [{run: dir, shell: fish}, {run: dir, shell: fish}]",
            "2 errors in 2 files",
        ),
        (
            "defaults: {run: {shell: cmd}}\n    steps: [{run: dir, if: always()}, {run: dir}, {run: dir}]",
            "1 error in 2 files",
        ),
        (
            "steps: [{run: 'print(${{ github. }})', shell: python}]",
            "1 error in 2 files",
        ),
        (
            "timeout-minutes: -1\n    steps: [{run: dir}]",
            "1 error in 2 files",
        ),
    ] {
        let ended = project(job).checkmill(&["lint"]).await;
        assert_eq!(ended.stdout.lines().last(), Some(sum), "{job}:\n{}", ended.stdout);
    }
}

/// A called workflow's inputs are its callers' own words, which nothing keeps from a script.
#[tokio::test]
async fn inputs_are_refused_where_only_people_give_them() {
    let file = |on: &str| {
        format!(
            "on:\n  {on}:\n    inputs: {{count: {{type: string}}}}\njobs:\n  build:\n    runs-on: linux\n    \
             steps: [{{shell: python, run: 'print(${{{{ inputs.count }}}})'}}]\n"
        )
    };
    for (on, code) in [("workflow_dispatch", 1), ("workflow_call", 0)] {
        let project = Project::new(&[(CI, &file(on))]);
        let ended = project.checkmill(&["lint"]).await;
        assert_eq!(ended.code, Some(code), "{on}:\n{}", ended.stdout);
        let refused = ended.stdout.contains("is an input, which may hold any text");
        assert_eq!(refused, code == 1, "{on}:\n{}", ended.stdout);
    }
}

/// An environment that the policy beside the file has not; nothing where there is no policy to know by.
#[tokio::test]
async fn an_environment_that_the_policy_lacks() {
    let text = "\
on: push
jobs:
  typo: {runs-on: linux, environment: prodution, steps: [{run: make}]}
  other: {runs-on: linux, environment: {name: QA, url: x}, steps: [{run: make}]}
  case: {runs-on: linux, environment: Production, steps: [{run: make}]}
  computed: {runs-on: linux, environment: '${{ github.ref_name }}', steps: [{run: make}]}
";
    let project = Project::new(&[
        (CI, text),
        (".checkmill/config.yml", "environments: {production: }\n"),
    ]);
    let said = project.checkmill(&["lint"]).await;
    assert_eq!(said.code, Some(0), "a warning: {said:?}");
    insta::assert_snapshot!(said.stdout, @"
    .checkmill/workflows/ci.yml:3:39: warning: the policy has no environment `prodution`
    3 |   typo: {runs-on: linux, environment: prodution, steps: [{run: make}]}
      |                                       ^^^^^^^^^
      = help: did you mean `production`?

    .checkmill/workflows/ci.yml:4:47: warning: the policy has no environment `QA`
    4 |   other: {runs-on: linux, environment: {name: QA, url: x}, steps: [{run: make}]}
      |                                               ^^
      = help: name it in `environments` in `.checkmill/config.yml`

    2 warnings in 2 files
    ");
    for policy in ["", "environments: {production: [}"] {
        project.write(".checkmill/config.yml", policy);
        let said = project.checkmill(&["lint"]).await;
        assert_eq!(
            said.stdout.contains("has no environment"),
            policy.is_empty(),
            "{said:?}"
        );
    }
    let without = Project::new(&[(CI, text)]);
    let said = without.checkmill(&["lint"]).await;
    assert!(!said.stdout.contains("has no environment"), "{said:?}");
}
