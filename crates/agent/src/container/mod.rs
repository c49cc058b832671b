//! The command lines of a container engine, docker or podman, as GitHub's runner calls it: here for container actions, in
//! [`create`] for a job's own container and its services.

pub mod clean;
pub mod create;
pub mod engine;
pub mod inspect;
pub mod paths;
pub mod pull;
pub mod signal;

use self::paths::HOME;
use crate::command_files::CommandFiles;
use crate::environment::Variables;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the machine's `node` is in a job's container.
pub const NODE: &str = "/__e/node";
/// `GITHUB_WORKSPACE` in a container of an action.
pub const WORKSPACE: &str = "/github/workspace";
const TEMP: &str = "/github/runner_temp";
const FILES: &str = "/github/file_commands";
const EVENT: &str = "/github/workflow/event.json";
/// Docker's.
pub const SOCKET: &str = "/var/run/docker.sock";

/// One run of a container.
#[derive(Debug)]
pub struct Container<'a> {
    pub name: String,
    /// Of the attempt that it belongs to.
    pub key: &'a str,
    /// That of the job's containers, where it has some.
    pub network: Option<&'a str>,
    /// Those of the job's container, where it has one.
    pub volumes: Vec<String>,
    pub image: &'a str,
    pub entrypoint: Option<&'a str>,
    pub arguments: Vec<String>,
    /// Of the container alone: the machine's are not for it.
    pub variables: Variables,
    pub workspace: &'a Path,
    pub home: PathBuf,
    pub temp: PathBuf,
    pub event: PathBuf,
    pub files: &'a CommandFiles,
    /// Whether the engine is docker, whose socket GitHub passes on.
    pub socket: bool,
}

