//! Jobs in containers, run by a real podman in an image of Debian's static busybox that is made here.

use crate::program::Project;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// What podman needs on a machine with hybrid cgroups or few rights.
const MODEST: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\n[engine]\nruntime = \"runc\"\n";

/// An image, removed at the end.
struct Image {
    name: String,
    settings: String,
}

impl Image {
    fn make(project: &Project) -> Result<Self, String> {
        let root = project.desk().join("image");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", root.join("bin/busybox"))
            .map_err(|error| format!("busybox: {error}"))?;
        for name in ["sh", "cat", "sleep", "tail", "nc"] {
            symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let settings = project.desk().join("containers.conf");
        std::fs::write(&settings, MODEST).unwrap();
        let image = Self {
            name: format!("localhost/checkmill-test-run:{}", std::process::id()),
            settings: settings.display().to_string(),
        };
        let archive = project.desk().join("image.tar").display().to_string();
        call(
            Command::new("tar")
                .arg("-C")
                .arg(&root)
                .args(["-cf", &archive, "."]),
        )?;
        image.podman(&["import", &archive, &image.name])?;
        image.podman(&["run", "--rm", &image.name, "sh", "-c", "exit 0"])?;
        Ok(image)
    }

    fn podman(&self, arguments: &[&str]) -> Result<String, String> {
        call(
            Command::new("podman")
                .args(arguments)
                .env("CONTAINERS_CONF", &self.settings),
        )
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.podman(&["rmi", "--force", &self.name]);
    }
}

fn call(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Says loudly that a test can't run here, and leaves word of it for `cargo xtask test`, which counts.
#[expect(clippy::print_stdout, reason = "a test that says why it did nothing")]
fn skipped(why: &str) {
    let what = "checkmill run with containers";
    println!("SKIPPED: {what} — {why}");
    if let Some(directory) = std::env::var_os("CHECKMILL_SKIPPED") {
        std::fs::write(
            Path::new(&directory).join("run_containers"),
            format!("{what} — {why}\n"),
        )
        .unwrap();
    }
}

const WORKFLOW: &str = "\
on: push
jobs:
  inside:
    runs-on: linux
    container: IMAGE
    services:
      web:
        image: IMAGE
        entrypoint: sh -c
        command: \"'exec nc -ll -p 8080 -e echo hello'\"
        options: --health-cmd \"nc 127.0.0.1 8080\" --health-interval 1s --health-retries 20
      none: {image: \"${{ github.event_name == 'x' && 'IMAGE' || '' }}\"}
    steps:
      - uses: actions/checkout@v4
      - run: |
          test \"$(pwd) $(cat greeting)\" = \"$GITHUB_WORKSPACE hi\"
          test \"$(nc web 8080)\" = hello
          echo \"said=$(nc ${{ 'web' }} 8080)\" >> $GITHUB_OUTPUT
        id: one
      - run: test '${{ steps.one.outputs.said }} ${{ job.services.web.id != '' }}' = 'hello true'
  refused:
    runs-on: linux
    container: {image: IMAGE, options: --privileged}
    steps:
      - run: exit 1
";

#[tokio::test]
async fn a_job_in_a_container_beside_a_service() {
    let project = Project::new(&[("greeting", "hi\n")]);
    let image = match Image::make(&project) {
        Ok(image) => image,
        Err(why) => return skipped(&why),
    };
    project.write(crate::program::CI, &WORKFLOW.replace("IMAGE", &image.name));
    project.write(
        ".lightning/workflows/box.yml",
        &format!("image: {}\nrun: exit 1\n", image.name),
    );
    let variables = [
        ("CONTAINERS_CONF", image.settings.as_str()),
        ("DOCKER_HOST", "unix:///nowhere/docker.sock"),
        ("CHECKMILL_PASS_ENV", "CONTAINERS_CONF,DOCKER_HOST"),
    ];
    let ended = project.checkmill_with(&variables, &["run", "."]).await;
    let table = ended.table();
    let row = |name: &str| {
        table
            .lines()
            .find(|line| line.contains(name))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(row("inside").contains("success"), "{table}");
    assert!(row("refused").contains("configuration"), "{table}");
    assert!(table.contains("does not allow `--privileged`"), "{table}");
    // The image has no bash.
    assert!(row("box.yml").contains("configuration"), "{table}");
    assert!(
        table.contains("shell: bash is not installed in the job's container"),
        "{table}"
    );
    let left = image
        .podman(&["ps", "--all", "--format", "{{.Names}} {{.Image}}"])
        .unwrap();
    assert!(!left.contains(&image.name), "{left}");
}
