//! `--backends`: jobs of one run on several backends, and `checkmill backends`, which says whether they work. The programs
//! are the agent itself and the example of the documents.

use crate::program::Project;
use std::path::PathBuf;
use std::process::Command;

const WORKFLOW: &str = r#"
name: CI
on: push
jobs:
  test:
    strategy:
      matrix:
        where: [here, yard, house]
    runs-on: ${{ matrix.where }}
    steps:
      - run: echo "ran on ${{ matrix.where }}" && echo "$CHECKMILL_ATTEMPT_DIR" > {desk}/${{ matrix.where }}
      - run: test "$(printf %s "$PEM" | wc -l)" = 2
        env:
          PEM: ${{ secrets.PEM }}
      - run: seq 1 60000
      - run: test "${{ matrix.where }}" != house
  lost:
    runs-on: [house, moon]
    steps:
      - run: echo never
"#;

/// The example of docs/backends.md.
fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/backends/house")
}

/// A file with three backends: this machine, the agent as a program, and the shell script.
fn file(project: &Project) -> String {
    format!(
        r#"
[[backend]]
name = "here"
labels = ["here"]
[backend.process]

[[backend]]
name = "yard"
labels = ["yard"]
[backend.exec]
program = "{program}"
arguments = ["agent", "backend", "--root", "{desk}/yard.d"]
pass-environment = ["TMPDIR"]

[[backend]]
name = "house"
labels = ["house"]
[backend.exec]
program = "{house}"
pass-environment = ["HOUSE_ROOT", "CHECKMILL", "TMPDIR"]
"#,
        program = env!("CARGO_BIN_EXE_checkmill"),
        house = house().display(),
        desk = project.desk().display(),
    )
}

/// Whether the shell script can run here. Where it can't, that is said and counted.
fn tools(test: &str) -> bool {
    let has = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if has("jq") && has("flock") && has("setsid") {
        return true;
    }
    if let Some(directory) = std::env::var_os("CHECKMILL_SKIPPED") {
        let path = PathBuf::from(directory).join(test);
        std::fs::write(path, format!("{test} — there is no jq, flock or setsid")).unwrap();
    }
    false
}

