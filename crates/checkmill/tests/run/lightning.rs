//! `.lightning/workflows`, as another bot left it in a repository.

use crate::program::Project;

/// The script judges for itself what it was given.
const LEGS: &str = r#"
name: Tests
trigger:
  push: {branches: [main]}
  pull_request:
parametrize:
  matrix:
    py-version: [3.10, 3.11]
    extra: ['']
env:
  GREETING: it's ${{ no }} expression
run: |
  test -f .lightning/workflows/legs.yml
  test "$GREETING" = "it's \${{ no }} expression"
  test "$machine $image $LIGHTNING_DEBUG" = "CPU ubuntu:22.04 1"
  test "$GITHUB_REPOSITORY_REF" = "$(git rev-parse HEAD)"
  test -n "$GITHUB_REPOSITORY_OWNER" && test -n "$GITHUB_REPOSITORY_NAME"
  test -z "${GITHUB_TOKEN:-}"
  test "$py_version" = 3.10
"#;

#[tokio::test]
async fn each_file_is_judged_by_itself() {
    let project = Project::new(&[
        (".lightning/workflows/legs.yml", LEGS),
        (
            ".lightning/workflows/image.yaml",
            "image: python:3.11\nmachine: L4\ntrigger: push\nrun: python --version\n",
        ),
        (
            ".lightning/workflows/release.yml",
            "name: Release\ntrigger: {push: {branches: ['release/*']}}\nrun: exit 1\n",
        ),
        (
            ".lightning/workflows/pulls.yml",
            "trigger: [pull_request]\nrun: exit 1\n",
        ),
        (".lightning/workflows/broken.yml", "trigger: push\nrn: make\n"),
    ]);
    // A machine without a container engine.
    let bin = project.desk().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["bash", "sh", "git"] {
        let path = ["/usr/bin", "/bin", "/usr/local/bin"]
            .map(|directory| std::path::Path::new(directory).join(name));
        let program = path.iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(program, bin.join(name)).unwrap();
    }
    let path = bin.display().to_string();
    let ended = project.checkmill_with(&[("PATH", &path)], &["run", "."]).await;
    let table = ended.table();
    let row = |name: &str| {
        let line = table.lines().find(|line| line.contains(name));
        let words = line.map(|line| line.split_whitespace().rev().take(2).collect::<Vec<_>>());
        words.map(|words| format!("{} {}", words[1], words[0]))
    };
    for (name, expected) in [
        ("legs.yml / Tests (3.10, n/a)", Some("success success")),
        ("legs.yml / Tests (3.11, n/a)", Some("failure test")),
        ("image.yaml / Lit Job ()", Some("failure configuration")),
        ("release.yml / Release [push]", Some("skipped skipped")),
        (".lightning/workflows/broken.yml", Some("failure configuration")),
        ("pulls.yml", None),
    ] {
        assert_eq!(row(name).as_deref(), expected, "{name}:\n{table}");
    }
    assert!(
        table.contains("python:3.11") && table.contains("has no containers"),
        "{table}"
    );
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn a_pull_request_is_judged_by_its_base_branch() {
    let text = "trigger: {pull_request: {branches: [main]}}\nrun: test $GITHUB_EVENT_NAME = pull_request\n";
    let project = Project::new(&[(".lightning/workflows/ci.yml", text)]);
    let ended = project.run(&["--event", "pull_request"]).await;
    assert!(ended.table().contains("ci.yml / Lit Job ()"), "{}", ended.table());
    assert_eq!(ended.code, Some(0), "{}", ended.table());
}
