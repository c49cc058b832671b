//! The command lines that make a job's own container and its services, and that run programs in them.

use super::clean::label;
use super::{is_the_engines, mount};
use crate::environment::Variables;
use std::ffi::OsString;
use std::path::PathBuf;

/// A container that runs beside or around the steps.
#[derive(Debug)]
pub struct Create<'a> {
    pub name: &'a str,
    /// Of the attempt that it belongs to.
    pub key: &'a str,
    pub network: &'a str,
    /// Its name on the network.
    pub alias: Option<&'a str>,
    /// Others on the network with their addresses: a name server of the engine's may take a moment to know them.
    pub hosts: &'a [(String, String)],
    pub image: &'a str,
    /// As the workflow has them.
    pub ports: &'a [String],
    pub volumes: Vec<String>,
    pub options: &'a [String],
    pub variables: Variables,
    pub mounts: Vec<(PathBuf, String)>,
    /// Files that are only read.
    pub read_only: Vec<(PathBuf, String)>,
    pub directory: Option<String>,
    pub entrypoint: Option<&'a str>,
    pub command: Vec<String>,
}

impl Create<'_> {
    /// The arguments of the engine, and what is added to its own environment: values that go by name only, so that no secret
    /// is on a command line that every user of the machine can read.
    #[must_use]
    pub fn command(&self) -> (Vec<OsString>, Variables) {
        let label = label(self.key);
        let mut arguments: Vec<OsString> = [
            "create",
            "--name",
            self.name,
            "--label",
            &label,
            "--network",
            self.network,
            // What it runs at the job's end has nothing to save, and podman would wait for it.
            "--stop-timeout",
            "0",
        ]
        .map(OsString::from)
        .into();
        let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        if let Some(alias) = self.alias {
            option("--network-alias", alias.into());
        }
        for (name, address) in self.hosts {
            option("--add-host", format!("{name}:{address}").into());
        }
        for port in self.ports {
            option("--publish", local(port).into());
        }
        for volume in &self.volumes {
            option("--volume", volume.into());
        }
        for (outside, inside) in &self.mounts {
            option("--mount", mount(outside, inside));
        }
        for (outside, inside) in &self.read_only {
            let mut mount = mount(outside, inside);
            mount.push(",readonly");
            option("--mount", mount);
        }
        if let Some(directory) = &self.directory {
            option("--workdir", directory.into());
        }
        arguments.extend(self.options.iter().map(OsString::from));
        let passed = variables(&mut arguments, self.variables.clone());
        if let Some(entrypoint) = self.entrypoint {
            arguments.extend(["--entrypoint".into(), entrypoint.into()]);
        }
        arguments.push(self.image.into());
        arguments.extend(self.command.iter().map(OsString::from));
        (arguments, passed)
    }
}

/// A port that only this machine reaches, unless the workflow names an address: its neighbours are not the job's own, as those
/// of a machine of GitHub's are.
fn local(port: &str) -> String {
    match port.split(':').count() {
        1 => format!("127.0.0.1::{port}"),
        2 => format!("127.0.0.1:{port}"),
        _ => port.to_owned(),
    }
}

/// Names the variables that a container gets; gives what the engine must have in its own environment for that.
pub(super) fn variables(arguments: &mut Vec<OsString>, variables: Variables) -> Variables {
    let mut passed = Variables::new();
    for (name, value) in variables {
        arguments.push("--env".into());
        if is_the_engines(&name) {
            arguments.push(format!("{name}={value}").into());
        } else {
            arguments.push(name.clone().into());
            passed.insert(name, value);
        }
    }
    passed
}

/// Says who it is, for whoever must end it, and becomes the program.
const BECOME: &str = r#"echo $$ > "$1" && shift && exec "$@""#;

/// A program in a container that runs.
#[derive(Debug)]
pub struct Exec<'a> {
    pub container: &'a str,
    pub directory: &'a str,
    pub variables: Variables,
    /// A file, as the container names it, for the process's id.
    pub pid_file: &'a str,
    pub program: &'a str,
    pub arguments: &'a [OsString],
}

impl Exec<'_> {
    /// As [`Create::command`].
    #[must_use]
    pub fn command(&self) -> (Vec<OsString>, Variables) {
        let mut arguments: Vec<OsString> = ["exec", "--workdir", self.directory].map(OsString::from).into();
        let passed = variables(&mut arguments, self.variables.clone());
        let become_it = [
            self.container,
            "sh",
            "-c",
            BECOME,
            "sh",
            self.pid_file,
            self.program,
        ];
        arguments.extend(become_it.map(OsString::from));
        arguments.extend(self.arguments.iter().cloned());
        (arguments, passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[OsString]) -> String {
        let words: Vec<_> = arguments.iter().map(|part| part.to_string_lossy()).collect();
        words.join(" ").replace(" --", "\n--")
    }

    #[test]
    fn a_service_with_everything() {
        let create = Create {
            name: "checkmill-1-db",
            key: "1-1",
            network: "checkmill-1",
            alias: Some("db"),
            hosts: &[("cache".to_owned(), "10.89.0.2".to_owned())],
            image: "docker.io/library/postgres:17",
            ports: &[
                "5432".to_owned(),
                "8080:80/tcp".to_owned(),
                "0.0.0.0:81:81".to_owned(),
            ],
            volumes: vec!["data:/data:ro".to_owned()],
            options: &["--health-cmd=pg_isready -U x".to_owned()],
            variables: [("PASSWORD", "s3cret"), ("PATH", "/x")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            mounts: vec![("/a/work".into(), "/__w".to_owned())],
            read_only: vec![("/usr/bin/node".into(), "/__e/node".to_owned())],
            directory: Some("/__w".to_owned()),
            entrypoint: Some("/run.sh"),
            command: vec!["-c".to_owned(), "fsync=off".to_owned()],
        };
        let (arguments, passed) = create.command();
        insta::assert_snapshot!(line(&arguments), @"
        create
        --name checkmill-1-db
        --label checkmill.attempt=1-1
        --network checkmill-1
        --stop-timeout 0
        --network-alias db
        --add-host cache:10.89.0.2
        --publish 127.0.0.1::5432
        --publish 127.0.0.1:8080:80/tcp
        --publish 0.0.0.0:81:81
        --volume data:/data:ro
        --mount type=bind,source=/a/work,target=/__w
        --mount type=bind,source=/usr/bin/node,target=/__e/node,readonly
        --workdir /__w
        --health-cmd=pg_isready -U x
        --env PASSWORD
        --env PATH=/x
        --entrypoint /run.sh docker.io/library/postgres:17 -c fsync=off
        ");
        assert_eq!(passed.get("PASSWORD").map(String::as_str), Some("s3cret"));
        assert!(!passed.contains_key("PATH"));
    }
}
