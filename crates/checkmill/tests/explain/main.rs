//! `checkmill explain`: what each step becomes, on a machine with and without what actions need.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

use serde_json::Value;
use std::os::unix::fs::symlink;
use std::process::Command;

const POLICY: &str = ".checkmill/config.yml";
const CI: &str = ".checkmill/workflows/ci.yml";
const WORKFLOW: &str = r#"
name: CI
on: push
env: {RUST_LOG: info}
jobs:
  test:
    runs-on: [linux, x64]
    strategy: {matrix: {os: [a, b]}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: {node-version: 22, cache: npm}
      - uses: dtolnay/rust-toolchain@stable
      - uses: tools/unknown@v1
      - uses: ./actions/outer
      - uses: ./actions/none
      - uses: docker://alpine:3
      - name: Build and
          test
        if: github.ref == 'refs/heads/main'
        run: |
          cargo test
          npm ci
        env: {TOKEN: '${{ secrets.NPM_TOKEN }}', REGION: '${{ vars.REGION }}'}
      - run: Get-Item .
        shell: pwsh
  report:
    needs: test
    if: always()
    runs-on: ${{ vars.MACHINE }}
    steps:
      - uses: actions/cache@v4
        with: {key: k, path: "~/.cargo/\ntarget"}
      - run: cargo doc; curl -H "Authorization ${{ github.token }}" https://example.com
"#;
const OUTER: &str = "runs: {using: composite, steps: [{uses: ./actions/js}, {run: 'echo', shell: bash}]}";
const JS: &str = "runs: {using: node20, main: main.js}";

/// A repository, and a directory with the only programs of the machine.
struct World(tempfile::TempDir);

impl World {
    fn new(programs: &[&str]) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.write(CI, WORKFLOW);
        world.write("actions/outer/action.yml", OUTER);
        world.write("actions/js/action.yaml", JS);
        world.write("Cargo.lock", "");
        world.write("web/package-lock.json", "{}");
        world.write("node_modules/x/yarn.lock", "");
        let bin = world.0.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in programs {
            symlink("/bin/sh", bin.join(name)).unwrap();
        }
        world
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.0.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// What the command says: standard output, and its exit code with standard error where there is one.
    fn explain(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_checkmill"))
            .arg("explain")
            .args(arguments)
            .current_dir(self.0.path())
            .env("PATH", self.0.path().join("bin"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        format!("{said}{errors}[{}]", output.status.code().unwrap())
    }
}

#[test]
fn every_rule_on_a_machine_that_has_everything() {
    insta::assert_snapshot!(World::new(&["node", "podman"]).explain(&[CI]), @r#"
    CI (.checkmill/workflows/ci.yml)
    This machine has Node.js and a container engine.

    test: runs on linux, x64, once for each leg of its matrix
      1. actions/checkout@v4
         built in: actions/checkout is part of Checkmill; nothing is downloaded
      2. actions/setup-node@v4
         JavaScript: run by the `node` of the machine (as far as is known without downloading it)
      3. dtolnay/rust-toolchain@stable
         composite: its steps run in its place, as far as is known without downloading it
      4. tools/unknown@v1
         download: fetched before the first step; its action.yml at that ref says what it is
      5. ./actions/outer
         composite: its steps run in its place
         1. ./actions/js
            JavaScript: run by the `node` of the machine (node20)
         2. echo
            script: run by bash
      6. ./actions/none
         download: there is no such action in the repository now; a step before it may make or fetch it
      7. docker://alpine:3
         container: an image is run by the machine's container engine
      8. Build and test
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it
         uses of GitHub's image: cargo, npm
         if: github.ref == 'refs/heads/main'
      9. Get-Item .
         script: run by pwsh; this machine has no `pwsh` of GitHub's image, unless a step before brings it
         uses of GitHub's image: pwsh
      sets up: Node.js, Rust
      variables: REGION, RUST_LOG, TOKEN
      secrets: NPM_TOKEN
      vars: REGION
      dependencies: cargo (Cargo.lock), downloaded anew by each run; a cache would be
        - uses: actions/cache@v4
          with:
            key: cargo-${{ runner.os }}-${{ hashFiles('**/Cargo.lock') }}
            path: |
              ~/.cargo/registry
              ~/.cargo/git
              target
      dependencies: npm (web/package-lock.json), kept by actions/setup-node@v4

    report: runs on ${{ vars.MACHINE }}, after test, if always()
      1. actions/cache@v4
         built in: actions/cache is part of Checkmill; nothing is downloaded
      2. cargo doc; curl -H "Authorization ${{ github.token }}" https
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it
         uses of GitHub's image: cargo, curl
      variables: RUST_LOG
      secrets: GITHUB_TOKEN
      dependencies: cargo (Cargo.lock), kept by actions/cache@v4
    [0]
    "#);
}

#[test]
fn what_a_bare_machine_can_not_run() {
    let world = World::new(&[]);
    let said = world.explain(&[CI]);
    let of = |said: &str| {
        let about =
            |line: &&str| line.contains("this machine") || line.starts_with('[') || line.ends_with(']');
        said.lines()
            .filter(about)
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(of(&said), @"
         refused: there is no `node` on this machine (as far as is known without downloading it)
            refused: there is no `node` on this machine (node20)
         refused: there is no container engine on this machine (an image)
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it
         script: run by pwsh; this machine has no `pwsh` of GitHub's image, unless a step before brings it
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it
    [1]
    ");
    world.write(
        ".checkmill/config.yml",
        "model: {translate: review}\nactions: builtin\n",
    );
    let said = world.explain(&[CI]);
    assert!(
        said.contains("refused: the policy does not allow the action"),
        "{said}"
    );
    world.write(
        ".checkmill/config.yml",
        "model: {translate: always, containers: true}\n",
    );
    insta::assert_snapshot!(of(&world.explain(&[CI])), @"
         translated: there is no `node` on this machine (as far as is known without downloading it); a language model may write a script (`model: translate: always`)
            translated: there is no `node` on this machine (node20); a language model may write a script (`model: translate: always`)
         translated: there is no container engine on this machine (an image); a language model may write a script (`model: translate: always`)
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it, and the policy has no `run-steps: true` of `model`
         script: run by pwsh; this machine has no `pwsh` of GitHub's image, unless a step before brings it, and the policy has no `run-steps: true` of `model`
         script: run by bash, else sh; this machine has no `cargo` of GitHub's image, unless a step before brings it, and the policy has no `run-steps: true` of `model`
    [0]
    ");
}

#[test]
fn scripts_that_assume_githubs_image() {
    const STEPS: &str = "
on: push
jobs:
  a:
    runs-on: x
    steps:
      - run: jq . x
      - run: command -v jq && jq . x
      - run: ls \"$CONDA\"
      - run: echo jq
      - run: print(1)
        shell: python
  b:
    runs-on: x
    container: alpine
    steps: [{run: jq . x}]
";
    let world = World::new(&["podman", "python3"]);
    world.write("w.yml", STEPS);
    world.write(POLICY, "model: {translate: review, run-steps: true}\n");
    insta::assert_snapshot!(world.explain(&["w.yml"]), @r#"
    w.yml (w.yml)
    This machine has no Node.js and a container engine.

    a: runs on x
      1. jq . x
         translated: run by bash, else sh; this machine has no `jq` of GitHub's image, unless a step before brings it; a language model may write a script, which somebody has to accept (`model: translate: review`)
         uses of GitHub's image: jq
      2. command -v jq && jq . x
         script: run by bash, else sh
         uses of GitHub's image: jq
      3. ls "$CONDA"
         script: run by bash, else sh
      4. echo jq
         script: run by bash, else sh
      5. print(1)
         script: run by python
         uses of GitHub's image: python

    b: runs on x, in alpine
      1. jq . x
         script: run by sh
         uses of GitHub's image: jq
    [0]
    "#);
}

#[test]
fn a_job_that_calls_a_workflow() {
    let world = World::new(&[]);
    world.write(
        "w.yml",
        "on: push\njobs: {a: {uses: ./.checkmill/workflows/ci.yml}}\n",
    );
    insta::assert_snapshot!(world.explain(&["w.yml"]), @"
    w.yml (w.yml)
    This machine has no Node.js and no container engine.

    a: calls ./.checkmill/workflows/ci.yml
    [0]
    ");
}

#[test]
fn for_programs() {
    let world = World::new(&["node"]);
    let said = world.explain(&[CI, "--json"]);
    let json: Value = serde_json::from_str(said.strip_suffix("[1]").unwrap()).unwrap();
    assert_eq!(json["file"], CI);
    assert_eq!(
        json["machine"],
        serde_json::json!({"node": true, "containers": false})
    );
    let steps: Vec<&str> = json["jobs"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["rule"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "built_in",
            "javascript",
            "composite",
            "download",
            "composite",
            "download",
            "refused",
            "script",
            "script"
        ]
    );
    assert_eq!(
        json["jobs"][0]["dependencies"][1]["cached_by"],
        "actions/setup-node@v4"
    );
    assert_eq!(json["jobs"][0]["secrets"], serde_json::json!(["NPM_TOKEN"]));
}

#[test]
fn any_file_by_its_path_and_what_is_wrong() {
    let world = World::new(&[]);
    world.write(
        "elsewhere.yml",
        "on: push\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}\n",
    );
    assert!(
        world
            .explain(&["elsewhere.yml"])
            .starts_with("elsewhere.yml (elsewhere.yml)\n")
    );
    world.write(".lightning/workflows/job.yml", "run: make\nimage: python:3.11\n");
    let said = world.explain(&[".lightning/workflows/job.yml"]);
    assert!(said.contains("runs on CPU, in python:3.11"), "{said}");
    insta::assert_snapshot!(world.explain(&["none.yml"]), @"
    checkmill: none.yml can't be read: No such file or directory (os error 2)
    [2]
    ");
    world.write("broken.yml", "on: push\njobs: {a: {runs-on: x, stepps: []}}\n");
    insta::assert_snapshot!(world.explain(&["broken.yml"]), @"
    broken.yml:2:8: the job `a` has no `steps`
    2 | jobs: {a: {runs-on: x, stepps: []}}
      |        ^
      = help: a job needs at least one step, such as `- run: make test`

    broken.yml:2:24: unknown key `stepps` in the job `a`
    2 | jobs: {a: {runs-on: x, stepps: []}}
      |                        ^^^^^^
      = help: did you mean `steps`?
    [1]
    ");
    world.write(".checkmill/config.yml", "model: maybe\n");
    insta::assert_snapshot!(world.explain(&[CI]), @"
    checkmill: The policy is broken.
    .checkmill/config.yml:1:8: `model` must be a mapping, not a text
    1 | model: maybe
      |        ^^^^^
    [2]
    ");
    assert!(
        world
            .explain(&["."])
            .contains("is no file. Name a workflow file.")
    );
}

#[test]
fn containers_want_an_engine() {
    let text = "\
on: push
jobs:
  test:
    runs-on: linux
    container: node:22
    services: {db: postgres, cache: redis}
    steps:
      - run: make
";
    let said = |programs: &[&str]| {
        let world = World::new(programs);
        world.write(".checkmill/workflows/boxes.yml", text);
        world.explain(&[".checkmill/workflows/boxes.yml"])
    };
    let with = said(&["docker"]);
    assert!(
        with.contains(
            "\ntest: runs on linux, in node:22, beside db, cache\n  1. make\n     script: run by sh\n"
        ),
        "{with}"
    );
    let without = said(&[]);
    assert!(
        without.contains(
            "\n  refused: it runs in a container, and there is no container engine on this machine\n"
        ) && without.ends_with("[1]"),
        "{without}"
    );
}
