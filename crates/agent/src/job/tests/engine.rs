//! A real container engine, and an image of Debian's static busybox that is made here.

use crate::environment::{Variables, find_program};
use crate::testing::{World, skipped};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tar::{Builder, EntryType, Header};

/// Made for these tests, and removed after each.
pub(super) struct Engine {
    temp: tempfile::TempDir,
    name: &'static str,
    pub(super) image: String,
    variables: Variables,
}

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// What podman needs on a machine with hybrid cgroups or few rights; it is tried when the ordinary way does not work.
const MODEST: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\n[engine]\nruntime = \"runc\"\n";

/// Runs shell scripts as if they were JavaScript.
const NODE: &str = "#!/bin/sh\n[ \"$1\" = --version ] && exit\nexec sh \"$@\"\n";

impl Engine {
    /// podman; none, with a loud word, where it does not run.
    pub(super) fn start(name: &str) -> Option<Self> {
        let found = Self::try_start("podman", name);
        if let Err(why) = &found {
            skipped("an action in a container", why);
        }
        found.ok()
    }

    /// Every engine that runs here.
    pub(super) fn all(name: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for engine in ["podman", "docker"] {
            match Self::try_start(engine, name) {
                Ok(engine) => all.push(engine),
                Err(why) => skipped(&format!("a job's containers with {engine}"), &why),
            }
        }
        all
    }

    fn try_start(engine: &'static str, name: &str) -> Result<Self, String> {
        let program = |name: &str| find_program(name, PATH, Path::new("/"));
        program(engine).ok_or(format!("{engine} is not installed"))?;
        let busybox = program("busybox").ok_or("busybox is not installed")?;
        let temp = tempfile::tempdir().unwrap();
        let archive = temp.path().join("image.tar");
        pack(&busybox, &archive);
        let image = format!("localhost/checkmill-test-{name}:{}", std::process::id());
        let settings = temp.path().join("containers.conf");
        fs::write(&settings, MODEST).unwrap();
        let host = match engine {
            "docker" => std::env::var_os("DOCKER_HOST").and_then(|host| host.into_string().ok()),
            // The job is to find the other engine.
            _ => Some("unix:///nowhere/docker.sock".to_owned()),
        };
        let mut engine = Self {
            temp,
            name: engine,
            image,
            variables: host
                .into_iter()
                .map(|host| ("DOCKER_HOST".to_owned(), host))
                .collect(),
        };
        engine.call(&["import", archive.to_str().unwrap(), &engine.image])?;
        let image = engine.image.clone();
        let hello = ["run", "--rm", &image, "/bin/sh", "-c", "exit 0"];
        if engine.call(&hello).is_err() {
            let settings = settings.display().to_string();
            engine.variables.insert("CONTAINERS_CONF".to_owned(), settings);
            engine.call(&hello)?;
        }
        Ok(engine)
    }

    pub(super) fn call(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(self.name)
            .args(arguments)
            .env("PATH", PATH)
            .envs(&self.variables)
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = said.lines().last().unwrap_or_default();
            Err(format!("{} {} fails: {last}", self.name, arguments[0]))
        }
    }

    /// A job that knows this engine, and that no other test's job can be mistaken for.
    pub(super) fn world(&self, mut world: World) -> World {
        world.description["job"] = format!("{}-{}", self.test(), self.name).into();
        world.surroundings.environment.extend(self.variables.clone());
        world
            .surroundings
            .environment
            .insert("PATH".to_owned(), PATH.to_owned());
        world
    }

    fn test(&self) -> &str {
        self.image.rsplit(['/', ':']).nth(1).unwrap()
    }

    /// Puts a `node` on the machine that runs where there is a shell.
    pub(super) fn with_node(&self, mut world: World) -> World {
        let bin = self.temp.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("node"), NODE).unwrap();
        fs::set_permissions(bin.join("node"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{PATH}", bin.display());
        world.surroundings.environment.insert("PATH".to_owned(), path);
        world
    }

    /// What is left of the jobs of this test.
    pub(super) fn left(&self) -> String {
        let kinds: [&[&str]; 3] = [
            &["ps", "--all", "--format", "{{.Names}}"],
            &["network", "ls", "--format", "{{.Name}}"],
            &["volume", "ls", "--format", "{{.Name}}"],
        ];
        let listed: String = kinds.iter().map(|list| self.call(list).unwrap()).collect();
        let ours = format!("checkmill-{}-{}-", self.test(), self.name);
        let left = listed.lines().filter(|line| line.contains(&ours));
        left.collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.call(&["rmi", "--force", &self.image]);
    }
}

/// busybox with a few of its names, and a shell script for a `node`.
fn pack(busybox: &Path, archive: &Path) {
    let mut builder = Builder::new(fs::File::create(archive).unwrap());
    builder.append_path_with_name(busybox, "bin/busybox").unwrap();
    for name in ["sh", "cat", "sleep", "ls", "tail", "nc", "env", "id"] {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        builder
            .append_link(&mut header, format!("bin/{name}"), "busybox")
            .unwrap();
    }
    builder.finish().unwrap();
}