#[tokio::test]
async fn legs_of_a_matrix_go_where_their_labels_say_with_one_list_of_checks() {
    if !tools("legs_of_a_matrix_go_where_their_labels_say") {
        return;
    }
    let project = Project::with_workflow(WORKFLOW);
    let backends = project.desk().join("backends.toml");
    std::fs::write(&backends, file(&project)).unwrap();
    let root = project.desk().join("house.d").display().to_string();
    let variables = [
        ("HOUSE_ROOT", root.as_str()),
        ("CHECKMILL", env!("CARGO_BIN_EXE_checkmill")),
    ];
    let desk = project.desk();
    std::fs::create_dir(desk.join("secrets")).unwrap();
    std::fs::write(desk.join("secrets/local.json"), r#"{"PEM": "one\ntwo\nthree"}"#).unwrap();
    let [backends, secrets, logs] = [backends, desk.join("secrets"), desk.join("logs")];
    let [backends, secrets, logs] = [&backends, &secrets, &logs].map(|path| path.display().to_string());
    let args = [
        "run",
        ".",
        "--backends",
        &backends,
        "--secrets",
        &secrets,
        "--keep-logs",
        &logs,
    ];
    let ended = project.checkmill_with(&variables, &args).await;
    insta::assert_snapshot!(ended.table(), @r#"
    exit code 1
        CHECK              CONCLUSION  REASON
     ✗  CI / lost          failure     configuration
     ✓  CI / test (here)   success     success
     ✗  CI / test (house)  failure     test
     ✓  CI / test (yard)   success     success

    CI / lost: No backend takes runs-on [house, moon]. Configured backends: here (here), yard (yard), house (house).

    CI / test (house): Step "Run test "house" != house" failed with exit code 1

    2 passed, 2 failed
    "#);
    let attempts = |name: &str| project.mark(name).unwrap();
    assert!(attempts("yard").contains("/yard.d/"), "{}", attempts("yard"));
    assert!(!attempts("here").contains(".d/"), "{}", attempts("here"));
    // More than one argument of a program could hold.
    let mut whole = 0;
    for entry in std::fs::read_dir(desk.join("logs")).unwrap() {
        let path = entry.unwrap().path();
        let log = std::fs::read_to_string(&path).unwrap();
        whole += usize::from(path.extension().is_some_and(|kind| kind == "log") && log.contains("60000\n"));
    }
    assert_eq!(whole, 3, "each leg's log");
    // What has ended and is told is forgotten, on each of them.
    for directory in ["yard.d", "house.d"] {
        let left = std::fs::read_dir(project.desk().join(directory)).unwrap();
        assert_eq!(left.count(), 0, "{directory}");
    }
}

#[tokio::test]
async fn backends_says_of_each_whether_it_works() {
    if !tools("backends_says_of_each_whether_it_works") {
        return;
    }
    let project = Project::new(&[]);
    let backends = project.desk().join("backends.toml");
    let broken =
        "\n[[backend]]\nname = \"moon\"\nlabels = [\"*\"]\n[backend.exec]\nprogram = \"/bin/false\"\n";
    std::fs::write(&backends, file(&project) + broken).unwrap();
    let root = project.desk().join("house.d").display().to_string();
    let variables = [
        ("HOUSE_ROOT", root.as_str()),
        ("CHECKMILL", env!("CARGO_BIN_EXE_checkmill")),
        ("CHECKMILL_BACKENDS", &backends.display().to_string()),
    ];
    let ended = project.checkmill_with(&variables, &["backends"]).await;
    let said = format!("exit code {}\n{}", ended.code.unwrap_or(-1), ended.stdout);
    insta::assert_snapshot!(said, @"
    exit code 1
     BACKEND  LABELS     STATE
     here     here       ✓ 0 jobs running
     yard     yard       ✓ 0 jobs running
     house    house      ✓ 0 jobs running
     moon     any label  ✗ the backend moon refuses the job: /bin/false list: exit status: 1; it printed nothing
    ");
    let ended = project
        .checkmill_with(&variables, &["backends", "--probe", "--json"])
        .await;
    let reports: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    for report in reports.as_array().unwrap() {
        assert_eq!(report["probe_ms"].is_u64(), report["name"] != "moon", "{report}");
        assert_eq!(
            report["problem"].is_string(),
            report["name"] == "moon",
            "{report}"
        );
    }
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn a_mistake_in_the_file_is_told_where_it_is() {
    let project = Project::new(&[("backends.toml", "[[backend]]\nname = \"a\"\nlables = []\n")]);
    let ended = project
        .checkmill(&["backends", "--backends", "backends.toml"])
        .await;
    insta::assert_snapshot!(ended.refusal(&project), @"2: checkmill: backends.toml:3:1: unknown field `lables`, expected one of `name`, `labels`, `process`, `exec`, `slurm`, `firecracker`, `lightning`");
    project.write(
        ".checkmill/workflows/ci.yml",
        "on: push\njobs: {a: {runs-on: linux, steps: [{run: true}]}}\n",
    );
    let ended = project
        .checkmill(&["run", ".", "--backends", "nowhere.toml"])
        .await;
    insta::assert_snapshot!(ended.refusal(&project), @"2: checkmill: nowhere.toml can't be read: No such file or directory (os error 2)");
}

#[tokio::test]
async fn without_a_file_this_machine_is_the_backend() {
    let project = Project::new(&[]);
    let ended = project.checkmill(&["backends"]).await;
    let linux = ["x64", "arm64"].map(|name| format!("Linux on {name}"));
    assert!(
        linux.iter().any(|system| ended.stdout.contains(system)),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("✓ 0 jobs running"), "{ended:?}");
    assert_eq!(ended.code, Some(0));
}