impl Container<'_> {
    /// The arguments of the engine, and what is added to its own environment: values that go by name only, so that no secret
    /// is on a command line that every user of the machine can read.
    #[must_use]
    pub fn command(&self) -> (Vec<OsString>, Variables) {
        let mut arguments: Vec<OsString> = ["run", "--rm", "--name", &self.name, "--workdir", WORKSPACE]
            .map(OsString::from)
            .into();
        arguments.extend(["--label".into(), clean::label(self.key).into()]);
        if let Some(network) = self.network {
            arguments.extend(["--network".into(), network.into()]);
        }
        let passed = create::variables(&mut arguments, self.inside());
        let files = self.files.all();
        let files = files.iter().map(|path| (*path, inside_file(path)));
        let mut mounts: Vec<(&Path, String)> = files.collect();
        mounts.extend([
            (self.workspace, WORKSPACE.to_owned()),
            (self.home.as_path(), HOME.to_owned()),
            (self.temp.as_path(), TEMP.to_owned()),
            (self.event.as_path(), EVENT.to_owned()),
        ]);
        if self.socket && Path::new(SOCKET).exists() {
            mounts.push((Path::new(SOCKET), SOCKET.to_owned()));
        }
        for (outside, inside) in mounts {
            arguments.extend(["--mount".into(), mount(outside, &inside)]);
        }
        for volume in &self.volumes {
            arguments.extend(["--volume".into(), volume.into()]);
        }
        if let Some(entrypoint) = self.entrypoint {
            arguments.extend(["--entrypoint".into(), entrypoint.into()]);
        }
        arguments.push(self.image.into());
        arguments.extend(self.arguments.iter().map(OsString::from));
        (arguments, passed)
    }

    /// The variables with the container's own paths.
    fn inside(&self) -> Variables {
        let mut variables = self.variables.clone();
        // Directories of the machine that are not in the container.
        for name in ["GITHUB_ACTION_PATH", "RUNNER_TOOL_CACHE", "PATH"] {
            variables.remove(name);
        }
        let files = self.files;
        let file = |path: &Path| inside_file(path);
        variables.extend(
            [
                ("CI", "true".to_owned()),
                ("HOME", HOME.to_owned()),
                ("GITHUB_WORKSPACE", WORKSPACE.to_owned()),
                ("GITHUB_EVENT_PATH", EVENT.to_owned()),
                ("RUNNER_TEMP", TEMP.to_owned()),
                ("RUNNER_WORKSPACE", "/github".to_owned()),
                ("GITHUB_ENV", file(&files.env)),
                ("GITHUB_OUTPUT", file(&files.output)),
                ("GITHUB_PATH", file(&files.path)),
                ("GITHUB_STATE", file(&files.state)),
                ("GITHUB_STEP_SUMMARY", file(&files.summary)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        variables
    }
}

/// The value of `--mount` for a file or directory of the machine.
fn mount(outside: &Path, inside: &str) -> OsString {
    let mut mount = OsString::from("type=bind,source=");
    mount.push(outside);
    mount.push(format!(",target={inside}"));
    mount
}

fn inside_file(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{FILES}/{name}")
}

/// A variable by which the engine's own program would be changed.
fn is_the_engines(name: &str) -> bool {
    const NAMES: [&str; 5] = ["HOME", "PATH", "TMPDIR", "USER", "GODEBUG"];
    const BEGINNINGS: [&str; 8] = [
        "BUILDAH_",
        "BUILDKIT_",
        "CONTAINER",
        "DOCKER_",
        "LD_",
        "PODMAN_",
        "REGISTRY_",
        "XDG_",
    ];
    let proxy = name.to_ascii_lowercase().ends_with("_proxy");
    proxy || NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// The image's name with its registry: what docker means by a short name, podman asks about.
#[must_use]
pub fn qualified(image: &str) -> String {
    match image.split_once('/') {
        None => format!("docker.io/library/{image}"),
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
    }
}

/// Whether the image was made on this machine; no registry has it.
#[must_use]
pub fn is_local(image: &str) -> bool {
    image.starts_with("localhost/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;

    #[test]
    fn names_of_images() {
        let table = [
            ("alpine:3", "docker.io/library/alpine:3"),
            ("octo/tool", "docker.io/octo/tool"),
            ("ghcr.io/octo/tool@sha256:0", "ghcr.io/octo/tool@sha256:0"),
            ("registry:5000/x", "registry:5000/x"),
            ("localhost/x", "localhost/x"),
        ];
        for (image, expected) in table {
            assert_eq!(qualified(image), expected);
        }
    }

    #[test]
    fn a_command_line_has_the_names_of_variables_and_not_their_values() {
        let temp = tempfile::tempdir().unwrap();
        let layout = Layout::new(temp.path(), "octo/hello");
        layout.create().unwrap();
        let files = CommandFiles::create(&layout, "3_1").unwrap();
        let variables = [
            ("INPUT_TOKEN", "s3cret"),
            ("DOCKER_HOST", "tcp://evil"),
            ("GITHUB_WORKSPACE", "/outside"),
            ("GITHUB_ACTION_PATH", "/outside"),
        ];
        let container = Container {
            name: "checkmill-1".to_owned(),
            key: "1-1",
            network: None,
            volumes: Vec::new(),
            image: "localhost/x",
            entrypoint: Some("/main.sh"),
            arguments: vec!["--flag".to_owned(), "a b".to_owned()],
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            workspace: &layout.workspace,
            home: layout.temp.join("home"),
            temp: layout.temp.join("temp"),
            event: layout.ours.join("event.json"),
            files: &files,
            socket: false,
        };
        let (arguments, passed) = container.command();
        let line = arguments
            .iter()
            .map(|part| part.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let line = line.replace(temp.path().to_str().unwrap(), "$ATTEMPT");
        insta::assert_snapshot!(line.replace(" --", "\n--"), @"
        run
        --rm
        --name checkmill-1
        --workdir /github/workspace
        --label checkmill.attempt=1-1
        --env CI
        --env DOCKER_HOST=tcp://evil
        --env GITHUB_ENV
        --env GITHUB_EVENT_PATH
        --env GITHUB_OUTPUT
        --env GITHUB_PATH
        --env GITHUB_STATE
        --env GITHUB_STEP_SUMMARY
        --env GITHUB_WORKSPACE
        --env HOME=/github/home
        --env INPUT_TOKEN
        --env RUNNER_TEMP
        --env RUNNER_WORKSPACE
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/output_3_1,target=/github/file_commands/output_3_1
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/env_3_1,target=/github/file_commands/env_3_1
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/path_3_1,target=/github/file_commands/path_3_1
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/summary_3_1,target=/github/file_commands/summary_3_1
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/state_3_1,target=/github/file_commands/state_3_1
        --mount type=bind,source=$ATTEMPT/work/hello/hello,target=/github/workspace
        --mount type=bind,source=$ATTEMPT/work/_temp/home,target=/github/home
        --mount type=bind,source=$ATTEMPT/work/_temp/temp,target=/github/runner_temp
        --mount type=bind,source=$ATTEMPT/work/_temp/_checkmill/event.json,target=/github/workflow/event.json
        --entrypoint /main.sh localhost/x
        --flag a b
        ");
        assert_eq!(passed["INPUT_TOKEN"], "s3cret");
        assert_eq!(passed["GITHUB_WORKSPACE"], WORKSPACE);
        assert!(!passed.contains_key("DOCKER_HOST") && !passed.contains_key("GITHUB_ACTION_PATH"));
    }
}
